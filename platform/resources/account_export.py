"""The accounts' database as rows for the warehouse, all of one moment, and a fingerprint that changes whenever they do.

Here: reading. Not here: the columns (resources.warehouse says which leave the database), writing them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from resources.account_tables import Account, Base, SchematicsJob, StateVersion
from resources.database import AccountsDatabase
from resources.warehouse_tables import TABLES

_EXPORTED_AT = "exported_at"
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class AccountExport:
    """The rows of each raw table, and the fingerprint of what they were read from."""

    fingerprint: str
    tables: Mapping[str, Rows]


def read_export(database: AccountsDatabase) -> AccountExport:
    """Every account with its versions and jobs, as they are together now."""
    with one_moment(database) as session:
        now = datetime.now(UTC)
        accounts = [{**row, _EXPORTED_AT: now} for row in _rows(session, "accounts", Account)]
        versions = _rows(session, "account_versions", StateVersion)
        jobs = _rows(session, "account_jobs", SchematicsJob)
        found = _fingerprint(session)
    texts = [{**row, "tags": orjson.dumps(row["tags"], option=orjson.OPT_SORT_KEYS).decode()} for row in versions]
    return AccountExport(found, {"accounts": accounts, "account_versions": texts, "account_jobs": jobs})


def fingerprint(database: AccountsDatabase) -> str:
    """What the export's rows would be, in a few characters; empty where there is no account."""
    with one_moment(database) as session:
        return _fingerprint(session)


def _fingerprint(session: Session) -> str:
    """All of the accounts; versions never change, and jobs only go forward, so that counting them is enough."""
    accounts = [list(row.values()) for row in _rows(session, "accounts", Account)]
    if not accounts:
        return ""
    versions = session.scalar(select(func.count()).select_from(StateVersion))
    status = SchematicsJob.status
    jobs = session.execute(select(status, func.count()).group_by(status).order_by(status))
    return sha256(orjson.dumps([accounts, versions, [tuple(row) for row in jobs]])).hexdigest()[:16]


def _rows(session: Session, table: str, model: type[Base]) -> list[dict[str, Any]]:
    names = [name for name in TABLES[table].names if name != _EXPORTED_AT]
    columns = [getattr(model, name) for name in names]
    rows = session.execute(select(*columns).order_by(*model.__table__.primary_key))
    return [dict(row) for row in rows.mappings()]


@contextmanager
def one_moment(database: AccountsDatabase) -> Iterator[Session]:
    """A transaction whose every read sees the same: SQLite's does, PostgreSQL's has to be asked for it."""
    with database.transaction() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("set transaction isolation level repeatable read, read only"))
        yield session
