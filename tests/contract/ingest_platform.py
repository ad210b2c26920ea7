"""An installation for tests of the ingest event: two buckets in folders that count requests, and the demo site.

Here: writing client files, sending events, looking at what was written. Not here: what a suite asserts.
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from domain.ingest_result import Answer
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from resources.config_bucket import CATALOG_KEY
from resources.fetcher import Fetcher
from resources.ingest import ingest
from resources.object_store import DirectoryStore, ObjectInfo, ObjectStore, StoredObject
from settings import Fetch

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TODAY = NOW.date()
ORVANE, DISPATCH = "press_corporate__orvane", "press_sector__depot_dispatch"
DOWN = "press_corporate__solvane"  # answers 503
PATHS = {ORVANE: "/orvane/news/", DISPATCH: "/depot-dispatch/rss.xml"}
BOTH = f"[{ORVANE}, {DISPATCH}]"


class CountingStore:
    """An object store that counts what is asked of the one beneath."""

    def __init__(self, beneath: ObjectStore) -> None:
        self._beneath = beneath
        self.asked: Counter[tuple[str, str]] = Counter()

    @property
    def uri(self) -> str:
        return self._beneath.uri

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.asked["list", prefix] += 1
        return self._beneath.list(prefix)

    def get(self, key: str) -> StoredObject:
        self.asked["get", key] += 1
        return self._beneath.get(key)

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        self.asked["put", key] += 1
        self._beneath.put(key, body, content_type)

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        self.asked["put", key] += 1
        return self._beneath.put_if_absent(key, body, content_type)

    def delete(self, key: str) -> None:
        self.asked["delete", key] += 1
        self._beneath.delete(key)

    def count(self, kind: str, prefix: str) -> int:
        return sum(times for (asked, key), times in self.asked.items() if asked == kind and key.startswith(prefix))


class Platform:
    """Two buckets in folders and a site: what one installation has."""

    def __init__(self, folder: Path, site: DemoSite) -> None:
        self.site = site
        self.now = NOW
        for name in ("config/clients", "data"):
            (folder / name).mkdir(parents=True)
        self.config = CountingStore(DirectoryStore(folder / "config"))
        self.data = CountingStore(DirectoryStore(folder / "data"))
        self.config.put(CATALOG_KEY, demo_catalog(site.base_url).encode())

    def client(
        self,
        name: str,
        sources: str = BOTH,
        *,
        bouquets: str = "[]",
        filters: str = "{}",
        pipeline: str = "{}",
        active: bool = True,
    ) -> None:
        text = (
            f"client_profile: {{active: {str(active).lower()}}}\n"
            f"pipeline: {pipeline}\n"
            f"source_config:\n"
            f"  sources_extra_enabled: {sources}\n"
            f"  source_bouquets_enabled: {bouquets}\n"
            f"  content_filters: {filters}\n"
        )
        self.config.put(f"clients/{name}.yaml", text.encode())

    def ingest(self, **asked: Any) -> Answer:
        """What the event is answered at the instant `now`; the site's counts begin anew."""
        # No more at once than the small server lets wait: a connection beyond is tried again after a second.
        policy = Fetch(
            host_interval=0, per_host=4, timeout=5, attempts=1, allow_private_addresses=True, robots="ignore"
        )
        self.site.requests.clear()
        return ingest(asked, self.config, self.data, Fetcher(policy), self.now)

    def written(self, prefix: str = "") -> dict[str, bytes]:
        return {info.key: self.data.get(info.key).body for info in self.data.list(prefix)}

    def items(self, answer: Answer) -> list[dict[str, Any]]:
        """What the answer to an event for one client says it wrote."""
        key = str(answer.body["s3_output_path"]).removeprefix(f"{self.data.uri}/")
        found: list[dict[str, Any]] = json.loads(self.data.get(key).body)
        assert len(found) == answer.body["items_final"]
        return found


def results(answer: Answer) -> dict[str, str]:
    """How each client came out."""
    return {line["client_id"]: line["outcome"] for line in answer.body["client_results"]}


def days(items: list[dict[str, Any]]) -> set[str | None]:
    """The days of publication among the items."""
    return {item["published_at"] for item in items}
