"""How many runs a fleet costs: sensors are looked at, and runs are done by the events that Dagster records of them.

No run runs, so that a hundred clients with thirty days are counted in seconds; `make bench NAME=activation` runs them.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time

import pytest
import time_machine
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterRun,
    DagsterRunStatus,
    PartitionKeyRange,
    RunRequest,
    build_schedule_context,
)
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.events import DagsterEventBatchMetadata, StepMaterializationData

from assets.batched import batch_of
from assets.dashboard import newest_shown
from assets.names import (
    CLIENT_CONFIG,
    CLIENT_ITEMS,
    DASHBOARD,
    ETAG_TAG,
    GOOD_SOURCES,
    KEYS_TAG,
    LAST_MODEL,
    NEWSLETTER,
    SEEN_TAG,
    SOURCE_SNAPSHOTS,
)
from domain.activation import CROWD
from domain.clients import ClientConfig
from domain.snapshots import Snapshot
from local.demo_content import demo_catalog
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from resources.object_store import open_store
from tests.graph.conftest import HEALTHY, Platform
from tests.graph.recorded import DAYS, FIRST, LAST, Recorded

pytestmark = pytest.mark.e2e  # a story of its own length

SENSORS = ("client_activation", "client_items_due", "warehouse_due", "newsletters_due", "dashboard_due")
STAGES = {
    "read_client_configs": CLIENT_CONFIG,
    "fetch_sources": SOURCE_SNAPSHOTS,
    "build_client_items": CLIENT_ITEMS,
    "build_warehouse": LAST_MODEL,
    "write_newsletters": NEWSLETTER,
}
ONE_OF_EACH = Counter(dict.fromkeys(STAGES, 1))
SOURCES = HEALTHY[:2]


def record(platform: Platform, run: DagsterRun, events: Sequence[AssetMaterialization]) -> None:
    """What Dagster records of a run that materialized these."""
    together = run.run_id
    for position, event in enumerate(events, 1):
        platform.instance.report_dagster_event(
            DagsterEvent(
                DagsterEventType.ASSET_MATERIALIZATION.value,
                run.job_name,
                event_specific_data=StepMaterializationData(event),
            ),
            run.run_id,
            logging.DEBUG,
            batch_metadata=DagsterEventBatchMetadata(together, is_end=position == len(events)),
        )


def a_run(platform: Platform, job: str, tags: dict[str, str] | None = None) -> DagsterRun:
    """A run that is over. Without the tags of its range: Dagster would record each partition as planned first."""
    definition = platform.defs.resolve_job_def(job)
    return platform.instance.create_run_for_job(definition, status=DagsterRunStatus.SUCCESS, tags=tags)


def keep_snapshots(platform: Platform, days: Iterable[date], good: Sequence[str] = SOURCES) -> None:
    """The sources as they were fetched on those days; those that are not `good` were down."""
    for day in days:
        at = datetime.combine(day, time(5), UTC)
        for source in SOURCES:
            error = "" if source in good else "503"
            platform.archive.keep_snapshot(
                Snapshot(source, day, "http://127.0.0.1/", "application/rss+xml", at, error=error)
            )


def keys_of(platform: Platform, request: RunRequest, job: str) -> list[str]:
    """The partitions that a run of this request does."""
    if request.partition_key:
        return [request.partition_key]
    if KEYS_TAG in request.tags:
        return batch_of(open_store(platform.settings.stores.data), request.tags)
    cut = platform.defs.resolve_job_def(job).partitions_def
    if cut is None:
        return []
    span = PartitionKeyRange(request.tags[FIRST], request.tags[LAST])
    with partition_loading_context(dynamic_partitions_store=platform.instance):
        return list(cut.get_partition_keys_in_range(span))


def do(platform: Platform, request: RunRequest, job: str, good: Sequence[str] = SOURCES) -> None:
    """The run of a request, all of whose partitions materialize."""
    run = a_run(platform, job, {key: value for key, value in request.tags.items() if key not in (FIRST, LAST)})
    keys, tags, metadata = keys_of(platform, request, job), dict[str, dict[str, str]](), dict[str, list[str]]()
    if job == "fetch_sources":
        keep_snapshots(platform, map(date.fromisoformat, keys), good)
        metadata = {GOOD_SOURCES: list(good)}
    if job == "read_client_configs":
        for etag, config in ConfigBucket(platform.config).read(f"clients/{client}.yaml" for client in keys).values():
            assert isinstance(config, ClientConfig)
            platform.archive.keep_config(config, etag)
            tags[config.client_id] = {ETAG_TAG: etag}
    if job != "write_dashboard":
        asset = STAGES[job]
        record(platform, run, [AssetMaterialization(asset, None, metadata, key, tags.get(key)) for key in keys])
    if job in ("build_warehouse", "write_dashboard"):
        assert AssetKey(DASHBOARD) in platform.defs.resolve_job_def(job).asset_layer.executable_asset_keys
        seen = {SEEN_TAG: str(newest_shown(platform.instance))}
        record(platform, run, [AssetMaterialization(DASHBOARD, tags=seen)])


def follow(platform: Platform) -> Counter[str]:
    """Looks of every sensor, and what they ask for done at once, until nothing is asked for: job -> runs."""
    runs: Counter[str] = Counter()
    quiet = 0
    while quiet < 2:
        asked: list[tuple[str, RunRequest]] = []
        for name in SENSORS:
            data = platform.evaluate(name)
            platform.cursors[name] = data.cursor
            for more in data.dynamic_partitions_requests or ():
                platform.instance.add_dynamic_partitions(more.partitions_def_name, more.partition_keys)
            only = platform.defs.get_repository_def().get_sensor_def(name).targets[0].job_name
            asked += [(request.job_name or only, request) for request in data.run_requests or ()]
        for job, request in asked:
            do(platform, request, job)
        runs.update(job for job, _request in asked)
        quiet = 0 if asked else quiet + 1
    return runs


def fleet(platform: Platform, count: int) -> list[str]:
    clients = [f"client{number:04}" for number in range(count)]
    for client in clients:
        platform.put_client(client, SOURCES)
    return clients


class TestRuns(Recorded):
    """A platform with a catalog and thirty days, none of them fetched yet."""

    @pytest.fixture(autouse=True)
    def configured(self, platform: Platform) -> None:
        for location in (platform.settings.stores.config, platform.settings.stores.newsletters):
            assert location.kind == "directory"
            location.path.mkdir(parents=True)
        platform.config.put(CATALOG_KEY, demo_catalog("http://127.0.0.1").encode())

    @pytest.mark.parametrize(("count", "days"), [(1, 30), (100, 2)])
    def test_new_clients_are_five_runs_however_many_clients_and_days_they_are(
        self, platform: Platform, count: int, days: int
    ) -> None:
        keep_snapshots(platform, DAYS[1:days])
        clients = fleet(platform, count)
        assert follow(platform) == ONE_OF_EACH
        assert platform.materialized(CLIENT_ITEMS) == {f"{client}|{day}" for client in clients for day in DAYS[:days]}
        assert {key.partition("|")[0] for key in platform.materialized(NEWSLETTER)} == set(clients)

    def test_a_hundred_clients_and_thirty_days_are_one_run_of_cells(self, platform: Platform) -> None:
        keep_snapshots(platform, DAYS)
        clients = fleet(platform, 100)
        platform.instance.add_dynamic_partitions("clients", clients)
        record(
            platform,
            a_run(platform, "read_client_configs"),
            [AssetMaterialization(CLIENT_CONFIG, partition=client) for client in clients],
        )
        (request,) = platform.evaluate("client_items_due").run_requests or ()
        assert KEYS_TAG in request.tags, "Dagster would plan 3,000 cells one by one, and end a run that starts so late"
        assert set(keys_of(platform, request, "build_client_items")) == {f"{c}|{day}" for c in clients for day in DAYS}

    def test_a_day_of_the_fleet_is_four_runs_and_so_is_a_source_that_comes_back(self, platform: Platform) -> None:
        keep_snapshots(platform, DAYS[1:3])
        fleet(platform, 20)
        with time_machine.travel(datetime.combine(DAYS[1], time(12), UTC), tick=True):
            assert follow(platform) == ONE_OF_EACH - Counter(["fetch_sources"])  # they were fetched that morning
        schedule = platform.defs.get_repository_def().get_schedule_def("daily_sources")
        with build_schedule_context(
            instance=platform.instance,
            repository_def=platform.defs.get_repository_def(),
            scheduled_execution_time=datetime.now(UTC),
        ) as context:
            (daily,) = schedule.evaluate_tick(context).run_requests or ()
        for good in (SOURCES[:1], SOURCES):  # one source is down, then is back
            do(platform, daily, "fetch_sources", good)
            assert Counter(["fetch_sources"]) + follow(platform) == ONE_OF_EACH - Counter(["read_client_configs"])

    def test_cells_that_are_retried_here_and_there_are_one_build_of_the_warehouse(self, platform: Platform) -> None:
        keep_snapshots(platform, DAYS[1:10])
        clients = fleet(platform, 5)
        follow(platform)
        cells = [f"{client}|{DAYS[2 * number]}" for number, client in enumerate(clients)]
        run = a_run(platform, "build_client_items")
        record(platform, run, [AssetMaterialization(CLIENT_ITEMS, partition=key) for key in cells])
        assert follow(platform) == Counter(["build_warehouse", "write_newsletters"])

    def test_a_crowd_whose_files_are_still_being_put_in_is_one_batch(self, platform: Platform) -> None:
        half = fleet(platform, 2 * CROWD)[CROWD:]
        for client in half:
            platform.remove_client(client)
        waiting = platform.evaluate("client_activation")
        assert not waiting.run_requests
        assert waiting.skip_message == f"{CROWD} new client files, and more may come: they wait for the next look."
        platform.cursors["client_activation"] = waiting.cursor
        fleet(platform, 2 * CROWD)
        assert follow(platform)["read_client_configs"] == 1
        assert len(platform.materialized(CLIENT_CONFIG)) == 2 * CROWD

    def test_a_page_that_a_build_has_not_written_is_asked_for_once(self, platform: Platform) -> None:
        fleet(platform, 1)
        follow(platform)
        run = a_run(platform, "build_warehouse")
        record(platform, run, [AssetMaterialization(LAST_MODEL, partition=str(DAYS[0]))])
        assert follow(platform)["write_dashboard"] == 1
        assert not platform.evaluate("dashboard_due").run_requests
