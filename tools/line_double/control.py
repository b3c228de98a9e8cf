"""The control API under ``/_double/``: what tests, the demo and benches tell the double while it runs."""

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tools.line_double.answers import Answer
from tools.line_double.double import LineDouble
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.followers import ID_BYTES, FollowerRules
from tools.line_double.request import Request
from tools.line_double.sends import SendRules

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX: Final = "/_double/"

Seconds = Annotated[float, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)]


class _Order(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FaultsOrder(_Order):
    """Replace the faults of a tenant's channel, or of all."""

    faults: Faults
    tenant_id: str | None = None


class StormOrder(_Order):
    """Answer 429 to every call for so long."""

    duration_s: Seconds
    tenant_id: str | None = None


class OutageOrder(_Order):
    """Answer 503 to every call, or nothing, for so long."""

    duration_s: Seconds
    mode: OutageMode = OutageMode.UNAVAILABLE
    tenant_id: str | None = None


class LatencyOrder(_Order):
    """Answer after latency ± jitter, uniformly spread."""

    latency_ms: Milliseconds
    jitter_ms: Milliseconds = 0.0


class LimitsOrder(_Order):
    """Set the token bucket of a channel, an endpoint, both, or everything."""

    limit_per_s: Annotated[int, Field(ge=0)]
    bucket: Annotated[int, Field(ge=1)]
    tenant_id: str | None = None
    endpoint: str | None = None


class FriendsOrder(_Order):
    """Override the truth for LINE user ids of a channel; None gives an id back to the rule."""

    tenant_id: str
    friends: dict[str, bool | None]


class TokenOrder(_Order):
    """Revoke a token, or take that back."""

    token: str
    revoked: bool = True


class ClosingOrder(_Order):
    """Whether HTTP/1.1 connections are closed after a 4xx, as has been seen of LINE."""

    close_on_4xx: bool


class SendRulesOrder(_Order):
    """Replace the rules by which all channels send."""

    rules: SendRules


class QuotaOrder(_Order):
    """Set a channel's quota of this month, in recipients, and how much of it is used; None means no limit."""

    tenant_id: str
    limit: Annotated[int, Field(ge=0)] | None
    used: Annotated[int, Field(ge=0)] = 0


class ForeignOrder(_Order):
    """Replace the LINE user ids that do not exist for a channel (those of another provider's channels, say)."""

    tenant_id: str
    line_user_ids: frozenset[str]


class FollowersOrder(_Order):
    """Whether a channel's account is verified, and how many people of whom nobody was told its list names."""

    tenant_id: str
    verified: bool
    strangers: Annotated[int, Field(ge=0)] = 0


class FollowerRulesOrder(_Order):
    """Replace the rules by which a channel, or all, list their followers."""

    rules: FollowerRules
    tenant_id: str | None = None


class Control:
    """Carries out orders on a double."""

    def __init__(self, double: LineDouble) -> None:
        self._double = double
        self._routes: dict[tuple[str, str], Callable[[bytes], object]] = {
            ("GET", "health"): lambda _: {"ok": True},
            ("GET", "report"): lambda _: double.report(),
            ("POST", "reset"): lambda _: double.reset(),
            ("POST", "clear-record"): lambda _: double.clear_record(),
            ("PUT", "faults"): self._set_faults,
            ("PUT", "storm"): self._set_storm,
            ("PUT", "outage"): self._set_outage,
            ("PUT", "latency"): self._set_latency,
            ("PUT", "limits"): self._set_limits,
            ("PUT", "friends"): self._set_friends,
            ("PUT", "token"): self._set_token,
            ("PUT", "closing"): self._set_closing,
            ("PUT", "send-rules"): self._set_send_rules,
            ("PUT", "quota"): self._set_quota,
            ("PUT", "foreign"): self._set_foreign,
            ("PUT", "followers"): self._set_followers,
            ("PUT", "follower-rules"): self._set_follower_rules,
        }
        self._of_tenant: dict[str, Callable[[str], object]] = {
            "deliveries": lambda tenant_id: double.channel(tenant_id).sends.mailboxes,
            "digests": lambda tenant_id: double.channel(tenant_id).sends.digests(),
        }

    def answer(self, request: Request) -> Answer:
        """200 with JSON; 400 for an order that does not fit its form, with the reasons; 404 for an unknown one."""
        name, _, tenant_id = request.path[len(PREFIX) :].partition("/")
        if request.method == "GET" and tenant_id and name in self._of_tenant:
            return Answer.of_json(200, self._of_tenant[name](tenant_id))
        if (request.method, name) == ("POST", "follower-ids") and tenant_id:
            return self._add_follower_ids(tenant_id, request.body)
        carry_out = None if tenant_id else self._routes.get((request.method, name))
        if carry_out is None:
            return Answer.of_message(404, "The double's control API has no such order")
        try:
            return Answer.of_json(200, carry_out(request.body))
        except ValidationError as error:
            return Answer(400, error.json(include_url=False).encode())

    def _set_faults(self, body: bytes) -> None:
        order = FaultsOrder.model_validate_json(body)
        self._double.set_faults(order.faults, order.tenant_id)

    def _set_storm(self, body: bytes) -> None:
        order = StormOrder.model_validate_json(body)
        self._double.set_storm(order.duration_s, order.tenant_id)

    def _set_outage(self, body: bytes) -> None:
        order = OutageOrder.model_validate_json(body)
        self._double.set_outage(order.duration_s, order.mode, order.tenant_id)

    def _set_latency(self, body: bytes) -> None:
        order = LatencyOrder.model_validate_json(body)
        self._double.latency_ms = order.latency_ms
        self._double.jitter_ms = order.jitter_ms

    def _set_limits(self, body: bytes) -> None:
        order = LimitsOrder.model_validate_json(body)
        self._double.set_limits(order.limit_per_s, order.bucket, order.tenant_id, order.endpoint)

    def _set_friends(self, body: bytes) -> None:
        order = FriendsOrder.model_validate_json(body)
        friends = self._double.channel(order.tenant_id).friends
        for line_user_id, is_friend in order.friends.items():
            if is_friend is None:
                friends.pop(line_user_id, None)
            else:
                friends[line_user_id] = is_friend

    def _set_token(self, body: bytes) -> None:
        order = TokenOrder.model_validate_json(body)
        self._double.set_token(order.token, revoked=order.revoked)

    def _set_closing(self, body: bytes) -> None:
        self._double.close_on_4xx = ClosingOrder.model_validate_json(body).close_on_4xx

    def _set_send_rules(self, body: bytes) -> None:
        self._double.set_send_rules(SendRulesOrder.model_validate_json(body).rules)

    def _set_quota(self, body: bytes) -> None:
        order = QuotaOrder.model_validate_json(body)
        sends = self._double.channel(order.tenant_id).sends
        sends.limit, sends.used = order.limit, order.used

    def _set_foreign(self, body: bytes) -> None:
        order = ForeignOrder.model_validate_json(body)
        self._double.channel(order.tenant_id).sends.foreign = order.line_user_ids

    def _set_followers(self, body: bytes) -> None:
        order = FollowersOrder.model_validate_json(body)
        followers = self._double.channel(order.tenant_id).followers
        followers.is_verified, followers.strangers = order.verified, order.strangers

    def _set_follower_rules(self, body: bytes) -> None:
        order = FollowerRulesOrder.model_validate_json(body)
        self._double.set_follower_rules(order.rules, order.tenant_id)

    def _add_follower_ids(self, tenant_id: str, packed: bytes) -> Answer:
        """Not as JSON: 2,000,000 ids are 32 MB so, and would be 72."""
        if len(packed) % ID_BYTES:
            return Answer.of_message(400, f"Ids are {ID_BYTES} bytes each")
        known = self._double.channel(tenant_id).followers.known
        known += packed
        return Answer.of_json(200, len(known) // ID_BYTES)
