"""Vigie's way of one day: the functions that its sensor and its assets call, in their order, without Dagster.

Here: from a bucket of client files to every client's items.json in S3, and a look at files that have not changed.
Not here: the warehouse, Dagster's runs and events (benchmarks/startup.py tells what those cost).
"""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.ingestion.processes import CONFIG, DATA, Server, measured

import resources.s3_store  # noqa: F401 (AWS packages are imported when first used: no part of the work)
from domain.activation import Cursor, Decision, decide, to_read
from domain.catalog import Catalog, Source
from domain.clients import ClientConfig
from domain.errors import VigieError
from partitions import today
from resources.archive import Archive
from resources.asked_sources import asked_sources
from resources.cells import Cells
from resources.config_bucket import ConfigBucket
from resources.fetcher import Fetcher
from resources.object_store import open_store
from resources.source_days import fetch_day
from settings import Fetch, S3Location

AT_ONCE = 200  # cells, as the asset does


class Stopwatch:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a block."""
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)


def config_bucket(s3: str) -> ConfigBucket:
    """The config bucket on the S3 server at that address."""
    return ConfigBucket(open_store(S3Location(kind="s3", bucket=CONFIG, region="us-east-1", endpoint_url=s3)))


def look(bucket: ConfigBucket, cursor_text: str, present: list[str]) -> tuple[Decision, int]:
    """One look of the sensor: list, compare with the cursor, read what differs, decide. The decision, files read."""
    listing, cursor = bucket.listing(), Cursor.load(cursor_text)
    keys = to_read(listing, cursor, present)
    decision = decide(listing, cursor, bucket.read(keys), present, {})
    return decision, len(keys)


def day(s3: str, politeness: dict[str, Any]) -> dict[str, Any]:
    """What new clients cost once (`activation`), then their first day: from an unchanged look to every items.json.

    Nothing is known of the sources and nothing of theirs is kept yet. Times are in seconds, `cpu` this process's own.
    """
    clock = Stopwatch()
    with clock.stage("activation"):
        bucket = config_bucket(s3)
        archive = Archive(open_store(S3Location(kind="s3", bucket=DATA, region="us-east-1", endpoint_url=s3)))
        first = activate(bucket, archive)
        asked_sources(bucket, archive)  # the first fetch reads the files once, and remembers what they ask for
    began, cpu = time.perf_counter(), time.process_time()
    with clock.stage("look"):  # sensors.client_activation
        clients = list(first.activated)
        decision, read = look(bucket, first.cursor.dump(), clients)
        assert (decision.activated, read) == ((), 0)
    with clock.stage("needed_sources"):  # assets.sources
        catalog = bucket.catalog()
        needed = needed_sources(bucket, archive, catalog)
    with clock.stage("fetch"):
        snapshots = fetch_day(archive, Fetcher(Fetch(**politeness)), needed, today())
        assert not [one.error for one in snapshots.values() if one.failed]
    with clock.stage("cells"):  # assets.client_items
        cells = Cells(archive, bucket.catalog(), clients, today(), rules=bucket.selection_rules())
        items = 0
        for start in range(0, len(clients), AT_ONCE):
            for outcome in cells.build_day(today(), clients[start : start + AT_ONCE]).values():
                assert not isinstance(outcome, VigieError), outcome
                items += len(outcome.items)
    return {
        "seconds": round(time.perf_counter() - began, 3),
        "cpu": round(time.process_time() - cpu, 3),
        "stages": clock.seconds,
        "clients": len(clients),
        "items": items,
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def activate(bucket: ConfigBucket, archive: Archive) -> Decision:
    """The first look at the files, and the configurations that it asks for (assets.client_configs)."""
    decision, _read = look(bucket, "", [])
    for etag, config in bucket.read(f"clients/{client}.yaml" for client in decision.activated).values():
        assert isinstance(config, ClientConfig), config
        archive.keep_config(config, etag)
    return decision


def needed_sources(bucket: ConfigBucket, archive: Archive, catalog: Catalog) -> dict[str, Source]:
    """The sources of every active client, each once."""
    asked, invalid = asked_sources(bucket, archive)
    assert not invalid
    resolved = (catalog.resolve(one.bouquets, one.extra_sources).sources for one in asked.values())
    return {source.source_key: source for sources in resolved for source in sources}


def scans(s3: str, looks: int) -> dict[str, Any]:
    """The first look at a bucket, then looks at the same files unchanged; each opens its store anew, as a tick does."""
    server = Server.at(s3)
    server.counts()
    began = time.perf_counter()
    decision, read = look(config_bucket(s3), "", [])
    cold = time.perf_counter() - began
    cold_counts = server.counts()
    cursor, present = decision.cursor.dump(), list(decision.activated)
    unchanged = []
    for _look in range(looks):
        began = time.perf_counter()
        _decision, read_again = look(config_bucket(s3), cursor, present)
        unchanged.append(time.perf_counter() - began)
        read += read_again
    counts = server.counts()
    assert len(present) == read, "every file is read once, at the first look"
    return {
        "cold_seconds": round(cold, 3),
        "cold_counts": cold_counts,
        "unchanged_seconds": round(median(unchanged), 4),
        "unchanged_gets": counts.get("GET", 0) / looks,
        "unchanged_lists": counts.get("LIST", 0) / looks,
        "clients": len(present),
    }


if __name__ == "__main__":
    measured(day, scans)
