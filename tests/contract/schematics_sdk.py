"""IBM's SDK as a program uses it on the Schematics emulator, and a clock that tests set forward. Not here: tests."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from ibm_cloud_sdk_core import ApiException
from ibm_cloud_sdk_core.authenticators import BearerTokenAuthenticator, IAMAuthenticator
from ibm_schematics.schematics_v1 import SchematicsV1

BASE = {"iam_version": "1.0.0", "subnet_count": "2", "enable_monitoring": "false", "tags": '{"team": "one"}'}


class Sdk:
    """The SDK as a program uses it, and every session it opened, to be closed."""

    def __init__(self, url: str, bearer: str | None = None) -> None:
        self.url = url
        iam = IAMAuthenticator("an-api-key", url=url, client_id="bx", client_secret="bx")
        self.manager = iam.token_manager
        self.service = SchematicsV1(authenticator=BearerTokenAuthenticator(bearer) if bearer else iam)
        self.service.set_service_url(url)
        self.service.set_http_config({"timeout": 10})

    def refresh(self) -> str:
        return str(self.manager.request_token()["refresh_token"])

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *args, **options: getattr(self.service, name)(*args, **options).get_result()

    def raw(self, method: str, path: str, **params: str) -> Any:
        asked = self.service.prepare_request(method, path, params=params, headers={"Accept": "application/json"})
        return self.service.send(asked).get_result()

    def plan(self, workspace: str) -> str:
        return str(self.plan_workspace_command(workspace, self.refresh())["activityid"])

    def apply(self, workspace: str) -> str:
        return str(self.apply_workspace_command(workspace, self.refresh())["activityid"])

    def activity(self, workspace: str, activity: str) -> Any:
        return self.get_workspace_activity(workspace, activity)

    def counts(self, workspace: str, activity: str) -> tuple[int, int, int]:
        summary = self.activity(workspace, activity)["templates"][0]["log_summary"]
        return summary["resources_added"], summary["resources_modified"], summary["resources_destroyed"]

    def set(self, workspace: str, **values: str) -> Any:
        template = self.get_workspace(workspace)["template_data"][0]["id"]
        items = [{"name": name, "value": value} for name, value in values.items()]
        return self.replace_workspace_inputs(workspace, template, variablestore=items)

    def log(self, workspace: str, activity: str) -> str:
        template = self.get_workspace(workspace)["template_data"][0]["id"]
        return str(self.get_template_activity_log(workspace, template, activity).text)

    def close(self) -> None:
        self.service.http_client.close()


class Clock:
    """A clock that tests set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def refused(status: int, call: Callable[..., Any], *args: Any, **options: Any) -> ApiException:
    with pytest.raises(ApiException) as caught:
        call(*args, **options)
    assert caught.value.status_code == status
    return caught.value
