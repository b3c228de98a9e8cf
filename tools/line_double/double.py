"""The double itself: what LINE would answer to a request, and what it has been asked so far."""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.app import ENDPOINTS, endpoint_for
from tools.line_double.app.endpoint import Endpoint
from tools.line_double.arrivals import Arrivals
from tools.line_double.buckets import TokenBucket
from tools.line_double.channels import Channel, Lane, Troubles
from tools.line_double.faults import Fault, Faults, OutageMode
from tools.line_double.followers import FollowerRules
from tools.line_double.options import Options
from tools.line_double.request import Request
from tools.line_double.request_ids import RequestIds
from tools.line_double.sends import SendRules, Sends
from tools.line_double.truth import tenant_of_token
from tools.line_double.wheel import now_us

STRANGERS = "unknown"
"""The tenant under which calls with a token of nobody, or a revoked one, are recorded."""

_STRUCK = {
    Fault.SERVER_ERROR: answers.SERVER_ERROR,
    Fault.CUT: answers.CUT,
    Fault.CUT_CONNECTION: answers.CUT_CONNECTION,
    Fault.NEVER_ANSWER: answers.NEVER,
    Fault.HTML_400: answers.HTML_400,
    Fault.HTML_200: answers.HTML_200,
    Fault.LOST_ANSWER: answers.LOST,
}


class LineDouble:
    """All channels, their faults and limits, and the record of every call."""

    def __init__(self, options: Options, clock: Callable[[], int] = now_us) -> None:
        self._options = options
        self._clock = clock
        self.request_ids = RequestIds(options.seed)
        self.reset()

    def reset(self) -> None:
        """Be as new: the options given at the start, no overrides, no revoked tokens, full buckets, an empty record."""
        options = self._options
        self.latency_ms = options.latency_ms
        self.jitter_ms = options.jitter_ms
        self.close_on_4xx = options.close_on_4xx
        self._limits: dict[tuple[str | None, str | None], tuple[int, int]] = {}
        self._channels: dict[str, Channel] = {}
        self._channel_by_token: dict[str, Channel] = {}
        self._revoked: set[str] = set()
        self._send_rules = SendRules()
        self._follower_rules = FollowerRules()
        faults = Faults(server_error_share=options.error_share, cut_share=options.cut_share)
        self._common = Troubles(faults, str(options.seed))
        self.clear_record()

    def clear_record(self) -> None:
        """Forget every call, and count the process's own time from here; faults, limits and friends stay."""
        self._total = Arrivals()
        self._cpu_from_s = time.process_time()
        for channel in self._channels.values():
            channel.sends.clear_record()
            for lane in channel.lanes.values():
                lane.arrivals = Arrivals()

    def answer(self, request: Request) -> Answer:
        """LINE's answer to the request, recorded as an arrival of its channel and endpoint."""
        token = request.headers.token
        channel = self._channel_by_token.get(token)
        if channel is None:
            channel = self._meet(token)
        endpoint = endpoint_for(request.method, request.path)
        name = "unknown" if endpoint is None else endpoint.name
        lane = channel.lanes.get(name)
        if lane is None:
            lane = channel.lanes[name] = Lane(self._bucket(channel, endpoint, request.arrived_us))
        trouble = self._trouble(request, channel)
        if trouble is None:
            answer = self._judge(request, channel, endpoint, lane)
        else:
            answer = trouble
            if trouble is answers.LOST:
                self._judge(request, channel, endpoint, lane)
        lane.arrivals.add(request.arrived_us, answer.outcome)
        self._total.add(request.arrived_us, answer.outcome)
        return answer

    @staticmethod
    def _trouble(request: Request, channel: Channel) -> Answer | None:
        """What goes wrong before LINE itself looks at the call."""
        troubles = channel.troubles
        if troubles.outage_until_us > request.arrived_us:
            return answers.NEVER if troubles.silent else answers.UNAVAILABLE
        fault = troubles.strike()
        return None if fault is None else _STRUCK[fault]

    def _judge(self, request: Request, channel: Channel, endpoint: Endpoint | None, lane: Lane) -> Answer:
        troubles = channel.troubles
        if endpoint is None:
            return answers.NOT_FOUND
        if channel.tenant_id == STRANGERS or troubles.faults.unauthorized:
            return answers.UNAUTHORIZED
        if troubles.faults.forbidden:
            return answers.FORBIDDEN
        if troubles.storm_until_us > request.arrived_us or not lane.bucket.take(request.arrived_us):
            return answers.RATE_LIMITED
        if request.headers.retry_key is not None and not endpoint.takes_retry_key:
            return answers.RETRY_KEY_REFUSED
        return endpoint.answer(request, channel, self.request_ids)

    def _meet(self, token: str) -> Channel:
        tenant_id = None if token in self._revoked else tenant_of_token(token)
        channel = self.channel(STRANGERS if tenant_id is None else tenant_id)
        if tenant_id is not None:  # a stranger's token is not kept: there is no end to them
            self._channel_by_token[token] = channel
        return channel

    def channel(self, tenant_id: str) -> Channel:
        """The channel of a tenant, which begins to exist with this if it was never met."""
        channel = self._channels.get(tenant_id)
        if channel is None:
            troubles = Troubles(self._common.faults, f"{self._options.seed}:{tenant_id}")
            troubles.storm_until_us = self._common.storm_until_us
            troubles.outage_until_us = self._common.outage_until_us
            troubles.silent = self._common.silent
            sends = Sends(self._send_rules)
            channel = Channel(tenant_id, self._options.seed, self._options.friend_share, troubles, sends)
            channel.followers.is_verified = tenant_id in self._options.verified.split(",")
            channel.followers.replace(self._follower_rules)
            self._channels[tenant_id] = channel
        return channel

    def _bucket(self, channel: Channel, endpoint: Endpoint | None, at_us: int) -> TokenBucket:
        name = "unknown" if endpoint is None else endpoint.name
        share = 1.0 if endpoint is None else endpoint.limit_share
        usual = (int(self._options.limit_per_s * share), max(1, int(self._options.bucket * share)))
        scopes = ((channel.tenant_id, name), (channel.tenant_id, None), (None, name), (None, None))
        limit_per_s, capacity = next((self._limits[scope] for scope in scopes if scope in self._limits), usual)
        return TokenBucket(limit_per_s, capacity, at_us)

    def set_limits(self, limit_per_s: int, bucket: int, tenant_id: str | None, endpoint: str | None) -> None:
        """Set the limit of a channel, an endpoint, both, or everything; the narrowest one holds. Buckets start full."""
        self._limits[tenant_id, endpoint] = (limit_per_s, bucket)
        for channel in self._channels.values():
            for name, lane in channel.lanes.items():
                known = next((one for one in ENDPOINTS if one.name == name), None)
                lane.bucket = self._bucket(channel, known, self._clock())

    def _troubles_of(self, tenant_id: str | None) -> list[Troubles]:
        if tenant_id is not None:
            return [self.channel(tenant_id).troubles]
        return [self._common, *(channel.troubles for channel in self._channels.values())]

    def set_faults(self, faults: Faults, tenant_id: str | None) -> None:
        """Replace the faults of one channel, or of all, known and not yet known."""
        for troubles in self._troubles_of(tenant_id):
            troubles.replace(faults)

    def set_storm(self, duration_s: float, tenant_id: str | None) -> None:
        """Answer every call with 429 for so long from now; 0 ends it."""
        for troubles in self._troubles_of(tenant_id):
            troubles.storm_until_us = self._clock() + int(duration_s * 1_000_000)

    def set_outage(self, duration_s: float, mode: OutageMode, tenant_id: str | None) -> None:
        """Answer every call with 503, or none at all, for so long from now; 0 ends it."""
        for troubles in self._troubles_of(tenant_id):
            troubles.outage_until_us = self._clock() + int(duration_s * 1_000_000)
            troubles.silent = mode is OutageMode.SILENT

    def set_send_rules(self, rules: SendRules) -> None:
        """Have every channel, known and not yet known, send by these rules."""
        self._send_rules = rules
        for channel in self._channels.values():
            channel.sends.rules = rules

    def set_follower_rules(self, rules: FollowerRules, tenant_id: str | None) -> None:
        """Have one channel, or every one, known and not yet known, list its followers by these rules."""
        if tenant_id is not None:
            self.channel(tenant_id).followers.replace(rules)
            return
        self._follower_rules = rules
        for channel in self._channels.values():
            channel.followers.replace(rules)

    def set_token(self, token: str, *, revoked: bool) -> None:
        """Revoke a token, or take that back."""
        self._channel_by_token.pop(token, None)
        (self._revoked.add if revoked else self._revoked.discard)(token)

    def report(self) -> dict[str, Any]:
        """All counts since the record was last cleared; see ``control_client.Report`` for its shape."""
        offset_us = time.time_ns() // 1_000 - self._clock()
        total = self._total.tally(offset_us)
        span_s = (total.last_s or 0.0) - (total.first_s or 0.0)
        return {
            "channels": {
                channel.tenant_id: {
                    name: asdict(lane.arrivals.tally(offset_us)) for name, lane in channel.lanes.items()
                }
                for channel in self._channels.values()
                if channel.lanes
            },
            "sends": {
                channel.tenant_id: channel.sends.tally()
                for channel in self._channels.values()
                if channel.sends.requests
            },
            "totals": {
                **asdict(total),
                "calls_per_s": total.calls / span_s if span_s > 0 else 0.0,
                "cpu_s": time.process_time() - self._cpu_from_s,
            },
        }
