"""The rate gate's state in DynamoDB: one item per channel and endpoint, one conditional write per lease.

Item (table key `channel_endpoint`): `tat_us`, `permits` (a running total, for who watches), `closed_until_us`,
`closed_reason`, `penalty_us`. Every error fails closed: whoever cannot ask the gate makes no call.
"""

from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from yomawari.domain.backoff import penalty_us
from yomawari.domain.gate import SECOND_US, Ahead, Closed, Gate, Leased, Slots, lease
from yomawari.usecases.ports import GateUnavailable

RATE_LIMITED: Final = "rate_limited"
PENALTY_BASE_US: Final = 1 * SECOND_US
PENALTY_CAP_US: Final = 60 * SECOND_US
CONTENTION_WAIT_US: Final = 20_000
ROUNDS: Final = 4
"""An idle channel's first lease can lose to another worker's; so often it is tried before the caller must wait."""

_OPEN: Final = "(attribute_not_exists(closed_until_us) OR closed_until_us <= :now)"


class DynamoClient(Protocol):
    """The three calls that the gate makes of aiobotocore's DynamoDB client."""

    async def update_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102
    async def get_item(self, **request: Any) -> dict[str, Any]: ...  # noqa: ANN401, D102


class DynamoGate:
    """Grants leases from a DynamoDB table (docs/adr/001-rate-gate.md)."""

    def __init__(self, client: DynamoClient, table: str) -> None:
        self._client = client
        self._table = table

    async def lease(
        self, channel: str, permits: int, interval_us: int, now_us: int, horizon_us: int
    ) -> Leased | Ahead | Closed:
        """Take `permits` slots of a channel; see domain/gate.py for what is granted.

        One write in the common case, two when the channel was idle. A retry inside the SDK after a lost reply takes
        the slots twice, which wastes them: the safe side.

        Raises:
            GateUnavailable: DynamoDB throttled, failed or did not answer.
        """
        span_us = permits * interval_us
        for _ in range(ROUNDS):
            seen = await self._advance(channel, permits, span_us, now_us, horizon_us)
            if isinstance(seen, int):
                return Leased(Slots(seen - span_us, permits, interval_us))
            decided = lease(seen, permits, interval_us, now_us, horizon_us)
            if not isinstance(decided, Leased):
                return decided
            if await self._restart(channel, permits, span_us, seen, now_us):
                return decided
        return Ahead(now_us + CONTENTION_WAIT_US)

    async def closed(self, channel: str, now_us: int) -> Closed | None:
        """Whether the channel is closed now. A read, so a fifth of a write's price.

        Raises:
            GateUnavailable: DynamoDB throttled, failed or did not answer.
        """
        gate, _penalty_us = await self._look(channel)
        return Closed(gate.closed_until_us, gate.closed_reason) if gate.closed_until_us > now_us else None

    async def close(self, channel: str, closed: Closed) -> None:
        """Close a channel for every worker until a time.

        Raises:
            GateUnavailable: DynamoDB throttled, failed or did not answer.
        """
        await self._call(
            self._client.update_item,
            Key=_key(channel),
            UpdateExpression="SET closed_until_us = :until, closed_reason = :reason",
            ExpressionAttributeValues={":until": _number(closed.until_us), ":reason": {"S": closed.reason}},
        )

    async def penalize(self, channel: str, now_us: int) -> Closed:
        """Close a channel after a 429, for longer each time, and say until when.

        However many workers meet the same 429s, the first closes the channel and the others learn of it.

        Raises:
            GateUnavailable: DynamoDB throttled, failed or did not answer.
        """
        gate, previous_us = await self._look(channel)
        if gate.closed_until_us > now_us:
            return Closed(gate.closed_until_us, gate.closed_reason)
        penalty = penalty_us(previous_us, gate.closed_until_us, now_us, PENALTY_BASE_US, PENALTY_CAP_US)
        try:
            await self._call(
                self._client.update_item,
                Key=_key(channel),
                UpdateExpression="SET closed_until_us = :until, closed_reason = :reason, penalty_us = :penalty",
                ConditionExpression=_OPEN,
                ExpressionAttributeValues={
                    ":until": _number(now_us + penalty),
                    ":reason": {"S": RATE_LIMITED},
                    ":penalty": _number(penalty),
                    ":now": _number(now_us),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _Refused as refused:
            return Closed(refused.gate.closed_until_us, refused.gate.closed_reason)
        return Closed(now_us + penalty, RATE_LIMITED)

    async def _advance(self, channel: str, permits: int, span_us: int, now_us: int, horizon_us: int) -> int | Gate:
        """Move `tat` on by the lease's span if it lies between now and the horizon; else the gate as it is."""
        try:
            answer = await self._call(
                self._client.update_item,
                Key=_key(channel),
                UpdateExpression="SET tat_us = tat_us + :span ADD permits :permits",
                ConditionExpression=f"tat_us BETWEEN :now AND :horizon AND {_OPEN}",
                ExpressionAttributeValues={
                    ":span": _number(span_us),
                    ":permits": _number(permits),
                    ":now": _number(now_us),
                    ":horizon": _number(now_us + horizon_us),
                },
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _Refused as refused:
            return refused.gate
        return int(answer["Attributes"]["tat_us"]["N"])

    async def _restart(self, channel: str, permits: int, span_us: int, seen: Gate, now_us: int) -> bool:
        """Begin an idle channel's slots at now, unless another worker has done so since it was seen."""
        try:
            await self._call(
                self._client.update_item,
                Key=_key(channel),
                UpdateExpression="SET tat_us = :tat ADD permits :permits",
                ConditionExpression=f"(attribute_not_exists(tat_us) OR tat_us = :seen) AND {_OPEN}",
                ExpressionAttributeValues={
                    ":tat": _number(now_us + span_us),
                    ":permits": _number(permits),
                    ":seen": _number(seen.tat_us),
                    ":now": _number(now_us),
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except _Refused:
            return False
        return True

    async def _look(self, channel: str) -> tuple[Gate, int]:
        answer = await self._call(self._client.get_item, Key=_key(channel), ConsistentRead=True)
        item = answer.get("Item", {})
        return _gate(item), _int(item, "penalty_us")

    async def _call(self, call: Any, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - the SDK is untyped
        try:
            answer: dict[str, Any] = await call(TableName=self._table, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                item: dict[str, Any] = error.response.get("Item", {})  # type: ignore[assignment]
                raise _Refused(_gate(item)) from None
            raise GateUnavailable(error.response["Error"]["Code"]) from error
        except BotoCoreError as error:
            raise GateUnavailable(type(error).__name__) from error
        return answer


class _Refused(Exception):  # noqa: N818 - an answer of DynamoDB's, not an error
    def __init__(self, gate: Gate) -> None:
        super().__init__("condition not met")
        self.gate = gate


def _key(channel: str) -> dict[str, Any]:
    return {"channel_endpoint": {"S": channel}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _int(item: dict[str, Any], name: str) -> int:
    return int(item[name]["N"]) if name in item else 0


def _gate(item: dict[str, Any]) -> Gate:
    reason = item.get("closed_reason", {"S": ""})["S"]
    return Gate(_int(item, "tat_us"), _int(item, "closed_until_us"), reason)
