"""JSON Feed to items: versions, detection, a cut."""

import json
from datetime import date
from typing import Any

import pytest

from domain.entries import MOST_ENTRIES
from domain.errors import ParseError
from domain.feeds import parse_feed
from domain.json_feeds import parse_json_feed

URL = "https://feeds.test/news/feed.json"


def feed(*items: Any, version: str = "https://jsonfeed.org/version/1.1", **fields: Any) -> bytes:
    return json.dumps({"title": "t", "items": items, **fields, "version": version}).encode()


def entry(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "url": "/a", "title": "A", "content_text": "Text", **fields}


@pytest.mark.parametrize("version", ["https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"])
def test_an_entry_gives_all_its_fields_in_either_version(version: str) -> None:
    fields = entry(
        content_html="<p>No</p>",
        date_published="2025-12-09T23:30:00-05:00",
        date_modified="2025-12-24",
        authors=[{"name": "Ann"}, {"name": "Bob"}],
        tags=["x", "y"],
    )
    (item,) = parse_json_feed(feed(fields, version=version), URL) or []
    assert (item.title, item.content, item.url, item.guid) == ("A", "Text", "https://feeds.test/a", "1")
    assert (item.author, item.tags) == ("Ann, Bob", ("x", "y"))
    assert (item.published_at, item.date_source) == (date(2025, 12, 10), "structured")


def test_the_version_is_found_wherever_it_stands() -> None:
    """The names of an object have no order: the version may come after 100 entries."""
    assert len(parse_feed(feed(*(entry(url=f"/{number}") for number in range(100))), URL)) == 100


def test_a_link_of_another_site_is_a_link_too() -> None:
    (item,) = parse_json_feed(feed(entry(url=None, external_url="https://x.test/")), URL) or []
    assert item.url == "https://x.test/"


@pytest.mark.parametrize(
    "body",
    [
        b'{"items": []}',
        b'{"version": 1, "items": []}',
        b'{"version": "https://jsonfeed.org/version/1", "items": {}}',
        b'{"home": "https://jsonfeed.org/version/1", "items": []}',
        b"[]",
        b"<rss/>",
        b"",
    ],
)
def test_other_json_is_no_feed(body: bytes) -> None:
    assert parse_json_feed(body, URL) is None
    if not body.startswith(b"<rss"):
        with pytest.raises(ParseError, match="not a feed"):
            parse_feed(body, URL)


def test_a_feed_cut_short_keeps_its_whole_entries() -> None:
    whole = b'{"version": "https://jsonfeed.org/version/1.1", "items": [%s, %s, %s]}' % tuple(
        json.dumps(entry(url=f"/{number}")).encode() for number in range(3)
    )
    for end in range(whole.rindex(b'{"id"'), len(whole) - 2):
        items = parse_feed(whole[:end], URL)
        assert [item.url[-2:] for item in items] == ["/0", "/1"]


def test_a_feed_without_end_is_bounded() -> None:
    items = [entry(url=f"/{number}") for number in range(MOST_ENTRIES + 10)]
    assert len(parse_json_feed(feed(*items), URL) or []) == MOST_ENTRIES
    cut = feed(*items, version="https://jsonfeed.org/version/1").replace(b'"title": "t", ', b"")
    cut = b'{"version": "https://jsonfeed.org/version/1", ' + cut[1 : cut.rindex(b', "version"') - 20]
    assert len(parse_json_feed(cut, URL) or []) == MOST_ENTRIES
