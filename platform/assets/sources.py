"""source_snapshots [day]: every source that any active client needs, fetched once for all of them.

Here: which sources a day needs, fetching, keeping. Not here: what a client makes of them (client_items).
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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

from assets.checks import catalog_valid, evaluation, rules_valid
from assets.lists import listed
from assets.names import CLIENT_FILES, GOOD_SOURCES, SOURCE_CATALOG, SOURCE_SNAPSHOTS
from assets.outcomes import Outcomes
from assets.source_health import source_results
from domain.catalog import Catalog, Source
from domain.clients import PREFIX
from domain.errors import ConfigError, VigieError
from domain.snapshots import Snapshot
from domain.source_health import FetchState, WaitingError
from partitions import CLIENTS, Partitions, today
from resources.archive import Archive
from resources.asked_sources import Asked, asked_sources
from resources.config_bucket import ConfigBucket
from resources.fetcher import Fetched, Fetcher, FetcherResource
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
        asked = _asked(context, bucket, archive)
        yield evaluation(rules_valid(bucket, catalog, {client: dict(one.profiles) for client, one in asked.items()}))
        needed = _needed(context, catalog, asked)
        outcomes = Outcomes(context, SOURCE_SNAPSHOTS, data_store.store())
        for key in sorted(outcomes.pending()):  # in time's order: a day learns from the days before it
            day, started = date.fromisoformat(key), time.monotonic()
            heard = _Heard(context, fetcher.fetcher())
            try:
                if day == today():
                    kept = fetch_day(
                        archive,
                        heard.fetcher,
                        needed,
                        day,
                        refresh=config.force_refresh,
                        on_done=heard.source,
                        on_article=heard.article,
                    )
                    states = archive.fetch_states({source: needed[source].url for source in kept})
                else:
                    kept, states = read_day_again(archive, needed, day), {}
            except VigieError as error:
                outcomes.fail(key, error)
                continue
            yield outcomes.record(key, _metadata(kept, needed, states, heard, time.monotonic() - started))
            if day == today():
                for result in source_results(archive, day, kept):
                    yield evaluation(result)
        outcomes.close()

    return [source_snapshots]


def _asked(context: AssetExecutionContext, bucket: ConfigBucket, archive: Archive) -> dict[str, Asked]:
    """What every active client asks for."""
    asked, invalid = asked_sources(bucket, archive)
    for error in invalid.values():
        context.log.warning(str(error))
    # A client whose file broke goes on with its last good configuration: its sources are needed too.
    going_on = set(context.instance.get_dynamic_partitions(CLIENTS)) - asked.keys()
    broke = archive.configs({client for client in going_on if f"{PREFIX}{client}.yaml" in invalid})
    return asked | {client: Asked.of("", config) for client, config in broke.items()}


def _needed(context: AssetExecutionContext, catalog: Catalog, asked: Mapping[str, Asked]) -> dict[str, Source]:
    """The sources of every active client, each once, in the catalog's order."""
    wanted: set[str] = set()
    for client, one in asked.items():
        resolution = catalog.resolve(one.bouquets, one.extra_sources)
        wanted.update(source.source_key for source in resolution.sources)
        for problem in resolution.problems:
            context.log.warning(f"{client}: {problem}")
    if not wanted:
        raise ConfigError(
            "no active client asks for any source.", remedy="Activate a client: see docs/add-a-client.md."
        )
    return {key: source for key, source in catalog.sources.items() if key in wanted}


@dataclass
class _Heard:
    """What a day's fetching said as it went: every source's outcome, every article page's by its URL."""

    context: AssetExecutionContext
    fetcher: Fetcher
    sources: dict[str, Fetched | VigieError] = field(default_factory=dict)
    articles: dict[str, Fetched | VigieError] = field(default_factory=dict)

    def source(self, key: str, outcome: Fetched | VigieError) -> None:
        self.sources[key] = outcome
        self.context.log.info(f"{key}: {_said(outcome)}")

    def article(self, url: str, outcome: Fetched | VigieError) -> None:
        self.articles[url] = outcome
        if isinstance(outcome, VigieError):
            self.context.log.info(f"article {_said(outcome)}")

    def status(self, key: str, snapshot: Snapshot) -> str:
        """ok, not modified, failed, or waiting: a failing source whose next try has not come."""
        outcome = self.sources.get(key)
        if snapshot.failed:
            return "waiting" if isinstance(outcome, WaitingError) else "failed"
        return "not modified" if isinstance(outcome, Fetched) and outcome.not_modified else "ok"


def _said(outcome: Fetched | VigieError) -> str:
    if isinstance(outcome, VigieError):
        return str(outcome)
    return "not modified" if outcome.not_modified else f"{len(outcome.body):,} bytes"


def _metadata(
    kept: Mapping[str, Snapshot],
    needed: Mapping[str, Source],
    states: Mapping[str, FetchState],
    heard: _Heard,
    seconds: float,
) -> dict[str, object]:
    failed = {key: snapshot.error for key, snapshot in kept.items() if snapshot.failed}
    rows = []
    for key, snapshot in sorted(kept.items()):
        state = states.get(key) or FetchState(needed[key].url)
        rows.append(
            TableRecord(
                {
                    "source": key,
                    "mode": needed[key].ingestion_mode,
                    "status": heard.status(key, snapshot),
                    "items": len(snapshot.items),
                    "new": len(snapshot.new_items),
                    "failures_in_a_row": state.failures,
                    "next_try": state.not_before.isoformat(timespec="minutes") if state.not_before else "",
                    "error": snapshot.error,
                }
            )
        )
    dates = Counter(item.date_source for snapshot in kept.values() for item in snapshot.items)
    return {
        "sources": len(kept),
        "sources_failed": len(failed),
        GOOD_SOURCES: sorted(kept.keys() - failed.keys()),
        "failures": listed(f"{key}: {reason}" for key, reason in sorted(failed.items())),
        "sources_waiting": sum(1 for row in rows if row.data["status"] == "waiting"),
        "sources_not_modified": sum(1 for row in rows if row.data["status"] == "not modified"),
        "source_requests": heard.fetcher.requests.total(),
        "robots_requests": heard.fetcher.robots_requests.total(),
        "articles": len(heard.articles),
        "articles_failed": sum(1 for outcome in heard.articles.values() if isinstance(outcome, VigieError)),
        "items": sum(len(snapshot.items) for snapshot in kept.values()),
        "items_new": sum(len(snapshot.new_items) for snapshot in kept.values()),
        "items_undated": dates["unknown"],
        "seconds": round(seconds, 2),
        "per_source": MetadataValue.table(rows),
    }
