"""The lock of a run is held for exactly as long as its process lives."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.run_lock_files import held, hold
from settings import PROJECT_ROOT

RUN = "6f1d3c0e"
HOLDER = """
import sys, time
from pathlib import Path
from resources.run_lock_files import hold
hold(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
time.sleep(60)
"""


@contextmanager
def worker(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the run's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder, RUN], cwd=PROJECT_ROOT / "platform", stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_run_that_nobody_took_is_neither_held_nor_free(tmp_path: Path) -> None:
    assert held(tmp_path / "run_locks", RUN) is None


def test_the_lock_is_held_while_the_process_lives_and_free_once_it_is_killed(tmp_path: Path) -> None:
    with worker(tmp_path) as process:
        assert held(tmp_path, RUN)
        process.kill()
        process.wait()
        assert held(tmp_path, RUN) is False


def test_the_process_itself_may_hold_it_twice_and_see_it(tmp_path: Path) -> None:
    hold(tmp_path, RUN)
    hold(tmp_path, RUN)
    assert held(tmp_path, RUN)


def test_files_of_runs_long_over_go_and_those_of_live_ones_stay(tmp_path: Path) -> None:
    with worker(tmp_path):
        (tmp_path / "over").touch()
        for name in (RUN, "over"):
            os.utime(tmp_path / name, (0, 0))
        hold(tmp_path, "next")
        assert sorted(path.name for path in tmp_path.iterdir()) == [RUN, "next"]
