"""The two ways of asking LINE about a channel's job seekers, and which one a channel is asked by. Pure.

One by one, by the profile endpoint; or a thousand a call, by the list of the channel's followers, which LINE gives to
verified and premium accounts only. No endpoint says which an account is, so the list itself is asked, with one id a
page. What the two mean is not quite the same: docs/adr/007-two-ways-of-asking.md.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

CheckBy = Literal["auto", "profile", "followers"]

PROBE_EVERY: Final = timedelta(days=6, hours=12)
"""An account may become verified, or stop being it. Weekly: LINE's answer comes some time after the dispatch that wants
it, so at the same hour of the next week it is not quite seven days old."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What is known of a channel: what an operator wants, and what LINE last said of its list, if it was ever asked."""

    check_by: CheckBy = "auto"
    followers_allowed: bool | None = None
    followers_probed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ByProfile:
    """One by one."""


@dataclass(frozen=True, slots=True)
class ByFollowers:
    """By the list; `probe` says that LINE is to be asked first whether it may be."""

    probe: bool


Way = ByProfile | ByFollowers


def way_of(channel: Channel, now: datetime) -> Way:
    """By which way a channel is asked now; one that nobody knows of, or knew of more than a week ago, is probed."""
    if channel.check_by == "profile":
        return ByProfile()
    probed_at = channel.followers_probed_at
    is_known = channel.followers_allowed is not None and probed_at is not None and now - probed_at < PROBE_EVERY
    if channel.check_by == "auto" and is_known and not channel.followers_allowed:
        return ByProfile()
    return ByFollowers(probe=channel.check_by == "auto" and not is_known)
