"""What the cells should hold: the same clients and days on a calm store, without Dagster, daemon or fault.

Here: the site read day by day into a folder, and each client's cells from it. Not here: the comparison (judge). That
the calm cells are right is tested against the site's stories (test_expected).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from domain.clients import read_client
from local.demo_content import demo_canonical, demo_catalog
from local.demo_site import DemoSite
from local.examples import archive_earlier_days
from resources.archive import Archive
from resources.cells import Cells
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from resources.fetcher import Fetcher
from resources.object_store import DirectoryStore
from resources.source_days import fetch_day
from settings import Fetch

CellKey = tuple[str, str]  # client, day
_CALM = Fetch(host_interval=0, per_host=8, attempts=1, allow_private_addresses=True, robots="ignore")


def calm_cells(
    folder: Path, site: DemoSite, files: Mapping[str, bytes], days: Sequence[date]
) -> dict[CellKey, dict[str, str]]:
    """Each cell's items, id -> content hash, for these client files (name -> YAML) and days, the last one today."""
    store = DirectoryStore(folder)
    folder.mkdir(parents=True)
    store.put(CATALOG_KEY, demo_catalog(site.base_url).encode())
    for place, written in demo_canonical().items():
        store.put(f"canonical/{place}", written.encode())
    archive, bucket = Archive(store), ConfigBucket(store)
    archive_earlier_days(site, store, archive, days[0], days[-1])
    catalog = bucket.catalog()
    needed = {key: source for key, source in catalog.sources.items() if source.is_fetched}
    fetch_day(archive, Fetcher(_CALM), needed, days[-1])
    for name, file in files.items():
        archive.keep_config(read_client(f"clients/{name}.yaml", file), "calm")
    cells = Cells(archive, catalog, list(files), days[-1], rules=bucket.selection_rules())
    for day in days:
        cells.build_day(day, sorted(files))
    return {(name, str(day)): contents(archive, name, day) for name in files for day in days}


def contents(archive: Archive, client: str, day: date) -> dict[str, str]:
    """What a cell holds in an archive: item id -> content hash."""
    return {item.item_id: item.content_hash for item in archive.items(client, day)}
