"""What the stores and the database say is wrong, as signs. The instance's are in tests/graph/test_alert_sensor.py."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from domain.deliveries import Receipt
from resources.alert_signs import delivery_signs
from resources.object_store import DirectoryStore

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WEEK = date(2026, 11, 9)
BEGUN = Receipt(1, "sending", "reader@acme.example", "<1@vigie>", "0" * 64, (NOW - timedelta(hours=3)).isoformat())


def keep(store: DirectoryStore, client: str, *receipts: Receipt) -> None:
    """The receipts of an issue, in the place where the delivery keeps them."""
    for receipt in receipts:
        key = f"deliveries/{WEEK}/{client}/{receipt.attempt:03}.json"
        store.put(key, orjson.dumps(receipt.record()), "application/json")


def test_only_an_issue_whose_last_attempt_has_no_end_is_in_doubt(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    keep(store, "doubted", BEGUN)
    keep(store, "sent", replace(BEGUN, state="sent"))
    keep(store, "sent_again", BEGUN, replace(BEGUN, attempt=2, state="sent"))
    keep(store, "under_way", replace(BEGUN, begun_at=NOW.isoformat()))
    (sign,) = delivery_signs(store, [WEEK, WEEK + timedelta(days=7)], NOW)
    assert (sign.kind, sign.about, sign.at) == ("delivery", "client doubted", NOW - timedelta(hours=3))
    assert "reader@acme.example" in sign.why
    keep(store, "doubted", replace(BEGUN, attempt=2, state="refused"))
    assert delivery_signs(store, [WEEK], NOW) == []
