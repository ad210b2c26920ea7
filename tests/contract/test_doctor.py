"""`vigie doctor` on real servers: each whole, and each broken in turn."""

import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml
from dagster import DagsterInstance, DefaultSensorStatus
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

import cli
from definitions import build_definitions
from domain.findings import Finding
from local.instance import pools
from local.schematics_server import SchematicsEmulator
from options import Lineage
from resources.database import AccountsDatabase
from resources.figures import parts
from resources.health import all_checks, examine
from resources.health_instance import sensors_on
from settings import PROJECT_ROOT, TARGETS, Settings, load_settings, own_targets
from tests.contract.conftest import BUCKET
from tests.contract.kept_ticks import ticked

PATIENCE = 60.0  # seconds: of a busy machine
SECRET = "s3cret-that-nobody-shows"


@dataclass
class Home:
    """One installation on real servers; `answers` is its target file, to be broken."""

    folder: Path
    answers: dict[str, Any]

    def settings(self) -> Settings:
        own_targets(self.folder).mkdir(exist_ok=True)
        (own_targets(self.folder) / "whole.yaml").write_text(yaml.safe_dump(self.answers))
        return load_settings()

    @property
    def instance(self) -> Path:
        return self.folder / "instance"

    def look(self, *names: str, timeout: float = PATIENCE) -> dict[str, Finding]:
        """What the checks of these names find, by name."""
        settings = self.settings()
        checks = [one for one in all_checks(settings, self.instance, pools(settings)) if one.name in names]
        assert len(checks) == len(names)
        return {finding.check: finding for found in examine(checks, timeout) for finding in found}


@pytest.fixture(scope="module")
def emulator() -> Iterator[SchematicsEmulator]:
    with SchematicsEmulator() as server:
        server.create_workspaces(("one", "two"))
        yield server


@pytest.fixture(scope="module")
def instance_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance with its limits set: made once, for it takes a second."""
    folder = tmp_path_factory.mktemp("doctor") / "instance"
    folder.mkdir()
    (folder / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    return folder


@pytest.fixture
def home(
    tmp_path: Path,
    s3_location: Any,
    postgres: str,
    emulator: SchematicsEmulator,
    instance_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """S3, PostgreSQL and Schematics on servers, DuckDB and Dagster's instance in folders: everything in good order."""
    for name, value in {
        "VIGIE_TARGET": "whole",
        "VIGIE_HOME": str(tmp_path),
        "VIGIE_DATABASE_PASSWORD": SECRET,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "instance"))
    name = f"doctor{abs(hash(tmp_path)):x}"
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    admin.dispose()
    url = postgres.replace("/postgres?", f"/{name}?")
    answers = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    bucket = {"kind": "s3", "bucket": BUCKET, "region": "us-east-1", "endpoint_url": s3_location.endpoint_url}
    answers["stores"] = {store: {**bucket, "prefix": f"{name}/{store}"} for store in ("config", "data", "newsletters")}
    answers["database"] = {"url": url, "password": {"env": "VIGIE_DATABASE_PASSWORD"}}
    answers["schematics"] |= {"url": emulator.url, "iam_url": emulator.iam_url}
    home = Home(tmp_path, answers)
    home.instance.symlink_to(instance_folder)
    return home


@pytest.fixture
def migrated(home: Home) -> Home:
    database = AccountsDatabase(home.answers["database"]["url"])
    database.upgrade(PROJECT_ROOT / "migrations")
    database.close()
    return home


def doctor(*arguments: str) -> tuple[int, dict[str, Any], str]:
    result = CliRunner().invoke(cli.app, ["doctor", "--json", "--timeout", str(PATIENCE), *arguments])
    return result.exit_code, json.loads(result.stdout), result.output


def test_a_whole_installation_has_no_error_and_shows_no_secret(migrated: Home) -> None:
    settings = migrated.settings()
    with DagsterInstance.from_config(str(migrated.instance)) as instance:
        for pool, slots in pools(settings).items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)
    code, said, output = doctor()
    levels = {finding["check"]: finding["level"] for finding in said["findings"]}
    assert (code, said["healthy"]) == (0, True), output
    assert {check for check, level in levels.items() if level != "ok"} <= {"dagster daemon", "dbt manifest"}
    assert {"target", "store data", "database", "warehouse", "secrets", "schematics", "pools", "versions"} <= set(
        levels
    )
    assert {"clock of the store", "clock of the database"} <= set(levels)
    assert SECRET not in output
    assert all(finding["remedy"] for finding in said["findings"] if finding["level"] != "ok")


def test_before_anything_is_set_up_it_says_what_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "nothing"))
    code, said, _output = doctor()
    assert code == 1
    errors = {finding["check"]: finding["remedy"] for finding in said["findings"] if finding["level"] == "error"}
    assert set(errors) == {"store config", "store data", "store newsletters", "database", "dagster home"}
    assert set(errors.values()) == {"Run: vigie prepare"}
    assert not (tmp_path / "nothing").exists()


def test_an_incomplete_target_is_the_only_finding(home: Home) -> None:
    home.answers["stores"].pop("data")
    home.answers["colour"] = "blue"
    (own_targets(home.folder)).mkdir()
    (own_targets(home.folder) / "whole.yaml").write_text(yaml.safe_dump(home.answers))
    code, said, _output = doctor()
    assert code == 1
    [finding] = said["findings"]
    assert finding["check"] == "target"
    assert "stores.data is missing" in finding["said"]
    assert "colour is not a setting" in finding["said"]


def test_a_bucket_that_refuses_writes_is_an_error_that_names_the_permission(home: Home, s3_client: Any) -> None:
    prefix = home.answers["stores"]["data"]["prefix"]
    deny = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/{prefix}/*",
    }
    s3_client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    try:
        found = home.look("store data", "store newsletters")
    finally:
        s3_client.delete_bucket_policy(Bucket=BUCKET)
    assert found["store newsletters"].level == "ok"
    assert found["store data"].level == "error"
    assert "may not write (S3 answered 403" in found["store data"].said
    assert "s3:PutObject" in found["store data"].remedy


def test_a_missing_bucket_is_one_error(home: Home) -> None:
    home.answers["stores"]["data"]["bucket"] = "no-such-bucket"
    [finding] = home.look("store data").values()
    assert (finding.level, finding.remedy) == ("error", "Check the target: vigie target check")


def test_a_look_leaves_no_object_behind(home: Home, s3_client: Any) -> None:
    assert home.look("store data")["store data"].said.endswith("may list, write, read, delete")
    prefix = home.answers["stores"]["data"]["prefix"]
    assert s3_client.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["KeyCount"] == 0


def test_a_database_without_its_tables_says_which_migration_it_lacks(home: Home) -> None:
    finding = home.look("database")["database"]
    assert (finding.level, finding.remedy) == ("error", "Run: vigie accounts migrate")
    assert "at migration none" in finding.said


def test_a_database_that_is_not_there_is_an_error(home: Home) -> None:
    home.answers["database"]["url"] = f"postgresql+psycopg2://vigie@127.0.0.1:{_closed_port()}/vigie"
    finding = home.look("database")["database"]
    assert finding.level == "error"
    assert "does not answer" in finding.said
    assert SECRET not in finding.said


def test_a_clock_that_is_off_shows_against_the_database(migrated: Home) -> None:
    with time_machine.travel(time.time() + timedelta(minutes=10).total_seconds()):
        finding = migrated.look("database")["clock of the database"]
    assert finding.level == "error"
    assert "s ahead of" in finding.said


def test_a_warehouse_file_that_a_process_holds_names_that_process(home: Home) -> None:
    path = home.settings().warehouse.path  # type: ignore[union-attr]
    path.parent.mkdir(parents=True, exist_ok=True)
    code = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        held = home.look("warehouse")["warehouse"]
    finally:
        holder.communicate("")
    assert held.level == "warning"
    assert f"PID {holder.pid}" in held.said
    path.write_bytes(b"not a database at all" * 1000)
    assert home.look("warehouse")["warehouse"].level == "error"


def test_a_secret_that_is_not_set_is_an_error_that_names_the_setting(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIGIE_DATABASE_PASSWORD")
    finding = home.look("secrets")["secrets"]
    assert finding.level == "error"
    assert finding.said.startswith("database.password: ")
    assert "export VIGIE_DATABASE_PASSWORD" in finding.remedy


def test_schematics_that_does_not_answer_is_an_error_and_a_missing_emulator_a_warning(home: Home) -> None:
    address = f"http://127.0.0.1:{_closed_port()}"
    home.answers["schematics"] |= {"url": address, "iam_url": f"{address}/identity/token"}
    assert home.look("schematics")["schematics"].remedy == "It runs with: vigie dev"
    home.answers["schematics"] |= {"kind": "ibm", "api_key": {"env": "VIGIE_DATABASE_PASSWORD"}}
    assert home.look("schematics")["schematics"].level == "error"


def test_a_service_that_hangs_is_itself_a_finding_and_holds_up_nobody(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        home.answers["schematics"] |= {"url": address, "iam_url": f"{address}/identity/token"}
        settings = home.settings()
        names = ("schematics", "secrets")
        checks = [one for one in all_checks(settings, home.instance, {}) if one.name in names]
        by_name = {finding.check: finding for found in examine(checks, 3.0) for finding in found}
    assert by_name["schematics"].level == "error"
    assert "no answer within 3 s" in by_name["schematics"].said
    assert by_name["secrets"].level == "ok"


def test_the_daemon_is_seen_running_dead_or_twice(home: Home) -> None:
    assert "no daemon has ever run here" in home.look("dagster daemon")["dagster daemon"].said
    with DagsterInstance.from_config(str(home.instance)) as instance:
        required = instance.get_required_daemon_types()

        def beat(daemon: Callable[[int], str], age: float) -> Finding:
            for number, kind in enumerate(required):
                instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, kind, daemon(number)))
            return home.look("dagster daemon")["dagster daemon"]

        try:
            assert beat(lambda _number: "one", 5).level == "ok"
            assert beat(lambda number: str(number % 2), 5).remedy == "End all but one of them."
            assert "last heartbeat was 17 min ago" in beat(lambda _number: "one", 1020).said
        finally:
            instance.wipe_daemon_heartbeats()


class TestSensors:
    """What the doctor and the metrics make of sensors' ticks while the daemon lives."""

    @pytest.fixture
    def instance(self, home: Home) -> Iterator[DagsterInstance]:
        with DagsterInstance.from_config(str(home.instance)) as instance:
            self.beat(instance)
            yield instance
            instance.wipe_daemon_heartbeats()

    def beat(self, instance: DagsterInstance) -> None:
        for kind in instance.get_required_daemon_types():
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), kind, "one"))

    def ages(self, home: Home) -> dict[str, float]:
        [daemon] = [part for part in parts(home.settings(), home.instance) if part.name == "daemon"]
        figures = {figure.name: figure.samples for figure in daemon.read()}
        return {sensor: age for (sensor,), age in figures["vigie_sensor_tick_age_seconds"].items()}

    def test_a_clock_that_was_set_back_is_an_error_and_no_sensor_ticks_in_time(
        self, home: Home, instance: DagsterInstance
    ) -> None:
        now = time.time()
        with ticked(instance, "client_activation", now), time_machine.travel(now - 6 * 3600, tick=True):
            self.beat(instance)  # the daemon writes by the clock as it is
            found, ages = home.look("dagster daemon"), self.ages(home)
        clock = found["clock of the instance"]
        assert (clock.level, "6 h behind" in clock.said) == ("error", True)
        assert "timedatectl set-ntp true" in clock.remedy
        assert "sensors" not in found
        assert ages["client_activation"] == pytest.approx(-6 * 3600, abs=60)

    def test_a_sensor_that_fails_is_named_with_what_went_wrong(self, home: Home, instance: DagsterInstance) -> None:
        why = "domain.errors.TransientError: s3://data/items: the store does not answer.\n"
        with ticked(instance, "warehouse_due", time.time(), why):
            finding = home.look("dagster daemon")["sensors"]
        assert finding.level == "error"
        assert (
            "warehouse_due: domain.errors.TransientError: s3://data/items: the store does not answer." in finding.said
        )

    def test_sensors_that_the_code_no_longer_has_are_not_late(self, home: Home, instance: DagsterInstance) -> None:
        now, long_ago = time.time(), time.time() - 86_400
        with (
            ticked(instance, "removed", long_ago, status=InstigatorStatus.RUNNING),
            ticked(instance, "alerts", long_ago),  # the target tells nobody any more
            ticked(instance, "warehouse_due", long_ago, location="moved"),
            ticked(instance, "warehouse_due", now),
        ):
            found, ages = home.look("dagster daemon")["sensors"], self.ages(home)
        assert (found.level, found.said) == ("ok", "1 of them tick in time")
        assert set(ages) == {"warehouse_due"}
        assert ages["warehouse_due"] < 600


@pytest.mark.parametrize("lineage", ["", "http://127.0.0.1:1"])
def test_the_sensors_that_are_looked_at_are_those_of_the_graph(home: Home, lineage: str) -> None:
    settings = home.settings()
    settings = settings.model_copy(update={"lineage": Lineage(url=lineage)})
    sensors = build_definitions(settings).get_repository_def().sensor_defs
    on = {one.name: one.default_status is DefaultSensorStatus.RUNNING for one in sensors}
    assert sensors_on(settings) == on


def test_tables_of_another_release_name_the_whole_command(home: Home) -> None:
    home.instance.unlink()
    home.instance.mkdir()
    (home.instance / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(home.instance)) as instance:
        instance.get_runs_count()
    for file in home.instance.rglob("runs.db"):
        with closing(sqlite3.connect(file)) as tables, tables:
            tables.execute("update alembic_version set version_num = 'older'")
    finding = home.look("dagster storage")["dagster storage"]
    assert finding.level == "error"
    assert finding.remedy == f"Run: DAGSTER_HOME={home.instance} dagster instance migrate"


def test_limits_of_pools_that_differ_are_seen(home: Home) -> None:
    with DagsterInstance.from_config(str(home.instance)) as instance:
        instance.event_log_storage.set_concurrency_slots("schematics", 7)
    finding = home.look("pools")["pools"]
    assert "schematics 7 (wanted: 2)" in finding.said
    assert finding.remedy == "Set them: vigie prepare"


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
