"""`vigie accounts`, to register, demand and look: what it prints, on which stream, and how it ends."""

import re
from pathlib import Path

import pytest

from tests.unit.accounts_terminal import demanded, document, planned, refused, rows, running, said, vigie

pytestmark = pytest.mark.usefixtures("accounts_home")
COMMANDS = (
    *("migrate", "register", "link", "request", "list", "show", "log", "approve", "reject", "pause", "resume"),
    *("observe", "mode", "drift-policy", "rollback-on-failure", "rollback", "stop"),
)


class TestHelp:
    def test_it_names_every_command_in_a_few_words(self) -> None:
        shown = vigie("--help").stdout
        for command in COMMANDS:
            assert re.search(rf"^\s+{command}\s+\w.*[^.]\.$", shown, re.MULTILINE), command

    @pytest.mark.parametrize(
        "wrong",
        [
            ("approv",),
            ("approve", "--by", "ann"),
            ("approve", "alpha"),
            ("reject", "alpha", "--by", "ann"),
            ("mode", "alpha", "paused", "--by", "ann"),
            ("drift-policy", "alpha", "ignore", "--by", "ann"),
            ("rollback-on-failure", "alpha", "--by", "ann"),
            ("rollback", "alpha", "--to", "0", "--by", "ann"),
            ("log", "alpha", "--kind", "destroy"),
            ("list", "--status", "ASLEEP"),
            ("request", "alpha", "--reason", "r", "--by", "ann", "--mode", "apply"),
            (
                "register",
                "gamma",
                "--number",
                "1",
                "--iam-version",
                "1",
                "--subnet-count",
                "1",
                "--by",
                "a",
                "--mode",
                "x",
            ),
        ],
        ids=" ".join,
    )
    def test_wrong_usage_ends_with_2(self, wrong: tuple[str, ...]) -> None:
        assert vigie(*wrong).exit_code == 2


class TestRegister:
    STATE = ("--number", "3", "--iam-version", "1.0.0", "--subnet-count", "3")

    def test_an_account_is_registered_whole(self) -> None:
        more = ("--type", "vpc", "--environment-type", "test", "--code-bu", "B1")
        lines = said("register", "gamma", *self.STATE, "--by", "ops", "--workspace", "ws.g", "--mode", "auto", *more)
        assert lines == ["gamma: registered, version 1, auto"]
        found = document("gamma")
        assert (found["workspace_id"], found["mode"]) == ("ws.g", "auto")
        assert (found["type"], found["environment_type"], found["code_bu"]) == ("vpc", "test", "B1")

    def test_without_a_workspace_it_says_how_to_link_one(self) -> None:
        assert said("register", "gamma", *self.STATE, "--by", "ops") == [
            "gamma: registered, version 1, manual",
            "gamma: it has no workspace yet: vigie accounts link gamma WORKSPACE_ID --by NAME",
        ]

    @pytest.mark.parametrize(
        ("name", "by", "workspace", "words"),
        [
            ("alpha", "ops", "ws.g", "registered already"),
            ("Gamma", "ops", "ws.g", "cannot be an account's name"),
            ("gamma", " ", "ws.g", "who decides is empty"),
            ("gamma", "ops", "ws.alpha", "the workspace ws.alpha is the account alpha's"),
            ("gamma", "ops", " ", "the workspace's id is empty"),
        ],
    )
    def test_what_cannot_be_is_refused(self, name: str, by: str, workspace: str, words: str) -> None:
        assert words in refused("register", name, *self.STATE, "--by", by, "--workspace", workspace)

    def test_a_workspace_is_one_accounts(self) -> None:
        assert said("link", "beta", "ws.beta", "--by", "ops") == ["beta: its workspace is ws.beta"]
        assert document("beta")["workspace_id"] == "ws.beta"
        assert "is the account alpha's" in refused("link", "beta", "ws.alpha", "--by", "ops")
        assert "gamma" in refused("link", "gamma", "ws.g", "--by", "ops")
        assert "who decides is empty" in refused("link", "beta", "ws.b", "--by", "")


class TestRequest:
    def test_a_demand_is_a_version_for_every_account_it_names(self) -> None:
        asked = ("--subnet-count", "4", "--reason", "CHG-1", "--by", "ann")
        assert said("request", "beta", "alpha", *asked) == ["alpha: version 2", "beta: version 2"]
        assert said("request", "alpha", *asked) == ["alpha: as asked already (version 2)"]

    def test_one_unknown_name_declines_it_all(self) -> None:
        words = refused("request", "alpha", "gamma", "--subnet-count", "4", "--reason", "r", "--by", "ann")
        assert "Accounts not present in database: gamma" in words
        assert document("alpha")["desired_version"] == 1

    def test_a_tag_without_a_value_is_refused_with_an_example(self) -> None:
        assert "--tag owner=network" in refused("request", "alpha", "--tag", "owner", "--reason", "r", "--by", "ann")

    def test_tables_that_are_not_there_are_told_with_the_remedy(self, accounts_home: Path) -> None:
        (accounts_home / "dev" / "vigie.db").unlink()
        assert "vigie accounts migrate" in refused("list")


class TestList:
    def test_it_shows_where_each_account_stands(self) -> None:
        demanded("alpha")
        assert [row[:4] for row in rows(vigie("list").stdout)] == [
            ["name", "mode", "version", "status"],
            ["alpha", "manual", "1 > 2", "PENDING_SCHEMATICS"],
            ["beta", "manual", "1", "IDLE"],
        ]

    def test_one_may_ask_for_a_status(self) -> None:
        demanded("alpha")
        assert [row[0] for row in rows(vigie("list", "--status", "idle").stdout)[1:]] == ["beta"]
        both = vigie("list", "--status", "IDLE", "--status", "PENDING_SCHEMATICS").stdout
        assert [row[0] for row in rows(both)[1:]] == ["alpha", "beta"]

    def test_it_is_readable_at_100_columns_and_whole_as_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "100")
        error = "Error: the quota of subnets in this region is used up, [bold]ask[/bold] for more " * 3
        demanded("alpha")
        planned("alpha", None, "FAILED", error)
        shown = vigie("list").stdout
        assert max(map(len, shown.splitlines())) <= 100
        assert "PLAN_FAILED" in shown
        assert document("alpha")["reason"] == error


class TestShow:
    def test_it_says_where_the_account_stands_and_what_happens_next(self) -> None:
        said("request", "alpha", "--subnet-count", "4", "--reason", "CHG-1", "--by", "ann")
        assert "next: the sensor account_requests asks for a plan" in said("show", "alpha")
        plan = planned("alpha")
        lines = said("show", "alpha")
        assert "desired: version 2 (plan_only); applied: version 1" in lines
        assert (
            "next: it waits, planned only, as demanded (1 to add, 0 to change, 0 to destroy). "
            f"Look at the plan, then: vigie accounts approve alpha --plan {plan.id} --by NAME"
        ) in lines
        assert lines[lines.index("the plan of version 2: 1 to add, 0 to change, 0 to destroy") + 1] == "  create a.b"
        said("approve", "alpha", "--by", "bob")
        assert "next: the sensor account_requests asks for the apply (approved by bob)" in said("show", "alpha")
        running("alpha")
        assert "next: the apply under way is followed to its end" in said("show", "alpha")

    def test_it_shows_every_version_and_every_job_with_its_error(self) -> None:
        demanded("alpha")
        failed = planned("alpha", None, "FAILED", "Error: no such region")
        plan = planned("alpha")
        cells = rows(vigie("show", "alpha").stdout)
        assert [row[:4] for row in cells if row[1] in ("registration", "demand")] == [
            ["1", "registration", "1.0.0", "3"],
            ["2", "demand", "1.0.0", "4"],
        ]
        jobs = [(*row[:7], row[8]) for row in cells if row[2] == "plan"]
        assert jobs == [
            (str(failed.id), "2", "plan", "1", "FAILED", "-", "0", "Error: no such region"),
            (str(plan.id), "2", "plan", "2", "COMPLETED", "+1 ~0 -0", "0", ""),
        ]

    def test_the_audit_trail_is_shown_when_asked_for(self) -> None:
        demanded("alpha")
        assert [row[1:3] for row in rows(vigie("show", "alpha", "--audit").stdout)[-2:]] == [
            ["ops", "register"],
            ["ann", "request"],
        ]
        assert "audit" not in vigie("show", "alpha").stdout

    def test_each_way_of_waiting_is_told_with_what_to_do(self) -> None:
        def next_of(name: str) -> str:
            return next(line for line in said("show", name) if line.startswith("next: "))

        assert next_of("beta") == "next: nothing, the desired version is applied"
        demanded("alpha", "beta")
        assert next_of("beta") == "next: it needs a workspace: vigie accounts link beta WORKSPACE_ID --by NAME"
        said("pause", "alpha", "--by", "ann")
        assert next_of("alpha") == (
            "next: it waits, the account is paused. Let it go on: vigie accounts resume alpha --by NAME"
        )
        said("resume", "alpha", "--by", "ann")
        planned("alpha", None, "FAILED", "Error: quota")
        assert next_of("alpha") == (
            "next: nothing by itself, the version has no finished plan. Mend the cause. "
            "Plan it anew: vigie accounts retry alpha --by NAME"
        )

    def test_an_account_that_is_not_there_is_named(self) -> None:
        assert "gamma" in refused("show", "gamma")


class TestLog:
    def test_it_prints_the_newest_log_of_that_kind(self, accounts_home: Path) -> None:
        demanded("alpha")
        planned("alpha")
        (accounts_home / "dev" / "data").mkdir()
        (accounts_home / "dev" / "data" / "alpha.log").write_text("Plan: 1 to add [bold] :smile:\n")
        assert said("log", "alpha")[0] == "Plan: 1 to add [bold] :smile:"
        assert said("log", "alpha", "--kind", "plan")[0].startswith("Plan: 1 to add")
        assert "no apply has left a log yet" in refused("log", "alpha", "--kind", "apply")

    def test_without_one_it_says_so(self) -> None:
        assert "no job has left a log yet" in refused("log", "alpha")
        assert "gamma" in refused("log", "gamma")


def test_migrating_again_is_harmless() -> None:
    assert said("migrate") == ["the tables are up to date"]
    assert [row[0] for row in rows(vigie("list").stdout)[1:]] == ["alpha", "beta"]
