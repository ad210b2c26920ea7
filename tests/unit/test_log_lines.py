"""Lines of the log for machines: one record is one line, whatever it holds, and no secret is in it."""

import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.log_lines import line
from options import Alerts, Logs, SecretRef
from resources.json_logs import JsonLines, use_log_format
from resources.secrets import read_secret
from settings import load_settings


def read(said: str) -> dict[str, str]:
    found: dict[str, str] = json.loads(said)
    return found


@given(st.text(), st.text())
def test_a_record_is_one_line_of_printable_ascii_and_loses_nothing(message: str, error: str) -> None:
    said = line(at=0.0, level="INFO", message=message, error=error)
    assert said.isascii()
    assert said.isprintable()
    assert read(said).get("message", "") == message


def test_a_feed_cannot_write_a_line_of_its_own() -> None:
    forged = 'title\n{"level": "ERROR", "message": "forged"}\r\x1b[2K\u2028'
    (only,) = line(at=0.0, level="INFO", message=forged).splitlines()
    assert read(only)["level"] == "INFO"


@pytest.mark.parametrize(
    ("asset", "partition", "about"),
    [
        ("client_items", "acme|2026-11-21", {"client": "acme"}),
        ("client_config", "acme", {"client": "acme"}),
        ("plan", "billing", {"account": "billing"}),
        ("source_snapshots", "2026-11-21", {}),
        ("plan", "", {}),
    ],
)
def test_a_partition_says_whose_line_it_is(asset: str, partition: str, about: dict[str, str]) -> None:
    found = read(line(at=0.0, level="INFO", message="x", asset=asset, partition=partition))
    assert {name: found[name] for name in ("client", "account") if name in found} == about


class TestFormat:
    @pytest.fixture(autouse=True)
    def logging_as_before(self) -> Iterator[None]:
        kind, handlers = logging.getLoggerClass(), list(logging.getLogger().handlers)
        yield
        logging.setLoggerClass(kind)
        logging.getLogger().handlers[:] = handlers

    def test_secrets_that_the_target_names_or_the_process_has_read_are_masked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIGIE_HOOK", "https://hooks.example/hunter2-named")
        monkeypatch.setenv("VIGIE_READ", "hunter2-read")
        settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": "/nowhere"})
        told = Alerts(slack=SecretRef(env="VIGIE_HOOK"))
        settings = settings.model_copy(update={"alerts": told, "logs": Logs(format="json")})
        read_secret(settings, SecretRef(env="VIGIE_READ"))
        use_log_format(settings)
        (formatter,) = [one.formatter for one in logging.getLogger().handlers if isinstance(one.formatter, JsonLines)]
        said = "asked https://hooks.example/hunter2-named with hunter2-read"
        record = logging.makeLogRecord({"msg": said, "levelname": "WARNING", "name": "library"})
        found = read(formatter.format(record))
        assert found["message"] == "asked *** with ***"
        assert (found["level"], found["logger"]) == ("WARNING", "library")

    def test_the_logs_stay_text_unless_the_target_says_so(self) -> None:
        kind = logging.getLoggerClass()
        use_log_format(load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": "/nowhere"}))
        assert logging.getLoggerClass() is kind
