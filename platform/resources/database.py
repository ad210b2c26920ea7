"""The accounts' SQL database: the few transactions that write it. SQLite or PostgreSQL.

Here: reading, and writing demands before anything else happens. Not here: tables (account_tables), jobs (launch_book),
what people decide (decisions), what a demand means (domain.accounts), Terraform's state (Schematics keeps it).
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, make_url, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from domain.accounts import Demand, DemandError, DesiredState, checked_name, checked_person, wrong_state
from domain.errors import MissingError, PermanentError, TransientError
from resources.account_tables import Account, Audit, SchematicsJob, StateVersion
from resources.secrets import read_secret
from settings import Settings

_NO_TABLE = re.compile(r"no such table|relation .* does not exist")  # SQLite's words, PostgreSQL's words


def open_database(settings: Settings) -> "AccountsDatabase":
    """The target's database; its password is read now."""
    return AccountsDatabase(settings.database.url, read_secret(settings, settings.database.password))


@dataclass(frozen=True, slots=True)
class Written:
    """What a demand did to one account; `new` is False where it was so already and nothing was written."""

    account: str
    version: int
    new: bool


class AccountsDatabase:
    """The database behind one URL. Every method is one transaction.

    Raises DemandError (nothing written) for what cannot be, TransientError where the database does not answer.
    """

    def __init__(self, url: str, password: str | None = None) -> None:
        parsed = make_url(url)
        self._engine: Engine = create_engine(
            parsed.set(password=password) if password else parsed, pool_pre_ping=True, hide_parameters=True
        )
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            event.listen(self._engine, "connect", _sqlite_as_a_server)
            event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("begin immediate"))

    def upgrade(self, migrations: Path) -> None:
        """Brings the tables to the newest migration; harmless where they are there."""
        with self.connection() as connection:
            migrate(connection, migrations)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """One transaction without the models: for migrations, and for tables as they are (database_copy)."""
        with self._engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Lets go of every connection."""
        self._engine.dispose()

    def register(
        self, name: str, number: str, state: DesiredState, actor: str, workspace: str | None = None, **more: str
    ) -> None:
        """A new account whose first version is what it has now; `more` holds mode, type, environment_type, code_bu,
        drift_policy."""
        wrong = wrong_state(state.iam_version, state.subnet_count, state.tags)
        if wrong:
            raise DemandError("; ".join(wrong) + ".", where=name)
        checked_person(actor)
        with self.transaction() as session:
            if session.get(Account, checked_name(name)):
                raise DemandError(
                    "the account is registered already.", where=name, remedy="Send a demand to change it."
                )
            _check_free(session, name, workspace)
            now = datetime.now(UTC)
            session.add(
                Account(
                    name=name,
                    number=number,
                    schematics_workspace_id=workspace,
                    applied_version=1,
                    updated_at=now,
                    asked_at=now,
                    **more,
                )
            )
            session.flush()
            first = Demand([name], actor, "registered")
            session.add(new_version(name, 1, state, first, now, origin="registration"))
            detail = {"number": number, "workspace": workspace}
            session.add(Audit(at=now, actor=actor, account=name, action="register", detail=detail))

    def link(self, name: str, workspace: str, actor: str) -> None:
        """Says which Schematics workspace is the account's."""
        checked_person(actor)
        with self.transaction() as session:
            account = locked_account(session, name)
            _check_free(session, name, workspace)
            mine = (SchematicsJob.account == name, SchematicsJob.finished_at.is_(None))
            if session.scalar(select(SchematicsJob.id).where(*mine).limit(1)):
                raise DemandError(
                    "a job of the account is not over in its workspace.",
                    where=name,
                    remedy="Wait for its end; where its run was lost, the next run finds it.",
                )
            detail = {"from": account.schematics_workspace_id, "to": workspace}
            account.schematics_workspace_id = workspace
            if account.applied_version != account.desired_version:
                ask(account, "linked to a workspace", datetime.now(UTC))
            session.add(Audit(at=datetime.now(UTC), actor=actor, account=name, action="link", detail=detail))

    def request(self, demand: Demand) -> list[Written]:
        """Writes a new version for every account of the demand, or declines it all.

        One unknown name declines the whole demand, naming all that are missing. An account that is already as
        asked gets no new version. The accounts are locked in one order, so two demands never wait for each other.
        """
        demand.checked()
        names = sorted(demand.account_names)
        with self.transaction() as session:
            accounts = locked_accounts(session, names)
            now = datetime.now(UTC)
            return [self._write(session, accounts[name], demand, now) for name in names]

    def accounts(self) -> list[Account]:
        """Every account, by name."""
        with self.transaction() as session:
            return list(session.scalars(select(Account).order_by(Account.name)))

    def account(self, name: str) -> Account:
        """One account. DemandError where there is none."""
        with self.transaction() as session:
            return locked_account(session, name)

    def versions(self, name: str) -> list[StateVersion]:
        """An account's versions, oldest first. DemandError where there is no such account."""
        with self.transaction() as session:
            if not session.get(Account, name):
                raise DemandError(f"Accounts not present in database: {name}.", remedy="See: vigie accounts list")
            of_account = select(StateVersion).where(StateVersion.account == name).order_by(StateVersion.version)
            return list(session.scalars(of_account))

    def audit(self, name: str) -> list[Audit]:
        """What was done to an account, oldest first."""
        with self.transaction() as session:
            return list(session.scalars(select(Audit).where(Audit.account == name).order_by(Audit.id)))

    def _write(self, session: Session, account: Account, demand: Demand, now: datetime) -> Written:
        current = session.get_one(StateVersion, (account.name, account.desired_version))
        state = demand.applied_to(current.state())
        further = demand.execution_mode != current.execution_mode and demand.execution_mode == "plan_and_apply"
        applied = account.applied_version == account.desired_version
        if state.fingerprint == current.fingerprint and (applied or not further):
            return Written(account.name, account.desired_version, new=False)
        account.desired_version += 1
        ask(account, demand.reason, now)
        session.add(new_version(account.name, account.desired_version, state, demand, now))
        detail = {"version": account.desired_version, "fingerprint": state.fingerprint, "reason": demand.reason}
        session.add(Audit(at=now, actor=demand.requested_by, account=account.name, action="request", detail=detail))
        return Written(account.name, account.desired_version, new=True)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at its end, or nothing of it."""
        try:
            with Session(self._engine, expire_on_commit=False) as session, session.begin():
                yield session
        except (OperationalError, ProgrammingError) as error:
            where = self._engine.url.render_as_string(hide_password=True)
            if _NO_TABLE.search(str(error.orig)):
                raise MissingError(
                    "the accounts' tables are not there.", where=where, remedy="Make them: vigie accounts migrate"
                ) from error
            if isinstance(error, ProgrammingError):
                raise
            raise TransientError(f"the database does not answer: {error.orig}", where=where) from error
        except DataError as error:
            raise PermanentError(
                f"the database refuses a value: {error.orig}", remedy="Nothing was written. Shorten or mend the value."
            ) from error
        except IntegrityError as error:
            raise TransientError(
                f"somebody wrote the same at the same time: {error.orig}", remedy="Nothing was written. Send it again."
            ) from error


def migrate(connection: Connection, migrations: Path, revision: str = "head") -> None:
    """Brings the tables of the connection to a revision, in its transaction."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def locked_account(session: Session, name: str) -> Account:
    """The account's row, until the end of the transaction nobody else's. DemandError where there is none."""
    account = session.scalar(select(Account).where(Account.name == name).with_for_update())
    if account is None:
        raise DemandError(f"Accounts not present in database: {name}.", remedy="See: vigie accounts list")
    return account


def locked_accounts(session: Session, names: Sequence[str]) -> dict[str, Account]:
    """The rows of several accounts, locked in one order. DemandError where any is missing, naming all that are."""
    found = session.scalars(select(Account).where(Account.name.in_(names)).order_by(Account.name).with_for_update())
    accounts = {account.name: account for account in found}
    if missing := sorted(set(names) - accounts.keys()):
        raise DemandError(
            f"Accounts not present in database: {', '.join(missing)}.",
            remedy="Nothing was written. Mend the names (vigie accounts list), or register the accounts.",
        )
    return accounts


def ask(account: Account, reason: str, now: datetime) -> None:
    """The account waits for the sensor, which begins to count its tries anew."""
    account.status, account.status_reason = "PENDING_SCHEMATICS", reason
    account.updated_at = account.asked_at = now


def new_version(
    name: str, number: int, state: DesiredState, demand: Demand, now: datetime, origin: str = "demand"
) -> StateVersion:
    """A version's row; `demand` says who asked, why and how far it shall go."""
    return StateVersion(
        account=name,
        version=number,
        iam_version=state.iam_version,
        subnet_count=state.subnet_count,
        enable_monitoring=state.enable_monitoring,
        tags=dict(state.tags),
        execution_mode=demand.execution_mode,
        requested_by=demand.requested_by,
        reason=demand.reason,
        requested_at=now,
        fingerprint=state.fingerprint,
        origin=origin,
    )


def _check_free(session: Session, name: str, workspace: str | None) -> None:
    """DemandError where the workspace has no id, or is another account's."""
    if workspace is None:
        return
    if not workspace.strip():
        raise DemandError("the workspace's id is empty.", where=name)
    taken = session.scalar(select(Account.name).where(Account.schematics_workspace_id == workspace))
    if taken and taken != name:
        raise DemandError(f"the workspace {workspace} is the account {taken}'s.", where=name)


def _sqlite_as_a_server(connection: Any, _record: Any) -> None:
    """SQLite keeps foreign keys only when asked, and a transaction that reads before it writes fails beside another
    writer unless it takes the lock at its beginning: the driver's own begin is switched off for ours."""
    connection.isolation_level = None
    connection.execute("pragma foreign_keys = on")
    connection.execute("pragma busy_timeout = 30000")
