"""What has happened on an instance since a moment: the events that sensors compare.

Here: reading materialization events page by page. Not here: what is asked for because of them.
"""

from collections.abc import Mapping
from datetime import date

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance, EventLogRecord

PAGE = 5000  # events read at once


def last_event(instance: DagsterInstance, asset: str) -> int:
    """The storage id of the asset's last materialization, 0 where there is none."""
    records = instance.get_asset_records([AssetKey(asset)])
    return (records[0].asset_entry.last_materialization_storage_id or 0) if records else 0


def looked_up_to(instance: DagsterInstance, cursor: str | None) -> int | None:
    """The storage id that a sensor has looked up to. None where its cursor is lost, or is ahead of every event, as
    after a restore of older events: nothing new would be seen until their ids have caught up."""
    return int(cursor) if cursor and int(cursor) <= newest_event(instance) else None


def newest_event(instance: DagsterInstance) -> int:
    """The highest storage id of any event, 0 where there is none."""
    return instance.event_log_storage.get_maximum_record_id() or 0


def materialized_since(instance: DagsterInstance, asset: str, after: int) -> tuple[set[str], int]:
    """The partitions that materialized after a storage id, and the id of the last of those events."""
    records = _records_since(instance, asset, after)
    found = {record.partition_key for record in records if record.partition_key}
    return found, records[-1].storage_id if records else after


def runs_that_built(instance: DagsterInstance, asset: str, after: int) -> tuple[Mapping[str, list[date]], int]:
    """Run -> the days of the asset that it materialized, after a storage id; and the id of the last event."""
    records = _records_since(instance, asset, after)
    runs: dict[str, list[date]] = {}
    for record in records:
        if record.partition_key:
            runs.setdefault(record.run_id, []).append(date.fromisoformat(record.partition_key))
    return runs, records[-1].storage_id if records else after


def _records_since(instance: DagsterInstance, asset: str, after: int) -> list[EventLogRecord]:
    records: list[EventLogRecord] = []
    while True:
        since = AssetRecordsFilter(AssetKey(asset), after_storage_id=records[-1].storage_id if records else after)
        page = instance.fetch_materializations(since, limit=PAGE, ascending=True)
        records += page.records
        if not page.has_more:
            return records
