"""What a warehouse promises, and how the rows of a load become statements that swap them in.

Here: the protocol, rows and statements, the same for both engines. Not here: the tables' columns (warehouse_tables),
a connection (duckdb_warehouse, bigquery_warehouse), nor models (dbt owns those).
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
from resources.warehouse_tables import (
    CELL_TABLES,
    CLIENT_TABLES,
    DAY_TABLES,
    GROWING_TABLES,
    INSTANT,
    ITEM_ROWS,
    TABLES,
    WHOLE_TABLES,
)

Param = str | int | float | bool | date | datetime
BATCH_DAYS = 7
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
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
        """Create the schemas, the raw tables and the columns that are missing; what is there stays as it is."""

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

    def replace_rows(self, table: str, cells: Iterable[tuple[str, date]], rows: pa.Table) -> None:
        """Make these rows all that a raw table (of CELL_TABLES) holds of these (client, day) cells, in one transaction.

        A cell without rows is emptied; cells not named are untouched; the same call twice is one call. PermanentError
        for a table that is not replaced by cells, a row of another cell, or rows that do not fit its columns.
        """

    def replace_clients(self, clients: Iterable[str], tables: Mapping[str, Sequence[Row]]) -> None:
        """Make these rows all that these raw tables (of CLIENT_TABLES) hold of these clients, in one transaction.

        A client without rows has none any more; clients not named are untouched; the same call twice is one call.
        PermanentError for another table, a row of another client, or one that does not fit the columns.
        """

    def add_rows(self, table: str, rows: Sequence[Row]) -> None:
        """Add these rows to a raw table that only grows (of GROWING_TABLES), in one transaction.

        PermanentError for another table, or a row that does not fit its columns.
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

    def table(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        """The same rows as one Arrow table: for many of them."""


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
    loaded = loaded.append_column("loaded_at", pa.repeat(pa.scalar(now, INSTANT), rows.num_rows))
    return pa.Table.from_pylist(cell_rows, schema=TABLES["cells"]), loaded


def day_table(name: str, days: Collection[date], rows: Sequence[Row]) -> pa.Table:
    """The rows of a table that is replaced by days. PermanentError for another table, or a row that does not fit."""
    if name not in DAY_TABLES:
        raise PermanentError("the table is not replaced by days", where=f"raw.{name}", remedy=_others(DAY_TABLES))
    made = _fitting(name, rows)
    strays = sorted({row["day"] for row in rows} - set(days))
    if strays:
        raise PermanentError(
            f"{len(strays)} days have rows but are not among the days to replace",
            where=f"raw.{name} {strays[0]}",
            remedy="Name every day whose rows are given.",
        )
    return made


def rows_table(name: str, cells: Collection[tuple[str, date]], rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The cells (client_id, day) and the rows of a table that is replaced by cells. PermanentError for another table,
    rows of a cell that is not named, or other columns."""
    if name not in CELL_TABLES:
        raise PermanentError("the table is not replaced by cells", where=f"raw.{name}", remedy=_others(CELL_TABLES))
    if rows.schema.names != TABLES[name].names:
        raise PermanentError(
            f"the rows have other columns than the table: {', '.join(rows.schema.names)}",
            where=f"raw.{name}",
            remedy="Give the columns of resources.warehouse_tables.TABLES, in their order.",
        )
    found = rows.group_by(["client_id", "day"]).aggregate([]).to_pylist()
    strays = sorted({(row["client_id"], row["day"]) for row in found} - set(cells))
    if strays:
        client_id, day = strays[0]
        raise PermanentError(
            f"{len(strays)} cells have rows but are not among the cells to replace",
            where=f"raw.{name} {client_id}|{day}",
            remedy="Name every cell whose rows are given.",
        )
    named = pa.table(
        {"client_id": [client for client, _day in cells], "day": [day for _client, day in cells]},
        schema=pa.schema([TABLES[name].field("client_id"), TABLES[name].field("day")]),
    )
    return named, rows.cast(TABLES[name])


def client_tables(
    clients: Collection[str], tables: Mapping[str, Sequence[Row]]
) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The clients, and the rows of tables that are replaced by clients. PermanentError for another table, a row of a
    client that is not named, or one that does not fit."""
    made = {}
    for name, rows in tables.items():
        if name not in CLIENT_TABLES:
            raise PermanentError(
                "the table is not replaced by clients", where=f"raw.{name}", remedy=_others(CLIENT_TABLES)
            )
        made[name] = _fitting(name, rows)
        strays = sorted({row["client_id"] for row in rows} - set(clients))
        if strays:
            raise PermanentError(
                f"{len(strays)} clients have rows but are not among those to replace",
                where=f"raw.{name} {strays[0]}",
                remedy="Name every client whose rows are given.",
            )
    named = pa.table({"client_id": sorted(clients)}, schema=pa.schema([TABLES["cells"].field("client_id")]))
    return named, made


def growing_table(name: str, rows: Sequence[Row]) -> pa.Table:
    """The rows to add to a table that only grows. PermanentError for another table, or a row that does not fit."""
    if name not in GROWING_TABLES:
        raise PermanentError("rows are not added to the table", where=f"raw.{name}", remedy=_others(GROWING_TABLES))
    return _fitting(name, rows)


def _others(tables: Iterable[str]) -> str:
    return f"Those are: {', '.join(sorted(tables))}."


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
    span = {cell.day for cell in cells}
    statements = [_delete("items", span, cells_from), _delete("cells", span, cells_from)]
    if items_from:
        statements.append(insert_statement("items", items_from))
    return [*statements, insert_statement("cells", cells_from)]


def rows_statements(table: str, days: Collection[date], *, cells_from: str, source: str | None) -> list[str]:
    """Swap the rows of the cells in the table `cells_from`, of these days, for those of `source` (None: none)."""
    delete = _delete(table, days, cells_from)
    return [delete, insert_statement(table, source)] if source else [delete]


def client_statements(sources: Mapping[str, str | None], *, clients_from: str) -> list[str]:
    """Swap, table by table, the rows of the clients in `clients_from` for those of its source (None: no rows)."""
    statements = []
    for table, source in sources.items():
        statements.append(
            f"delete from raw.{table} as kept\n"  # noqa: S608 - our own table names
            f"where exists (select 1 from {clients_from} as named where named.client_id = kept.client_id)"
        )
        if source:
            statements.append(insert_statement(table, source))
    return statements


def _delete(table: str, days: Collection[date], cells_from: str) -> str:
    # The span of days changes no result: it lets BigQuery read a few partitions rather than all.
    return (
        f"delete from raw.{table} as kept\n"  # noqa: S608 - days and our own table names
        f"where kept.day between date '{min(days)}' and date '{max(days)}' and exists (\n"
        f"  select 1 from {cells_from} as cell\n"
        "  where cell.client_id = kept.client_id and cell.day = kept.day\n"
        ")"
    )


def request_statements(batch_id: str, *, cells_from: str | None) -> list[str]:
    """Swap the batch's rows of the control table; `batch_id` has passed `batch_table`."""
    delete = (
        "delete from raw.build_cells as kept\n"  # noqa: S608 - the id is a plain word
        f"where kept.batch_id = '{batch_id}'\n"
        f"or kept.requested_at < current_timestamp - interval {BATCH_DAYS} day"
    )
    return [delete, insert_statement("build_cells", cells_from)] if cells_from else [delete]


def day_statements(table: str, days: Collection[date], *, source: str | None) -> list[str]:
    """Swap the rows of these days for those of `source` (None: there are none)."""
    listed = ", ".join(f"date '{day}'" for day in sorted(days))
    delete = f"delete from raw.{table} as kept\nwhere kept.day in ({listed})"  # noqa: S608 - days, our own table names
    return [delete, insert_statement(table, source)] if source else [delete]


def whole_statements(sources: Mapping[str, str | None]) -> list[str]:
    """Swap all rows of each raw table for those of its source (None: there are none)."""
    statements = []
    for table, source in sources.items():
        statements.append(f"delete from raw.{table} where true")  # noqa: S608 - our own table names
        if source:
            statements.append(insert_statement(table, source))
    return statements


def insert_statement(table: str, source: str) -> str:
    """Add the rows of `source` to a raw table."""
    columns = ", ".join(TABLES[table].names)
    return f"insert into raw.{table} ({columns})\nselect {columns} from {source}"
