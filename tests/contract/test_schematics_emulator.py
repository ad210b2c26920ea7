"""The Schematics emulator under IBM's own SDK: what a program that knows only the SDK sees of it.

The flow of IBM's integration tests is `test_the_flow_of_ibms_own_integration_tests_works`.
"""

import io
import json
from collections.abc import Iterator

import pytest
from ibm_cloud_sdk_core.authenticators import IAMAuthenticator
from ibm_schematics.schematics_v1 import WorkspaceActivity, WorkspaceResponse

from local.schematics_server import SchematicsEmulator
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


def test_the_sdk_gets_tokens_that_differ(sdk: Sdk, emulator: SchematicsEmulator) -> None:
    first, second = sdk.manager.request_token(), sdk.manager.request_token()
    assert first["refresh_token"] != second["refresh_token"]
    assert sdk.get_schematics_version()["terraform_version"]
    assert sdk.list_schematics_location()
    assert emulator.report()["tokens"] == 3


def test_without_the_client_of_the_command_line_there_is_no_refresh_token(emulator: SchematicsEmulator) -> None:
    assert IAMAuthenticator("key", url=emulator.url).token_manager.request_token()["refresh_token"] == "not_supported"


def test_a_wrong_api_key_is_refused(emulator: SchematicsEmulator) -> None:
    failure = refused(400, IAMAuthenticator("wrong", url=emulator.url).token_manager.request_token)
    assert failure.http_response.json()["errorCode"] == "BXNIM0415E"


def test_a_bearer_is_refused_when_it_has_expired_or_is_not_ours(emulator: SchematicsEmulator, clock: Clock) -> None:
    emulator.settings(access_seconds=3600)
    token = Sdk(emulator.url).manager.request_token()["access_token"]
    good, forged = Sdk(emulator.url, token), Sdk(emulator.url, token[:-4] + "AAAA")
    assert good.list_workspaces()["count"] == 0
    refused(401, forged.list_workspaces)
    clock.ahead = 3601
    refused(401, good.list_workspaces)
    good.close()
    forged.close()


def test_a_launch_needs_a_refresh_token_that_was_issued_within_the_hour(
    sdk: Sdk, workspace: str, emulator: SchematicsEmulator, clock: Clock
) -> None:
    old = sdk.refresh()
    for wrong in ("", "not_supported", "a.b.c"):
        refused(401, sdk.plan_workspace_command, workspace, wrong)
    clock.ahead = 3601
    refused(401, sdk.apply_workspace_command, workspace, old)
    assert emulator.report()["launches"] == []
    assert sdk.plan(workspace)


def test_the_flow_of_ibms_own_integration_tests_works(sdk: Sdk) -> None:
    template = {"folder": ".", "type": "terraform_v0.12.20", "env_values": [{"KEY1": "VALUE1"}]}
    template["variablestore"] = [{"name": "variable_name1", "value": "variable_valuename1"}]
    made = sdk.create_workspace(name="workspace_name", description="d", tags=["t"], template_data=[template])
    one, t_id = made["id"], made["template_data"][0]["id"]
    assert sdk.get_workspace(one)["status"] == "DRAFT"
    refused(400, sdk.plan_workspace_command, one, sdk.refresh())
    assert sdk.upload_template_tar(one, t_id, file=io.BytesIO(b"tar"), file_content_type="multipart/form-data")
    assert sdk.get_workspace(one)["status"] == "INACTIVE"
    assert sdk.replace_workspace(one, name="myworkspace", description="", type=["terraform_v0.12.20"])
    assert sdk.update_workspace(one, name="again", description="")["name"] == "again"
    assert sdk.activity(one, sdk.plan(one))["status"] == "COMPLETED"
    assert sdk.get_workspace(one)["status"] == "INACTIVE"
    assert sdk.activity(one, sdk.apply(one))["status"] == "COMPLETED"
    assert sdk.get_workspace(one)["status"] == "ACTIVE"
    for command in (sdk.refresh_workspace_command, sdk.destroy_workspace_command):
        assert sdk.activity(one, command(one, sdk.refresh())["activityid"])["status"] == "COMPLETED"
    assert sdk.get_workspace(one)["status"] == "INACTIVE"
    names = [action["name"] for action in sdk.list_workspace_activities(one)["actions"]]
    assert names == ["DESTROY", "REFRESH", "APPLY", "PLAN", "TAR_WORKSPACE_UPLOAD", "WORKSPACE_CREATE"]
    assert sdk.get_workspace_readme(one)["readme"]
    assert isinstance(sdk.delete_workspace(one, sdk.refresh()), str)
    refused(404, sdk.get_workspace, one)


def test_a_workspace_with_a_repository_is_inactive_at_once(sdk: Sdk) -> None:
    repo = {"url": "https://git.example.test/x.git", "branch": "main"}
    made = sdk.create_workspace(name="x", template_repo=repo, x_github_token="t")
    assert made["status"] == "INACTIVE"
    assert len(made["template_repo"]["repo_sha_value"]) == 40
    shown = WorkspaceResponse.from_dict(sdk.get_workspace(made["id"]))
    assert shown.template_data[0].has_githubtoken
    assert shown.workspace_status.locked is False


def test_workspaces_come_in_pages(sdk: Sdk, emulator: SchematicsEmulator) -> None:
    emulator.create_workspaces([f"WS-{index}" for index in range(5)])
    page = sdk.list_workspaces(offset=3, limit=3)
    assert (page["count"], page["offset"], page["limit"]) == (5, 3, 3)
    assert [one["name"] for one in page["workspaces"]] == ["WS-3", "WS-4"]
    refused(400, sdk.list_workspaces, limit=0)


def test_inputs_are_replaced_as_a_whole(sdk: Sdk, workspace: str) -> None:
    sdk.set(workspace, subnet_count="3")
    assert [one["name"] for one in sdk.get_workspace(workspace)["template_data"][0]["variablestore"]] == [
        "subnet_count"
    ]


def test_inputs_are_merged_where_the_service_is_set_so(sdk: Sdk, workspace: str, emulator: SchematicsEmulator) -> None:
    emulator.settings(merge_inputs=True)
    sdk.set(workspace, subnet_count="3")
    assert emulator.variables(workspace) == {**BASE, "subnet_count": "3"}


def test_a_secure_value_is_never_shown(sdk: Sdk, workspace: str, emulator: SchematicsEmulator) -> None:
    template = sdk.get_workspace(workspace)["template_data"][0]["id"]
    items = [{"name": "vault_token", "value": "s3cret-value", "secure": True}, {"name": "a", "value": "b"}]
    replies = [sdk.replace_workspace_inputs(workspace, template, variablestore=items), sdk.get_workspace(workspace)]
    replies += [sdk.get_workspace_inputs(workspace, template), sdk.get_all_workspace_inputs(workspace)]
    assert "s3cret-value" not in json.dumps(replies)
    assert emulator.variables(workspace)["vault_token"].startswith("$SCHEMATICSSECRET$")


def test_declared_variables_are_those_of_the_template_and_of_the_creation(sdk: Sdk) -> None:
    metadata = {"values_metadata": [{"name": "env", "type": "string"}]}
    made = sdk.create_workspace(name="x", template_data=[{**metadata, "variablestore": [{"name": "z", "value": ""}]}])
    names = [one["name"] for one in sdk.get_workspace_input_metadata(made["id"], made["template_data"][0]["id"])]
    assert names == ["iam_version", "subnet_count", "enable_monitoring", "tags", "env", "z"]


def test_a_plan_changes_nothing_and_an_apply_does_what_it_said(sdk: Sdk, workspace: str) -> None:
    sdk.set(workspace, **{**BASE, "iam_version": "2.0.0", "subnet_count": "1", "enable_monitoring": "true"})
    planned = sdk.plan(workspace)
    assert sdk.counts(workspace, planned) == (1, 1, 1)
    assert sdk.get_workspace_resources(workspace)[0]["resources_count"] == 4
    assert "Terraform plan | Plan: 1 to add, 1 to change, 1 to destroy." in sdk.log(workspace, planned)
    applied = sdk.apply(workspace)
    assert sdk.counts(workspace, applied) == (1, 1, 1)
    assert "Apply complete! Resources: 1 added, 1 changed, 1 destroyed." in sdk.log(workspace, applied)
    assert sdk.get_workspace_outputs(workspace)[0]["output_values"][0]["iam_version"]["value"] == "2.0.0"
    template = sdk.get_workspace(workspace)["template_data"][0]["id"]
    state = sdk.get_workspace_template_state(workspace, template)
    assert {one["type"] for one in state["resources"]} == {
        *("ibm_iam_access_group", "ibm_is_vpc", "ibm_is_subnet", "ibm_resource_instance"),
    }
    assert sdk.get_workspace_state(workspace)["runtime_data"][0]["state_store_url"]
    assert sdk.get_workspace_log_urls(workspace)["runtime_data"][0]["log_store_url"]
    assert "No changes." in sdk.log(workspace, sdk.plan(workspace))
    assert sdk.get_template_logs(workspace, template).text.startswith("20")


def test_a_job_of_the_second_api_is_the_activity(sdk: Sdk, workspace: str) -> None:
    sdk.set(workspace, **{**BASE, "subnet_count": "3"})
    planned = sdk.plan(workspace)
    job = sdk.get_job(planned)
    assert job["status"]["workspace_job_status"]["status_code"] == "job_finished"
    assert job["log_summary"]["workspace_job"] == {
        "resources_add": 1.0,
        "resources_modify": 0.0,
        "resources_destroy": 0.0,
    }
    assert "Plan: 1 to add" in sdk.list_job_logs(planned).text
    plan = json.loads(sdk.raw("GET", f"/v2/jobs/{planned}/files", file_type="plan_json")["file_content"])
    actions = {one["address"]: one["change"]["actions"] for one in plan["resource_changes"]}
    assert actions["ibm_is_subnet.subnet[2]"] == ["create"]
    assert actions["ibm_is_vpc.network"] == ["no-op"]
    state = sdk.raw("GET", f"/v2/jobs/{planned}/files", file_type="state_file")["file_content"]
    assert json.loads(state)["version"] == 4
    made = sdk.create_job(
        sdk.refresh(), command_object="workspace", command_object_id=workspace, command_name="workspace_apply"
    )
    assert [one["id"] for one in sdk.list_jobs()["jobs"]] == [made["id"], planned]


def test_values_terraform_does_not_accept_fail_the_job(sdk: Sdk, workspace: str) -> None:
    sdk.set(workspace, **{**BASE, "subnet_count": "many"})
    failed = sdk.plan(workspace)
    assert sdk.activity(workspace, failed)["status"] == "FAILED"
    assert sdk.get_workspace(workspace)["status"] == "FAILED"
    assert "Invalid value for input variable" in sdk.log(workspace, failed)
    sdk.set(workspace, **BASE)
    assert sdk.activity(workspace, sdk.apply(workspace))["status"] == "COMPLETED"


def test_a_drift_shows_in_the_next_plan_and_in_the_drift_command(
    sdk: Sdk, workspace: str, emulator: SchematicsEmulator
) -> None:
    emulator.drift(workspace)
    emulator.drift(workspace, "ibm_is_subnet.subnet[1]", remove=True)
    assert sdk.counts(workspace, sdk.plan(workspace)) == (1, 1, 0)
    commands = [{"command": "drift", "command_name": "drift", "command_desc": "d"}]
    run = sdk.run_workspace_commands(workspace, sdk.refresh(), commands=commands, operation_name="drift")
    assert sdk.activity(workspace, run["activityid"])["name"] == "TERRAFORM_COMMANDS"
    assert "configuration drift identfied" in sdk.log(workspace, run["activityid"])


@LATER
def test_a_job_passes_through_its_states_and_locks_its_workspace(sdk: Sdk, workspace: str, clock: Clock) -> None:
    planned = sdk.plan(workspace)
    assert sdk.activity(workspace, planned)["status"] == "CREATED"
    assert sdk.get_job(planned)["status"]["workspace_job_status"]["status_code"] == "job_pending"
    clock.ahead = 60
    running = WorkspaceActivity.from_dict(sdk.activity(workspace, planned))
    assert running.status == "INPROGRESS"
    assert running.templates[0].end_time is None
    assert running.templates[0].log_summary.resources_added is None
    shown = sdk.get_workspace(workspace)
    assert (shown["status"], shown["workspace_status"]["locked"]) == ("INPROGRESS", True)
    refused(409, sdk.apply_workspace_command, workspace, sdk.refresh())
    refused(409, sdk.delete_workspace, workspace, sdk.refresh())
    clock.ahead = 3601
    assert sdk.activity(workspace, planned)["status"] == "COMPLETED"
    assert sdk.get_workspace(workspace)["status"] == "ACTIVE"


@LATER
def test_a_job_that_is_stopped_changes_nothing(sdk: Sdk, workspace: str) -> None:
    sdk.set(workspace, **{**BASE, "subnet_count": "9"})
    applied = sdk.apply(workspace)
    assert sdk.raw("DELETE", f"/v1/workspaces/{workspace}/actions/{applied}", signal="terminate")
    assert sdk.activity(workspace, applied)["status"] == "STOPPED"
    assert sdk.get_workspace(workspace)["status"] == "STOPPED"
    assert sdk.get_workspace_resources(workspace)[0]["resources_count"] == 4
    refused(400, sdk.delete_workspace_activity, workspace, applied)
    assert sdk.delete_workspace_activity(workspace, sdk.plan(workspace))["activityid"]


def test_a_lock_may_outlive_its_job_and_a_freeze_stays(
    sdk: Sdk, workspace: str, emulator: SchematicsEmulator, clock: Clock
) -> None:
    emulator.settings(lock_tail_seconds=30)
    assert sdk.activity(workspace, sdk.plan(workspace))["status"] == "COMPLETED"
    refused(409, sdk.plan_workspace_command, workspace, sdk.refresh())
    clock.ahead = 31
    sdk.update_workspace(workspace, workspace_status={"frozen": True})
    refused(409, sdk.plan_workspace_command, workspace, sdk.refresh())
    sdk.update_workspace(workspace, workspace_status={"frozen": False})
    assert sdk.plan(workspace)


def test_activities_come_newest_first_in_pages(sdk: Sdk, workspace: str) -> None:
    made = [sdk.plan(workspace) for _ in range(4)]
    page = sdk.list_workspace_activities(workspace, offset=1, limit=2)["actions"]
    assert [one["action_id"] for one in page] == [made[2], made[1]]
    urls = sdk.get_workspace_activity_logs(workspace, made[0])["templates"]
    assert urls[0]["log_url"].endswith(made[0])


def test_what_is_unknown_is_answered_404_in_ibms_words(sdk: Sdk, workspace: str) -> None:
    failure = refused(404, sdk.get_workspace_activity, workspace, "nothing")
    assert failure.http_response.json().keys() >= {"requestid", "timestamp", "messageid", "message", "statuscode"}
    refused(404, sdk.raw, "GET", "/v1/v1/workspaces")
    refused(404, sdk.get_job, "nothing")
    refused(404, sdk.get_workspace, "WS-ONE")
