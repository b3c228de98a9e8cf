"""Between the connections and the double: every request comes in here, every answer leaves when its time has come."""

from random import Random

from tools.line_double.answers import Deed
from tools.line_double.control import PREFIX, Control
from tools.line_double.double import LineDouble
from tools.line_double.request import Request
from tools.line_double.wheel import Connection, TimerWheel


class Reception:
    """What all connections share: the double, its control API and the timer wheel."""

    def __init__(self, double: LineDouble, wheel: TimerWheel, seed: int) -> None:
        self.double = double
        self._control = Control(double)
        self._wheel = wheel
        self._random = Random(seed)
        self.next_request_id = double.request_ids.draw

    def receive(self, connection: Connection, stream_id: int, request: Request) -> None:
        """Have the request answered on this stream: control calls in the next tick, LINE's after the latency."""
        if request.path.startswith(PREFIX):
            self._wheel.add(connection, stream_id, self._control.answer(request), request.arrived_us)
            return
        double = self.double
        answer = double.answer(request)
        if answer.deed is not Deed.NEVER:
            latency_ms = double.latency_ms + double.jitter_ms * (2 * self._random.random() - 1)
            self._wheel.add(connection, stream_id, answer, request.arrived_us + int(latency_ms * 1000))
