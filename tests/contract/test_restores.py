"""A restore is one step: what keeps it from its end is found before anything is replaced, or what is replaced is said.
And the history in a backup that was made beside a daemon: no cursor is ahead of the events. SQLite, DuckDB, files."""

import multiprocessing
import os
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from domain.errors import PermanentError, TransientError
from resources.backups import back_up
from resources.database import AccountsDatabase
from resources.duckdb_warehouse import DuckdbWarehouse
from settings import Settings
from tests.contract.test_backups import STATE, contents, fill, opened, put_back, target

INDEX, CURSORS = "history/runs/index.db", "schedules/schedules.db"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = target(tmp_path, f"sqlite:///{tmp_path}/vigie.db")
    with opened(settings) as database:
        database.upgrade(settings.migrations)
    register(settings, "alpha")
    return settings


def register(settings: Settings, name: str) -> None:
    with opened(settings) as database:
        database.register(name, f"00{name}", STATE, "ops")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Dagster's files: events, cursors, and the runs' own."""
    home = tmp_path / "instance"
    for name in (INDEX, CURSORS, *(f"history/runs/{run:02}.db" for run in range(30))):
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("pragma journal_mode=wal")
            connection.execute("create table t (x integer)")
    return home


def newest(home: Path, name: str) -> int:
    with closing(sqlite3.connect(home / name)) as connection:
        return int(connection.execute("select coalesce(max(x), 0) from t").fetchone()[0])


def write(home: Path, name: str, number: int) -> None:
    with closing(sqlite3.connect(home / name)) as connection, connection:
        connection.execute("insert into t values (?)", (number,))


def read(path: Path, ready: Any, over: Any) -> None:
    """A notebook: it only reads, and nobody can write meanwhile."""
    with duckdb.connect(path, read_only=True):
        ready.set()
        over.wait(300)


def test_a_warehouse_that_a_notebook_reads_is_found_before_the_database_is_replaced(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fill(settings).path
    back_up(settings, str(tmp_path / "b.zip"))
    register(settings, "later")
    before = contents(settings)
    monkeypatch.setattr(DuckdbWarehouse.__init__, "__kwdefaults__", {"models_schema": "vigie", "wait_seconds": 0.3})
    spawn = multiprocessing.get_context("spawn")
    ready, over = spawn.Event(), spawn.Event()
    notebook = spawn.Process(target=read, args=(path, ready, over))
    notebook.start()
    assert ready.wait(120)
    try:
        with pytest.raises(TransientError, match="still held"):
            put_back(settings, str(tmp_path / "b.zip"))
    finally:
        over.set()
        notebook.join()
    assert contents(settings) == before
    assert [*tmp_path.rglob("*.before-*"), *tmp_path.rglob(".restoring-*")] == []
    put_back(settings, str(tmp_path / "b.zip"))
    assert contents(settings).keys() == {"alpha"}


@pytest.fixture
def small_files() -> Iterator[None]:
    """A disk that takes no file of a million bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_disk_without_room_for_the_history_leaves_all_as_it_was(
    settings: Settings, home: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(home / "history/runs/zz.db")) as connection, connection:
        connection.execute("create table t (x blob)")
        connection.execute("insert into t values (?)", (os.urandom(3_000_000),))
    back_up(settings, str(tmp_path / "b.zip"), home)
    register(settings, "later")
    write(home, INDEX, 7)
    before = contents(settings)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    with pytest.raises(TransientError, match="disk is full"):
        put_back(settings, str(tmp_path / "b.zip"), home)
    assert (contents(settings), newest(home, INDEX)) == (before, 7)
    assert len(list(home.rglob("*.db"))) == 33
    assert [*tmp_path.rglob("*before-*"), *tmp_path.rglob(".restoring-*")] == []


def test_a_restore_that_ends_early_says_what_it_has_replaced_and_where_the_newer_is(
    settings: Settings, home: Path, tmp_path: Path
) -> None:
    back_up(settings, str(tmp_path / "b.zip"), home)
    register(settings, "later")
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "history").write_text("a file where a folder shall be")
    with pytest.raises(PermanentError, match="not whole") as raised:
        put_back(settings, str(tmp_path / "b.zip"), odd)
    (kept,) = tmp_path.glob("vigie.db.before-*")
    assert f"Replaced already: database, kept: {kept}; history" in str(raised.value)
    with closing(AccountsDatabase(f"sqlite:///{kept}")) as newer:
        assert {account.name for account in newer.accounts()} == {"alpha", "later"}


def test_a_cursor_in_a_backup_is_never_ahead_of_its_events(settings: Settings, home: Path, tmp_path: Path) -> None:
    """A daemon works meanwhile. A cursor that is too old asks twice, one ahead of the events never asks."""
    over = threading.Event()

    def daemon() -> None:
        number = 0
        while not over.is_set():
            number += 1
            write(home, INDEX, number)
            write(home, CURSORS, number)

    working = threading.Thread(target=daemon)
    working.start()
    try:
        back_up(settings, str(tmp_path / "b.zip"), home)
    finally:
        over.set()
        working.join()
    put_back(settings, str(tmp_path / "b.zip"), home)
    assert newest(home, CURSORS) <= newest(home, INDEX)
