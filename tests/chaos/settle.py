"""After the load: waiting until nothing moves, and asking once more for what failed, as a person would.

Here: rest, re-execution, retries of accounts. Not here: whether what came of it is right (judge).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dagster import DagsterInvalidSubsetError, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.definitions.selector import JobSubsetSelector
from dagster._core.execution.plan.resume_retry import ReexecutionStrategy
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from resources.decisions import Decisions
from tests.chaos.stage import Stage

_LOOK_EVERY = 1.0
_ACCOUNT_JOBS = ("change_account", "look_for_drift")
_IN_VAIN = (DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
# What failed, and what waits for its next try: up to an hour, after many that were killed.
_TO_RETRY = ("PLAN_FAILED", "APPLY_FAILED", "PENDING_SCHEMATICS", "PLANNING", "APPLYING")


@dataclass
class Rest:
    """Whether everything came to rest, and what did not."""

    came: bool
    seconds: float
    moving: list[str]


def until_at_rest(stage: Stage, patience: float, tell: Callable[[str], None]) -> Rest:
    """Waits until every run is over, and every sensor has since said twice that there is nothing to do."""
    began = told = time.monotonic()
    moving: list[str] = []
    while time.monotonic() - began < patience:
        moving = _moving(stage)
        if not moving:
            return Rest(True, time.monotonic() - began, [])
        if time.monotonic() - told > 30:
            told = time.monotonic()
            tell(f"waiting for: {'; '.join(moving[:6])}")
        time.sleep(_LOOK_EVERY)
    return Rest(False, time.monotonic() - began, moving)


def retry_failed(stage: Stage) -> list[str]:
    """Re-executes what failed and was never done since, and asks again for failed accounts; what was asked for."""
    asked = []
    for run in _failed_runs(stage):
        if _re_execute(stage, run):
            asked.append(f"{run.job_name} {run.run_id[:8]}")
    decisions = Decisions(stage.database)
    for account in stage.database.accounts():
        if account.status in _TO_RETRY:
            decisions.retry(account.name, "ann")
            asked.append(account.name)
    return asked


def _moving(stage: Stage) -> list[str]:
    instance = stage.instance
    unfinished = [status for status in DagsterRunStatus if status not in FINISHED_STATUSES]
    runs = instance.get_runs(RunsFilter(statuses=unfinished))
    moving = [f"{run.job_name} {run.run_id[:8]} is {run.status.value}" for run in runs]
    ends = [record.end_time or 0.0 for record in instance.get_run_records(limit=50)]
    since = max(ends, default=0.0)
    sensors = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    if not sensors:
        return ["no sensor has ticked yet"]
    for state in sensors:
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since, limit=2)
        if len(ticks) < 2 or any(tick.status != TickStatus.SKIPPED for tick in ticks):
            moving.append(f"{state.instigator_name} {[tick.status.value for tick in ticks]}")
    return moving


def _failed_runs(stage: Stage) -> list[DagsterRun]:
    """The newest run of every group in which none succeeded, oldest first. Accounts are asked for by their sensor."""
    runs = stage.instance.get_runs()
    groups: dict[str, list[DagsterRun]] = {}
    for run in runs:  # the newest first
        groups.setdefault(run.root_run_id or run.run_id, []).append(run)
    lost = [
        group[0]
        for group in groups.values()
        if group[0].job_name not in _ACCOUNT_JOBS and all(run.status in _IN_VAIN for run in group)
    ]
    return list(reversed(lost))


def _re_execute(stage: Stage, run: DagsterRun) -> bool:
    """False where the run has done all its steps, and was killed before it could say so."""
    target = GrpcServerTarget(host="127.0.0.1", port=stage.code_port, socket=None, location_name="vigie")
    with WorkspaceProcessContext(stage.instance, target) as process:
        workspace = process.create_request_context()
        location = workspace.get_code_location("vigie")
        assert run.remote_job_origin
        repository = run.remote_job_origin.repository_origin.repository_name
        selection = None if run.asset_selection is None else list(run.asset_selection)
        checks = None if run.asset_check_selection is None else list(run.asset_check_selection)
        job = location.get_job(
            JobSubsetSelector("vigie", repository, run.job_name, run.op_selection, selection, checks)
        )
        try:
            again = stage.instance.create_reexecuted_run(
                request_context=workspace,
                parent_run=run,
                code_location=location,
                remote_job=job,
                strategy=ReexecutionStrategy.FROM_FAILURE,
                use_parent_run_tags=True,
            )
        except DagsterInvalidSubsetError:
            return False
        stage.instance.submit_run(again.run_id, workspace)
    return True
