"""A run's lock on one machine: a file that the process which works on the run keeps locked for as long as it lives.

Here: taking the lock, seeing whether anybody holds it, taking a turn to launch the run. The system frees it when the
process is gone, however it went. Not here: what follows from a dead worker (machine), the locks of a fleet (run_locks).
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_KEPT = 7 * 86_400.0  # seconds for which the file of a run that is over stays
_HELD: dict[Path, int] = {}  # descriptors of this process, which keeps them to its end


def folder_of(instance_root: str) -> Path:
    """Where the locks of an instance's runs are."""
    return Path(instance_root) / "run_locks"


def hold(folder: Path, run_id: str) -> None:
    """Holds the run's lock until this process ends: past the last step, the run's own end is still to be written."""
    path = folder / run_id
    if path in _HELD:
        return
    folder.mkdir(parents=True, exist_ok=True)
    _tidy(folder)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    _HELD[path] = descriptor


@contextmanager
def launching(folder: Path, run_id: str) -> Iterator[None]:
    """One launcher at a time for a run: two daemons on one instance take it from the queue at the same moment."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{run_id}.launch", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def held(folder: Path, run_id: str) -> bool | None:
    """Whether a process holds the run's lock; None where none ever did."""
    try:
        descriptor = os.open(folder / run_id, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _tidy(folder: Path) -> None:
    """Removes the files of old runs."""
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _KEPT and not held(folder, path.name):
                path.unlink()
