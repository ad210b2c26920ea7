"""What the stores hold, by listing: configurations, days, cells, pages, mailed issues.

Here: keys -> what they say. Not here: what follows from it (domain.kept_history), single objects (archive).
"""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import orjson

from domain.clients import ClientConfig
from domain.deliveries import Receipt
from domain.errors import ConfigError, MissingError
from domain.kept_history import DaySources
from resources.archive import Archive
from resources.object_store import PARALLEL, ObjectStore

_CONFIG = re.compile(r"client_configs/([a-z0-9][a-z0-9_-]*)\.json")
_DATED = r"([a-z0-9][a-z0-9_-]*)/(\d{4})/(\d\d)/(\d\d)"
_CELL = re.compile(rf"ingested/{_DATED}/items\.json")
_PAGE = re.compile(rf"{_DATED}/manifest\.json")
_RECEIPT = re.compile(r"deliveries/(\d{4}-\d\d-\d\d)/([a-z0-9][a-z0-9_-]*)/\d+\.json")


def kept_configs(store: ObjectStore) -> dict[str, tuple[str, ClientConfig]]:
    """Client -> the ETag of the file it was read from, and its configuration; damaged ones are left out."""
    names = [found[1] for info in store.list("client_configs/") if (found := _CONFIG.fullmatch(info.key))]
    with ThreadPoolExecutor(PARALLEL) as threads:
        read = zip(names, threads.map(lambda name: _config(store, name), names), strict=True)
        return {name: found for name, found in read if found}


def _config(store: ObjectStore, client: str) -> tuple[str, ClientConfig] | None:
    try:
        record = orjson.loads(store.get(f"client_configs/{client}.json").body)
        return str(record["etag"]), ClientConfig.from_json(record)
    except (MissingError, ConfigError, ValueError, TypeError, KeyError):
        return None


def kept_days(archive: Archive, days: Iterable[date]) -> dict[date, DaySources]:
    """The days that have snapshots, with how each source's turned out. Every snapshot of them is read."""
    found = {}
    for day in days:
        names = archive.snapshot_sources(day)
        if names:
            read = archive.snapshots(day, sorted(names))
            failed = frozenset(key for key, snapshot in read.items() if snapshot.failed)
            found[day] = DaySources(frozenset(read) - failed, failed)
    return found


def kept_cells_of(store: ObjectStore) -> set[tuple[str, date]]:
    """The (client, day) cells with an items.json."""
    return set(_dated(store, "ingested/", _CELL))


def kept_pages(store: ObjectStore) -> set[tuple[str, date]]:
    """The (client, Monday) newsletters that are whole: their manifest is there."""
    return set(_dated(store, "", _PAGE))


def mailed(store: ObjectStore) -> set[tuple[str, date]]:
    """The (client, Monday) issues of which a receipt says that they went out to the client."""
    sent = set()
    for info in store.list("deliveries/"):
        found = _RECEIPT.fullmatch(info.key)
        if found and Receipt.of_record(orjson.loads(store.get(info.key).body)).state == "sent":
            sent.add((found[2], date.fromisoformat(found[1])))
    return sent


def _dated(store: ObjectStore, prefix: str, key: re.Pattern[str]) -> Iterator[tuple[str, date]]:
    for info in store.list(prefix):
        found = key.fullmatch(info.key)
        if found:
            try:
                yield found[1], date(int(found[2]), int(found[3]), int(found[4]))
            except ValueError:
                continue  # no day of the calendar: not ours
