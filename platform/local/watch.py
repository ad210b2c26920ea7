"""Watching an instance until its graph is at rest: every run over, every sensor finding nothing to do.

Here: progress on the terminal, the end, a daemon that died. Not here: what the runs are.
"""

import subprocess
import time
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from rich.console import Console

from domain.errors import PermanentError, TransientError

_PATIENCE = 420.0  # seconds in all: a slow machine is no failure
_LOOK_EVERY = 0.5
_LAST_LINES = 2000  # characters of the daemon's log that an error shows
_WORDS = {DagsterRunStatus.STARTED: "running", DagsterRunStatus.SUCCESS: "done", DagsterRunStatus.FAILURE: "FAILED"}
_TAGS_SHOWN = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class Watch:
    """Follows the runs of an instance from now on."""

    def __init__(self, instance: DagsterInstance, daemon: subprocess.Popen[bytes], log: Path, out: Console) -> None:
        self._instance = instance
        self._daemon = daemon
        self._log = log
        self._out = out
        self._since = time.time()
        self._shown: dict[str, DagsterRunStatus] = {}
        self._earlier = {run.run_id for run in instance.get_runs() if run.status in FINISHED_STATUSES}

    def until_at_rest(self) -> list[DagsterRun]:
        """The runs that came since, in order, once nothing is under way and every sensor has said so.

        Raises PermanentError where a sensor fails, TransientError where the daemon ends or rest does not come in time.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            runs = [run for run in self._instance.get_runs() if run.run_id not in self._earlier]
            self._progress(runs)
            if all(run.status in FINISHED_STATUSES for run in runs) and self._sensors_are_quiet():
                return list(reversed(runs))
            if self._daemon.poll() is not None:
                raise TransientError(
                    f"Dagster's daemon ended with {self._daemon.returncode}: {self._tail()}", where=str(self._log)
                )
            time.sleep(_LOOK_EVERY)
        raise TransientError(
            f"the graph did not come to rest within {_PATIENCE:g} s: {self._tail()}",
            where=str(self._log),
            remedy="Look at the runs in the UI, then run the demo again: it goes on from where it is.",
        )

    def _sensors_are_quiet(self) -> bool:
        ends = [record.end_time or 0 for record in self._instance.get_run_records(limit=20)]
        since = max([self._since, *ends])
        sensors = self._instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if not sensors:
            return False
        for state in sensors:
            ticks = self._instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since, limit=2)
            if ticks and all(tick.status == TickStatus.FAILURE for tick in ticks):
                said = ticks[0].error.message if ticks[0].error else "no reason given"
                raise PermanentError(f"the sensor fails: {said}", where=state.instigator_name)
            if len(ticks) < 2 or any(tick.status != TickStatus.SKIPPED for tick in ticks):
                return False
        return True

    def _progress(self, runs: list[DagsterRun]) -> None:
        for run in reversed(runs):
            if self._shown.get(run.run_id) == run.status or run.status not in (
                DagsterRunStatus.STARTED,
                *FINISHED_STATUSES,
            ):
                continue
            self._shown[run.run_id] = run.status
            what = " to ".join(dict.fromkeys(run.tags[tag] for tag in _TAGS_SHOWN if tag in run.tags))
            word = {"STARTED": "running", "SUCCESS": "done", "FAILURE": "FAILED"}.get(
                run.status.value, run.status.value
            )
            self._out.print(f"{time.time() - self._since:6.1f} s  {word:8} {run.job_name:20} {what}", markup=False)

    def _tail(self) -> str:
        return self._log.read_text(errors="replace")[-_LAST_LINES:] if self._log.is_file() else ""
