"""The texts, word for word, and LINE's limit whatever the names are."""

from datetime import date
from itertools import product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.motivations import ChangeKind, Language, Motivation
from yomawari.domain.texts import MAX_UNITS, Told, notification_text, summary_text, units

DAY = date(2026, 11, 9)
LANGUAGES: tuple[Language, ...] = get_args(Language)
NAMES = st.text(st.characters(codec="utf-8"), max_size=120)
TOLD = st.builds(Told, st.sampled_from(get_args(ChangeKind)), NAMES, st.sampled_from(get_args(Motivation)))


@pytest.mark.parametrize(
    ("language", "told", "text"),
    [
        (
            "ja",
            Told("job_change", "佐藤 花子", "active"),
            "佐藤 花子さんの転職への意欲が「積極的に探している」に変わりました。",
        ),
        ("ja", Told("side_job", "佐藤 花子", "none"), "佐藤 花子さんの副業への意欲が「考えていない」に変わりました。"),
        ("en", Told("job_change", "Hanako", "open"), 'Hanako\'s motivation for a job change is now "open to offers".'),
        ("en", Told("side_job", " A\n B ", "considering"), 'A B\'s motivation for a side job is now "considering it".'),
    ],
)
def test_one_change(language: Language, told: Told, text: str) -> None:
    assert notification_text(language, told) == text


def test_a_summary_in_japanese() -> None:
    changes = [Told("job_change", "佐藤 花子", "active"), Told("side_job", "李", "open")]
    assert summary_text("ja", DAY, changes, 5) == (
        "11月9日に意欲が変わった方(5件)\n"
        "・佐藤 花子さん 転職:積極的に探している\n"
        "・李さん 副業:よい話があれば聞きたい\n"
        "ほか3件"
    )


def test_a_summary_in_english() -> None:
    changes = [Told("job_change", "Hanako", "active"), Told("side_job", "Lee", "none")]
    assert summary_text("en", DAY, changes, 2) == (
        "Changes of motivation on 2026-11-09: 2\n- Hanako, job change: actively looking\n- Lee, side job: not looking"
    )


@pytest.mark.parametrize(("language", "last"), [("ja", "ほか{}件"), ("en", "and {} more")])
def test_a_long_list_is_cut_with_the_number_of_the_others(language: Language, last: str) -> None:
    changes = [Told("job_change", "あ" * 50, "considering")] * 200
    text = summary_text(language, DAY, changes, 1_000)
    named = text.count("\n") - 1
    assert 40 < named < 200
    assert text.endswith(f"\n{last.format(1_000 - named)}")
    assert MAX_UNITS - 100 < units(text) <= MAX_UNITS


def test_a_name_is_cut_between_characters() -> None:
    text = notification_text("en", Told("job_change", "x" + "𠮷" * 100, "active"))
    assert text.startswith("x" + "𠮷" * 29 + "…'s")


def test_units_are_utf_16() -> None:
    assert (units("a"), units("吉"), units("𠮷")) == (1, 1, 2)


@pytest.mark.parametrize(
    ("language", "kind", "motivation"), list(product(LANGUAGES, get_args(ChangeKind), get_args(Motivation)))
)
def test_there_are_words_for_everything(language: Language, kind: ChangeKind, motivation: Motivation) -> None:
    assert "名前" in notification_text(language, Told(kind, "名前", motivation))


@given(st.sampled_from(LANGUAGES), st.lists(TOLD, max_size=60), st.integers(0, 10**9))
def test_a_summary_never_exceeds_the_limit_and_counts_everybody(
    language: Language, changes: list[Told], others: int
) -> None:
    total = len(changes) + others
    text = summary_text(language, DAY, changes, total)
    assert units(text) <= MAX_UNITS
    bullet = {"ja": "・", "en": "- "}[language]
    lines = text.split("\n")
    named = sum(line.startswith(bullet) for line in lines[1:])
    assert len(lines) == 1 + named + (named < total)
    if named < total:
        assert str(total - named) in lines[-1]


@given(st.sampled_from(LANGUAGES), TOLD)
def test_a_notification_never_exceeds_the_limit(language: Language, told: Told) -> None:
    assert 0 < units(notification_text(language, told)) <= MAX_UNITS
