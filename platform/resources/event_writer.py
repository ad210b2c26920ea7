"""Materializations that belong to no run, many at once: `report_runless_asset_event`, a thousand in one transaction.

Here: writing events. Not here: which (history).

Dagster's PostgreSQL storage takes a batch; its SQLite storage opens two files for every single event. This does for
SQLite what Dagster does event by event, with methods that it calls private: the version is pinned, and a test compares
the two.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from itertools import islice

from dagster import AssetMaterialization, DagsterEvent, DagsterEventType, DagsterInstance, EventLogEntry
from dagster._core.events import StepMaterializationData
from dagster._core.instance.utils import RUNLESS_JOB_NAME, RUNLESS_RUN_ID
from dagster._core.storage.event_log import SqlEventLogStorageTable, SqliteEventLogStorage
from sqlalchemy import func, select

AT_ONCE = 1000  # events in one transaction


def write_materializations(instance: DagsterInstance, found: Iterable[AssetMaterialization]) -> int:
    """Writes the events in their order; how many there were. A process that dies loses the last thousand at most."""
    left, written = iter(found), 0
    while events := list(islice(left, AT_ONCE)):
        _write(instance, [_entry(event) for event in events])
        written += len(events)
    return written


def _write(instance: DagsterInstance, entries: Sequence[EventLogEntry]) -> None:
    storage = instance.event_log_storage
    for asset in dict.fromkeys(entry.get_dagster_event().asset_key for entry in entries):
        # a batch of PostgreSQL's storage knows one asset only
        of_asset = [entry for entry in entries if entry.get_dagster_event().asset_key == asset]
        if isinstance(storage, SqliteEventLogStorage):
            _write_sqlite(storage, of_asset)
        else:
            storage.store_event_batch(of_asset)


def _write_sqlite(storage: SqliteEventLogStorage, entries: Sequence[EventLogEntry]) -> None:
    rows = [storage._event_to_row(entry) for entry in entries]
    with storage.run_connection(RUNLESS_RUN_ID) as connection:
        connection.execute(SqlEventLogStorageTable.insert(), rows)
    with storage.index_transaction() as connection:
        connection.execute(SqlEventLogStorageTable.insert(), rows)
        last: int = connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar_one()
        ids = list(range(last - len(rows) + 1, last + 1))  # the first row has locked the file: they follow each other
        storage._store_asset_event_tags(connection, entries, ids)
        storage._store_asset_event(connection, entries[-1], ids[-1])


def _entry(event: AssetMaterialization) -> EventLogEntry:
    return EventLogEntry(  # type: ignore[no-untyped-call]  # of Dagster's own making
        user_message="",
        level=logging.INFO,
        job_name=RUNLESS_JOB_NAME,
        run_id=RUNLESS_RUN_ID,
        error_info=None,
        timestamp=time.time(),
        step_key=None,
        dagster_event=DagsterEvent(
            event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
            event_specific_data=StepMaterializationData(event),
            job_name=RUNLESS_JOB_NAME,
        ),
    )
