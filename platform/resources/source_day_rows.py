"""The snapshots of a day as rows of raw.source_days: how each source did, without its items.

Here: counting them, and loading whole days. Not here: what is odd about a source (domain.source_checks), its health
over time (dbt's source_health), fetching (resources.source_days).
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from domain.snapshots import Snapshot
from domain.source_checks import newest_item
from resources.archive import Archive
from resources.warehouse import Warehouse


def load_source_days(archive: Archive, warehouse: Warehouse, days: Iterable[date]) -> int:
    """Makes raw.source_days hold, of these days, what the archive holds of them; how many rows that is.

    A day that nothing is archived of has no rows. The raw tables are there (`prepare`). Each snapshot is read: one
    request per source and day.
    """
    named, now = sorted(set(days)), datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    for day in named:  # a day at a time: its items are not needed once they are counted
        rows += [_row(found, now) for found in archive.snapshots(day, sorted(archive.snapshot_sources(day))).values()]
    warehouse.replace_days("source_days", named, rows)
    return len(rows)


def _row(snapshot: Snapshot, now: datetime) -> dict[str, Any]:
    new = snapshot.new_items
    return {
        "day": snapshot.day,
        "source_key": snapshot.source_key,
        "outcome": "failed" if snapshot.failed else "ok",
        "error": snapshot.error,
        "items": len(snapshot.items),
        "items_new": len(new),
        "undated": sum(item.published_at is None for item in new),
        "newest_item": newest_item(snapshot),
        "fetched_at": snapshot.fetched_at,
        "loaded_at": now,
    }
