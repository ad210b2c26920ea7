"""Schematics through IBM's own SDK, against the emulator: an account's whole life, and everything that goes wrong."""

import contextlib
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.client import HTTPConnection
from typing import Any

import pytest

from domain.activities import BusyError, LostReplyError, PlanCounts, State, Workspace
from domain.errors import MissingError, PermanentError, RefusedError, TransientError, VigieError
from domain.inputs import Variable
from local.schematics_server import SchematicsEmulator
from resources.schematics import Schematics, SchematicsWorkspace

KEY = "k3y-never-to-be-shown"
SECRET = "s3cret-never-to-be-shown"
APPLIED = {"iam_version": "1.0.0", "subnet_count": "1", "enable_monitoring": "false"}
LONG = 2.4  # seconds, longer than the time-out below
FAILURES: dict[str, tuple[str, dict[str, Any]]] = {
    "429": ("status", {"status": 429}),
    "500": ("status", {"status": 500}),
    "503": ("status", {"status": 503}),
    "dropped": ("drop", {}),
    "reply lost": ("lost_reply", {}),
    "time-out": ("hold_reply", {"seconds": LONG}),
    "IAM 503": ("status", {"status": 503, "iam": True}),
    "IAM dropped": ("drop", {"iam": True}),
}


def wanted(subnets: int = 3, *more: Variable) -> list[Variable]:
    return [Variable("iam_version", "2.0.0"), Variable("subnet_count", str(subnets), "number"), *more]


class Desk:
    """One account's workspace on an emulator, and what was paced, slept and asked."""

    def __init__(self, emulator: SchematicsEmulator) -> None:
        self.emulator = emulator
        self.paced = 0
        self.slept: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.schematics = self.client()
        self.id = emulator.create_workspace("WS-ACCOUNT-A", APPLIED, ["vault_token", "extra"])
        self.workspace = self.schematics.workspace(self.id)

    def client(self, url: str = "", key: str = KEY, attempts: int = 3) -> Schematics:
        def pace() -> None:
            self.paced += 1
            self.meanwhile()

        return Schematics(
            url or self.emulator.url,
            self.emulator.iam_url,
            key,
            pace=pace,
            request_timeout=LONG / 4,
            attempts=attempts,
            sleep=self.slept.append,
        )

    def asked(self, what: Callable[[], object]) -> int:
        """How many requests of Schematics that took, each of them paced."""
        before, paced = self.emulator.report()["requests"], self.paced
        with contextlib.suppress(VigieError):
            what()
        requests: int = self.emulator.report()["requests"] - before
        assert requests == self.paced - paced
        return requests

    def launched(self) -> list[str]:
        return [launch["kind"] for launch in self.emulator.report()["launches"]]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with SchematicsEmulator() as emulator:
        desk = Desk(emulator)
        with desk.schematics:
            yield desk


@pytest.fixture
def workspace(desk: Desk) -> SchematicsWorkspace:
    return desk.workspace


def raised_by(what: Callable[[], object]) -> VigieError:
    with pytest.raises(VigieError) as raised:
        what()
    return raised.value


def test_an_account_is_updated_from_the_first_look_to_the_last_output(desk: Desk) -> None:
    workspace: Workspace = desk.workspace
    look = workspace.look()
    assert (look.status, look.locked, look.frozen) == ("ACTIVE", False, False)
    assert look.declared is not None
    assert look.declared >= {"iam_version", "vault_token"}
    assert "baseline.git main" in look.template_version
    assert workspace.set_inputs(look, wanted(3)).declared == look.declared

    plan = workspace.launch("plan")
    assert workspace.activity(plan).state is State.COMPLETED
    summary = workspace.plan_summary(plan)
    assert summary.counts == PlanCounts(2, 1, 0)
    assert "create ibm_is_subnet.subnet[2]" in summary.resources
    assert "Plan: 2 to add, 1 to change, 0 to destroy." in workspace.log(plan)

    apply = workspace.launch("apply")
    assert workspace.activity(apply).state is State.COMPLETED
    assert "Apply complete!" in workspace.log(apply)
    assert {activity.id for activity in workspace.activities()} == {plan, apply}
    assert {"name": "iam_version", "type": "string", "value": "2.0.0"} in desk.workspace.outputs()
    assert len(desk.workspace.resources()) == 5

    drift = workspace.launch("drift")
    assert workspace.plan_summary(drift).counts == PlanCounts(0, 0, 0)
    assert desk.launched() == ["PLAN", "APPLY", "PLAN"]


def test_every_question_costs_as_few_requests_as_it_can(desk: Desk, workspace: SchematicsWorkspace) -> None:
    look = workspace.look()
    plan = workspace.launch("plan")
    assert desk.asked(workspace.look) == 1
    assert desk.asked(lambda: workspace.set_inputs(look, wanted())) == 2
    assert desk.asked(lambda: workspace.set_inputs(replace(look, declared=None), wanted())) == 3
    assert desk.asked(workspace.activities) == 1
    assert desk.asked(lambda: workspace.activity(plan)) == 1
    assert desk.asked(lambda: workspace.plan_summary(plan)) == 1
    assert desk.asked(lambda: workspace.log(plan)) == 1
    assert desk.asked(lambda: desk.schematics.workspace(desk.id).log(plan)) == 2
    assert desk.asked(lambda: workspace.launch("apply")) == 1


def test_a_running_job_locks_its_workspace_and_is_stopped(desk: Desk, workspace: SchematicsWorkspace) -> None:
    desk.emulator.fault("stuck_job", times=1)
    job = workspace.launch("apply")
    assert workspace.activity(job).state is State.RUNNING
    assert workspace.look().locked
    assert type(raised_by(lambda: workspace.launch("plan"))) is BusyError
    assert desk.asked(lambda: workspace.stop(job)) == 1
    assert workspace.activity(job).state is State.STOPPED
    assert isinstance(raised_by(lambda: workspace.stop(job)), RefusedError)  # it is over


def test_a_failed_job_says_why_and_an_unknown_status_is_not_over(desk: Desk, workspace: SchematicsWorkspace) -> None:
    desk.emulator.fault("fail_job", times=1)
    failed = workspace.activity(workspace.launch("plan"))
    assert failed.state is State.FAILED
    assert "Internal Server Error" in failed.message
    desk.emulator.fault("unknown_status", seconds=60)
    activity = workspace.activity(workspace.launch("plan"))
    assert (activity.status, activity.state, activity.state.over) == ("RECONCILING", State.UNKNOWN, False)


def test_a_workspace_is_found_by_its_exact_name_on_any_page(desk: Desk) -> None:
    desk.emulator.create_workspaces([f"WS-ACCOUNT-A{number}" for number in range(150)])
    last = desk.emulator.create_workspace("WS-ACCOUNT-Z")
    found = [desk.schematics.find(name) for name in ("WS-ACCOUNT-A", "WS-ACCOUNT-Z", "ACCOUNT")]
    assert found == [[desk.id], [last], []]


def test_activities_come_from_all_pages(desk: Desk, workspace: SchematicsWorkspace) -> None:
    first = workspace.launch("plan")
    with desk.emulator.state.lock:
        for _ in range(230):
            desk.emulator.state.note(desk.emulator.state.find(desk.id), "WORKSPACE_UPDATE", "me")
    listed = workspace.activities()
    assert (len(listed), listed[-1].id) == (231, first)
    assert desk.asked(workspace.activities) == 3


def test_destroying_needs_the_workspace_named_twice(desk: Desk, workspace: SchematicsWorkspace) -> None:
    for unsaid in (lambda: workspace.launch("destroy"), lambda: workspace.destroy(confirm="WS-ACCOUNT-A")):
        assert isinstance(raised_by(unsaid), RefusedError)
    assert desk.launched() == []
    workspace.destroy(confirm=desk.id)
    assert desk.launched() == ["DESTROY"]
    assert (workspace.resources(), workspace.outputs()) == ([], [])


def test_a_plan_that_cannot_be_had_is_read_from_its_summary(desk: Desk, workspace: SchematicsWorkspace) -> None:
    workspace.set_inputs(workspace.look(), wanted(3))
    plan = workspace.launch("plan")
    desk.emulator.fault("status", status=404, times=1)
    assert desk.asked(lambda: workspace.plan_summary(plan)) == 2
    desk.emulator.fault("status", status=403, times=1)
    assert workspace.plan_summary(plan).counts == PlanCounts(2, 1, 0)


def test_zeros_of_a_summary_are_believed_when_the_log_says_so_too(desk: Desk, workspace: SchematicsWorkspace) -> None:
    plan = workspace.launch("plan")
    desk.emulator.fault("status", status=404, times=1)
    assert workspace.plan_summary(plan).counts == PlanCounts(0, 0, 0)
    desk.emulator.fault("status", status=404, times=1)
    assert desk.asked(lambda: workspace.plan_summary(plan)) == 3


def test_counts_that_nothing_tells_are_unknown_and_not_zero(desk: Desk, workspace: SchematicsWorkspace) -> None:
    desk.emulator.fault("no_summary")
    plan = workspace.launch("plan")
    assert workspace.plan_summary(plan).counts is None
    assert desk.asked(lambda: workspace.plan_summary(plan)) == 4


@pytest.mark.parametrize("merge", [False, True], ids=["a write replaces", "a write merges"])
def test_other_variables_survive_and_secure_ones_are_supplied_again(desk: Desk, merge: bool) -> None:
    desk.emulator.settings(merge_inputs=merge)
    desk.emulator.state.find(desk.id).env_values = [{"name": "TF_LOG", "value": "INFO"}]
    token = Variable("vault_token", SECRET, secure=True)
    look = desk.workspace.look()
    for subnets in (3, 4):
        look = desk.workspace.set_inputs(look, wanted(subnets, token))
    values = desk.emulator.variables(desk.id)
    cipher = desk.emulator.state.tokens.cipher(SECRET)
    assert (values["subnet_count"], values["enable_monitoring"], values["vault_token"]) == ("4", "false", cipher)
    [shown] = [variable for variable in look.variables if variable.secure]
    assert (shown.name, shown.value) == ("vault_token", "")
    assert desk.emulator.state.find(desk.id).env_values == [{"name": "TF_LOG", "value": "INFO"}]


def test_a_secure_variable_that_nobody_supplies_is_never_written_over(desk: Desk) -> None:
    workspace = desk.workspace
    look = workspace.set_inputs(workspace.look(), wanted(3, Variable("vault_token", SECRET, secure=True)))
    before = desk.emulator.variables(desk.id)
    error = raised_by(lambda: workspace.set_inputs(look, wanted(4)))
    assert type(error) is PermanentError
    assert ("vault_token" in error.message, "schematics.secure_inputs" in error.remedy) == (True, True)
    assert desk.emulator.variables(desk.id) == before


@pytest.mark.parametrize("told", [True, False], ids=["the look tells", "the metadata tell"])
def test_a_name_that_the_template_does_not_declare_is_refused(desk: Desk, told: bool) -> None:
    look = desk.workspace.look()
    look = look if told else replace(look, declared=None)
    error = raised_by(lambda: desk.workspace.set_inputs(look, wanted(3, Variable("subnet_cuont", "9"))))
    assert isinstance(error, PermanentError)
    assert "subnet_cuont" in error.message
    assert "subnet_cuont" not in desk.emulator.variables(desk.id)


def test_inputs_are_written_again_when_the_reply_is_lost(desk: Desk) -> None:
    look = desk.workspace.look()
    desk.emulator.fault("lost_reply", method="PUT", times=2)
    desk.workspace.set_inputs(look, wanted(7))
    assert desk.emulator.variables(desk.id)["subnet_count"] == "7"


def test_inputs_of_a_busy_workspace_are_written_later(desk: Desk) -> None:
    look = desk.workspace.look()
    desk.emulator.fault("status", status=409, method="PUT", retry_after=9, times=2)
    desk.workspace.set_inputs(look, wanted(7))
    assert desk.slept == [9, 9]
    assert desk.emulator.variables(desk.id)["subnet_count"] == "7"


def test_a_write_that_does_not_hold_is_noticed(desk: Desk, workspace: SchematicsWorkspace) -> None:
    look = workspace.look()
    here = desk.emulator.state.find(desk.id)

    def meanwhile() -> None:  # before the reading back, somebody is at work by hand
        here.variables = [one for one in here.variables if one["name"] != "subnet_count"]

    desk.meanwhile = meanwhile
    error = raised_by(lambda: workspace.set_inputs(look, wanted()))
    assert type(error) is TransientError
    assert "subnet_count" in error.message


@pytest.mark.parametrize(
    ("fault", "options", "kind", "launched"),
    [
        ("status", {"status": 409, "retry_after": 30}, BusyError, []),
        ("status", {"status": 429, "retry_after": 30}, BusyError, []),
        ("status", {"status": 500}, LostReplyError, []),
        ("status", {"status": 503}, LostReplyError, []),
        ("status", {"status": 401}, RefusedError, []),
        ("status", {"status": 403}, RefusedError, []),
        ("status", {"status": 404}, RefusedError, []),
        ("drop", {}, LostReplyError, []),
        ("lost_reply", {}, LostReplyError, ["APPLY"]),
        ("hold_reply", {"seconds": LONG}, LostReplyError, ["APPLY"]),
    ],
)
def test_a_launch_is_one_request_whatever_comes_of_it(
    desk: Desk, fault: str, options: dict[str, Any], kind: type[VigieError], launched: list[str]
) -> None:
    errors: list[VigieError] = []
    desk.emulator.fault(fault, job="apply", **options)
    assert desk.asked(lambda: errors.append(raised_by(lambda: desk.workspace.launch("apply")))) == 1
    assert type(errors[0]) is kind
    assert getattr(errors[0], "retry_after", None) == options.get("retry_after")
    assert desk.launched() == launched
    assert desk.slept == []


def test_every_launch_has_a_fresh_refresh_token(desk: Desk, workspace: SchematicsWorkspace) -> None:
    workspace.launch("plan")
    tokens = desk.emulator.report()["tokens"]
    for _ in range(2):
        workspace.launch("apply")
    assert desk.emulator.report()["tokens"] == tokens + 2


def test_nothing_is_launched_without_iam(desk: Desk, workspace: SchematicsWorkspace) -> None:
    with desk.client(key="wrong") as other:
        error = raised_by(lambda: other.workspace(desk.id).launch("plan"))
    assert isinstance(error, RefusedError)
    assert "schematics.api_key" in error.remedy
    desk.emulator.fault("status", status=503, iam=True)
    assert desk.asked(lambda: workspace.launch("plan")) == 0
    assert type(raised_by(lambda: workspace.launch("plan"))) is TransientError
    assert desk.launched() == []


def test_a_launch_that_found_no_connection_is_not_lost(desk: Desk) -> None:
    with desk.client(url="http://127.0.0.1:1") as nowhere:
        error = raised_by(lambda: nowhere.workspace(desk.id).launch("apply"))
    assert type(error) is TransientError


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_survives_two_failures_of_each_sort(desk: Desk, failure: str) -> None:
    fault, options = FAILURES[failure]
    desk.emulator.fault(fault, times=2, **options)
    assert desk.workspace.look().status == "ACTIVE"
    assert len(desk.slept) == 2
    assert 0 < desk.slept[0] <= 1 <= 2 * desk.slept[1] <= 4


@pytest.mark.parametrize("failure", FAILURES)
def test_a_read_gives_up_in_the_end(desk: Desk, failure: str) -> None:
    fault, options = FAILURES[failure]
    desk.emulator.fault(fault, **options)
    errors: list[VigieError] = []
    asked = desk.asked(lambda: errors.append(raised_by(desk.workspace.look)))
    assert (asked, type(errors[0])) == (0 if options.get("iam") else 3, TransientError)
    assert len(desk.slept) == 2


@pytest.mark.parametrize(
    ("asked", "waited"), [(7, 7.0), (0, 0.0), (900, 120.0), ("Wed, 21 Oct 2099 07:28:00 GMT", 120.0)]
)
def test_a_read_waits_as_long_as_it_is_told_within_bounds(desk: Desk, asked: Any, waited: float) -> None:
    desk.emulator.fault("status", status=429, retry_after=asked, times=2)
    desk.workspace.look()
    assert desk.slept == [waited, waited]


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [(401, RefusedError, "schematics.api_key"), (403, RefusedError, "schematics.api_key"), (404, MissingError, "url")],
)
def test_a_refused_read_says_what_to_mend_at_once(desk: Desk, status: int, kind: type[VigieError], remedy: str) -> None:
    desk.emulator.fault("status", status=status)
    error = raised_by(desk.workspace.look)
    assert type(error) is kind
    assert remedy in error.remedy
    assert f"Injected: {status}" in error.message
    assert desk.id in error.where
    assert desk.slept == []


def test_no_secret_is_in_an_error_a_name_or_a_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("ibm-cloud-sdk-core").setLevel(logging.DEBUG)
    told = [repr(desk.schematics), repr(desk.workspace), repr(vars(desk.schematics)), repr(vars(desk.workspace))]
    token = Variable("vault_token", SECRET, secure=True)
    look = desk.workspace.set_inputs(desk.workspace.look(), wanted(3, token))
    desk.workspace.launch("plan")
    for fault, options in FAILURES.values():
        desk.emulator.fault(fault, **options)
        told += traceback.format_exception(raised_by(lambda: desk.workspace.launch("apply")))
        if not options.get("iam"):  # a write needs no token of its own
            told += traceback.format_exception(raised_by(lambda: desk.workspace.set_inputs(look, wanted(4, token))))
        desk.emulator.clear_faults()
    told += [caplog.text, *capfd.readouterr()]
    assert "POST /v1/workspaces" in caplog.text  # urllib3 tells addresses and sizes
    for shown in (KEY, SECRET, "Bearer", "refresh_token:", "$SCHEMATICSSECRET$"):
        assert [text for text in told if shown in text] == []
    assert HTTPConnection.debuglevel == 0


def test_ibms_sdk_is_loaded_by_those_who_ask_only() -> None:
    code = "import sys, resources.schematics as s; s.Schematics('u', 'i', 'k', pace=print, request_timeout=1).close()"
    heavy = (
        "print([name for name in ('requests', 'jwt', 'ibm_schematics', 'ibm_cloud_sdk_core') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}; {heavy}"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
