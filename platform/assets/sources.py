"""source_snapshots [day]: every source that any active client needs, fetched once for all of them.

Here: which sources a day needs, fetching, keeping. Not here: what a client makes of them (client_items).
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from dagster import (
    AssetCheckEvaluation,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    BackfillPolicy,
    Config,
    MetadataValue,
    TableRecord,
    multi_asset,
)
from pydantic import Field

from assets.checks import catalog_valid, evaluation
from assets.names import CLIENT_FILES, GOOD_SOURCES, SOURCE_CATALOG, SOURCE_SNAPSHOTS
from assets.outcomes import Outcomes
from domain.catalog import Catalog, Source
from domain.clients import PREFIX
from domain.errors import ConfigError, VigieError
from domain.snapshots import Snapshot
from partitions import CLIENTS, Partitions, today
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.fetcher import Fetched, FetcherResource
from resources.object_store import ObjectStoreResource
from resources.source_days import fetch_day, read_day_again


class SnapshotConfig(Config):
    """What a person may ask of one run, in the launchpad."""

    force_refresh: bool = Field(
        default=False, description="Fetch today's sources again even where today's snapshot is good."
    )


def source_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset, for the given partitionings."""

    @multi_asset(
        name=SOURCE_SNAPSHOTS,
        specs=[
            AssetSpec(
                SOURCE_SNAPSHOTS,
                description="What each source showed that day: its body and its items. Fetched once for all clients.",
                group_name="clients",
                kinds={"http"},
                skippable=True,
                partitions_def=partitions.days,
                deps=[CLIENT_FILES, SOURCE_CATALOG],
            )
        ],
        backfill_policy=BackfillPolicy.single_run(),
        pool="sources",  # one at a time: two runs of one day would fetch every source twice
    )
    def source_snapshots(
        context: AssetExecutionContext,
        config: SnapshotConfig,
        config_store: ObjectStoreResource,
        data_store: ObjectStoreResource,
        fetcher: FetcherResource,
    ) -> Iterator[AssetMaterialization | AssetCheckEvaluation]:
        bucket, archive = ConfigBucket(config_store.store()), Archive(data_store.store())
        catalog = bucket.catalog()
        yield evaluation(catalog_valid(catalog))
        needed = _needed(context, bucket, archive, catalog)
        outcomes = Outcomes(context, SOURCE_SNAPSHOTS)
        for key in sorted(outcomes.pending()):  # in time's order: a day learns from the days before it
            day, started = date.fromisoformat(key), time.monotonic()
            client = fetcher.fetcher()
            try:
                if day == today():
                    kept = fetch_day(
                        archive, client, needed, day, refresh=config.force_refresh, on_done=_progress(context)
                    )
                else:
                    kept = read_day_again(archive, needed, day)
            except VigieError as error:
                outcomes.fail(key, error)
                continue
            yield outcomes.record(key, _metadata(kept, needed, client.requests.total(), time.monotonic() - started))
        outcomes.close()

    return [source_snapshots]


def _needed(
    context: AssetExecutionContext, bucket: ConfigBucket, archive: Archive, catalog: Catalog
) -> dict[str, Source]:
    """The sources of every active client, each once, in the catalog's order."""
    clients, invalid = bucket.active_clients()
    for error in invalid.values():
        context.log.warning(str(error))
    # A client whose file broke goes on with its last good configuration: its sources are needed too.
    going_on = set(context.instance.get_dynamic_partitions(CLIENTS)) - {client.client_id for client in clients}
    clients += archive.configs({client for client in going_on if f"{PREFIX}{client}.yaml" in invalid}).values()
    wanted: set[str] = set()
    for client in clients:
        resolution = catalog.resolve(client.bouquets, client.extra_sources)
        wanted.update(source.source_key for source in resolution.sources)
        for problem in resolution.problems:
            context.log.warning(f"{client.client_id}: {problem}")
    if not wanted:
        raise ConfigError(
            "no active client asks for any source.", remedy="Activate a client: see docs/add-a-client.md."
        )
    return {key: source for key, source in catalog.sources.items() if key in wanted}


def _progress(context: AssetExecutionContext) -> Callable[[str, Fetched | VigieError], None]:
    def finished(key: str, outcome: Fetched | VigieError) -> None:
        said = str(outcome) if isinstance(outcome, VigieError) else f"{len(outcome.body):,} bytes"
        context.log.info(f"{key}: {said}")

    return finished


def _metadata(
    kept: Mapping[str, Snapshot], needed: Mapping[str, Source], sent: int, seconds: float
) -> dict[str, object]:
    failed = {key: snapshot.error for key, snapshot in kept.items() if snapshot.failed}
    rows = [
        TableRecord(
            {
                "source": key,
                "mode": needed[key].ingestion_mode,
                "outcome": "failed" if snapshot.failed else "ok",
                "items": len(snapshot.items),
                "new": len(snapshot.new_items),
                "error": snapshot.error,
            }
        )
        for key, snapshot in sorted(kept.items())
    ]
    dates = Counter(item.date_source for snapshot in kept.values() for item in snapshot.items)
    return {
        "sources": len(kept),
        "sources_failed": len(failed),
        GOOD_SOURCES: sorted(kept.keys() - failed.keys()),
        "failures": MetadataValue.md(
            "\n".join(f"- {key}: {reason}" for key, reason in sorted(failed.items())) or "none"
        ),
        "source_requests": sent,
        "items": sum(len(snapshot.items) for snapshot in kept.values()),
        "items_new": sum(len(snapshot.new_items) for snapshot in kept.values()),
        "items_undated": dates["unknown"],
        "seconds": round(seconds, 2),
        "per_source": MetadataValue.table(rows),
    }
