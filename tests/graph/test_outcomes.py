"""The true outcome of each partition inside one run, and what follows from it: models, a retry, a killed run."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterRunStatus, ReexecutionOptions, execute_job
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from partitions import today
from settings import PROJECT_ROOT
from tests.graph.conftest import HEALTHY, PATHS, Platform

TODAY = str(today())
ONLY_SOLO = HEALTHY[-1]  # a source that nobody else follows
CHAIN = ("client_activation", "client_items_due", "warehouse_due", "newsletters_due")


def re_execute(platform: Platform, run_id: str) -> str:
    """What "Re-execute from failure" in the UI does; the new run's id."""
    run = platform.instance.get_run_by_id(run_id)
    assert run
    code = ReconstructableRepository.for_file(
        str(PROJECT_ROOT / "tests" / "graph" / "same_target.py"),
        "defs",
        working_directory=str(PROJECT_ROOT),
        container_image=run_id,  # what Dagster remembers of another test's target is not taken for this one's
    )
    result = execute_job(
        ReconstructableJob(code, run.job_name),
        instance=platform.instance,
        tags={
            name: value
            for name, value in run.tags.items()
            if name.startswith(("dagster/asset_partition_range", "vigie/"))
        },
        reexecution_options=ReexecutionOptions.from_failure(run_id, platform.instance),
    )
    return result.run_id


def partitions_of(platform: Platform, run_id: str, asset: str) -> list[str]:
    """The asset's partitions that the run materialized."""
    events = platform.instance.all_logs(run_id)
    found = [
        event.dagster_event.event_specific_data.materialization  # type: ignore[union-attr]
        for event in events
        if event.dagster_event and event.dagster_event.event_type_value == "ASSET_MATERIALIZATION"
    ]
    return sorted(one.partition for one in found if one.partition and one.asset_key.to_user_string() == asset)


@pytest.mark.e2e  # a story of its own length
def test_one_client_of_ten_fails_alone_and_its_retry_redoes_it_alone(platform: Platform) -> None:
    names = [f"client{number}" for number in range(9)]
    for name in names:
        platform.put_client(name, HEALTHY[:3])
    platform.put_client("solo", [ONLY_SOLO])
    platform.site.down.add(PATHS[ONLY_SOLO])

    assert platform.tick("client_activation") == []  # ten are a crowd: there may be more at the next look
    runs = platform.settle(*CHAIN)
    by_job = {run.job_name: run for run in runs}
    assert by_job["build_client_items"].status == DagsterRunStatus.FAILURE
    assert platform.failed("client_items") == {f"solo|{TODAY}"}
    assert platform.materialized("client_items") == {f"{name}|{TODAY}" for name in names}
    assert not Path(platform.archive.uri, "ingested", "solo").exists()

    # the healthy ones went on: dbt built exactly them, and their pages are there
    assert by_job["build_warehouse"].is_success
    built = platform.warehouse.query("select distinct client_id from client_daily_activity")
    assert {row["client_id"] for row in built} == set(names)
    assert {key.partition("|")[0] for key in platform.materialized("newsletter")} == set(names)
    loads = platform.warehouse.query("select client_id, load_id, loaded_at from raw.cells")

    # the source answers again: only it is fetched, only its client is built, only its rows are written
    platform.site.down.clear()
    platform.site.requests.clear()
    platform.run_job("fetch_sources", partition=TODAY)
    assert platform.source_requests() == {ONLY_SOLO: 1}
    retry = re_execute(platform, by_job["build_client_items"].run_id)
    assert partitions_of(platform, retry, "client_items") == [f"solo|{TODAY}"]
    assert platform.failed("client_items") == set()
    assert len(platform.materialized("client_items")) == 10
    kept = platform.warehouse.query("select client_id, load_id, loaded_at from raw.cells where client_id <> 'solo'")
    assert sorted(kept, key=str) == sorted(loads, key=str)

    runs = platform.settle(*CHAIN)
    assert [run.job_name for run in runs] == ["build_warehouse", "write_newsletters"]
    batch = platform.archive.batch(runs[0].tags["vigie/batch"])
    assert batch == [("solo", today())]
    assert partitions_of(platform, runs[1].run_id, "newsletter") == [
        f"solo|{today() - timedelta(days=today().weekday())}"
    ]


def test_a_retry_does_again_what_died_between_the_runs_log_and_the_assets_history(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.put_client("solo", [ONLY_SOLO])
    platform.site.down.add(PATHS[ONLY_SOLO])
    runs = {run.job_name: run for run in platform.settle("client_activation", "client_items_due")}
    died = runs["build_client_items"].run_id
    with sqlite3.connect(Path(platform.instance.root_directory, "history", "runs", "index.db")) as history:
        lost = history.execute(
            "delete from event_logs where dagster_event_type = ? and run_id = ? and partition = ?",
            ("ASSET_MATERIALIZATION", died, f"acme|{TODAY}"),
        )
        assert lost.rowcount == 1  # as a kill leaves it: SQLite's log of the run was written, this file not yet
    assert partitions_of(platform, died, "client_items") == [f"acme|{TODAY}"]
    assert platform.materialized("client_items") == set()

    retry = re_execute(platform, died)
    assert partitions_of(platform, retry, "client_items") == [f"acme|{TODAY}"]
    assert platform.materialized("client_items") == {f"acme|{TODAY}"}


def test_the_metadata_of_a_partition_says_what_became_of_every_item(platform: Platform) -> None:
    platform.put_client("acme", [*HEALTHY[:2], "press_corporate__solvane"])
    platform.settle()
    event = platform.instance.get_latest_materialization_event(_key("client_items"))
    assert event
    assert event.asset_materialization
    metadata = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert metadata["outcome"] == "degraded"
    assert metadata["sources_failed"] == 1
    assert "press_corporate__solvane" in str(metadata["failures"])
    fetched, filtered = metadata["items_fetched"], metadata["items_filtered"]
    assert fetched == filtered + metadata["items_deduplicated"] + metadata["items_kept"]  # type: ignore[operator]
    assert metadata["items_kept"] == len(platform.archive.items("acme", today())) > 0
    assert f"{today():%m-%d} █" in str(metadata["items_per_day"])


def test_every_source_down_writes_nothing_and_keeps_what_was_there(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.settle()
    before = platform.archive.items("acme", today())
    platform.site.down.update(PATHS.values())
    run = platform.run_job("fetch_sources", partition=TODAY)
    assert run.is_success  # today's good snapshots stay, nothing had to be fetched
    run = platform.run_job("build_client_items", partition=f"acme|{TODAY}")
    assert run.is_success
    assert platform.archive.items("acme", today()) == before


def test_cells_ask_for_todays_sources_first(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.tick("client_activation")
    for path in Path(platform.archive.uri, "snapshots").rglob("*.gz"):
        path.unlink()
    run = platform.run_job("build_client_items", partition=f"acme|{TODAY}")
    assert run.status == DagsterRunStatus.FAILURE
    assert platform.failed("client_items") == {f"acme|{TODAY}"}


class TestHistory:
    """A platform that has run for three days."""

    @pytest.fixture
    def history_days(self) -> int:
        return 2

    def test_a_past_day_is_built_again_without_a_request_and_comes_out_the_same(self, platform: Platform) -> None:
        platform.put_client("acme", HEALTHY)
        platform.settle()
        past = today() - timedelta(days=1)
        file = Path(platform.archive.uri, "ingested", "acme", f"{past:%Y/%m/%d}", "items.json")
        before = file.read_bytes()
        assert len(before) > 2
        platform.site.requests.clear()
        assert platform.run_job("fetch_sources", partition=str(past)).is_success
        assert platform.run_job("build_client_items", partition=f"acme|{past}").is_success
        assert file.read_bytes() == before
        assert platform.source_requests() == {}

    def test_days_are_disjoint(self, platform: Platform) -> None:
        platform.put_client("acme", HEALTHY)
        platform.settle()
        days = [today() - timedelta(days=n) for n in range(3)]
        ids = [item.item_id for day in days for item in platform.archive.items("acme", day)]
        assert len(ids) == len(set(ids)) > 0


def _key(asset: str) -> AssetKey:
    return AssetKey(asset)


def test_a_source_that_comes_back_is_built_for_those_who_follow_it_and_nobody_else(platform: Platform) -> None:
    platform.put_client("acme", HEALTHY[:2])
    platform.put_client("other", HEALTHY[1:3])
    platform.put_client("solo", [ONLY_SOLO])
    platform.site.down.update({PATHS[HEALTHY[0]], PATHS[ONLY_SOLO]})
    platform.settle()
    assert platform.failed("client_items") == {f"solo|{TODAY}"}
    assert {item.source_key for item in platform.archive.items("acme", today())} == {HEALTHY[1]}

    platform.site.down.clear()
    platform.run_job("fetch_sources", partition=TODAY)
    runs = platform.settle()
    assert [run.job_name for run in runs] == ["build_client_items"]
    assert partitions_of(platform, runs[0].run_id, "client_items") == [f"acme|{TODAY}", f"solo|{TODAY}"]
    assert {item.source_key for item in platform.archive.items("acme", today())} == set(HEALTHY[:2])
    assert platform.failed("client_items") == set()

    platform.run_job("fetch_sources", partition=TODAY)  # nothing was gained: nothing is built again
    assert platform.settle() == []
