"""The text and the day of the article that a web page is about.

Here: which part of a page is its article, what around it is not. Not here: lists of news (pages), charsets and
plain characters (text), fetching (resources).

The tree is walked once, into pieces of text; an element is a range of them, so no choice reads a page twice.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from selectolax.lexbor import LexborHTMLParser, LexborNode

from domain.dates import date_of
from domain.errors import ParseError
from domain.linked_data import published_fields
from domain.text import clean_text, decoded, html_charset, html_tree, looks_like

MAX_ARTICLE = 100_000  # characters
_MOST_NODES = 200_000
_MOST_LANDMARKS = 50
# What a block must hold beyond its links to be an article; a page of teasers has many short <article>.
_FEWEST_CHARACTERS = 80
_FEWEST_UNMARKED = 140
_MOST_LINKED = 0.5
_SHARE_OF_ALL = 0.4
_SURELY_LONG = 600

_MARKUP = re.compile(
    r"<(?:!doctype\s+html|html|head|body|article|main|section|div|p|span|h[1-6]|table|br|ul|ol|a|title|meta)\b",
    re.IGNORECASE,
)
_SYNDICATION = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:rss|feed|rdf:rdf|urlset|sitemapindex)\b", re.IGNORECASE)
_LANDMARKS = "article, main, [itemprop~=articleBody], [role=main]"
_NO_ARTICLE = frozenset(
    (
        *("nav", "header", "footer", "aside", "script", "style", "template", "noscript", "iframe", "object"),
        *("embed", "svg", "math", "canvas", "audio", "video", "head", "title", "button", "input", "select"),
        *("textarea", "label", "option", "datalist", "dialog", "menu"),
    )
)
_NO_ARTICLE_ROLES = frozenset(
    (
        *("navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alertdialog", "menu"),
        *("menubar",),
    )
)
_NO_ARTICLE_WORDS = frozenset(
    (
        *("cookie", "cookies", "consent", "gdpr", "rgpd", "share", "sharing", "social", "related", "newsletter"),
        *("breadcrumb", "breadcrumbs", "sidebar", "comment", "comments", "advert", "advertisement", "ads", "promo"),
        *("menu", "nav", "navbar", "navigation", "footer", "popup", "modal", "pagination", "subscribe"),
    )
)
_ABOUT_THE_PAGE = frozenset(("has", "no", "with", "without", "is", "not"))
_WORDS = re.compile(r"[^\W\d_]+")
_PARAGRAPHS = frozenset(("p", "pre", "blockquote", "li"))
_HOLDERS = frozenset(("div", "section", "td", "body", "center"))
_INLINE = frozenset(
    (
        *("a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i"),
        *("ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time"),
        *("tt", "u", "var", "wbr"),
    )
)


@dataclass(slots=True)
class _Element:
    """An element's range of pieces, and what the choice asks of it."""

    tag: str
    parent: int
    start: int
    end: int = 0
    is_article_body: bool = False
    is_main: bool = False
    is_inside_article: bool = False


def article_text(content: bytes, url: str, content_type: str) -> str:
    """The plain text of the page's main article, at most 100,000 characters; "" where there is none.

    Navigation, headers, footers, asides, scripts, forms, cookie banners are left out. What is marked as the
    article goes first (articleBody, <article>, <main>), else the block that holds most paragraphs. ParseError:
    no HTML (a PDF, JSON, a feed), above 16 MiB, nested beyond any real page.
    """
    return _Page(html_tree(_html(content, url, content_type), url)).article()


def article_day(content: bytes, url: str, content_type: str, patterns: Sequence[str] = ()) -> tuple[date | None, str]:
    """The UTC day of the page's article and its source, as `domain.dates.date_of` says; (None, "unknown") at a loss.

    Structured are JSON-LD and meta elements, and <time> where the page names one day only. Raises as article_text.
    """
    html = _html(content, url, content_type)
    tree = html_tree(html, url)
    times = {value for node in tree.css("time[datetime]")[:_MOST_LANDMARKS] if (value := node.attributes["datetime"])}
    return date_of(
        structured=[*published_fields(html, tree), *(times if len(times) == 1 else ())],
        text=_Page(tree).article(),
        url=url,
        patterns=patterns,
    )


def _html(content: bytes, url: str, content_type: str) -> str:
    """The characters of a page; ParseError where the body is none."""
    text = decoded(content, html_charset(content, content_type), url)
    if _SYNDICATION.match(text) or text.lstrip()[:1] in ("{", "[") or not _MARKUP.search(text):
        raise ParseError(
            f"not an HTML page: it looks like {looks_like(text)}.",
            where=url,
            remedy="Only pages have an article; a document or a feed is named, not read.",
        )
    return text


class _Page:
    """The pieces of text of a page without its boilerplate, and the elements over them."""

    def __init__(self, tree: LexborHTMLParser) -> None:
        self.pieces: list[str] = []
        self.linked: list[bool] = []
        self.elements: list[_Element] = []
        self.around_landmarks = _ancestors(tree.css(_LANDMARKS)[:_MOST_LANDMARKS])
        self.around_headings = _ancestors(tree.css("h1")[:_MOST_LANDMARKS])
        if tree.body:
            self._walk(tree.body)
        lengths = [len(piece.strip()) for piece in self.pieces]
        self.length = [0, *accumulate(lengths)]
        self.length_linked = [
            0,
            *accumulate(length if link else 0 for length, link in zip(lengths, self.linked, strict=True)),
        ]

    def article(self) -> str:
        """The text of the best element, "" where no element is one."""
        if bodies := [element for element in self.elements if element.is_article_body]:
            return self._text(max(bodies, key=self._own))
        if articles := [element for element in self.elements if element.tag == "article"]:
            best = max(articles, key=self._own)
            # An <article> may stand in another (its comments): the outer one holds all of it.
            outer = [one for one in articles if not one.is_inside_article]
            share = self._own(best) / (sum(map(self._own, outer)) or 1)
            if self._is_article(best, _FEWEST_CHARACTERS) and (
                share >= _SHARE_OF_ALL or self._own(best) >= _SURELY_LONG
            ):
                return self._text(best)
            if len(outer) > 1:
                return ""  # a list of teasers
        for element in (*(one for one in self.elements if one.is_main), *self._densest()):
            if self._is_article(element, _FEWEST_UNMARKED):
                return self._text(element)
        return ""

    def _walk(self, body: LexborNode) -> None:
        """Fills pieces and elements, in the page's order; deep pages need a stack, not recursion."""
        stack: list[tuple[LexborNode | None, int, bool]] = [(body, -1, False)]
        nodes = 0
        while stack and nodes < _MOST_NODES:
            node, index, in_link = stack.pop()
            if node is None:  # the element's end
                self._close(index)
                continue
            nodes += 1
            if node.next is not None and node.mem_id != body.mem_id:
                stack.append((node.next, index, in_link))
            if node.is_text_node:
                self._add(node.text_content or "", in_link)
            elif node.is_element_node and not self._is_boilerplate(node):
                opened = self._open(node, index)
                stack.append((None, opened, in_link))
                if node.first_child is not None:
                    stack.append((node.first_child, opened, in_link or node.tag == "a"))
        for _, index, _ in (entry for entry in reversed(stack) if entry[0] is None):
            self._close(index)

    def _open(self, node: LexborNode, parent: int) -> int:
        tag = node.tag or ""
        if tag not in _INLINE:
            self._add("\n", False)
        attributes = node.attributes if tag not in _INLINE else {}
        above = self.elements[parent] if parent >= 0 else None
        self.elements.append(
            _Element(
                tag,
                parent,
                len(self.pieces),
                is_article_body="articleBody" in (attributes.get("itemprop") or "").split(),
                is_main=tag == "main" or attributes.get("role") == "main",
                is_inside_article=above is not None and (above.is_inside_article or above.tag == "article"),
            )
        )
        return len(self.elements) - 1

    def _close(self, index: int) -> None:
        element = self.elements[index]
        element.end = len(self.pieces)
        if element.tag not in _INLINE:
            self._add("\n", False)

    def _add(self, piece: str, in_link: bool) -> None:
        self.pieces.append(piece)
        self.linked.append(in_link)

    def _is_boilerplate(self, node: LexborNode) -> bool:
        tag = node.tag or ""
        if tag in _NO_ARTICLE:
            return True
        if tag in _INLINE or tag == "body" or node.mem_id in self.around_landmarks:
            return False
        if tag == "form":  # some sites wrap the whole page in one
            return node.mem_id not in self.around_headings
        attributes = node.attributes
        hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
        style = (attributes.get("style") or "")[:500].replace(" ", "").lower()
        return (
            hidden
            or "display:none" in style
            or (attributes.get("role") or "") in _NO_ARTICLE_ROLES
            or any(map(_names_boilerplate, _names_of(attributes)))
        )

    def _own(self, element: _Element) -> int:
        """The characters of the element that are in no link."""
        linked = self.length_linked[element.end] - self.length_linked[element.start]
        return self.length[element.end] - self.length[element.start] - linked

    def _is_article(self, element: _Element, fewest: int) -> bool:
        own, whole = self._own(element), self.length[element.end] - self.length[element.start]
        return own >= fewest and own >= (1 - _MOST_LINKED) * whole

    def _densest(self) -> list[_Element]:
        """The block with most text of its own in it or in its paragraphs, or nothing."""
        scores = [0.0] * len(self.elements)
        held = [0] * len(self.elements)  # what each element's own children already count
        for index in reversed(range(len(self.elements))):
            element = self.elements[index]
            own = self._own(element)
            if element.parent >= 0 and element.tag not in _INLINE:
                held[element.parent] += own
            elif element.parent >= 0:
                held[element.parent] += held[index]
            if element.tag in _HOLDERS:
                scores[index] += max(0, own - held[index])
            elif element.tag in _PARAGRAPHS and element.parent >= 0:
                scores[element.parent] += own
                above = self.elements[element.parent].parent
                if above >= 0:
                    scores[above] += own / 2
        best = max(range(len(scores)), key=scores.__getitem__, default=-1)
        return [self.elements[best]] if best >= 0 and scores[best] else []

    def _text(self, element: _Element) -> str:
        return clean_text("".join(self.pieces[element.start : element.end]))[:MAX_ARTICLE].rstrip()


def _ancestors(nodes: Sequence[LexborNode]) -> frozenset[int]:
    """The identities of the nodes and of everything around them."""
    found: set[int] = set()
    for node in nodes:
        current: LexborNode | None = node
        while current is not None and current.mem_id not in found:
            found.add(current.mem_id)
            current = current.parent
    return frozenset(found)


def _names_of(attributes: dict[str, str | None]) -> list[str]:
    return f"{attributes.get('class') or ''} {attributes.get('id') or ''}"[:500].split()


def _names_boilerplate(name: str) -> bool:
    """Whether a class or an id ("cookie-banner") names what is around articles; "has-sidebar" is about the page."""
    words = _WORDS.findall(re.sub(r"([a-z])([A-Z])", r"\1-\2", name).lower())
    return bool(words) and words[0] not in _ABOUT_THE_PAGE and not _NO_ARTICLE_WORDS.isdisjoint((words[0], words[-1]))
