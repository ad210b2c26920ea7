"""Whether the accounts' database and the warehouse answer, and are as this release needs them.

Here: asking each of them one small question. Not here: their calls (database, duckdb_warehouse, bigquery_warehouse).
"""

import time
from contextlib import closing
from functools import partial
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url, text

from domain.errors import MissingError, TransientError
from domain.findings import Finding, error, of_clock, of_error, ok, warning
from resources.bigquery_warehouse import BigqueryWarehouse
from resources.database import open_database
from resources.health import Check
from settings import BigQueryWarehouse, DuckDBWarehouse, Settings

_MIGRATE = "Run: vigie accounts migrate"


def data_checks(settings: Settings) -> list[Check]:
    """The database's check, the warehouse's."""
    warehouse = settings.warehouse
    look = (
        partial(_duckdb, "warehouse", warehouse)
        if isinstance(warehouse, DuckDBWarehouse)
        else partial(_bigquery, "warehouse", warehouse)
    )
    return [Check("database", partial(_database, "database", settings)), Check("warehouse", look)]


def _database(check: str, settings: Settings) -> list[Finding]:
    url = make_url(settings.database.url)
    lite = url.get_backend_name() == "sqlite"
    if lite and url.database and not Path(url.database).is_file():
        return [error(check, f"{url.database}: the file is not there.", "Run: vigie prepare")]
    wanted = set(ScriptDirectory(str(settings.migrations)).get_heads())
    with closing(open_database(settings)) as database, database.transaction() as session:
        version = str(session.scalar(text("select sqlite_version()" if lite else "show server_version")))
        at = set(MigrationContext.configure(session.connection()).get_current_heads())
        now = None if lite else session.scalar(text("select extract(epoch from clock_timestamp())"))
    said = f"{'SQLite' if lite else 'PostgreSQL'} {version} at {url.render_as_string(hide_password=True)}"
    if at != wanted:
        told = f"at migration {', '.join(sorted(at)) or 'none'}, this release needs {', '.join(sorted(wanted))}"
        found = [error(check, f"{said}: {told}.", "Run: vigie prepare" if lite else _MIGRATE)]
    else:
        found = [ok(check, f"{said}, at migration {', '.join(sorted(at))}")]
    return found if now is None else [*found, of_clock("clock of the database", time.time() - float(now), "PostgreSQL")]


def _duckdb(check: str, warehouse: DuckDBWarehouse) -> list[Finding]:
    from resources.duckdb_warehouse import DuckdbWarehouse

    if not warehouse.path.is_file():
        return [ok(check, f"{warehouse.path}: not there yet; the first items make it")]
    asked = DuckdbWarehouse(warehouse.path, models_schema=warehouse.dataset, wait_seconds=0)
    try:
        rows = asked.query("select count(*) as tables from information_schema.tables where table_schema = 'raw'")
    except MissingError:  # the schema of the models is not there: nothing was ever loaded
        return [warning(check, f"{warehouse.path}: it has no tables.", "Materialize client_items: it makes them.")]
    except TransientError as raised:
        holder = raised.message.removesuffix(" after 0 s")
        said = f"{warehouse.path}: {holder}; one that is at work lets go in seconds."
        return [warning(check, said, "Look again; if it stays and no run is on, end that process.")]
    return [ok(check, f"DuckDB at {warehouse.path}, {rows[0]['tables']} raw tables")]


def _bigquery(check: str, warehouse: BigQueryWarehouse) -> list[Finding]:
    asked = BigqueryWarehouse(warehouse.project, location=warehouse.location, models_dataset=warehouse.dataset)
    found = []
    for dataset in ("raw", warehouse.dataset):
        place = f"{warehouse.project}.{dataset}"
        try:
            rows = asked.query(f"select count(*) as tables from `{place}`.INFORMATION_SCHEMA.TABLES")  # noqa: S608
        except MissingError as raised:
            found.append(
                error(check, f"{place}: {raised.message}", "Make it: terraform apply, or materialize client_items.")
            )
        except Exception as raised:  # noqa: BLE001 (credentials, permission: the second dataset would say the same)
            return [of_error(check, raised)]
        else:
            found.append(ok(check, f"BigQuery {place}, {rows[0]['tables']} tables"))
    return found
