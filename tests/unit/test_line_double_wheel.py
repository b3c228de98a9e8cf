from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from tools.line_double import answers
from tools.line_double.answers import Answer
from tools.line_double.wheel import TimerWheel


class FakeLoop:
    """A loop whose time moves only when its one timer is turned."""

    def __init__(self, now_us: int = 5_000_000) -> None:
        self.now_us = now_us
        self.timers: list[tuple[int, Callable[[], None]]] = []

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.timers.append((self.now_us + round(delay_s * 1_000_000), callback))

    def run(self) -> None:
        while self.timers:
            due_us, callback = self.timers.pop(0)
            self.now_us = max(self.now_us, due_us)
            callback()


class Collector:
    def __init__(self, loop: FakeLoop) -> None:
        self._loop = loop
        self.flushes: list[tuple[int, list[int]]] = []

    def flush(self, due: list[tuple[int, Answer]]) -> None:
        self.flushes.append((self._loop.now_us, [stream_id for stream_id, _ in due]))


def wheel_on(loop: FakeLoop) -> TimerWheel:
    return TimerWheel(cast("Any", loop), lambda: loop.now_us)


def test_answers_of_one_tick_and_connection_are_flushed_together_in_order() -> None:
    loop = FakeLoop()
    wheel, one, other = wheel_on(loop), Collector(loop), Collector(loop)
    for stream_id, due_us in [(1, 5_060_100), (3, 5_060_900), (5, 5_061_001)]:
        wheel.add(one, stream_id, answers.NOT_FOUND, due_us)
    wheel.add(other, 1, answers.NOT_FOUND, 5_060_500)
    loop.run()
    assert [stream_ids for _, stream_ids in one.flushes] == [[1, 3], [5]]
    assert [stream_ids for _, stream_ids in other.flushes] == [[1]]


def test_a_time_in_the_past_means_the_next_tick_and_idle_runs_no_timer() -> None:
    loop = FakeLoop()
    wheel, connection = wheel_on(loop), Collector(loop)
    wheel.add(connection, 1, answers.NOT_FOUND, 0)
    loop.run()
    assert [stream_ids for _, stream_ids in connection.flushes] == [[1]]
    assert loop.now_us <= 5_002_000
    assert loop.timers == []


def test_it_starts_again_after_a_long_rest_and_when_it_woke_late() -> None:
    loop = FakeLoop()
    wheel, connection = wheel_on(loop), Collector(loop)
    wheel.add(connection, 1, answers.NOT_FOUND, loop.now_us)
    loop.run()
    loop.now_us += 3_600_000_000
    wheel.add(connection, 3, answers.NOT_FOUND, loop.now_us + 2_000)
    wheel.add(connection, 5, answers.NOT_FOUND, loop.now_us + 3_000)
    loop.now_us += 50_000
    loop.run()
    assert [stream_ids for _, stream_ids in connection.flushes] == [[1], [3], [5]]


@given(st.lists(st.integers(0, 200_000), min_size=1, max_size=40))
def test_no_answer_is_early_or_lost(delays_us: list[int]) -> None:
    loop = FakeLoop()
    wheel, connection = wheel_on(loop), Collector(loop)
    start_us = loop.now_us
    for stream_id, delay_us in enumerate(delays_us):
        wheel.add(connection, stream_id, answers.NOT_FOUND, start_us + delay_us)
    loop.run()
    flushed = {stream_id: at_us for at_us, stream_ids in connection.flushes for stream_id in stream_ids}
    assert sorted(flushed) == list(range(len(delays_us)))
    for stream_id, delay_us in enumerate(delays_us):
        assert 0 <= flushed[stream_id] - start_us - delay_us <= 2_000
