"""Accounts after a restore: what was applied since the backup is found, and is undone by nobody but a person.
The real SDK on the emulator, SQLite and PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.accounts import Demand, DesiredState
from domain.standing import Job, Verdict, next_step
from local.schematics_server import SchematicsEmulator
from resources.account_desk import AccountDesk
from resources.backups import back_up
from resources.database import AccountsDatabase
from resources.decisions import Decisions
from resources.object_store import open_store
from settings import PROJECT_ROOT
from tests.contract.test_backups import put_back, target
from tests.contract.test_changes import INPUTS, Alpha

FOUND = 'iam_version is "1.1.0" in the workspace, applied was "1.0.0"'


class Restored(Alpha):
    """An account whose backup is of version 1, and whose workspace was given version 2 since."""

    def change(self, **asked: object) -> None:
        self.database.request(Demand(["alpha"], "ann", "CHG-2", execution_mode="plan_and_apply", **asked))  # type: ignore[arg-type]

    def look(self) -> tuple[str, ...]:
        return tuple(self.work(lambda change: change.look_for_drift("alpha")).inputs)

    def seen(self) -> str | None:
        return next(account.drift for account in self.database.accounts())

    def inputs(self) -> dict[str, str]:
        return self.schematics.variables(self.workspace)


@pytest.fixture(params=["watched", "trusted"])
def alpha(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Restored]:
    settings, database = target(tmp_path, url), AccountsDatabase(url)
    database.upgrade(PROJECT_ROOT / "migrations")
    with SchematicsEmulator(job_seconds=0.05) as schematics:
        workspace = schematics.create_workspace("alpha", INPUTS)
        database.register("alpha", "1", DesiredState("1.0.0", 3), "ops", workspace=workspace, mode="auto")
        database.register("unlinked", "2", DesiredState("1.0.0", 3), "ops", mode="auto")
        found = Restored(database, schematics, workspace)
        back_up(settings, str(tmp_path / "b.zip"))
        found.change(iam_version="1.1.0")
        found.plan()
        assert found.apply().job
        database.close()
        done = put_back(settings, str(tmp_path / "b.zip"), trust_workspaces=request.param == "trusted")
        assert done.paused == (() if request.param == "trusted" else ("alpha",))
        yield found
    database.close()


def only(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("alpha", [kind], indirect=True)


@only("watched")
def test_a_restored_account_at_rest_waits_until_somebody_has_looked(alpha: Restored) -> None:
    alpha.change(tags={"owner": "net"})
    assert alpha.now.mode == "paused"
    assert next_step(alpha.now, datetime.now(UTC)) is None
    assert alpha.plan() is None
    assert alpha.inputs()["iam_version"] == "1.1.0"


@only("watched")
def test_what_was_applied_since_the_backup_is_found_while_the_account_is_paused(alpha: Restored) -> None:
    assert "restored from a backup" in alpha.now.reason
    assert alpha.look() == (FOUND,)
    assert alpha.seen() == f"0 to add, 0 to change, 0 to destroy; {FOUND}"
    alpha.change(iam_version="1.1.0")  # it was right: the tables follow the workspace
    alpha.decisions.resume("alpha", "ann")
    alpha.plan()
    assert alpha.apply().ruling.verdict is Verdict.GO
    assert (alpha.now.state.iam_version, alpha.inputs()["iam_version"]) == ("1.1.0", "1.1.0")
    assert alpha.look() == ()
    assert alpha.seen() == ""


@only("trusted")
def test_other_inputs_alone_are_told_and_not_reverted(alpha: Restored) -> None:
    """Somebody applied them on purpose: which of the two is right, a person says."""
    Decisions(alpha.database).set_drift_policy("alpha", "revert", "ann")
    assert alpha.look() == (FOUND,)
    assert (alpha.now.version, alpha.now.mode) == (1, "auto")


@only("trusted")
def test_inputs_that_are_only_written_otherwise_are_the_same(alpha: Restored) -> None:
    with alpha.schematics.state.lock:
        for one in alpha.schematics.state.find("alpha").variables:
            one["value"] = {"iam_version": "1.0.0", "tags": "{ }"}.get(one["name"], one["value"])
    assert alpha.look() == ()


def test_the_log_of_a_job_that_the_backup_does_not_know_is_kept(tmp_path: Path) -> None:
    desk = AccountDesk(target(tmp_path, f"sqlite:///{tmp_path}/vigie.db"))
    store = open_store(desk.settings.stores.data)
    lost = Job(1, "alpha", 2, "plan", 1, "LAUNCHED", "f", datetime.now(UTC), activity_id="act-1")
    first = desk.keep_log(lost, "the lost version 2")
    second = desk.keep_log(replace(lost, activity_id="act-2"), "another version 2")
    assert first == desk.keep_log(lost, "the lost version 2") == "accounts/alpha/v2/plan-1.log"
    assert second == desk.keep_log(replace(lost, activity_id="act-2"), "another version 2")
    assert [store.get(key).body for key in (first, second)] == [b"the lost version 2", b"another version 2"]
