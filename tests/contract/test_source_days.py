"""Days of sources and the cells built from them, with the demo site's real answers: no Dagster, no network."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from domain.catalog import Catalog, Source, read_catalog
from domain.client_days import ClientDay
from domain.clients import ClientConfig, read_client
from domain.errors import MissingError, PermanentError, VigieError
from domain.snapshots import Snapshot
from local.demo_content import demo_catalog, demo_clients
from local.demo_site import DemoSite
from resources.archive import Archive
from resources.cells import Cells
from resources.fetcher import Fetched, Fetcher
from resources.object_store import DirectoryStore, ObjectStore
from resources.source_days import fetch_day, read_day_again
from settings import Fetch

TODAY = date(2026, 11, 21)
TOMORROW = TODAY + timedelta(days=1)
DOWN = "press_corporate__solvane"  # answers 503
NO_FEED = "press_sector__pharma_pulse"  # answers 200, with a page where a feed is promised
# No more at once than the small server lets wait: a connection beyond is tried again after a second.
POLICY = Fetch(host_interval=0, per_host=4, timeout=5, attempts=1, allow_private_addresses=True, robots="ignore")
PATHS = {"press_corporate__orvane": "/orvane/news/", "press_sector__depot_dispatch": "/depot-dispatch/rss.xml"}


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite(TODAY) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return DirectoryStore(tmp_path)


@pytest.fixture
def archive(store: ObjectStore) -> Archive:
    return Archive(store)


@pytest.fixture
def catalog(site: DemoSite) -> Catalog:
    return read_catalog("catalog.yaml", demo_catalog(site.base_url).encode())


@pytest.fixture
def needed(catalog: Catalog) -> dict[str, Source]:
    return {key: source for key, source in catalog.sources.items() if source.is_fetched}


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(POLICY)


def client(name: str, bouquets: str, extra_sources: str = "[]") -> ClientConfig:
    text = (
        "client_profile: {active: true}\n"
        f"source_config: {{source_bouquets_enabled: {bouquets}, sources_extra_enabled: {extra_sources}}}\n"
    )
    return read_client(f"clients/{name}.yaml", text.encode())


def cells(archive: Archive, catalog: Catalog, *configs: ClientConfig, today: date = TODAY) -> Cells:
    for config in configs:
        archive.keep_config(config, "etag")
    return Cells(archive, catalog, [config.client_id for config in configs], today)


def built(outcome: ClientDay | VigieError) -> ClientDay:
    assert isinstance(outcome, ClientDay), outcome
    return outcome


def everything(store: ObjectStore, prefix: str) -> dict[str, bytes]:
    return {info.key: store.get(info.key).body for info in store.list(prefix)}


def failed(snapshots: dict[str, Snapshot]) -> set[str]:
    return {key for key, snapshot in snapshots.items() if snapshot.failed}


def test_each_source_is_fetched_once_and_its_failure_touches_no_other(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    heard: dict[str, Fetched | VigieError] = {}
    kept = fetch_day(archive, fetcher, needed, TODAY, on_done=heard.__setitem__)
    assert set(site.requests.values()) == {1}
    assert site.requests.total() == fetcher.requests.total() == len(needed) == 11
    assert set(kept) == set(heard) == set(needed)
    assert failed(kept) == {DOWN, NO_FEED}
    assert "503" in kept[DOWN].error
    assert all(snapshot.items for key, snapshot in kept.items() if key not in failed(kept))
    assert archive.snapshots(TODAY, needed) == kept


def test_a_second_call_fetches_only_what_failed(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    site.down.add(PATHS["press_corporate__orvane"])
    fetch_day(archive, fetcher, needed, TODAY)
    site.down.clear()
    site.requests.clear()
    kept = fetch_day(archive, fetcher, needed, TODAY)
    assert dict(site.requests) == {"/orvane/news/": 1, "/solvane/news/": 1, "/pharma-pulse/rss.xml": 1}
    assert failed(kept) == {DOWN, NO_FEED}
    assert kept["press_corporate__orvane"].items


def test_a_source_that_a_new_client_brings_is_the_only_one_fetched(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    new = "press_sector__depot_dispatch"
    good = {key: source for key, source in needed.items() if key not in (new, DOWN, NO_FEED)}
    fetch_day(archive, fetcher, good, TODAY)
    site.requests.clear()
    fetch_day(archive, fetcher, {**good, new: needed[new]}, TODAY)
    assert dict(site.requests) == {PATHS[new]: 1}


def test_a_refresh_fetches_everything_again(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    fetch_day(archive, fetcher, needed, TODAY)
    site.requests.clear()
    fetch_day(archive, fetcher, needed, TODAY, refresh=True)
    assert site.requests.total() == len(needed)


def test_a_refresh_keeps_what_the_day_saw_first_though_the_source_dropped_it(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    morning = fetch_day(archive, fetcher, needed, TODAY)
    site.as_of = TODAY - timedelta(days=20)  # the site shows less than it did
    evening = fetch_day(archive, fetcher, needed, TODAY, refresh=True)
    for key in set(needed) - {DOWN, NO_FEED}:
        assert {item.item_id for item in evening[key].new_items} == {item.item_id for item in morning[key].new_items}


def test_a_failure_after_a_good_fetch_keeps_the_good_snapshot(
    site: DemoSite, archive: Archive, store: ObjectStore, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    key = "press_corporate__orvane"
    good = fetch_day(archive, fetcher, needed, TODAY)[key]
    before = everything(store, f"snapshots/{TODAY}/{key}")
    site.down.add(PATHS[key])
    assert fetch_day(archive, fetcher, needed, TODAY, refresh=True)[key] == good
    assert everything(store, f"snapshots/{TODAY}/{key}") == before


def test_a_body_that_cannot_be_read_does_not_take_a_good_ones_place(
    archive: Archive, store: ObjectStore, fetcher: Fetcher, needed: dict[str, Source], site: DemoSite
) -> None:
    key = "press_sector__depot_dispatch"
    good = fetch_day(archive, fetcher, needed, TODAY)[key]
    before = everything(store, f"snapshots/{TODAY}/{key}")
    page = Source(key, ingestion_mode="rss", enabled=True, rss_url=f"{site.base_url}/pharma-pulse/rss.xml")
    assert fetch_day(archive, fetcher, {key: page}, TODAY, refresh=True)[key] == good
    assert everything(store, f"snapshots/{TODAY}/{key}") == before


def test_with_every_source_down_the_day_raises_and_a_later_call_repairs_it(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    site.down.update(source.url.removeprefix(site.base_url) for source in needed.values())
    with pytest.raises(PermanentError, match=r"every source failed \(11\)"):
        fetch_day(archive, fetcher, needed, TODAY)
    assert failed(archive.snapshots(TODAY, needed)) == set(needed)
    site.down.clear()
    assert failed(fetch_day(archive, fetcher, needed, TODAY)) == {DOWN, NO_FEED}


def test_with_every_source_down_after_a_good_day_nothing_good_is_lost(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    good = fetch_day(archive, fetcher, needed, TODAY)
    site.down.update(source.url.removeprefix(site.base_url) for source in needed.values())
    again = fetch_day(archive, fetcher, needed, TODAY, refresh=True)
    assert failed(again) == {DOWN, NO_FEED}
    kept = archive.snapshots(TODAY, needed)
    assert {key: kept[key] for key in set(needed) - {DOWN, NO_FEED}} == {
        key: good[key] for key in set(needed) - {DOWN, NO_FEED}
    }


def test_days_are_disjoint(site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]) -> None:
    site.as_of = TODAY - timedelta(days=1)
    yesterday = fetch_day(archive, fetcher, needed, TODAY - timedelta(days=1))
    site.as_of = None
    today = fetch_day(archive, fetcher, needed, TODAY)
    tomorrow = fetch_day(archive, fetcher, needed, TOMORROW)
    first, second, third = (
        {item.item_id for snapshot in day.values() for item in snapshot.new_items}
        for day in (yesterday, today, tomorrow)
    )
    assert first
    assert second
    assert not first & second
    assert not third


def test_a_past_day_is_read_again_without_a_request_byte_for_byte(
    site: DemoSite, archive: Archive, store: ObjectStore, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    site.as_of = TODAY - timedelta(days=1)
    fetch_day(archive, fetcher, needed, TODAY - timedelta(days=1))
    site.as_of = None
    fetched = fetch_day(archive, fetcher, needed, TODAY)
    fetch_day(archive, fetcher, needed, TOMORROW)
    before = everything(store, "")
    site.requests.clear()
    assert read_day_again(archive, needed, TODAY) == fetched
    assert everything(store, "") == before
    assert site.requests.total() == 0


def test_a_body_that_could_not_be_read_is_read_again_by_a_better_reader(
    archive: Archive, fetcher: Fetcher, needed: dict[str, Source], site: DemoSite
) -> None:
    # The catalog said "feed" where the site has a page; somebody mends it the day after.
    key, url = "press_corporate__orvane", f"{site.base_url}/orvane/news/"
    wrong = Source(key, ingestion_mode="rss", enabled=True, rss_url=url)
    assert failed(fetch_day(archive, fetcher, {**needed, key: wrong}, TODAY)) == {key, DOWN, NO_FEED}
    site.requests.clear()
    again = read_day_again(archive, needed, TODAY)
    assert failed(again) == {DOWN, NO_FEED}
    assert again[key].content_type == "text/html; charset=utf-8"
    assert again[key].new_items
    assert site.requests.total() == 0


def test_a_past_day_of_which_nothing_was_kept_is_missing(archive: Archive, needed: dict[str, Source]) -> None:
    with pytest.raises(MissingError, match="a past day cannot be fetched"):
        read_day_again(archive, needed, TODAY - timedelta(days=9))


def test_a_past_day_on_which_every_source_failed_still_says_so(
    site: DemoSite, archive: Archive, fetcher: Fetcher, needed: dict[str, Source]
) -> None:
    one = {DOWN: needed[DOWN]}
    with pytest.raises(PermanentError):
        fetch_day(archive, fetcher, one, TODAY)
    with pytest.raises(PermanentError, match="every source failed"):
        read_day_again(archive, one, TODAY)


def test_clients_that_share_sources_build_the_same_items_from_one_fetch(
    site: DemoSite, archive: Archive, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    fetch_day(archive, fetcher, needed, TODAY)
    both = cells(archive, catalog, client("acme", "[depot_press]"), client("beta", "[depot_press]"))
    site.requests.clear()
    day = both.build_day(TODAY, ["acme", "beta"])
    assert built(day["acme"]).items == built(day["beta"]).items
    assert archive.items("acme", TODAY) == archive.items("beta", TODAY) == list(built(day["acme"]).items)
    assert len(archive.items("acme", TODAY)) > 1
    assert site.requests.total() == 0


def test_the_demos_own_clients_build_their_cells(
    archive: Archive, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    fetch_day(archive, fetcher, needed, TODAY)
    texts = {name: demo_clients()[name] for name in ("depot_watch_weekly.yaml", "veille_galenique.yaml")}
    configs = [read_client(f"clients/{name}", text.encode()) for name, text in texts.items()]
    day = cells(archive, catalog, *configs).build_day(TODAY, [config.client_id for config in configs])
    watch, veille = (built(day[config.client_id]) for config in configs)
    assert (watch.outcome, set(watch.failures)) == ("degraded", {DOWN, NO_FEED})
    assert watch.selection.reasons
    assert watch.items
    assert veille.items
    assert veille.items != watch.items


def test_a_backfill_of_a_cell_gives_the_same_file_byte_for_byte(
    site: DemoSite, archive: Archive, store: ObjectStore, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    acme = client("acme", "[depot_press, depot_corporate]")
    fetch_day(archive, fetcher, needed, TODAY)
    built(cells(archive, catalog, acme).build_day(TODAY, ["acme"])["acme"])
    before = everything(store, "ingested/")
    assert list(before) == ["ingested/acme/2026/11/21/items.json"]
    assert json.loads(before["ingested/acme/2026/11/21/items.json"])
    fetch_day(archive, fetcher, needed, TOMORROW)
    site.requests.clear()
    read_day_again(archive, needed, TODAY)
    built(cells(archive, catalog, acme, today=TOMORROW).build_day(TODAY, ["acme"])["acme"])
    assert everything(store, "ingested/") == before
    assert site.requests.total() == 0


def test_a_client_activated_later_gets_the_cell_that_it_would_have_had(
    archive: Archive, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    fetch_day(archive, fetcher, needed, TODAY)
    early = cells(archive, catalog, client("early", "[depot_press]")).build_day(TODAY, ["early"])
    fetch_day(archive, fetcher, needed, TOMORROW)
    late = cells(archive, catalog, client("late", "[depot_press]"), today=TOMORROW).build_day(TODAY, ["late"])
    assert built(late["late"]).items == built(early["early"]).items


def test_a_cell_whose_sources_all_failed_keeps_the_file_it_had(
    site: DemoSite, archive: Archive, store: ObjectStore, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    acme = client("acme", "[depot_press]")
    fetch_day(archive, fetcher, needed, TODAY)
    built(cells(archive, catalog, acme).build_day(TODAY, ["acme"])["acme"])
    before = everything(store, "ingested/")
    outcome = cells(archive, catalog, client("acme", "[]", f"[{DOWN}]")).build_day(TODAY, ["acme"])["acme"]
    assert isinstance(outcome, PermanentError)
    assert everything(store, "ingested/") == before


def test_one_clients_failure_touches_no_other(
    archive: Archive, fetcher: Fetcher, catalog: Catalog, needed: dict[str, Source]
) -> None:
    fetch_day(archive, fetcher, needed, TODAY)
    some = cells(archive, catalog, client("acme", "[depot_press]"), client("bare", "[no_such_bouquet]"))
    day = some.build_day(TODAY, ["acme", "bare", "unknown"])
    assert list(day) == ["acme", "bare", "unknown"]
    assert built(day["acme"]).items
    assert isinstance(day["bare"], MissingError)
    assert "no_such_bouquet" in str(day["bare"])
    assert isinstance(day["unknown"], MissingError)
    assert archive.items("bare", TODAY) == []


def test_a_day_without_a_snapshot_writes_nothing_and_today_says_what_to_do(
    archive: Archive, store: ObjectStore, catalog: Catalog
) -> None:
    acme = cells(archive, catalog, client("acme", "[depot_press]"))
    past = built(acme.build_day(TODAY - timedelta(days=3), ["acme"])["acme"])
    assert (past.outcome, past.items, len(past.unseen)) == ("no_snapshot", (), 4)
    today = acme.build_day(TODAY, ["acme"])["acme"]
    assert isinstance(today, MissingError)
    assert "source_snapshots" in today.remedy
    assert everything(store, "ingested/") == {}
