"""Runs one command so that nothing of it can be left behind: `python guard.py TIE COMMAND…`.

The command gets a session of its own, hence a process group that holds all its descendants (MiniStack's workers, the
compilers pip starts). When the guard is told to stop, when the command ends, or when the process TIE that started the
guard is gone, even by SIGKILL, the whole group goes (TIE 0: no such process). On Linux the command also dies with its
guard. A script of its own with the standard library only: it starts in milliseconds and costs no memory worth a word.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

# Servers save nothing that matters here; ten seconds let MariaDB close its files.
GRACE_S = 10.0
POLL_S = 0.5
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command to its end; return its exit code (128 + n if signal n ended it, as shells do)."""
    tie, command = int(arguments[0]), arguments[1:]
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    child = subprocess.Popen(command, start_new_session=True, preexec_fn=_die_with_guard)  # noqa: PLW1509 - no threads
    while child.poll() is None and not stopping and tie in (0, os.getppid()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(POLL_S)
    _end_group(child)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _die_with_guard() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """SIGTERM to the command, SIGKILL to whatever of its group outlives it or the grace."""
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()
    # Descendants are init's children now: gone is when the group no longer exists.
    deadline = time.monotonic() + GRACE_S
    while _signal_group(child.pid, 0) and time.monotonic() < deadline:
        time.sleep(0.01)


def _signal_group(group: int, number: int) -> bool:
    """Whether the group still existed."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
