from hypothesis import given, settings
from hypothesis import strategies as st

from yomawari.domain.chunks import CHUNK_BYTES, CHUNK_SEEKERS, MAX_DELAY_S, Chunk, Seeker, chunks_of
from yomawari.messages import MAX_CHUNK_SEEKERS, FriendCheckChunk

RUN = 2026_11_20_02_00


def cut(count: int, rate_per_s: int | None = None, line_id: str = "U" + "0" * 32) -> list[Chunk]:
    seekers = ((seeker_id, line_id) for seeker_id in range(1, count + 1))
    return list(chunks_of(RUN, 7, seekers, rate_per_s, default_rate_per_s=1_900))


def parsed(chunk: Chunk) -> FriendCheckChunk:
    return FriendCheckChunk.model_validate_json(chunk.body, strict=False)


def test_a_body_is_the_models_own() -> None:
    (chunk,) = cut(2, rate_per_s=300)
    expected = FriendCheckChunk(
        run_id=RUN, tenant_id=7, chunk=0, rate_per_s=300, seekers=[(1, "U" + "0" * 32), (2, "U" + "0" * 32)]
    )
    assert parsed(chunk) == expected
    assert parsed(cut(1)[0]).rate_per_s is None


def test_chunks_are_full_but_the_last() -> None:
    assert [chunk.seekers for chunk in cut(2_500)] == [1_000, 1_000, 500]
    assert cut(0) == []
    assert CHUNK_SEEKERS == MAX_CHUNK_SEEKERS


def test_a_chunk_turns_visible_when_its_channel_is_through_with_those_before_it() -> None:
    assert [chunk.delay_s for chunk in cut(4_500)] == [0, 0, 1, 1, 2]
    assert [chunk.delay_s for chunk in cut(4_000, rate_per_s=100)] == [0, 10, 20, 30]
    assert max(chunk.delay_s for chunk in cut(3_000, rate_per_s=1)) == MAX_DELAY_S


def test_ids_of_the_longest_kind_make_smaller_chunks() -> None:
    chunks = cut(1_500, line_id="é" * 64)
    assert sum(chunk.seekers for chunk in chunks) == 1_500
    assert max(len(chunk.body.encode()) for chunk in chunks) <= CHUNK_BYTES
    assert len(chunks) > 2


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 2**63), st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)), max_size=40
    ),
    st.integers(1, 60),
)
def test_nobody_is_lost_or_asked_twice_and_every_body_fits(some: list[Seeker], times: int) -> None:
    seekers = some * times
    chunks = list(chunks_of(RUN, 7, seekers, None, 1_900))
    models = [parsed(chunk) for chunk in chunks]
    assert [seeker for model in models for seeker in model.seekers] == seekers
    assert [model.chunk for model in models] == list(range(len(chunks)))
    assert all(len(chunk.body.encode()) <= CHUNK_BYTES for chunk in chunks)
    assert [chunk.seekers for chunk in chunks] == [len(model.seekers) for model in models]
