"""The fixtures of the round, and of a day of motivations, with all their real parts."""

from tests.support.motivation_day import motivation_day
from tests.support.night import double, night, session_double, settings

__all__ = ["double", "motivation_day", "night", "session_double", "settings"]
