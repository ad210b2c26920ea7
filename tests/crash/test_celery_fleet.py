"""A fleet: PostgreSQL, a code location, the daemon and two workers, one of which is killed whole, as a machine is lost.

The emulator says what Schematics has seen, the instance says what became of each run.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.tags import PARTITION_NAME_TAG
from sqlalchemy import create_engine, text

from assets.names import SCHEMATICS_POOL
from domain.accounts import Demand, DesiredState
from local.instance import STORAGE_VARIABLE, instance_environment, prepare
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.account_tables import Account
from resources.database import open_database
from settings import PROJECT_ROOT, TARGETS, Settings, load_settings, own_targets

pytestmark = pytest.mark.crash
PATIENCE = 400.0  # seconds, for each thing that is waited for
NAMES = [f"account_{number}" for number in range(3)]
KILLED, CANCELED = NAMES[0], "late"
STATE = DesiredState("1.0.0", 3)
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}


@dataclass
class Seen:
    """What came of it, once every account was at rest."""

    accounts: dict[str, Account]
    report: dict[str, Any]  # of the emulator
    runs: list[DagsterRun]  # of accounts, the oldest first
    workers: dict[str, int]  # run -> the worker that did it, by its process group
    lost_worker: int
    lost_runs: set[str]  # at work in it when it was killed
    last_words: dict[str, str]  # lost run -> the event that ended it
    seconds_to_notice: float
    canceled_run: DagsterRun | None

    def launches(self, name: str) -> Counter[str]:
        return Counter(one["kind"] for one in self.report["launches"] if one["workspace_name"] == name)


def a_fleet(home: Path, server: str, emulator: SchematicsEmulator) -> Settings:
    """A target on PostgreSQL, its databases made."""
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in ("dagster", "accounts"):
            connection.execute(text(f"create database {name}"))
    admin.dispose()
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": today(), "history_days": 1}
    document["database"]["url"] = server.replace("/postgres?", "/accounts?")
    document["schedule"]["sensor_seconds"] = 2
    patience = {"poll_seconds": 0.5, "lease_seconds": 6, "request_timeout": 5, "lost_reply_seconds": 2}
    at = {"url": emulator.url, "iam_url": emulator.iam_url, "requests_per_minute": 10_000}
    document["schematics"] |= {**patience, **at}
    own_targets(home).mkdir()
    (own_targets(home) / "fleet.yaml").write_text(yaml.safe_dump(document))
    return load_settings({"VIGIE_TARGET": "fleet", "VIGIE_HOME": str(home), "VIGIE_INSTANCE": "fleet"})


@contextmanager
def process(settings: Settings, log: Path, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command of the fleet, in a process group of its own: what a machine is here."""
    command = [str(Path(sys.executable).parent / "vigie"), "fleet", *arguments]
    environment = {**instance_environment(settings), **variables}
    with log.open("wb") as said:
        started = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield started
    finally:
        destroy(started)


def destroy(machine: subprocess.Popen[bytes]) -> None:
    """Everything of the process's group at once, as when the power goes."""
    with suppress(ProcessLookupError):
        os.killpg(machine.pid, signal.SIGKILL)
    machine.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def group_of(instance: DagsterInstance, run_id: str) -> int | None:
    """The process group of the worker that has taken the run up."""
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
        assert entry.dagster_event
        if pid := entry.dagster_event.engine_event_data.metadata.get("pid"):
            try:
                return os.getpgid(int(str(pid.value)))
            except ProcessLookupError:
                return None
    return None


def failures(instance: DagsterInstance) -> list[str]:
    """What every run that failed says."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    return [
        f"{run.job_name}: {entry.message} {getattr(entry.dagster_event, 'event_specific_data', None)}"
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id, of_type=kinds)
    ]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[Seen]:
    home = tmp_path_factory.mktemp("vigie")
    with pytest.MonkeyPatch.context() as environment, ExitStack() as opened:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        environment.setenv(STORAGE_VARIABLE, postgres.replace("/postgres?", "/dagster?"))
        emulator = opened.enter_context(SchematicsEmulator(job_seconds=4.0))
        settings = a_fleet(home, postgres, emulator)
        database = open_database(settings)
        opened.callback(database.close)
        database.upgrade(settings.migrations)
        folder = prepare(settings)
        for name, workspace in emulator.create_workspaces(NAMES, INPUTS).items():
            database.register(name, f"00{name}", STATE, "ops", workspace=workspace, mode="auto")
        database.request(Demand(NAMES, "ann", "CHG-1", execution_mode="plan_and_apply", subnet_count=5))

        port = str(free_port())
        machines = {
            name: opened.enter_context(process(settings, home / f"{name}.log", *command.split(), VIGIE_CODE_PORT=port))
            for name, command in {
                "code": f"code --port {port}",
                "one": "worker --concurrency 2",
                "two": "worker --concurrency 2",
                "daemon": "daemon",
            }.items()
        }
        instance = opened.enter_context(DagsterInstance.from_config(str(folder)))
        workers: dict[str, int] = {}

        def runs(*statuses: DagsterRunStatus) -> list[DagsterRun]:
            found = instance.get_runs(RunsFilter(job_name="change_account", statuses=statuses or None))
            return list(reversed(found))

        def note_workers() -> None:
            for run in runs():
                if run.run_id not in workers and (group := group_of(instance, run.run_id)):
                    workers[run.run_id] = group

        def until(what: str, happened: Callable[[], bool], *needed: str) -> None:
            deadline = time.monotonic() + PATIENCE
            while not happened():
                note_workers()
                for name in needed:
                    said = (home / f"{name}.log").read_text(errors="replace")[-2000:]
                    assert machines[name].poll() is None, f"{name} ended: {said}"
                assert time.monotonic() < deadline, f"never seen: {what}. {failures(instance)}"
                time.sleep(0.2)

        def at_schematics() -> set[tuple[str, str]]:
            return {(one["workspace_name"], one["kind"]) for one in emulator.report()["launches"] if not one["ended"]}

        def at_rest() -> bool:
            return {account.status for account in database.accounts()} == {"UPDATED"} and all(
                run.is_finished for run in instance.get_runs()
            )

        def slots_are_free() -> bool:
            return not instance.event_log_storage.get_concurrency_info(SCHEMATICS_POOL).claimed_slots

        # The other worker may have nothing yet: which of them takes a run is the broker's affair.
        until(f"an apply of {KILLED}", lambda: (KILLED, "APPLY") in at_schematics(), "code", "daemon", "one", "two")
        note_workers()
        at_work = runs(DagsterRunStatus.STARTED)
        (victim,) = [run for run in at_work if run.tags[PARTITION_NAME_TAG] == KILLED]
        lost = next(name for name in ("one", "two") if machines[name].pid == workers[victim.run_id])
        lost_runs = {run.run_id for run in at_work if workers.get(run.run_id) == machines[lost].pid}
        survivor = "two" if lost == "one" else "one"
        killed_at = time.monotonic()
        destroy(machines[lost])
        until(
            "the loss noticed",
            lambda: (
                not runs(DagsterRunStatus.STARTED)
                or victim.run_id in {run.run_id for run in runs(DagsterRunStatus.FAILURE)}
            ),
            "code",
            "daemon",
            survivor,
        )
        noticed = time.monotonic() - killed_at
        until("every account at rest", at_rest, "code", "daemon", survivor)
        until("every place in the pool given back", slots_are_free, "code", "daemon", survivor)

        (workspace,) = emulator.create_workspaces([CANCELED], INPUTS).values()
        database.register(CANCELED, "00late", STATE, "ops", workspace=workspace, mode="auto")
        database.request(Demand([CANCELED], "ann", "CHG-2", execution_mode="plan_and_apply", subnet_count=5))
        until(f"a plan of {CANCELED}", lambda: (CANCELED, "PLAN") in at_schematics(), "code", "daemon", survivor)
        (unwanted,) = [run for run in runs(DagsterRunStatus.STARTED) if run.tags[PARTITION_NAME_TAG] == CANCELED]
        assert instance.run_launcher.terminate(unwanted.run_id)
        until("every account at rest again", at_rest, "code", "daemon", survivor)
        last_words = {}
        for run_id in lost_runs:
            (event,) = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
            last_words[run_id] = event.message
        yield Seen(
            {account.name: account for account in database.accounts()},
            emulator.report(),
            runs(),
            workers,
            machines[lost].pid,
            lost_runs,
            last_words,
            noticed,
            instance.get_run_by_id(unwanted.run_id),
        )


def test_both_workers_take_runs(seen: Seen) -> None:
    assert len(set(seen.workers.values())) == 2


def test_the_runs_of_a_lost_worker_fail_and_say_why(seen: Seen) -> None:
    assert seen.lost_runs
    failed = {run.run_id for run in seen.runs if run.status is DagsterRunStatus.FAILURE}
    assert failed == seen.lost_runs
    assert all("its worker is dead" in words for words in seen.last_words.values()), seen.last_words
    assert seen.seconds_to_notice < PATIENCE


def test_its_work_is_taken_up_by_the_other_worker(seen: Seen) -> None:
    again = [run for run in seen.runs if run.status is DagsterRunStatus.SUCCESS]
    assert {run.tags[PARTITION_NAME_TAG] for run in again} == {*NAMES, CANCELED}
    lost_accounts = {run.tags[PARTITION_NAME_TAG] for run in seen.runs if run.run_id in seen.lost_runs}
    assert KILLED in lost_accounts
    takers = {seen.workers[run.run_id] for run in again if run.tags[PARTITION_NAME_TAG] in lost_accounts}
    assert takers
    assert seen.lost_worker not in takers


def test_nothing_is_launched_twice(seen: Seen) -> None:
    every = [*NAMES, CANCELED]
    assert {name: dict(seen.launches(name)) for name in every} == {name: {"PLAN": 1, "APPLY": 1} for name in every}
    assert {account.applied_version for account in seen.accounts.values()} == {2}


def test_the_pool_holds_over_all_machines(seen: Seen) -> None:
    assert seen.report["max_parallel"] <= 2


def test_a_run_that_is_canceled_stops_wherever_it_is(seen: Seen) -> None:
    assert seen.canceled_run
    assert seen.canceled_run.status is DagsterRunStatus.CANCELED
    assert seen.workers[seen.canceled_run.run_id] != seen.lost_worker
