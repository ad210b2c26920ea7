"""Runs on one machine: Dagster's own launcher, with a true answer to whether a run's worker still lives.

Here: the launcher that the project's dagster.yaml names. Not here: the locks (resources.run_lock_files), runs on many
machines (fleet).
"""

import time

from dagster import DagsterRun, DagsterRunStatus, DefaultRunLauncher
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from resources.run_lock_files import folder_of, held, launching

_TO_LAUNCH = (DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING)
_GRACE = 300.0  # seconds in which a run that has started takes its lock


class MachineRunLauncher(DefaultRunLauncher):
    """Each run is a process that the code server starts.

    With Dagster's own only that code server notices when the process is gone: where both went together (a container, a
    machine that starts again) the run stays STARTED for ever, with its place in the pool, and its stage waits for it.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        """Not a second time where a code server has the run: its answer came too late and the run was queued again, or
        somebody started a second daemon.

        The second process would end at once, and the code server would take that for the end of the run.
        """
        run_id = context.dagster_run.run_id
        with launching(folder_of(self._instance.root_directory), run_id):
            run = self._instance.get_run_by_id(run_id)
            if run and run.status in _TO_LAUNCH and not self._is_at_work(context):
                super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the run's lock is held. A worker outlives a code server that was killed alone, and goes on."""
        there = held(folder_of(self._instance.root_directory), run.run_id)
        if there or (there is None and self._young(run)):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, "No process holds the run's lock: its worker is dead.")

    def _is_at_work(self, context: LaunchRunContext) -> bool:
        """Whether a code server works on the run: the one that its tag names, or the one that would be asked now.

        The tag alone does not do: a second daemon that read the run before it was launched may have written it since.
        """
        run_id = context.dagster_run.run_id
        tagged = self._get_grpc_client_for_termination(run_id)  # type: ignore[no-untyped-call]
        return any(_has(client, run_id) for client in (_server_of(context), tagged) if client)

    def _young(self, run: DagsterRun) -> bool:
        record = self._instance.get_run_record_by_id(run.run_id)
        return record is not None and time.time() - (record.start_time or time.time()) < _GRACE


def _server_of(context: LaunchRunContext) -> DagsterGrpcClient | None:
    origin = context.dagster_run.remote_job_origin
    if context.workspace is None or origin is None:
        return None
    location = context.workspace.get_code_location(origin.repository_origin.code_location_origin.location_name)
    return location.client if isinstance(location, GrpcServerCodeLocation) else None


def _has(server: DagsterGrpcClient, run_id: str) -> bool:
    answer = server.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id))
    return deserialize_value(answer, CanCancelExecutionResult).can_cancel
