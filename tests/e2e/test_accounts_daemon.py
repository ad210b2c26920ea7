"""A crowd of accounts through Dagster's own daemon: one that fails, one whose worker is killed in the middle of its
apply. One daemon serves every test here; the emulator says what Schematics has seen."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.names import SCHEMATICS_POOL
from domain.accounts import Demand, DesiredState
from local.instance import prepare, start, stop
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.account_tables import Account
from resources.database import open_database
from settings import TARGETS, Settings, load_settings, own_targets

pytestmark = [pytest.mark.e2e, pytest.mark.crash]
PATIENCE = 400.0  # seconds, for the whole crowd
KILLED, FAILING = "account_0", "account_3"
NAMES = [f"account_{number}" for number in range(6)]
STATE = DesiredState("1.0.0", 3)
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}


@dataclass
class Crowd:
    """What came of it, once every account was at rest."""

    accounts: dict[str, Account]
    report: dict[str, Any]  # of the emulator
    runs: list[DagsterRun]  # of accounts, the newest first
    killed_run: str
    claimed: int  # places in the pool that are taken still
    daemon_log: str

    def launches(self, name: str) -> Counter[str]:
        return Counter(one["kind"] for one in self.report["launches"] if one["workspace_name"] == name)

    def statuses(self, name: str) -> list[DagsterRunStatus]:
        return [run.status for run in reversed(self.runs) if run.tags[PARTITION_NAME_TAG] == name]


def target(home: Path, emulator: SchematicsEmulator) -> tuple[Settings, Path]:
    """A target and an instance that notice soon what has died."""
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": today(), "history_days": 1}
    document["schedule"]["sensor_seconds"] = 2
    patience = {"poll_seconds": 0.5, "lease_seconds": 6, "request_timeout": 5, "lost_reply_seconds": 2}
    at = {"url": emulator.url, "iam_url": emulator.iam_url, "requests_per_minute": 10_000}
    document["schematics"] |= {**patience, **at}
    own_targets(home).mkdir()
    (own_targets(home) / "crowd.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": "crowd", "VIGIE_HOME": str(home)})
    instance = prepare(settings)
    config = yaml.safe_load((instance / "dagster.yaml").read_text())
    config["run_monitoring"] |= {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1}
    (instance / "dagster.yaml").write_text(yaml.safe_dump(config))
    return settings, instance


def worker_of(instance: DagsterInstance, name: str) -> tuple[str, int]:
    """The run that works on the account now, and its process."""
    (run,) = instance.get_runs(RunsFilter(tags={PARTITION_NAME_TAG: name}, statuses=[DagsterRunStatus.STARTED]))
    for entry in instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
        assert entry.dagster_event
        if pid := entry.dagster_event.engine_event_data.metadata.get("pid"):
            return run.run_id, int(str(pid.value))
    raise AssertionError(f"no event of run {run.run_id} names its process")


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    home = tmp_path_factory.mktemp("vigie")
    with pytest.MonkeyPatch.context() as environment, SchematicsEmulator(job_seconds=2.0) as emulator:
        environment.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        settings, instance_folder = target(home, emulator)
        database, log = open_database(settings), settings.home / "daemon.log"
        for name, workspace in emulator.create_workspaces(NAMES, INPUTS).items():
            database.register(name, f"00{name}", STATE, "ops", workspace=workspace, mode="auto")
        database.request(Demand(NAMES, "ann", "CHG-1", execution_mode="plan_and_apply", subnet_count=5))
        emulator.fault("fail_job", workspace=FAILING, job="apply")
        daemon = start(settings, "dagster-daemon", "run", log=log)

        def until(what: str, seen: Callable[[], bool]) -> None:
            while not seen():
                said = log.read_text(errors="replace")[-3000:]
                assert daemon.poll() is None, f"the daemon ended: {said}"
                assert time.monotonic() < deadline, f"never seen: {what}. {said}"
                time.sleep(0.1)

        def applying() -> bool:
            return any(
                (one["workspace_name"], one["kind"], one["ended"]) == (KILLED, "APPLY", None)
                for one in emulator.report()["launches"]
            )

        def at_rest() -> bool:
            statuses = {account.name: account.status for account in database.accounts()}
            ends = {name: "APPLY_FAILED" if name == FAILING else "UPDATED" for name in NAMES}
            return statuses == ends and all(run.status in FINISHED_STATUSES for run in instance.get_runs())

        def claimed() -> int:
            return len(instance.event_log_storage.get_concurrency_info(SCHEMATICS_POOL).claimed_slots)

        deadline = time.monotonic() + PATIENCE
        try:
            with DagsterInstance.from_config(str(instance_folder)) as instance:
                until(f"an apply of {KILLED}", applying)
                killed_run, pid = worker_of(instance, KILLED)
                os.kill(pid, signal.SIGKILL)
                until("every account at rest", at_rest)
                until("every place given back", lambda: claimed() == 0)
                yield Crowd(
                    {account.name: account for account in database.accounts()},
                    emulator.report(),
                    [run for run in instance.get_runs() if run.tags.get(PARTITION_NAME_TAG) in NAMES],
                    killed_run,
                    claimed(),
                    log.read_text(errors="replace"),
                )
        finally:
            stop(daemon)
            database.close()


def test_no_more_than_two_jobs_run_at_once_however_many_accounts_ask(crowd: Crowd) -> None:
    assert crowd.report["max_parallel"] <= 2
    assert len(crowd.report["launches"]) == 2 * len(NAMES)


def test_every_account_is_planned_once_and_applied_once(crowd: Crowd) -> None:
    assert {name: dict(crowd.launches(name)) for name in NAMES} == {name: {"PLAN": 1, "APPLY": 1} for name in NAMES}
    for name in set(NAMES) - {FAILING, KILLED}:
        assert crowd.statuses(name) == [DagsterRunStatus.SUCCESS]
        assert (crowd.accounts[name].status, crowd.accounts[name].applied_version) == ("UPDATED", 2)


def test_an_apply_that_fails_fails_alone_and_is_not_tried_again(crowd: Crowd) -> None:
    assert crowd.statuses(FAILING) == [DagsterRunStatus.FAILURE]
    assert crowd.accounts[FAILING].status == "APPLY_FAILED"
    assert "Internal Server Error" in crowd.accounts[FAILING].status_reason
    assert crowd.accounts[FAILING].applied_version == 1


def test_the_apply_of_a_killed_worker_is_taken_up_and_not_launched_again(crowd: Crowd) -> None:
    killed, taken_up = crowd.statuses(KILLED)
    assert (killed, taken_up) == (DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS)
    assert crowd.killed_run in {run.run_id for run in crowd.runs if run.status is DagsterRunStatus.FAILURE}
    assert crowd.launches(KILLED) == {"PLAN": 1, "APPLY": 1}
    assert (crowd.accounts[KILLED].status, crowd.accounts[KILLED].applied_version) == ("UPDATED", 2)


def test_a_killed_worker_gives_its_place_in_the_pool_back(crowd: Crowd) -> None:
    assert crowd.claimed == 0
