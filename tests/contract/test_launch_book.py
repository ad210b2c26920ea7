"""Launches, leases, decisions and the pace of requests, on SQLite and on a real PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from domain.accounts import Demand, DemandError, DesiredState
from domain.activities import PlanCounts, PlanSummary
from domain.errors import TransientError
from domain.launches import End
from domain.standing import Job, Ruling, Verdict
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.launch_book import LaunchBook
from resources.pace import Pace
from settings import PROJECT_ROOT

STATE = DesiredState("1.0.0", 3)
ADDS = PlanCounts(1, 0, 0)


@pytest.fixture
def database(url: str) -> Iterator[AccountsDatabase]:
    """Two accounts, alpha automatic and at version 2, which is pending."""
    found = AccountsDatabase(url)
    found.upgrade(PROJECT_ROOT / "migrations")
    found.register("alpha", "1", STATE, "ops", workspace="ws.alpha", mode="auto")
    found.register("beta", "2", STATE, "ops")
    found.request(Demand(["alpha"], "ann", "CHG-1", subnet_count=4, execution_mode="plan_and_apply"))
    yield found
    found.close()


@pytest.fixture
def book(database: AccountsDatabase) -> LaunchBook:
    return LaunchBook(database)


def a_plan(book: LaunchBook, counts: PlanCounts | None = ADDS, activity: str = "act-1") -> Job:
    """A finished plan of alpha's desired version."""
    version = book.standing("alpha").version
    job = book.launched(book.intend("alpha", version, "plan", "f" * 64, []), activity)
    return book.finish(job, End("COMPLETED", PlanSummary(counts, ["create a.b"]), log_key="k"))


def an_apply(book: LaunchBook, status: str = "COMPLETED", error: str = "") -> Job:
    version = book.standing("alpha").version
    job = book.launched(book.intend("alpha", version, "apply", "f" * 64, []), f"apply-{version}")
    return book.finish(job, End(status, error=error))


def test_an_intent_that_is_open_is_taken_up_and_a_finished_one_is_followed_by_another(book: LaunchBook) -> None:
    first = book.intend("alpha", 2, "plan", "one", ["foreign"])
    again = book.intend("alpha", 2, "plan", "two", ["foreign", "late"])
    assert (again.id, again.fingerprint, again.before) == (first.id, "two", ("foreign",))
    assert book.standing("alpha").status == "PLANNING"
    book.finish(again, End("LOST"))
    second = book.intend("alpha", 2, "plan", "two", ["foreign", "the lost one, which arrived"])
    assert (second.id != first.id, second.attempt, second.before) == (True, 2, ("foreign",))


def test_a_job_comes_back_as_it_was_written_with_its_zone(book: LaunchBook) -> None:
    plan = a_plan(book, PlanCounts(1, 2, 3))
    assert book.standing("alpha").plan == plan
    assert (plan.counts, plan.resources, plan.log_key) == (PlanCounts(1, 2, 3), ("create a.b",), "k")
    assert plan.finished_at
    assert abs(datetime.now(UTC) - plan.finished_at) < timedelta(minutes=1)
    assert book.claimed("alpha") == {"act-1"}
    assert 0 <= book.usual_seconds("plan") < 60
    assert book.usual_seconds("apply") == 0


@pytest.mark.parametrize(
    ("counts", "status"),
    [(PlanCounts(1, 0, 0), "PLANNED"), (PlanCounts(0, 0, 1), "AWAITING_APPROVAL"), (None, "AWAITING_APPROVAL")],
)
def test_a_finished_plan_says_whether_somebody_must_approve(
    book: LaunchBook, counts: PlanCounts | None, status: str
) -> None:
    a_plan(book, counts)
    assert book.standing("alpha").status == status


def test_a_plan_that_fails_says_why(book: LaunchBook) -> None:
    job = book.launched(book.intend("alpha", 2, "plan", "f", []), "act")
    book.finish(job, End("FAILED", error="Error: no such region"))
    assert (book.standing("alpha").status, book.standing("alpha").reason) == ("PLAN_FAILED", "Error: no such region")


def test_a_finished_apply_is_what_the_account_has(book: LaunchBook) -> None:
    a_plan(book)
    assert [one.name for one in book.unfinished()] == ["alpha"]
    an_apply(book)
    account = book.standing("alpha")
    assert (account.status, account.applied_version, account.applied) == ("UPDATED", 2, True)
    assert book.unfinished() == []
    assert book.at_rest() == ["alpha"]  # beta has no workspace


def test_a_demand_that_comes_during_a_job_stays_pending(database: AccountsDatabase, book: LaunchBook) -> None:
    job = book.launched(book.intend("alpha", 2, "apply", "f", []), "act")
    database.request(Demand(["alpha"], "ann", "CHG-2", subnet_count=9))
    book.finish(job, End("COMPLETED"))
    account = book.standing("alpha")
    assert (account.status, account.version, account.applied_version) == ("PENDING_SCHEMATICS", 3, 2)
    assert account.plan is None


def test_a_failed_apply_rolls_back_only_where_that_is_wanted(database: AccountsDatabase, book: LaunchBook) -> None:
    a_plan(book)
    an_apply(book, "FAILED", "Error: quota")
    assert (book.standing("alpha").status, book.standing("alpha").version) == ("APPLY_FAILED", 2)
    Decisions(database).set_rollback_on_failure("alpha", True, "ann")
    database.request(Demand(["alpha"], "ann", "CHG-2", subnet_count=9, execution_mode="plan_and_apply"))
    an_apply(book, "FAILED", "Error: quota")
    account = book.standing("alpha")
    assert (account.status, account.version, account.state) == ("PENDING_SCHEMATICS", 4, STATE)
    an_apply(book, "FAILED", "Error: again")  # the way back failed too: nobody goes in circles
    assert (book.standing("alpha").status, book.standing("alpha").version) == ("APPLY_FAILED", 4)


def test_a_rollback_is_a_new_version_with_old_content(database: AccountsDatabase, book: LaunchBook) -> None:
    a_plan(book)
    an_apply(book)
    decisions = Decisions(database)
    with pytest.raises(DemandError, match="no version 9"):
        decisions.rollback("alpha", 9, "ann", "")
    written = decisions.rollback("alpha", 1, "ann", "CHG-3")
    assert (written.version, written.new) == (3, True)
    assert decisions.rollback("alpha", 1, "ann", "CHG-3").new is False
    assert database.versions("alpha")[-1].state() == STATE
    an_apply(book)
    assert book.standing("alpha").status == "ROLLED_BACK"


def test_drift_is_written_and_reverted_only_by_that_policy(database: AccountsDatabase, book: LaunchBook) -> None:
    a_plan(book)
    an_apply(book)
    for policy, version in (("detect", 2), ("revert", 3)):
        Decisions(database).set_drift_policy("alpha", policy, "ann")  # type: ignore[arg-type]
        job = book.launched(book.intend("alpha", 2, "drift", "f", []), f"drift-{policy}")
        job = book.finish(job, End("COMPLETED", PlanSummary(PlanCounts(0, 1, 0))))
        assert book.standing("alpha").status == "UPDATED"
        book.drift_seen(book.standing("alpha"), job)
        assert next(a.drift for a in database.accounts() if a.name == "alpha") == "0 to add, 1 to change, 0 to destroy"
        assert book.standing("alpha").version == version
    assert book.standing("alpha").status == "PENDING_SCHEMATICS"


def test_an_approval_is_of_one_plan_and_is_refused_where_there_is_none(
    database: AccountsDatabase, book: LaunchBook
) -> None:
    decisions = Decisions(database)
    with pytest.raises(DemandError, match="no plan of version 2"):
        decisions.approve("alpha", "bob", 24)
    with pytest.raises(DemandError, match="applied already"):
        decisions.approve("beta", "bob", 24)
    with pytest.raises(DemandError, match="who decides is empty"):
        decisions.approve("alpha", " ", 24)
    plan = a_plan(book, PlanCounts(0, 0, 1))
    with pytest.raises(DemandError, match=f"plan {plan.id} destroys"):
        decisions.approve("alpha", "bob", 24)
    with pytest.raises(DemandError, match=f"newest plan is {plan.id}"):
        decisions.approve("alpha", "bob", 24, plan=plan.id + 1)  # another one took its place
    given = decisions.approve("alpha", "bob", 24, plan=plan.id).approval
    assert book.standing("alpha").approval == given
    assert given.seal == plan.seal
    decisions.reject("alpha", "eve", "not on a Friday")
    assert book.standing("alpha").approval != given
    assert (book.standing("alpha").status, book.standing("alpha").reason) == (
        "PLANNED",
        "eve rejected the plan: not on a Friday",
    )


def test_an_account_whose_job_is_not_over_keeps_its_workspace(database: AccountsDatabase, book: LaunchBook) -> None:
    job = book.intend("alpha", 2, "plan", "f", [])
    assert book.open_jobs("alpha") == [job]
    with pytest.raises(DemandError, match="not over"):
        database.link("alpha", "ws.other", "ann")
    book.finish(job, End("LOST"))
    assert book.open_jobs("alpha") == []
    database.link("alpha", "ws.other", "ann")
    assert book.standing("alpha").workspace_id == "ws.other"


def test_a_paused_account_goes_on_in_the_mode_it_had(database: AccountsDatabase, book: LaunchBook) -> None:
    decisions = Decisions(database)
    assert decisions.set_mode("alpha", "paused", "ann") == "auto"
    decisions.set_mode("alpha", "paused", "ann")
    assert decisions.resume("alpha", "ann") == "auto"
    assert book.standing("alpha").mode == "auto"
    with pytest.raises(DemandError, match="not paused"):
        decisions.resume("alpha", "ann")
    with pytest.raises(DemandError, match="no mode"):
        decisions.set_mode("alpha", "asleep", "ann")  # type: ignore[arg-type]
    assert [row.detail for row in database.audit("alpha") if row.action == "mode"] == [
        {"from": "auto", "to": "paused"},
        {"from": "paused", "to": "auto"},
    ]


def test_what_the_gate_holds_says_why(book: LaunchBook) -> None:
    a_plan(book)
    book.hold(book.standing("alpha"), Ruling(Verdict.ASK, "the approval of bob has expired"))
    account = book.standing("alpha")
    assert (account.status, account.reason) == ("AWAITING_APPROVAL", "the approval of bob has expired")


def test_a_lease_is_one_workers_until_it_is_given_back_or_runs_out(book: LaunchBook) -> None:
    said: list[str] = []
    with book.lease("alpha", 0.4, said.append) as first:
        with book.lease("beta", 0.4, said.append):
            pass  # another account is another lease
        assert said == []
        late = pytest.raises(TransientError, match="another worker")
        with book.lease("alpha", 30.0, said.append), late:  # the first one is not renewed any more
            first.renew()
    assert len(said) == 1
    with book.lease("alpha", 30.0, said.append):
        pass  # given back
    assert len(said) == 1


def test_only_one_of_many_workers_has_the_account(url: str, database: AccountsDatabase) -> None:
    inside, most, lock = [0], [0], threading.Lock()

    def work() -> None:
        own = AccountsDatabase(url)
        with LaunchBook(own).lease("alpha", 20.0, lambda _said: None) as lease:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            lease.pause(0.05)
            with lock:
                inside[0] -= 1
        own.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == ([1], [0])


def test_no_minute_sees_more_requests_than_allowed_whoever_sends_them(url: str, database: AccountsDatabase) -> None:
    clock, turns = [1000.0], list[float]()

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    other = AccountsDatabase(url)
    paces = [Pace(one, 5, sleep, lambda: clock[0]) for one in (database, other)]
    for turn in range(22):
        paces[turn % 2]()
        turns.append(clock[0])
        clock[0] += 0.5
    other.close()
    for at in turns:
        assert sum(at <= turn < at + 60 for turn in turns) <= 5
    assert turns[-1] - turns[0] < 4 * 60 + 15  # and none is wasted
