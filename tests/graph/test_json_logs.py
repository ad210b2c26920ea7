"""A real run on a target that logs for machines: every line is JSON, and says whose it is."""

import json
import logging
from collections.abc import Iterator

import pytest

from domain.ranges import Range, Rectangle
from options import Logs
from partitions import rectangle_tags, today
from resources.json_logs import use_log_format
from tests.graph.conftest import Platform

NAMELESS = "nobody"  # a client without a configuration: its cell fails


@pytest.fixture
def logged(platform: Platform) -> Iterator[Platform]:
    kind, handlers = logging.getLoggerClass(), list(logging.getLogger().handlers)
    use_log_format(platform.settings.model_copy(update={"logs": Logs(format="json")}))
    yield platform
    logging.setLoggerClass(kind)
    logging.getLogger().handlers[:] = handlers


def test_every_line_of_a_run_is_json(logged: Platform, capfd: pytest.CaptureFixture[str]) -> None:
    logged.instance.add_dynamic_partitions("clients", [NAMELESS])
    capfd.readouterr()
    one = Rectangle(Range(NAMELESS, NAMELESS), Range(str(today()), str(today())))
    run = logged.run_job("build_client_items", tags=rectangle_tags(one))
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.strip()]
    assert {line["run_id"] for line in lines if "run_id" in line} == {run.run_id}
    (said,) = [line for line in lines if line.get("client") == NAMELESS and line["level"] == "ERROR"]
    assert (said["job"], said["step"], said["partition"]) == (
        "build_client_items",
        "client_items",
        f"{NAMELESS}|{today()}",
    )
    assert "no valid configuration" in said["message"]
    (failure,) = [line for line in lines if line.get("event") == "STEP_FAILURE"]
    assert "1 of 1 partitions failed" in failure["error"]


def test_every_line_of_a_tick_is_json_and_names_its_sensor(logged: Platform, capfd: pytest.CaptureFixture[str]) -> None:
    logged.config.put("clients/odd.yaml", b"client_profile: {active: perhaps}\n")
    capfd.readouterr()
    assert logged.tick("client_activation") == []
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.strip()]
    (said,) = [line for line in lines if "clients/odd.yaml" in line["message"]]
    assert (said["level"], said["sensor"]) == ("WARNING", "client_activation")
