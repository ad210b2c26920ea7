"""The models about accounts, built by dbt on a real DuckDB file from rows that each tell one account's story.

Here: what the models say. Not here: where the rows come from (test_account_export), models by cells, BigQuery's
grammar and the described columns of all models (test_dbt_project).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from resources.duckdb_warehouse import DuckdbWarehouse
from tests.contract.dbt_runner import Dbt

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EXPORTED = NOON + 2 * DAY
Row = dict[str, Any]


def account(name: str, desired: int = 1, applied: int | None = 1, status: str = "IDLE", **more: Any) -> Row:
    row: Row = {
        "name": name,
        "number": f"00{name}",
        "type": "",
        "environment_type": "prod",
        "code_bu": "",
        "mode": "auto",
    }
    row |= {"status": status, "status_reason": "", "desired_version": desired, "applied_version": applied}
    row |= {"drift_policy": "detect", "drift": None, "drift_seen_at": None, "updated_at": NOON, "exported_at": EXPORTED}
    return row | more


def version(name: str, number: int, at: datetime = NOON, origin: str = "demand", **more: Any) -> Row:
    row: Row = {
        "account": name,
        "version": number,
        "iam_version": f"{number}.0.0",
        "subnet_count": number,
        "tags": "{}",
    }
    row |= {"enable_monitoring": False, "execution_mode": "plan_and_apply", "origin": origin, "requested_by": "ann"}
    return row | {"reason": "CHG", "requested_at": at} | more


def job(name: str, number: int, kind: str, end: datetime | None, status: str = "COMPLETED", **more: Any) -> Row:
    """A job of ninety and a half seconds."""
    start = (end or NOON) - timedelta(seconds=90.5)
    row: Row = {"account": name, "version": number, "kind": kind, "attempt": 1, "status": status, "to_add": 1}
    row |= {"to_change": 0, "to_destroy": 0, "intended_at": start, "launched_at": start, "finished_at": end}
    return row | {"error": "" if status == "COMPLETED" else f"{kind} {number} failed"} | more


ACCOUNTS = [
    account("as-registered"),
    account("behind", 3, 1, "AWAITING_APPROVAL"),
    account("brand-new", 1, None, "PENDING_SCHEMATICS"),
    account("drifted", drift="1 to change", drift_seen_at=NOON),
    account("failed", 2, 1, "APPLY_FAILED", status_reason="apply 2 failed"),
    account("looked-at", drift="", drift_seen_at=NOON),
    account("mended", 2, 2, "UPDATED"),
    account("never-launched", 2, 1, "PLAN_FAILED"),
    account("rolled-back", 3, 3, "ROLLED_BACK"),
]
VERSIONS = [
    *(version(row["name"], 1, NOON - 9 * DAY, "registration") for row in ACCOUNTS),
    version("behind", 2, NOON - DAY),
    version("behind", 3, NOON + DAY),
    version("failed", 2, EXPORTED - 6 * HOUR),
    version("mended", 2),
    version("never-launched", 2),
    version("rolled-back", 2),
    version("rolled-back", 3, NOON + HOUR, "rollback"),
]
JOBS = [
    job("behind", 2, "plan", NOON, "STALE", error=""),
    job("behind", 3, "plan", NOON + DAY, "LOST"),  # its launch never happened: another attempt
    job("behind", 3, "plan", NOON + DAY + HOUR, attempt=2),
    job("behind", 3, "apply", None, "LAUNCHED"),
    job("drifted", 1, "drift", NOON),
    job("failed", 2, "plan", NOON),
    job("failed", 2, "apply", NOON + HOUR, "FAILED", error="an older failure"),
    job("failed", 2, "apply", NOON + 2 * HOUR, "STOPPED", attempt=2),
    job("mended", 2, "plan", NOON),
    job("mended", 2, "apply", NOON + HOUR, "FAILED"),
    job("mended", 2, "plan", NOON + 2 * HOUR, attempt=2, launched_at=NOON),
    job("mended", 2, "apply", NOON + 3 * HOUR, attempt=2, launched_at=NOON),
    job("never-launched", 2, "plan", NOON, "FAILED", launched_at=None),
    job("rolled-back", 2, "apply", NOON, "FAILED"),
    job("rolled-back", 3, "apply", NOON + 2 * HOUR),
]


@pytest.fixture
def warehouse(dbt: Dbt) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(dbt.path, wait_seconds=5)
    warehouse.prepare()
    return warehouse


def of_each(rows: list[Row], *columns: str) -> dict[str, tuple[Any, ...]]:
    return {row["account"]: tuple(row[column] for column in columns) for row in rows}


def test_each_account_is_told_as_it_stands(dbt: Dbt, warehouse: DuckdbWarehouse) -> None:
    warehouse.replace_tables({"accounts": ACCOUNTS, "account_versions": VERSIONS, "account_jobs": JOBS})
    assert set(dbt.build("--select", "tag:accounts", batch=False).values()) == {"success", "pass"}
    rows = warehouse.query("select * from account_compliance order by account")
    accounts = warehouse.query("select * from dim_accounts order by account")
    for name, built in (("account_compliance", rows), ("dim_accounts", accounts)):
        (node,) = (node for node in dbt.manifest.nodes.values() if node.name == name)
        assert list(built[0]) == list(node.columns)
        assert [row["account"] for row in built] == [row["name"] for row in ACCOUNTS]

    assert of_each(rows, "compliant", "versions_behind", "pending_since", "pending_days") == {
        "as-registered": (True, 0, None, None),
        "behind": (False, 2, NOON - DAY, 3.0),  # since the first of the two demands
        "brand-new": (False, 1, NOON - 9 * DAY, 11.0),
        "drifted": (False, 0, None, None),
        "failed": (False, 1, EXPORTED - 6 * HOUR, 0.25),
        "looked-at": (True, 0, None, None),
        "mended": (True, 0, None, None),
        "never-launched": (False, 1, NOON, 2.0),
        "rolled-back": (True, 0, None, None),
    }
    errors = of_each([row for row in rows if row["last_error"]], "last_error", "last_error_at")
    assert errors == {
        "failed": ("apply 2 failed", NOON + 2 * HOUR),
        "never-launched": ("plan 2 failed", NOON),
    }
    assert {row["last_error_at"] for row in rows if not row["last_error"]} == {None}
    assert of_each(rows, "last_plan_seconds", "last_apply_seconds", "last_applied_at") == {
        "as-registered": (None, None, None),
        "behind": (90.5, None, None),
        "brand-new": (None, None, None),
        "drifted": (None, None, None),
        "failed": (90.5, None, None),
        "looked-at": (None, None, None),
        "mended": (7200.0, 10800.0, NOON + 3 * HOUR),
        "never-launched": (None, None, None),
        "rolled-back": (None, 90.5, NOON + 2 * HOUR),
    }
    assert {row["account"]: row["drift"] for row in rows if row["drift"]} == {"drifted": "1 to change"}

    sides = ("desired_iam_version", "desired_subnet_count", "desired_origin", "applied_iam_version")
    told = of_each(accounts, *sides, "applied_subnet_count")
    assert told["behind"] == ("3.0.0", 3, "demand", "1.0.0", 1)
    assert told["brand-new"] == ("1.0.0", 1, "registration", None, None)
    assert told["rolled-back"] == ("3.0.0", 3, "rollback", "3.0.0", 3)
