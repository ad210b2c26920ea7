"""What is found after a chaos run, past the proxies: in the stores, the warehouse, the instance, the database.

Here: reading. Not here: what it should be (judge, expected).
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
from dagster import AssetKey, RunsFilter
from dagster._core.storage.dagster_run import FINISHED_STATUSES, DagsterRunStatus

from domain.inputs import inputs_of
from local import schematics_terraform as terraform
from partitions import CLIENTS
from resources.launch_book import LaunchBook
from resources.object_store import ObjectStore
from resources.warehouse_resource import WarehouseResource
from tests.chaos.expected import CellKey
from tests.chaos.judge import AccountEnd, Evidence, Launch
from tests.chaos.load import Load
from tests.chaos.stage import Stage

_PAGE_FILES = ("newsletter.html", "newsletter.md", "newsletter.json", "explain.html", "explain.json", "manifest.json")


def gather(load: Load, expected: dict[CellKey, dict[str, str]]) -> Evidence:
    """Everything there is to judge."""
    stage = load.stage
    stored, broken = _stored(stage)
    launches, accounts = _accounts(load)
    assets = ("client_config", "source_snapshots", "client_items", "newsletter")
    materialized = {name: frozenset(stage.instance.get_materialized_partitions(AssetKey(name))) for name in assets}
    return Evidence(
        expected=expected,
        stored=stored,
        warehouse=_rows(stage, "raw.items"),
        models=_rows(stage, "int_items_ranked"),
        launches=launches,
        accounts=accounts,
        claimed_slots=_claimed(stage),
        runs_left=_runs_left(stage),
        materialized=materialized,
        kept=_kept(stage, stored),
        broken_objects=broken,
    )


def days_kept(stage: Stage) -> list[date]:
    """The days of which there is a snapshot."""
    return sorted({date.fromisoformat(info.key.split("/")[1]) for info in stage.data.list("snapshots/")})


def _stored(stage: Stage) -> tuple[dict[CellKey, list[tuple[str, str]]], list[str]]:
    found, broken = dict[CellKey, list[tuple[str, str]]](), list[str]()
    for info in stage.data.list("ingested/"):
        _ingested, client, year, month, day, _file = info.key.split("/")
        try:
            records = orjson.loads(stage.data.get(info.key).body)
            found[client, f"{year}-{month}-{day}"] = [(one["item_id"], one["content_hash"]) for one in records]
        except (ValueError, KeyError, TypeError) as error:
            broken.append(f"{info.key} cannot be read: {error}")
    for store in (stage.config, stage.data, stage.newsletters):
        broken += [f"{info.key} is empty" for info in store.list("") if info.size == 0]
    return found, broken


def _kept(stage: Stage, stored: dict[CellKey, list[tuple[str, str]]]) -> dict[str, frozenset[str]]:
    """Asset -> partitions whose object is whole, and says what the partition's metadata say."""
    return {
        "client_config": frozenset(
            info.key.removeprefix("client_configs/").removesuffix(".json")
            for info in stage.data.list("client_configs/")
            if _reads(stage.data, info.key, lambda found: "etag" in found)
        ),
        "source_snapshots": frozenset(str(day) for day in days_kept(stage)),
        "client_items": frozenset(
            f"{client}|{day}" for (client, day), items in stored.items() if _count(stage, client, day) == len(items)
        ),
        "newsletter": _pages(stage),
    }


def _count(stage: Stage, client: str, day: str) -> int | None:
    """How many items the cell's last materialization says that it holds."""
    key = AssetKey("client_items")
    records = stage.instance.fetch_materializations(_of(key, f"{client}|{day}"), limit=1).records
    event = records[0].asset_materialization if records else None
    return int(str(event.metadata["items_kept"].value)) if event else None


def _of(key: AssetKey, partition: str) -> Any:
    from dagster import AssetRecordsFilter

    return AssetRecordsFilter(key, asset_partitions=[partition])


def _pages(stage: Stage) -> frozenset[str]:
    keys = {info.key for info in stage.newsletters.list("")}
    whole = set()
    for key in keys:
        folder, _slash, file = key.rpartition("/")
        if file == "manifest.json" and keys >= {f"{folder}/{name}" for name in _PAGE_FILES}:
            client, year, month, day = folder.split("/")
            if _reads(stage.newsletters, key, bool) and _reads(stage.newsletters, f"{folder}/newsletter.json", bool):
                whole.add(f"{client}|{year}-{month}-{day}")
    return frozenset(whole)


def _reads(store: ObjectStore, key: str, holds: Callable[[Any], bool]) -> bool:
    try:
        return holds(orjson.loads(store.get(key).body))
    except ValueError:
        return False


def _rows(stage: Stage, table: str) -> list[tuple[str, str, str]]:
    warehouse = WarehouseResource.of(stage.settings.warehouse).warehouse()
    found = warehouse.query(f"select client_id, day, item_id from {table}")
    return [(row["client_id"], str(row["day"]), row["item_id"]) for row in found]


def _claimed(stage: Stage) -> dict[str, int]:
    storage = stage.instance.event_log_storage
    pools = storage.get_concurrency_keys()
    claimed = {pool: storage.get_concurrency_info(pool) for pool in pools}
    return {pool: len(info.claimed_slots) + len(info.pending_steps) for pool, info in claimed.items()}


def _runs_left(stage: Stage) -> list[str]:
    left = [status for status in DagsterRunStatus if status not in FINISHED_STATUSES]
    runs = stage.instance.get_runs(RunsFilter(statuses=left))
    return [f"{run.job_name} {run.run_id[:8]} is {run.status.value}" for run in runs]


def _accounts(load: Load) -> tuple[list[Launch], list[AccountEnd]]:
    stage, book = load.stage, LaunchBook(load.stage.database)
    accounts = stage.database.accounts()
    versions = {
        job.activity_id: job.version for account in accounts for job in book.jobs(account.name) if job.activity_id
    }
    launches = [
        Launch(
            one["workspace_name"],
            one["kind"],
            versions.get(one["activity"]),
            one["started"],
            one["ended"],
            one["status"] == "COMPLETED",
        )
        for one in stage.schematics.report()["launches"]
    ]
    ends = []
    for account in accounts:
        desired = stage.database.versions(account.name)[-1].state()
        wanted = terraform.wanted({one.name: one.value for one in inputs_of(desired, {})})
        with stage.schematics.state.lock:
            resources = stage.schematics.state.find(account.schematics_workspace_id or "").resources
        ends.append(
            AccountEnd(
                account.name,
                account.status,
                account.desired_version,
                account.applied_version,
                len(book.open_jobs(account.name)),
                resources == wanted,
                load.subnets[account.name],
                sum(address.startswith("ibm_is_subnet") for address in resources),
            )
        )
    return launches, ends


def clients_lost(load: Load) -> list[str]:
    """Clients whose file is there and that are no partition, and partitions of clients that nobody wished for."""
    known = set(load.stage.instance.get_dynamic_partitions(CLIENTS))
    return sorted(known ^ load.clients.keys())
