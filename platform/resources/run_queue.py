"""The instance's run queue: runs of a job are put into it, as the UI does, and followed to their ends.

Here: launching through Dagster's GraphQL in this process, reading runs. Not here: which partitions a run is about, who
executes it (the daemon).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dagster import AssetKey, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_graphql.cli import execute_query

from domain.errors import TransientError

WAITING = [DagsterRunStatus.QUEUED, DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING]
UNDER_WAY = [*WAITING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
_REPOSITORY = "__repository__"  # as Dagster names the one of a location that gives Definitions
_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on PipelineNotFoundError { message }
    ... on InvalidSubsetError { message }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}
"""


class RunQueue:
    """Asks for runs of the jobs of one code location."""

    def __init__(self, workspace: WorkspaceProcessContext, location: str) -> None:
        self._workspace = workspace
        self._location = location

    @classmethod
    @contextmanager
    def opened(cls, instance: DagsterInstance, workspace: Path) -> Iterator["RunQueue"]:
        """The queue, with the code of the workspace's one location loaded. Raises TransientError where it does not."""
        target = WorkspaceFileTarget([str(workspace)])
        (origin,) = target.create_origins()
        location, is_file = origin.location_name, isinstance(origin, ManagedGrpcPythonEnvCodeLocationOrigin)
        with WorkspaceProcessContext(instance, target) as context:
            entry = context.create_request_context().get_code_location_entries()[location]
            if entry.load_error:
                raise TransientError(
                    f"the code does not load: {entry.load_error.message}",
                    where=str(workspace),
                    remedy="Run: make check" if is_file else "Start it: vigie fleet code; VIGIE_CODE_HOST says where.",
                )
            yield cls(context, location)

    def launch(self, job: str, tags: Mapping[str, str], assets: Sequence[AssetKey] = ()) -> str:
        """Puts one run into the queue; `assets` is part of the job's, all of them where it is empty. The run's id."""
        selector: dict[str, object] = {
            "pipelineName": job,
            "repositoryName": _REPOSITORY,
            "repositoryLocationName": self._location,
        }
        if assets:
            selector["assetSelection"] = [{"path": key.path} for key in assets]
            selector["assetCheckSelection"] = []
        params = {
            "selector": selector,
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = execute_query(self._workspace, _LAUNCH, {"params": params})
        done = (answer.get("data") or {}).get("launchRun") or {}
        if done.get("__typename") != "LaunchRunSuccess":
            said = done.get("message") or done.get("errors") or answer.get("errors")
            raise TransientError(f"the run could not be asked for: {said}", where=job)
        return str(done["run"]["runId"])


def runs_tagged(instance: DagsterInstance, name: str, value: str) -> list[DagsterRun]:
    """The runs that bear the tag, the oldest first."""
    return list(reversed(instance.get_runs(RunsFilter(tags={name: value}))))


def runs_under_way(instance: DagsterInstance) -> list[DagsterRun]:
    """Every run that is not over."""
    return list(instance.get_runs(RunsFilter(statuses=UNDER_WAY)))
