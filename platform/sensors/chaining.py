"""Each stage asked for by what really happened in the one before: cells due, warehouse due, newsletters due.

Here: three sensors that compare and request. Not here: which partitions there are (client_activation), the work.

    client_config, source_snapshots -> client_items_due -> client_items
    client_items                    -> warehouse_due    -> dbt, exactly the cells that materialized
    dbt                             -> newsletters_due  -> newsletter, exactly the weeks of those cells
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.names import BATCH_TAG, CLIENT_CONFIG, CLIENT_ITEMS, LAST_MODEL, NEWSLETTER, SOURCE_SNAPSHOTS
from domain.ranges import ranges, rectangles
from jobs import Stages
from partitions import CLIENTS, Partitions, client_day, monday, range_tags, rectangle_tags, split, today
from resources.archive import Archive
from resources.object_store import ObjectStoreResource

_PAGE = 5000  # events read at once


def client_items_due_sensor(
    partitions: Partitions, stages: Stages, history_days: int, seconds: int
) -> SensorDefinition:
    """Asks for every cell of the window that has a snapshot and was never tried: a new batch x its history, or the
    fleet x a day, is one run. A failed cell is not asked for again: people decide that."""

    @sensor(
        name="client_items_due",
        job=stages.items.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Builds the cells of new clients and of new days.",
    )
    def client_items_due(
        context: SensorEvaluationContext, data_store: ObjectStoreResource
    ) -> SensorResult | SkipReason:
        instance, now = context.instance, today()
        mark = json.dumps([_last(instance, CLIENT_CONFIG), _last(instance, SOURCE_SNAPSHOTS)])
        if mark == context.cursor:
            return SkipReason("no configuration and no snapshot since the last look.")
        if stages.configs.under_way(instance) or stages.sources.under_way(instance):
            return SkipReason("waiting for configurations and snapshots in progress.")
        clients = instance.get_dynamic_partitions(CLIENTS)
        configured = instance.get_materialized_partitions(AssetKey(CLIENT_CONFIG))
        ready = [client for client in clients if client in configured]
        archive = Archive(data_store.store())
        days = [str(day) for day in partitions.window(now, history_days) if archive.snapshot_sources(day)]
        keys = [client_day(client, day) for client in ready for day in days]
        tried = instance.get_status_by_partition(AssetKey(CLIENT_ITEMS), keys, partitions.client_days) or {}
        due: dict[str, list[str]] = {}
        for key in keys:
            if tried.get(key) is None:
                due.setdefault(key.keys_by_dimension["client"], []).append(key.keys_by_dimension["day"])
        requests = [RunRequest(tags=rectangle_tags(cells)) for cells in rectangles(due, clients, days)]
        context.log.info(f"{sum(map(len, due.values()))} cells due in {len(requests)} runs")
        if not requests:
            context.update_cursor(mark)
            return SkipReason("every cell of the window was tried already.")
        return SensorResult(run_requests=requests, cursor=mark)

    return client_items_due


def warehouse_due_sensor(stages: Stages, seconds: int) -> SensorDefinition:
    """Asks dbt for the cells that materialized since the last look, once no run of client_items is under way."""

    @sensor(
        name="warehouse_due",
        job=stages.warehouse.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Builds the models for the cells that really materialized, once.",
    )
    def warehouse_due(context: SensorEvaluationContext, data_store: ObjectStoreResource) -> SensorResult | SkipReason:
        instance = context.instance
        if stages.items.under_way(instance):
            return SkipReason("waiting for client_items in progress: their cells are one batch.")
        archive, requests = Archive(data_store.store()), []
        # A batch is named after the event it ends with, so the batches themselves say where a lost cursor was.
        after = int(context.cursor) if context.cursor else archive.last_batch_number()
        cells, end = _materialized(instance, CLIENT_ITEMS, after)
        if not cells:
            return SkipReason("no cell materialized since the last look.")
        days = sorted({day for _client, day in split(cells)})
        for span in ranges({str(d) for d in days}, _calendar(days)):
            batch = sorted((c, d) for c, d in set(split(cells)) if span.first <= str(d) <= span.last)
            batch_id = f"{end}-{span.first}"
            archive.keep_batch(batch_id, batch)
            requests.append(
                RunRequest(
                    run_key=f"warehouse-{batch_id}",
                    tags={**range_tags(span), BATCH_TAG: batch_id},
                )
            )
        return SensorResult(run_requests=requests, cursor=str(end))

    return warehouse_due


def newsletters_due_sensor(stages: Stages, seconds: int) -> SensorDefinition:
    """Asks for the newsletters of the weeks whose cells dbt has built since the last look."""

    @sensor(
        name="newsletters_due",
        job=stages.newsletters.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Writes the pages of the client weeks that the models have changed.",
    )
    def newsletters_due(context: SensorEvaluationContext, data_store: ObjectStoreResource) -> SensorResult | SkipReason:
        instance = context.instance
        if stages.warehouse.under_way(instance):
            return SkipReason("waiting for models in progress.")
        after = int(context.cursor) if context.cursor else _last(instance, NEWSLETTER)
        runs, end = _runs_that_built(instance, LAST_MODEL, after)
        if not runs:
            return SkipReason("no model was built since the last look.")
        clients = instance.get_dynamic_partitions(CLIENTS)
        archive, due = Archive(data_store.store()), dict[str, set[str]]()
        for run_id, days in runs.items():
            run = instance.get_run_by_id(run_id)
            batch = run.tags.get(BATCH_TAG) if run else None
            cells = archive.batch(batch) if batch else [(client, day) for client in clients for day in days]
            for client, day in cells:
                due.setdefault(client, set()).add(str(monday(day)))
        weeks = sorted({week for of_client in due.values() for week in of_client})
        requests = [
            RunRequest(
                run_key=f"newsletters-{end}-{cells.rows.first}-{cells.columns.first}",
                tags=rectangle_tags(cells),
            )
            for cells in rectangles(due, clients, weeks)
        ]
        return SensorResult(run_requests=requests, cursor=str(end))

    return newsletters_due


def _last(instance: DagsterInstance, asset: str) -> int:
    """The storage id of the asset's last materialization, 0 where there is none."""
    records = instance.get_asset_records([AssetKey(asset)])
    return (records[0].asset_entry.last_materialization_storage_id or 0) if records else 0


def _materialized(instance: DagsterInstance, asset: str, after: int) -> tuple[set[str], int]:
    """The partitions that materialized after a storage id, and the id of the last of those events."""
    found: set[str] = set()
    while True:
        page = instance.fetch_materializations(
            AssetRecordsFilter(AssetKey(asset), after_storage_id=after), limit=_PAGE, ascending=True
        )
        for record in page.records:
            after = record.storage_id
            if record.partition_key:
                found.add(record.partition_key)
        if not page.has_more:
            return found, after


def _runs_that_built(instance: DagsterInstance, asset: str, after: int) -> tuple[Mapping[str, list[date]], int]:
    """Run -> the days of the asset that it materialized, after a storage id; and the id of the last event."""
    runs: dict[str, list[date]] = {}
    while True:
        page = instance.fetch_materializations(
            AssetRecordsFilter(AssetKey(asset), after_storage_id=after), limit=_PAGE, ascending=True
        )
        for record in page.records:
            after = record.storage_id
            if record.partition_key:
                runs.setdefault(record.run_id, []).append(date.fromisoformat(record.partition_key))
        if not page.has_more:
            return runs, after


def _calendar(days: Sequence[date]) -> list[str]:
    """Every day from the first to the last of `days`."""
    return [str(date.fromordinal(n)) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)]
