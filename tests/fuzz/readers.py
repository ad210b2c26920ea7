"""Every reader of foreign bytes under one protocol, and what must hold of whatever it answers.

Here: the readers, the properties of an item, of a text, of an address, of an error. Not here: the bytes (hazards).
"""

import re
from collections.abc import Callable, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from domain.api_pages import parse_pages
from domain.apis import next_page, next_page_elsewhere, parse_api
from domain.articles import MAX_ARTICLE, article_day, article_text
from domain.catalog import read_catalog
from domain.clients import read_client
from domain.entries import MAX_AUTHOR, MAX_CONTENT, MAX_GUID, MAX_TAG, MAX_TITLE, MOST_ENTRIES, MOST_TAGS
from domain.errors import ParseError, VigieError
from domain.feeds import parse_feed
from domain.items import DATE_SOURCES, ParsedItem
from domain.json_feeds import parse_json_feed
from domain.pages import parse_page
from tests.fuzz.bodies import URL

PATTERNS = (r"Ref ([\d.]+)", r"(\d{1,2} \w+ \d{4})")
SELECTORS = {"item": "article, li", "title": "h2", "link": "a", "date": "time", "content": "p"}
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST_ERROR = 20_000

Reader = Callable[[bytes, str], Any]
READERS: dict[str, Reader] = {
    "feed": lambda body, _: parse_feed(body, URL, PATTERNS),
    "json feed": lambda body, _: parse_json_feed(body, URL, PATTERNS),
    "page": lambda body, content_type: parse_page(body, URL, patterns=PATTERNS, content_type=content_type),
    "page by selectors": lambda body, content_type: parse_page(
        body, URL, selectors=SELECTORS, content_type=content_type
    ),
    "api": lambda body, _: parse_api(body, URL, "items", PATTERNS),
    "api at a path": lambda body, _: parse_api(body, URL, "response.results"),
    "api's pages": lambda body, _: parse_pages(body, URL, "items"),
    "next page": lambda body, _: next_page(body, URL),
    "next page elsewhere": lambda body, _: next_page_elsewhere(body, URL),
    "article": lambda body, content_type: article_text(body, URL, content_type),
    "article's day": lambda body, content_type: article_day(body, URL, content_type),
    "client": lambda body, _: read_client("clients/acme.yaml", body),
    "catalog": lambda body, _: read_catalog("catalog.yaml", body),
}


def answer(reader: Reader, body: bytes, content_type: str = "") -> Any:
    """What the reader answers, or the VigieError it refuses with; any other exception is let out."""
    try:
        return reader(body, content_type)
    except VigieError as refused:
        return refused


def check(given: Any, days: Collection[str] | None = None) -> None:
    """Fails where an answer breaks a promise. `days` are those the bytes hold; None where that is not known."""
    if isinstance(given, VigieError):
        assert given.message
        assert given.remedy
        assert len(str(given)) <= _LONGEST_ERROR
        assert not (isinstance(given, ParseError) and _UNREADABLE.search(str(given)))
    elif isinstance(given, list):
        assert len(given) <= MOST_ENTRIES
        for item in given:
            check_item(item, days)
    elif isinstance(given, tuple):
        day, origin = given
        check_day(day, origin, days)
    elif isinstance(given, str):
        assert not _UNREADABLE.search(given)
        assert len(given) <= MAX_ARTICLE


def check_item(item: ParsedItem, days: Collection[str] | None) -> None:
    check_address(item.url)
    for text, longest in (
        (item.title, MAX_TITLE),
        (item.content, MAX_CONTENT),
        (item.guid, MAX_GUID),
        (item.author, MAX_AUTHOR),
        *((tag, MAX_TAG) for tag in item.tags),
    ):
        assert len(text) <= longest
        assert not _UNREADABLE.search(text), ascii(text[:200])
    assert item.title
    assert item.content
    assert len(item.tags) <= MOST_TAGS
    check_day(item.published_at, item.date_source, days)


def check_address(url: str) -> None:
    parts = urlsplit(url)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert not _UNREADABLE.search(url), ascii(url[:200])
    assert len(url) <= 4_096


def check_day(day: date | None, origin: str, days: Collection[str] | None) -> None:
    assert origin in DATE_SOURCES
    assert (day is None) == (origin == "unknown")
    if day is not None:
        assert date(1990, 1, 1) <= day <= datetime.now(UTC).date() + timedelta(days=401)
        assert days is None or day.isoformat() in days, f"{day} is nowhere in the bytes"
