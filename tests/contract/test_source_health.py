"""How sources do, in the warehouse: days of snapshots as rows, replaced by days, and the model on a real DuckDB file.

Here: archive -> raw.source_days -> source_health. Not here: what a check says of one day (test_source_checks),
BigQuery's grammar of the models (test_dbt_project).
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.errors import PermanentError, RefusedError
from domain.items import Item
from domain.snapshots import Snapshot
from domain.source_checks import STALE_DAYS
from resources.archive import Archive
from resources.duckdb_warehouse import DuckdbWarehouse
from resources.object_store import DirectoryStore
from resources.source_day_rows import load_source_days
from resources.warehouse import day_statements
from tests.contract.dbt_runner import Dbt

MONDAY, TUESDAY = date(2025, 3, 3), date(2025, 3, 4)
NOON = datetime(2025, 3, 3, 12, tzinfo=UTC)
Row = dict[str, Any]


def snapshot(source: str, day: date, *items: tuple[date | None, date], error: str = "") -> Snapshot:
    """A snapshot whose items are told by (published, first seen)."""
    made = [
        Item(
            item_id=f"{source}_{number}",
            source_key=source,
            source_type="rss",
            title="A title",
            content="Some text",
            url=f"https://{source}.example/{number}",
            guid="",
            published_at=published,
            date_source="structured" if published else "unknown",
            first_seen=seen,
            ingested_at=NOON,
            language="en",
            content_hash="",
            author="",
            tags=(),
            word_count=2,
        )
        for number, (published, seen) in enumerate(items)
    ]
    return Snapshot(source, day, f"https://{source}.example", "text/html", NOON, tuple(made), error)


def row(source: str, day: date, items: int = 1, new: int = 0, undated: int = 0, **more: Any) -> Row:
    """A good day, unless it says why it failed."""
    made: Row = {"day": day, "source_key": source, "outcome": "failed" if more.get("error") else "ok", "error": ""}
    made |= {"items": items, "items_new": new, "undated": undated, "newest_item": day if items else None}
    return made | {"fetched_at": NOON, "loaded_at": NOON} | more


def failed(source: str, day: date, error: str = "503") -> Row:
    return row(source, day, 0, error=error)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    warehouse = DuckdbWarehouse(tmp_path / "w.duckdb", wait_seconds=5)
    warehouse.prepare()
    return warehouse


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(DirectoryStore(tmp_path / "data"))


def held(warehouse: DuckdbWarehouse) -> list[tuple[date, str, int]]:
    rows = warehouse.query("select day, source_key, items from raw.source_days order by day, source_key")
    return [(found["day"], found["source_key"], found["items"]) for found in rows]


def test_each_snapshot_of_the_days_is_a_row_that_counts_it(archive: Archive, warehouse: DuckdbWarehouse) -> None:
    last_week, next_year = MONDAY - timedelta(days=7), MONDAY + timedelta(days=365)
    archive.keep_snapshot(
        snapshot("press", MONDAY, (last_week, last_week), (None, MONDAY), (MONDAY, MONDAY), (next_year, last_week))
    )
    archive.keep_snapshot(snapshot("agency", MONDAY, error="https://agency.example: 503"))
    archive.keep_snapshot(snapshot("press", TUESDAY))
    assert load_source_days(archive, warehouse, [MONDAY, TUESDAY, MONDAY]) == 3
    found = warehouse.query("select * from raw.source_days order by day, source_key")
    loaded = found[0]["loaded_at"]
    assert found == [
        {**failed("agency", MONDAY, "https://agency.example: 503"), "loaded_at": loaded},
        {**row("press", MONDAY, 4, 2, 1), "loaded_at": loaded},
        {**row("press", TUESDAY, 0), "loaded_at": loaded},
    ]


def test_a_day_is_replaced_whole_and_the_others_stay(archive: Archive, warehouse: DuckdbWarehouse) -> None:
    warehouse.replace_days("source_days", [MONDAY, TUESDAY], [row("gone", MONDAY), row("press", TUESDAY)])
    archive.keep_snapshot(snapshot("press", MONDAY, (None, MONDAY)))
    for _ in range(2):
        assert load_source_days(archive, warehouse, [MONDAY]) == 1
        assert held(warehouse) == [(MONDAY, "press", 1), (TUESDAY, "press", 1)]
    assert load_source_days(archive, warehouse, [TUESDAY]) == 0  # nothing is archived of it
    assert load_source_days(archive, warehouse, []) == 0
    assert held(warehouse) == [(MONDAY, "press", 1)]


def test_what_does_not_fit_is_refused_and_nothing_is_written(warehouse: DuckdbWarehouse) -> None:
    warehouse.replace_days("source_days", [MONDAY], [row("press", MONDAY)])
    good = row("press", MONDAY, 9)
    with pytest.raises(PermanentError, match="2025-03-04: 1 days have rows"):
        warehouse.replace_days("source_days", [MONDAY], [good, row("press", TUESDAY)])
    with pytest.raises(PermanentError, match="requests"):
        warehouse.replace_days("source_days", [MONDAY], [{**good, "requests": 1}])
    with pytest.raises(PermanentError, match="not replaced by days"):
        warehouse.replace_days("accounts", [MONDAY], [])
    with pytest.raises(RefusedError, match="CHECK constraint"):
        warehouse.replace_days("source_days", [MONDAY], [good, {**good, "outcome": "degraded"}])
    assert held(warehouse) == [(MONDAY, "press", 1)]


@pytest.mark.filterwarnings("ignore:sqlglotrs is deprecated:DeprecationWarning")
def test_replacing_days_parses_as_bigquery() -> None:
    import sqlglot  # here, where its import may warn

    for source, kinds in (("`p.raw.d`", ["delete", "insert"]), (None, ["delete"])):
        script = day_statements("source_days", {TUESDAY, MONDAY}, source=source)
        assert [sqlglot.parse_one(statement, dialect="bigquery").key for statement in script] == kinds
        assert "in (date '2025-03-03', date '2025-03-04')" in script[0]


def days_before(last: date, *ages: int) -> list[date]:
    return [last - timedelta(days=age) for age in ages]


def test_each_source_is_told_as_it_does(dbt: Dbt) -> None:
    warehouse = DuckdbWarehouse(dbt.path, wait_seconds=5)
    warehouse.prepare()
    old = TUESDAY - timedelta(days=STALE_DAYS)
    rows = [
        # forty days, ten new items on each of the last ten, the last of them half without dates
        *(row("busy", day, 20, 10, 5) for day in days_before(TUESDAY, *range(10))),
        *(row("busy", day, 20, 0) for day in days_before(TUESDAY, *range(10, 40))),
        row("new", TUESDAY, 30, 30),
        row("edge", TUESDAY, newest_item=old),
        row("stale", TUESDAY, newest_item=old - timedelta(days=1)),
        row("silent", MONDAY, 3, 3, 3),
        row("silent", TUESDAY, 0),
        # good, failed, not asked, failed twice
        *(failed("failing", day, f"503 of {day}") for day in days_before(TUESDAY, 0, 1, 3)),
        row("failing", TUESDAY - timedelta(days=4), 7, 1),
        failed("never", TUESDAY, "no such host"),
        failed("mended", MONDAY),
        row("mended", TUESDAY, 4, 4),
        row("unfollowed", TUESDAY - timedelta(days=90), 2, 2),
    ]
    warehouse.replace_days("source_days", {found["day"] for found in rows}, rows)
    built = dbt.build("--select", "source_health", batch=False)
    assert set(built.values()) == {"success", "pass"}
    assert len(built) > 5  # its tests too
    health = {found["source_key"]: found for found in warehouse.query("select * from source_health")}

    def told(*columns: str) -> dict[str, tuple[Any, ...]]:
        return {source: tuple(found[column] for column in columns) for source, found in sorted(health.items())}

    (node,) = (node for node in dbt.manifest.nodes.values() if node.name == "source_health")
    assert list(health["busy"]) == list(node.columns)
    assert told("status", "failures_in_a_row", "last_error", "items_shown") == {
        "busy": ("ok", 0, None, 20),
        "edge": ("ok", 0, None, 1),
        "failing": ("failing", 3, f"503 of {TUESDAY}", 7),
        "mended": ("ok", 0, None, 4),
        "never": ("failing", 1, "no such host", None),
        "new": ("ok", 0, None, 30),
        "silent": ("silent", 0, None, 0),
        "stale": ("stale", 0, None, 1),
        "unfollowed": ("ok", 0, None, 2),
    }
    assert told("items_per_day_7", "items_per_day_30", "undated_share") == {
        "busy": (10.0, pytest.approx(100 / 30), 0.5),
        "edge": (0.0, 0.0, None),
        "failing": (pytest.approx(0.2), pytest.approx(0.2), 0.0),
        "mended": (2.0, 2.0, 0.0),
        "never": (0.0, 0.0, None),
        "new": (30.0, 30.0, 0.0),
        "silent": (1.5, 1.5, 1.0),
        "stale": (0.0, 0.0, None),
        "unfollowed": (2.0, 2.0, 0.0),
    }
    failing = health["failing"]
    four_ago = TUESDAY - timedelta(days=4)
    assert [failing[f"{name}_day"] for name in ("first", "last", "last_good", "last_new")] == [
        four_ago,
        TUESDAY,
        four_ago,
        four_ago,
    ]
    assert (health["never"]["last_good_day"], health["never"]["newest_item"]) == (None, None)
    assert health["unfollowed"]["last_day"] == TUESDAY - timedelta(days=90)
    assert health["edge"]["newest_item"] == old
