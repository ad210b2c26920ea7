"""Fixtures for hostile bytes: a guard against readers that never come back."""

import faulthandler
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

_CPU_SECONDS = 5.0
_LAST_RESORT = 300.0


@pytest.fixture
def hang_guard() -> Iterator[Callable[[], None]]:
    """Fails the test 5 seconds of processor after it last called the guard; the load of the machine does not count.

    A loop within a C library sees no signal: for that one the process is ended with a traceback after minutes.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"a reader took more than {_CPU_SECONDS:.0f} seconds of processor")

    def begin() -> None:
        signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)

    before = signal.signal(signal.SIGPROF, stop)
    # Not sys.stderr: while a test runs that is pytest's own, and no file.
    faulthandler.dump_traceback_later(_LAST_RESORT, exit=True, file=sys.__stderr__ or 2)
    yield begin
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)
