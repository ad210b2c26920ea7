"""What is lost comes back from what is kept: Dagster's memory, the warehouse, cursors. Nothing is fetched for it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetMaterialization, DagsterEventType, DagsterInstance, MultiPartitionKey

from assets.names import BATCH_TAG, CLIENT_CONFIG, CLIENT_ITEMS, ETAG_TAG, SOURCE_SNAPSHOTS
from domain.accounts import DesiredState
from domain.errors import MissingError
from history import Rebuilt, graph_of, rebuild, stores_of
from partitions import Partitions, client_day, today
from reloading import reload
from resources.database import open_database
from resources.event_writer import write_materializations
from tests.graph.conftest import HEALTHY, PATHS, Platform

pytestmark = pytest.mark.e2e  # a story of its own length

DAY = timedelta(days=1)
ALL = ("client_activation", "client_items_due", "warehouse_due", "newsletters_due", "dashboard_due")
EVERY = (*ALL, "account_requests", "accounts_export_due")


@pytest.fixture
def history_days() -> int:
    return 2


@pytest.fixture
def built(platform: Platform) -> Platform:
    """Three clients, three days: their configurations, snapshots and cells."""
    for client in ("acme", "beta", "gamma"):
        platform.put_client(client, HEALTHY[:2])
    platform.settle("client_activation", "client_items_due")
    return platform


@pytest.fixture
def new_instance(tmp_path: Path, empty_instance: Path) -> Iterator[DagsterInstance]:
    """An instance that knows nothing."""
    shutil.copytree(empty_instance, tmp_path / "new")
    with DagsterInstance.from_config(str(tmp_path / "new")) as instance:
        yield instance


def lose_cursors(platform: Platform) -> None:
    platform.cursors.clear()


def lose_history(platform: Platform, instance: DagsterInstance) -> None:
    """Dagster's storage is gone: events, runs, partitions, cursors, run keys."""
    platform.instance = instance
    platform.run_keys.clear()
    lose_cursors(platform)


def tell_again(platform: Platform) -> Rebuilt:
    partitions = Partitions.since(platform.settings.first_day)
    graph = graph_of(platform.defs, partitions.days)
    return rebuild(platform.instance, stores_of(platform.settings), partitions, graph, today())


def asked(platform: Platform, *sensors: str) -> list[str]:
    """What a tick of each of these sensors would ask for: the names of the sensors that ask."""
    return [name for name in sensors for _request in platform.evaluate(name).run_requests or ()]


def cells(platform: Platform) -> set[str]:
    return {f"{c}|{today() - DAY * n}" for c in ("acme", "beta", "gamma") for n in range(3)}


def test_many_events_at_once_are_what_dagster_would_have_written_one_by_one(
    platform: Platform, new_instance: DagsterInstance
) -> None:
    events = [
        AssetMaterialization(
            CLIENT_ITEMS,
            partition=MultiPartitionKey({"client": client, "day": "2026-11-20"}),
            metadata={"items_kept": n},
            tags={ETAG_TAG: f"e{n}"},
        )
        for n, client in enumerate(("acme", "beta", "gamma"))
    ]
    one_by_one, at_once = platform.instance, new_instance
    for event in events:
        one_by_one.report_runless_asset_event(event)
    assert write_materializations(at_once, events) == 3

    def told(instance: DagsterInstance) -> list[Any]:
        key = AssetKey(CLIENT_ITEMS)
        records = instance.fetch_materializations(key, limit=10).records
        entry = instance.get_asset_records([key])[0].asset_entry
        return [
            [(r.storage_id, r.run_id, r.partition_key, r.asset_materialization) for r in records],
            instance.get_materialized_partitions(key),
            entry.last_materialization_storage_id,
            {
                partition: dict(tags)
                for partition, tags in instance.event_log_storage.get_latest_tags_by_partition(
                    key, DagsterEventType.ASSET_MATERIALIZATION, [ETAG_TAG]
                ).items()
            },
        ]

    assert told(at_once) == told(one_by_one)


def test_a_new_instance_knows_what_is_stored_and_its_sensors_ask_for_nothing_that_is_there(
    built: Platform, new_instance: DagsterInstance
) -> None:
    configs, days = built.materialized(CLIENT_CONFIG), {str(today() - DAY * n) for n in range(3)}
    assert built.materialized(CLIENT_ITEMS) == cells(built)
    requests = built.source_requests()
    lose_history(built, new_instance)
    done = tell_again(built)
    assert built.materialized(CLIENT_CONFIG) == configs
    assert built.materialized(SOURCE_SNAPSHOTS) == days
    assert built.materialized(CLIENT_ITEMS) == cells(built)
    assert built.failed(CLIENT_ITEMS) == set()
    assert built.instance.get_dynamic_partitions("clients") == ["acme", "beta", "gamma"]
    assert asked(built, "client_activation", "client_items_due", "newsletters_due", "dashboard_due") == []
    # dbt has not run on this target: its cells are asked for, all of them, once
    (request,) = built.evaluate("warehouse_due").run_requests or []
    assert {client_day(c, d) for c, d in built.archive.batch(request.tags[BATCH_TAG])} == cells(built)
    assert (done.cells_for_models, done.cells_to_build, done.today_fetched) == (9, 0, True)
    assert built.source_requests() == requests
    assert sum(tell_again(built).events.values()) == 0, "a second time there is nothing to tell"


def test_what_is_not_stored_is_asked_for_and_nothing_else(built: Platform, new_instance: DagsterInstance) -> None:
    lost = f"ingested/beta/{today() - DAY:%Y/%m/%d}/items.json"
    Path(built.archive.uri, lost).unlink()
    built.put_client("delta", HEALTHY[:2])  # came while nobody looked
    lose_history(built, new_instance)
    tell_again(built)
    assert built.materialized(CLIENT_ITEMS) == cells(built) - {f"beta|{today() - DAY}"}
    runs = built.settle("client_activation", "client_items_due")
    assert {run.job_name for run in runs} == {"read_client_configs", "build_client_items"}
    assert built.materialized(CLIENT_ITEMS) == cells(built) | {f"delta|{today() - DAY * n}" for n in range(3)}


def test_a_client_that_left_stays_away_and_a_changed_file_is_read(
    built: Platform, new_instance: DagsterInstance
) -> None:
    built.remove_client("gamma")
    built.put_client("beta", HEALTHY[:1])
    lose_history(built, new_instance)
    tell_again(built)
    assert built.instance.get_dynamic_partitions("clients") == ["acme", "beta"]
    (run,) = built.tick("client_activation")
    assert run.job_name == "read_client_configs"
    assert built.materialized(CLIENT_CONFIG) == {"acme", "beta"}


def test_a_source_that_failed_stays_failed_in_what_is_told(platform: Platform, new_instance: DagsterInstance) -> None:
    broken = next(key for key in PATHS if key not in HEALTHY)
    platform.put_client("acme", [HEALTHY[0], broken])
    platform.settle("client_activation", "client_items_due")
    today_cell = f"acme|{today()}"
    lose_history(platform, new_instance)
    tell_again(platform)
    event = platform.instance.fetch_materializations(AssetKey(CLIENT_ITEMS), limit=50)
    told = {record.partition_key: record.asset_materialization for record in event.records}
    metadata = told[today_cell].metadata  # type: ignore[union-attr]
    assert (metadata["outcome"].value, metadata["failures"].value) == ("degraded", broken)


def test_cells_without_a_warehouse_are_not_told_before_it_is_rebuilt(
    built: Platform, new_instance: DagsterInstance
) -> None:
    built.settings.warehouse.path.unlink()  # type: ignore[union-attr]
    lose_history(built, new_instance)
    with pytest.raises(MissingError, match="vigie rebuild warehouse"):
        tell_again(built)


def test_lost_cursors_cost_a_look_and_no_run(built: Platform) -> None:
    requests, runs = built.source_requests(), built.runs()
    before = {key: built.archive.items(*_cell(key)) for key in cells(built)}
    for sensor in ("client_activation", "client_items_due"):
        lose_cursors(built)
        built.tick(sensor)
    assert (built.runs(), built.source_requests()) == (runs, requests)
    assert {key: built.archive.items(*_cell(key)) for key in cells(built)} == before


def _cell(key: str) -> Any:
    client, day = key.split("|")
    return client, date.fromisoformat(day)


def test_a_batch_of_an_earlier_instance_never_stands_for_one_of_this(
    built: Platform, new_instance: DagsterInstance
) -> None:
    """Events are counted from 1 again, so the numbers of old batches come up once more."""
    first = min(today() - DAY * n for n in range(3))
    lose_history(built, new_instance)
    for number in range(1, 60):
        built.archive.keep_batch(f"{number}-{first}", [("somebody", first)])
    tell_again(built)
    (request,) = built.evaluate("warehouse_due").run_requests or []
    assert {client_day(c, d) for c, d in built.archive.batch(request.tags[BATCH_TAG])} == cells(built)


def rows(platform: Platform, tables: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """What these tables say, but for the marks of the load."""
    marks = {"load_id", "loaded_at", "exported_at", "fetched_at", "built_at", "ingested_at"}
    return {
        table: sorted(
            (
                {k: v for k, v in row.items() if k not in marks}
                for row in platform.warehouse.query(f"select * from {table}")
            ),
            key=repr,
        )
        for table in tables
    }


@pytest.mark.crash
def test_a_whole_day_is_lost_piece_by_piece_and_comes_back(built: Platform, new_instance: DagsterInstance) -> None:
    with closing(open_database(built.settings)) as database:
        database.register("hub", "1", DesiredState("1.0.0", 3), "ops")
    built.settle(*EVERY)
    tables = (
        *("raw.items", "raw.cells", "raw.source_days", "raw.accounts", "raw.item_matches"),
        *("client_daily_activity", "scored_items", "newsletter_items", "source_health", "account_compliance"),
    )
    before, requests = rows(built, tables), built.source_requests()
    assert all(before[table] for table in ("raw.items", "newsletter_items", "raw.accounts"))
    pages = {p: p.read_bytes() for p in Path(built.settings.stores.newsletters.uri).rglob("newsletter.md")}
    assert pages

    runs = built.runs()
    for sensor in EVERY:  # every cursor is lost after a full day
        built.cursors[sensor] = None
        assert built.tick(sensor) == [], sensor
    assert built.runs() == runs

    lose_history(built, new_instance)
    done = tell_again(built)
    assert (done.cells_for_models, done.cells_to_build, done.pages_missing) == (0, 0, 0)
    assert asked(built, *EVERY) == []
    assert built.settle(*EVERY) == []

    built.settings.warehouse.path.unlink()  # type: ignore[union-attr]
    stores = stores_of(built.settings)
    partitions = Partitions.since(built.settings.first_day)
    made = reload(built.instance, built.defs, stores.config, stores.data, stores.warehouse, partitions, today())
    assert made.cells == 9
    assert rows(built, tables) == before
    assert {run.job_name for run in built.settle(*EVERY)} <= {"write_newsletters", "write_dashboard"}
    assert {p: p.read_bytes() for p in pages} == pages
    assert built.source_requests() == requests, "nothing was fetched for all that"
