"""The archive on both object stores: what is kept is got back, and a crash between two writes costs nothing."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from domain.catalog import Source
from domain.client_days import ClientDay
from domain.clients import ClientConfig, read_client
from domain.errors import MissingError, ParseError
from domain.items import Item
from domain.profiles import Selection
from domain.snapshots import Body, FirstSeen, Snapshot, failure, take
from resources.archive import Archive
from resources.object_store import ObjectStore

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
SOURCE = Source("press__a", source_type="press", ingestion_mode="api", enabled=True, api_url="https://a.example/api")


@pytest.fixture
def archive(store: ObjectStore) -> Archive:
    return Archive(store)


def body(*names: str) -> Body:
    entries = [{"title": f"Étude {name}", "content": f"Texte {name}", "url": f"/{name}", "id": name} for name in names]
    text = json.dumps({"items": entries}, ensure_ascii=False)
    return Body(text.encode(), "https://a.example/api?page=1", "application/json; charset=utf-8", AT)


def snapshot(day: date, *names: str, seen: FirstSeen | None = None) -> Snapshot:
    return take(SOURCE, day, body(*names), seen or FirstSeen())


def cell(day: date, *items: Item) -> ClientDay:
    return ClientDay("acme", day, "ok", items, len(items), Selection(items, (), ()), {}, ())


def everything(store: ObjectStore) -> dict[str, bytes]:
    return {info.key: store.get(info.key).body for info in store.list("")}


def test_a_snapshot_kept_is_got_back(archive: Archive) -> None:
    good = snapshot(DAY, "x", "y")
    bad = failure(Source("press__b", ingestion_mode="rss"), DAY, AT, ParseError("not a feed."))
    archive.keep_snapshot(good, body("x", "y"))
    archive.keep_snapshot(bad)
    assert archive.snapshots(DAY, ["press__a", "press__b"]) == {"press__a": good, "press__b": bad}


def test_sources_without_a_snapshot_of_the_day_are_left_out(archive: Archive) -> None:
    archive.keep_snapshot(snapshot(DAY, "x"))
    assert list(archive.snapshots(DAY, ["press__a", "press__none"])) == ["press__a"]
    assert archive.snapshots(DAY + timedelta(days=1), ["press__a"]) == {}
    assert archive.snapshots(DAY, []) == {}


def test_the_sources_of_a_day_are_told_without_their_bodies(archive: Archive) -> None:
    archive.keep_snapshot(snapshot(DAY, "x"), body("x"), FirstSeen())
    archive.keep_snapshot(failure(Source("press__b", ingestion_mode="rss"), DAY, AT, ParseError("not a feed.")))
    assert archive.snapshot_sources(DAY) == {"press__a", "press__b"}
    assert archive.snapshot_sources(DAY - timedelta(days=1)) == set()


def test_a_body_kept_is_got_back_with_what_reading_it_needs(archive: Archive) -> None:
    kept = snapshot(DAY, "é")
    archive.keep_snapshot(kept, body("é"))
    assert archive.body(kept) == body("é")


def test_a_snapshot_without_a_body_has_none(archive: Archive) -> None:
    failed = failure(SOURCE, DAY, AT, ParseError("not JSON."))
    archive.keep_snapshot(failed)
    assert archive.body(failed) is None


def test_the_same_content_is_the_same_object_byte_for_byte(archive: Archive, store: ObjectStore) -> None:
    archive.keep_snapshot(snapshot(DAY, "x"), body("x"), FirstSeen())
    first = everything(store)
    archive.keep_snapshot(snapshot(DAY, "x"), body("x"), FirstSeen())
    assert everything(store) == first
    assert sorted(first) == [
        "first_seen/press__a.json.gz",
        "snapshots/2026-11-21/press__a.body.gz",
        "snapshots/2026-11-21/press__a.json.gz",
    ]
    assert json.loads(gzip.decompress(first["snapshots/2026-11-21/press__a.json.gz"]))["source_key"] == "press__a"


def test_of_a_source_that_was_never_seen_nothing_is_known(archive: Archive) -> None:
    assert archive.first_seen("press__a", DAY) == FirstSeen()


def test_first_days_are_kept_with_the_snapshot(archive: Archive) -> None:
    archive.keep_snapshot(kept := snapshot(DAY, "x"), None, FirstSeen())
    seen = archive.first_seen("press__a", DAY + timedelta(days=1))
    assert seen.days == {kept.items[0].item_id: DAY}
    assert seen.as_of == DAY


def test_what_a_crash_between_snapshot_and_first_days_left_unnoted_is_learned(archive: Archive) -> None:
    archive.keep_snapshot(old := snapshot(DAY, "x"), None, FirstSeen())
    # The process ended after the snapshot was written and before its first days were.
    archive.keep_snapshot(crashed := snapshot(DAY + timedelta(days=1), "y"))
    seen = archive.first_seen("press__a", DAY + timedelta(days=2))
    assert seen.days == {old.items[0].item_id: DAY, crashed.items[0].item_id: DAY + timedelta(days=1)}
    assert snapshot(DAY + timedelta(days=2), "x", "y", seen=seen).new_items == ()


def test_a_crash_on_the_first_day_of_a_source_is_learned_too(archive: Archive) -> None:
    archive.keep_snapshot(crashed := snapshot(DAY, "x"))
    seen = archive.first_seen("press__a", DAY + timedelta(days=1))
    assert seen.days == {crashed.items[0].item_id: DAY}


def test_a_crash_before_a_pause_of_weeks_is_learned(archive: Archive) -> None:
    archive.keep_snapshot(snapshot(DAY, "x"), None, FirstSeen())
    archive.keep_snapshot(snapshot(DAY + timedelta(days=1), "y"))
    seen = archive.first_seen("press__a", DAY + timedelta(days=30))
    assert sorted(seen.days.values()) == [DAY, DAY + timedelta(days=1)]


def test_the_day_itself_is_not_learned_before_it_is_over(archive: Archive) -> None:
    archive.keep_snapshot(snapshot(DAY, "x"))
    assert archive.first_seen("press__a", DAY) == FirstSeen()


def test_a_configuration_kept_is_got_back_with_its_warnings(archive: Archive) -> None:
    text = "client_profile: {name: Veille galénique, active: true, colour: red}\nmetadata: {since: 2024-01-31}\n"
    config = read_client("clients/acme.yaml", text.encode())
    assert config.warnings
    archive.keep_config(config, "etag")
    kept = archive.configs(["acme", "nobody"])
    assert list(kept) == ["acme"]
    assert kept["acme"].warnings == config.warnings
    assert kept["acme"].fingerprint == config.fingerprint
    assert kept["acme"].name == "Veille galénique"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"client_id": "acme"}'])
def test_a_damaged_copy_of_a_configuration_is_as_good_as_none_and_hides_no_other(
    archive: Archive, store: ObjectStore, damage: bytes
) -> None:
    archive.keep_config(read_client("clients/other.yaml", b"client_profile: {active: true}"), "1")
    store.put("client_configs/acme.json", damage)
    assert list(archive.configs(["acme", "other"])) == ["other"]


def test_items_are_written_as_v2_wrote_them(archive: Archive, store: ObjectStore) -> None:
    items = snapshot(DAY, "à", "b").items
    archive.keep_items(cell(DAY, *items))
    written = store.get("ingested/acme/2026/11/21/items.json").body
    records = json.loads(written)
    assert isinstance(records, list)
    assert records == [item.record() for item in items]
    assert written.decode() == json.dumps(records, indent=2, ensure_ascii=False)
    assert "Étude à".encode() in written


def test_items_kept_are_got_back(archive: Archive) -> None:
    items = snapshot(DAY, "x", "y").items
    archive.keep_items(cell(DAY, *items))
    assert archive.items("acme", DAY) == list(items)
    assert archive.items("acme", DAY + timedelta(days=1)) == []
    assert archive.items("other", DAY) == []


def test_a_cell_without_items_is_an_empty_list(archive: Archive, store: ObjectStore) -> None:
    archive.keep_items(cell(DAY))
    assert store.get("ingested/acme/2026/11/21/items.json").body == b"[]"
    assert archive.items("acme", DAY) == []


@pytest.mark.parametrize(("name", "count"), [("ingested_2025-12-17.json", 15), ("ingested_sample.json", 3)])
def test_v2s_own_items_are_read_and_stay_readable(
    archive: Archive, store: ObjectStore, real_data: Path, name: str, count: int
) -> None:
    store.put("ingested/acme/2026/11/21/items.json", (real_data / "items" / name).read_bytes())
    items = archive.items("acme", DAY)
    assert len(items) == count
    assert {item.first_seen for item in items} == {DAY}
    archive.keep_items(cell(DAY, *items))
    assert archive.items("acme", DAY) == items


def test_a_batch_never_changes(archive: Archive) -> None:
    archive.keep_batch("7-2026-11-21", [("acme", DAY), ("beta", DAY)])
    archive.keep_batch("7-2026-11-21", [("other", DAY)])
    assert archive.batch("7-2026-11-21") == [("acme", DAY), ("beta", DAY)]


def test_a_batch_that_was_never_kept_is_missing(archive: Archive) -> None:
    with pytest.raises(MissingError, match="batches/8-2026-11-21"):
        archive.batch("8-2026-11-21")


def test_every_batch_that_was_kept_is_known(archive: Archive) -> None:
    assert archive.batch_ids() == []
    for batch_id in ("9-2026-11-21", "10-2026-11-02"):
        archive.keep_batch(batch_id, [("acme", DAY)])
    assert sorted(archive.batch_ids()) == ["10-2026-11-02", "9-2026-11-21"]


def test_the_archive_says_where_it_is(archive: Archive, store: ObjectStore) -> None:
    assert archive.uri == store.uri


def test_many_configurations_are_read_side_by_side(archive: Archive) -> None:
    clients = [f"client_{number:02}" for number in range(40)]
    for client in clients:
        archive.keep_config(read_client(f"clients/{client}.yaml", b"client_profile: {active: true}"), "etag")
    found: dict[str, ClientConfig] = archive.configs(clients)
    assert list(found) == clients
