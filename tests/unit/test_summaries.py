"""Days, closing times, the latest changes, and how a tenant's summaries are cut."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.domain.motivations import Change, Recipient
from yomawari.domain.runs import TOKYO, BadScheduledTimeError
from yomawari.domain.summaries import (
    CHUNK_BYTES,
    CHUNK_RECIPIENTS,
    MAX_CHANGES,
    Chunk,
    DayStillOpenError,
    Summary,
    TenantChunks,
    aged,
    bounds_of,
    latest,
    recorded_as_of,
    require_closed,
    yesterday_of,
)
from yomawari.messages import SummaryChunk

DAY = date(2026, 11, 20)
MORNING = datetime(2026, 11, 20, 12, tzinfo=TOKYO)
MOMENTS = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30), timezones=st.just(UTC))  # noqa: DTZ001


def change(
    history_id: int = 1, user_id: int = 1, kind: str = "job_change", name: str = "佐藤", hours: int = 0
) -> Change:
    return Change(kind, history_id, user_id, name, "active", MORNING + timedelta(hours=hours))  # type: ignore[arg-type]


def summary(user_id: int = 1, changes: int = 1, name: str = "佐藤 花子", total: int | None = None) -> Summary:
    recipient = Recipient(7, "en", user_id, f"U{user_id:032x}", 50)
    return Summary(recipient, tuple(change(n, n, name=name) for n in range(changes)), total or changes)


@pytest.mark.parametrize(
    ("scheduled", "day"),
    [
        ("2026-11-20T23:00:00Z", date(2026, 11, 20)),
        ("2026-11-21T08:00:00+09:00", date(2026, 11, 20)),
        ("2026-11-20T14:59:59Z", date(2026, 11, 19)),
        ("2026-11-20T15:00:00Z", date(2026, 11, 20)),
        ("2027-01-01T00:00:00+09:00", date(2026, 12, 31)),
    ],
)
def test_yesterday_is_tokyos(scheduled: str, day: date) -> None:
    assert yesterday_of(scheduled) == day


@pytest.mark.parametrize("scheduled", ["2026-11-20T23:00:00", "<aws.scheduler.scheduled-time>", ""])
def test_a_time_that_is_none_is_refused(scheduled: str) -> None:
    with pytest.raises(BadScheduledTimeError):
        yesterday_of(scheduled)


def test_a_day_is_24_hours_of_tokyo() -> None:
    begins, ends = bounds_of(DAY)
    assert begins == datetime(2026, 11, 19, 15, tzinfo=UTC)
    assert ends - begins == timedelta(days=1)


@pytest.mark.parametrize(
    ("told", "now", "recorded"),
    [
        ("2026-11-20 12:00", "2026-11-20 12:01", "2026-11-20 12:00"),
        ("2026-11-20 23:59", "2026-11-21 00:01", "2026-11-20 23:59"),
        ("2026-11-20 23:59", "2026-11-21 06:59", "2026-11-20 23:59"),
        ("2026-11-20 23:59", "2026-11-21 07:00", "2026-11-21 07:00"),
        ("2026-11-20 00:00", "2026-11-25 03:00", "2026-11-25 03:00"),
        ("2026-11-20 12:02", "2026-11-20 12:01", "2026-11-20 12:01"),
    ],
)
def test_a_target_belongs_to_the_day_it_was_told_unless_that_day_is_closed(told: str, now: str, recorded: str) -> None:
    told_at, now_at, expected = (datetime.fromisoformat(f"{text}+09:00") for text in (told, now, recorded))
    assert recorded_as_of(told_at.astimezone(UTC), now_at) == expected


@given(MOMENTS, MOMENTS, MOMENTS)
def test_nothing_is_ever_recorded_into_a_day_that_was_summed_up(
    told_at: datetime, now: datetime, summed_up: datetime
) -> None:
    """What a writer judges after a summary, or a minute before it, is in no day that it or any before it read."""
    yesterday = summed_up.astimezone(TOKYO).date() - timedelta(days=1)
    with suppress(DayStillOpenError):  # then there is no summary
        require_closed(yesterday, summed_up)
        if now >= summed_up - timedelta(minutes=1):
            assert recorded_as_of(told_at, now) >= bounds_of(yesterday)[1]


def test_the_latest_is_by_time_then_by_id() -> None:
    changes = [change(5, hours=1), change(4, hours=2), change(6, hours=2), change(9, 2), change(1, kind="side_job")]
    assert [(one.kind, one.history_id) for _, _, one in latest(map(aged, changes))] == [
        ("job_change", 6),
        ("job_change", 9),
        ("side_job", 1),
    ]


@given(
    st.lists(
        st.tuples(st.integers(1, 30), st.integers(1, 4), st.sampled_from(["job_change", "side_job"])),
        unique_by=lambda one: (one[0], one[2]),
    )
)
def test_the_latest_are_one_per_changer_and_kind_newest_first(drawn: list[tuple[int, int, str]]) -> None:
    changes = [change(history_id, user_id, kind, hours=history_id) for history_id, user_id, kind in drawn]
    kept = [one for _, _, one in latest(map(aged, changes))]
    assert {(one.user_id, one.kind) for one in kept} == {(one.user_id, one.kind) for one in changes}
    assert len(kept) == len({(one.user_id, one.kind) for one in kept})
    assert [one.changed_at for one in kept] == sorted((one.changed_at for one in kept), reverse=True)
    for one in kept:
        rivals = [other for other in changes if (other.user_id, other.kind) == (one.user_id, one.kind)]
        assert one.history_id == max(other.history_id for other in rivals)


def cut(summaries: list[Summary], rate_per_s: int = 1_900) -> list[Chunk]:
    chunks = TenantChunks(DAY, summaries[0].recipient, rate_per_s)
    closed = [chunks.add(one) for one in summaries]
    return [one for one in [*closed, chunks.close(), chunks.close()] if one is not None]


def test_a_body_is_what_the_model_reads() -> None:
    (chunk,) = cut([summary(1, 2, 'O"Neill\n\\', 60), summary(2)])
    assert SummaryChunk.model_validate_json(chunk.body).model_dump(mode="json") == {
        "version": 1,
        "kind": "summary_chunk",
        "day": "2026-11-20",
        "tenant_id": 7,
        "language": "en",
        "rate_per_s": 50,
        "chunk": 0,
        "attempt": 1,
        "recipients": [
            {
                "user_id": 1,
                "line_user_id": f"U{1:032x}",
                "changes": [{"kind": "job_change", "name": 'O"Neill\n\\', "motivation": "active"}] * 2,
                "total": 60,
            },
            {
                "user_id": 2,
                "line_user_id": f"U{2:032x}",
                "changes": [{"kind": "job_change", "name": "佐藤 花子", "motivation": "active"}],
                "total": 1,
            },
        ],
        "reason": None,
    }
    assert (chunk.recipients, chunk.delay_s) == (2, 0)


def test_chunks_are_numbered_and_come_when_the_channel_can_take_them() -> None:
    chunks = cut([summary(user_id) for user_id in range(1, 1_201)])
    assert sum(chunk.recipients for chunk in chunks) == 1_200
    assert len(chunks) > 2
    assert [SummaryChunk.model_validate_json(chunk.body).chunk for chunk in chunks] == list(range(len(chunks)))
    ahead = [sum(chunk.recipients for chunk in chunks[:number]) for number in range(len(chunks))]
    assert [chunk.delay_s for chunk in chunks] == [before // 50 for before in ahead]


def test_a_delay_ends_where_sqs_ends_it() -> None:
    chunks = TenantChunks(DAY, Recipient(7, "ja", 1, "U", 1), 1_900, _ahead=901)
    chunks.add(summary())
    closed = chunks.close()
    assert closed is not None
    assert closed.delay_s == 900


NAMES = st.text(st.characters(codec="utf-8"), max_size=100)


@given(st.lists(st.tuples(st.integers(1, MAX_CHANGES), NAMES), min_size=1, max_size=12))
def test_no_body_is_too_large_and_nobody_is_missing(drawn: list[tuple[int, str]]) -> None:
    chunks = cut([summary(number + 1, changes, name) for number, (changes, name) in enumerate(drawn)])
    read = [SummaryChunk.model_validate_json(chunk.body) for chunk in chunks]
    assert max(len(chunk.body.encode()) for chunk in chunks) <= CHUNK_BYTES
    assert [one.user_id for chunk in read for one in chunk.recipients] == list(range(1, len(drawn) + 1))


def test_the_longest_names_there_can_be_still_fit() -> None:
    (chunk,) = cut([summary(2**64 - 1, MAX_CHANGES, "\x01" * 100)])
    assert len(chunk.body.encode()) <= CHUNK_BYTES
    assert cut([summary(n, name="x") for n in range(1, 1_000)])[0].recipients <= CHUNK_RECIPIENTS
