"""Every text that is sent to a person, in every language, within LINE's limit. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from yomawari.domain.motivations import ChangeKind, Language, Motivation

MAX_UNITS: Final = 5_000
"""LINE's limit of a text message, in UTF-16 code units."""

_NAME_UNITS: Final = 60
"""A longer name is cut: the column is wide enough for names that would leave no room for other people's."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a change: whose, of which kind, and what the motivation is now."""

    kind: ChangeKind
    name: str
    motivation: Motivation


@dataclass(frozen=True, slots=True)
class _Phrases:
    notification: Callable[[str, str, str], str]
    heading: Callable[[date, int], str]
    line: Callable[[str, str, str], str]
    more: Callable[[int], str]
    kinds: dict[ChangeKind, str]
    motivations: dict[Motivation, str]


_PHRASES: Final[dict[Language, _Phrases]] = {
    "ja": _Phrases(
        notification=lambda name, kind, motivation: f"{name}さんの{kind}への意欲が「{motivation}」に変わりました。",
        heading=lambda day, total: f"{day.month}月{day.day}日に意欲が変わった方({total}件)",
        line=lambda name, kind, motivation: f"・{name}さん {kind}:{motivation}",
        more=lambda count: f"ほか{count}件",
        kinds={"job_change": "転職", "side_job": "副業"},
        motivations={
            "none": "考えていない",
            "open": "よい話があれば聞きたい",
            "considering": "検討している",
            "active": "積極的に探している",
        },
    ),
    "en": _Phrases(
        notification=lambda name, kind, motivation: f'{name}\'s motivation for a {kind} is now "{motivation}".',
        heading=lambda day, total: f"Changes of motivation on {day.isoformat()}: {total}",
        line=lambda name, kind, motivation: f"- {name}, {kind}: {motivation}",
        more=lambda count: f"and {count} more",
        kinds={"job_change": "job change", "side_job": "side job"},
        motivations={
            "none": "not looking",
            "open": "open to offers",
            "considering": "considering it",
            "active": "actively looking",
        },
    ),
}


def notification_text(language: Language, told: Told) -> str:
    """The message about one change."""
    phrases = _PHRASES[language]
    return phrases.notification(*_words(phrases, told))


def summary_text(language: Language, day: date, changes: Sequence[Told], total: int) -> str:
    """The message about many: one line each, in the order given, as many as fit, and how many more there are.

    Args:
        language: the channel's.
        day: the day of the changes.
        changes: those that may be named.
        total: how many there were, named or not; at least as many as `changes`.
    """
    phrases = _PHRASES[language]
    lines = [phrases.heading(day, total)]
    # Room for the last line, as long as it can get, is kept while there may be one.
    room = MAX_UNITS - units(lines[0]) - units(phrases.more(total)) - 1
    for line in _lines(phrases, changes):
        room -= units(line) + 1
        if room < 0:
            break
        lines.append(line)
    unnamed = total - (len(lines) - 1)
    return "\n".join([*lines, phrases.more(unnamed)] if unnamed else lines)


def units(text: str) -> int:
    """A text's length as LINE counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def _lines(phrases: _Phrases, changes: Iterable[Told]) -> Iterable[str]:
    return (phrases.line(*_words(phrases, told)) for told in changes)


def _words(phrases: _Phrases, told: Told) -> tuple[str, str, str]:
    return _name(told.name), phrases.kinds[told.kind], phrases.motivations[told.motivation]


def _name(name: str) -> str:
    """On one line, and not too long; cut between characters, never within a surrogate pair."""
    plain = " ".join(name.split())
    if units(plain) <= _NAME_UNITS:
        return plain
    kept = plain[: _NAME_UNITS - 1]
    while units(kept) > _NAME_UNITS - 1:
        kept = kept[:-1]
    return f"{kept}…"
