"""The accounts' database as the warehouse's rows: read from SQLite and a real PostgreSQL, written to a DuckDB file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.accounts import Demand, DesiredState
from domain.activities import PlanCounts, PlanSummary
from domain.errors import PermanentError, RefusedError
from domain.launches import End
from resources.account_export import AccountExport, fingerprint, read_export
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.launch_book import LaunchBook
from resources.warehouse_tables import TABLES
from settings import PROJECT_ROOT

EXPORTED = frozenset({"accounts", "account_versions", "account_jobs"})
STATE = DesiredState("1.0.0", 3, tags={"owner": "réseau", "at": "x@y.example"})


@pytest.fixture
def empty(url: str) -> Iterator[AccountsDatabase]:
    found = AccountsDatabase(url)
    found.upgrade(PROJECT_ROOT / "migrations")
    yield found
    found.close()


@pytest.fixture
def database(empty: AccountsDatabase) -> AccountsDatabase:
    """Two accounts; a demand on alpha was planned, and its apply failed."""
    for name in ("beta", "alpha"):
        empty.register(name, f"00{name}", STATE, "ops", workspace=f"ws.{name}", mode="auto")
    empty.request(Demand(["alpha"], "ann", "CHG-1", subnet_count=4, execution_mode="plan_and_apply"))
    book = LaunchBook(empty)
    plan = book.launched(book.intend("alpha", 2, "plan", "f" * 64, []), "act-1")
    book.finish(plan, End("COMPLETED", PlanSummary(PlanCounts(1, 2, 0), ["create a.b"]), log_key="k"))
    apply = book.launched(book.intend("alpha", 2, "apply", "f" * 64, []), "act-2")
    book.finish(apply, End("FAILED", error="no quota"))
    return empty


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(tmp_path / "w.duckdb", wait_seconds=1)
    warehouse.prepare()
    return warehouse


def kept(warehouse: DuckdbWarehouse) -> dict[str, list[dict[str, Any]]]:
    return {name: warehouse.query(f"select * from raw.{name} order by all") for name in sorted(EXPORTED)}


def without(row: Any, *names: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in names}


def test_every_account_version_and_job_is_read_without_leases_or_fingerprints(database: AccountsDatabase) -> None:
    export = read_export(database)
    tables = export.tables
    assert set(tables) == EXPORTED
    for name, rows in tables.items():
        assert all(list(row) == TABLES[name].names for row in rows)
        assert not {"lease_holder", "lease_until", "fingerprint", "schematics_workspace_id"} & set(TABLES[name].names)
    alpha, beta = tables["accounts"]
    assert (alpha["name"], alpha["status"], alpha["status_reason"]) == ("alpha", "APPLY_FAILED", "no quota")
    assert (alpha["desired_version"], alpha["applied_version"], beta["desired_version"]) == (2, 1, 1)
    assert alpha["exported_at"] == beta["exported_at"]
    assert datetime.now(UTC) - alpha["exported_at"] < timedelta(minutes=1)
    assert [(row["account"], row["version"], row["subnet_count"]) for row in tables["account_versions"]] == [
        ("alpha", 1, 3),
        ("alpha", 2, 4),
        ("beta", 1, 3),
    ]
    assert {row["tags"] for row in tables["account_versions"]} == {'{"at":"x@y.example","owner":"réseau"}'}
    plan, apply = tables["account_jobs"]
    assert (plan["kind"], plan["status"], plan["to_add"], plan["to_change"], plan["to_destroy"]) == (
        "plan",
        "COMPLETED",
        1,
        2,
        0,
    )
    assert (apply["kind"], apply["status"], apply["error"], apply["to_add"]) == ("apply", "FAILED", "no quota", None)


def test_the_warehouse_holds_exactly_what_was_read_however_often(
    database: AccountsDatabase, warehouse: DuckdbWarehouse
) -> None:
    export = read_export(database)
    for _ in range(2):
        warehouse.replace_tables(export.tables)
        assert kept(warehouse) == {
            "accounts": list(export.tables["accounts"]),
            "account_versions": list(export.tables["account_versions"]),
            "account_jobs": sorted(export.tables["account_jobs"], key=lambda row: str(row["kind"])),
        }


def test_the_fingerprint_changes_with_everything_that_is_exported_and_with_nothing_else(
    database: AccountsDatabase,
) -> None:
    book = LaunchBook(database)
    seen = [fingerprint(database)]
    assert read_export(database).fingerprint == seen[0]
    with book.lease("alpha", 30, print):
        assert fingerprint(database) == seen[0]  # a worker has the account: no news
    changes = (
        lambda: Decisions(database).set_mode("beta", "paused", "ann"),
        lambda: Decisions(database).set_drift_policy("beta", "alert", "ann"),
        lambda: database.request(Demand(["beta"], "ann", "CHG-2", subnet_count=9)),
        lambda: book.intend("beta", 2, "drift", "f" * 64, []),
        lambda: book.launched(book.intend("beta", 2, "drift", "f" * 64, []), "act-9"),
    )
    for change in changes:
        change()
        seen.append(fingerprint(database))
    assert len(set(seen)) == len(seen)


def test_no_account_is_no_row_and_an_empty_fingerprint(empty: AccountsDatabase, warehouse: DuckdbWarehouse) -> None:
    assert read_export(empty) == AccountExport("", {name: [] for name in EXPORTED})
    assert fingerprint(empty) == ""


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
class TestReplacedWhole:
    """What the warehouse does with whole tables; where the rows came from is all the same."""

    def test_rows_that_are_gone_go_and_tables_not_named_stay(
        self, database: AccountsDatabase, warehouse: DuckdbWarehouse
    ) -> None:
        tables = read_export(database).tables
        warehouse.replace_tables(tables)
        warehouse.replace_tables({"accounts": tables["accounts"][:1], "account_jobs": []})
        assert {name: len(rows) for name, rows in kept(warehouse).items()} == {
            "accounts": 1,
            "account_versions": 3,
            "account_jobs": 0,
        }
        warehouse.replace_tables({})
        assert len(kept(warehouse)["accounts"]) == 1

    def test_a_bad_row_rolls_every_table_back(self, database: AccountsDatabase, warehouse: DuckdbWarehouse) -> None:
        tables = dict(read_export(database).tables)
        warehouse.replace_tables(tables)
        before = kept(warehouse)
        bad = [{**row, "kind": None} for row in tables["account_jobs"]]
        with pytest.raises(RefusedError, match="NOT NULL"):
            warehouse.replace_tables({"accounts": [], "account_jobs": bad})
        assert kept(warehouse) == before

    def test_what_does_not_fit_is_refused_before_anything_is_written(
        self, database: AccountsDatabase, warehouse: DuckdbWarehouse
    ) -> None:
        (alpha, _beta) = read_export(database).tables["accounts"]
        with pytest.raises(PermanentError, match="lease_holder, mode"):
            warehouse.replace_tables({"accounts": [{**without(alpha, "mode"), "lease_holder": "w"}]})
        with pytest.raises(PermanentError, match="not replaced whole"):
            warehouse.replace_tables({"items": []})
        assert kept(warehouse)["accounts"] == []
