"""`vigie metrics`, started for real: what Prometheus would scrape."""

import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import time_machine
import yaml
from dagster import (
    AssetMaterialization,
    DagsterInstance,
    DagsterRunStatus,
    job,
    op,
)
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

import cli
from domain.accounts import DesiredState
from domain.source_health import FetchState
from options import Metrics
from resources.database import open_database
from resources.figures import Figure, Part, parts
from resources.metrics import serving
from resources.object_store import DirectoryStore
from settings import PROJECT_ROOT, Settings, load_settings

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@op
def nothing() -> None:
    """A step."""


@job
def some_job() -> None:
    nothing()


def settings_in(home: Path) -> Settings:
    return load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dev target with an instance, an account, a failing source and two clients' newest day."""
    folder = tmp_path_factory.mktemp("metrics")
    settings = settings_in(folder)
    dagster = folder / "dev" / "dagster"
    dagster.mkdir(parents=True)
    (dagster / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text())
    with DagsterInstance.from_config(str(dagster)) as instance:
        instance.event_log_storage.set_concurrency_slots("schematics", 2)
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("vigie"), "__repository__")
        origin = RemoteJobOrigin(place, "some_job")  # without one, Dagster takes no run into its queue
        instance.create_run_for_job(some_job, status=DagsterRunStatus.QUEUED, remote_job_origin=origin)
        instance.create_run_for_job(some_job, status=DagsterRunStatus.SUCCESS)
        for partition, kept in (("one|2026-11-20", 9), ("one|2026-11-21", 4), ("two|2026-11-21", 3)):
            event = AssetMaterialization("client_items", partition=partition, metadata={"items_kept": kept})
            instance.report_runless_asset_event(event)
    with closing(open_database(settings)) as database:
        database.upgrade(settings.migrations)
        database.register("alpha", "0001", DesiredState("1.0.0", 3), "ops")
    store = DirectoryStore(folder / "dev" / "data")
    failing = FetchState("https://feed.invalid/").failed(datetime.now(UTC), "503")
    store.put("fetch_state/broken.json", orjson.dumps(failing.record()))
    store.put("fetch_state/whole.json", orjson.dumps(FetchState("https://other.invalid/").record()))
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Where the command serves, started as an operator starts it."""
    command = [str(Path(sys.executable).parent / "vigie"), "metrics", "--port", "0"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIGIE_", "DAGSTER_", "AWS_"))}
    environment = {**kept, "VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
            assert found, said
            yield found[0]
        finally:
            process.terminate()
            assert process.wait(60) == 0


def text_of(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:
        body: str = answer.read().decode()
    return body


def scraped(address: str) -> Samples:
    """What a scrape gives, as Prometheus's own parser reads it."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text_of(address))
        for sample in family.samples
    }


def test_a_scrape_gives_the_figures_of_the_target(address: str) -> None:
    found = scraped(address)
    up = {dict(labels)["part"]: value for (name, labels), value in found.items() if name == "vigie_part_up"}
    assert up == dict.fromkeys(("runs", "assets", "daemon", "pools", "items", "sources", "accounts"), 1.0)
    assert found["vigie_runs_finished_total", (("job", "some_job"), ("status", "SUCCESS"))] == 1
    assert found["vigie_runs_unfinished", (("job", "some_job"), ("status", "QUEUED"))] == 1
    assert found["vigie_queued_runs", ()] == 1
    assert 0 < found["vigie_queued_run_oldest_age_seconds", ()] < 600
    assert found["vigie_partitions_materialized", (("asset", "client_items"),)] == 3
    assert found["vigie_partitions_failed", (("asset", "client_items"),)] == 0
    assert found["vigie_pool_slots", (("pool", "schematics"),)] == 2
    assert (found["vigie_items_last_day", ()], found["vigie_clients_last_day", ()]) == (7, 2)
    assert (found["vigie_sources", ()], found["vigie_sources_failing", ()]) == (2, 1)
    assert found["vigie_accounts", (("status", "IDLE"),)] == 1
    assert found["vigie_event_log_bytes", ()] > 0


def test_no_client_is_named_unless_the_target_asks_for_it(address: str, home: Path) -> None:
    assert [name for name, labels in scraped(address) if "one" in dict(labels).values()] == []
    chosen = settings_in(home).model_copy(update={"metrics": Metrics(clients=True)})
    [items] = [part for part in parts(chosen, home / "dev" / "dagster") if part.name == "items"]
    by_client = {figure.name: figure.samples for figure in items.read()}["vigie_client_items_last_day"]
    assert by_client == {("one",): 4, ("two",): 3}


def test_every_figure_that_the_guide_and_the_rules_name_is_exported(home: Path) -> None:
    chosen = settings_in(home).model_copy(update={"metrics": Metrics(clients=True)})
    with serving(parts(chosen, home / "dev" / "dagster"), 3600, "127.0.0.1", 0) as port:
        exported = set(re.findall(r"^# TYPE (\S+)", text_of(f"http://127.0.0.1:{port}/metrics"), re.MULTILINE))
    rules = yaml.safe_load((PROJECT_ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    expressions = " ".join(rule["expr"] for group in rules["groups"] for rule in group["rules"])
    guide = (PROJECT_ROOT / "docs" / "operate.md").read_text()
    table = "".join(line for line in guide.splitlines(keepends=True) if line.startswith("| `vigie_"))
    assert set(re.findall(r"vigie_\w+", expressions)) <= exported
    assert set(re.findall(r"`(vigie_\w+)`", table)) == exported


def test_a_part_that_fails_takes_no_other_with_it() -> None:
    def broken() -> list[Figure]:
        raise RuntimeError("the database is away")

    whole = Part("whole", lambda: [Figure("vigie_answer", "An answer.", {("a b", 'q"\n'): 42.0}, ("one", "two"))])
    with serving([whole, Part("broken", broken)], 3600, "127.0.0.1", 0) as port:
        found = scraped(f"http://127.0.0.1:{port}/metrics")
    assert found["vigie_answer", (("one", "a b"), ("two", 'q"\n'))] == 42
    assert found["vigie_part_up", (("part", "broken"),)] == 0
    assert found["vigie_part_up", (("part", "whole"),)] == 1


def test_a_part_that_hangs_shows_its_last_figures_for_two_minutes_and_no_longer() -> None:
    hangs, asked = threading.Event(), threading.Event()

    def read() -> list[Figure]:
        if asked.is_set():
            hangs.wait()
        asked.set()
        return [Figure("vigie_answer", "An answer.", {(): 42.0})]

    def seen(port: int) -> tuple[float | None, float]:
        found = scraped(f"http://127.0.0.1:{port}/metrics")
        return found.get(("vigie_answer", ())), found["vigie_part_up", (("part", "slow"),)]

    with serving([Part("slow", read)], 1, "127.0.0.1", 0) as port:
        assert seen(port) == (42, 1)
        with time_machine.travel(time.time() + 110, tick=True):
            assert seen(port) == (42, 1)
        with time_machine.travel(time.time() + 130, tick=True):
            assert seen(port) == (None, 0)
        hangs.set()


def test_without_the_extra_the_command_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setattr("signal.signal", lambda *_given: None)
    result = CliRunner().invoke(cli.app, ["metrics"])
    assert result.exit_code == 1
    assert "pip install 'vigie[metrics]'" in result.output
