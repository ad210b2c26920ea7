"""The client_items_due sensor: configurations and snapshots as they are now -> the cells to build.

Here: which cells are missing or behind their sources, as the fewest runs. Not here: building them
(assets.client_items).
"""

import json
from collections.abc import Mapping
from datetime import date

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterEventType,
    DagsterInstance,
    DefaultSensorStatus,
    EventLogRecord,
    JsonMetadataValue,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from assets.batched import batch_tags
from assets.names import CLIENT_CONFIG, CLIENT_ITEMS, GOOD_SOURCES, SOURCE_SNAPSHOTS
from domain.backfills import cell_batches
from jobs import Stages
from partitions import CLIENTS, Partitions, client_day, split, today
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStoreResource
from sensors.events import PAGE, last_event, materialized_since

_ENDED = (AssetPartitionStatus.MATERIALIZED, AssetPartitionStatus.FAILED)


def client_items_due_sensor(
    partitions: Partitions, stages: Stages, history_days: int, seconds: int
) -> SensorDefinition:
    """Asks for every cell of the window that has a snapshot and was never tried, as one run whichever they are.
    A cell that was tried is asked for again only where one of its sources has become good
    since, a failed one also where its client's configuration was read anew; for any other reason, people decide."""

    @sensor(
        name="client_items_due",
        job=stages.items.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Builds the cells of new clients, of new days, and of sources that came back.",
    )
    def client_items_due(
        context: SensorEvaluationContext, config_store: ObjectStoreResource, data_store: ObjectStoreResource
    ) -> SensorResult | SkipReason:
        instance = context.instance
        last, seen = (
            (last_event(instance, CLIENT_CONFIG), last_event(instance, SOURCE_SNAPSHOTS)),
            _numbers(context.cursor),
        )
        if last == seen:
            return SkipReason("no configuration and no snapshot since the last look.")
        if stages.configs.under_way(instance) or stages.sources.under_way(instance):
            return SkipReason("waiting for configurations and snapshots in progress.")
        if stages.items.under_way(instance):
            return SkipReason("waiting for cells in progress: what they are built from may have changed since.")
        clients = instance.get_dynamic_partitions(CLIENTS)
        configured = instance.get_materialized_partitions(AssetKey(CLIENT_CONFIG))
        archive, now = Archive(data_store.store()), today()
        window = [str(day) for day in partitions.window(now, history_days)]
        days = [day for day in window if archive.snapshot_sources(date.fromisoformat(day))]
        keys = [client_day(client, day) for client in clients if client in configured for day in days]
        tried = instance.get_status_by_partition(AssetKey(CLIENT_ITEMS), keys, partitions.client_days) or {}
        due: set[str] = {key for key in keys if tried.get(key) is None}
        gained = gained_sources(instance, seen[1]) if seen else {}  # a lost cursor cannot tell what is new
        again = {key for key, status in tried.items() if status in _ENDED and key.partition("|")[2] in gained}
        mended = materialized_since(instance, CLIENT_CONFIG, seen[0])[0] if seen else set()
        failed = {key for key, status in tried.items() if status == AssetPartitionStatus.FAILED}
        due |= {key for key in failed if key.partition("|")[0] in mended}
        if again:
            bucket = ConfigBucket(config_store.store())
            due |= _behind(instance, archive, bucket, again, gained)
        wanted: dict[str, set[str]] = {}
        for client, day in split(due):
            wanted.setdefault(client, set()).add(str(day))
        batches = cell_batches(wanted, clients, window)
        requests = [RunRequest(tags=batch_tags(data_store.store(), batch)) for batch in batches]
        context.log.info(f"{len(due)} cells due in {len(requests)} runs")
        mark = json.dumps(last)
        if not requests:
            context.update_cursor(mark)
            return SkipReason("every cell of the window was tried already.")
        return SensorResult(run_requests=requests, cursor=mark)

    return client_items_due


def gained_sources(instance: DagsterInstance, after: int) -> dict[str, tuple[int, set[str]]]:
    """Day -> (id of its newest snapshot event, the sources good in it that were not good at `after`)."""
    days = materialized_since(instance, SOURCE_SNAPSHOTS, after)[0]
    gained: dict[str, tuple[int, set[str]]] = {}
    for day in days:
        records = instance.fetch_materializations(
            AssetRecordsFilter(AssetKey(SOURCE_SNAPSHOTS), asset_partitions=[day]), limit=PAGE
        ).records
        before = next((record for record in records if record.storage_id <= after), None)
        new = _good(records[0]) - (_good(before) if before else set())
        if new:
            gained[day] = (records[0].storage_id, new)
    return gained


def _good(record: EventLogRecord) -> set[str]:
    """The sources that a snapshot event says are good."""
    event = record.asset_materialization
    found = event.metadata.get(GOOD_SOURCES) if event else None
    return set(found.value) if isinstance(found, JsonMetadataValue) and isinstance(found.value, list) else set()


def _behind(
    instance: DagsterInstance,
    archive: Archive,
    bucket: ConfigBucket,
    cells: set[str],
    gained: Mapping[str, tuple[int, set[str]]],
) -> set[str]:
    """Of those cells, the ones whose client follows a source that became good after the cell was asked for."""
    asked = instance.event_log_storage.get_latest_storage_id_by_partition(
        AssetKey(CLIENT_ITEMS), DagsterEventType.ASSET_MATERIALIZATION_PLANNED, partitions=cells
    )
    older = {key for key in cells if asked.get(key, 0) < gained[key.partition("|")[2]][0]}
    configs, catalog = archive.configs({key.partition("|")[0] for key in older}), bucket.catalog()
    follows = {
        client: {source.source_key for source in catalog.resolve(config.bouquets, config.extra_sources).sources}
        for client, config in configs.items()
    }
    return {key for key in older if follows.get(key.partition("|")[0], set()) & gained[key.partition("|")[2]][1]}


def _numbers(cursor: str | None) -> tuple[int, int] | None:
    """The two storage ids of a cursor, or None where it is lost."""
    try:
        configs, snapshots = json.loads(cursor or "")
        return int(configs), int(snapshots)
    except (ValueError, TypeError):
        return None
