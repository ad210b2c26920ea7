"""What Dagster has no call for, asked of its own tables: figures over all runs and events, and taking old events away.

Here: the only statements on Dagster's tables; SQLite and PostgreSQL. Not here: what is old (domain.retention), what the
figures are for (health_instance, metrics). Dagster's version is pinned, and tests hold what these rest on.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance
from dagster._core.events import DagsterEventType
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage
from sqlalchemy import Boolean, ColumnElement, and_, column, delete, distinct, func, inspect, or_, select, table, text

from domain.errors import PermanentError

# What only tells people how a run went along. Everything else stays: assets' and checks' events, a run's states, what a
# step gave or why it failed. A type that is not named here stays too.
DETAILS = (
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.STEP_WORKER_STARTING,
    DagsterEventType.STEP_WORKER_STARTED,
    DagsterEventType.STEP_INPUT,
    DagsterEventType.LOADED_INPUT,
    DagsterEventType.HANDLED_OUTPUT,
    DagsterEventType.OBJECT_STORE_OPERATION,
    DagsterEventType.ASSET_STORE_OPERATION,
    DagsterEventType.HOOK_COMPLETED,
    DagsterEventType.HOOK_SKIPPED,
    DagsterEventType.LOGS_CAPTURED,
)
_EVENTS = SqlEventLogStorageTable.c
_AT_ONCE = 200  # runs whose events go in one statement


@dataclass(frozen=True, slots=True)
class Volume:
    """How many events, and how many bytes their text takes."""

    rows: int = 0
    size: int = 0

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(self.rows + other.rows, self.size + other.size)


def is_sharded(instance: DagsterInstance) -> bool:
    """Whether each run has a database file of its own, as Dagster's SQLite storage does it."""
    return isinstance(_events(instance), SqliteEventLogStorage)


def details(instance: DagsterInstance, run_ids: Sequence[str], *, take_away: bool) -> Volume:
    """The detailed events of these runs (DETAILS, and log lines), counted; gone afterwards where `take_away`."""
    storage = _events(instance)
    if isinstance(storage, SqliteEventLogStorage):
        return sum((_shard_details(storage, run_id, take_away) for run_id in run_ids), Volume())
    found = Volume()
    for start in range(0, len(run_ids), _AT_ONCE):
        of_runs = and_(_EVENTS.run_id.in_(run_ids[start : start + _AT_ONCE]), _is_detail())
        with storage.index_connection() as connection:
            found += _counted(connection, of_runs)
            if take_away:
                connection.execute(delete(SqlEventLogStorageTable).where(of_runs))
    return found


def _shard_details(storage: SqliteEventLogStorage, run_id: str, take_away: bool) -> Volume:
    """The index that all runs share holds no details: only the run's own file does."""
    path = Path(storage.path_for_shard(run_id))
    if not path.is_file():  # asking Dagster for it would make it
        return Volume()
    with storage.run_connection(run_id) as connection:
        found = _counted(connection, _is_detail())
        if take_away and found.rows:
            connection.execute(delete(SqlEventLogStorageTable).where(_is_detail()))
    if take_away and found.rows:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as file:
            file.execute("vacuum")
            file.execute("pragma wal_checkpoint(truncate)")
    return found


def delivered_messages(instance: DagsterInstance, before: datetime, *, take_away: bool) -> int:
    """Messages that a fleet's broker delivered before that moment and keeps; gone afterwards where `take_away`.

    0 where Dagster's PostgreSQL is no broker. A message that was never delivered is not counted.
    """
    with _events(instance).index_connection() as connection:
        if connection.dialect.name != "postgresql" or not inspect(connection).has_table("kombu_message"):
            return 0
        kept = table("kombu_message", column("visible", Boolean), column("timestamp"))
        old = and_(~kept.c.visible, kept.c.timestamp < before.astimezone().replace(tzinfo=None))
        count = connection.scalar(select(func.count()).select_from(kept).where(old))
        if take_away:
            connection.execute(delete(kept).where(old))
        return count or 0


def event_log_size(instance: DagsterInstance) -> int:
    """Bytes on disk of everything that the event log keeps."""
    storage = _events(instance)
    if isinstance(storage, SqliteEventLogStorage):
        folder = Path(storage.path_for_shard("index")).parent
        return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    with storage.index_connection() as connection:
        if connection.dialect.name != "postgresql":
            raise PermanentError("is neither SQLite nor PostgreSQL.", where="Dagster's event log")
        return int(str(connection.execute(text("select pg_total_relation_size('event_logs')")).scalar_one()))


def runs_by_job(instance: DagsterInstance) -> dict[tuple[str, str], int]:
    """(job, status) -> runs, of all that are kept."""
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        raise PermanentError("is not in SQL.", where="Dagster's run storage")
    columns = RunsTable.c
    asked = select(columns.pipeline_name, columns.status, func.count()).group_by(columns.pipeline_name, columns.status)
    with storage.connect() as connection:
        return {(row[0], row[1]): row[2] for row in connection.execute(asked)}


def materialized_partitions(instance: DagsterInstance) -> dict[str, int]:
    """Asset -> partitions that were ever materialized; an asset without partitions counts as one."""
    asked = (
        select(_EVENTS.asset_key, func.count(distinct(func.coalesce(_EVENTS.partition, ""))))
        .where(_EVENTS.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION.value)
        .group_by(_EVENTS.asset_key)
    )
    with _events(instance).index_connection() as connection:
        rows: list[Any] = list(connection.execute(asked))
    keys = ((AssetKey.from_db_string(key), count) for key, count in rows)
    return {key.to_user_string(): int(count) for key, count in keys if key}


def revisions(instance: DagsterInstance) -> Mapping[str, tuple[str | None, str | None]]:
    """Storage -> (the migration it is at, the one that this Dagster needs)."""
    storages: Iterable[tuple[str, Any]] = (
        ("runs", instance.run_storage),
        ("events", instance.event_log_storage),
        ("schedules", instance.schedule_storage),
    )
    found = {}
    for name, storage in storages:
        at, wanted = storage.alembic_version()
        found[name] = (at, wanted)
    return found


def _events(instance: DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise PermanentError("is not in SQL.", where="Dagster's event log")
    return storage


def _is_detail() -> ColumnElement[bool]:
    return or_(_EVENTS.dagster_event_type.is_(None), _EVENTS.dagster_event_type.in_([kind.value for kind in DETAILS]))


def _counted(connection: Any, where: ColumnElement[bool]) -> Volume:
    asked = select(func.count(), func.coalesce(func.sum(func.length(_EVENTS.event)), 0)).where(where)
    rows, size = connection.execute(asked).one()
    return Volume(int(rows), int(size))
