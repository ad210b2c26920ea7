"""What is remembered from one fetch to the next: validators, freshness, failures; and the full texts of new items."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from domain.catalog import Source
from domain.errors import PermanentError, VigieError
from domain.snapshots import Snapshot
from domain.source_health import WaitingError
from resources.archive import Archive
from resources.fetcher import Fetched, Fetcher
from resources.object_store import DirectoryStore, ObjectStore
from resources.source_days import fetch_day, read_day_again
from settings import Fetch
from tests.contract.web_site import Site, opened

AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
TODAY = AT.date()
TOMORROW = TODAY + timedelta(days=1)
HOUR = timedelta(hours=1)
POLICY = Fetch(host_interval=0, timeout=2, attempts=1, allow_private_addresses=True, robots="ignore", max_articles=3)
STORY = "The agency approved the long acting injectable on Tuesday. " * 5


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return DirectoryStore(tmp_path)


@pytest.fixture
def archive(store: ObjectStore) -> Archive:
    return Archive(store)


def feed(site: Site, *names: str, published: date = TODAY) -> bytes:
    items = "".join(
        f"<item><title>Story {name}</title><link>{site.url}/{name}</link><description>Teaser {name}.</description>"
        f"<pubDate>{published:%a, %d %b %Y} 04:00:00 GMT</pubDate></item>"
        for name in names
    )
    return f'<rss version="2.0"><channel><title>A</title>{items}</channel></rss>'.encode()


def source(site: Site, key: str = "press__a", enrichment: str = "basic") -> Source:
    return Source(
        key,
        source_type="press",
        ingestion_mode="rss",
        enabled=True,
        rss_url=f"{site.url}/{key}.xml",
        content_enrichment=enrichment,
    )


class Days:
    """Calls of `fetch_day` for the sources, and what each heard."""

    def __init__(self, archive: Archive, *sources: Source) -> None:
        self.archive = archive
        self.sources = {one.source_key: one for one in sources}
        self.heard: dict[str, Fetched | VigieError] = {}
        self.articles: dict[str, Fetched | VigieError] = {}
        self.policy = POLICY

    def fetch(self, at: datetime = AT, refresh: bool = False) -> dict[str, Snapshot]:
        self.heard, self.articles = {}, {}
        return fetch_day(
            self.archive,
            Fetcher(self.policy),
            self.sources,
            at.date(),
            refresh=refresh,
            on_done=self.heard.__setitem__,
            on_article=self.articles.__setitem__,
            at=at,
        )


def everything(store: ObjectStore, prefix: str) -> dict[str, bytes]:
    return {info.key: store.get(info.key).body for info in store.list(prefix)}


class TestNotModified:
    """A source that says "the same as before" costs no transfer."""

    @pytest.fixture
    def days(self, site: Site, archive: Archive) -> Days:
        site.says("/press__a.xml", feed(site, "x", "y"), ETag='"one"', Content_Type="text/xml")
        return Days(archive, source(site))

    def test_the_next_days_snapshot_is_made_of_the_kept_body(self, site: Site, days: Days, archive: Archive) -> None:
        (first,) = days.fetch().values()
        site.says("/press__a.xml", status=304)
        (second,) = days.fetch(AT + 24 * HOUR).values()
        assert [headers["If-None-Match"] for headers in site.headers] == [None, '"one"']
        assert [item.item_id for item in second.items] == [item.item_id for item in first.items]
        assert (second.new_items, second.content_type) == ((), "text/xml")
        kept = archive.body(second)
        assert kept
        assert kept.content == feed(site, "x", "y")
        (heard,) = days.heard.values()
        assert isinstance(heard, Fetched)
        assert heard.not_modified

    def test_days_go_on_being_made_of_it(self, site: Site, days: Days, store: ObjectStore) -> None:
        days.fetch()
        site.says("/press__a.xml", status=304)
        for number in range(1, 4):
            (snapshot,) = days.fetch(AT + number * 24 * HOUR).values()
            for key in everything(store, f"snapshots/{AT.date() + timedelta(days=number - 1)}/"):
                Path(store.uri, key).unlink()  # what is older may go
            assert len(snapshot.items) == 2
        assert [headers["If-None-Match"] for headers in site.headers] == [None, *['"one"'] * 3]

    @pytest.mark.parametrize("damage", ["body gone", "body changed", "state gone", "state garbled"])
    def test_where_the_kept_body_is_not_the_one_that_is_meant_the_source_sends_it_again(
        self, site: Site, days: Days, store: ObjectStore, damage: str
    ) -> None:
        days.fetch()
        state, body = Path(store.uri, "fetch_state/press__a.json"), f"snapshots/{TODAY}/press__a.body.gz"
        if damage == "body gone":
            Path(store.uri, body).unlink()
        elif damage == "body changed":  # as a crash leaves it between the body and the state
            other = Days(Archive(DirectoryStore(Path(store.uri, "other"))), *days.sources.values())
            site.says("/press__a.xml", feed(site, "z"))
            other.fetch()
            store.put(body, Path(store.uri, "other", body).read_bytes())
            site.says("/press__a.xml", feed(site, "x", "y"), ETag='"one"')
        elif damage == "state gone":
            state.unlink()
        else:
            state.write_text('{"url": 7}')
        site.headers.clear()
        (snapshot,) = days.fetch(AT + 24 * HOUR).values()
        assert [headers["If-None-Match"] for headers in site.headers] == [None]
        assert len(snapshot.items) == 2

    def test_a_source_with_another_address_is_asked_as_a_new_one(self, site: Site, days: Days) -> None:
        days.fetch()
        site.says("/moved.xml", feed(site, "x"))
        days.sources["press__a"] = Source(
            "press__a", ingestion_mode="rss", enabled=True, rss_url=f"{site.url}/moved.xml"
        )
        days.fetch(AT + 24 * HOUR)
        assert site.headers[-1]["If-None-Match"] is None

    def test_a_refresh_asks_on_condition(self, site: Site, days: Days) -> None:
        (first,) = days.fetch().values()
        site.says("/press__a.xml", status=304)
        (again,) = days.fetch(refresh=True).values()
        assert again.new_items
        assert [item.item_id for item in again.new_items] == [item.item_id for item in first.new_items]
        assert site.headers[-1]["If-None-Match"] == '"one"'


class TestFreshness:
    """An answer that the server declared fresh is not asked for again."""

    @pytest.fixture
    def days(self, site: Site, archive: Archive) -> Days:
        site.says("/press__a.xml", feed(site, "x"), Cache_Control="max-age=36000")
        return Days(archive, source(site))

    def test_a_fresh_answer_stands_for_a_request(self, site: Site, days: Days) -> None:
        days.fetch(AT + 17 * HOUR)
        (snapshot,) = days.fetch(AT + 24 * HOUR).values()
        assert (len(site.asked), len(snapshot.items), snapshot.day) == (1, 1, TOMORROW)
        days.fetch(AT + 30 * HOUR, refresh=True)
        assert len(site.asked) == 2

    def test_a_source_is_asked_every_day_however_long_it_says_that_it_stays(self, site: Site, archive: Archive) -> None:
        site.says("/press__a.xml", feed(site, "x"), Cache_Control="max-age=31536000")
        days = Days(archive, source(site))
        for number in range(3):
            days.fetch(AT + number * 24 * HOUR)
        assert len(site.asked) == 3


class TestFailures:
    """A source that keeps failing is asked less often, never forgotten, and says so."""

    @pytest.fixture
    def days(self, site: Site, archive: Archive) -> Days:
        site.says("/press__a.xml", feed(site, "x"))
        site.says("/press__b.xml", status=503)
        return Days(archive, source(site), source(site, "press__b"))

    def test_after_three_failures_it_waits_for_hours_and_is_then_tried_again(self, site: Site, days: Days) -> None:
        for minutes in range(6):
            kept = days.fetch(AT + timedelta(minutes=minutes))
        assert site.asked.count("/press__b.xml") == 3
        assert isinstance(days.heard["press__b"], WaitingError)
        error = kept["press__b"].error
        assert "3 times in a row since 2026-11-21 05:00 UTC" in error
        assert "tried again from 2026-11-21 08:02 UTC" in error
        site.says("/press__b.xml", feed(site, "y"))
        assert days.fetch(AT + 4 * HOUR)["press__b"].items
        assert days.archive.fetch_states({"press__b": f"{site.url}/press__b.xml"})["press__b"].failures == 0

    def test_it_is_tried_every_day(self, site: Site, days: Days) -> None:
        for number in range(8):
            days.fetch(AT + number * 24 * HOUR)
        assert site.asked.count("/press__b.xml") == 8

    def test_a_person_may_ask_for_it_at_once(self, site: Site, days: Days) -> None:
        for _ in range(4):
            days.fetch()
        days.fetch(refresh=True)
        assert site.asked.count("/press__b.xml") == 4

    def test_the_patience_that_it_asks_for_is_kept_over_runs(self, site: Site, days: Days) -> None:
        site.says("/press__b.xml", status=429, Retry_After="3600")
        days.fetch()
        days.fetch(AT + HOUR / 2)
        assert site.asked.count("/press__b.xml") == 1
        days.fetch(AT + HOUR)
        assert site.asked.count("/press__b.xml") == 2

    def test_a_body_that_cannot_be_read_is_a_failure_too_and_stays_kept(
        self, site: Site, days: Days, archive: Archive
    ) -> None:
        site.says("/press__b.xml", b"<html><body>Moved.</body></html>", Content_Type="text/html")
        for _ in range(4):
            kept = days.fetch()
        assert site.asked.count("/press__b.xml") == 3
        body = archive.body(kept["press__b"])
        assert body
        assert (body.content_type, body.content) == ("text/html", b"<html><body>Moved.</body></html>")

    def test_where_nothing_answers_nobody_is_slowed_down(self, site: Site, days: Days) -> None:
        site.says("/press__a.xml", status=503)
        for _ in range(5):
            with pytest.raises(PermanentError, match="every source failed"):
                days.fetch()
        assert len(site.asked) == 10

    def test_a_source_whose_address_was_mended_is_asked_at_once(self, site: Site, days: Days) -> None:
        for _ in range(4):
            days.fetch()
        days.sources["press__b"] = source(site)
        assert days.fetch()["press__b"].items


class TestFullText:
    """The pages of new items, for sources that ask for full text."""

    @pytest.fixture
    def days(self, site: Site, archive: Archive) -> Days:
        site.says("/press__a.xml", feed(site, "x", "y"), ETag='"one"')
        for name in ("x", "y"):
            page = f"<html><body><article><p>{STORY}</p><p>{name}</p></article></body></html>"
            site.says(f"/{name}", page.encode(), Content_Type="text/html")
        return Days(archive, source(site, enrichment="full_article"))

    def test_new_items_get_the_text_of_their_pages_and_known_ones_cost_no_request(self, site: Site, days: Days) -> None:
        (first,) = days.fetch().values()
        assert all(item.content.startswith(STORY.strip()[:40]) for item in first.items)
        assert sorted(site.asked) == ["/press__a.xml", "/x", "/y"]
        days.fetch(AT + 24 * HOUR)
        assert sorted(site.asked) == ["/press__a.xml", "/press__a.xml", "/x", "/y"]

    def test_a_past_day_is_read_again_byte_for_byte_without_a_request(
        self, site: Site, days: Days, archive: Archive, store: ObjectStore
    ) -> None:
        first = days.fetch()
        days.fetch(AT + 24 * HOUR)
        before = everything(store, "")
        site.asked.clear()
        assert read_day_again(archive, days.sources, TODAY) == first
        assert everything(store, "") == before
        assert site.asked == []

    def test_a_refresh_fetches_only_the_pages_that_are_missing(self, site: Site, days: Days) -> None:
        y = site.answers["/y"]
        site.says("/y", status=503)
        first = days.fetch()["press__a"]
        assert {item.title: item.content == "Teaser y." for item in first.items} == {"Story x": False, "Story y": True}
        assert isinstance(days.articles[f"{site.url}/y"], VigieError)
        site.answers["/y"] = y
        site.asked.clear()
        second = days.fetch(refresh=True)["press__a"]
        assert sorted(site.asked) == ["/press__a.xml", "/y"]
        assert all(len(item.content) > 100 for item in second.items)

    def test_no_more_pages_of_a_source_are_fetched_than_the_policy_says(self, site: Site, days: Days) -> None:
        site.says("/press__a.xml", feed(site, "x", "y", *"abcdef"))
        days.fetch()
        assert len(site.asked) == 1 + POLICY.max_articles

    def test_what_is_no_page_leaves_the_feeds_text(self, site: Site, days: Days) -> None:
        site.says("/x", b"%PDF-1.7", Content_Type="application/pdf")
        site.says("/y", b'{"not": "a page"}', Content_Type="text/html")
        (snapshot,) = days.fetch().values()
        assert [item.content for item in snapshot.items] == ["Teaser x.", "Teaser y."]
        assert all(isinstance(outcome, VigieError) for outcome in days.articles.values())
        assert len(days.articles) == 2

    def test_a_page_dates_the_item_that_its_feed_leaves_undated(self, site: Site, days: Days) -> None:
        site.says("/press__a.xml", re.sub(b"<pubDate>.*?</pubDate>", b"", feed(site, "x", "y")))
        stated = f'<meta property="article:published_time" content="{TODAY - timedelta(days=2)}T08:00:00Z">'
        page = f"<html><head>{stated}</head><body><article><p>{STORY}</p></article></body></html>"
        site.says("/x", page.encode(), Content_Type="text/html")
        (snapshot,) = days.fetch().values()
        dated = {item.title: (item.published_at, item.date_source) for item in snapshot.items}
        assert dated == {"Story x": (TODAY - timedelta(days=2), "structured"), "Story y": (None, "unknown")}

    def test_a_page_that_two_sources_link_to_is_fetched_once(self, site: Site, days: Days) -> None:
        site.says("/press__b.xml", feed(site, "x"))
        days.sources["press__b"] = source(site, "press__b", "full_article")
        kept = days.fetch()
        assert site.asked.count("/x") == 1
        assert {item.content for item in kept["press__b"].items} <= {item.content for item in kept["press__a"].items}
