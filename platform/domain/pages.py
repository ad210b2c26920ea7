"""A news page's bytes to items, by a generic pattern or by the source's own CSS selectors.

Here: which blocks of a page are items and what in a block is title, link, text and date. Not here: fetching
(resources), charsets and plain text (text), bounds and the day of an entry (entries).
"""

from collections.abc import Mapping, Sequence
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from domain.entries import item_of
from domain.errors import ConfigError, ParseError
from domain.items import ParsedItem
from domain.linked_data import marked_days, published_by_address
from domain.text import absolute_link, decoded, html_charset, html_tree, looks_like, plain_text

_MOST_ITEMS = 20
_MOST_ITEMS_SELECTED = 200
# Wrappers count as blocks and give no item of their own: more blocks are looked at than items kept.
_MOST_BLOCKS = 400
_MOST_DATES = 20
_GENERIC_BLOCKS = (
    "article",
    ", ".join(f'div[class*="{word}" i]' for word in ("news", "post", "item", "press")),
)
_DESCRIPTION = 'p[class*="desc" i], div[class*="desc" i]'
_HEADINGS = "h1, h2, h3, h4"
_TEXT_LENGTH = 500


def parse_page(
    body: bytes,
    base_url: str,
    *,
    patterns: Sequence[str] = (),
    selectors: Mapping[str, str] | None = None,
    content_type: str = "",
) -> list[ParsedItem]:
    """The page's items: blocks with a link and a title, each address once, in the page's order.

    Without `selectors` (keys item, title, link, date, content; those given override): up to 20 <article>,
    else up to 20 <div> whose class tells of news, post, item or press. ParseError: no list of items.
    ConfigError: a selector that is no CSS.
    """
    text = decoded(body, html_charset(body, content_type), base_url)
    tree = html_tree(text, base_url)
    base = tree.css_first("base[href]")
    page = _Page(
        absolute_link(base_url, (base.attributes.get("href") or "") if base else "") or base_url,
        patterns,
        selectors or {},
    )
    page.published = published_by_address(text, page.base_url)
    items = page.items(tree)
    if not items:
        raise ParseError(
            f"no list of items found in what looks like {looks_like(text)}.",
            where=base_url,
            remedy="Name the list with html_selectors in the source catalog, or check html_url.",
        )
    return items


class _Page:
    """One page's rules: its address, its date patterns, its selectors."""

    def __init__(self, base_url: str, patterns: Sequence[str], selectors: Mapping[str, str]) -> None:
        self.base_url = base_url
        self.patterns = patterns
        self.selectors = selectors
        self.published: dict[str, str] = {}

    def items(self, tree: LexborHTMLParser) -> list[ParsedItem]:
        own = self.selectors.get("item")
        for blocks in (own,) if own else _GENERIC_BLOCKS:
            found = [
                (block, item)
                for block in _select(tree, blocks)[:_MOST_BLOCKS]
                if (item := self._item(block)) is not None
            ]
            if found:
                return _each_address_once(found)[: _MOST_ITEMS_SELECTED if own else _MOST_ITEMS]
        return []

    def _item(self, block: LexborNode) -> ParsedItem | None:
        link, url = self._link(block)
        if link is None:
            return None
        title = self._field(block, "title") or plain_text(link.html or "")
        if not title and (heading := block.css_first(_HEADINGS)):
            title = plain_text(heading.html or "")
        whole = _glued(block)
        described = block.css_first(_DESCRIPTION)
        content = self._field(block, "content") or plain_text((described and described.html) or "")
        return item_of(
            base_url=self.base_url,
            links=[url],
            title=title,
            content=content or whole[:_TEXT_LENGTH],
            dates=self._dates(block, url),
            dated_by=whole,
            patterns=self.patterns,
        )

    def _link(self, block: LexborNode) -> tuple[LexborNode | None, str]:
        """The first link of the block that leads to a page or a document, and its address."""
        own = self.selectors.get("link")
        places = _select(block, own) if own else [block]
        for place in places:
            links = [place] if place.attributes.get("href") else place.css("a[href]")
            for link in links:
                if url := absolute_link(self.base_url, link.attributes.get("href") or ""):
                    return link, url
        return None, ""

    def _field(self, block: LexborNode, name: str) -> str:
        selector = self.selectors.get(name)
        nodes = _select(block, selector) if selector else []
        return plain_text(nodes[0].html or "") if nodes else ""

    def _dates(self, block: LexborNode, url: str) -> list[str]:
        own = self.selectors.get("date", "")
        if own:
            _select(block, own)  # refuses what is no CSS
        return [*islice(marked_days(block, own), _MOST_DATES), self.published.get(url, "")]


def _each_address_once(found: Sequence[tuple[LexborNode, ParsedItem]]) -> list[ParsedItem]:
    """Of the blocks with one address the first, or the smallest where they nest.

    A list container has the address of its first child. A child that says no more than its title (a
    heading's own <div>) leaves the place to its parent, unless that parent is such a container.
    """
    held: dict[int, set[str]] = {block.mem_id: set() for block, _ in found}
    above: dict[int, list[int]] = {}
    for block, item in found:
        above[block.mem_id] = [outer for outer in _ancestors(block) if outer in held]
        for outer in (block.mem_id, *above[block.mem_id]):
            held[outer].add(item.url)
    kept: dict[str, tuple[LexborNode, ParsedItem]] = {}
    for block, item in found:
        earlier = kept.get(item.url)
        if earlier is None:
            kept[item.url] = (block, item)
        elif earlier[0].mem_id in above[block.mem_id]:
            is_container = len(held[earlier[0].mem_id]) > 1
            if is_container or _glued(block) != item.title:
                kept[item.url] = (block, item)
    return [item for _, item in kept.values()]


def _ancestors(node: LexborNode) -> list[int]:
    ids = []
    parent = node.parent
    while parent is not None:
        ids.append(parent.mem_id)
        parent = parent.parent
    return ids


def _glued(block: LexborNode) -> str:
    """The block's text as V2 read it, pieces joined by nothing: the content hash of such items is V2's."""
    return block.text(separator="", strip=True)


def _select(node: LexborHTMLParser | LexborNode, selector: str) -> list[LexborNode]:
    try:
        return node.css(selector)
    except SelectolaxError as error:
        raise ConfigError(
            f"{selector!r} is not a CSS selector.", remedy="Mend html_selectors in the source catalog."
        ) from error
