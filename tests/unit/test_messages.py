"""The bodies on the queues: what is read, what is refused, and that a refusal gives nothing of the body away."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yomawari.messages import (
    MAX_BODY_BYTES,
    MAX_CHUNK_SEEKERS,
    CheckResults,
    FriendCheckChunk,
    Malformed,
    RunCompleted,
    read,
)

RUN_ID = 202611220200
LINE_ID = "U0123456789abcdef0123456789abcdef"
CHUNK: dict[str, Any] = {"run_id": RUN_ID, "tenant_id": 7, "chunk": 3, "seekers": [[1001, LINE_ID]]}
RESULTS: dict[str, Any] = {"run_id": RUN_ID, "tenant_id": 7, "observed_at": "2026-11-21T17:00:05.5Z", "friend": [1001]}

ids = st.integers(1, 2**63 - 1)
seekers = st.lists(st.tuples(ids, st.text(st.characters(codec="ascii"), max_size=64)), min_size=1, max_size=20)
chunks = st.builds(
    FriendCheckChunk,
    run_id=st.integers(200001010000, 999912312359),
    tenant_id=ids,
    chunk=st.integers(0, 10_000),
    attempt=st.integers(1, 9),
    rate_per_s=st.none() | st.integers(1, 2_000),
    seekers=seekers,
    reason=st.none() | st.text(max_size=50),
)


@given(chunks)
def test_a_chunk_is_read_as_it_was_written(chunk: FriendCheckChunk) -> None:
    assert read(FriendCheckChunk, chunk.model_dump_json()) == chunk


@given(st.lists(ids, max_size=50), st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - Hypothesis adds the zone
def test_results_are_read_as_they_were_written(friends: list[int], observed_at: datetime) -> None:
    results = CheckResults(run_id=RUN_ID, tenant_id=7, observed_at=observed_at, friend=friends)
    assert read(CheckResults, results.model_dump_json()) == results


def test_what_is_left_out_has_its_usual_value() -> None:
    chunk = read(FriendCheckChunk, json.dumps(CHUNK))
    assert isinstance(chunk, FriendCheckChunk)
    assert (chunk.version, chunk.attempt, chunk.rate_per_s, chunk.reason) == (1, 1, None, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version: Input should be 1"),
        ({"version": "1"}, "version: Input should be 1"),
        ({"kind": "check_results"}, "kind: Input should be 'friend_check_chunk'"),
        ({"colour": "red"}, "body: Extra inputs are not permitted"),
        ({"run_id": 7}, "run_id: Input should be greater than or equal to 200001010000"),
        ({"run_id": None}, "run_id: Input should be a valid integer"),
        ({"tenant_id": 0}, "tenant_id: Input should be greater than 0"),
        ({"attempt": 0}, "attempt: Input should be greater than or equal to 1"),
        ({"rate_per_s": 2_001}, "rate_per_s: Input should be less than or equal to 2000"),
        ({"seekers": []}, "seekers: List should have at least 1 item after validation, not 0"),
        ({"seekers": [[1]]}, "seekers.0.1: Field required"),
        ({"seekers": [[1, "U" * 65]]}, "seekers.0.1: String should have at most 64 characters"),
        ({"seekers": [[0, LINE_ID]]}, "seekers.0.0: Input should be greater than 0"),
    ],
)
def test_a_chunk_that_is_not_one_is_refused_with_place_and_reason(change: dict[str, Any], reason: str) -> None:
    assert read(FriendCheckChunk, json.dumps(CHUNK | change)) == Malformed(reason)


def test_more_job_seekers_than_a_chunk_holds_are_refused() -> None:
    many = [[number, "U"] for number in range(1, MAX_CHUNK_SEEKERS + 2)]
    malformed = read(FriendCheckChunk, json.dumps(CHUNK | {"seekers": many}))
    assert isinstance(malformed, Malformed)
    assert malformed.reason.startswith("seekers: List should have at most 1000 items")


@pytest.mark.parametrize("body", ["", "{", "null", "[]", '"chunk"', "12", "\x00", "{'version': 1}"])
def test_what_is_no_json_object_is_refused(body: str) -> None:
    malformed = read(CheckResults, body)
    assert isinstance(malformed, Malformed)
    assert malformed.reason.startswith("body: ")


def test_a_time_without_an_offset_is_refused() -> None:
    malformed = read(CheckResults, json.dumps(RESULTS | {"observed_at": "2026-11-21T17:00:05"}))
    assert malformed == Malformed("observed_at: Input should have timezone info")


@pytest.mark.parametrize("letter", ["x", "夜"])
def test_the_size_of_a_body_is_counted_in_bytes(letter: str) -> None:
    frame = json.dumps(CHUNK | {"reason": ""})
    room_bytes = MAX_BODY_BYTES - len(frame)
    fitting = frame.replace('""', f'"{letter * (room_bytes // len(letter.encode()))}"')
    assert isinstance(read(FriendCheckChunk, fitting), FriendCheckChunk)
    oversized = fitting.replace(letter, letter * 2, 1)
    assert read(FriendCheckChunk, oversized + " " * 3) == Malformed(
        f"{len(oversized.encode()) + 3} bytes, more than {MAX_BODY_BYTES}"
    )


@given(st.text(st.characters(codec="ascii"), min_size=12, max_size=40).map(lambda text: f"~{text}"))
def test_a_reason_repeats_nothing_of_the_body(text: str) -> None:
    """It becomes a message attribute and a log line, where neither an id nor a control character belongs."""
    changes: list[dict[str, Any]] = [
        {text: 1},
        {"tenant_id": text},
        {"version": text},
        {"seekers": [[text, LINE_ID]]},
        {"kind": text},
    ]
    for body in (json.dumps(CHUNK | change) for change in changes):
        malformed = read(FriendCheckChunk, body)
        assert isinstance(malformed, Malformed)
        assert text not in malformed.reason
        assert LINE_ID not in malformed.reason
        assert malformed.reason.isprintable()
        assert 0 < len(malformed.reason) <= 200


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(read(CheckResults, text), Malformed)


def test_a_full_chunk_fits_into_what_sqs_bills_as_one_request() -> None:
    everybody = [(10**12 + number, LINE_ID) for number in range(MAX_CHUNK_SEEKERS)]
    chunk = FriendCheckChunk(run_id=RUN_ID, tenant_id=7, chunk=0, seekers=everybody, reason="no answer: " + "x" * 80)
    assert read(FriendCheckChunk, chunk.model_dump_json()) == chunk


def test_the_end_of_a_run_is_read_as_it_was_written() -> None:
    counts = dict.fromkeys(("seekers", "friends", "not_friends", "invalid", "failed", "passed_over"), 1)
    ended = RunCompleted(run_id=RUN_ID, state="completed", tenants=3, tenants_skipped=1, **counts)
    assert read(RunCompleted, ended.model_dump_json()) == ended
