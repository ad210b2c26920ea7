"""What a warehouse promises, and the shape of the raw tables that the platform itself writes.

Here: the protocol, the tables, the rows of a load and the statements that swap them in, the same for both
engines. Not here: a connection (duckdb_warehouse, bigquery_warehouse), nor models (dbt owns those).
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, Protocol

import orjson
import pyarrow as pa

from domain.errors import PermanentError
from domain.items import Item

Param = str | int | float | bool | date | datetime
BATCH_DAYS = 7
_INSTANT = pa.timestamp("us", tz="UTC")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_CELL = [_required("client_id", pa.string()), _required("day", pa.date32())]
_LOAD = [_required("load_id", pa.string()), _required("loaded_at", _INSTANT)]

ITEM_ROWS = pa.schema(
    [
        *_CELL,
        _required("item_id", pa.string()),
        _required("source_key", pa.string()),
        pa.field("source_type", pa.string()),
        pa.field("title", pa.string()),
        pa.field("content", pa.string()),
        pa.field("url", pa.string()),
        pa.field("guid", pa.string()),
        pa.field("published_at", pa.date32()),
        pa.field("date_source", pa.string()),
        pa.field("first_seen", pa.date32()),
        pa.field("ingested_at", _INSTANT),
        pa.field("language", pa.string()),
        pa.field("content_hash", pa.string()),
        pa.field("author", pa.string()),
        pa.field("tags", pa.string()),
        pa.field("word_count", pa.int64()),
    ]
)
TABLES: dict[str, pa.Schema] = {
    "items": pa.schema([*ITEM_ROWS, *_LOAD]),
    "cells": pa.schema(
        [
            *_CELL,
            _required("outcome", pa.string()),
            _required("items", pa.int64()),
            _required("sources_failed", pa.int64()),
            *_LOAD,
        ]
    ),
    # What each source gave on each day: the snapshots, counted.
    "source_days": pa.schema(
        [
            _required("day", pa.date32()),
            _required("source_key", pa.string()),
            _required("outcome", pa.string()),
            _required("error", pa.string()),
            _required("items", pa.int64()),
            _required("items_new", pa.int64()),
            _required("undated", pa.int64()),
            pa.field("newest_item", pa.date32()),
            _required("fetched_at", _INSTANT),
            _required("loaded_at", _INSTANT),
        ]
    ),
    "build_cells": pa.schema(
        [_required("batch_id", pa.string()), *_CELL, _required("requested_at", _INSTANT)],
    ),
    # Copies of the accounts' database: what is not named here (leases, fingerprints, workspaces) never gets there.
    "accounts": pa.schema(
        [
            _required("name", pa.string()),
            _required("number", pa.string()),
            _required("type", pa.string()),
            _required("environment_type", pa.string()),
            _required("code_bu", pa.string()),
            _required("mode", pa.string()),
            _required("status", pa.string()),
            _required("status_reason", pa.string()),
            _required("desired_version", pa.int64()),
            pa.field("applied_version", pa.int64()),
            _required("drift_policy", pa.string()),
            pa.field("drift", pa.string()),
            pa.field("drift_seen_at", _INSTANT),
            _required("updated_at", _INSTANT),
            _required("exported_at", _INSTANT),
        ]
    ),
    "account_versions": pa.schema(
        [
            _required("account", pa.string()),
            _required("version", pa.int64()),
            _required("iam_version", pa.string()),
            _required("subnet_count", pa.int64()),
            _required("enable_monitoring", pa.bool_()),
            _required("tags", pa.string()),
            _required("execution_mode", pa.string()),
            _required("origin", pa.string()),
            _required("requested_by", pa.string()),
            _required("reason", pa.string()),
            _required("requested_at", _INSTANT),
        ]
    ),
    "account_jobs": pa.schema(
        [
            _required("account", pa.string()),
            _required("version", pa.int64()),
            _required("kind", pa.string()),
            _required("attempt", pa.int64()),
            _required("status", pa.string()),
            pa.field("to_add", pa.int64()),
            pa.field("to_change", pa.int64()),
            pa.field("to_destroy", pa.int64()),
            _required("intended_at", _INSTANT),
            pa.field("launched_at", _INSTANT),
            pa.field("finished_at", _INSTANT),
            _required("error", pa.string()),
        ]
    ),
}
DAY_TABLES = frozenset({"source_days"})  # replaced by whole days
WHOLE_TABLES = frozenset({"accounts", "account_versions", "account_jobs"})  # replaced whole, never by cells
OUTCOMES = {"cells": ("ok", "degraded"), "source_days": ("ok", "failed")}  # what their column `outcome` may hold
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """One (client, day) whose items are known: `outcome` is "degraded" when some of its sources failed."""

    client_id: str
    day: date
    outcome: Literal["ok", "degraded"] = "ok"
    sources_failed: int = 0


class Warehouse(Protocol):
    """Raw tables by whole (client, day) cells or whole days, small ones whole, a control table for dbt, and reads.

    Every method raises TransientError where trying again can help (a lock, a 503), MissingError for a
    table or a file that is not there, and RefusedError for what the engine will not do.
    """

    def prepare(self) -> None:
        """Create the schemas and the raw tables that are missing; what is there stays as it is."""

    def replace_cells(self, cells: Sequence[Cell], rows: pa.Table, load_id: str) -> None:
        """Make `rows` (the columns of `items_table`) all that is known of `cells`, in one transaction.

        A cell without rows is emptied; cells not named are untouched; the same call twice is one call.
        PermanentError for a row of a cell that is not named.
        """

    def replace_days(self, table: str, days: Iterable[date], rows: Sequence[Row]) -> None:
        """Make these rows all that a raw table (of DAY_TABLES) holds of `days`, in one transaction.

        A day without rows is emptied; days not named are untouched; the same call twice is one call. PermanentError
        for a table that is not replaced by days, a row of another day, or one that does not fit the columns.
        """

    def replace_tables(self, tables: Mapping[str, Sequence[Row]]) -> None:
        """Make these rows all that these raw tables hold (of WHOLE_TABLES), all of them in one transaction.

        A table without rows is emptied; tables not named are untouched; the same call twice is one call.
        PermanentError for a table that is not replaced whole, or a row that does not fit its columns.
        """

    def request_build(self, batch_id: str, cells: Iterable[tuple[str, date]]) -> None:
        """Name the cells that `dbt build --vars '{"batch_id": ...}'` replaces. Batches a week old go."""

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> list[dict[str, Any]]:
        """The rows of one SELECT as dicts; `@name` in the SQL stands for `params["name"]`.

        A table without a schema is a model of dbt; the raw ones are `raw.items` and so on.
        """


def items_table(cells: Iterable[tuple[str, date, Sequence[Item]]]) -> pa.Table:
    """The rows of (client, day, items of that cell), ready for `replace_cells`."""
    clients: list[str] = []
    days: list[date] = []
    items: list[Item] = []
    for client_id, day, found in cells:
        clients.extend([client_id] * len(found))
        days.extend([day] * len(found))
        items.extend(found)
    columns: dict[str, list[Any]] = {"client_id": clients, "day": days}
    for name in ITEM_ROWS.names[2:]:
        columns[name] = [getattr(item, name) for item in items]
    columns["tags"] = [orjson.dumps(tags).decode() if tags else "[]" for tags in columns["tags"]]
    return pa.table(columns, schema=ITEM_ROWS)


def load_tables(cells: Sequence[Cell], rows: pa.Table, load_id: str) -> tuple[pa.Table, pa.Table]:
    """The rows of `raw.cells` and `raw.items` for one load. PermanentError for a row outside `cells`."""
    counted = rows.group_by(["client_id", "day"]).aggregate([([], "count_all")]).to_pylist()
    counts = {(found["client_id"], found["day"]): found["count_all"] for found in counted}
    named = {(cell.client_id, cell.day): cell for cell in cells}
    strays = sorted(counts.keys() - named.keys())
    if strays:
        client_id, day = strays[0]
        raise PermanentError(
            f"{len(strays)} cells have rows but are not among the cells to replace",
            where=f"{client_id}|{day}",
            remedy="Name every cell whose rows are given.",
        )
    now = datetime.now(UTC)
    cell_rows = [
        {
            "client_id": cell.client_id,
            "day": cell.day,
            "outcome": cell.outcome,
            "items": counts.get(key, 0),
            "sources_failed": cell.sources_failed,
            "load_id": load_id,
            "loaded_at": now,
        }
        for key, cell in named.items()
    ]
    loaded = rows.append_column("load_id", pa.repeat(pa.scalar(load_id), rows.num_rows))
    loaded = loaded.append_column("loaded_at", pa.repeat(pa.scalar(now, _INSTANT), rows.num_rows))
    return pa.Table.from_pylist(cell_rows, schema=TABLES["cells"]), loaded


def day_table(name: str, days: Collection[date], rows: Sequence[Row]) -> pa.Table:
    """The rows of a table that is replaced by days. PermanentError for another table, or a row that does not fit."""
    if name not in DAY_TABLES:
        raise PermanentError(
            "the table is not replaced by days", where=f"raw.{name}", remedy=f"Those are: {', '.join(DAY_TABLES)}."
        )
    made = _fitting(name, rows)
    strays = sorted({row["day"] for row in rows} - set(days))
    if strays:
        raise PermanentError(
            f"{len(strays)} days have rows but are not among the days to replace",
            where=f"raw.{name} {strays[0]}",
            remedy="Name every day whose rows are given.",
        )
    return made


def whole_tables(tables: Mapping[str, Sequence[Row]]) -> dict[str, pa.Table]:
    """The rows of tables that are replaced whole. PermanentError for another table, or a row that does not fit."""
    made = {}
    for name, rows in tables.items():
        if name not in WHOLE_TABLES:
            raise PermanentError(
                "the table is not replaced whole", where=f"raw.{name}", remedy="Its rows go by cells or by days."
            )
        made[name] = _fitting(name, rows)
    return made


def _fitting(name: str, rows: Sequence[Row]) -> pa.Table:
    columns = set(TABLES[name].names)
    odd = next((row for row in rows if row.keys() != columns), None)
    if odd is not None:
        raise PermanentError(
            f"a row has other columns than the table: {', '.join(sorted(odd.keys() ^ columns))}",
            where=f"raw.{name}",
            remedy="Give every column of resources.warehouse.TABLES, and no other.",
        )
    return pa.Table.from_pylist(list(rows), schema=TABLES[name])


def batch_table(batch_id: str, cells: Iterable[tuple[str, date]]) -> pa.Table:
    """The rows of `raw.build_cells` for one batch. PermanentError where the id is not a plain word."""
    if not _BATCH_ID.fullmatch(batch_id):
        raise PermanentError(
            f"{batch_id!r} cannot name a batch", remedy="Use letters, digits, '_' and '-', 128 at most."
        )
    now = datetime.now(UTC)
    wanted = [
        {"batch_id": batch_id, "client_id": client_id, "day": day, "requested_at": now}
        for client_id, day in dict.fromkeys(cells)
    ]
    return pa.Table.from_pylist(wanted, schema=TABLES["build_cells"])


def replace_statements(cells: Sequence[Cell], *, cells_from: str, items_from: str | None) -> list[str]:
    """Swap the cells of the table `cells_from` for the rows of `items_from` (None: there are none)."""
    # The span of days changes no result: it lets BigQuery read a few partitions rather than all.
    first, last = min(cell.day for cell in cells), max(cell.day for cell in cells)
    delete = (
        "delete from raw.{table} as kept\n"  # noqa: S608 - days and our own table names
        f"where kept.day between date '{first}' and date '{last}' and exists (\n"
        f"  select 1 from {cells_from} as cell\n"
        "  where cell.client_id = kept.client_id and cell.day = kept.day\n"
        ")"
    )
    statements = [delete.format(table="items"), delete.format(table="cells")]
    if items_from:
        statements.append(_insert("items", items_from))
    return [*statements, _insert("cells", cells_from)]


def request_statements(batch_id: str, *, cells_from: str | None) -> list[str]:
    """Swap the batch's rows of the control table; `batch_id` has passed `batch_table`."""
    delete = (
        "delete from raw.build_cells as kept\n"  # noqa: S608 - the id is a plain word
        f"where kept.batch_id = '{batch_id}'\n"
        f"or kept.requested_at < current_timestamp - interval {BATCH_DAYS} day"
    )
    return [delete, _insert("build_cells", cells_from)] if cells_from else [delete]


def day_statements(table: str, days: Collection[date], *, source: str | None) -> list[str]:
    """Swap the rows of these days for those of `source` (None: there are none)."""
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    delete = f"delete from raw.{table} as kept\nwhere kept.day in ({listed})"  # noqa: S608 - days, our own table names
    return [delete, _insert(table, source)] if source else [delete]


def whole_statements(sources: Mapping[str, str | None]) -> list[str]:
    """Swap all rows of each raw table for those of its source (None: there are none)."""
    statements = []
    for table, source in sources.items():
        statements.append(f"delete from raw.{table} where true")  # noqa: S608 - our own table names
        if source:
            statements.append(_insert(table, source))
    return statements


def _insert(table: str, source: str) -> str:
    columns = ", ".join(TABLES[table].names)
    return f"insert into raw.{table} ({columns})\nselect {columns} from {source}"
