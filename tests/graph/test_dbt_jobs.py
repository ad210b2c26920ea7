"""The product's own dbt project under Dagster: scattered cells in one invocation, marts after them, the night's job.

Here: which cells and partitions a run touches, freshness, history, docs, what the night is about. Not here: retries
(test_dbt_runs), the SQL (contract tests).
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterInstance,
    Definitions,
    ExecuteInProcessResult,
    RunRequest,
    SkipReason,
    build_schedule_context,
)

from assets.names import BATCH_TAG, DBT_DOCS, LAST_MODEL, TARGET_TAG
from definitions import build_definitions
from domain.items import Item, content_hash
from local.instance import dagster_home, prepare
from resources.archive import Archive
from resources.object_store import open_store
from resources.warehouse import Cell, Warehouse, items_table
from resources.warehouse_resource import WarehouseResource
from settings import TARGETS, DuckDBWarehouse, Settings, load_settings, own_targets

pytestmark = pytest.mark.e2e  # a story of its own length

FIRST = date(2026, 10, 1)
DAYS = [FIRST + timedelta(days=n) for n in range(20)]
CELLS = [(f"client{n:02}", day) for n in range(20) for day in DAYS]
ASKED = [cell for place, cell in enumerate(CELLS) if place % 4 != 3]  # 300 of 400, no two days alike
FROM, TO = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def item(text: str) -> Item:
    said = f"{text} and enough other words to be told from the others " * 4
    return Item(
        item_id="press_one",
        source_key="press",
        source_type="rss",
        title=text,
        content=said,
        url=f"https://press.example/{text}",
        guid="",
        published_at=None,
        date_source="unknown",
        first_seen=FIRST,
        ingested_at=datetime(2026, 10, 1, 6, tzinfo=UTC),
        language="en",
        content_hash=content_hash(said),
        author="",
        tags=(),
        word_count=len(said.split()),
    )


def name_of(event: DagsterEvent) -> str:
    """The asset that was materialized."""
    return str(event.asset_key and event.asset_key.to_user_string())


@dataclass
class House:
    """A dev target with its instance, and how its jobs are run here."""

    settings: Settings
    defs: Definitions
    instance: DagsterInstance

    @property
    def warehouse(self) -> Warehouse:
        return WarehouseResource.of(self.settings.warehouse).warehouse()

    @property
    def invocations(self) -> Path:
        dbt: Any = (self.defs.resources or {})["dbt"]
        return Path(dbt.artifacts, "runs")

    def load(self, text: str) -> None:
        """Every cell holds one item, which this text makes."""
        rows = items_table((client, day, [item(text)]) for client, day in CELLS)
        self.warehouse.replace_cells([Cell(client, day) for client, day in CELLS], rows, "load")

    def run(self, job: str, tags: dict[str, str] | None = None) -> ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, raise_on_error=False
        )

    def build_all(self) -> None:
        """Every loaded cell, without its tests."""
        dbt: Any = (self.defs.resources or {})["dbt"]
        with dbt.running(["run", "--exclude", "tag:accounts"], "all") as (invocation, said):
            list(said)
        assert [result for result in invocation.results if not result.good] == []

    def build(self, batch: str) -> ExecuteInProcessResult:
        return self.run("build_warehouse", {FROM: str(DAYS[0]), TO: str(DAYS[-1]), BATCH_TAG: batch})

    def printed(self) -> dict[tuple[str, date], str]:
        rows = self.warehouse.query("select client_id, day, title from newsletter_items")
        return {(row["client_id"], row["day"]): row["title"] for row in rows}

    def nightly(self) -> RunRequest | SkipReason:
        schedule = self.defs.get_repository_def().get_schedule_def("nightly_dbt")
        with build_schedule_context(
            instance=self.instance,
            instance_ref=self.instance.get_ref(),
            scheduled_execution_time=datetime(2026, 11, 21, 2, tzinfo=UTC),
        ) as context:
            said = schedule.evaluate_tick(context)
        return said.run_requests[0] if said.run_requests else SkipReason(said.skip_message)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, empty_instance: Path) -> Iterator[House]:
    home = tmp_path_factory.mktemp("house")
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"first_day": FIRST}
    document["dbt"] |= {"retry_seconds": 0}
    own_targets(home).mkdir()
    (own_targets(home) / "house.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": "house", "VIGIE_HOME": str(home)})
    shutil.copytree(empty_instance, dagster_home(settings))
    with DagsterInstance.from_config(str(prepare(settings))) as instance:
        made = House(settings, build_definitions(settings), instance)
        made.warehouse.prepare()
        yield made


@pytest.fixture(scope="module")
def build(house: House) -> ExecuteInProcessResult:
    """All cells built, then every raw row changed and 300 scattered cells built again."""
    house.load("before")
    house.build_all()
    house.load("after")
    Archive(open_store(house.settings.stores.data)).keep_batch("7-scattered", ASKED)
    return house.build("7-scattered")


@pytest.fixture(scope="module")
def night(house: House, build: ExecuteInProcessResult) -> ExecuteInProcessResult:
    """The night's job after the accounts were exported; one source was loaded three days ago."""
    assert house.run("export_accounts").success
    long_ago = datetime.now(UTC) - timedelta(days=3)
    assert isinstance(house.settings.warehouse, DuckDBWarehouse)
    with duckdb.connect(house.settings.warehouse.path) as connection:
        connection.execute("update raw.items set loaded_at = ?", [long_ago])
    return house.run("dbt_nightly")


def test_before_anything_is_built_the_night_has_nothing_to_do(house: House) -> None:
    assert isinstance(house.nightly(), SkipReason)


def test_three_hundred_scattered_cells_are_one_invocation(house: House, build: ExecuteInProcessResult) -> None:
    assert build.success
    assert len(list(house.invocations.glob(f"warehouse_models-{build.run_id[:8]}-*"))) == 1


def test_the_other_cells_stay_as_they_were(house: House, build: ExecuteInProcessResult) -> None:
    printed = house.printed()
    assert {cell for cell, title in printed.items() if title == "after"} == set(ASKED)
    assert {cell for cell, title in printed.items() if title == "before"} == set(CELLS) - set(ASKED)


def test_a_model_by_cells_is_built_by_day_and_a_mart_once(house: House, build: ExecuteInProcessResult) -> None:
    built: dict[str, list[str]] = {}
    for event in build.get_asset_materialization_events():
        built.setdefault(name_of(event), []).append(event.partition or "whole")
    assert sorted(built[LAST_MODEL]) == [str(day) for day in DAYS]
    assert built["source_health"] == ["whole"]
    graph = house.defs.get_repository_def().asset_graph
    assert graph.get(AssetKey("source_health")).partitions_def is None
    assert graph.get(AssetKey(LAST_MODEL)).partitions_def is not None


def test_a_materialization_counts_the_rows_of_its_cells(build: ExecuteInProcessResult) -> None:
    rows = {
        name_of(event): event.materialization.metadata["rows"].value
        for event in build.get_asset_materialization_events()
        if "rows" in event.materialization.metadata
    }
    assert rows["int_items_printed"] == rows["client_daily_activity"] == len(ASKED)


def test_a_mart_alone_is_built_without_any_day(house: House, build: ExecuteInProcessResult) -> None:
    done = house.defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=house.instance, asset_selection=[AssetKey("source_health")]
    )
    assert [event.asset_key for event in done.get_asset_materialization_events()] == [AssetKey("source_health")]
    assert set(house.printed().values()) == {"before", "after"}


def test_each_run_of_dbt_names_its_target(build: ExecuteInProcessResult, night: ExecuteInProcessResult) -> None:
    assert {run.dagster_run.tags[TARGET_TAG] for run in (build, night)} == {"house"}


def test_the_night_runs_every_test_over_all_rows(house: House, night: ExecuteInProcessResult) -> None:
    broken = [event.step_failure_data.user_failure_data for event in night.all_events if event.is_step_failure]
    assert broken == []
    told = {(one.asset_key.to_user_string(), one.check_name) for one in night.get_asset_check_evaluations()}
    graph = house.defs.get_repository_def().asset_graph
    models = {AssetKey(name) for name in (LAST_MODEL, "stg_items", "source_health", "dim_accounts", "accounts_history")}
    known = {(key.asset_key.to_user_string(), key.name) for key in graph.asset_check_keys if key.asset_key in models}
    assert known
    assert known <= told


def test_an_old_source_is_a_warning_that_names_it(night: ExecuteInProcessResult) -> None:
    told = {one.check_name: one for one in night.get_asset_check_evaluations()}
    old = told["raw_items_fresh"]
    assert (old.passed, old.severity.value, old.description) == (False, "WARN", "raw.items was loaded 72.0 hours ago.")
    never = told["raw_source_days_fresh"]
    assert (never.passed, never.description) == (False, "raw.source_days was never loaded.")


def test_the_history_of_accounts_is_an_asset_with_a_table(house: House, night: ExecuteInProcessResult) -> None:
    built = {name_of(event) for event in night.get_asset_materialization_events()}
    assert built == {"accounts_history", DBT_DOCS}
    (row,) = house.warehouse.query("select count(*) as known, count(dbt_valid_from) as dated from accounts_history")
    assert row["known"] == row["dated"]


def test_the_docs_are_one_page_in_the_data_bucket(house: House, night: ExecuteInProcessResult) -> None:
    page = open_store(house.settings.stores.data).get("dbt_docs/index.html").body
    assert b"newsletter_items" in page
    assert b"source_health" in page


def test_the_night_is_about_what_has_been_built(house: House, night: ExecuteInProcessResult) -> None:
    asked = house.nightly()
    assert isinstance(asked, RunRequest)
    assert set(asked.asset_selection or ()) == {AssetKey(DBT_DOCS), AssetKey("accounts_history")}
    checked = {key.asset_key.to_user_string() for key in asked.asset_check_keys or ()}
    assert {"int_items_printed", "source_health", "dim_accounts", "accounts_history"} <= checked
    assert "client_items" not in checked  # no run of this test has materialized it
