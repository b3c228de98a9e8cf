"""LINE's Messaging API, as far as the round needs it: whether an account can read a person's profile."""

from collections.abc import Callable

from yomawari.adapters.curl import NO_ANSWER, CurlEngine
from yomawari.domain.outcomes import Answer, Unknown, profile_answer


class LineProfiles:
    """Asks `GET /v2/bot/profile/{userId}`.

    No X-Line-Retry-Key: LINE answers 400 to one on a GET, and a GET is safe to repeat without.
    """

    def __init__(self, engine: CurlEngine, base_url: str) -> None:
        self._engine = engine
        self._url = f"{base_url}/v2/bot/profile/"
        self._headers: dict[str, list[str]] = {}

    def ask(self, token: str, line_user_id: str, answered: Callable[[Answer], None]) -> None:
        """Ask about one person; `answered` hears what LINE said. Nothing is raised for LINE's sake."""
        headers = self._headers.get(token)
        if headers is None:
            headers = self._headers[token] = [f"Authorization: Bearer {token}", "Accept: application/json"]

        def done(status: int, body: bytes) -> None:
            answered(Unknown(f"no answer: {body.decode()}") if status == NO_ANSWER else profile_answer(status, body))

        self._engine.get(self._url + line_user_id, headers, done)
