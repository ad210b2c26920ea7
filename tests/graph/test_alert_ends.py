"""How alerts about failed runs end: each way of mending a failure is told as its end, and nothing else is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from dagster import AssetMaterialization, DagsterRunStatus
from dagster._core.storage.tags import MAX_RETRIES_TAG

from assets.batched import batch_tags
from assets.names import CLIENT_ITEMS, SOURCE_SNAPSHOTS
from domain.backfills import Batch
from domain.ranges import Range, Rectangle
from domain.snapshots import failure
from partitions import client_day, range_tags, rectangle_tags, today
from resources.alert_desk import AlertDesk
from resources.config_bucket import ConfigBucket
from resources.dbt import prepare_manifest
from sensors.failed_runs import FailedRuns
from tests.contract.hook_server import HookServer
from tests.graph.alerting import tick
from tests.graph.conftest import HEALTHY, PATHS, Platform
from tests.graph.tiny_dbt import Tiny, write_project

pytestmark = pytest.mark.e2e  # stories of their own length

CLIENTS = ("acme", "beta", "gamma")
YESTERDAY = today() - timedelta(days=1)


def cells(first: str, last: str) -> dict[str, str]:
    """The tags of a run of today's cells of those clients."""
    return rectangle_tags(Rectangle(Range(first, last), Range(str(today()), str(today()))))


def lost(platform: Platform, job: str, tags: dict[str, str]) -> str:
    """A run of the job whose process is gone, and which nothing tries again: its id."""
    definition = platform.defs.resolve_job_def(job)
    run = platform.instance.create_run_for_job(
        definition, status=DagsterRunStatus.STARTED, tags=tags | {MAX_RETRIES_TAG: "0"}
    )
    platform.instance.report_run_failed(run, "the worker of this run is lost")
    return run.run_id


@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_a_failed_build_of_dbt_is_over_once_its_models_are_built(
    platform: Platform, desk: AlertDesk, hook: HookServer, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "tiny")
    prepare_manifest(project, {})
    tiny = Tiny(project, tmp_path / "tiny.duckdb")
    tiny.build("steady", "never", instance=platform.instance)
    tick(platform, desk)
    platform.instance.report_runless_asset_event(AssetMaterialization("steady"))
    tick(platform, desk)
    assert hook.titles() == ["[graph] tiny_models failed"]
    with duckdb.connect(tiny.path) as connection:
        connection.execute("insert into main.tries from range(99)")
    tiny.build("steady", "never", instance=platform.instance)
    tick(platform, desk)
    assert hook.titles()[1:] == ["[graph] Over: tiny_models failed"]


class TestLostDays:
    @pytest.fixture
    def history_days(self) -> int:
        return 1

    def test_a_day_that_its_sources_failed_is_over_once_a_later_day_has_come(
        self, platform: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        only = HEALTHY[-1]
        platform.put_client("acme", [only])
        platform.tick("client_activation")
        for kept in Path(platform.archive.uri, "snapshots", str(YESTERDAY)).iterdir():
            kept.unlink()
        source = ConfigBucket(platform.config).catalog().sources[only]
        platform.archive.keep_snapshot(failure(source, YESTERDAY, datetime.now(UTC), TimeoutError("no answer")))
        platform.run_job("fetch_sources", tags=range_tags(Range(str(YESTERDAY), str(YESTERDAY))))
        day = Range(str(YESTERDAY), str(YESTERDAY))
        platform.run_job("build_client_items", tags=rectangle_tags(Rectangle(Range("acme", "acme"), day)))
        assert platform.failed(CLIENT_ITEMS) == {f"acme|{YESTERDAY}"}
        for _look in range(2):
            tick(platform, desk)
        title = f"source {only} fails; 2 partitions failed (client_items, source_snapshots)"
        assert hook.titles() == [f"[graph] {title}"]
        platform.run_job("fetch_sources", tags=range_tags(Range(str(today()), str(today()))))
        platform.run_job("build_client_items", tags=cells("acme", "acme"))
        tick(platform, desk)
        assert hook.titles()[1:] == [f"[graph] Over: {title}"]


class TestLostRuns:
    @pytest.fixture
    def mended(self, platform: Platform) -> Platform:
        """Today's sources are there, and then a run of two clients' cells is lost."""
        for client in CLIENTS:
            platform.put_client(client)
        platform.tick("client_activation")
        platform.run_job("build_client_items", tags=cells("gamma", "gamma"))
        lost(platform, "build_client_items", cells("acme", "beta"))
        return platform

    def test_a_wider_run_mends_a_lost_one(self, mended: Platform, desk: AlertDesk, hook: HookServer) -> None:
        tick(mended, desk)
        mended.run_job("build_client_items", tags=cells("acme", "acme"))
        tick(mended, desk)
        assert hook.titles() == ["[graph] build_client_items failed"]
        mended.run_job("build_client_items", tags=cells("acme", "gamma"))
        tick(mended, desk)
        assert hook.titles()[1:] == ["[graph] Over: build_client_items failed"]

    def test_a_batch_and_the_ui_mend_a_lost_run(self, mended: Platform, desk: AlertDesk, hook: HookServer) -> None:
        tick(mended, desk)
        batch = batch_tags(desk.data, Batch((f"gamma|{today()}", f"acme|{today()}")))
        assert mended.run_job("build_client_items", tags=batch).is_success
        made = AssetMaterialization(CLIENT_ITEMS, partition=client_day("beta", today()))
        mended.instance.report_runless_asset_event(made)
        tick(mended, desk)
        title = "[graph] build_client_items failed"
        assert hook.titles() == [title, title.replace("] ", "] Over: ")]

    def test_a_lost_batch_is_not_mended_by_its_first_partition(
        self, mended: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        keys = (f"gamma|{today()}", f"acme|{today()}")
        lost(mended, "build_client_items", batch_tags(desk.data, Batch(keys)))
        for client in ("gamma", "beta"):
            mended.run_job("build_client_items", tags=cells(client, client))
            tick(mended, desk)
        assert hook.titles() == ["[graph] build_client_items failed"]
        mended.run_job("build_client_items", tags=cells("acme", "acme"))
        tick(mended, desk)
        assert hook.titles()[1:] == ["[graph] Over: build_client_items failed"]

    def test_what_a_later_run_says_of_a_partition_itself_takes_the_place_of_the_lost_run(
        self, mended: Platform, desk: AlertDesk, hook: HookServer
    ) -> None:
        tick(mended, desk)
        snapshots = Path(mended.archive.uri, "snapshots", str(today()))
        aside = snapshots.rename(snapshots.with_name("aside"))
        mended.run_job("build_client_items", tags=cells("acme", "beta"))
        aside.rename(snapshots)
        tick(mended, desk)
        assert hook.titles()[1:] == [
            "[graph] 2 partitions failed (client_items)",
            "[graph] Over: build_client_items failed",
        ]


def test_a_partition_that_fails_again_after_it_was_good_is_told(
    platform: Platform, desk: AlertDesk, hook: HookServer
) -> None:
    platform.put_client("acme", [HEALTHY[-1]])
    platform.settle("client_activation", "client_items_due")
    tick(platform, desk)
    assert hook.titles() == []
    platform.site.down.add(PATHS[HEALTHY[-1]])
    snapshots = Path(platform.archive.uri, "snapshots", str(today()))
    snapshots.rename(snapshots.with_name("aside"))
    platform.run_job("fetch_sources", tags=range_tags(Range(str(today()), str(today()))))
    assert platform.failed(SOURCE_SNAPSHOTS) == {str(today())}
    tick(platform, desk)
    assert len(hook.titles()) == 1


def test_a_failure_stays_open_behind_any_number_of_failed_runs_that_are_nobodys_concern(
    platform: Platform,
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    old = lost(platform, "build_client_items", {})
    for _run in range(7):
        lost(platform, "look_for_drift", {})
    runs = FailedRuns(lambda _tags: [], page=2)
    found = runs.signs(platform.instance, since, lambda run: run.job_name == "build_client_items")
    assert ([sign.run_id for sign in found.signs], found.all) == ([old], True)
    few = FailedRuns(lambda _tags: [], most=4, page=2).signs(platform.instance, since, lambda _run: True)
    assert (len(few.signs), few.all) == (4, False)
