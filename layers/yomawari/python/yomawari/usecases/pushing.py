"""Tell many people each their own thing: LINE's push, one recipient a call, many calls in flight."""

from collections.abc import Sequence
from typing import Final

from yomawari.domain.outcomes import is_line_user_id
from yomawari.domain.sends import SendAnswer
from yomawari.usecases.parcels import KeyParts, Parcel, Recipient, SendSettings, Told
from yomawari.usecases.sender import Sender

PUSH: Final = SendSettings(
    endpoint="push",
    rate_per_s=1_860,
    window=300,
    channels_at_once=4,
    chunks_per_channel=3,
    outage_after=60,
)


class Pushing(Sender):
    """See Sender for the arguments."""

    settings = PUSH

    async def push_all(
        self,
        tenant_id: int,
        rate_per_s: int | None,
        messages: Sequence[tuple[int, str, str]],
        key_parts: KeyParts,
        deadline_us: int,
    ) -> Told:
        """Tell users of a tenant (user id, LINE user id, text) each their text, until `deadline_us`.

        A user is told one text per `key_parts` (kind and day, say), the first one here: within 24 hours LINE takes no
        other under them, whatever its wording or the user's LINE id. A send may be repeated with any of its users.

        Raises:
            Unavailable: the token could not be read; a repeat finds again what was accepted before, if anything.
        """
        first: dict[int, tuple[str, str]] = {}
        for user_id, line_user_id, text in messages:
            first.setdefault(user_id, (line_user_id, text))
        rejected = [user_id for user_id, (line_user_id, _text) in first.items() if not is_line_user_id(line_user_id)]
        parts = (*key_parts, PUSH.endpoint, tenant_id)
        parcels = [
            Parcel((Recipient(line_user_id, (user_id,)),), text, (*parts, user_id), is_keyed_by_recipients=False)
            for user_id, (line_user_id, text) in first.items()
            if is_line_user_id(line_user_id)
        ]
        return await self._send(tenant_id, rate_per_s, key_parts, parcels, rejected, deadline_us)

    async def _deliver(self, token: str, parcel: Parcel) -> SendAnswer:
        (line_user_id,) = parcel.line_user_ids
        return await self._messages.push(token, line_user_id, parcel.text, parcel.retry_key)
