"""A JSON answer's bytes to items, whatever names its fields carry, and where its next page is.

Here: where the list is, which field is which, how an answer names the page after it. Not here: fetching it
(resources), answers with a shape of their own (published_apis), the meaning of a day (dates).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

from domain.entries import MOST_ENTRIES, item_of
from domain.errors import ParseError
from domain.items import ParsedItem
from domain.published_apis import published_entries, summaries_address
from domain.text import absolute_link, decoded, looks_like, plain_text

# Names as they read without case and separators: "publishedAt", "published_at" and "Published-At" are one.
_TITLE = ("title", "webtitle", "name", "headline")
_LINK = ("url", "link", "htmlurl", "externalurl", "weburl", "permalink", "href")
_CONTENT = (
    *("content", "summary", "description", "body", "abstract", "contenttext", "contenthtml", "excerpt", "text"),
    *("bodyhtml", "teaser", "snippet"),
)
_GUID = ("id", "guid", "uuid")
_DATE = (
    *("publishedat", "published", "datepublished", "date", "pubdate", "publicationdate", "webpublicationdate"),
    *("publisheddate", "publishedon", "releasedate", "createdat", "created", "updatedat", "updated", "datemodified"),
)
_AUTHOR = ("author", "authors", "creator", "byline")
_TAGS = ("tags", "categories", "keywords")
_NEXT = ("next", "next_url", "nextUrl", "nextLink", "@odata.nextLink", "next_page_url")
_AROUND_NEXT = ("links", "_links", "paging", "pagination", "meta")
_REMEDY = "Check api_url and ingestion_mode in the source catalog."
_EUTILS = re.compile(r"/entrez/eutils/\w+\.fcgi", re.IGNORECASE)
_EUTILS_REMEDY = (
    "PubMed's XML (efetch, or no retmode) is not read: name esearch.fcgi with db=pubmed and retmode=json in api_url; "
    "the summaries of what it finds are fetched after it."
)
_SEPARATORS = str.maketrans("", "", "_- ")
# An instant counted in seconds; above it, in milliseconds.
_MILLISECONDS = 100_000_000_000
_DEEPEST_WORD = 3
_LONGEST_TOKEN = 2_000


def parse_api(body: bytes, base_url: str, items_path: str = "items", patterns: Sequence[str] = ()) -> list[ParsedItem]:
    """The objects of the list at `items_path` ("response.results"), or of a bare list, as items; at most 5,000.

    Studies of ClinicalTrials.gov and PubMed's summaries are recognised at any path; the ids that PubMed finds are no
    items. An object without a title or an http(s) link is left out; content falls back to the title. ParseError: not
    JSON, or no list at the path.
    """
    document = json_document(body, base_url)
    published = published_entries(document)
    entries = _list_at(document, items_path, base_url) if published is None else published
    return items_of(entries, base_url, patterns)


def items_of(entries: Iterable[Any], base_url: str, patterns: Sequence[str] = ()) -> list[ParsedItem]:
    """The items that loaded JSON objects make; what is no object is passed over."""
    objects = (entry for entry in islice(entries, MOST_ENTRIES) if isinstance(entry, dict))
    return [item for item in (_item(entry, base_url, patterns) for entry in objects) if item]


def next_page(content: bytes, url: str) -> str | None:
    """The address of the page after the one that `url` answered with `content`, or None after the last.

    Read: `next`, `links.next` and their like, a list of links with a `rel`, `nextPageToken` (becomes the query's
    pageToken); after the ids of PubMed's esearch come their summaries. Only a page of the same host counts, over no
    weaker a scheme. ParseError: not JSON.
    """
    document = json_document(content, url)
    if not isinstance(document, dict):
        return None
    if summaries := summaries_address(document, url):
        return summaries
    token = document.get("nextPageToken")
    if isinstance(token, str) and 0 < len(token) <= _LONGEST_TOKEN:
        return _with_token(url, token)
    return next((link for link in _named_next(document, url) if same_host(link, url)), None)


def next_page_elsewhere(content: bytes, url: str) -> str | None:
    """The first next page that the answer names and that `next_page` passes over for its host or scheme."""
    document = json_document(content, url)
    named = _named_next(document, url) if isinstance(document, dict) else iter(())
    return next((link for link in named if not same_host(link, url)), None)


def same_host(link: str, url: str) -> bool:
    """Whether a link from `url` stays on its host, over no weaker a scheme."""
    here, there = urlsplit(url), urlsplit(link)
    return there.netloc == here.netloc and not (here.scheme == "https" and there.scheme != "https")


def json_document(body: bytes, base_url: str) -> Any:
    """The loaded JSON of a body. ParseError: not JSON, above 16 MiB, nested beyond what the reader takes."""
    text = decoded(body, where=base_url)
    try:
        return orjson.loads(text)
    except ValueError as error:
        raise ParseError(
            f"not JSON: it looks like {looks_like(text)} ({error}).",
            where=base_url,
            remedy=_EUTILS_REMEDY if _EUTILS.search(base_url) else _REMEDY,
        ) from error


def _list_at(document: Any, items_path: str, base_url: str) -> list[Any]:
    found = document
    if not isinstance(found, list):
        for step in filter(None, items_path.split(".")):
            found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, list):
        return found
    seen = f"an object of {', '.join(map(_shown, list(document)[:10]))}" if isinstance(document, dict) else "one value"
    raise ParseError(
        f"no list at {items_path!r}: the answer is {seen}.",
        where=base_url,
        remedy="Name the path of the list in the source catalog.",
    )


def _shown(key: str) -> str:
    return key[:50] if key.isprintable() else ascii(key[:50])


def _item(entry: dict[str, Any], base_url: str, patterns: Sequence[str]) -> ParsedItem | None:
    fields: dict[str, Any] = {}
    for name, value in entry.items():
        if value is not None:
            fields.setdefault(name.lower().translate(_SEPARATORS), value)
    return item_of(
        base_url=base_url,
        links=_all(fields, _LINK),
        title=plain_text(_first(fields, _TITLE)),
        content=next(filter(None, map(plain_text, _all(fields, _CONTENT))), ""),
        dates=_all(fields, _DATE),
        guid=_first(fields, _GUID),
        author=", ".join(next(filter(None, (_words(fields.get(name)) for name in _AUTHOR)), ())),
        tags=next(filter(None, (_words(fields.get(name)) for name in _TAGS)), ()),
        patterns=patterns,
    )


def _all(fields: dict[str, Any], names: Sequence[str]) -> list[str]:
    return [_word(fields[name], dated=names is _DATE) for name in names if name in fields]


def _first(fields: dict[str, Any], names: Sequence[str]) -> str:
    return next(filter(None, _all(fields, names)), "")


def _word(value: Any, *, dated: bool = False, depth: int = 0) -> str:
    """A scalar as text; of an object its `rendered` (WordPress), `name`, `label` or `value`."""
    if isinstance(value, dict):
        inner = next((value[key] for key in ("rendered", "name", "label", "value") if value.get(key)), None)
        return _word(inner, dated=dated, depth=depth + 1) if depth < _DEEPEST_WORD else ""
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


def _links_of(part: Any) -> list[Any]:
    """What a part of an answer says of the next page: under the usual names, or in a list by `rel`."""
    if isinstance(part, list):
        return [link for link in part if isinstance(link, dict) and link.get("rel") in ("next", "relation:next")]
    return [part[name] for name in _NEXT if part.get(name)] if isinstance(part, dict) else []


def _named_next(document: dict[str, Any], url: str) -> Iterator[str]:
    """The http(s) addresses that the answer names as its next page, but for its own."""
    for part in (document, *(document.get(name) for name in _AROUND_NEXT)):
        for link in _links_of(part):
            href = link.get("href") or link.get("url") if isinstance(link, dict) else link
            address = absolute_link(url, href) if isinstance(href, str) else ""
            if address and address != url:
                yield address


def _with_token(url: str, token: str) -> str:
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "pageToken"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("pageToken", token)]), fragment=""))
