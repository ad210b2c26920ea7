"""`vigie accounts`, to decide and to stop: what it prints, on which stream, and how it ends."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from domain.activities import PlanCounts
from domain.launches import End
from local.schematics_server import SchematicsEmulator
from resources.account_desk import AccountDesk
from resources.launch_book import LaunchBook
from settings import TARGETS, load_settings, own_targets
from tests.unit.accounts_terminal import audit, demanded, document, opened, planned, refused, running, said, vigie

KEY = "key-of-no-account"
pytestmark = pytest.mark.usefixtures("accounts_home")


class TestDecide:
    def test_an_approval_says_what_exactly_was_approved_and_until_when(self) -> None:
        demanded("alpha", "beta")
        planned("alpha")
        planned("beta", PlanCounts(0, 2, 0))
        lines = said("approve", "beta", "alpha", "--by", "bob", "--hours", "2", "--reason", "CHG-1")
        until = r"is approved until 20\d\d-\d\d-\d\d \d\d:\d\d UTC"
        assert re.fullmatch(rf"alpha: the plan of version 2 {until} \(1 to add, 0 to change, 0 to destroy\)", lines[0])
        assert re.fullmatch(rf"beta: the plan of version 2 {until} \(0 to add, 2 to change, 0 to destroy\)", lines[1])
        assert ("bob", "approved") in audit("alpha")

    def test_one_account_that_refuses_keeps_the_others_from_being_decided(self) -> None:
        demanded("alpha")
        planned("alpha")
        words = refused("approve", "alpha", "beta", "--by", "bob")
        assert "beta: the desired version is applied already." in words
        assert "Nothing was decided for any of the accounts." in words
        assert "gamma, omega" in refused("reject", "omega", "alpha", "gamma", "--by", "bob", "--reason", "r")
        assert ("bob", "approved") not in audit("alpha")
        with opened() as (_database, book):
            assert book.standing("alpha").approval is None

    def test_every_refusal_is_named(self) -> None:
        words = refused("resume", "alpha", "beta", "--by", "ann")
        assert words.count("the account is not paused") == 2

    @pytest.mark.parametrize("hours", ["0", "-1", "inf", "nan"])
    def test_hours_that_make_no_sense_are_refused(self, hours: str) -> None:
        demanded("alpha")
        planned("alpha")
        assert "an approval holds for" in refused("approve", "alpha", "--by", "bob", "--hours", hours)

    def test_a_plan_whose_apply_failed_is_not_decided_on(self) -> None:
        demanded("alpha")
        planned("alpha")
        with opened() as (_database, book):
            book.finish(running("alpha"), End("FAILED", error="Error: quota"))
        assert "vigie accounts retry alpha --by NAME" in refused("approve", "alpha", "--by", "bob")
        assert document("alpha")["status"] == "APPLY_FAILED"

    @pytest.mark.parametrize(
        ("counts", "would"), [(PlanCounts(0, 0, 3), "destroys (0 to add"), (None, "does what is not known")]
    )
    def test_a_plan_that_destroys_or_may_is_approved_by_its_number_only(
        self, counts: PlanCounts | None, would: str
    ) -> None:
        demanded("alpha")
        plan = planned("alpha", counts)
        words = refused("approve", "alpha", "--by", "bob")
        assert f"plan {plan.id} {would}" in words
        assert f"--plan {plan.id}" in words
        (line,) = said("approve", "alpha", "--plan", str(plan.id), "--by", "bob")
        assert line.startswith("alpha: the plan of version 2 is approved until ")

    def test_a_plan_that_a_newer_one_replaced_is_not_approved_unseen(self) -> None:
        demanded("alpha")
        seen = planned("alpha", PlanCounts(0, 0, 1))
        newer = planned("alpha", PlanCounts(0, 0, 9))
        words = refused("approve", "alpha", "--plan", str(seen.id), "--by", "bob")
        assert f"the newest plan is {newer.id} (0 to add, 0 to change, 9 to destroy), not {seen.id}" in words
        assert document("alpha")["status"] == "AWAITING_APPROVAL"
        with opened() as (_database, book):
            assert book.standing("alpha").approval is None

    def test_a_rejection_has_its_reason(self) -> None:
        demanded("alpha")
        planned("alpha")
        assert said("reject", "alpha", "--by", "eve", "--reason", "not on a Friday") == [
            "alpha: the plan of version 2 is rejected (1 to add, 0 to change, 0 to destroy)"
        ]
        assert document("alpha")["reason"] == "eve rejected the plan: not on a Friday"


class TestRetry:
    def test_what_failed_is_asked_for_again(self) -> None:
        demanded("alpha")
        planned("alpha", None, "FAILED", "Error: quota")
        assert said("retry", "alpha", "--by", "ann") == ["alpha: asked for again"]
        assert document("alpha")["status"] == "PENDING_SCHEMATICS"
        assert audit("alpha")[-1] == ("ann", "retry")

    def test_a_change_under_way_is_not_begun_anew_by_it(self) -> None:
        demanded("alpha")
        assert document("alpha")["status"] == "PENDING_SCHEMATICS"
        assert said("retry", "alpha", "--by", "ann") == ["alpha: asked for again"]
        assert document("alpha")["status"] == "PENDING_SCHEMATICS"
        assert audit("alpha")[-1] == ("ann", "retry")

    def test_what_did_not_fail_is_not_retried_and_nothing_is_written(self) -> None:
        demanded("alpha")
        planned("alpha", None, "FAILED", "Error: quota")
        assert "beta: nothing failed: the account is IDLE." in refused("retry", "alpha", "beta", "--by", "ann")
        assert document("alpha")["status"] == "PLAN_FAILED"


class TestModes:
    def test_a_pause_and_its_end(self) -> None:
        assert said("mode", "alpha", "auto", "--by", "ann") == ["alpha: auto (was manual)"]
        assert said("pause", "beta", "alpha", "--by", "ann") == [
            "alpha: paused (was auto)",
            "beta: paused (was manual)",
        ]
        assert said("pause", "alpha", "--by", "ann") == ["alpha: paused already"]
        assert said("resume", "alpha", "beta", "--by", "ann") == [
            "alpha: auto (was paused)",
            "beta: manual (was paused)",
        ]
        assert said("observe", "alpha", "--by", "ann") == ["alpha: observe (was auto)"]

    def test_one_unknown_name_and_nobody_is_paused(self) -> None:
        assert "gamma" in refused("pause", "alpha", "gamma", "--by", "ann")
        assert document("alpha")["mode"] == "manual"
        assert "who decides is empty" in refused("pause", "alpha", "--by", " ")

    def test_the_policies_of_an_account(self) -> None:
        assert said("drift-policy", "alpha", "revert", "--by", "ann") == ["alpha: its drift policy is revert"]
        assert said("rollback-on-failure", "alpha", "--on", "--by", "ann") == ["alpha: rollback on failure is on"]
        found = document("alpha")
        assert (found["drift_policy"], found["rollback_on_failure"]) == ("revert", True)
        said("rollback-on-failure", "alpha", "--off", "--by", "ann")
        assert document("alpha")["rollback_on_failure"] is False
        assert "gamma" in refused("drift-policy", "gamma", "alert", "--by", "ann")


class TestRollback:
    def test_it_is_a_new_version_with_old_content(self) -> None:
        demanded("alpha")
        back = ("rollback", "alpha", "--to", "1", "--by", "ann", "--reason", "CHG-2")
        assert said(*back) == ["alpha: version 3, the content of version 1"]
        assert said(*back) == ["alpha: as asked already (version 3)"]
        assert document("alpha")["status"] == "PENDING_SCHEMATICS"

    def test_a_version_that_is_not_there_is_refused(self) -> None:
        assert "there is no version 7" in refused("rollback", "alpha", "--to", "7", "--by", "ann")


class TestStop:
    @pytest.fixture
    def schematics(self, accounts_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SchematicsEmulator]:
        """Schematics whose jobs take a minute, with alpha's workspace; the target is one of its own."""
        with SchematicsEmulator(job_seconds=60.0) as schematics:
            target = yaml.safe_load((TARGETS / "dev.yaml").read_text())
            target["schematics"] |= {"url": schematics.url, "iam_url": schematics.iam_url}
            own_targets(accounts_home).mkdir()
            (own_targets(accounts_home) / "emulated.yaml").write_text(yaml.safe_dump(target))
            (accounts_home / "dev").rename(accounts_home / "emulated")
            monkeypatch.setenv("VIGIE_TARGET", "emulated")
            monkeypatch.setenv("VIGIE_IBM_API_KEY", KEY)
            workspace = schematics.create_workspace("alpha", {"subnet_count": "3"})
            said("link", "alpha", workspace, "--by", "ops")
            yield schematics

    def launched(self) -> str:
        """A plan of alpha that runs in Schematics."""
        demanded("alpha")
        desk = AccountDesk(load_settings())
        with desk.database() as database, desk.schematics(database) as schematics:
            job = running("alpha", "plan", None)
            workspace = database.account("alpha").schematics_workspace_id
            assert workspace
            activity = schematics.workspace(workspace).launch("plan")
            LaunchBook(database).launched(job, activity)
        return activity

    def status(self, activity: str) -> str:
        desk = AccountDesk(load_settings())
        with desk.database() as database, desk.schematics(database) as schematics:
            workspace = database.account("alpha").schematics_workspace_id
            return schematics.workspace(workspace or "").activity(activity).state.name

    def test_the_running_job_is_stopped_once_and_it_is_written(self, schematics: SchematicsEmulator) -> None:
        activity = self.launched()
        (line,) = said("stop", "alpha", "--by", "ann")
        assert line.startswith(f"alpha: Schematics is asked to stop the plan of version 2 (activity {activity});")
        assert self.status(activity) == "STOPPED"
        assert audit("alpha")[-1] == ("ann", "stop")
        words = refused("stop", "alpha", "--by", "bob")
        assert "ann has asked to stop the plan already" in words
        assert "--again" in words
        assert "the plan is over already, as " in refused("stop", "alpha", "--by", "bob", "--again")
        assert [actor for actor, action in audit("alpha") if action == "stop"] == ["ann"]

    def test_without_a_key_nothing_is_written_and_no_key_is_shown(
        self, schematics: SchematicsEmulator, accounts_home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        activity = self.launched()
        path = own_targets(accounts_home) / "emulated.yaml"
        path.write_text(path.read_text().replace("kind: local", "kind: ibm"))
        monkeypatch.delenv("VIGIE_IBM_API_KEY")
        assert "VIGIE_IBM_API_KEY" in refused("stop", "alpha", "--by", "ann")
        monkeypatch.setenv("VIGIE_IBM_API_KEY", KEY)
        done = vigie("stop", "alpha", "--by", "ann")
        assert KEY not in done.output
        assert self.status(activity) == "STOPPED"

    def test_where_nothing_runs_it_says_how_to_keep_it_so(self) -> None:
        words = refused("stop", "alpha", "--by", "ann")
        assert "no job of the account runs; the account is IDLE." in words
        assert "vigie accounts pause alpha" in words
        assert "gamma" in refused("stop", "gamma", "--by", "ann")

    def test_a_job_that_is_just_being_launched_is_not_stopped_blindly(self) -> None:
        demanded("alpha")
        running("alpha", "plan", None)
        assert "its activity is not known yet. Try again in a moment." in refused("stop", "alpha", "--by", "ann")
