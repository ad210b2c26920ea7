"""The checks on sources, clients and selection rules as Dagster runs them by hand, on real stores and a DuckDB file.

Here: which day is looked at, what is reported. Not here: what is found odd (unit), the whole graph.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from dagster import AssetCheckEvaluation, AssetSpec, Definitions

from assets.checks import config_checks, configured_assets, evaluation
from assets.names import CLIENT_ITEMS, RULES_VALID, SOURCE_SNAPSHOTS
from assets.source_health import quiet_clients, source_checks, source_results
from domain.selection_rules import KEY as PROFILES_KEY
from domain.snapshots import Snapshot
from partitions import today
from resources.archive import Archive
from resources.config_bucket import CATALOG_KEY
from resources.object_store import ObjectStoreResource
from resources.warehouse import Cell, items_table
from resources.warehouse_resource import WarehouseResource
from settings import DirectoryLocation, DuckDBWarehouse
from tests.graph.conftest import HEALTHY, Platform, client_yaml

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
    assert str(told.metadata["findings"].value).count("\n- `source") == 7
    assert evaluation(quiet_clients({}, day)).passed


class TestSelectionRules:
    """selection_rules_valid, by hand and as the graph reports it."""

    CATALOG = b"""
sources:
  - {source_key: press__a, source_type: press, ingestion_mode: rss, enabled: true, rss_url: "https://a.example/",
     ingestion_profile: pres}
bouquets: [{bouquet_id: papers, source_keys: [press__a]}]
"""
    PROFILES = b"""
profiles:
  press:
    signal_requirements:
      mode: require_signals
      required_signal_groups: [{group_id: technology, scopes: [depot]}]
"""
    SCOPES = b"depot: [long-acting]\n"

    def check(self, store: ObjectStoreResource) -> AssetCheckEvaluation:
        """The check, run by hand with the two beside it."""
        definitions = Definitions(
            assets=configured_assets(), asset_checks=config_checks(), resources={"config_store": store}
        )
        done = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
        (found,) = (one for one in done.get_asset_check_evaluations() if one.check_name == RULES_VALID)
        return found

    @pytest.fixture
    def config(self, store: ObjectStoreResource) -> ObjectStoreResource:
        files = store.store()
        files.put(CATALOG_KEY, self.CATALOG.replace(b"pres}", b"press}"))
        files.put(PROFILES_KEY, self.PROFILES)
        files.put("canonical/scopes/technology_scopes.yaml", self.SCOPES)
        return store

    def test_it_passes_where_there_is_nothing_to_say_and_where_nobody_wrote_a_rule(
        self, store: ObjectStoreResource, config: ObjectStoreResource
    ) -> None:
        found = self.check(config)
        assert (found.passed, found.description) == (True, "2 profiles, 0 remarks.")
        Path(store.store().uri, PROFILES_KEY).unlink()
        assert self.check(config).passed

    def test_remarks_on_files_catalog_and_clients_warn_and_are_listed(self, config: ObjectStoreResource) -> None:
        files = config.store()
        files.put(CATALOG_KEY, self.CATALOG)
        files.put("canonical/scopes/technology_scopes.yaml", b"other: [hiring]\n")
        files.put("clients/acme.yaml", client_yaml([], source_config={"bouquet_ingestion_overrides": {"papers": "x"}}))
        found = self.check(config)
        assert (found.passed, found.severity.value) == (False, "WARN")
        remarks = str(found.metadata["remarks"].value)
        assert found.metadata["found"].value == remarks.count("\n") + 1 >= 3
        assert '"pres"' in remarks
        assert "depot" in remarks
        assert "acme, source_config.bouquet_ingestion_overrides" in remarks

    @pytest.mark.parametrize("key", [PROFILES_KEY, "canonical/scopes/technology_scopes.yaml"])
    def test_a_file_that_is_broken_as_a_whole_is_an_error_with_its_place(
        self, config: ObjectStoreResource, key: str
    ) -> None:
        config.store().put(key, b"profiles: [")
        found = self.check(config)
        assert (found.passed, found.severity.value) == (False, "ERROR")
        assert str(found.description).startswith(f"{key}:")

    def test_a_catalog_that_is_broken_is_told_of_by_its_own_check(self, config: ObjectStoreResource) -> None:
        config.store().put(CATALOG_KEY, b"sources: [")
        assert self.check(config).passed

    def test_the_activation_of_a_client_and_the_days_run_report_it(self, platform: Platform) -> None:
        platform.config.put(PROFILES_KEY, b"profiles: [")
        platform.put_client("acme", HEALTHY[:1])
        told = platform.evaluate("client_activation").asset_events
        checked = [event for event in told if isinstance(event, AssetCheckEvaluation)]
        assert [(event.check_name, event.passed) for event in checked] == [(RULES_VALID, False)]
        fetched = platform.run_job("fetch_sources", partition=str(today()))
        assert fetched.is_success
        assert self.reported(platform, fetched.run_id).severity.value == "ERROR"

        platform.config.put(PROFILES_KEY, self.PROFILES)
        platform.config.put("canonical/scopes/technology_scopes.yaml", self.SCOPES)
        choices = {"sources_extra_enabled": HEALTHY[:1], "bouquet_ingestion_overrides": {"depot_press": "nobody"}}
        platform.config.put("clients/acme.yaml", client_yaml([], source_config=choices))
        mended = self.reported(platform, platform.run_job("fetch_sources", partition=str(today())).run_id)
        assert (mended.passed, mended.severity.value) == (False, "WARN")
        assert 'acme, source_config.bouquet_ingestion_overrides: There is no ingestion profile "nobody"' in str(
            mended.metadata["remarks"].value
        )

    def reported(self, platform: Platform, run_id: str) -> AssetCheckEvaluation:
        """The run's own report of the check."""
        events = (entry.dagster_event for entry in platform.instance.all_logs(run_id))
        told = [
            event.asset_check_evaluation_data
            for event in events
            if event and event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        (found,) = (one for one in told if one.check_name == RULES_VALID)
        return found
