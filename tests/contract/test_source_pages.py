"""The pages of an API's answer, fetched from a real server: how many, which, and what becomes of a day where one fails.

Here: sources whose entry says how many pages are read, and PubMed's search. Not here: which page follows (unit).
"""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from domain.catalog import Source
from domain.errors import RefusedError, TransientError, VigieError
from resources.archive import Archive
from resources.fetcher import Fetched
from resources.object_store import DirectoryStore, ObjectStore
from resources.source_days import read_day_again
from tests.contract.test_source_rounds import AT, HOUR, POLICY, TODAY, Days, everything, feed
from tests.contract.web_site import Site, opened


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


@pytest.fixture
def days(site: Site, archive: Archive) -> Days:
    says(site, 1, "x", "y", after="?page=2", etag='"one"')
    says(site, 2, "z", after="?page=3")
    says(site, 3, "w")
    site.says("/other.xml", feed(site, "o"))
    api = Source("api__a", ingestion_mode="api", enabled=True, api_url=f"{site.url}/api", max_pages=5)
    return Days(archive, api, Source("press__o", ingestion_mode="rss", enabled=True, rss_url=f"{site.url}/other.xml"))


def says(site: Site, number: int, *names: str, after: str = "", etag: str = "") -> None:
    items = [{"title": f"Story {name}", "url": f"/{name}", "content": f"It is {name}: é."} for name in names]
    body = json.dumps({"items": items, "next": after}, ensure_ascii=False).encode()
    site.says(f"/api?page={number}" if number > 1 else "/api", body, Content_Type="application/json", ETag=etag)


def pages_asked(site: Site) -> list[str]:
    return [path for path in site.asked if path.startswith("/api")]


def test_the_items_of_all_pages_are_the_days_and_are_kept_with_it(
    site: Site, days: Days, archive: Archive, store: ObjectStore
) -> None:
    first = days.fetch()
    assert [item.title for item in first["api__a"].items] == ["Story x", "Story y", "Story z", "Story w"]
    assert pages_asked(site) == ["/api", "/api?page=2", "/api?page=3"]
    heard = days.heard["api__a"]
    assert isinstance(heard, Fetched)
    assert heard.requests == 3
    before = everything(store, "")
    site.asked.clear()
    assert read_day_again(archive, days.sources, TODAY) == first
    assert everything(store, "") == before
    assert site.asked == []


def test_the_catalog_says_how_many(site: Site, days: Days) -> None:
    days.sources["api__a"] = Source(
        "api__a", ingestion_mode="api", enabled=True, api_url=f"{site.url}/api", max_pages=2
    )
    assert len(days.fetch()["api__a"].items) == 3
    assert pages_asked(site) == ["/api", "/api?page=2"]


def test_a_first_page_that_is_not_modified_stands_for_them_all(site: Site, days: Days) -> None:
    days.fetch()
    site.says("/api", status=304)
    site.asked.clear()
    kept = days.fetch(AT + 24 * HOUR)["api__a"]
    assert (len(kept.items), kept.new_items) == (4, ())
    assert pages_asked(site) == ["/api"]
    assert [headers["If-None-Match"] for headers in site.headers].count('"one"') == 1


def test_a_changed_first_page_brings_its_later_ones_anew(site: Site, days: Days) -> None:
    days.fetch()
    says(site, 1, "new", "x", after="?page=2")
    says(site, 2, "y", after="?page=3")
    kept = days.fetch(AT + 24 * HOUR)["api__a"]
    assert [item.title for item in kept.items] == ["Story new", "Story x", "Story y", "Story w"]
    assert [item.title for item in kept.new_items] == ["Story new"]


@pytest.mark.parametrize(("status", "kind"), [(503, TransientError), (404, RefusedError)])
def test_a_later_page_that_fails_fails_the_source_and_nobody_else(
    site: Site, days: Days, status: int, kind: type[VigieError]
) -> None:
    site.says("/api?page=3", status=status)
    kept = days.fetch()
    assert kept["press__o"].items
    assert (kept["api__a"].failed, kept["api__a"].items) == (True, ())
    assert isinstance(days.heard["api__a"], kind)
    assert f"{site.url}/api?page=3: the source answered {status}." in kept["api__a"].error


def test_a_failing_later_page_leaves_what_is_good(site: Site, days: Days, store: ObjectStore) -> None:
    good = days.fetch()["api__a"]
    before = everything(store, "snapshots/")
    says(site, 1, "new", after="?page=2", etag='"two"')
    site.says("/api?page=2", status=500)
    assert days.fetch(refresh=True)["api__a"] == good
    assert {key: body for key, body in everything(store, "snapshots/").items() if "api__a" in key} == {
        key: body for key, body in before.items() if "api__a" in key
    }
    says(site, 2, "z")
    days.fetch(AT + 24 * HOUR)
    assert site.headers[last(site, "/api")]["If-None-Match"] == '"one"'


def last(site: Site, path: str) -> int:
    return max(number for number, asked in enumerate(site.asked) if asked == path)


def test_a_transient_failure_of_a_later_page_is_tried_again(site: Site, days: Days) -> None:
    good = site.answers["/api?page=2"]
    site.says("/api?page=2", status=503)
    bad = site.answers["/api?page=2"]
    site.answers["/api?page=2"] = lambda handler: (bad if site.asked.count("/api?page=2") == 1 else good)(handler)
    days.policy = POLICY.model_copy(update={"attempts": 2})
    assert len(days.fetch()["api__a"].items) == 4
    assert pages_asked(site) == ["/api", "/api?page=2", "/api?page=2", "/api?page=3"]


def test_a_later_page_that_is_no_answer_fails_the_source_and_is_kept_to_be_looked_at(
    site: Site, days: Days, archive: Archive
) -> None:
    site.says("/api?page=2", b"<html><body>Sign in.</body></html>")
    kept = days.fetch()["api__a"]
    assert "page=2: not JSON: it looks like an HTML page" in kept.error
    body = archive.body(kept)
    assert body
    assert b"Sign in." in body.content


def test_a_next_page_on_another_host_is_never_asked_for_and_fails_the_source(site: Site, days: Days) -> None:
    with opened("127.0.0.2") as other:
        other.says("/api?page=2", b'{"items": []}')
        says(site, 1, "x", after=f"{other.url}/api?page=2")
        kept = days.fetch()["api__a"]
        assert other.asked == []
    assert "on another host" in kept.error
    assert f"{other.url}/api?page=2" in kept.error


@pytest.mark.parametrize("last", [(), ("x",)], ids=["empty", "repeated"])
def test_pages_without_end_are_left_at_the_first_that_adds_nothing(
    site: Site, days: Days, last: tuple[str, ...]
) -> None:
    says(site, 2, *last, after="?page=3")
    assert len(days.fetch()["api__a"].items) == 2
    assert pages_asked(site) == ["/api", "/api?page=2"]


def test_pages_keep_the_hosts_pace(site: Site, days: Days) -> None:
    times: list[float] = []
    for path in ("/api", "/api?page=2", "/api?page=3"):
        site.answers[path] = timed(site.answers[path], times)
    days.policy = POLICY.model_copy(update={"host_interval": 0.2})
    days.fetch()
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= 0.15


def timed(
    answer: Callable[[BaseHTTPRequestHandler], None], times: list[float]
) -> Callable[[BaseHTTPRequestHandler], None]:
    def timed(handler: BaseHTTPRequestHandler) -> None:
        times.append(time.monotonic())
        answer(handler)

    return timed


def test_a_search_of_pubmed_is_its_articles(site: Site, days: Days) -> None:
    search, summaries = "/e/esearch.fcgi?db=pubmed&retmode=json", "/e/esummary.fcgi?db=pubmed&retmode=json&id=41,42"
    site.says(search, b'{"esearchresult": {"idlist": ["41", "42"]}}')
    articles = {number: {"title": f"On {number}", "pubdate": "2026 Nov 20"} for number in ("41", "42")}
    site.says(summaries, json.dumps({"result": {"uids": ["41", "42"], **articles}}).encode())
    days.sources["api__a"] = Source(
        "api__a", ingestion_mode="api", enabled=True, api_url=site.url + search, source_type="api_pubmed"
    )
    kept = days.fetch()["api__a"]
    assert [(item.title, item.url, item.published_at) for item in kept.items] == [
        ("On 41", "https://pubmed.ncbi.nlm.nih.gov/41/", date(2026, 11, 20)),
        ("On 42", "https://pubmed.ncbi.nlm.nih.gov/42/", date(2026, 11, 20)),
    ]
    assert read_day_again(days.archive, days.sources, TODAY)["api__a"] == kept
