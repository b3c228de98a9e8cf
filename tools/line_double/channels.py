"""The channels the double has met, each with its friends, its limits, its faults and its record."""

from random import Random

from tools.line_double.arrivals import Arrivals
from tools.line_double.buckets import TokenBucket
from tools.line_double.faults import Fault, Faults, struck_by
from tools.line_double.followers import Followers
from tools.line_double.sends import Sends
from tools.line_double.truth import channel_salt, is_friend_by_rule, is_line_user_id


class Troubles:
    """What goes wrong on one channel now: its faults, and a storm of 429s or an outage until some time."""

    __slots__ = ("_ladder", "_random", "faults", "outage_until_us", "silent", "storm_until_us")

    def __init__(self, faults: Faults, seed: str) -> None:
        self._random = Random(seed)
        self.storm_until_us = 0
        self.outage_until_us = 0
        self.silent = False
        self.replace(faults)

    def replace(self, faults: Faults) -> None:
        """Put other faults in place; a storm or an outage goes on."""
        self.faults = faults
        self._ladder = faults.ladder()

    def strike(self) -> Fault | None:
        """Draw whether the next call is struck; the same seed strikes the same calls in the order of their arrival."""
        return struck_by(self._ladder, self._random.random()) if self._ladder else None


class Lane:
    """One endpoint of one channel: its token bucket and the record of its arrivals."""

    __slots__ = ("arrivals", "bucket")

    def __init__(self, bucket: TokenBucket) -> None:
        self.bucket = bucket
        self.arrivals = Arrivals()


class Channel:
    """One tenant's channel."""

    __slots__ = ("_friend_share", "_salt", "followers", "friends", "lanes", "sends", "tenant_id", "troubles")

    def __init__(self, tenant_id: str, seed: int, friend_share: float, troubles: Troubles, sends: Sends) -> None:
        self.tenant_id = tenant_id
        self.friends: dict[str, bool] = {}
        self.lanes: dict[str, Lane] = {}
        self.troubles = troubles
        self.sends = sends
        self._salt = channel_salt(tenant_id, seed)
        self._friend_share = friend_share
        self.followers = Followers(tenant_id, lambda line_user_id: self.profile_status(line_user_id) == 200)

    def profile_status(self, line_user_id: str) -> int:
        """200, 404 or 400, as ``truth.expected_status`` says of this channel with the overrides it has been given."""
        if not is_line_user_id(line_user_id):
            return 400
        is_friend = self.friends.get(line_user_id)
        if is_friend is None:
            is_friend = is_friend_by_rule(line_user_id, self._salt, self._friend_share)
        return 200 if is_friend else 404
