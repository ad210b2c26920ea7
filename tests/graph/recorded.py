"""What follows from events alone: cells and models that materialize by events on runs, as Dagster records them.

Here: those events, and what a sensor asks for because of them. Not here: tests; runs that really run (conftest).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
import yaml
from dagster import (
    AssetMaterialization,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    RunRequest,
)
from dagster._core.events import StepMaterializationData

from assets.batched import batch_of
from assets.names import BATCH_TAG, CLIENT_CONFIG, CLIENT_ITEMS, LAST_MODEL, SOURCE_SNAPSHOTS
from definitions import build_definitions
from domain.snapshots import Snapshot
from local.demo_site import DemoSite
from partitions import client_day, today
from resources.object_store import open_store
from settings import TARGETS, DirectoryLocation, load_settings, own_targets
from tests.graph.conftest import Platform

RUN_KEY = "dagster/run_key"
DAYS = [today() - timedelta(days=n) for n in range(30)]  # DAYS[2] is the day before yesterday
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

Cell = tuple[str, date]


def span_of(request: RunRequest | DagsterRun) -> tuple[str, str]:
    """The first and the last partition of the range that a run is asked for."""
    return request.tags[FIRST], request.tags[LAST]


def cells_of(requests: Iterable[RunRequest]) -> list[tuple[str, str]]:
    return sorted(span_of(request) for request in requests)


def keys_of(platform: Platform, requests: Iterable[RunRequest]) -> list[str]:
    """The partitions of the one run asked for, where they are no range."""
    (request,) = requests
    return sorted(batch_of(open_store(platform.settings.stores.data), request.tags))


def asks(platform: Platform, sensor: str) -> list[RunRequest]:
    """What the sensor asks for. As the daemon does it: the runs are known to the instance, a run key makes one run,
    the cursor is kept. The runs are over at once and have done nothing."""
    data = platform.evaluate(sensor)
    platform.cursors[sensor] = data.cursor
    job = platform.defs.get_repository_def().get_sensor_def(sensor).targets[0].job_name
    known = {run.tags.get(RUN_KEY) for run in platform.instance.get_runs()}
    new = [request for request in data.run_requests or () if not request.run_key or request.run_key not in known]
    for request in new:
        keyed = {RUN_KEY: request.run_key} if request.run_key else {}
        a_run(platform, job, DagsterRunStatus.SUCCESS, {**request.tags, **keyed})
    return new


def a_run(platform: Platform, job: str, status: DagsterRunStatus, tags: dict[str, str] | None = None) -> DagsterRun:
    """A run that the instance knows in this state; nothing is executed."""
    return platform.instance.create_run_for_job(platform.defs.resolve_job_def(job), status=status, tags=tags)


def materialize(
    platform: Platform,
    asset: str,
    keys: Iterable[str],
    job: str,
    batch: str = "",
    status: DagsterRunStatus = DagsterRunStatus.SUCCESS,
) -> None:
    """The events of a run that materialized these partitions."""
    run = a_run(platform, job, status, {BATCH_TAG: batch} if batch else None)
    for key in keys:
        event = DagsterEvent(
            DagsterEventType.ASSET_MATERIALIZATION.value,
            job,
            event_specific_data=StepMaterializationData(AssetMaterialization(asset, partition=key)),
        )
        platform.instance.report_dagster_event(event, run.run_id)


def build_cells(platform: Platform, *cells: Cell) -> None:
    """The cells materialize in one run."""
    materialize(platform, CLIENT_ITEMS, [client_day(client, day) for client, day in cells], "build_client_items")


def build_models(platform: Platform, days: Sequence[date], *cells: Cell) -> None:
    """dbt builds the days, for a batch of these cells; without cells, as a person asks for it in the UI."""
    batch = f"test-{platform.runs()}" if cells else ""
    if cells:
        platform.archive.keep_batch(batch, cells)
    materialize(platform, LAST_MODEL, [str(day) for day in days], "build_warehouse", batch)


def batches(platform: Platform, requests: Iterable[RunRequest]) -> list[list[Cell]]:
    return [platform.archive.batch(request.tags[BATCH_TAG]) for request in requests]


def spans_of(requests: Iterable[RunRequest]) -> list[tuple[date, date]]:
    return [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in map(span_of, requests)]


def configure(platform: Platform, *clients: str) -> None:
    """The clients are in the graph and their configurations were read."""
    platform.instance.add_dynamic_partitions("clients", list(clients))
    materialize(platform, CLIENT_CONFIG, clients, "read_client_configs")


def archive_sources(platform: Platform, *days: date) -> None:
    """A source was fetched on those days."""
    for day in days:
        at = datetime.combine(day, time(5), UTC)
        platform.archive.keep_snapshot(Snapshot("press__one", day, "http://127.0.0.1/", "application/rss+xml", at))
    materialize(platform, SOURCE_SNAPSHOTS, map(str, days), "fetch_sources")


class Recorded:
    """Tests of what follows from events alone: thirty days, an instance in memory, no run and no request."""

    @pytest.fixture
    def platform(self, tmp_path: Path) -> Iterator[Platform]:
        document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"first_day": DAYS[-1]}
        own_targets(tmp_path).mkdir()
        (own_targets(tmp_path) / "graph.yaml").write_text(yaml.safe_dump(document))
        settings = load_settings({"VIGIE_TARGET": "graph", "VIGIE_HOME": str(tmp_path)})
        assert isinstance(settings.stores.data, DirectoryLocation)
        settings.stores.data.path.mkdir(parents=True)
        with DagsterInstance.ephemeral() as instance:
            yield Platform(settings, build_definitions(settings), instance, DemoSite(DAYS[0]))
