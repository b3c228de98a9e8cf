"""The fixtures of the round with all its real parts."""

from tests.support.night import double, night, session_double, settings

__all__ = ["double", "night", "session_double", "settings"]
