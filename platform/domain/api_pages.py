"""The pages of one API answer: which one follows, where they end, how they are kept as one body.

Here: the rules and the form. Not here: fetching a page (resources.api_pages), what is in one (apis).
"""

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import orjson

from domain.apis import next_page, next_page_elsewhere, parse_api, same_host
from domain.catalog import Source
from domain.entries import MOST_ENTRIES
from domain.errors import ParseError, RefusedError
from domain.items import ParsedItem
from domain.published_apis import is_search

PAGES = "application/vnd.vigie.pages+json"
"""The content type of several pages kept as one body."""


class Page(NamedTuple):
    """One answer: its final URL, and its bytes."""

    url: str
    content: bytes


class Pages:
    """The pages of a source as they come in, of `most_bytes` at most; `kept` are those that hold its items.

    They end after the source's `max_pages`, and at a page that adds no item to those before it: empty, or a repetition.
    The ids that PubMed's esearch finds are no page of their own. One that cannot be read ends them too, and is kept:
    who reads the body says why.
    """

    def __init__(self, source: Source, most_bytes: int) -> None:
        self.kept: list[Page] = []
        self._items_path = source.api_items_path or "items"
        self._search = is_search(source.url)
        self._most = most_pages(source)
        self._most_bytes = most_bytes
        self._items: set[tuple[str, str]] = set()
        self._asked: set[str | None] = {source.url}

    def add(self, page: Page) -> str | None:
        """Takes the page in; the address of the one to ask for next, or None after the last.

        Raises RefusedError where the pages lead to another host or weigh too much.
        """
        if self.kept and not same_host(page.url, self.kept[0].url):
            raise _elsewhere("a page was redirected to another host, or to one without TLS", page.url)
        known = len(self._items)
        try:
            self._items |= {(item.url, item.guid) for item in parse_api(page.content, page.url, self._items_path)}
        except Exception:  # noqa: BLE001 (whatever breaks the reader breaks it again, where it is said)
            self.kept.append(page)
            return None
        goes_on = len(self._items) > known or (self._search and not self.kept)
        if goes_on or not self.kept:
            self._keep(page)
        return self._next(page) if goes_on and len(self.kept) < self._most else None

    def _keep(self, page: Page) -> None:
        self.kept.append(page)
        if sum(len(one.content) for one in self.kept) > self._most_bytes:
            raise RefusedError(
                f"its pages are larger than {self._most_bytes:,} bytes together.",
                where=page.url,
                remedy="Lower max_pages in the catalog, or raise fetch.max_bytes of the target.",
            )

    def _next(self, page: Page) -> str | None:
        address = next_page(page.content, page.url)
        if address is None and (refused := next_page_elsewhere(page.content, page.url)):
            raise _elsewhere("its next page is on another host, or without TLS", refused)
        if address in self._asked:
            return None
        self._asked.add(address)
        return address


def most_pages(source: Source) -> int:
    """How many requests one answer of the source may take: one, but for an API with `max_pages` or a search."""
    return (source.max_pages or 1) + is_search(source.url) if source.ingestion_mode == "api" else 1


def as_one(pages: Sequence[Page]) -> bytes:
    """The pages as one body, of the content type PAGES."""
    # Latin-1 has a character for every byte: JSON carries bytes so.
    return orjson.dumps([{"url": page.url, "content": page.content.decode("latin-1")} for page in pages])


def parse_pages(body: bytes, base_url: str, items_path: str, patterns: Sequence[str] = ()) -> list[ParsedItem]:
    """What `parse_api` reads in each page of a body that `as_one` made, in their order; at most 5,000 items."""
    items = (
        item for page in _pages_of(body, base_url) for item in parse_api(page.content, page.url, items_path, patterns)
    )
    return list(islice(items, MOST_ENTRIES))


def _pages_of(body: bytes, base_url: str) -> list[Page]:
    try:
        return [Page(str(page["url"]), page["content"].encode("latin-1")) for page in orjson.loads(body)]
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise ParseError(
            f"not the pages of an answer ({type(error).__name__}).",
            where=base_url,
            remedy="Check what the source sends: this content type is Vigie's own.",
        ) from error


def _elsewhere(what: str, url: str) -> RefusedError:
    return RefusedError(
        f"{what}; pages are followed on the host of the first only.",
        where=url,
        remedy="Name the host's final address in api_url, or set max_pages to 1.",
    )
