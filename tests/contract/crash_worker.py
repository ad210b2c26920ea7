"""A worker that changes one account, and dies by SIGKILL right before its n-th step: every call of the book and of the
workspace is a step. Not here: what must hold afterwards (test_crash_matrix)."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.changes import Change
from domain.launches import Terms
from domain.standing import Job
from resources.database import AccountsDatabase
from resources.launch_book import LaunchBook
from resources.schematics import Schematics

LEASE = 0.5  # seconds
NEVER = 10_000


@dataclass(frozen=True)
class Place:
    """Where the account is, for a process of its own."""

    database: str
    schematics: str
    iam: str
    account: str
    workspace: str


class Steps:
    """Counts the calls of several objects as one sequence, and dies before the n-th."""

    def __init__(self, die_before: int) -> None:
        self.taken: list[str] = []
        self._die_before = die_before

    def of(self, target: object, name: str) -> Any:
        return _Stepped(target, name, self)

    def take(self, step: str) -> None:
        self.taken.append(step)
        if len(self.taken) == self._die_before:
            os.kill(os.getpid(), signal.SIGKILL)


class _Stepped:
    def __init__(self, target: object, name: str, steps: Steps) -> None:
        self._target = target
        self._name = name
        self._steps = steps

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._target, attribute)
        if not callable(found):
            return found
        call: Callable[..., Any] = found

        def stepped(*arguments: Any, **named: Any) -> Any:
            self._steps.take(f"{self._name}.{attribute}")
            return call(*arguments, **named)

        return stepped


def change(place: Place, die_before: int = NEVER, lock_patience: float = 10.0, job_deadline: float = 60.0) -> list[str]:
    """Plans and applies as a run does: the steps that were taken."""
    steps, said = Steps(die_before), list[str]()
    database = AccountsDatabase(place.database)
    book = LaunchBook(database)

    def keep_log(job: Job, _text: str) -> str:
        steps.take("store.put")
        return f"{job.account}/{job.kind}-{job.attempt}.log"

    terms = Terms(poll=0.01, lock_patience=lock_patience, lost_reply=0.3, job_deadline=job_deadline)
    for action in ("plan", "apply"):
        with (
            book.lease(place.account, LEASE, said.append) as lease,
            Schematics(
                place.schematics, place.iam, "key", pace=lease.renew, request_timeout=10.0, sleep=lease.pause
            ) as schematics,
        ):
            workspace = steps.of(schematics.workspace(place.workspace), "workspace")
            worker = Change(steps.of(book, "book"), workspace, lease, terms, {}, "key", keep_log, said.append)
            if action == "plan":
                worker.plan(place.account)
            else:
                worker.apply(place.account)
    database.close()
    return steps.taken


def run(place: Place, die_before: int, taken: Any = None) -> None:
    """The process's own main; `taken` is a queue for the steps, where somebody wants them."""
    steps = change(place, die_before)
    if taken is not None:
        taken.put(steps)
