"""The figures of a target as it stands, read from where they are kept: the instance, the stores, the config bucket.

Here: counting. Not here: showing the figures, nor what they should be.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from dagster import AssetKey, DagsterInstance, DagsterRun
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from domain.clients import ClientConfig
from partitions import CLIENTS
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import open_store
from settings import DirectoryLocation, Settings

_DBT_RESOURCE = "dagster_dbt/unique_id"


def summarise(
    settings: Settings, instance: DagsterInstance, requests: int, launched: Sequence[DagsterRun]
) -> dict[str, Any]:
    """The summary's figures but the seconds; `requests` and `launched` are those of this time, the rest is all."""
    from definitions import build_definitions

    bucket = ConfigBucket(open_store(settings.stores.config))
    files = bucket.read(bucket.listing())
    configs = [config for _etag, config in files.values() if isinstance(config, ClientConfig)]
    active = [config for config in configs if config.active]
    catalog = bucket.catalog()
    needed = {s.source_key for c in active for s in catalog.resolve(c.bouquets, c.extra_sources).sources}

    archive = Archive(open_store(settings.stores.data))
    days = sorted(map(date.fromisoformat, instance.get_materialized_partitions(AssetKey("source_snapshots"))))
    last = archive.snapshots(days[-1], sorted(needed)) if days else {}
    clients = instance.get_dynamic_partitions(CLIENTS)
    items = {client: sum(len(archive.items(client, day)) for day in days) for client in clients}

    repository = build_definitions(settings).get_repository_def()
    graph = repository.asset_graph
    keys = sorted(graph.materializable_asset_keys, key=str)
    cut = [key for key in keys if graph.get(key).is_partitioned]
    partitions = {key.to_user_string(): len(instance.get_materialized_partitions(key)) for key in cut}
    models = [key for key in keys if _is_model(graph.get(key).metadata.get(_DBT_RESOURCE))]
    checks = instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [key for key in graph.asset_check_keys if key.asset_key in models]
    )
    outcomes = Counter(record.status for record in checks.values())
    pages = _pages(settings, "/newsletter.html")
    return {
        "clients_discovered": len(files),
        "clients_active": len(active),
        "clients_invalid": len(files) - len(configs),
        "sources_total": len(needed),
        "sources_failed": sum(snapshot.failed for snapshot in last.values()),
        "source_requests": requests,
        "items_by_client": items,
        "partitions_materialized": sum(partitions.values()),
        "partitions_by_asset": partitions,
        "runs_launched": len(launched),
        "runs_by_job": dict(Counter(run.job_name for run in launched)),
        "dbt_models": len(models),
        "dbt_tests_passed": outcomes[AssetCheckExecutionRecordStatus.SUCCEEDED],
        "dbt_tests_failed": outcomes[AssetCheckExecutionRecordStatus.FAILED],
        "pages": len(pages),
        "pages_to_open": [*pages, *_pages(settings, "dashboard/index.html")],
    }


def _is_model(resource: Any) -> bool:
    """Whether an asset is a model of dbt: a snapshot, say, is none."""
    return str(getattr(resource, "value", resource) or "").startswith("model.")


def _pages(settings: Settings, ending: str) -> list[str]:
    location = settings.stores.newsletters
    found = [info.key for info in open_store(location).list("") if info.key.endswith(ending)]
    if isinstance(location, DirectoryLocation):
        return [str(Path(location.path, key)) for key in found]
    return [f"{location.uri}/{key}" for key in found]
