"""Tokens in memory, for the dispatcher (names) and for the workers (tokens)."""

from yomawari.usecases.ports import Unavailable


class TokensFake:
    """Holds tokens by tenant; `forgotten` lists whose token was refused, `is_away` makes every question fail."""

    def __init__(self, tokens: dict[int, str] | None = None) -> None:
        self.tokens = dict(tokens or {})
        self.forgotten: list[int] = []
        self.is_away = False

    def tenants_with_token(self) -> set[int]:
        """The ids of the tenants that have one."""
        self._answer()
        return set(self.tokens)

    async def token(self, tenant_id: int) -> str | None:
        """The tenant's token, None when it has none."""
        self._answer()
        return self.tokens.get(tenant_id)

    def forget(self, tenant_id: int) -> None:
        """Note it."""
        self.forgotten.append(tenant_id)

    def _answer(self) -> None:
        if self.is_away:
            raise Unavailable("SSM: the fake is away")
