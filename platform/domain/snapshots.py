"""What one source showed on one day: its items, when each was first seen, or why there is nothing.

Here: from a body to a snapshot, and the memory of first days that makes days disjoint. Not here: fetching the body
(resources.fetcher) nor keeping snapshots (resources.archive).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from domain.api_pages import PAGES, parse_pages
from domain.apis import parse_api
from domain.catalog import Source
from domain.errors import VigieError
from domain.feeds import parse_feed
from domain.items import Item, ParsedItem, content_hash, identity, word_count
from domain.pages import parse_page
from domain.text import language_of


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes a source sent, and what is needed to read them again: final URL, content type, instant."""

    content: bytes
    url: str
    content_type: str
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One source on one day. A failed one holds no items and says why; it never takes a good one's place."""

    source_key: str
    day: date
    url: str
    content_type: str
    fetched_at: datetime
    items: tuple[Item, ...] = ()
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the source gave nothing usable that day."""
        return bool(self.error)

    @property
    def new_items(self) -> tuple[Item, ...]:
        """The items that the source had never shown before this day."""
        return tuple(item for item in self.items if item.first_seen == self.day)

    def record(self) -> dict[str, Any]:
        """JSON types only; the inverse of `from_record`."""
        return {
            "source_key": self.source_key,
            "day": self.day.isoformat(),
            "url": self.url,
            "content_type": self.content_type,
            "fetched_at": self.fetched_at.isoformat(),
            "error": self.error,
            "items": [item.record() for item in self.items],
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Snapshot":
        """The inverse of `record`."""
        return cls(
            source_key=record["source_key"],
            day=date.fromisoformat(record["day"]),
            url=record["url"],
            content_type=record["content_type"],
            fetched_at=datetime.fromisoformat(record["fetched_at"]),
            items=tuple(Item.from_record(item) for item in record["items"]),
            error=record["error"],
        )


@dataclass
class FirstSeen:
    """For one source: item id -> the first day it was seen, complete up to and including `as_of`."""

    as_of: date | None = None
    days: dict[str, date] = field(default_factory=dict)

    def learn(self, snapshot: Snapshot) -> None:
        """Takes a snapshot's items in; the earliest day of each wins, in whatever order snapshots come."""
        for item in snapshot.items:
            known = self.days.get(item.item_id)
            self.days[item.item_id] = min(known, item.first_seen) if known else item.first_seen
        self.as_of = max(self.as_of, snapshot.day) if self.as_of else snapshot.day


def take(source: Source, day: date, body: Body, seen: FirstSeen, earlier: Snapshot | None = None) -> Snapshot:
    """The snapshot of `day` that a body gives. Raises ParseError where the body is not what the source promises.

    `earlier` is the snapshot already kept for that day: what it saw for the first time stays, even where the source has
    dropped it since.
    """
    items = identified(source, day, body.fetched_at, parse(source, body), seen)
    if earlier:
        now = {item.item_id for item in items}
        items += [item for item in earlier.new_items if item.item_id not in now]
    return Snapshot(source.source_key, day, body.url, body.content_type, body.fetched_at, tuple(items))


def article_pages(source: Source, snapshot: Snapshot, days: int) -> list[str]:
    """The URLs of the pages that hold the full text of the snapshot's new items, in the source's order.

    None where the source does not ask for full text; none of items published more than `days` before the day, whose
    text nobody waits for; none of PDFs, which are not read.
    """
    if source.content_enrichment != "full_article" or source.ingestion_mode not in ("rss", "html"):
        return []
    since = snapshot.day - timedelta(days=days)
    recent = (item for item in snapshot.new_items if item.published_at is None or item.published_at >= since)
    return list(dict.fromkeys(item.url for item in recent if item.url and not _is_pdf(item.url)))


def with_full_text(
    source: Source,
    snapshot: Snapshot,
    texts: Mapping[str, str],
    days: Mapping[str, tuple[date, str]] | None = None,
) -> Snapshot:
    """The snapshot with the text of the article (by the item's URL) in each new item whose own is shorter.

    A text is cut at a word's end where it is longer than the source's `max_content_length`. `days` are the days
    that the articles state, and how (`date_source`): they date the new items that the source leaves undated.
    """
    most = source.max_content_length
    items = []
    for item in snapshot.items:
        is_new = item.first_seen == snapshot.day
        text = _cut(texts.get(item.url, ""), most) if is_new else ""
        if is_new and item.published_at is None and days and item.url in days:
            day, origin = days[item.url]
            item = replace(item, published_at=day, date_source=origin)
        if len(text) > len(item.content):
            item = replace(
                item,
                content=text,
                content_hash=content_hash(text),
                word_count=word_count(text),
                language=language_of(f"{item.title}. {text}", source.default_language),
            )
        items.append(item)
    return replace(snapshot, items=tuple(items))


def _cut(text: str, most: int | None) -> str:
    if most is None or len(text) <= most:
        return text
    start = text[: most + 1]  # one more: it may be the space that ends the last word
    words = [start.rstrip()] if start[-1].isspace() else start.rsplit(None, 1)
    return words[0] if len(words[0]) <= most else text[:most]


def _is_pdf(url: str) -> bool:
    try:
        return urlsplit(url).path.lower().endswith(".pdf")
    except ValueError:  # no address at all: the fetcher says so
        return False


def failure(source: Source, day: date, at: datetime, error: Exception, body: Body | None = None) -> Snapshot:
    """The snapshot of a day on which the source gave nothing usable: no answer, or a `body` that cannot be read yet."""
    url, content_type = (body.url, body.content_type) if body else (source.url, "")
    said = str(error) if isinstance(error, VigieError) else f"its reader broke: {type(error).__name__}: {error}"
    return Snapshot(source.source_key, day, url, content_type, at, error=said)


def parse(source: Source, body: Body) -> list[ParsedItem]:
    """The entries in a body, by the source's mode (rss, html, api). Raises ParseError."""
    patterns = source.date_extraction_patterns
    if source.ingestion_mode == "rss":
        return parse_feed(body.content, body.url, patterns)
    if source.ingestion_mode == "html":
        selectors = dict(source.html_selectors) if source.html_selectors else None
        return parse_page(
            body.content, body.url, patterns=patterns, selectors=selectors, content_type=body.content_type
        )
    read = parse_pages if body.content_type == PAGES else parse_api
    return read(body.content, body.url, source.api_items_path or "items", patterns)


def identified(source: Source, day: date, at: datetime, entries: Sequence[ParsedItem], seen: FirstSeen) -> list[Item]:
    """The entries as items of the source: identity, hash, language, first day. One item per identity."""
    items: dict[str, Item] = {}
    for entry in entries:
        item_id = identity(source.source_key, entry.url, entry.guid)
        if item_id in items:
            continue
        first = seen.days.get(item_id)
        items[item_id] = Item(
            item_id=item_id,
            source_key=source.source_key,
            source_type=source.source_type,
            title=entry.title,
            content=entry.content,
            url=entry.url,
            guid=entry.guid,
            published_at=entry.published_at,
            date_source=entry.date_source,
            first_seen=first or day,
            ingested_at=at,
            language=language_of(f"{entry.title}. {entry.content}", source.default_language),
            content_hash=content_hash(entry.content),
            author=entry.author,
            tags=entry.tags,
            word_count=word_count(entry.content),
        )
    return list(items.values())
