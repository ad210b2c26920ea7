"""Pruning takes details away, and nothing that a partition's status, a check or a re-execution rests on."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from dagster import (
    AssetCheckKey,
    AssetCheckResult,
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    AssetSelection,
    AssetSpec,
    DagsterInstance,
    Definitions,
    Failure,
    OpExecutionContext,
    ReexecutionOptions,
    StaticPartitionsDefinition,
    asset_check,
    define_asset_job,
    in_process_executor,
    job,
    multi_asset,
    op,
)
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository
from dagster._core.execution.api import execute_job
from kombu.connection import Connection
from sqlalchemy import create_engine, text

from assets.upkeep_jobs import pruning_job
from domain.retention import PRUNED_TAG
from domain.source_health import FetchState
from options import Retention
from partitions import today
from resources.instance_tables import delivered_messages
from resources.object_store import DirectoryStore, ObjectStoreResource
from resources.pruning import prune_runs, prune_sources
from settings import PROJECT_ROOT, DirectoryLocation, load_settings

LETTERS = StaticPartitionsDefinition(["a", "b", "c", "d"])
RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "d"}
MENDED = "PRUNING_TEST_MENDED"  # the variable under which what failed works: runs load this module anew
KEY = AssetKey("letters")


@multi_asset(specs=[AssetSpec("letters", partitions_def=LETTERS, skippable=True)])
def letters(context: AssetExecutionContext) -> Iterator[AssetMaterialization]:
    context.log.info("a line that only people read")
    for key in context.partition_keys:
        if key != "c" or MENDED in os.environ:
            yield AssetMaterialization(asset_key="letters", partition=key, metadata={"words": key * 50})
    if MENDED not in os.environ:
        raise Failure("c failed, and this is why", allow_retries=False)


@asset_check(asset=KEY)
def letters_are_many() -> AssetCheckResult:
    return AssetCheckResult(passed=True, metadata={"looked": 1})


@op
def first(context: OpExecutionContext) -> int:
    context.log.info("first")
    return 20


@op
def second(context: OpExecutionContext, number: int) -> int:
    if MENDED not in os.environ:
        raise Failure("not yet")
    return number + 1


@job(executor_def=in_process_executor)
def two_steps() -> None:
    second(first())


defs = Definitions(
    assets=[letters],
    asset_checks=[letters_are_many],
    jobs=[
        define_asset_job(
            "write_letters", AssetSelection.assets(KEY).without_checks(), executor_def=in_process_executor
        ),
        define_asset_job("check_letters", AssetSelection.checks(letters_are_many), executor_def=in_process_executor),
        two_steps,
    ],
)


@pytest.fixture(params=["sqlite", "postgresql"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DagsterInstance]:
    """An instance of its own on each of Dagster's storages."""
    document: dict[str, Any] = {"telemetry": {"enabled": False}}
    if request.param == "postgresql":
        server = str(request.getfixturevalue("postgres"))
        name = f"pruning{abs(hash(tmp_path)):x}"
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"create database {name}"))
        admin.dispose()
        url = server.replace("/postgres?", f"/{name}?")
        document["storage"] = {"postgres": {"postgres_url": url}}
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text(yaml.safe_dump(document))
    with DagsterInstance.from_config(str(tmp_path / "home")) as made:
        yield made


@pytest.fixture
def history(instance: DagsterInstance) -> dict[str, str]:
    """A failed range, a check, a job that failed at its second step: job -> run."""
    runs = {}
    for name, tags in (("write_letters", RANGE), ("check_letters", {}), ("two_steps", {})):
        runs[name] = execute_job(_code(name), instance=instance, tags=tags).run_id
    return runs


def _code(name: str, version: str = "") -> ReconstructableJob:
    code = ReconstructableRepository.for_file(
        __file__, "defs", working_directory=str(PROJECT_ROOT), container_image=version
    )
    return ReconstructableJob(code, name)


def known(instance: DagsterInstance) -> dict[str, Any]:
    """Everything that the UI says of partitions, materializations and checks."""
    statuses = instance.get_status_by_partition(KEY, LETTERS.get_partition_keys(), LETTERS) or {}
    record = instance.get_asset_records([KEY])[0].asset_entry
    check = AssetCheckKey(KEY, "letters_are_many")
    executions = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
    events = instance.fetch_materializations(KEY, limit=100).records
    return {
        "statuses": {key: status and status.value for key, status in statuses.items()},
        "materialized": instance.get_materialized_partitions(KEY),
        "latest": record.last_materialization_storage_id,
        "events": [(one.storage_id, one.partition_key, one.asset_materialization) for one in events],
        "checks": [(one.run_id, one.status, one.event) for one in executions],
        "runs": {run.run_id: run.status for run in instance.get_runs()},
    }


def log(instance: DagsterInstance, run_id: str) -> list[str]:
    return [entry.dagster_event_type or "a line" for entry in instance.all_logs(run_id)]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def test_what_partitions_and_checks_rest_on_stays_and_the_details_go(
    instance: DagsterInstance, history: dict[str, str]
) -> None:
    before, run = known(instance), history["write_letters"]
    assert before["statuses"] == {"a": "MATERIALIZED", "b": "MATERIALIZED", "c": "FAILED", "d": "MATERIALIZED"}
    full = log(instance, run)
    assert {"a line", "ENGINE_EVENT"} <= set(full)
    counted = prune_runs(instance, soon(), dry_run=True)
    assert log(instance, run) == full
    done = prune_runs(instance, soon(), dry_run=False)
    assert (done.runs, done.rows, done.size) == (3, counted.rows, counted.size)
    assert done.rows > 10
    assert known(instance) == before
    left = log(instance, run)
    assert len(full) > len(left)
    assert not {"a line", "ENGINE_EVENT", "LOGS_CAPTURED"} & set(left)
    assert {"STEP_FAILURE", "ASSET_MATERIALIZATION", "ASSET_MATERIALIZATION_PLANNED", "PIPELINE_FAILURE"} <= set(left)
    failures = [e.dagster_event for e in instance.all_logs(run) if e.dagster_event_type == "STEP_FAILURE"]
    assert "this is why" in str(failures)
    assert PRUNED_TAG in instance.get_runs()[0].tags
    again = prune_runs(instance, soon(), dry_run=False)
    assert (again.runs, again.rows) == (0, 0)


def test_young_and_unfinished_runs_keep_everything_and_a_pruned_one_is_re_executed_from_its_failure(
    instance: DagsterInstance, history: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = instance.create_run_for_job(two_steps)
    assert prune_runs(instance, datetime.now(UTC) - timedelta(hours=1), dry_run=False).runs == 0
    assert prune_runs(instance, soon(), dry_run=False).runs == 3
    found, parent = instance.get_run_by_id(unfinished.run_id), instance.get_run_by_id(history["two_steps"])
    assert found
    assert parent
    assert PRUNED_TAG not in found.tags
    monkeypatch.setenv(MENDED, "1")
    again = execute_job(
        _code("two_steps", parent.run_id),
        instance=instance,
        reexecution_options=ReexecutionOptions.from_failure(parent.run_id, instance),
        tags={PRUNED_TAG: parent.tags[PRUNED_TAG]},  # as the UI hands tags on
    )
    assert again.success
    assert [e.step_key for e in again.all_events if e.event_type_value == "STEP_SUCCESS"] == ["second"]
    assert prune_runs(instance, soon(), dry_run=False).runs == 1


@pytest.mark.filterwarnings("ignore:The ``noload`` loader:sqlalchemy.exc.SADeprecationWarning")  # of Kombu's own tables
@pytest.mark.parametrize("instance", ["postgresql"], indirect=True)
def test_what_the_broker_of_a_fleet_has_delivered_goes_and_what_waits_stays(instance: DagsterInstance) -> None:
    assert delivered_messages(instance, soon(), take_away=True) == 0  # no fleet: no broker
    storage: Any = instance.event_log_storage
    broker_url = f"sqla+{storage.postgres_url}"
    with Connection(broker_url) as broker, broker.SimpleQueue("runs") as queue:  # type: ignore[no-untyped-call]
        queue.put("delivered")
        queue.get(timeout=5).ack()
        queue.put("waits")
        assert delivered_messages(instance, datetime.now(UTC) - timedelta(days=7), take_away=True) == 0
        assert delivered_messages(instance, soon(), take_away=False) == 1
        assert delivered_messages(instance, soon(), take_away=True) == 1
        assert delivered_messages(instance, soon(), take_away=True) == 0
        assert queue.get(timeout=5).payload == "waits"


def test_what_sources_sent_goes_after_its_day_but_for_what_the_next_fetch_compares_with(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    days = [today() - timedelta(days=n) for n in (100, 50, 1)]
    for day in days:
        for source in ("one", "two"):
            for ending in ("json.gz", "body.gz", "articles.gz"):
                store.put(f"snapshots/{day}/{source}.{ending}", b"sent")
    store.put("fetch_state/torn.json", b"not json")
    state = replace(FetchState("https://feed.invalid/"), day=days[0])
    store.put("fetch_state/two.json", orjson.dumps(state.record()))
    assert prune_sources(store, days[1], dry_run=True) == (3, 12, "")
    assert prune_sources(store, days[1], dry_run=False) == (3, 12, "")
    left = {
        info.key.split("/")[1] + "/" + info.key.split("/")[2].partition(".")[0] for info in store.list("snapshots/")
    }
    assert left == {f"{days[0]}/two", *(f"{day}/{source}" for day in days[1:] for source in ("one", "two"))}


def test_the_nightly_job_shows_its_figures_and_never_takes_a_day_of_a_new_clients_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    settings = load_settings().model_copy(
        update={"retention": Retention(run_days=1, source_days=30), "history_days": 90}
    )
    store = DirectoryStore(tmp_path / "data")
    for age in (200, 95, 40):
        store.put(f"snapshots/{today() - timedelta(days=age)}/one.body.gz", b"sent")
    data = ObjectStoreResource.at(DirectoryLocation(kind="directory", path=tmp_path / "data"))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        result = pruning_job(settings).execute_in_process(instance=instance, resources={"data_store": data})
    [handled] = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    figures = {name: value.value for name, value in handled.step_output_data.metadata.items()}
    assert figures["source_objects"] == 1
    assert len(list(store.list("snapshots/"))) == 2
