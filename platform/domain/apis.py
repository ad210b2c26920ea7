"""A JSON answer's bytes to items, whatever names its fields carry.

Here: where the list is and which field is which. Not here: fetching it, or its pages (resources), the
meaning of a day (dates), the client's choice among items (profiles).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from domain.dates import date_of
from domain.errors import ParseError
from domain.items import ParsedItem
from domain.text import absolute_link, decoded, looks_like, plain_text

_TITLE = ("title", "name", "headline")
_LINK = ("url", "link", "html_url", "external_url", "web_url")
_CONTENT = ("content", "summary", "description", "body", "abstract", "content_text", "content_html", "excerpt", "text")
_GUID = ("id", "guid", "uuid")
_DATE = (
    *("published_at", "published", "publishedAt", "date_published", "datePublished", "date", "pubDate"),
    *("publication_date", "created_at", "createdAt", "created", "updated_at", "updated", "date_modified"),
)
_AUTHOR = ("author", "authors", "creator", "byline")
_TAGS = ("tags", "categories", "keywords")
# An instant counted in seconds; above it, in milliseconds.
_MILLISECONDS = 100_000_000_000


def parse_api(body: bytes, base_url: str, items_path: str = "items", patterns: Sequence[str] = ()) -> list[ParsedItem]:
    """The objects of the list at `items_path` ("response.results"), or of a bare list, as items.

    An object without a title or an http(s) link is left out; content falls back to the title. ParseError:
    not JSON, or no list at the path.
    """
    text = decoded(body, where=base_url)
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise ParseError(
            f"not JSON: it looks like {looks_like(text)} ({error}).",
            where=base_url,
            remedy="Check api_url and ingestion_mode in the source catalog.",
        ) from error
    entries = _list_at(document, items_path, base_url)
    items = (_item(entry, base_url, patterns) for entry in entries if isinstance(entry, dict))
    return [item for item in items if item]


def _list_at(document: Any, items_path: str, base_url: str) -> list[Any]:
    found = document
    if not isinstance(found, list):
        for step in filter(None, items_path.split(".")):
            found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, list):
        return found
    seen = f"an object of {', '.join(list(document)[:10])}" if isinstance(document, dict) else "one value"
    raise ParseError(
        f"no list at {items_path!r}: the answer is {seen}.",
        where=base_url,
        remedy="Name the path of the list in the source catalog.",
    )


def _item(entry: dict[str, Any], base_url: str, patterns: Sequence[str]) -> ParsedItem | None:
    title = plain_text(_first(entry, _TITLE))
    url = next(filter(None, (absolute_link(base_url, link) for link in _all(entry, _LINK))), "")
    if not title or not url:
        return None
    content = next(filter(None, map(plain_text, _all(entry, _CONTENT))), title)
    day, origin = date_of(structured=_all(entry, _DATE), title=title, text=content, url=url, patterns=patterns)
    authors = next(filter(None, (_words(entry.get(name)) for name in _AUTHOR)), ())
    return ParsedItem(
        title=title,
        content=content,
        url=url,
        guid=_first(entry, _GUID),
        published_at=day,
        date_source=origin,
        author=", ".join(authors),
        tags=next(filter(None, (_words(entry.get(name)) for name in _TAGS)), ()),
    )


def _all(entry: dict[str, Any], names: Sequence[str]) -> list[str]:
    return [_word(entry[name], dated=names is _DATE) for name in names if entry.get(name) is not None]


def _first(entry: dict[str, Any], names: Sequence[str]) -> str:
    return next(filter(None, _all(entry, names)), "")


def _word(value: Any, *, dated: bool = False) -> str:
    """A scalar as text; of an object its `rendered` (WordPress), `name`, `label` or `value`."""
    if isinstance(value, dict):
        return next((_word(value[key]) for key in ("rendered", "name", "label", "value") if value.get(key)), "")
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return _instant(value) if dated else str(value)


def _instant(number: float) -> str:
    seconds = number / 1000 if number > _MILLISECONDS else number
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def _words(value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else value.split(",") if isinstance(value, str) else [value]
    return tuple(filter(None, map(_word, values)))
