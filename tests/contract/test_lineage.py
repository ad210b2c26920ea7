"""Lineage events as a real HTTP server gets them: OpenLineage's fields, in order, at least once."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import (
    AssetExecutionContext,
    DagsterInstance,
    Definitions,
    Failure,
    StaticPartitionsDefinition,
    asset,
    build_sensor_context,
    define_asset_job,
    in_process_executor,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData

from domain.errors import TransientError
from resources.lineage import LineageDesk
from sensors.lineage import lineage_sensor
from settings import TARGETS, Settings, load_settings, own_targets

KEY = "lineage-key-of-nobody"
_URI = re.compile(r"^https?://\S+$")


@dataclass
class LineageServer:
    """An OpenLineage endpoint that checks what comes; `answers` are statuses to give first."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def take(self, path: str, key: str | None, body: bytes) -> int:
        if self.answers:
            status = self.answers.pop(0)
            if status != 200:
                return status
        event = json.loads(body)
        self.wrong += [f"{path}: {problem}" for problem in problems(event)]
        if path != "/api/v1/lineage" or key != f"Bearer {KEY}":
            self.wrong.append(f"{path} with {key}")
        self.events.append(event)
        return 201


def problems(event: dict[str, Any]) -> list[str]:
    """What OpenLineage 2-0-2 asks of a RunEvent, and is not so."""
    found = []
    if event.get("eventType") not in {"START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"}:
        found.append("eventType")
    if datetime.fromisoformat(event["eventTime"]).tzinfo is None:
        found.append("eventTime has no zone")
    if str(uuid.UUID(event["run"]["runId"])) != event["run"]["runId"]:
        found.append("runId")
    if not _URI.match(event["producer"]) or not event["schemaURL"].endswith("OpenLineage.json#/$defs/RunEvent"):
        found.append("producer or schemaURL")
    if not event["job"]["namespace"] or not event["job"]["name"]:
        found.append("job")
    for dataset in event["inputs"] + event["outputs"]:
        if not dataset["namespace"] or not dataset["name"]:
            found.append("dataset")
    for facet in [*event["run"]["facets"].values(), *event["job"]["facets"].values()]:
        if not _URI.match(facet["_producer"]) or not _URI.match(facet["_schemaURL"]):
            found.append("facet")
    return found


@pytest.fixture
def server() -> Iterator[LineageServer]:
    state = LineageServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(state.take(self.path, self.headers.get("Authorization"), body))
            self.end_headers()

        def log_message(self, *_given: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def settings(tmp_path: Path, server: LineageServer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in {"VIGIE_TARGET": "traced", "VIGIE_HOME": str(tmp_path), "LINEAGE_KEY": KEY}.items():
        monkeypatch.setenv(name, value)
    answers = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    answers["lineage"] = {"url": server.url, "api_key": {"env": "LINEAGE_KEY"}}
    own_targets(tmp_path).mkdir()
    (own_targets(tmp_path) / "traced.yaml").write_text(yaml.safe_dump(answers))
    return load_settings()


DAYS = StaticPartitionsDefinition(["2026-11-20", "2026-11-21"])


@asset(group_name="clients", partitions_def=DAYS)
def source_snapshots(context: AssetExecutionContext) -> None:
    context.log.info("read")


@asset(group_name="warehouse", deps=[source_snapshots], partitions_def=DAYS)
def stg_items(context: AssetExecutionContext) -> None:
    if context.partition_key == "2026-11-20":
        raise Failure("no such day", allow_retries=False)


@asset(group_name="newsletters", deps=[stg_items], partitions_def=DAYS)
def newsletter() -> None:
    """A page."""


@dataclass
class Watched:
    """The sensor on an instance, tick by tick, as the daemon keeps its cursor."""

    instance: DagsterInstance
    settings: Settings
    defs: Definitions
    cursor: str | None = None

    def tick(self) -> SensorExecutionData:
        repository = self.defs.get_repository_def()
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            repository_def=repository,
            resources={"lineage": LineageDesk(self.settings)},
        ) as context:
            data = repository.get_sensor_def("lineage").evaluate_tick(context)
        self.cursor = data.cursor
        return data

    def run(self, day: str) -> str:
        done = self.defs.resolve_job_def("build").execute_in_process(
            instance=self.instance, partition_key=day, raise_on_error=False
        )
        return done.run_id


def definitions(settings: Settings, *, settling: float = 0.0, at_once: int = 100) -> Definitions:
    job = define_asset_job("build", selection=[stg_items, newsletter], executor_def=in_process_executor)
    return Definitions(
        assets=[source_snapshots, stg_items, newsletter],
        jobs=[job],
        sensors=[lineage_sensor(30, settling, at_once)],
        resources={"lineage": LineageDesk(settings)},
    )


@pytest.fixture
def watched(settings: Settings) -> Iterator[Watched]:
    with DagsterInstance.ephemeral() as instance:
        watched = Watched(instance, settings, definitions(settings))
        watched.tick()
        yield watched


def named(datasets: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["namespace"], one["name"]) for one in datasets}


def test_a_run_is_told_from_its_start_to_its_end_with_what_it_read_and_wrote(
    watched: Watched, server: LineageServer, settings: Settings
) -> None:
    run_id = watched.run("2026-11-21")
    watched.tick()
    assert server.wrong == []
    assert [(one["eventType"], one["run"]["runId"], one["job"]["name"]) for one in server.events] == [
        ("START", run_id, "build"),
        ("COMPLETE", run_id, "build"),
    ]
    home = settings.home
    for event in server.events:
        assert named(event["inputs"]) == {("file", f"{home}/data/source_snapshots")}
        assert named(event["outputs"]) == {
            (f"duckdb://{home}/warehouse.duckdb", "vigie.stg_items"),
            ("file", f"{home}/newsletters/newsletter"),
        }


def test_a_failed_run_says_why_and_what_it_wrote_before(watched: Watched, server: LineageServer) -> None:
    watched.run("2026-11-20")
    watched.tick()
    started, failed = server.events
    assert (started["eventType"], failed["eventType"]) == ("START", "FAIL")
    assert failed["outputs"] == []
    assert failed["run"]["facets"]["errorMessage"]["message"]
    assert server.wrong == []


def test_what_the_server_did_not_take_is_sent_again_and_nothing_twice_that_it_took(
    watched: Watched, server: LineageServer
) -> None:
    run_id = watched.run("2026-11-21")
    server.answers = [503]
    cursor = watched.cursor
    with pytest.raises(TransientError, match="answered 503"):  # a failed tick: the daemon keeps the cursor
        watched.tick()
    assert watched.cursor == cursor
    server.answers = [200, 503]
    assert "1 events sent; then" in (watched.tick().skip_message or "")
    watched.tick()
    assert [(one["eventType"], one["run"]["runId"]) for one in server.events] == [
        ("START", run_id),
        ("COMPLETE", run_id),
    ]
    watched.tick()
    assert len(server.events) == 2


def test_an_event_that_the_server_will_never_take_does_not_hold_up_the_others(
    watched: Watched, server: LineageServer
) -> None:
    watched.run("2026-11-21")
    server.answers = [422]
    watched.tick()
    assert [one["eventType"] for one in server.events] == ["COMPLETE"]


def test_more_runs_than_one_tick_takes_are_told_in_order(watched: Watched, server: LineageServer) -> None:
    watched.defs = definitions(watched.settings, at_once=3)
    run_ids = [watched.run("2026-11-21") for _number in range(4)]
    for _tick in range(6):
        watched.tick()
    told = [(one["run"]["runId"], one["eventType"]) for one in server.events]
    assert told == [(run_id, state) for run_id in run_ids for state in ("START", "COMPLETE")]


def test_what_happened_a_moment_ago_waits_until_the_storage_has_settled(
    watched: Watched, server: LineageServer
) -> None:
    watched.defs = definitions(watched.settings, settling=3600.0)
    watched.run("2026-11-21")
    watched.tick()
    assert server.events == []
    watched.defs = definitions(watched.settings)
    watched.tick()
    assert len(server.events) == 2
