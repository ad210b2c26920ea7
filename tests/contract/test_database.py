"""The accounts' database on SQLite and on a real PostgreSQL: demands are written whole or not at all."""

import threading
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from domain.accounts import Demand, DemandError, DesiredState
from domain.errors import MissingError, TransientError
from resources.account_tables import Base
from resources.database import AccountsDatabase
from settings import PROJECT_ROOT

MIGRATIONS = PROJECT_ROOT / "migrations"
STATE = DesiredState("1.0.0", 3, enable_monitoring=False, tags={"owner": "réseau"})


@pytest.fixture
def database(url: str) -> Iterator[AccountsDatabase]:
    found = AccountsDatabase(url)
    found.upgrade(MIGRATIONS)
    for name in ("alpha", "beta"):
        found.register(name, f"0000{name}", STATE, "ops", type="workload")
    yield found
    found.close()


def demand(*names: str, **changes: object) -> Demand:
    asked: dict[str, object] = {"iam_version": "1.1.0", **changes}
    return Demand(list(names), "ann", "CHG-1", **asked)  # type: ignore[arg-type]


def test_the_migrations_make_exactly_the_tables_of_the_models(url: str) -> None:
    AccountsDatabase(url).upgrade(MIGRATIONS)
    AccountsDatabase(url).upgrade(MIGRATIONS)  # harmless again
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_demand_makes_a_version_per_account_and_leaves_the_rest_as_it_was(database: AccountsDatabase) -> None:
    written = database.request(demand("beta", "alpha"))
    assert [(one.account, one.version, one.new) for one in written] == [("alpha", 2, True), ("beta", 2, True)]
    first, second = database.versions("alpha")
    assert first.state() == STATE
    assert second.state() == DesiredState("1.1.0", 3, tags={"owner": "réseau"})
    assert (second.requested_by, second.reason, second.execution_mode) == ("ann", "CHG-1", "plan_only")
    assert [(one.name, one.desired_version, one.status) for one in database.accounts()] == [
        ("alpha", 2, "PENDING_SCHEMATICS"),
        ("beta", 2, "PENDING_SCHEMATICS"),
    ]


def test_one_unknown_name_declines_the_whole_demand_and_writes_nothing(database: AccountsDatabase) -> None:
    with pytest.raises(DemandError, match="Accounts not present in database: alph, gamma"):
        database.request(demand("alpha", "gamma", "alph"))
    assert len(database.versions("alpha")) == 1
    assert [entry.action for entry in database.audit("alpha")] == ["register"]


def test_a_name_that_is_part_of_another_matches_nothing(database: AccountsDatabase) -> None:
    with pytest.raises(DemandError, match="alp"):
        database.request(demand("alp"))


def test_the_same_demand_again_makes_no_version(database: AccountsDatabase) -> None:
    database.request(demand("alpha"))
    (again,) = database.request(demand("alpha"))
    assert (again.version, again.new) == (2, False)
    assert len(database.versions("alpha")) == 2


def test_two_demands_at_once_are_two_versions_in_a_row(database: AccountsDatabase, url: str) -> None:
    start, errors = threading.Barrier(4), list[Exception]()

    def send(number: int) -> None:
        own = AccountsDatabase(url)
        start.wait()
        try:
            own.request(demand("alpha", "beta", iam_version=f"2.{number}"))
        except Exception as error:  # noqa: BLE001 (told to the test's thread)
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [one.version for one in database.versions("alpha")] == [1, 2, 3, 4, 5]
    assert [one.version for one in database.versions("beta")] == [1, 2, 3, 4, 5]


def test_every_write_leaves_its_trace(database: AccountsDatabase) -> None:
    database.request(demand("alpha"))
    assert [(entry.action, entry.actor) for entry in database.audit("alpha")] == [
        ("register", "ops"),
        ("request", "ann"),
    ]


def test_an_account_is_registered_once(database: AccountsDatabase) -> None:
    with pytest.raises(DemandError, match="registered already"):
        database.register("alpha", "1", STATE, "ops")


@pytest.mark.parametrize("name", ["", "Alpha", "a b", "../a", "a|b", "a,b"])
def test_a_name_that_cannot_be_a_partition_is_refused(database: AccountsDatabase, name: str) -> None:
    with pytest.raises(DemandError):
        database.register(name, "1", STATE, "ops")


def test_a_database_without_tables_says_how_to_make_them(url: str) -> None:
    empty = AccountsDatabase(url)
    with pytest.raises(MissingError, match="vigie accounts migrate"):
        empty.accounts()
    empty.close()


def test_a_database_that_is_down_is_a_transient_failure_and_tells_no_password() -> None:
    lost = AccountsDatabase("postgresql+psycopg2://vigie@127.0.0.1:9/vigie?connect_timeout=2", "hunter2")
    with pytest.raises(TransientError) as failure:
        lost.accounts()
    assert "hunter2" not in str(failure.value)
