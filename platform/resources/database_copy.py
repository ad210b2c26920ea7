"""The accounts' tables as lines of JSON and back, on SQLite and PostgreSQL alike; what was there is kept aside.

Here: reading all tables at one moment, making them anew in one step. Not here: the archive that holds them
(backup_archive), what the columns mean (account_tables).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, DateTime, MetaData, Table, func, inspect, make_url, select, text
from sqlalchemy.orm import Session

from domain.errors import MissingError
from resources.account_export import one_moment
from resources.account_tables import Account, Audit, Base, Pace
from resources.database import AccountsDatabase, migrate

RESTORE = "vigie restore"  # the actor of what a restore does to accounts
_LOOK_FIRST = "restored from a backup: look for drift and at its workspace, then resume it"
_REVISIONS = "alembic_version"
_AT_ONCE = 500  # rows in one statement
Lines = Callable[[str], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: where the old tables are now ("" where there were none), and the accounts it has paused."""

    aside: str
    paused: tuple[str, ...]


def known_revisions(migrations: Path) -> set[str]:
    """Every migration of this release."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    return {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}


def dump(database: AccountsDatabase, keep: Callable[[str, Iterator[bytes], dict[str, int]], None]) -> str:
    """Gives every table to `keep`: its name, its rows as lines, and a count that fills up with them. The revision.

    All tables are of one moment. MissingError where there are none.
    """
    with one_moment(database) as session:
        connection = session.connection()
        revision = _revision(connection)
        if revision is None:
            raise MissingError("the accounts' tables are not there.", remedy="Make them: vigie accounts migrate")
        for table in _tables(connection):
            counted: dict[str, int] = {}
            keep(table.name, _rows(connection, table, counted), counted)
    return revision


def counts(database: AccountsDatabase) -> dict[str, int]:
    """The rows of each table; nothing where there are no tables."""
    with database.connection() as connection:
        found = {}
        for table in _tables(connection):
            found[str(table.name)] = connection.scalar(select(func.count()).select_from(table)) or 0
        return found


def is_there(url: str) -> bool:
    """Whether there is a database to look at: asking SQLite for a file makes it."""
    parsed = make_url(url)
    return parsed.get_backend_name() != "sqlite" or Path(parsed.database or "").exists()


def load(
    url: str,
    password: str | None,
    migrations: Path,
    revision: str,
    lines: Lines,
    stamp: str,
    *,
    trust_workspaces: bool = False,
) -> Restored:
    """Makes the tables anew from `lines` (table -> its rows), in one step, and brings them to the newest revision.

    The old ones are kept aside. Every account with a workspace is paused: what was launched for it after the backup is
    not in these tables, and shall be neither launched twice nor undone. With `trust_workspaces`, only those that were
    in the middle of a change. Any error leaves what was there.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _load_file(Path(parsed.database or ""), migrations, revision, lines, stamp, trust_workspaces)
    with closing(AccountsDatabase(url, password)) as database, database.connection() as connection:
        aside = _move_aside(connection, f"before_restore_{stamp}".lower())
        return Restored(aside, _fill(connection, migrations, revision, lines, trust_workspaces))


def _load_file(path: Path, migrations: Path, revision: str, lines: Lines, stamp: str, trusted: bool) -> Restored:
    made, aside = path.with_name(f".restoring-{path.name}"), path.with_name(f"{path.name}.before-{stamp}")
    made.unlink(missing_ok=True)
    try:
        with closing(AccountsDatabase(f"sqlite:///{made}")) as database, database.connection() as connection:
            paused = _fill(connection, migrations, revision, lines, trusted)
        there = path.exists()
        if there:
            with closing(AccountsDatabase(f"sqlite:///{path}")) as old, old.connection():
                aside.hardlink_to(path)  # under its write lock: nobody is in the middle of a transaction
                made.replace(path)
        else:
            made.replace(path)
        return Restored(str(aside) if there else "", paused)
    finally:
        made.unlink(missing_ok=True)


def _fill(connection: Connection, migrations: Path, revision: str, lines: Lines, trusted: bool) -> tuple[str, ...]:
    migrate(connection, migrations, revision)
    for table in _tables(connection):
        rows: list[dict[str, Any]] = []
        for line in lines(table.name):
            rows.append(_values(table, orjson.loads(line)))
            if len(rows) == _AT_ONCE:
                connection.execute(table.insert(), rows)
                rows.clear()
        if rows:
            connection.execute(table.insert(), rows)
        _go_on_counting(connection, table)
    migrate(connection, migrations)
    return _pause(connection, trusted)


def _pause(connection: Connection, trusted: bool) -> tuple[str, ...]:
    now, names = datetime.now(UTC), []
    with Session(bind=connection, join_transaction_mode="create_savepoint") as session, session.begin():
        for account in session.scalars(select(Account).order_by(Account.name)):
            account.lease_holder = account.lease_until = None
            at_rest = account.desired_version == account.applied_version
            if account.mode == "paused" or (at_rest and (trusted or account.schematics_workspace_id is None)):
                continue
            detail = {"from": account.mode, "to": "paused"}
            session.add(Audit(at=now, actor=RESTORE, account=account.name, action="mode", detail=detail))
            account.mode, account.status_reason = "paused", _LOOK_FIRST
            names.append(account.name)
    return tuple(names)


def _move_aside(connection: Connection, schema: str) -> str:
    """PostgreSQL: the tables into a schema of their own, with their indexes and sequences."""
    names = set(inspect(connection).get_table_names()) & {*Base.metadata.tables, _REVISIONS}
    if not names:
        return ""
    quote = connection.dialect.identifier_preparer.quote
    connection.execute(text(f"create schema {quote(schema)}"))
    for name in sorted(names):
        connection.execute(text(f"alter table {quote(name)} set schema {quote(schema)}"))
    return f"schema {schema}"


def _go_on_counting(connection: Connection, table: Table) -> None:
    """PostgreSQL: rows that bring their number along do not move the counter of the next one."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key:
        given = {"table": table.name, "column": column.name}
        if connection.scalar(text("select pg_get_serial_sequence(:table, :column)"), given):
            highest = select(func.max(column)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            connection.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))


def _tables(connection: Connection) -> list[Table]:
    """Our tables as they are there, those that others refer to first; the pace of the last minute is nobody's loss."""
    kept = Base.metadata.tables.keys() - {Pace.__tablename__}
    ours, found = MetaData(), kept & set(inspect(connection).get_table_names())
    ours.reflect(connection, only=sorted(found))
    return ours.sorted_tables


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_REVISIONS):
        return None
    found: str | None = connection.scalar(text(f"select version_num from {_REVISIONS}"))  # noqa: S608 (our own name)
    return found


def _rows(connection: Connection, table: Table, counted: dict[str, int]) -> Iterator[bytes]:
    counted[str(table.name)] = 0
    for row in connection.execute(select(table).order_by(*table.primary_key)).mappings():
        counted[str(table.name)] += 1
        plain = {str(name): value for name, value in row.items()}  # reflected names are a kind of text of their own
        yield orjson.dumps(plain, option=orjson.OPT_NAIVE_UTC | orjson.OPT_APPEND_NEWLINE)


def _values(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its moments read: SQLite keeps no zone, and what it keeps is UTC."""
    return {
        name: datetime.fromisoformat(value).astimezone(UTC)
        if value is not None and isinstance(table.columns[name].type, DateTime)
        else value
        for name, value in row.items()
    }
