"""What goes wrong in the Schematics emulator on demand, what survives a restart, what is measured: under IBM's SDK."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from ibm_cloud_sdk_core import ApiException

from domain.errors import ConfigError
from local.schematics_server import SchematicsEmulator
from settings import PROJECT_ROOT
from tests.contract.schematics_sdk import BASE, Clock, Sdk, refused

LATER = pytest.mark.parametrize("job_seconds", [3600.0])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def job_seconds() -> float:
    return 0.0


@pytest.fixture
def emulator(clock: Clock, job_seconds: float) -> Iterator[SchematicsEmulator]:
    with SchematicsEmulator(job_seconds=job_seconds, clock=clock) as running:
        running.settings(access_seconds=100_000)  # Hours pass in some tests, and the SDK does not see them pass.
        yield running


@pytest.fixture
def sdk(emulator: SchematicsEmulator) -> Iterator[Sdk]:
    one = Sdk(emulator.url)
    yield one
    one.close()


@pytest.fixture
def workspace(emulator: SchematicsEmulator) -> str:
    """An applied workspace: a baseline, a network, two subnets."""
    return emulator.create_workspace("WS-ONE", BASE)


def test_an_injected_status_has_no_effect_and_says_when_to_come_back(
    sdk: Sdk, workspace: str, emulator: SchematicsEmulator
) -> None:
    emulator.fault("status", status=429, retry_after=7, times=1, job="plan", workspace="WS-ONE")
    failure = refused(429, sdk.plan_workspace_command, workspace, sdk.refresh())
    assert failure.http_response.headers["Retry-After"] == "7"
    assert emulator.report()["launches"] == []
    assert sdk.plan(workspace)


@pytest.mark.parametrize(("kind", "launched"), [("drop", 0), ("lost_reply", 1)])
def test_a_connection_breaks_before_or_after_the_effect(
    kind: str, launched: int, sdk: Sdk, workspace: str, emulator: SchematicsEmulator
) -> None:
    emulator.fault(kind, times=1, job="apply")
    token = sdk.refresh()
    with pytest.raises(requests.ConnectionError):
        sdk.apply_workspace_command(workspace, token)
    assert len(emulator.report()["launches"]) == launched


def test_a_held_reply_comes_after_the_client_gave_up(sdk: Sdk, workspace: str, emulator: SchematicsEmulator) -> None:
    emulator.fault("hold_reply", seconds=30, job="plan")
    token = sdk.refresh()
    sdk.service.set_http_config({"timeout": 0.3})  # It wins over the time-out of a call.
    with pytest.raises(requests.Timeout):
        sdk.plan_workspace_command(workspace, token)
    assert len(emulator.report()["launches"]) == 1


def test_faults_by_share_are_the_same_for_the_same_seed(emulator: SchematicsEmulator, sdk: Sdk) -> None:
    def round_of_calls() -> list[bool]:
        emulator.clear_faults()
        emulator.fault("status", status=500, share=0.5, seed=3)
        failed = []
        for _ in range(12):
            try:
                failed.append(not sdk.list_workspaces())
            except ApiException:
                failed.append(True)
        return failed

    first = round_of_calls()
    assert first == round_of_calls()
    assert 0 < sum(first) < 12
    assert emulator.report()["requests"] == 24


@LATER
def test_jobs_fail_hang_and_speak_unknown_words_on_demand(sdk: Sdk, emulator: SchematicsEmulator, clock: Clock) -> None:
    ids = emulator.create_workspaces(["fails", "hangs", "odd", "silent"], None)
    emulator.fault("fail_job", workspace="fails", job="apply")
    emulator.fault("stuck_job", workspace=ids["hangs"])
    emulator.fault("unknown_status", workspace="odd", seconds=60)
    emulator.fault("no_summary", workspace="silent")
    runs = {name: sdk.apply(one) for name, one in ids.items()}
    clock.ahead = 3602
    seen = {name: sdk.activity(ids[name], runs[name])["status"] for name in ids}
    assert seen == {"fails": "FAILED", "hangs": "INPROGRESS", "odd": "RECONCILING", "silent": "COMPLETED"}
    assert sdk.get_workspace_resources(ids["fails"])[0]["resources"] == []
    assert "Error: " in sdk.log(ids["fails"], runs["fails"])
    assert sdk.get_job(runs["silent"])["log_summary"]["workspace_job"] == {}
    assert "Apply complete" not in sdk.log(ids["silent"], runs["silent"])
    refused(404, sdk.raw, "GET", f"/v2/jobs/{runs['silent']}/files", file_type="plan_json")
    emulator.clear_faults()
    assert sdk.activity(ids["hangs"], runs["hangs"])["status"] == "COMPLETED"
    report = emulator.report()
    assert report["max_parallel"] == 4
    assert 4 * 3600 < report["busy_seconds"] < 4 * 3600 + 70


def test_what_is_to_be_given_away_is_quoted_by_answers_logs_and_errors(
    sdk: Sdk, workspace: str, emulator: SchematicsEmulator
) -> None:
    emulator.fault("status", status=400, times=1, job="plan", echo="hunter2")
    assert "hunter2" in str(refused(400, sdk.plan_workspace_command, workspace, sdk.refresh()))
    emulator.fault("echo", job="plan", echo="hunter2")
    assert "local-exec: hunter2" in sdk.log(workspace, sdk.plan(workspace))
    emulator.fault("fail_job", job="apply", echo="hunter2")
    failed = sdk.apply(workspace)
    assert "Error: [ERROR] Error updating the access group: Internal Server Error (sent: hunter2)" in sdk.log(
        workspace, failed
    )
    assert "hunter2" in str(sdk.activity(workspace, failed)["message"])
    with pytest.raises(ConfigError):
        emulator.fault("echo")


@LATER
def test_a_restart_in_mid_job_loses_nothing(tmp_path: Path, clock: Clock, job_seconds: float) -> None:
    file = tmp_path / "state.json"
    with SchematicsEmulator(state_file=file, job_seconds=job_seconds, clock=clock) as first:
        one = first.create_workspace("WS", None)
        before = Sdk(first.url)
        applied, port = before.apply(one), int(first.url.rpartition(":")[2])
        asked = first.report()["requests"]
    before.close()
    with SchematicsEmulator(port, state_file=file, clock=clock) as second:
        assert before.activity(one, applied)["status"] == "CREATED", "the token of before is good, too"
        assert before.get_workspace(one)["workspace_status"]["locked"]
        clock.ahead = 3599
        before.close()
        after = Sdk(second.url, before.manager.request_token()["access_token"])
        assert after.activity(one, applied)["status"] == "INPROGRESS"
        clock.ahead = 3601
        assert after.activity(one, applied)["status"] == "COMPLETED"
        assert after.get_workspace_resources(one)[0]["resources_count"] == 3
        assert (second.report()["requests"], second.report()["max_parallel"]) == (asked + 5, 1)
        after.close()


def test_jobs_at_once_and_requests_are_measured(emulator: SchematicsEmulator, sdk: Sdk, clock: Clock) -> None:
    emulator.settings(job_seconds=10)
    ids = list(emulator.create_workspaces([f"WS-{index}" for index in range(3)], BASE).values())
    threads = [threading.Thread(target=sdk.plan, args=[one]) for one in ids[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.ahead = 20
    sdk.plan(ids[2])
    report = emulator.report()
    assert (report["max_parallel"], report["requests"], report["requests_per_minute_peak"]) == (2, 3, 3)
    assert [launch["kind"] for launch in report["launches"]] == ["PLAN"] * 3
    assert report["launches"][2]["ended"] is None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The emulator as a process of its own; its first line is its URL."""
    command = [sys.executable, "-m", "local.schematics_server", "--state", str(tmp_path / "s"), "--job-seconds", "0"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT_ROOT / "platform")}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as running:
        yield running
        running.kill()


def test_the_command_serves_the_same_with_its_control_endpoints(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    url = process.stdout.readline().strip()
    with requests.Session() as control:
        made = control.post(f"{url}/_emulator/workspaces", json={"names": ["A"], "applied": BASE}).json()["ids"]
        drift = control.post(f"{url}/_emulator/drift", json={"workspace": "A"}).json()
        assert drift == {"address": "ibm_iam_access_group.baseline"}
        assert control.post(f"{url}/_emulator/settings", json={"latency": 0.01}).json()["latency"] == 0.01
        listed = control.post(f"{url}/_emulator/faults", json={"kind": "no_summary"}).json()["faults"]
        assert listed[0]["kind"] == "no_summary"
        assert control.post(f"{url}/_emulator/faults", json={"kind": "odd"}).status_code == 400
        assert control.delete(f"{url}/_emulator/faults").json() == {"faults": []}
        sdk = Sdk(url)
        assert sdk.counts(made["A"], sdk.plan(made["A"])) == (0, 1, 0)
        assert len(control.get(f"{url}/_emulator/report").json()["launches"]) == 1
        sdk.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
