"""Runs on many machines: Dagster's Celery launcher, with a true answer to whether a run's worker still lives.

Here: the launcher that the fleet's dagster.yaml names, and the worker that takes its runs. Not here: the locks
(run_locks), the instance's file (deploy/), commands (fleet_cli). Needs the extra `fleet`.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import kombu.transport.sqlalchemy  # noqa: F401  # Kombu would import it when it launches, in several threads at once
from celery import Celery, Task
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._check import not_none
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value, unpack_value
from dagster._utils import send_interrupt
from dagster._utils.interrupts import capture_interrupts
from dagster_celery.config import TASK_EXECUTE_JOB_NAME
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tasks import create_execute_job_task
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.utils import DagsterPostgresException
from kombu.exceptions import OperationalError as KombuOperationalError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from domain.errors import SettingsError
from run_locks import RunLocks

GRACE = 20.0  # seconds without a holder of its lock, after which a run's worker is dead; more than its `GIVE_UP`
_HEED = 5.0  # seconds between two looks of a worker at whether its run is still wanted


class FleetRunLauncher(CeleryRunLauncher):
    """Runs as Celery tasks; by default PostgreSQL, where Dagster keeps its runs, is the broker too.

    Dagster's own asks Celery for the state of the task, which stays STARTED for ever when a worker is killed.
    """

    def register_instance(self, instance: DagsterInstance) -> None:
        super().register_instance(instance)
        url = _storage_url(instance)
        self._locks = RunLocks(url)
        self._missed: dict[str, float] = {}
        self._queues_open = False
        if not self.broker:
            self.celery.conf.broker_url = f"sqla+{url}"

    def launch_run(self, context: LaunchRunContext) -> None:
        """Asks by the task's name: nothing of the instance's configuration goes to the broker."""
        with _given_back((KombuOperationalError, OperationalError)):
            self.open_queues()
        run = context.dagster_run
        origin = not_none(run.job_code_origin)
        args = ExecuteRunArgs(job_origin=origin, run_id=run.run_id, instance_ref=None, set_exit_code_on_failure=True)
        asked = self.celery.signature(
            TASK_EXECUTE_JOB_NAME, kwargs={"execute_job_args_packed": pack_value(args)}, immutable=True
        )
        with _given_back((KombuOperationalError,)):  # not what Dagster's storage says after the broker took it
            self._launch_celery_task_run(run=run, task_signature=asked, routing_key=TASK_EXECUTE_JOB_NAME)

    def open_queues(self) -> None:
        """Makes the broker's queues where they are not yet.

        Kombu makes its tables and queues at PostgreSQL at first use, and fails where two processes do so at once.
        """
        if self._queues_open:
            return
        with self._locks.alone("the broker's queues"), self.celery.connection_for_write() as broker:
            for queue in self.celery.amqp.queues.values():
                queue(broker.default_channel).declare()
        self._queues_open = True

    @property
    def supports_resume_run(self) -> bool:
        """A dead worker's run fails, and its retry does what was left: docs/adr/0033-runs-spread-by-celery.md."""
        return False

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """RUNNING while the run's lock is held, and `GRACE` seconds beyond: a server that restarts frees every lock."""
        if self._locks.held(run.run_id):
            self._missed.pop(run.run_id, None)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        missed = self._missed.setdefault(run.run_id, time.monotonic())
        if time.monotonic() - missed < GRACE:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        del self._missed[run.run_id]
        return CheckRunHealthResult(WorkerStatus.FAILED, "No process holds the run's lock: its worker is dead.")

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        return None

    def terminate(self, run_id: str) -> bool:
        """Asks the run's worker to stop, wherever it is: it looks at its run's status."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        return True


class _LockedRun(Task):  # type: ignore[misc]  # Celery has no types
    """Dagster's task of a run, worked off by one process at a time, and no longer than the run is wanted."""

    def __call__(self, execute_job_args_packed: Any) -> Any:
        run_id = unpack_value(execute_job_args_packed, as_type=ExecuteRunArgs).run_id
        with DagsterInstance.get() as instance, self._lock_of(instance, run_id) as held, capture_interrupts():
            if not held:  # delivered twice: the other one does it
                return None
            over = threading.Event()
            threading.Thread(target=_heed, args=(instance, run_id, over), daemon=True).start()
            try:
                return super().__call__(execute_job_args_packed=execute_job_args_packed)
            finally:
                over.set()

    @staticmethod
    def _lock_of(instance: DagsterInstance, run_id: str) -> AbstractContextManager[bool]:
        return RunLocks(_storage_url(instance)).hold(run_id, _end_at_once)


def worker_app(instance: DagsterInstance) -> Celery:
    """The Celery application of a worker, as the instance's launcher is configured."""
    launcher = instance.run_launcher
    if not isinstance(launcher, FleetRunLauncher):
        raise SettingsError(
            "this instance launches its runs by itself: it has no use for a worker.",
            where="run_launcher in dagster.yaml",
            remedy="Run: VIGIE_INSTANCE=fleet vigie prepare",
        )
    app = launcher.celery
    app.conf.update(
        task_acks_late=True,  # a worker takes no more than it can begin
        worker_prefetch_multiplier=1,
        worker_max_tasks_per_child=1,  # a process per run, as everywhere
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
    )
    launcher.open_queues()
    create_execute_job_task(app, base=_LockedRun)  # type: ignore[arg-type]  # Dagster says dict of what is Any
    return app


def work(concurrency: int) -> None:
    """Takes runs from the broker, `concurrency` at a time, until it is told to stop (SIGTERM: after those at work).

    Each run is a fork of this process, which has loaded the definitions: a run finds them there.
    """
    with DagsterInstance.get() as instance:
        app = worker_app(instance)
        from definitions import defs

        defs.get_repository_def()
        name = f"--hostname=vigie-{os.getpid()}@%h"
        app.worker_main(["worker", name, "--pool=prefork", f"--concurrency={concurrency}", "--loglevel=info"])


def _storage_url(instance: DagsterInstance) -> str:
    storage = instance.run_storage
    if not isinstance(storage, PostgresRunStorage):
        raise SettingsError(
            "a fleet's runs are kept by PostgreSQL.",
            where="storage in dagster.yaml",
            remedy="Run: VIGIE_INSTANCE=fleet vigie prepare",
        )
    return storage.postgres_url


@contextmanager
def _given_back(away: tuple[type[Exception], ...]) -> Iterator[None]:
    """A broker that is away, in the one error after which Dagster's queue takes a run back and tries again."""
    try:
        yield
    except away as error:
        raise DagsterUserCodeUnreachableError(f"The broker of the fleet cannot be reached: {error}") from error


def _heed(instance: DagsterInstance, run_id: str, over: threading.Event) -> None:
    """Interrupts a run that somebody cancels; ends the process of one that was given up without it."""
    while not over.wait(_HEED):
        try:
            run = instance.get_run_by_id(run_id)
        except (SQLAlchemyError, DagsterPostgresException):
            continue
        if run is not None and run.status is DagsterRunStatus.CANCELING:
            send_interrupt()
        elif run is None or run.is_finished:
            over.wait(_HEED)
            if not over.is_set():
                _end_at_once()


def _end_at_once() -> None:
    """Whatever this process would still do belongs to another now."""
    os.kill(os.getpid(), signal.SIGKILL)
