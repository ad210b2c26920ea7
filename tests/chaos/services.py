"""The platform's long-lived processes under a supervisor, and its run workers.

Here: starting, SIGKILL, starting again a moment later, as systemd or a container engine does. Not here: when to kill
(injector).
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from settings import PROJECT_ROOT

_MARK = "VIGIE_CHAOS"  # in the environment of every process of one chaos run: its home


def marked(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of a process of this chaos run, and of all that it starts."""
    return {**environment, _MARK: str(home)}


class Service:
    """One command that is started again `pause` seconds after it ends, until `close`."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path, pause: float = 1.5) -> None:
        self._command = [str(Path(sys.executable).parent / command[0]), *command[1:]]
        self._environment = dict(environment)
        self._log = log
        self._pause = pause
        self._closing = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name=command[0], daemon=True)
        self.starts = 0

    def __enter__(self) -> "Service":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._thread.join()

    def kill(self) -> bool:
        """SIGKILL; False where it is down just now."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        process.kill()
        return True

    def _supervise(self) -> None:
        while not self._closing.is_set():
            with self._log.open("ab") as output:
                self._process = subprocess.Popen(
                    self._command,
                    env=self._environment,
                    cwd=PROJECT_ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.starts += 1
            self._process.wait()
            self._closing.wait(self._pause)


def workers(home: Path) -> list[int]:
    """The processes that execute runs of this chaos run, by pid."""
    return [pid for pid, command in _processes(home) if b"spawn_main" in command]


def end_all(home: Path) -> None:
    """SIGKILL to every process of this chaos run that is left."""
    for pid, _command in _processes(home):
        kill(pid)


def kill(pid: int) -> bool:
    """SIGKILL; False where there is no such process any more."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _processes(home: Path) -> list[tuple[int, bytes]]:
    mark, found = f"{_MARK}={home}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((int(folder.name), (folder / "cmdline").read_bytes()))
    return found
