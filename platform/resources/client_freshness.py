"""The newest day that each client really got, as the archive has it: a cell is written where it is ok or degraded.

Here: listing. Not here: which clients there are, what is too old (domain.freshness).
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

from resources.object_store import PARALLEL, ObjectStore

_MONTHS = 3  # how far back a day is looked for


def newest_days(store: ObjectStore, clients: Iterable[str], today: date) -> dict[str, date | None]:
    """Client -> its newest day up to `today`; None where the last months hold none. 1 LIST each."""
    names = sorted(clients)
    with ThreadPoolExecutor(PARALLEL) as threads:
        return dict(zip(names, threads.map(lambda client: _newest(store, client, today), names), strict=True))


def _newest(store: ObjectStore, client: str, today: date) -> date | None:
    month = today.replace(day=1)
    for _n in range(_MONTHS):
        days = [_day(info.key) for info in store.list(f"ingested/{client}/{month:%Y/%m}/")]
        if known := [day for day in days if day and day <= today]:
            return max(known)
        month = (month - timedelta(days=1)).replace(day=1)
    return None


def _day(key: str) -> date | None:
    """The day of `ingested/{client}/{YYYY}/{MM}/{DD}/items.json`; None for any other object."""
    parts = key.split("/")
    if len(parts) != 6 or parts[5] != "items.json":
        return None
    try:
        return date(*map(int, parts[2:5]))
    except ValueError:
        return None
