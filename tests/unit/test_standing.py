"""Where an account stands: what the gate lets through, what a sensor asks for next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.accounts import DesiredState
from domain.activities import PlanCounts
from domain.standing import (
    Approval,
    Job,
    Ruling,
    Standing,
    Verdict,
    elapsed,
    gate,
    next_step,
    pause_before,
    status_of_ruling,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PLAN = Job(7, "alpha", 2, "plan", 1, "COMPLETED", "f" * 64, NOW, "act", NOW, NOW, PlanCounts(1, 2, 0))
APPLY = replace(PLAN, id=8, kind="apply", status="INTENDED", finished_at=None, activity_id=None, counts=None)
PENDING = Standing(
    name="alpha",
    number="1",
    workspace_id="us-south.workspace.alpha",
    mode="auto",
    status="PENDING_SCHEMATICS",
    reason="",
    version=2,
    applied_version=1,
    state=DesiredState("1", 2),
    execution_mode="plan_and_apply",
    drift_policy="detect",
    asked_at=NOW,
)
PLANNED = replace(PENDING, status="PLANNED", plan=PLAN)


def approval(plan: Job = PLAN, hours: float = 1.0, **more: object) -> Approval:
    given: dict[str, object] = {"decision": "approved", **more}
    return Approval(plan.id, plan.seal, by="bob", at=NOW, expires_at=NOW + timedelta(hours=hours), **given)  # type: ignore[arg-type]


def planned(**changes: object) -> Standing:
    return replace(PLANNED, **changes)  # type: ignore[arg-type]


def with_counts(counts: PlanCounts | None, **changes: object) -> Standing:
    return planned(plan=replace(PLAN, counts=counts), **changes)


def test_an_automatic_account_goes_on_by_itself_where_nothing_is_destroyed() -> None:
    assert gate(PLANNED, NOW).verdict is Verdict.GO
    assert next_step(PLANNED, NOW) == "apply"


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (with_counts(PlanCounts(0, 0, 1)), "destroys"),
        (with_counts(None), "not known"),
        (planned(mode="manual"), "not automatic"),
    ],
)
def test_what_destroys_or_is_unknown_or_manual_waits_for_somebody(account: Standing, said: str) -> None:
    ruling = gate(account, NOW)
    assert (ruling.verdict, said in ruling.reason) == (Verdict.ASK, True)
    assert "vigie accounts approve alpha --plan 7 --by" in ruling.remedy
    assert next_step(account, NOW) is None
    assert status_of_ruling(ruling, "PLANNED") == "AWAITING_APPROVAL"
    assert account.plan
    assert gate(replace(account, approval=approval(account.plan)), NOW).verdict is Verdict.GO


def test_planned_only_is_held_until_it_is_approved() -> None:
    account = planned(execution_mode="plan_only")
    assert gate(account, NOW).verdict is Verdict.HOLD
    assert gate(replace(account, approval=approval()), NOW).verdict is Verdict.GO


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"plan": replace(PLAN, fingerprint="0" * 64)}, Verdict.ASK),  # other inputs
        ({"plan": replace(PLAN, counts=PlanCounts(1, 2, 9))}, Verdict.ASK),  # other counts
        ({"plan": replace(PLAN, id=9)}, Verdict.ASK),  # another plan
        ({"approval": approval(hours=-0.001)}, Verdict.ASK),  # expired
        ({"approval": approval(decision="rejected")}, Verdict.HOLD),
        ({"mode": "paused"}, Verdict.HOLD),
        ({"mode": "observe"}, Verdict.HOLD),
        ({"plan": replace(PLAN, status="STALE")}, Verdict.REFUSE),
        ({"plan": replace(PLAN, status="FAILED")}, Verdict.REFUSE),
        ({"plan": replace(PLAN, finished_at=None, status="LAUNCHED")}, Verdict.REFUSE),
        ({"plan": None, "approval": None}, Verdict.REFUSE),
        ({"apply": replace(APPLY, status="FAILED", finished_at=NOW)}, Verdict.REFUSE),
    ],
)
def test_an_approval_holds_for_exactly_its_plan_for_its_time_and_its_mode(
    changes: dict[str, object], verdict: Verdict
) -> None:
    approved = planned(mode="manual", approval=approval())
    assert gate(approved, NOW).verdict is Verdict.GO
    assert gate(replace(approved, **changes), NOW).verdict is verdict  # type: ignore[arg-type]


def test_a_version_that_is_still_to_be_planned_is_no_failure() -> None:
    assert gate(PENDING, NOW).verdict is Verdict.HOLD
    assert status_of_ruling(gate(PENDING, NOW), "PENDING_SCHEMATICS") == "PENDING_SCHEMATICS"


@pytest.mark.parametrize(
    ("account", "step"),
    [
        (PENDING, "plan"),
        (replace(PENDING, plan=replace(PLAN, finished_at=None, status="LAUNCHED")), "plan"),  # its run was lost
        (planned(apply=APPLY), "apply"),  # its run was lost
        (planned(apply=APPLY, mode="manual"), "apply"),
        (replace(PENDING, applied_version=2), None),
        (replace(PENDING, mode="paused"), None),
        (replace(PENDING, status="PLAN_FAILED", plan=replace(PLAN, status="FAILED")), None),
        (planned(status="APPLY_FAILED"), None),
        (
            planned(status="PENDING_SCHEMATICS", apply=replace(APPLY, status="FAILED", finished_at=NOW)),
            "plan",
        ),  # retried
        (planned(mode="paused", apply=replace(APPLY, activity_id="act-2")), "apply"),  # it runs: somebody follows it
        (replace(PENDING, status="PLAN_FAILED", plan=replace(PLAN, finished_at=None, status="LAUNCHED")), "plan"),
        (planned(mode="observe"), None),
    ],
)
def test_the_next_step_is_what_the_rows_leave_open(account: Standing, step: str | None) -> None:
    assert next_step(account, NOW) == step


def test_a_lost_run_is_asked_for_again_at_once_and_an_outage_of_hours_is_outlived() -> None:
    pauses = [pause_before(tries) for tries in range(1, 8)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert sum(pauses) > 3600


def test_a_ruling_never_hides_a_newer_demand() -> None:
    assert status_of_ruling(Ruling(Verdict.HOLD, "paused"), "PENDING_SCHEMATICS") == "PENDING_SCHEMATICS"


def test_a_moment_that_lies_ahead_is_long_past_for_the_clock_was_set_back() -> None:
    assert elapsed(100.0, 130.0) == 30.0
    assert elapsed(130.0, 100.0) == 0.0  # another machine's clock
    assert elapsed(86_400.0, 100.0) == float("inf")
