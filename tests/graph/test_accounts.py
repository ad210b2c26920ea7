"""Accounts through the graph: demands, plans, the gate, applies, drift, each with its true outcome in the UI."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dagster import AssetKey, DagsterRun, DagsterRunStatus

from assets.names import APPLY, DESIRED_STATE, PLAN
from domain.accounts import Demand, DesiredState
from domain.standing import Standing
from resources.account_desk import AccountDesk
from resources.account_tables import Approval
from resources.database import AccountsDatabase, open_database
from resources.decisions import Decisions
from resources.launch_book import LaunchBook
from tests.graph.conftest import API_KEY, Platform

# The tables themselves are held to both databases by tests/contract; the whole stories on a server take their time.
ON_BOTH = pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.e2e)], indirect=True)
pytestmark = ON_BOTH

STATE = DesiredState("1.0.0", 3, tags={"owner": "net"})
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": '{"owner": "net"}'}


class Fleet:
    """The accounts of a platform, each with a workspace that has what version 1 says."""

    def __init__(self, platform: Platform) -> None:
        assert platform.schematics
        self.platform = platform
        self.schematics = platform.schematics
        self.database: AccountsDatabase = open_database(platform.settings)
        self.book = LaunchBook(self.database)
        self.decisions = Decisions(self.database)

    def register(self, *names: str, mode: str = "auto", **more: str) -> None:
        for name in names:
            workspace = self.schematics.create_workspace(name, INPUTS)
            self.database.register(name, f"00{name}", STATE, "ops", workspace=workspace, mode=mode, **more)

    def demand(self, *names: str, execution_mode: Any = "plan_and_apply", **changes: Any) -> None:
        asked = changes or {"subnet_count": 5}
        self.database.request(Demand(list(names), "ann", "CHG-1", execution_mode=execution_mode, **asked))

    def settle(self) -> list[DagsterRun]:
        return self.platform.settle("account_requests")

    def approve(self, name: str) -> None:
        """Somebody looked at the newest plan, and approves that one."""
        plan = self.of(name).plan
        assert plan
        self.decisions.approve(name, "bob", hours=1, plan=plan.id)

    def of(self, name: str) -> Standing:
        return self.book.standing(name)

    def launches(self) -> Counter[tuple[str, str]]:
        """(account, kind) -> jobs that Schematics has seen."""
        launched = self.schematics.report()["launches"]
        return Counter((one["workspace_name"], one["kind"].lower()) for one in launched)

    def metadata(self, asset: str, account: str) -> dict[str, Any]:
        event = self.platform.instance.get_latest_materialization_event(AssetKey(asset))
        assert event
        assert event.asset_materialization
        assert event.asset_materialization.partition == account
        return {key: value.value for key, value in event.asset_materialization.metadata.items()}


@pytest.fixture
def database_url(url: str) -> str:
    """On SQLite and on PostgreSQL."""
    return url


@pytest.fixture
def fleet(platform: Platform) -> Any:
    fleet = Fleet(platform)
    yield fleet
    fleet.database.close()


def statuses(runs: list[DagsterRun]) -> list[DagsterRunStatus]:
    return [run.status for run in runs]


def test_a_demand_on_an_automatic_account_is_planned_and_applied_once(fleet: Fleet) -> None:
    fleet.register("alpha")
    assert fleet.settle() == []  # what is applied needs nothing; the partition is there
    assert fleet.platform.instance.get_dynamic_partitions("accounts") == ["alpha"]
    fleet.demand("alpha")
    (run,) = fleet.settle()
    assert run.status is DagsterRunStatus.SUCCESS
    alpha = fleet.of("alpha")
    assert (alpha.status, alpha.applied_version) == ("UPDATED", 2)
    assert fleet.launches() == {("alpha", "plan"): 1, ("alpha", "apply"): 1}
    assert fleet.schematics.variables(alpha.workspace_id or "")["subnet_count"] == "5"
    for asset in (DESIRED_STATE, PLAN, APPLY):
        assert fleet.platform.materialized(asset) == {"alpha"}
    plan = fleet.metadata(PLAN, "alpha")
    assert (plan["to_add"], plan["to_change"], plan["to_destroy"]) == (2, 0, 0)
    assert "create ibm_is_subnet.subnet[4]" in plan["resources"]
    assert len(plan["input_fingerprint"]) == 64
    with open(plan["log"]) as log:
        assert "Plan: 2 to add" in log.read()


def test_materializing_everything_again_launches_nothing(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.demand("alpha")
    fleet.settle()
    again = fleet.platform.run_job("change_account", partition="alpha")
    assert again.status is DagsterRunStatus.SUCCESS
    assert fleet.launches() == {("alpha", "plan"): 1, ("alpha", "apply"): 1}
    assert fleet.metadata(PLAN, "alpha")["reused"] is True


def test_a_plan_that_destroys_is_applied_only_when_exactly_it_is_approved(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.demand("alpha", subnet_count=1)
    (run,) = fleet.settle()
    assert run.status is DagsterRunStatus.SUCCESS
    assert fleet.of("alpha").status == "AWAITING_APPROVAL"
    assert fleet.platform.materialized(APPLY) == set()
    assert fleet.settle() == []  # it waits, whatever time passes
    fleet.approve("alpha")
    (applied,) = fleet.settle()
    assert applied.asset_selection == {AssetKey(APPLY)}
    assert fleet.of("alpha").status == "UPDATED"
    assert fleet.launches() == {("alpha", "plan"): 1, ("alpha", "apply"): 1}
    assert fleet.metadata(APPLY, "alpha")["allowed"] == "approved by bob"


def test_an_approval_that_has_expired_is_refused(fleet: Fleet) -> None:
    fleet.register("alpha", mode="manual")
    fleet.demand("alpha")
    fleet.settle()
    fleet.approve("alpha")
    with fleet.database.transaction() as session:
        for row in session.query(Approval):
            row.expires_at = datetime.now(UTC) - timedelta(seconds=1)
    assert fleet.settle() == []
    run = fleet.platform.run_job("change_account", partition="alpha", assets=[APPLY])
    assert run.status is DagsterRunStatus.SUCCESS
    assert (fleet.of("alpha").status, fleet.of("alpha").reason) == (
        "AWAITING_APPROVAL",
        "the approval of bob has expired",
    )
    assert fleet.launches() == {("alpha", "plan"): 1}


def test_inputs_that_changed_after_the_approval_are_refused_until_planned_and_approved_anew(fleet: Fleet) -> None:
    fleet.register("alpha", mode="manual")
    fleet.demand("alpha")
    fleet.settle()
    fleet.approve("alpha")
    schematics = fleet.schematics
    with schematics.state.lock:
        workspace = schematics.state.find("alpha")
        next(one for one in workspace.variables if one["name"] == "subnet_count")["value"] = "2"
    (run,) = fleet.settle()
    assert run.status is DagsterRunStatus.FAILURE
    assert fleet.platform.failed(APPLY) == {"alpha"}
    assert fleet.of("alpha").status == "PLAN_FAILED"
    assert "changed since the plan" in fleet.of("alpha").reason
    assert fleet.settle() == []  # people look first
    fleet.platform.run_job("change_account", partition="alpha")
    assert fleet.of("alpha").status == "AWAITING_APPROVAL"  # the old approval was for the old plan
    assert fleet.launches() == {("alpha", "plan"): 2}
    fleet.approve("alpha")
    fleet.settle()
    assert fleet.launches() == {("alpha", "plan"): 2, ("alpha", "apply"): 1}
    assert fleet.of("alpha").status == "UPDATED"


def test_unknown_counts_are_never_zero(fleet: Fleet) -> None:
    fleet.schematics.fault("no_summary")
    fleet.register("alpha")
    fleet.demand("alpha")
    fleet.settle()
    assert fleet.of("alpha").status == "AWAITING_APPROVAL"
    assert fleet.metadata(PLAN, "alpha")["to_destroy"] == "unknown"


def test_planned_only_stops_there_and_an_approval_goes_on(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.demand("alpha", execution_mode="plan_only")
    fleet.settle()
    assert fleet.of("alpha").status == "PLANNED"
    fleet.approve("alpha")
    fleet.settle()
    assert fleet.of("alpha").status == "UPDATED"


def test_an_account_that_fails_fails_alone_and_a_new_plan_mends_it(fleet: Fleet) -> None:
    fleet.register("alpha", "beta", "gamma")
    fault = fleet.schematics.fault("fail_job", workspace="beta", job="apply")
    fleet.demand("alpha", "beta", "gamma")
    runs = fleet.settle()
    assert sorted(status.value for status in statuses(runs)) == ["FAILURE", "SUCCESS", "SUCCESS"]
    assert fleet.platform.failed(APPLY) == {"beta"}
    assert fleet.platform.materialized(APPLY) == {"alpha", "gamma"}
    beta = fleet.of("beta")
    assert (beta.status, beta.applied_version) == ("APPLY_FAILED", 1)
    assert beta.reason
    assert fleet.settle() == []
    only_apply = fleet.platform.run_job("change_account", partition="beta", assets=[APPLY])
    assert only_apply.status is DagsterRunStatus.FAILURE  # what the first apply did is not known: plan again
    fault.times = fault.struck
    fleet.platform.run_job("change_account", partition="beta")
    assert fleet.of("beta").status == "UPDATED"
    assert fleet.launches()[("beta", "plan")] == 2
    assert fleet.launches()[("beta", "apply")] == 2


def test_a_paused_account_waits_and_an_observed_one_is_only_planned(fleet: Fleet) -> None:
    fleet.register("alpha", "beta")
    fleet.decisions.set_mode("alpha", "paused", "ann")
    fleet.decisions.set_mode("beta", "observe", "ann")
    fleet.demand("alpha", "beta")
    fleet.settle()
    assert fleet.launches() == {("beta", "plan"): 1}
    assert fleet.of("beta").status == "PLANNED"
    by_hand = fleet.platform.run_job("change_account", partition="alpha")
    assert by_hand.status is DagsterRunStatus.SUCCESS
    assert fleet.launches() == {("beta", "plan"): 1}
    fleet.decisions.resume("alpha", "ann")
    fleet.settle()
    assert fleet.of("alpha").status == "UPDATED"


def test_a_demand_as_config_of_the_desired_state_and_as_a_job_are_the_same(fleet: Fleet) -> None:
    fleet.register("alpha", "beta")
    fleet.settle()
    asked = {"subnet_count": 6, "reason": "CHG-2", "requested_by": "ann", "execution_mode": "plan_and_apply"}
    config = {"ops": {DESIRED_STATE: {"config": asked}}}
    fleet.platform.run_job("change_account", partition="alpha", config=config)
    assert (fleet.of("alpha").status, fleet.of("alpha").state.subnet_count) == ("UPDATED", 6)
    demand = {"ops": {"write_demand": {"config": {**asked, "account_names": ["beta"]}}}}
    assert fleet.platform.run_job("request_account_change", config=demand).status is DagsterRunStatus.SUCCESS
    assert fleet.of("beta").status == "PENDING_SCHEMATICS"
    fleet.settle()
    assert fleet.of("beta").status == "UPDATED"


def test_one_unknown_name_declines_the_job_and_nothing_is_launched(fleet: Fleet) -> None:
    fleet.register("alpha")
    asked = {"account_names": ["alpha", "alph", "omega"], "subnet_count": 6, "reason": "CHG-2", "requested_by": "ann"}
    run = fleet.platform.run_job("request_account_change", config={"ops": {"write_demand": {"config": asked}}})
    assert run.status is DagsterRunStatus.FAILURE
    said = [str(log.dagster_event) for log in fleet.platform.instance.all_logs(run.run_id)]
    assert any("Accounts not present in database: alph, omega" in text for text in said)
    assert fleet.settle() == []
    assert fleet.of("alpha").version == 1


def test_the_jobs_of_the_ui_decide_as_the_command_line_does(fleet: Fleet) -> None:
    fleet.register("alpha", mode="manual")
    fleet.demand("alpha")
    fleet.settle()

    def run(job: str, op: str, **config: object) -> DagsterRunStatus:
        return fleet.platform.run_job(job, config={"ops": {op: {"config": {"by": "ann", **config}}}}).status

    named = {"account_names": ["alpha"]}
    assert run("reject_plans", "reject", **named, reason="no") is DagsterRunStatus.SUCCESS
    assert fleet.of("alpha").reason == "ann rejected the plan: no"
    assert run("approve_plans", "approve", **named) is DagsterRunStatus.SUCCESS
    assert run("pause_accounts", "pause", **named) is DagsterRunStatus.SUCCESS
    assert fleet.settle() == []
    assert run("resume_accounts", "resume", **named) is DagsterRunStatus.SUCCESS
    fleet.settle()
    assert fleet.of("alpha").status == "UPDATED"
    assert run("rollback_account", "roll_back", account_name="alpha", to=1) is DagsterRunStatus.SUCCESS
    fleet.settle()
    assert fleet.of("alpha").status == "AWAITING_APPROVAL"  # the way back destroys two subnets
    assert run("approve_plans", "approve", **named) is DagsterRunStatus.FAILURE  # what destroys is approved by number
    plan = fleet.of("alpha").plan
    assert plan
    assert run("approve_plans", "approve", **named, plan=plan.id) is DagsterRunStatus.SUCCESS
    fleet.settle()
    assert (fleet.of("alpha").status, fleet.of("alpha").state) == ("ROLLED_BACK", STATE)
    assert run("observe_accounts", "observe", **named) is DagsterRunStatus.SUCCESS
    assert fleet.of("alpha").mode == "observe"
    assert run("approve_plans", "approve", **named) is DagsterRunStatus.FAILURE


def test_an_account_without_a_workspace_says_what_to_do(fleet: Fleet) -> None:
    fleet.database.register("alpha", "1", STATE, "ops")
    fleet.demand("alpha")
    runs = fleet.settle()
    assert {run.status for run in runs} == {DagsterRunStatus.FAILURE}
    assert fleet.of("alpha").status == "PLAN_FAILED"
    assert "vigie accounts link alpha" in fleet.of("alpha").reason


def test_drift_is_a_check_by_account_and_its_policy_says_what_follows(fleet: Fleet) -> None:
    fleet.register("alpha", "beta", "gamma")
    fleet.settle()
    for name, policy in (("beta", "alert"), ("gamma", "revert")):
        fleet.decisions.set_drift_policy(name, policy, "ann")  # type: ignore[arg-type]
    schematics = fleet.schematics
    clean = fleet.platform.run_job("look_for_drift", partition="alpha")
    assert clean.status is DagsterRunStatus.SUCCESS
    for name in ("alpha", "beta", "gamma"):
        schematics.drift(name, "ibm_is_subnet.subnet[1]", remove=True)
        fleet.platform.run_job("look_for_drift", partition=name)
    instance = fleet.platform.instance
    events = [log.dagster_event for run in instance.get_runs() for log in instance.all_logs(run.run_id)]
    evaluations = [
        e.asset_check_evaluation_data for e in events if e and e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    found = {(e.metadata["account"].value, e.passed, e.severity.value, e.partition) for e in evaluations}
    assert found == {
        ("alpha", True, "WARN", "alpha"),
        ("alpha", False, "WARN", "alpha"),
        ("beta", False, "ERROR", "beta"),
        ("gamma", False, "WARN", "gamma"),
    }
    assert (fleet.of("alpha").status, fleet.of("alpha").version) == ("IDLE", 1)
    assert fleet.of("gamma").status == "PENDING_SCHEMATICS"
    fleet.settle()
    assert (fleet.of("gamma").status, fleet.of("gamma").version) == ("UPDATED", 2)
    assert fleet.launches()[("gamma", "apply")] == 1
    assert fleet.platform.run_job("look_for_drift", partition="gamma").status is DagsterRunStatus.SUCCESS


def test_an_account_that_is_gone_from_the_table_is_gone_from_the_partitions(fleet: Fleet) -> None:
    fleet.register("alpha", "beta")
    fleet.settle()
    fleet.platform.instance.add_dynamic_partitions("accounts", ["left-over"])
    fleet.settle()
    assert set(fleet.platform.instance.get_dynamic_partitions("accounts")) == {"alpha", "beta"}


def test_a_job_that_a_newer_demand_overtook_is_followed_to_its_end_first(fleet: Fleet) -> None:
    fleet.register("alpha")
    fleet.demand("alpha", subnet_count=5)
    fleet.schematics.settings(job_seconds=1.0)
    fleet.book.intend("alpha", 2, "plan", "f", [])  # a worker launched it and died before it wrote so
    with AccountDesk(fleet.platform.settings).change("alpha", print) as change:
        change._workspace.launch("plan")
    fleet.demand("alpha", subnet_count=7)
    (run,) = fleet.settle()
    assert run.status is DagsterRunStatus.SUCCESS
    assert (fleet.of("alpha").status, fleet.of("alpha").applied_version) == ("UPDATED", 3)
    assert fleet.launches() == {("alpha", "plan"): 2, ("alpha", "apply"): 1}  # one plan per version
    assert fleet.book.open_jobs("alpha") == []


def test_the_desk_reads_its_secrets_when_it_works_and_shows_none(fleet: Fleet) -> None:
    desk = AccountDesk(fleet.platform.settings)
    assert API_KEY not in repr(desk) + repr(desk.settings)
