"""How soon the UI's pages about partitions answer: 1,000 clients x 90 days of client_items, through the webserver.

Here: an instance with materialized, failed and missing partitions, written in bulk; the questions that the asset page
and the partitions page ask, timed at the first look, at later ones, and after a day of 1,000 more events. Before the
first and after the thousand, the statuses are counted as the sensor warehouse_due has it done.
"""

import json
import os
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from dagster import AssetKey, AssetMaterialization, DagsterEvent, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster import EventLogEntry as Entry
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from sqlalchemy import func, select

sys.path.append(str(Path(__file__).resolve().parent.parent))  # the project: this file is run by its path

from benchmarks.ingestion.processes import report

from assets.names import CLIENT_ITEMS
from local.instance import prepare, start, stop
from partitions import CLIENTS, Partitions, client_day, today
from sensors.chaining import count_statuses
from settings import TARGETS, load_settings, own_targets

CLIENT_COUNT, DAY_COUNT, LOOKS = 1000, 90, 5
LIMIT = 1.0  # seconds
ASSET = AssetKey(CLIENT_ITEMS)
EXAMPLE = "a-client|1999-09-09"
# As the bundled pages of dagster-webserver ask them: PartitionHealthQuery, the statistics of the graph and of the asset
# page, AssetPartitionDetailQuery without its fragments, and the table of the asset's latest events.
HEALTH = """
query PartitionHealthQuery($assetKey: AssetKeyInput!) { assetNodeOrError(assetKey: $assetKey) { ... on AssetNode {
  id partitionKeysByDimension { name type partitionKeys }
  assetPartitionStatuses {
    ... on TimePartitionStatuses { ranges { status startTime endTime startKey endKey } }
    ... on DefaultPartitionStatuses { materializedPartitions materializingPartitions failedPartitions }
    ... on MultiPartitionStatuses { primaryDimensionName ranges {
      primaryDimStartKey primaryDimEndKey primaryDimStartTime primaryDimEndTime
      secondaryDim {
        ... on TimePartitionStatuses { ranges { status startTime endTime startKey endKey } }
        ... on DefaultPartitionStatuses { materializedPartitions materializingPartitions failedPartitions }
      } } } } } } }
"""
STATISTICS = """
query Statistics($assetKey: AssetKeyInput!) { assetNodeOrError(assetKey: $assetKey) { ... on AssetNode {
  id partitionStats { numMaterialized numMaterializing numPartitions numFailed } } } }
"""
DETAIL = """
query AssetPartitionDetailQuery($assetKey: AssetKeyInput!, $partitionKey: String!) {
  assetOrError(assetKey: $assetKey) { ... on Asset { id
    definition { id opNames latestRunForPartition(partition: $partitionKey) { id status endTime } }
    assetEventHistory(partitions: [$partitionKey], limit: 1000,
      eventTypeSelectors: [MATERIALIZATION, OBSERVATION, FAILED_TO_MATERIALIZE]) {
      results { ... on MaterializationEvent { runId timestamp partition } } } } } }
"""
EVENTS = """
query AssetEventsQuery($assetKey: AssetKeyInput!) { assetOrError(assetKey: $assetKey) { ... on Asset { id
  assetMaterializations(limit: 100) { runId timestamp partition metadataEntries { label } } } } }
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = figures(Path(folder))
    slow = [
        f"{page} {when}" for page, times in found["pages"].items() for when in times if times[when]["seconds"] >= LIMIT
    ]
    met = {
        "there are 90,000 partitions of each state as made": found["partitions"] == found["made"],
        "every page answers in under 1 s": not slow,
    }
    return report("partition_pages", {**found, "slow": slow}, met)


def figures(home: Path) -> dict[str, Any]:
    """Every figure, in an instance below `home`."""
    first = today() - timedelta(days=DAY_COUNT - 1)
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text()) | {"first_day": first}
    own_targets(home).mkdir()
    (own_targets(home) / "pages.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": "pages", "VIGIE_HOME": str(home)})
    clients = [f"client{number:04}" for number in range(CLIENT_COUNT)]
    days = [first + timedelta(days=number) for number in range(DAY_COUNT)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with DagsterInstance.from_config(str(prepare(settings))) as instance:
        instance.add_dynamic_partitions(CLIENTS, clients)
        began = time.monotonic()
        made = fill(instance, clients, [str(day) for day in days])
        filled = round(time.monotonic() - began, 1)
        count_statuses(instance, Partitions.since(first))
        server = start(settings, "dagster-webserver", "-h", "127.0.0.1", "-p", str(port), log=home / "webserver.log")
        try:
            ask = Pages(port, server.pid)
            ask.until_up()
            pages = {"health": HEALTH, "statistics": STATISTICS, "detail": DETAIL, "events": EVENTS}
            times = {name: {"first": ask.timed(query)} for name, query in pages.items()}
            for name, query in pages.items():
                later = [ask.timed(query) for _look in range(LOOKS)]
                times[name]["later"] = min(later, key=lambda one: one["seconds"])
            again = keys_of(clients, [str(days[-1])])
            store(instance, run_of(instance, DagsterRunStatus.SUCCESS), again, materialized=again)
            count_statuses(instance, Partitions.since(first))
            for name, query in pages.items():
                times[name]["after_1000_events"] = ask.timed(query)
            stats = ask(STATISTICS)["data"]["assetNodeOrError"]["partitionStats"]
        finally:
            stop(server)
    partitions = {
        "materialized": stats["numMaterialized"],
        "failed": stats["numFailed"],
        "missing": stats["numPartitions"] - stats["numMaterialized"] - stats["numFailed"],
    }
    return {"pages": times, "partitions": partitions, "made": made, "fill_seconds": filled, "bytes": ask.bytes}


def keys_of(clients: Sequence[str], days: Sequence[str]) -> list[str]:
    """Every cell, day by day."""
    return [str(client_day(client, day)) for day in days for client in clients]


def fill(instance: DagsterInstance, clients: Sequence[str], days: Sequence[str]) -> dict[str, int]:
    """A run per day. One cell in 19 failed, one in 23 was never tried, scattered; the newest day is whole later."""
    cells = dict.fromkeys(("materialized", "failed", "missing"), 0)
    for number, day in enumerate(days):
        keys = keys_of(clients, [day])
        last = day == days[-1]
        failed = set() if last else {key for n, key in enumerate(keys) if (n + 7 * number) % 19 == 0}
        missing = set() if last else {key for n, key in enumerate(keys) if (n + 5 * number) % 23 == 0} - failed
        tried = [key for key in keys if key not in missing]
        good = [key for key in tried if key not in failed]
        status = DagsterRunStatus.FAILURE if failed else DagsterRunStatus.SUCCESS
        store(instance, run_of(instance, status), tried, materialized=good)
        for name, some in (("materialized", good), ("failed", failed), ("missing", missing)):
            cells[name] += len(some)
    return cells


def run_of(instance: DagsterInstance, status: DagsterRunStatus) -> DagsterRun:
    """A run that is over."""
    return instance.run_storage.add_run(DagsterRun("build_client_items", status=status))


def store(instance: DagsterInstance, run: DagsterRun, planned: Sequence[str], materialized: Sequence[str]) -> None:
    """The run's events about the asset, as Dagster keeps them: in the instance's index, with their tags.

    Events of a run differ in nothing but the key and the client: one of each kind is written by Dagster, then copied.
    """
    storage: Any = instance.event_log_storage
    now = time.time()
    for keys, event in ((planned, _planned(run)), (materialized, _materialized(run))):
        if not keys:
            continue
        entry = Entry(None, 20, "", run.run_id, now, CLIENT_ITEMS, run.job_name, event)  # type: ignore[no-untyped-call]
        row = storage._event_to_row(entry)
        with storage.index_transaction() as connection:
            last = connection.execute(select(func.max(SqlEventLogStorageTable.c.id))).scalar() or 0
            ids = range(last + 1, last + 1 + len(keys))
            rows = [
                {**row, "id": n, "partition": key, "event": _copy(row["event"], key)}
                for n, key in zip(ids, keys, strict=True)
            ]
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            tags = [
                {
                    "asset_key": row["asset_key"],
                    "key": f"dagster/partition/{dimension}",
                    "value": value,
                    "event_id": n,
                    "event_timestamp": row["timestamp"],
                }
                for n, key in zip(ids, keys, strict=True)
                for dimension, value in zip(("client", "day"), key.split("|"), strict=True)
            ]
            connection.execute(AssetEventTagsTable.insert(), tags)
            storage._store_asset_event(connection, entry, ids[-1])


def _copy(event: str, key: str) -> str:
    client, _bar, day = key.partition("|")
    return (
        event.replace(EXAMPLE, key).replace(EXAMPLE.partition("|")[0], client).replace(EXAMPLE.partition("|")[2], day)
    )


def _planned(run: DagsterRun) -> DagsterEvent:
    return DagsterEvent.build_asset_materialization_planned_event(
        run.job_name, CLIENT_ITEMS, AssetMaterializationPlannedData(ASSET, partition=EXAMPLE)
    )


def _materialized(run: DagsterRun) -> DagsterEvent:
    client, _bar, day = EXAMPLE.partition("|")
    event = AssetMaterialization(
        ASSET,
        partition=EXAMPLE,
        metadata={"outcome": "ok", "items_kept": 3, "seconds": 0.02, "path": f"ingested/{client}/{day}/items.json"},
        tags={"dagster/partition/client": client, "dagster/partition/day": day},
    )
    return DagsterEvent(
        event_type_value="ASSET_MATERIALIZATION",
        job_name=run.job_name,
        step_key=CLIENT_ITEMS,
        event_specific_data=StepMaterializationData(event),
    )


class Pages:
    """Asks the webserver as its pages do."""

    def __init__(self, port: int, pid: int) -> None:
        self._pid = pid
        self._url = f"http://127.0.0.1:{port}/graphql"
        self.bytes = 0  # of the largest answer
        self._variables = {
            "assetKey": {"path": ASSET.path},
            "partitionKey": str(client_day("client0500", today() - timedelta(days=40))),
        }

    def __call__(self, query: str) -> Any:
        body = json.dumps({"query": query, "variables": self._variables}).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            said = answer.read()
        self.bytes = max(self.bytes, len(said))
        found = json.loads(said)
        if found.get("errors"):
            raise RuntimeError(str(found["errors"])[:2000])
        return found

    def timed(self, query: str) -> dict[str, float]:
        """Seconds until the answer is there, and of the processor's time in the webserver."""
        began, worked = time.monotonic(), self._processor()
        self(query)
        return {
            "seconds": round(time.monotonic() - began, 3),
            "processor_seconds": round(self._processor() - worked, 2),
        }

    def _processor(self) -> float:
        with open(f"/proc/{self._pid}/stat", encoding="ascii") as file:
            told = file.read().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def until_up(self, patience: float = 240.0) -> None:
        """Waits until the code is loaded: `statistics` of an asset that nobody keeps is not asked for yet."""
        until = time.monotonic() + patience
        while True:
            try:
                nodes = self("{ assetNodes { id } }")["data"]["assetNodes"]
                if nodes:
                    return
            except (OSError, KeyError):
                pass
            if time.monotonic() > until:
                raise TimeoutError("the webserver does not answer")
            time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
