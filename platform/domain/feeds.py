"""A feed's bytes to items: RSS 0.9x, 1.0 and 2.0, Atom; JSON Feed is handed on.

Here: what a feed is, which of its fields make an item, what is refused. Not here: fetching it (resources),
charsets and plain text (text), bounds and the day of an entry (entries), feeds in JSON (json_feeds).

Both parsers get UTF-8 bytes that start at the root element: no declaration to believe, no DTD to expand.
`feedparser` gets them as a stream, because it opens the file or the URL that a plain value names.
"""

import html.entities
import io
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any

import fastfeedparser
import feedparser

from domain.entries import MOST_ENTRIES, item_of
from domain.errors import ParseError
from domain.items import ParsedItem
from domain.json_feeds import parse_json_feed
from domain.text import absolute_link, decoded, looks_like, plain_text

_REMEDY = "Check rss_url in the source catalog; a page of links is ingestion_mode html, JSON is api."
_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding=[\"']([\w.:-]+)")
_START = re.compile(r"<(?:[?!]|(?:rss|feed|rdf:rdf|html)\b)", re.IGNORECASE)
_MISC = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_DOCTYPE = re.compile(r"\s*<!doctype[^\[>]*>", re.IGNORECASE)
_ROOT = re.compile(r"\s*<(?:[\w.-]+:)?(?:rss|rdf|feed)(?=[\s>/])", re.IGNORECASE)
_BASE_HOLDER = re.compile(r"<(?:[\w.-]+:)?(?:rss|rdf|feed|channel)\b[^<>]{0,5000}>", re.IGNORECASE)
_BASE = re.compile(r"\sxml:base\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')", re.IGNORECASE)
_ENTRY = re.compile(r"<(?:\w+:)?(?:item|entry)(?=[\s>])", re.IGNORECASE)
_ENTRY_END = re.compile(r"</(?:\w+:)?(?:item|entry)\s*>", re.IGNORECASE)
_DATE_FIELD = re.compile(
    r"<(?:\w+:)?(pubdate|published|issued|date|created|updated|modified)(?=[\s>])[^<>]*>\s*(?:<!\[CDATA\[)?([^<\]]+)",
    re.IGNORECASE,
)
_DATE_ORDER = ("pubdate", "published", "issued", "date", "created", "updated", "modified")
_CDATA_OR_AMPERSAND = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?:(#?\w{1,32});)?", re.DOTALL)
# What the parsers let out on damaged markup; a Warning is an error under -W error only (a zone unknown).
_GIVING_UP = (ValueError, TypeError, AttributeError, LookupError, AssertionError, RuntimeError, Warning)
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))


def parse_feed(body: bytes, base_url: str, patterns: Sequence[str] = ()) -> list[ParsedItem]:
    """The entries that have a title and an http(s) link, in the feed's order, at most 5,000; [] for an empty feed.

    Content is the summary, else the content, else the title. An entry cut short by a truncated body is left
    out. `patterns` are the source's own date patterns. ParseError: not a feed, a DTD, above 16 MiB.
    """
    declared = _DECLARED.search(body[:2_000])
    text = decoded(body, declared[1].decode("ascii") if declared else "", base_url)
    if (
        text[:1_000].lstrip().startswith("{")
        and (entries_in_json := parse_json_feed(body, base_url, patterns)) is not None
    ):
        return entries_in_json
    document, chunks = _whole_entries(_from_root(text, base_url))
    source = (_DECLARATION + _CDATA_OR_AMPERSAND.sub(_mended, document)).encode("utf-8", "replace")
    base = base_url
    for holder in _BASE_HOLDER.finditer(document, 0, document.find(chunks[0]) if chunks else 0):
        base = _base_of(holder[0], base)
    entries = _read_fast(source)
    if len(entries) == len(chunks):
        dates = [_dates_in(chunk) for chunk in chunks]
        bases = [_base_of(chunk[: chunk.find(">") + 1], base) for chunk in chunks]
    elif tolerant := _read_tolerant(source):
        entries = tolerant
        dates = [[str(entry.get(name) or "") for name in _DATE_ORDER] for entry in entries]
        bases = [base] * len(entries)  # the tolerant parser resolves xml:base itself
    else:
        dates, bases = [[]] * len(entries), [base] * len(entries)  # nothing tells which markup is whose
    if chunks and not entries:
        raise ParseError("the feed is too damaged to read an entry.", where=base_url, remedy=_REMEDY)
    items = (_item(entry, days, of, patterns) for entry, days, of in zip(entries, dates, bases, strict=True))
    return [item for item in items if item]


def _from_root(text: str, base_url: str) -> str:
    """The document from its root element on; what stands before it is checked and left out."""
    start = _START.search(text[:8_192])
    position = start.start() if start else 0
    while skipped := _MISC.match(text, position) or _DOCTYPE.match(text, position):
        position = skipped.end()
    if re.match(r"\s*<!", text[position : position + 1_000]):
        raise ParseError(
            "the feed carries a DTD of its own; entities are not expanded.",
            where=base_url,
            remedy="Ask the publisher for a feed without one, or disable the source.",
        )
    if not _ROOT.match(text, position):
        raise ParseError(f"not a feed: it looks like {looks_like(text)}.", where=base_url, remedy=_REMEDY)
    return text[position:]


def _whole_entries(document: str) -> tuple[str, list[str]]:
    """The document up to its last whole entry, 5,000 at most, and the markup of each entry."""
    starts = [found.start() for found in islice(_ENTRY.finditer(document), MOST_ENTRIES + 1)]
    if len(starts) > MOST_ENTRIES:
        document = document[: starts.pop()]
    if starts and not _ENTRY_END.search(document, starts[-1]):
        document = document[: starts.pop()]
    ends = [*starts[1:], len(document)]
    return document, [document[start:end] for start, end in zip(starts, ends, strict=False)]


def _mended(found: re.Match[str]) -> str:
    """An entity that XML does not know as its character, a bare ampersand as &amp;; CDATA stays.

    Without it the parser drops the rest of the field: "R&eacute;sultats" would be "R".
    """
    name = found[1]
    if found[0].startswith("<") or (name and (name[0] == "#" or name in _XML_ENTITIES)):
        return found[0]
    character = html.entities.html5.get(f"{name};", "") if name else ""
    return character if character and character not in "<>&" else "&amp;" + found[0][1:]


def _read_fast(source: bytes) -> list[dict[str, Any]]:
    """The entries by the fast parser, [] where it gives up.

    The dates it gives are not used: it completes half a date from today and takes a numeric guid for one.
    """
    try:
        # Without the contents first: with them it makes up a description of their first 512 characters.
        entries: list[dict[str, Any]] = fastfeedparser.parse(source, include_content=False)["entries"]
        if all(entry.get("description") for entry in entries):
            return entries
        full = fastfeedparser.parse(source)["entries"]
    except _GIVING_UP:
        return []
    return [
        entry if entry.get("description") else {**entry, "content": whole.get("content")}
        for entry, whole in zip(entries, full, strict=True)
    ]


def _read_tolerant(source: bytes) -> list[dict[str, Any]]:
    """The entries by the tolerant parser, [] where even it gives up."""
    try:
        # Plain dicts: feedparser's own answer "published" for "updated" and warn about it.
        return [dict(entry) for entry in feedparser.parse(io.BytesIO(source)).entries]
    except _GIVING_UP:
        return []


def _dates_in(chunk: str) -> list[str]:
    end = _ENTRY_END.search(chunk)
    fields: dict[str, str] = {}
    for found in _DATE_FIELD.finditer(chunk, 0, end.start() if end else len(chunk)):
        fields.setdefault(found[1].lower(), found[2])
    return [fields[name] for name in _DATE_ORDER if name in fields]


def _base_of(start_tag: str, around: str) -> str:
    """The address that links in an element are seen from: its xml:base, else that of what is around it."""
    found = _BASE.search(start_tag)
    return absolute_link(around, found[1] or found[2] or "") or around if found else around


def _item(entry: dict[str, Any], dates: Sequence[str], base_url: str, patterns: Sequence[str]) -> ParsedItem | None:
    whole = [part.get("value") for part in entry.get("content") or ()]
    texts = (plain_text(str(raw or "")) for raw in (entry.get("summary"), entry.get("description"), *whole))
    return item_of(
        base_url=base_url,
        links=[str(entry.get("link") or "")],
        title=plain_text(str(entry.get("title") or "")),
        content=next(filter(None, texts), ""),
        dates=dates,
        guid=str(entry.get("id") or ""),
        author=plain_text(str(entry.get("author") or "")),
        tags=[str(tag["term"]) for tag in entry.get("tags") or () if tag.get("term")],
        patterns=patterns,
    )
