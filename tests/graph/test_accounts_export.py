"""Accounts on their way to the warehouse: asked for once after they changed, exported, built, checked."""

import time
from collections.abc import Iterator

import pytest
import time_machine
from dagster import AssetKey, AssetMaterialization, DagsterRun, DagsterRunStatus

from assets.names import ACCOUNTS_EXPORT, VERSION_TAG
from tests.graph.conftest import Platform
from tests.graph.test_accounts import Fleet

SENSOR = "accounts_export_due"


@pytest.fixture
def fleet(platform: Platform) -> Iterator[Fleet]:
    fleet = Fleet(platform)
    yield fleet
    fleet.database.close()


def says(platform: Platform) -> str:
    """Why the sensor asks for nothing; empty where it asks."""
    data = platform.evaluate(SENSOR)
    return "" if data.run_requests else str(data.skip_message)


@pytest.mark.e2e  # a story of its own length
def test_what_became_of_accounts_is_in_the_marts_after_one_run(fleet: Fleet) -> None:
    platform, instance = fleet.platform, fleet.platform.instance
    assert "as they are" in says(platform)  # no account: nothing to say
    fleet.register("alpha", "beta")
    fleet.schematics.fault("fail_job", workspace="beta", job="apply")
    fleet.demand("alpha", "beta")
    fleet.settle()
    (run,) = platform.tick(SENSOR)
    assert run.status is DagsterRunStatus.SUCCESS
    rows = platform.warehouse.query(
        "select account, compliant, versions_behind, last_error, last_applied_at is not null as applied"
        " from account_compliance order by account"
    )
    assert [(row["account"], row["compliant"], row["versions_behind"], row["applied"]) for row in rows] == [
        ("alpha", True, 0, True),
        ("beta", False, 1, False),
    ]
    assert rows[1]["last_error"] == fleet.of("beta").reason
    (alpha, _beta) = platform.warehouse.query("select * from dim_accounts order by account")
    assert (alpha["status"], alpha["desired_subnet_count"], alpha["applied_subnet_count"]) == ("UPDATED", 5, 5)
    checks = [log.dagster_event for log in instance.all_logs(run.run_id)]
    passed = [
        e.asset_check_evaluation_data.passed for e in checks if e and e.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    assert len(passed) > 10
    assert all(passed)
    graph = platform.defs.get_repository_def().asset_graph
    assert graph.get(AssetKey("dim_accounts")).parent_keys == {AssetKey(ACCOUNTS_EXPORT)}
    assert "as they are" in says(platform)
    assert platform.tick(SENSOR) == []


def test_changes_wait_for_runs_and_failures_are_paced(fleet: Fleet) -> None:
    platform, instance = fleet.platform, fleet.platform.instance
    fleet.register("alpha")
    instance.report_runless_asset_event(AssetMaterialization(ACCOUNTS_EXPORT, tags={VERSION_TAG: "an older state"}))
    assert says(platform) == ""
    change = a_run(platform, "change_account")
    assert platform.tick(SENSOR) == []  # it keeps in mind since when there is something new
    assert "one export in 60 seconds" in says(platform)
    with time_machine.travel(time.time() + 61):
        assert says(platform) == ""
    instance.delete_run(change.run_id)
    export = a_run(platform, "export_accounts")
    assert "in progress" in says(platform)
    instance.report_run_failed(export)
    (second,) = platform.evaluate(SENSOR).run_requests or ()  # a crash may have ended it
    instance.report_run_failed(a_run(platform, "export_accounts"))
    assert "2 runs could not export" in says(platform)
    with time_machine.travel(time.time() + 31):
        (third,) = platform.evaluate(SENSOR).run_requests or ()
    assert second.run_key != third.run_key


def a_run(platform: Platform, job: str) -> DagsterRun:
    return platform.instance.create_run_for_job(platform.defs.resolve_job_def(job), status=DagsterRunStatus.STARTED)
