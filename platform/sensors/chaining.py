"""What follows the cells: dbt for exactly those that materialized, pages for exactly the weeks that dbt built.

Here: the sensors warehouse_due and newsletters_due. Not here: which cells there are (client_items_due), the work.
"""

import hashlib
import time
from collections.abc import Collection, Sequence
from datetime import date

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    DagsterInstance,
    DefaultSensorStatus,
    IntMetadataValue,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.batched import batch_tags
from assets.names import BATCH_TAG, CLIENT_ITEMS, LAST_MODEL, NEWSLETTER, REBUILT_UP_TO
from domain.backfills import cell_batches
from domain.ranges import ranges
from jobs import Stages
from partitions import CLIENTS, Partitions, monday, range_tags, split
from resources.archive import Archive
from resources.object_store import ObjectStoreResource
from sensors.events import last_event, looked_up_to, materialized_since, newest_event, runs_that_built

_LONGEST_WAIT = 20 * 60.0  # seconds that cells wait for others to join them in one build
_OBSERVATIONS = 100  # of client_items, the newest: how far back the mark of a rebuilt history is looked for


def warehouse_due_sensor(partitions: Partitions, stages: Stages, seconds: int) -> SensorDefinition:
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
        archive, requests = Archive(data_store.store()), []
        known = looked_up_to(instance, context.cursor)
        if known is None:
            known = max(_asked_up_to(instance, archive), _rebuilt_up_to(instance))
        if stages.items.under_way(instance) and not _waited_long(instance, known):
            return SkipReason("waiting for client_items in progress: their cells are one batch.")
        cells, end = materialized_since(instance, CLIENT_ITEMS, known)
        if not cells:
            return SkipReason("no cell materialized since the last look.")
        count_statuses(instance, partitions)
        days = sorted({day for _client, day in split(cells)})
        built = instance.get_materialized_partitions(AssetKey(LAST_MODEL))
        for span in ranges({str(d) for d in days}, _calendar(days, built)):
            batch = sorted((c, d) for c, d in set(split(cells)) if span.first <= str(d) <= span.last)
            # A new instance counts from 1 again: the cells tell its batch from an old one of that number and day.
            batch_id = f"{end}-{span.first}-{_digest(batch)}"
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
        after = looked_up_to(instance, context.cursor)
        if after is None:
            after = last_event(instance, NEWSLETTER)
        runs, end = runs_that_built(instance, LAST_MODEL, after)
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
        weeks = _mondays({week for of_client in due.values() for week in of_client})
        requests = [
            RunRequest(run_key=f"newsletters-{end}-{batch.keys[0]}", tags=batch_tags(data_store.store(), batch))
            for batch in cell_batches(due, clients, weeks)
        ]
        return SensorResult(run_requests=requests, cursor=str(end))

    return newsletters_due


def _waited_long(instance: DagsterInstance, after: int) -> bool:
    """Whether a cell of a run that is over has waited since long: neither runs that follow each other without a pause
    nor one that hangs keep a client from its pages. A long run's own cells wait for its end."""
    since = AssetRecordsFilter(AssetKey(CLIENT_ITEMS), after_storage_id=after)
    records = instance.fetch_materializations(since, limit=1, ascending=True).records
    if not records or time.time() - records[0].timestamp < _LONGEST_WAIT:
        return False
    run = instance.get_run_by_id(records[0].run_id)
    return run is None or run.is_finished


def count_statuses(instance: DagsterInstance, partitions: Partitions) -> None:
    """Has Dagster count the new cells into the statuses that it keeps for the UI. It would do so when somebody opens
    the partitions' page, who would wait for it: 5 seconds for the first 90,000 cells, 0.6 for a thousand more."""
    instance.get_status_by_partition(AssetKey(CLIENT_ITEMS), [], partitions.client_days)


def _asked_up_to(instance: DagsterInstance, archive: Archive) -> int:
    """Where a lost cursor was. A batch is named after the event it ends with: the highest number whose batches have all
    become runs. One that was kept and never asked for (its tick died) is asked for again with what came after it. One
    ahead of every event is of another instance, or of this one before it was restored."""
    numbers: dict[int, list[str]] = {}
    newest = newest_event(instance)
    for batch_id in archive.batch_ids():
        if (number := int(batch_id.partition("-")[0])) <= newest:
            numbers.setdefault(number, []).append(batch_id)
    for number in sorted(numbers, reverse=True):
        if all(instance.get_runs_count(RunsFilter(tags={BATCH_TAG: batch_id})) for batch_id in numbers[number]):
            return number
    return 0


def _rebuilt_up_to(instance: DagsterInstance) -> int:
    """The newest cell that the models had when this instance's history was rebuilt; 0 where it never was."""
    found = (
        record.asset_observation.metadata.get(REBUILT_UP_TO)
        for record in instance.fetch_observations(AssetKey(CLIENT_ITEMS), limit=_OBSERVATIONS).records
        if record.asset_observation
    )
    return next((mark.value for mark in found if isinstance(mark, IntMetadataValue) and mark.value), 0)


def _digest(batch: Sequence[tuple[str, date]]) -> str:
    return hashlib.sha256(repr(batch).encode()).hexdigest()[:8]


def _mondays(weeks: Collection[str]) -> list[str]:
    """Every Monday from the first to the last of `weeks`: a range of weeks holds those in between too."""
    if not weeks:
        return []
    first, last = date.fromisoformat(min(weeks)).toordinal(), date.fromisoformat(max(weeks)).toordinal()
    return [str(date.fromordinal(day)) for day in range(first, last + 1, 7)]


def _calendar(days: Sequence[date], built: Collection[str]) -> list[str]:
    """Every day from the first to the last of `days`, less those in between that are built already: one run may pass
    over them, for it replaces only its batch's cells, and they are built as well after it as before."""
    whole = [date.fromordinal(n) for n in range(days[0].toordinal(), days[-1].toordinal() + 1)]
    return [str(day) for day in whole if day in days or str(day) not in built]
