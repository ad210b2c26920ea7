"""How often a job is looked at while it runs: each look is one of the few requests a minute that all runs share."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import time_machine

from domain.activities import Activity, Kind, PlanSummary, WorkspaceLook
from domain.inputs import Variable
from domain.launches import End, Launcher, Terms
from domain.standing import Job

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class World:
    """A job of so many seconds: its book, its lease and its workspace, in a time that passes only while one waits."""

    def __init__(self, clock: time_machine.Traveller, seconds: float, usual: dict[str, float]) -> None:
        self.id = "workspace"
        self.looks: list[float] = []
        self._clock = clock
        self._seconds = seconds
        self._usual = usual

    def usual_seconds(self, kind: Kind) -> float:
        return self._usual.get(kind, 0.0)

    def finish(self, job: Job, end: End) -> Job:
        return replace(job, status=end.status, finished_at=datetime.now(UTC))

    def renew(self) -> None: ...

    def pause(self, seconds: float) -> None:
        self._clock.shift(seconds)

    def activity(self, activity_id: str) -> Activity:
        elapsed = (datetime.now(UTC) - START).total_seconds()
        self.looks.append(round(elapsed, 1))
        return Activity(activity_id, "APPLY", "COMPLETED" if elapsed >= self._seconds else "INPROGRESS")

    def intend(self, account: str, version: int, kind: Kind, fingerprint: str, before: Sequence[str]) -> Job:
        raise NotImplementedError

    def launched(self, job: Job, activity_id: str) -> Job:
        raise NotImplementedError

    def claimed(self, account: str) -> set[str]:
        raise NotImplementedError

    def look(self) -> WorkspaceLook:
        raise NotImplementedError

    def set_inputs(self, look: WorkspaceLook, inputs: Sequence[Variable]) -> WorkspaceLook:
        raise NotImplementedError

    def activities(self) -> Sequence[Activity]:
        raise NotImplementedError

    def launch(self, kind: Kind) -> str:
        raise NotImplementedError

    def plan_summary(self, activity_id: str) -> PlanSummary:
        raise NotImplementedError

    def log(self, activity_id: str) -> str:
        raise NotImplementedError

    def stop(self, activity_id: str) -> None:
        raise NotImplementedError


def looks(seconds: float, begun: float = 0.0, **usual: float) -> list[float]:
    """When an apply is looked at that takes so long, by a worker that comes to it after `begun`; 10 s between looks."""
    with time_machine.travel(START, tick=False) as clock:
        world = World(clock, seconds, usual)
        clock.shift(begun)
        terms = Terms(poll=10, lock_patience=0, lost_reply=0, job_deadline=7200)
        launcher = Launcher(world, world, world, terms, lambda _job, activity: End(activity.status), lambda _said: None)
        job = Job(1, "alpha", 2, "apply", 1, "LAUNCHED", "f", START, activity_id="a", launched_at=START)
        assert launcher.take_up(job).succeeded
        return world.looks


def test_a_job_is_first_looked_at_when_such_jobs_usually_end() -> None:
    assert looks(20, apply=21.5) == [20.4]
    assert looks(25, apply=21.5) == [20.4, 30.4]


def test_the_first_apply_is_expected_to_take_as_long_as_a_plan() -> None:
    assert looks(45, plan=40.0) == [38.0, 48.0]


def test_a_job_nobody_knows_is_looked_at_ever_more_seldom() -> None:
    assert looks(100) == [10, 20, 30, 40, 50, 60, 72.5, 88.1, 107.7]


def test_a_long_job_is_looked_at_once_a_minute() -> None:
    assert looks(290, apply=300.0) == [60, 120, 180, 240, 285, 295]


def test_a_job_that_is_over_is_seen_so_by_the_first_look() -> None:
    assert looks(20, begun=500, apply=20.0) == [500]
