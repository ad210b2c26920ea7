"""What an item is, what makes two items the same, and how one is written for V2's consumers.

Here: the two shapes (parsed, then identified), identity, content hash, the JSON record. Not here: how bytes
become items (feeds, pages, apis) nor which items a client keeps (profiles).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from w3lib.url import canonicalize_url, url_query_cleaner

DATE_SOURCES = ("structured", "pattern", "url", "unknown")
_SPACES = re.compile(r"\s+")
_TRACKERS = (
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id"),
    *("gclid", "fbclid", "mc_cid", "mc_eid", "msclkid", "igshid"),
)


@dataclass(frozen=True, slots=True)
class ParsedItem:
    """One entry of a feed, page or API answer, before it belongs to a source.

    `url` is absolute http(s). `published_at` is the UTC day, or None with `date_source` "unknown": a day
    is never invented. `title` and `content` are plain text.
    """

    title: str
    content: str
    url: str
    guid: str = ""
    published_at: date | None = None
    date_source: str = "unknown"
    author: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a source: V2's fields, and `guid`, `date_source`, `first_seen` added.

    `first_seen` is the UTC day on which a snapshot of the source first held it; `ingested_at` is the
    instant of that snapshot's fetch, with its zone.
    """

    item_id: str
    source_key: str
    source_type: str
    title: str
    content: str
    url: str
    guid: str
    published_at: date | None
    date_source: str
    first_seen: date
    ingested_at: datetime
    language: str
    content_hash: str
    author: str
    tags: tuple[str, ...]
    word_count: int
    duplicate_group: str = ""
    """In a client's cell: the item_id that speaks for this one and others that tell the same text; "" where alone."""

    def record(self) -> dict[str, Any]:
        """The item as V2's consumers read it (JSON types only), new fields after the old ones."""
        return {
            "item_id": self.item_id,
            "source_key": self.source_key,
            "source_type": self.source_type,
            "title": self.title,
            "content": self.content,
            "url": self.url,
            "published_at": self.published_at.isoformat() if self.published_at else None,
            "ingested_at": self.ingested_at.isoformat(),
            "language": self.language,
            "content_hash": self.content_hash,
            "metadata": {"author": self.author, "tags": list(self.tags), "word_count": self.word_count},
            "guid": self.guid,
            "date_source": self.date_source,
            "first_seen": self.first_seen.isoformat(),
            "duplicate_group": self.duplicate_group or None,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], day: date | None = None) -> "Item":
        """The inverse of `record`. V2's records lack the new fields: `day` stands in for `first_seen` there, and a
        naive `ingested_at` is taken as UTC."""
        published, metadata = record["published_at"], record["metadata"]
        first_seen, ingested = record.get("first_seen"), datetime.fromisoformat(record["ingested_at"])
        return cls(
            item_id=record["item_id"],
            source_key=record["source_key"],
            source_type=record["source_type"],
            title=record["title"],
            content=record["content"],
            url=record["url"],
            guid=record.get("guid", ""),
            published_at=date.fromisoformat(published) if published else None,
            date_source=record.get("date_source", "unknown"),
            first_seen=date.fromisoformat(first_seen) if first_seen else day or ingested.date(),
            ingested_at=ingested if ingested.tzinfo else ingested.replace(tzinfo=UTC),
            language=record.get("language", ""),
            content_hash=record.get("content_hash", "") or content_hash(record["content"]),
            author=metadata.get("author", ""),
            tags=tuple(metadata.get("tags", ())),
            word_count=metadata.get("word_count", 0),
            duplicate_group=record.get("duplicate_group") or "",
        )


def canonical_url(url: str) -> str:
    """The URL without trackers and fragment, its query sorted: what two links to one page share."""
    # unique=False: "?id=1&id=2" and "?id=1&id=3" are two pages.
    cleaned = str(url_query_cleaner(url, _TRACKERS, remove=True, unique=False))
    try:
        return str(canonicalize_url(cleaned, keep_fragments=False))
    except ValueError:  # a port in words, say: nobody can open it, and one such link must not cost the source its day
        return cleaned


def identity(source_key: str, url: str, guid: str) -> str:
    """`{source_key}_{16 hex}`: stable over days, title edits and trackers (64 bits of SHA-256).

    The canonical URL decides; the guid only where there is no URL. The source takes part, because two
    sources that carry one article are two items (grouping them is the warehouse's business).
    """
    mark = canonical_url(url) if url else guid
    digest = hashlib.sha256(f"{source_key}\n{mark}".encode()).hexdigest()
    return f"{source_key}_{digest[:16]}"


def content_hash(content: str) -> str:
    """V2's hash: SHA-256 of the text stripped, lowered, runs of whitespace made one space."""
    text = _SPACES.sub(" ", content.strip().lower())
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" if text else "sha256:empty"


def word_count(content: str) -> int:
    """Words separated by whitespace, as V2 counts them."""
    return len(content.split())
