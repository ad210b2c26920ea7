"""What becomes of a run whose worker is gone together with the code server that started it."""

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
import yaml
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    JobDefinition,
    execute_job,
    job,
    op,
    reconstructable,
)
from dagster._cli.job import execute_launch_command
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import create_run_for_test
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.monitoring.run_monitoring import execute_run_monitoring_iteration
from dagster._grpc.server import GrpcServerProcess
from dagster._serdes import serialize_value
from dagster_shared.cli import WorkspaceOpts

from executor import patient_executor
from machine import MachineRunLauncher
from resources.run_lock_files import folder_of, held, hold
from settings import PROJECT_ROOT


class _Daemon:
    """What the monitoring iteration asks of the daemon that it is a part of."""

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance = instance

    def create_request_context(self) -> None:
        """No code location: none is needed to see that a worker is dead."""


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    (tmp_path / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def watch(instance: DagsterInstance) -> None:
    list(execute_run_monitoring_iteration(cast(Any, _Daemon(instance)), logging.getLogger("test"), None))


def started(instance: DagsterInstance) -> str:
    run_id: str = create_run_for_test(instance, status=DagsterRunStatus.STARTING).run_id
    run = instance.get_run_by_id(run_id)
    assert run
    instance.report_dagster_event(DagsterEvent(DagsterEventType.RUN_START.value, run.job_name), run_id)
    return run_id


def status(instance: DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def test_the_projects_instance_launches_runs_that_are_watched(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, MachineRunLauncher)
    assert instance.run_monitoring_enabled


def test_a_run_whose_process_is_gone_fails(instance: DagsterInstance) -> None:
    run_id = started(instance)
    folder = folder_of(instance.root_directory)
    worker = (
        "import sys, pathlib; from resources.run_lock_files import hold; hold(pathlib.Path(sys.argv[1]), sys.argv[2])"
    )
    subprocess.run([sys.executable, "-c", worker, folder, run_id], cwd=PROJECT_ROOT / "platform", check=True)
    watch(instance)
    assert status(instance, run_id) is DagsterRunStatus.FAILURE


def test_a_run_whose_process_lives_goes_on(instance: DagsterInstance) -> None:
    run_id = started(instance)
    hold(folder_of(instance.root_directory), run_id)
    watch(instance)
    assert status(instance, run_id) is DagsterRunStatus.STARTED


def test_a_run_that_has_just_started_has_time_to_take_its_lock(instance: DagsterInstance) -> None:
    run_id = started(instance)
    watch(instance)
    assert status(instance, run_id) is DagsterRunStatus.STARTED


def small() -> JobDefinition:
    @op
    def nothing() -> None: ...

    @job(executor_def=patient_executor())
    def one() -> None:
        nothing()

    return one


def test_every_run_takes_its_lock(instance: DagsterInstance) -> None:
    done = execute_job(reconstructable(small), instance=instance)
    assert done.success
    assert held(folder_of(instance.root_directory), done.run_id)


SLOW = """
import time
from dagster import job, op

@op
def work() -> None:
    time.sleep(1)

@job
def slow() -> None:
    work()
"""


@contextmanager
def asked_for(instance: DagsterInstance, folder: Path) -> Iterator[tuple[DagsterRun, WorkspaceRequestContext]]:
    """A run of `slow` that is still to be launched, and the code server that would work on it; until it succeeded."""
    (folder / "slow.py").write_text(SLOW)
    origin = LoadableTargetOrigin(
        executable_path=sys.executable, python_file=str(folder / "slow.py"), working_directory=str(folder)
    )
    with GrpcServerProcess(instance.get_ref(), location_name="slow", loadable_target_origin=origin) as server:
        target = GrpcServerTarget(host="localhost", port=server.port, socket=server.socket, location_name="slow")
        with WorkspaceProcessContext(instance, target) as process:
            where = {"host": "localhost", "port": server.port, "socket": server.socket, "location_name": "slow"}
            file = folder / "workspace.yaml"
            file.write_text(yaml.safe_dump({"load_from": [{"grpc_server": {k: v for k, v in where.items() if v}}]}))
            run = execute_launch_command(
                instance=instance, workspace_opts=WorkspaceOpts(workspace=(str(file),)), job_name="slow"
            )
            yield run, process.create_request_context()
            deadline = time.monotonic() + 60
            while status(instance, run.run_id) is not DagsterRunStatus.SUCCESS and time.monotonic() < deadline:
                time.sleep(0.2)
        server.shutdown_server()
        server.wait()
    assert status(instance, run.run_id) is DagsterRunStatus.SUCCESS


def launches(instance: DagsterInstance, run: DagsterRun) -> int:
    """How many processes were started for it."""
    said = [str(event.message) for event in instance.all_logs(run.run_id)]
    return sum("Started process for run" in line for line in said)


@pytest.mark.e2e
def test_two_daemons_that_take_a_run_at_once_launch_it_once(instance: DagsterInstance, tmp_path: Path) -> None:
    with asked_for(instance, tmp_path) as (run, workspace):
        daemons = [Thread(target=instance.launch_run, args=(run.run_id, workspace)) for _daemon in range(2)]
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            daemon.join()
    assert launches(instance, run) == 1


@pytest.mark.e2e
def test_a_run_that_lost_the_name_of_its_server_is_not_launched_again(
    instance: DagsterInstance, tmp_path: Path
) -> None:
    with asked_for(instance, tmp_path) as (run, workspace):
        instance.launch_run(run.run_id, workspace)
        # A second daemon read the run before it had its tag, and writes it after: Dagster reads, changes and writes.
        stale = {"run_body": serialize_value(run.with_status(DagsterRunStatus.STARTING)), "status": "STARTING"}
        with cast(SqlRunStorage, instance.run_storage).connect() as connection:
            connection.execute(RunsTable.update().where(RunsTable.c.run_id == run.run_id).values(**stale))
        found = instance.get_run_by_id(run.run_id)
        assert found
        assert GRPC_INFO_TAG not in found.tags
        instance.launch_run(run.run_id, workspace)
    assert launches(instance, run) == 1


def test_while_the_code_server_starts_again_runs_stay_in_the_queue(instance: DagsterInstance) -> None:
    queue = instance.get_concurrency_config().run_queue_config
    assert queue
    assert queue.max_user_code_failure_retries * queue.user_code_failure_retry_delay >= 120
    assert queue.max_concurrent_runs == 6
