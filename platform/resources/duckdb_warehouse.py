"""The warehouse on one DuckDB file, for one machine.

Here: opening the file, waiting for its lock, transactions. Not here: the tables and the statements
(warehouse), nor dbt, which opens the same file from its own process.
"""

import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from domain.errors import MissingError, RefusedError, TransientError, VigieError
from resources.warehouse import (
    Cell,
    Param,
    Row,
    batch_table,
    client_statements,
    client_tables,
    day_statements,
    day_table,
    growing_table,
    insert_statement,
    load_tables,
    replace_statements,
    request_statements,
    rows_statements,
    rows_table,
    whole_statements,
    whole_tables,
)
from resources.warehouse_tables import OUTCOMES, TABLES

_TYPES = {
    pa.string(): "varchar",
    pa.date32(): "date",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.timestamp("us", tz="UTC"): "timestamptz",
}
_HOLDER = re.compile(r"held in (.+?\(PID \d+\))")
_NAME: re.Pattern[str] = re.compile(r"@(\w+)")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


class DuckdbWarehouse:
    """A DuckDB file with one writer at a time: a connection lives for one transaction, then lets go.

    While another process holds the file, opening is tried again for `wait_seconds`. `models_schema` is the
    schema that dbt builds in.
    """

    def __init__(self, path: Path, *, models_schema: str = "vigie", wait_seconds: float = 120.0) -> None:
        self.path = path
        self.models_schema = models_schema
        self.wait_seconds = wait_seconds

    def prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            for schema in ("raw", self.models_schema):
                connection.execute(f'create schema if not exists "{schema}"')
            for name, fields in TABLES.items():
                connection.execute(_create_table(name, fields))
                for field in fields:  # a table of an earlier release lacks the columns that came since
                    kind = _TYPES[field.type]
                    connection.execute(f"alter table raw.{name} add column if not exists {field.name} {kind}")

    def replace_cells(self, cells: Sequence[Cell], rows: pa.Table, load_id: str) -> None:
        cell_rows, item_rows = load_tables(cells, rows, load_id)
        if not cells:
            return
        with self._transaction() as connection:
            connection.register("incoming_cells", cell_rows)
            connection.register("incoming_items", item_rows)
            for statement in replace_statements(cells, cells_from="incoming_cells", items_from="incoming_items"):
                connection.execute(statement)

    def replace_days(self, table: str, days: Iterable[date], rows: Sequence[Row]) -> None:
        named = set(days)
        incoming = day_table(table, named, rows)
        if not named:
            return
        with self._transaction() as connection:
            connection.register("incoming_days", incoming)
            for statement in day_statements(table, named, source="incoming_days"):
                connection.execute(statement)

    def replace_rows(self, table: str, cells: Iterable[tuple[str, date]], rows: pa.Table) -> None:
        named = dict.fromkeys(cells)
        incoming_cells, incoming = rows_table(table, named, rows)
        if not named:
            return
        days = {day for _client, day in named}
        with self._transaction() as connection:
            connection.register("incoming_cells", incoming_cells)
            connection.register("incoming_rows", incoming)
            for statement in rows_statements(table, days, cells_from="incoming_cells", source="incoming_rows"):
                connection.execute(statement)

    def replace_clients(self, clients: Iterable[str], tables: Mapping[str, Sequence[Row]]) -> None:
        named = set(clients)
        incoming_clients, incoming = client_tables(named, tables)
        if not named or not incoming:
            return
        with self._transaction() as connection:
            connection.register("incoming_clients", incoming_clients)
            for name, rows in incoming.items():
                connection.register(f"incoming_{name}", rows)
            sources = {name: f"incoming_{name}" for name in incoming}
            for statement in client_statements(sources, clients_from="incoming_clients"):
                connection.execute(statement)

    def add_rows(self, table: str, rows: Sequence[Row]) -> None:
        incoming = growing_table(table, rows)
        if not incoming.num_rows:
            return
        with self._transaction() as connection:
            connection.register("incoming_rows", incoming)
            connection.execute(insert_statement(table, "incoming_rows"))

    def replace_tables(self, tables: Mapping[str, Sequence[Row]]) -> None:
        incoming = whole_tables(tables)
        if not incoming:
            return
        with self._transaction() as connection:
            for name, rows in incoming.items():
                connection.register(f"incoming_{name}", rows)
            for statement in whole_statements({name: f"incoming_{name}" for name in incoming}):
                connection.execute(statement)

    def request_build(self, batch_id: str, cells: Iterable[tuple[str, date]]) -> None:
        wanted = batch_table(batch_id, cells)
        with self._transaction() as connection:
            connection.register("incoming_batch", wanted)
            for statement in request_statements(batch_id, cells_from="incoming_batch"):
                connection.execute(statement)

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.table(sql, params).to_pylist()
        return rows

    def table(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        if not self.path.exists():
            raise self._missing("there is no such DuckDB file")
        given = dict(params or {})
        # DuckDB writes `$name` where BigQuery writes `@name`; only names that were given are touched.
        text = _NAME.sub(lambda found: "$" + found[1] if found[1] in given else found[0], sql)
        with self._connection(read_only=True) as connection:
            connection.execute(f"set schema = '{self.models_schema}'")
            return connection.execute(text, given).to_arrow_table()

    def copy_to(self, path: Path) -> dict[str, int]:
        """Copies the whole file as it is between two transactions; the rows of each table. Waits for other writers."""
        if not self.path.exists():
            raise self._missing("there is no such DuckDB file")
        with self._connection(read_only=False) as connection:
            connection.execute("checkpoint")  # what a crashed writer left beside the file goes into it
            rows = self._counted(connection)
            shutil.copyfile(self.path, path)
        return rows

    def counted(self) -> dict[str, int]:
        """The rows of each table, by `schema.table`."""
        if not self.path.exists():
            raise self._missing("there is no such DuckDB file")
        with self._connection(read_only=True) as connection:
            return self._counted(connection)

    @contextmanager
    def replaced_by(self, path: Path, aside: Path) -> Iterator[None]:
        """Puts another DuckDB file in this one's place once the block is over without an error; nobody else has the
        file meanwhile. The old one, where there is one, is kept `aside`."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            yield
            path.replace(self.path)
            return
        with self._connection(read_only=False) as connection:
            connection.execute("checkpoint")
            yield
            aside.hardlink_to(self.path)
            path.replace(self.path)

    @staticmethod
    def _counted(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where not internal order by all"
        ).fetchall()
        counts = {}
        for schema, table in tables:
            found = connection.execute(f'select count(*) from "{schema}"."{table}"').fetchone()  # noqa: S608 (its own names)
            counts[f"{schema}.{table}"] = int(found[0]) if found else 0
        return counts

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._connection(read_only=False) as connection:
            connection.begin()
            yield connection
            connection.commit()

    @contextmanager
    def _connection(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection that is closed at the end; closing one rolls back what it has not committed."""
        connection = self._open(read_only=read_only)
        try:
            # A SET, not a setting of connect(): one process may not open a file under two configurations.
            connection.execute("set TimeZone = 'UTC'")
            yield connection
        except duckdb.CatalogException as error:
            raise self._missing(str(error)) from error
        except (duckdb.TransactionException, duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise TransientError(str(error), where=str(self.path), remedy=_remedy(str(error))) from error
        except duckdb.Error as error:
            raise RefusedError(str(error), where=str(self.path)) from error
        finally:
            connection.close()

    def _open(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.wait_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                return duckdb.connect(self.path, read_only=read_only)
            except duckdb.Error as error:
                # "different configuration": this very process holds the file, in the other mode.
                text = str(error)
                if "lock" not in text and "different configuration" not in text:
                    raise RefusedError(text, where=str(self.path)) from error
                if time.monotonic() + pause > deadline:
                    raise self._locked(text) from error
            time.sleep(pause)
            pause = min(pause * 1.6, _LONGEST_PAUSE)

    def _locked(self, text: str) -> VigieError:
        found = _HOLDER.search(text)
        return TransientError(
            f"the file is still held by {found[1] if found else 'another connection'} after {self.wait_seconds:g} s",
            where=str(self.path),
            remedy="Let that process finish or stop it, then run again: a DuckDB file has one writer.",
        )

    def _missing(self, text: str) -> VigieError:
        return MissingError(
            text, where=str(self.path), remedy="prepare() makes the raw tables, `dbt build` the models."
        )


def _remedy(text: str) -> str:
    full = any(words in text for words in ("No space left", "File too large", "Disk quota"))
    return "The disk is full; nothing of it was kept. Free space there, then run again." if full else ""


def _create_table(name: str, fields: pa.Schema) -> str:
    columns = [
        f"{field.name} {_TYPES[field.type]}{'' if field.nullable else ' not null'}"
        + (f" check (outcome in {OUTCOMES[name]})" if field.name == "outcome" else "")
        for field in fields
    ]
    return f"create table if not exists raw.{name} ({', '.join(columns)})"
