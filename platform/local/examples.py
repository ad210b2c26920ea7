"""The example configuration that the demo works on and that a fresh dev target starts from.

Here: writing it where nothing is yet, archiving the site's earlier days. Not here: its content (demo_content).
"""

from datetime import date, timedelta

from local.demo_content import demo_canonical, demo_catalog, demo_clients
from local.demo_site import DemoSite
from resources.archive import Archive
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from resources.fetcher import Fetcher
from resources.object_store import ObjectStore
from resources.source_days import fetch_day
from settings import Fetch

_ONCE = Fetch(
    user_agent="Vigie/0.1 (archiving the demo site)",
    host_interval=0,
    per_host=8,
    attempts=1,
    allow_private_addresses=True,
    robots="ignore",
)


def write_examples(store: ObjectStore, base_url: str, clients_under: str) -> None:
    """Puts catalog, scopes, event types and client files (these below `clients_under`) where nothing is yet."""
    store.put_if_absent(CATALOG_KEY, demo_catalog(base_url).encode(), "application/yaml")
    for place, text in demo_canonical().items():
        store.put_if_absent(f"canonical/{place}", text.encode(), "application/yaml")
    for name, text in demo_clients().items():
        store.put_if_absent(f"{clients_under}/{name}", text.encode(), "application/yaml")


def archive_earlier_days(site: DemoSite, config: ObjectStore, archive: Archive, first: date, today: date) -> None:
    """Takes the snapshots that Vigie would have taken on each day before today, from the site as it was then.

    Days that are archived already are left as they are. The site shows today again afterwards.
    """
    catalog = ConfigBucket(config).catalog()
    needed = {key: source for key, source in catalog.sources.items() if source.is_fetched}
    try:
        for day in (first + timedelta(days=n) for n in range((today - first).days)):
            if not archive.snapshot_sources(day):
                site.as_of = day
                fetch_day(archive, Fetcher(_ONCE), needed, day)
    finally:
        site.as_of = None
