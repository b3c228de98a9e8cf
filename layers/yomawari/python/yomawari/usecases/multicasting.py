"""Tell many people the same thing: LINE's multicast, at most 500 recipients a call."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from yomawari.domain.outcomes import is_line_user_id
from yomawari.domain.sends import SendAnswer, split_recipients
from yomawari.usecases.pacing import Pacing
from yomawari.usecases.parcels import KeyParts, Parcel, Recipient, SendSettings, Told
from yomawari.usecases.sender import Sender

MULTICAST: Final = SendSettings(
    endpoint="multicast",
    rate_per_s=186,  # 93 % of LINE's 200, as of the profile's 2,000 (docs/adr/001-rate-gate.md)
    window=40,
    channels_at_once=50,
    chunks_per_channel=1_000,  # a change is told at once, and is a call or two: none is given back for its number
    outage_after=20,
)
PACING: Final = replace(Pacing(), lease_permits=20)
"""A tenth of the profile's, for a tenth of its rate: the slots that die with a worker are a tenth of a second."""


class Multicasting(Sender):
    """See Sender for the arguments."""

    settings = MULTICAST
    pacing = PACING

    async def send(  # noqa: PLR0913, PLR0917 - whom, what and how
        self,
        tenant_id: int,
        rate_per_s: int | None,
        recipients: Sequence[tuple[int, str]],
        text: str,
        key_parts: KeyParts,
        deadline_us: int,
    ) -> Told:
        """Tell these users of a tenant (user id, LINE user id) one text, until `deadline_us`.

        Someone whom LINE refuses is left out, and no one else loses the message. To repeat a send without telling
        anyone twice, repeat it with the same users, whatever became of them, and the same `key_parts`, which name what
        is told (its kind, the ids of the histories) and nothing else: with other users the parcels have other keys.
        Weakness: users whom LINE refused once and accepts at the repeat make parcels that it never took, and whoever
        is on them too is told again (docs/adr/009-motivation-notifications.md).

        Raises:
            Unavailable: the token could not be read; a repeat finds again what was accepted before, if anything.
        """
        users: defaultdict[str, set[int]] = defaultdict(set)
        rejected = set[int]()
        for user_id, line_user_id in recipients:
            if is_line_user_id(line_user_id):
                users[line_user_id].add(user_id)
            else:
                rejected.add(user_id)
        told = [Recipient(one, tuple(sorted(users[one]))) for one in sorted(users)]
        parts = (*key_parts, MULTICAST.endpoint, tenant_id)
        parcels = [Parcel(tuple(run), text, parts) for run in split_recipients(told)]
        return await self._send(tenant_id, rate_per_s, key_parts, parcels, sorted(rejected), deadline_us)

    async def _deliver(self, token: str, parcel: Parcel) -> SendAnswer:
        return await self._messages.multicast(token, parcel.line_user_ids, parcel.text, parcel.retry_key)
