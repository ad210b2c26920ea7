"""What an instance tells about those who work on it: a daemon that lives, several of them, a clock that was set back.

Here: reading Dagster's heartbeats, newest run and sensors' last looks. Not here: what to do about it (those who ask).
"""

import time
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import SensorInstigatorData

HEARTBEAT = 45.0  # seconds; a daemon gives one every 30
_AT_WORK = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]


@dataclass(frozen=True, slots=True)
class Signs:
    """A look at an instance. `last_heartbeat` is in seconds ago, None where no daemon ever gave one; `daemons` are the
    processes that gave one lately; `ahead` says by how many seconds the newest sign of life lies in the future."""

    last_heartbeat: float | None
    daemons: frozenset[str]
    runs_at_work: int
    ahead: float

    @property
    def alive(self) -> bool:
        """Whether a daemon works on the instance, as far as anybody can tell."""
        return self.last_heartbeat is not None and abs(self.last_heartbeat) < HEARTBEAT


def signs_of(instance: DagsterInstance, now: float | None = None) -> Signs:
    """A look at an instance, now (seconds since the epoch).

    Every daemon process has an id of its own, and each of its threads says it with its heartbeat: a second id among
    fresh ones is a second process. Two that take turns show only now and then.
    """
    at = time.time() if now is None else now
    beats = list(instance.get_daemon_heartbeats().values())
    newest = max((beat.timestamp for beat in beats), default=None)
    fresh = frozenset(str(beat.daemon_id) for beat in beats if abs(at - beat.timestamp) < HEARTBEAT)
    runs = instance.get_run_records(limit=1)
    started = runs[0].create_timestamp.timestamp() if runs else 0.0
    return Signs(
        last_heartbeat=None if newest is None else at - newest,
        daemons=fresh,
        runs_at_work=instance.get_runs_count(RunsFilter(statuses=_AT_WORK)),
        ahead=max(0.0, max(newest or 0.0, started, _newest_look(instance)) - at),
    )


def _newest_look(instance: DagsterInstance) -> float:
    """When a sensor that is on looked last, by the times that Dagster compares with now; 0 where none ever did.

    A daemon that lives writes its heartbeats by the clock as it is: only what it no longer writes tells.
    """
    newest = 0.0
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        data = state.instigator_data
        if state.is_running and isinstance(data, SensorInstigatorData):
            newest = max(newest, data.last_tick_timestamp or 0.0, data.last_tick_start_timestamp or 0.0)
    return newest


def signs_at(home: Path) -> Signs | None:
    """A look at the instance in a folder; None where there is none, and none is made."""
    if not (home / "dagster.yaml").is_file():
        return None
    with DagsterInstance.from_config(str(home)) as instance:
        return signs_of(instance)
