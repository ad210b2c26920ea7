"""The folder that each invocation of dbt keeps its artifacts in: its own, held while dbt runs, removed when old.

Here: names, the hold, the tidying. Not here: what dbt writes there, nor when it runs (dbt_invocation).
"""

import fcntl
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = ".running"
_DAY = 24 * 3600.0


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The folder, made and held: `tidy` leaves it alone until the end, or until this process dies."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _HOLD).open("w") as hold:
        fcntl.flock(hold, fcntl.LOCK_EX)
        yield folder


def own_folder(runs: Path, name: str) -> Path:
    """A folder below `runs` that no other invocation has, its name first; it is not made yet."""
    return runs / f"{re.sub(r'[^A-Za-z0-9_-]', '-', name)[:80]}-{uuid.uuid4().hex[:8]}"


def tidy(runs: Path, *, keep: int = 20, days: float = 7.0) -> list[Path]:
    """Removes the folders of finished invocations that are older than `days`, or not among the newest `keep`."""
    if not runs.is_dir():
        return []
    ages = sorted(((_modified(path), path) for path in runs.iterdir() if path.is_dir()), reverse=True)
    oldest = time.time() - days * _DAY
    removed = []
    for place, (modified, path) in enumerate(ages):
        if (place >= keep or modified < oldest) and _finished(path):
            shutil.rmtree(path, ignore_errors=True)  # another process may be at the same work
            removed.append(path)
    return removed


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # tidied by another process meanwhile
        return 0.0


def _finished(path: Path) -> bool:
    try:
        with (path / _HOLD).open() as hold:
            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True
