"""The checks on sources and clients as Dagster runs them by hand, on a real archive and a real DuckDB file.

Here: which day is looked at, what is reported. Not here: what is found odd (unit), the whole graph.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckEvaluation, AssetSpec, Definitions

from assets.checks import evaluation
from assets.names import CLIENT_ITEMS, SOURCE_SNAPSHOTS
from assets.source_health import quiet_clients, source_checks, source_results
from domain.snapshots import Snapshot
from partitions import today
from resources.archive import Archive
from resources.object_store import ObjectStoreResource
from resources.warehouse import Cell, items_table
from resources.warehouse_resource import WarehouseResource
from settings import DirectoryLocation, DuckDBWarehouse

NAMES = {"source_health", "stale_source", "dates_mostly_unknown", "duplicates_share"}


def snapshot(source: str, day: date, error: str = "") -> Snapshot:
    return Snapshot(source, day, f"https://{source}.example", "text/html", datetime.now(UTC), error=error)


@pytest.fixture
def store(tmp_path: Path) -> ObjectStoreResource:
    (tmp_path / "data").mkdir()
    return ObjectStoreResource.at(DirectoryLocation(kind="directory", path=tmp_path / "data"))


@pytest.fixture
def warehouse(tmp_path: Path) -> WarehouseResource:
    made = WarehouseResource.of(DuckDBWarehouse(kind="duckdb", path=tmp_path / "w.duckdb", dataset="vigie"))
    made.warehouse().prepare()
    return made


def run(store: ObjectStoreResource, warehouse: WarehouseResource) -> dict[str, AssetCheckEvaluation]:
    definitions = Definitions(
        assets=[AssetSpec(SOURCE_SNAPSHOTS), AssetSpec(CLIENT_ITEMS)],
        asset_checks=source_checks(),
        resources={"data_store": store, "warehouse": warehouse},
    )
    done = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
    assert done.success
    return {found.check_name: found for found in done.get_asset_check_evaluations()}


def test_the_newest_archived_day_is_checked_and_a_finding_only_warns(
    store: ObjectStoreResource, warehouse: WarehouseResource
) -> None:
    archive = Archive(store.store())
    yesterday = today() - timedelta(days=1)
    for n in range(9):
        archive.keep_snapshot(snapshot("down", yesterday - timedelta(days=n), "503"))
    archive.keep_snapshot(snapshot("weather", yesterday, "429"))
    archive.keep_snapshot(snapshot("weather", yesterday - timedelta(days=1)))
    archive.keep_snapshot(snapshot("mute", yesterday))
    cells = [Cell("silent", yesterday - timedelta(days=n)) for n in range(8)] + [Cell("new", yesterday)]
    warehouse.warehouse().replace_cells(cells, items_table([]), "load")

    found = run(store, warehouse)
    assert set(found) == {*NAMES, "no_items_for_days"}
    assert {name: made.passed for name, made in found.items()} == {
        "source_health": False,
        "stale_source": False,
        "dates_mostly_unknown": True,
        "duplicates_share": True,
        "no_items_for_days": False,
    }
    assert {made.severity.value for made in found.values()} == {"WARN"}
    assert found["source_health"].description == (f"{yesterday}: down: failed on at least 7 days in a row, last: 503.")
    assert found["stale_source"].description == f"{yesterday}: mute: answers, and shows no item."
    assert found["duplicates_share"].metadata["share"].value == 0.0
    assert str(found["no_items_for_days"].description).startswith(f"{yesterday}: silent: no item for 7 days")


def test_where_nothing_was_fetched_yet_there_is_nothing_to_say(
    store: ObjectStoreResource, warehouse: WarehouseResource
) -> None:
    found = run(store, warehouse)
    assert all(made.passed for made in found.values())
    assert found["source_health"].description == f"{today()}: nothing to say."


def test_a_run_reports_the_same_results_and_names_a_few_findings_in_the_line(store: ObjectStoreResource) -> None:
    day = date(2025, 3, 3)
    mute = {f"source{n}": snapshot(f"source{n}", day) for n in range(8)}
    reported = [evaluation(result) for result in source_results(Archive(store.store()), day, mute)]
    assert {made.check_name for made in reported} == NAMES
    (told,) = (made for made in reported if made.check_name == "stale_source")
    assert str(told.description).count("shows no item") == 5
    assert str(told.description).endswith("; and 3 more.")
    assert told.metadata["found"].value == 8
    assert str(told.metadata["findings"].value).count("\n- source") == 7
    assert evaluation(quiet_clients({}, day)).passed
