"""What is wrong outside of Dagster: accounts that drifted or wait for people, newsletters of which nobody knows.

Here: the database and the receipts -> signs. Not here: runs, sensors and checks (sensors.alert_signs), what is done
with signs (alert_desk).
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import lru_cache

import orjson

from domain.alert_causes import Sign
from domain.deliveries import Receipt
from domain.errors import MissingError
from resources.account_tables import Account
from resources.object_store import PARALLEL, ObjectInfo, ObjectStore

_IN_DOUBT_AFTER = timedelta(minutes=15)  # a mailer gives up long before


def account_signs(accounts: Iterable[Account], now: datetime, approval_hours: float) -> list[Sign]:
    """Drift that the last look found, and plans that have waited for people for longer than `approval_hours`."""
    found = []
    for account in accounts:
        about = f"account {account.name}"
        if account.drift:
            found.append(
                Sign(
                    kind="drift",
                    what=f"account {account.name} has drifted",
                    why=f"{account.drift}. See: vigie accounts show {account.name}",
                    at=account.drift_seen_at or account.updated_at,
                    about=about,
                    cause=f"drift:{account.name}",
                )
            )
        waited = now - account.updated_at
        if account.status == "AWAITING_APPROVAL" and waited > timedelta(hours=approval_hours):
            found.append(
                Sign(
                    kind="approval",
                    what=f"a plan of account {account.name} waits for approval",
                    why=account.status_reason or "the plan waits for approval",
                    at=account.updated_at,
                    about=about,
                    cause=f"approval:{account.name}:{account.desired_version}",
                )
            )
    return found


def delivery_signs(store: ObjectStore, weeks: Iterable[date], now: datetime) -> list[Sign]:
    """Issues whose last attempt neither says that it was sent nor that it was refused, though it had the time.

    1 LIST per week; a receipt is read again only where it was written anew.
    """
    last: dict[tuple[date, str], ObjectInfo] = {}
    for week in weeks:
        for info in store.list(f"deliveries/{week}/"):  # by key: the last attempt comes last
            last[week, info.key.rpartition("/")[0]] = info
    with ThreadPoolExecutor(PARALLEL) as threads:
        receipts = threads.map(lambda info: _receipt(store, info), last.values())
    found = []
    for (week, folder), receipt in zip(last, receipts, strict=True):
        begun = datetime.fromisoformat(receipt.begun_at) if receipt else now
        if receipt and receipt.state == "sending" and now - begun > _IN_DOUBT_AFTER:
            client = folder.split("/")[2]
            found.append(
                Sign(
                    kind="delivery",
                    what=f"the newsletter of {client} for the week of {week} may have been sent or not",
                    why=f"attempt {receipt.attempt} to {receipt.recipient} has no end. {receipt.reason}".strip(),
                    at=begun,
                    about=f"client {client}",
                    cause=f"delivery:{folder}:{receipt.attempt}",
                )
            )
    return found


def _receipt(store: ObjectStore, info: ObjectInfo) -> Receipt | None:
    try:
        return _read(store, info.key, info.etag)  # type: ignore[arg-type]  # a store is hashed by its identity
    except MissingError:
        return None


@lru_cache(maxsize=20_000)
def _read(store: ObjectStore, key: str, _etag: str) -> Receipt:
    """The receipt as it was under this ETag."""
    return Receipt.of_record(orjson.loads(store.get(key).body))
