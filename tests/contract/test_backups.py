"""Backup and restore on real servers: SQLite and PostgreSQL, DuckDB, S3. What comes back is what was there."""

import hashlib
import json
import multiprocessing
import os
import sqlite3
import time
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from typer.testing import CliRunner

from cli import app
from domain.accounts import Demand, DesiredState
from domain.errors import PermanentError, RefusedError, TransientError, VigieError
from domain.items import Item
from resources.backups import back_up, backup_at, look, restore
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.launch_book import LaunchBook
from resources.warehouse import Cell, items_table
from settings import TARGETS, Settings, load_settings, own_targets

SECRETS = {"VIGIE_IBM_API_KEY": "hunter2-ibm-api-key", "VIGIE_DATABASE_PASSWORD": "hunter2-database"}
STATE = DesiredState("1.0.0", 3, enable_monitoring=False, tags={"owner": "réseau"})
DAY = date(2026, 11, 20)


def target(home: Path, url: str, name: str = "kept", **more: object) -> Settings:
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"database": {"url": url}, **more}
    own_targets(home).mkdir(parents=True, exist_ok=True)
    (own_targets(home) / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return load_settings({"VIGIE_TARGET": name, "VIGIE_HOME": str(home)})


@pytest.fixture
def settings(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A target whose database holds two accounts, one of them in the middle of a change, and a job."""
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    settings = target(tmp_path, url)
    with opened(settings) as database:
        database.upgrade(settings.migrations)
        for name in ("alpha", "beta"):
            database.register(name, f"0000{name}", STATE, "ops", workspace=f"ws-{name}", mode="auto")
        database.request(Demand(["alpha"], "ann", "CHG-1", iam_version="1.1.0", execution_mode="plan_and_apply"))
        LaunchBook(database).intend("alpha", 2, "plan", "f" * 16, ["act-1"])
    return settings


class opened:  # noqa: N801 (a context manager that reads like closing)
    def __init__(self, settings: Settings) -> None:
        self._database = AccountsDatabase(settings.database.url)

    def __enter__(self) -> AccountsDatabase:
        return self._database

    def __exit__(self, *_error: object) -> None:
        self._database.close()


def contents(settings: Settings) -> dict[str, Any]:
    """Everything that people see of the accounts."""
    with opened(settings) as database:
        book = LaunchBook(database)
        return {
            account.name: (
                account.mode,
                account.desired_version,
                account.asked_at,
                [(v.version, v.state(), v.reason, v.requested_at) for v in database.versions(account.name)],
                book.jobs(account.name),
                [(a.at, a.actor, a.action, a.detail) for a in database.audit(account.name)],
            )
            for account in database.accounts()
        }


def put_back(
    settings: Settings,
    place: str,
    home: Path | None = None,
    from_target: str | None = None,
    *,
    trust_workspaces: bool = False,
) -> Any:
    with backup_at(settings, place) as archive:
        look(settings, archive, home or settings.home / "dagster", from_target)
        return restore(settings, archive, home or settings.home / "dagster", trust_workspaces=trust_workspaces)


def fill(settings: Settings, day: date = DAY) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(settings.warehouse.path, wait_seconds=0.3)  # type: ignore[union-attr]
    warehouse.prepare()
    record: dict[str, Any] = {
        "item_id": "i1",
        "source_key": "press__one",
        "source_type": "press",
        "title": "Une étude",
        "content": "Un texte.",
        "url": "https://example.invalid/1",
        "published_at": None,
        "ingested_at": "2026-11-20T05:00:00+00:00",
        "metadata": {},
    }
    item = Item.from_record(record, day)
    warehouse.replace_cells([Cell("acme", day), Cell("beta", day)], items_table([("acme", day, [item])]), "load")
    return warehouse


def test_the_database_comes_back_as_it_was_and_the_later_one_is_kept_aside(settings: Settings, tmp_path: Path) -> None:
    before = contents(settings)
    back_up(settings, str(tmp_path / "b.zip"))
    with opened(settings) as database:
        database.request(Demand(["beta"], "ann", "later", subnet_count=9))
        Decisions(database).set_mode("alpha", "observe", "ann")
    done = put_back(settings, str(tmp_path / "b.zip"))
    after = contents(settings)
    for name in ("alpha", "beta"):  # what was launched for either since then is not in the backup
        mode, *rest, audit = after[name]
        assert rest == list(before[name][1:-1])
        assert audit[:-1] == before[name][-1]
        assert mode == "paused"
        assert (audit[-1][1], audit[-1][3]) == ("vigie restore", {"from": "auto", "to": "paused"})
    assert done.paused == ("alpha", "beta")
    assert done.aside["database"]
    with opened(settings) as database:
        assert Decisions(database).resume("alpha", "ann") == "auto"
        database.register("gamma", "3", STATE, "ops")  # numbers go on after the restored ones
        assert LaunchBook(database).intend("beta", 1, "drift", "f" * 16, []).id == 2


def test_a_restore_into_an_empty_place_needs_no_tables_there(settings: Settings, tmp_path: Path, url: str) -> None:
    before = contents(settings)
    back_up(settings, str(tmp_path / "b.zip"))
    elsewhere = target(tmp_path / "other", f"sqlite:///{tmp_path}/other/new.db")
    done = put_back(elsewhere, str(tmp_path / "b.zip"), trust_workspaces=True)
    assert (done.aside, done.paused) == ({"database": ""}, ("alpha",))  # it was in the middle of a change
    assert contents(elsewhere)["beta"] == before["beta"]  # from PostgreSQL to SQLite as well


def test_a_restore_that_fails_in_the_middle_leaves_what_was_there(settings: Settings, tmp_path: Path) -> None:
    before = contents(settings)
    back_up(settings, str(tmp_path / "b.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["database/state_version.jsonl"] *= 2  # its rows twice: the primary key refuses them
    manifest = json.loads(parts["manifest.json"])
    for part in manifest["parts"]:
        body = parts[part["name"]]
        part |= {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)}
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as odd:
        for name, body in parts.items():
            odd.writestr(name, json.dumps(manifest) if name == "manifest.json" else body)
    with pytest.raises(Exception, match=r"(?i)unique"):
        put_back(settings, str(tmp_path / "odd.zip"))
    assert contents(settings) == before


def test_no_secret_is_in_a_backup(settings: Settings, tmp_path: Path) -> None:
    fill(settings)
    back_up(settings, str(tmp_path / "b.zip"))
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        bodies = {name: archive.read(name) for name in archive.namelist()}
    assert b"ws-alpha" in b"".join(bodies.values())  # the search would find what is there
    for name, body in bodies.items():
        assert [secret for secret in SECRETS.values() if secret.encode() in body] == [], name
    assert oct((tmp_path / "b.zip").stat().st_mode & 0o777) == "0o600"


class TestOnOneMachine:
    """What does not depend on the database's kind."""

    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/vigie.db"

    def test_the_warehouse_comes_back_with_its_rows(self, settings: Settings, tmp_path: Path) -> None:
        warehouse = fill(settings)
        rows = "select * from raw.items order by all"
        before = warehouse.query(rows)
        back_up(settings, str(tmp_path / "b.zip"))
        fill(settings, date(2026, 11, 21))
        done = put_back(settings, str(tmp_path / "b.zip"))
        assert warehouse.query(rows) == before
        assert len(DuckdbWarehouse(Path(done.aside["warehouse"])).query(rows)) == 2

    def test_a_held_warehouse_is_waited_for_and_its_holder_named(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = fill(settings).path
        monkeypatch.setattr(DuckdbWarehouse.__init__, "__kwdefaults__", {"models_schema": "vigie", "wait_seconds": 0.3})
        ready = multiprocessing.get_context("spawn").Event()
        over = multiprocessing.get_context("spawn").Event()
        holder = multiprocessing.get_context("spawn").Process(target=hold, args=(path, ready, over))
        holder.start()
        assert ready.wait(120)
        try:
            with pytest.raises(TransientError, match=rf"held by .*PID {holder.pid}"):
                back_up(settings, str(tmp_path / "b.zip"))
        finally:
            over.set()
            holder.join()
        assert list(tmp_path.glob("*.zip")) == []
        back_up(settings, str(tmp_path / "b.zip"))

    @pytest.mark.parametrize("damage", ["cut", "flipped", "no_zip", "part_gone"])
    def test_a_damaged_backup_is_refused_before_anything_is_touched(
        self, settings: Settings, tmp_path: Path, damage: str
    ) -> None:
        path = tmp_path / "b.zip"
        back_up(settings, str(path))
        before, body = contents(settings), path.read_bytes()
        if damage == "part_gone":
            with zipfile.ZipFile(path) as whole, zipfile.ZipFile(tmp_path / "c.zip", "w") as less:
                for name in whole.namelist():
                    if name != "database/audit.jsonl":
                        less.writestr(name, whole.read(name))
            body = (tmp_path / "c.zip").read_bytes()
        path.write_bytes(
            {"cut": body[:-200], "flipped": body[:90] + bytes([body[90] ^ 0xFF]) + body[91:], "no_zip": b"PK?"}.get(
                damage, body
            )
        )
        with pytest.raises(PermanentError, match="damaged"):
            put_back(settings, str(path))
        assert contents(settings) == before

    def test_dagsters_own_files_come_back(self, settings: Settings, tmp_path: Path) -> None:
        home = tmp_path / "instance"
        for name in ("history/runs/index.db", "history/runs.db", "schedules/schedules.db"):
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with sqlite3.connect(path) as connection:
                connection.execute("create table t (x)")
                connection.execute("insert into t values (?)", (name,))
        back_up(settings, str(tmp_path / "b.zip"), home)
        with sqlite3.connect(home / "history/runs.db") as connection:
            connection.execute("delete from t")
        (home / "history/runs/later.db").write_bytes(b"")
        done = put_back(settings, str(tmp_path / "b.zip"), home)
        with sqlite3.connect(home / "history/runs.db") as connection:
            assert connection.execute("select x from t").fetchall() == [("history/runs.db",)]
        assert not (home / "history/runs/later.db").exists()
        assert (Path(done.aside["history"]) / "history/runs/later.db").exists()

    def test_it_goes_to_a_bucket_and_comes_back(self, settings: Settings, tmp_path: Path, s3_location: Any) -> None:
        near = settings.model_copy(update={"stores": settings.stores.model_copy(update={"data": s3_location})})
        address = f"s3://{s3_location.bucket}/backups/{os.getpid()}-{time.time_ns()}.zip"
        before = contents(settings)
        back_up(near, address)
        with pytest.raises(RefusedError, match="already"):
            back_up(near, address)
        put_back(near, address, trust_workspaces=True)
        assert contents(settings)["beta"] == before["beta"]

    def test_a_backup_never_takes_the_place_of_another(self, settings: Settings, tmp_path: Path) -> None:
        (tmp_path / "b.zip").write_bytes(b"mine")
        with pytest.raises(PermanentError, match="already"):
            back_up(settings, str(tmp_path / "b.zip"))
        assert (tmp_path / "b.zip").read_bytes() == b"mine"

    def test_another_targets_backup_is_restored_only_where_that_is_said(
        self, settings: Settings, tmp_path: Path
    ) -> None:
        back_up(settings, str(tmp_path / "b.zip"))
        other = target(tmp_path, f"sqlite:///{tmp_path}/x.db", "other")
        with pytest.raises(RefusedError, match="--from-target kept"):
            put_back(other, str(tmp_path / "b.zip"))
        put_back(other, str(tmp_path / "b.zip"), from_target="kept")
        assert contents(other).keys() == {"alpha", "beta"}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`vigie` on a target of its own."""
    settings = target(tmp_path, f"sqlite:///{tmp_path}/vigie.db")
    monkeypatch.setenv("VIGIE_TARGET", "kept")
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    with opened(settings) as database:
        database.upgrade(settings.migrations)
        database.register("alpha", "1", STATE, "ops")
    return lambda *words: CliRunner().invoke(app, list(words))


def test_the_commands_back_up_check_ask_and_restore(command: Any, tmp_path: Path) -> None:
    place = str(tmp_path / "b.zip")
    made = command("backup", "--to", place)
    assert (made.exit_code, "database" in made.output) == (0, True)
    dry = command("restore", place, "--dry-run")
    assert (dry.exit_code, "nothing was changed" in dry.output) == (0, True)
    asked = command("restore", place)
    assert (asked.exit_code, "add --yes" in asked.output) == (1, True)
    assert list(tmp_path.glob("*.before-*")) == []
    done = command("restore", place, "--yes")
    assert done.exit_code == 0, done.output
    assert "docs/recover.md" in done.output
    assert len(list(tmp_path.glob("vigie.db.before-*"))) == 1


def test_a_restore_beside_a_living_daemon_is_refused(command: Any, tmp_path: Path) -> None:
    from dagster import DagsterInstance
    from dagster._daemon.types import DaemonHeartbeat

    home = tmp_path / "kept" / "dagster"
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("")
    with DagsterInstance.from_config(str(home)) as instance:
        now = datetime.now(UTC).timestamp()
        instance.add_daemon_heartbeat(DaemonHeartbeat(now, "SENSOR", "daemon-1"))
    command("backup", "--to", str(tmp_path / "b.zip"))
    refused = command("restore", str(tmp_path / "b.zip"), "--yes")
    assert refused.exit_code == 1
    assert "a daemon is alive" in refused.output
    assert list(tmp_path.glob("vigie.db.before-*")) == []


def hold(path: Path, ready: Any, over: Any) -> None:
    """The process that has the warehouse's file."""
    with duckdb.connect(path):
        ready.set()
        over.wait(300)


def test_errors_are_of_the_family(tmp_path: Path) -> None:
    with (
        pytest.raises(VigieError, match="no such backup"),
        backup_at(target(tmp_path, "sqlite:///x.db"), "nowhere.zip"),
    ):
        pass
