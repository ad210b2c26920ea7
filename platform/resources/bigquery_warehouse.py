"""The warehouse on BigQuery.

Here: the client, loads into a staging table, the transaction scripts. Not here: the tables and the
statements (warehouse), nor dbt, which has its own connection.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import uuid4

import pyarrow as pa

from domain.errors import MissingError, RefusedError, SettingsError, TransientError
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
from resources.warehouse_tables import TABLES

_TYPES = {
    pa.string(): "STRING",
    pa.date32(): "DATE",
    pa.int64(): "INT64",
    pa.float64(): "FLOAT64",
    pa.bool_(): "BOOL",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
}
_PARAM_TYPES: dict[type, str] = {
    str: "STRING",
    bool: "BOOL",
    int: "INT64",
    float: "FLOAT64",
    date: "DATE",
    datetime: "TIMESTAMP",
}
# A crash between the load and the script leaves a staging table behind: it goes by itself.
_STAGING_LIFE = timedelta(hours=6)


class BigqueryWarehouse:
    """Datasets `raw` and `models_dataset` of one project; nothing is reached before the first call.

    `endpoint` is an emulator's address: it is spoken to without credentials.
    """

    def __init__(self, project: str, *, location: str, models_dataset: str = "vigie", endpoint: str = "") -> None:
        self.project = project
        self.location = location
        self.models_dataset = models_dataset
        self.endpoint = endpoint

    def prepare(self) -> None:
        with self._errors():
            for name in ("raw", self.models_dataset):
                self._create_dataset(f"{self.project}.{name}")
            for name, fields in TABLES.items():
                self._run(create_statement(name, fields))
                there = {field.name for field in self._client.get_table(f"{self.project}.raw.{name}").schema}
                missing = [field for field in fields if field.name not in there]
                if missing:  # a table of an earlier release lacks the columns that came since
                    self._run(add_columns_statement(name, missing))

    def replace_cells(self, cells: Sequence[Cell], rows: pa.Table, load_id: str) -> None:
        cell_rows, item_rows = load_tables(cells, rows, load_id)
        if not cells:
            return
        with self._errors(), ExitStack() as staged:
            cells_from = staged.enter_context(self._staged("cells", cell_rows))
            items_from = staged.enter_context(self._staged("items", item_rows)) if rows.num_rows else None
            self._run(transaction(replace_statements(cells, cells_from=cells_from, items_from=items_from)))

    def replace_days(self, table: str, days: Iterable[date], rows: Sequence[Row]) -> None:
        named = set(days)
        incoming = day_table(table, named, rows)
        if not named:
            return
        with self._errors(), ExitStack() as staged:
            source = staged.enter_context(self._staged(table, incoming)) if incoming.num_rows else None
            self._run(transaction(day_statements(table, named, source=source)))

    def replace_rows(self, table: str, cells: Iterable[tuple[str, date]], rows: pa.Table) -> None:
        named = dict.fromkeys(cells)
        incoming_cells, incoming = rows_table(table, named, rows)
        if not named:
            return
        days = {day for _client, day in named}
        with self._errors(), ExitStack() as staged:
            cells_from = staged.enter_context(self._staged("cells", incoming_cells))
            source = staged.enter_context(self._staged(table, incoming)) if incoming.num_rows else None
            self._run(transaction(rows_statements(table, days, cells_from=cells_from, source=source)))

    def replace_clients(self, clients: Iterable[str], tables: Mapping[str, Sequence[Row]]) -> None:
        named = set(clients)
        incoming_clients, incoming = client_tables(named, tables)
        if not named or not incoming:
            return
        with self._errors(), ExitStack() as staged:
            clients_from = staged.enter_context(self._staged("clients", incoming_clients))
            sources = {
                name: staged.enter_context(self._staged(name, rows)) if rows.num_rows else None
                for name, rows in incoming.items()
            }
            self._run(transaction(client_statements(sources, clients_from=clients_from)))

    def add_rows(self, table: str, rows: Sequence[Row]) -> None:
        incoming = growing_table(table, rows)
        if not incoming.num_rows:
            return
        with self._errors(), self._staged(table, incoming) as source:
            self._run(insert_statement(table, source))

    def replace_tables(self, tables: Mapping[str, Sequence[Row]]) -> None:
        incoming = whole_tables(tables)
        if not incoming:
            return
        with self._errors(), ExitStack() as staged:
            sources = {
                name: staged.enter_context(self._staged(name, rows)) if rows.num_rows else None
                for name, rows in incoming.items()
            }
            self._run(transaction(whole_statements(sources)))

    def request_build(self, batch_id: str, cells: Iterable[tuple[str, date]]) -> None:
        wanted = batch_table(batch_id, cells)
        with self._errors(), ExitStack() as staged:
            source = staged.enter_context(self._staged("build_cells", wanted)) if wanted.num_rows else None
            self._run(transaction(request_statements(batch_id, cells_from=source)))

    def query(self, sql: str, params: Mapping[str, Param] | None = None) -> list[dict[str, Any]]:
        with self._errors():
            return [dict(row.items()) for row in self._run(sql, params)]

    def table(self, sql: str, params: Mapping[str, Param] | None = None) -> pa.Table:
        with self._errors():
            return self._run(sql, params).to_arrow()

    @cached_property
    def _bigquery(self) -> Any:
        from google.cloud import bigquery  # the import costs seconds, which only its users should pay

        return bigquery

    @cached_property
    def _client(self) -> Any:
        if not self.endpoint:
            return self._bigquery.Client(project=self.project, location=self.location)
        from google.auth.credentials import AnonymousCredentials

        return self._bigquery.Client(
            project=self.project,
            location=self.location,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": self.endpoint},
        )

    def _create_dataset(self, name: str) -> None:
        from google.api_core.exceptions import NotFound

        try:  # to ask whether it is there needs less permission than to create it
            self._client.get_dataset(name)
        except NotFound:
            dataset = self._bigquery.Dataset(name)
            dataset.location = self.location
            self._client.create_dataset(dataset, exists_ok=True)

    def _run(self, sql: str, params: Mapping[str, Param] | None = None) -> Any:
        given = [
            self._bigquery.ScalarQueryParameter(name, _PARAM_TYPES[type(value)], value)
            for name, value in (params or {}).items()
        ]
        job_config = self._bigquery.QueryJobConfig(
            query_parameters=given, default_dataset=f"{self.project}.{self.models_dataset}"
        )
        return self._client.query(sql, job_config=job_config).result()

    @contextmanager
    def _staged(self, name: str, rows: pa.Table) -> Iterator[str]:
        """The rows for `raw.{name}` loaded in a table of their own, gone at the end; its quoted name."""
        import pyarrow.parquet as pq

        place = f"{self.project}.raw.incoming_{name}_{uuid4().hex}"
        schema = [self._bigquery.SchemaField(field.name, _TYPES[field.type]) for field in rows.schema]
        table = self._bigquery.Table(place, schema=schema)
        table.expires = datetime.now(UTC) + _STAGING_LIFE
        body = io.BytesIO()
        pq.write_table(rows, body)
        self._client.create_table(table)
        try:
            job_config = self._bigquery.LoadJobConfig(source_format="PARQUET", schema=schema)
            self._client.load_table_from_file(body, place, rewind=True, job_config=job_config).result()
            yield f"`{place}`"
        finally:
            self._client.delete_table(place, not_found_ok=True)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what Google's libraries raise in Vigie's words."""
        from google.api_core import exceptions as google
        from google.auth.exceptions import DefaultCredentialsError, TransportError

        where = f"bigquery:{self.project}"
        try:
            yield
        except DefaultCredentialsError as error:
            remedy = "Run `gcloud auth application-default login`, or give the process a service account."
            raise SettingsError(str(error), where=where, remedy=remedy) from error
        except google.NotFound as error:
            remedy = "prepare() makes the raw tables, `dbt build` the models."
            raise MissingError(error.message, where=where, remedy=remedy) from error
        except (google.ServerError, google.TooManyRequests, google.RetryError, TransportError) as error:
            raise TransientError(str(error), where=where) from error
        except google.GoogleAPICallError as error:
            # Two transactions on one table: BigQuery stops the later one with a plain 400.
            kind = TransientError if "concurrent update" in str(error) else RefusedError
            raise kind(error.message, where=where) from error


def transaction(statements: Sequence[str]) -> str:
    """One script: all of the statements or, where one fails, none of them (BigQuery rolls back)."""
    return ";\n".join(["begin transaction", *statements, "commit transaction"]) + ";"


def create_statement(name: str, fields: pa.Schema) -> str:
    """The DDL of one raw table: a partition per day, each client's rows together in it; a small table is one piece."""
    columns = [f"{field.name} {_TYPES[field.type]}{'' if field.nullable else ' not null'}" for field in fields]
    create = f"create table if not exists raw.{name} ({', '.join(columns)})"
    if "day" not in fields.names:
        return create
    lead = next(column for column in ("batch_id", "client_id", "source_key") if column in fields.names)
    return f"{create}\npartition by day\ncluster by {lead}"


def add_columns_statement(name: str, fields: Sequence[pa.Field]) -> str:
    """The DDL that adds columns to a raw table; their rows so far hold nothing in them."""
    columns = ", ".join(f"add column if not exists {field.name} {_TYPES[field.type]}" for field in fields)
    return f"alter table raw.{name} {columns}"
