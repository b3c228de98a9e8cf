"""The other end of the control API, for tests, the demo and benches: synchronous and typed."""

from collections.abc import Iterable
from typing import Final

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tools.line_double.control import (
    ClosingOrder,
    FaultsOrder,
    FollowerRulesOrder,
    FollowersOrder,
    ForeignOrder,
    FriendsOrder,
    LatencyOrder,
    LimitsOrder,
    OutageOrder,
    QuotaOrder,
    SendRulesOrder,
    StormOrder,
    TokenOrder,
)
from tools.line_double.faults import Faults, OutageMode
from tools.line_double.followers import ID_BYTES, FollowerRules
from tools.line_double.sends import Delivery, SendRules

_MOST_IDS: Final = 400_000
"""In one order, whose body may have 8 MiB."""

_DELIVERIES = TypeAdapter(dict[str, list[Delivery]])
_DIGESTS = TypeAdapter(dict[str, list[str]])


class EndpointReport(BaseModel):
    """What one channel was asked on one endpoint; times in seconds since the epoch.

    ``statuses`` counts by status ("200", "404", ...) or by "cut", "cut_connection",
    "never_answer" and "lost_answer".
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    calls: int
    peak_per_s: int
    statuses: dict[str, int]
    first_s: float | None
    last_s: float | None


class TotalReport(EndpointReport):
    """The same over all channels, with the rate from first to last arrival and the double's own CPU time."""

    calls_per_s: float
    cpu_s: float


class SendsReport(BaseModel):
    """What one channel accepted for sending.

    Attributes:
        requests: accepted ones by endpoint.
        recipients: different people among them, whether it reached them or not.
        deliveries: texts for people, likewise.
        dropped: texts that were counted but not kept (sends.DELIVERIES_KEPT).
        limit, used: the month's quota and its consumption, in recipients reached; these outlive ``clear_record``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    requests: dict[str, int]
    recipients: int
    deliveries: int
    dropped: int
    limit: int | None
    used: int


class Report(BaseModel):
    """``GET /_double/report``: by tenant and endpoint, and in total, since the record was last cleared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[str, dict[str, EndpointReport]]
    sends: dict[str, SendsReport]
    totals: TotalReport


class DoubleControl:
    """Talks to a running double.

    Every method raises httpx.HTTPError when the double is not there, and pydantic.ValidationError, before anything is
    sent, for values that cannot be.
    """

    def __init__(self, base_url: str, timeout_s: float = 10.0) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False)

    def close(self) -> None:
        """Close the connection to the double."""
        self._http.close()

    def _ask(self, method: str, name: str, order: BaseModel | None = None) -> httpx.Response:
        content = None if order is None else order.model_dump_json()
        answer = self._http.request(method, f"/_double/{name}", content=content)
        answer.raise_for_status()
        return answer

    def is_healthy(self) -> bool:
        """Whether the double answers; it raises when it does not."""
        return bool(self._ask("GET", "health").json()["ok"])

    def report(self) -> Report:
        """All counts since the record was last cleared."""
        return Report.model_validate_json(self._ask("GET", "report").content)

    def reset(self) -> None:
        """Make the double as it was at its start, record included."""
        self._ask("POST", "reset")

    def clear_record(self) -> None:
        """Forget the record only, deliveries included.

        Faults, limits, friends, the levels of the buckets, the accepted retry keys and the used quota stay.
        """
        self._ask("POST", "clear-record")

    def set_faults(self, faults: Faults, tenant_id: str | None = None) -> None:
        """Replace the faults of one tenant's channel, or of all; ``Faults()`` ends them."""
        self._ask("PUT", "faults", FaultsOrder(faults=faults, tenant_id=tenant_id))

    def set_storm(self, duration_s: float, tenant_id: str | None = None) -> None:
        """Answer every call with 429 for so long from now; 0 ends it."""
        self._ask("PUT", "storm", StormOrder(duration_s=duration_s, tenant_id=tenant_id))

    def set_outage(
        self, duration_s: float, mode: OutageMode = OutageMode.UNAVAILABLE, tenant_id: str | None = None
    ) -> None:
        """Answer every call with 503, or none at all, for so long from now; 0 ends it."""
        self._ask("PUT", "outage", OutageOrder(duration_s=duration_s, mode=mode, tenant_id=tenant_id))

    def set_latency(self, latency_ms: float, jitter_ms: float = 0.0) -> None:
        """Answer after latency ± jitter from now on."""
        self._ask("PUT", "latency", LatencyOrder(latency_ms=latency_ms, jitter_ms=jitter_ms))

    def set_limits(
        self, limit_per_s: int, bucket: int, tenant_id: str | None = None, endpoint: str | None = None
    ) -> None:
        """Set the rate limit and the bucket's capacity (calls); the narrowest setting holds, buckets start full."""
        order = LimitsOrder(limit_per_s=limit_per_s, bucket=bucket, tenant_id=tenant_id, endpoint=endpoint)
        self._ask("PUT", "limits", order)

    def set_friends(self, tenant_id: str, friends: dict[str, bool | None]) -> None:
        """Override the truth for LINE user ids of a channel; None gives an id back to the rule."""
        self._ask("PUT", "friends", FriendsOrder(tenant_id=tenant_id, friends=friends))

    def set_token(self, token: str, *, revoked: bool) -> None:
        """Revoke a channel access token, or take that back."""
        self._ask("PUT", "token", TokenOrder(token=token, revoked=revoked))

    def set_closing(self, *, close_on_4xx: bool) -> None:
        """Whether HTTP/1.1 connections are closed after a 4xx."""
        self._ask("PUT", "closing", ClosingOrder(close_on_4xx=close_on_4xx))

    def set_send_rules(self, rules: SendRules) -> None:
        """Replace the rules by which all channels send; ``SendRules()`` brings the usual ones back."""
        self._ask("PUT", "send-rules", SendRulesOrder(rules=rules))

    def set_quota(self, tenant_id: str, limit: int | None, used: int = 0) -> None:
        """Set a channel's quota of this month and how much of it is used, in recipients; None means no limit."""
        self._ask("PUT", "quota", QuotaOrder(tenant_id=tenant_id, limit=limit, used=used))

    def set_foreign(self, tenant_id: str, line_user_ids: frozenset[str]) -> None:
        """Replace the LINE user ids that do not exist for a channel."""
        self._ask("PUT", "foreign", ForeignOrder(tenant_id=tenant_id, line_user_ids=line_user_ids))

    def set_followers(self, tenant_id: str, *, verified: bool, strangers: int = 0) -> None:
        """Say whether a channel's account is verified, and how many people unknown to MySQL its list names."""
        self._ask("PUT", "followers", FollowersOrder(tenant_id=tenant_id, verified=verified, strangers=strangers))

    def set_follower_rules(self, rules: FollowerRules, tenant_id: str | None = None) -> None:
        """Replace the rules of a channel's list, or of all; ``FollowerRules()`` brings the usual ones back."""
        self._ask("PUT", "follower-rules", FollowerRulesOrder(rules=rules, tenant_id=tenant_id))

    def add_follower_ids(self, tenant_id: str, line_user_ids: Iterable[str]) -> None:
        """Tell a channel's list of people, in its order; those of them are named who are friends by the truth."""
        packed = b"".join(bytes.fromhex(line_user_id[1:]) for line_user_id in line_user_ids)
        for first in range(0, len(packed), _MOST_IDS * ID_BYTES):
            part = packed[first : first + _MOST_IDS * ID_BYTES]
            self._http.post(f"/_double/follower-ids/{tenant_id}", content=part).raise_for_status()

    def deliveries(self, tenant_id: str) -> dict[str, list[Delivery]]:
        """All that the channel accepted, by LINE user id, in the order of acceptance."""
        return _DELIVERIES.validate_json(self._ask("GET", f"deliveries/{tenant_id}").content)

    def digests(self, tenant_id: str) -> dict[str, list[str]]:
        """The compact form, for 100,000s of recipients: who got which text how often, by ``sends.text_digest``."""
        return _DIGESTS.validate_json(self._ask("GET", f"digests/{tenant_id}").content)
