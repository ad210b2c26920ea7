"""Accounts whose runs were lost: asked for again, with pauses, and not for ever."""

from dagster import DagsterRunStatus

from assets.names import STEP_TAG
from domain.standing import TRIES
from resources.account_desk import AccountDesk
from tests.graph.test_accounts import ON_BOTH, Fleet, database_url, fleet, statuses

__all__ = ["database_url", "fleet"]  # fixtures
pytestmark = ON_BOTH


def lose_runs(fleet: Fleet, count: int) -> None:
    """So many runs that plan alpha's second version have failed. The waits between them are as long as an outage: the
    runs are made, not waited for."""
    for _try in range(count):
        run = fleet.platform.instance.create_run_for_job(
            fleet.platform.defs.resolve_job_def("change_account"),
            tags={STEP_TAG: "alpha-v2-plan-0", "dagster/partition": "alpha"},
        )
        fleet.platform.instance.report_run_failed(run)


def test_a_run_that_was_lost_is_asked_for_again_and_never_for_ever(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.schematics.fault("stuck_job", workspace="alpha")
    with AccountDesk(fleet.platform.settings).change("alpha", print) as change:
        change._workspace.launch("plan")  # somebody's job that hangs, in the console
    fleet.demand("alpha")
    first = fleet.platform.tick("account_requests")
    assert statuses(first) == [DagsterRunStatus.FAILURE]
    assert fleet.of("alpha").status == "PENDING_SCHEMATICS"  # a lock is no verdict on the account
    fleet.schematics.clear_faults()
    second = fleet.platform.tick("account_requests")
    assert statuses(second) == [DagsterRunStatus.SUCCESS]
    assert fleet.launches() == {("alpha", "plan"): 2, ("alpha", "apply"): 1}  # theirs, and ours


def test_what_cannot_be_asked_for_any_more_is_given_up_until_somebody_retries(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.settle()
    fleet.demand("alpha")
    lose_runs(fleet, TRIES)
    assert fleet.settle() == []
    alpha = fleet.of("alpha")
    assert alpha.status == "PLAN_FAILED"
    assert f"{TRIES} runs could not plan version 2" in alpha.reason
    assert "vigie accounts retry alpha" in alpha.reason
    assert fleet.settle() == []
    fleet.decisions.retry("alpha", "ann")
    assert statuses(fleet.settle()) == [DagsterRunStatus.SUCCESS]
    assert fleet.of("alpha").status == "UPDATED"


def test_a_change_whose_runs_were_lost_says_until_when_it_waits_and_goes_on_at_once_where_somebody_asks(
    fleet: Fleet,
) -> None:
    fleet.register("alpha")
    fleet.settle()
    fleet.demand("alpha")
    lose_runs(fleet, TRIES - 1)
    waiting = str(fleet.platform.evaluate("account_requests").skip_message)
    assert "wait for their next try: alpha until 20" in waiting
    assert "vigie accounts retry" in waiting
    before = fleet.of("alpha").status
    fleet.decisions.retry("alpha", "ann")
    assert fleet.of("alpha").status == before
    assert statuses(fleet.settle()) == [DagsterRunStatus.SUCCESS]
    assert fleet.of("alpha").status == "UPDATED"


def test_two_looks_at_once_ask_for_one_run(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.settle()
    fleet.demand("alpha")
    first, second = (fleet.platform.evaluate("account_requests").run_requests or [] for _look in range(2))
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert len(first) == 1
