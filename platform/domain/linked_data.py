"""Days that a page states for machines: JSON-LD (schema.org), microdata, meta elements.

Here: finding those fields in a page, and to which address a JSON-LD object belongs. Not here: reading a day from a
field (dates), the items of a page (pages), its article (articles).
"""

import re
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
from selectolax.lexbor import LexborHTMLParser, LexborNode

from domain.text import absolute_link

_SCRIPT = re.compile(r"<script\b[^<>]{0,500}application/ld\+json[^<>]{0,500}>", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</script", re.IGNORECASE)
_MOST_SCRIPTS = 20
_LONGEST_SCRIPT = 1_000_000  # characters
_MOST_OBJECTS = 2_000
# Not dateCreated or dateModified: they are of the object, and startDate is of an event.
_PUBLISHED = ("datePublished", "uploadDate")
_ADDRESS = ("url", "@id", "mainEntityOfPage")
_NOT_PUBLISHED = ("Event", "JobPosting", "Person", "WebSite", "Organization", "ImageObject")
_META = ", ".join(
    (
        *('meta[property="article:published_time" i]', 'meta[property="og:article:published_time" i]'),
        *(
            f'meta[name="{name}" i]'
            for name in ("article:published_time", "datePublished", "date", "dc.date", "dcterms.date")
        ),
        *(f'meta[name="{name}" i]' for name in ("dc.date.issued", "dcterms.issued", "citation_publication_date")),
        *('meta[name="publish-date" i]', 'meta[name="pubdate" i]', "meta[itemprop~=datePublished]"),
    )
)
_MARKED = "time, [itemprop~=datePublished]"


def published_by_address(html: str, base_url: str) -> dict[str, str]:
    """The publication field of each address that the page's JSON-LD names; the first of each counts."""
    fields: dict[str, str] = {}
    for thing in _objects(html):
        if field := _published(thing):
            for url in _addresses(thing, base_url):
                fields.setdefault(url, field)
    return fields


def published_fields(html: str, tree: LexborHTMLParser) -> list[str]:
    """The publication fields of a page that is one article: JSON-LD, then its meta elements."""
    linked = [field for thing in islice(_objects(html), _MOST_OBJECTS) if (field := _published(thing))]
    # Several objects: a list of other articles, none of which dates this page.
    of_one = linked if len(set(linked)) == 1 else []
    meta = [node.attributes.get("content") or "" for node in tree.css(_META)[:20]]
    return [*of_one[:1], *filter(None, meta)]


def marked_days(block: LexborNode, selector: str = "") -> Iterator[str]:
    """The fields of a block's <time> and datePublished elements, or of those that `selector` names."""
    for node in block.css(selector or _MARKED):
        attributes = node.attributes
        yield from filter(None, (attributes.get("datetime"), attributes.get("content"), node.text()))


def _objects(html: str) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD scripts, outer ones first; a script that is no JSON has none."""
    for start in islice(_SCRIPT.finditer(html), _MOST_SCRIPTS):
        end = _SCRIPT_END.search(html, start.end(), start.end() + _LONGEST_SCRIPT)
        if not end:
            continue
        try:
            waiting: deque[Any] = deque([orjson.loads(html[start.end() : end.start()])])
        except ValueError:
            continue
        seen = 0
        while waiting and seen < _MOST_OBJECTS:
            thing = waiting.popleft()
            seen += 1
            if isinstance(thing, dict):
                yield thing
                waiting += [value for value in thing.values() if isinstance(value, dict | list)]
            elif isinstance(thing, list):
                waiting += [value for value in thing if isinstance(value, dict | list)]


def _published(thing: dict[str, Any]) -> str:
    kinds = thing.get("@type")
    if any(str(kind).endswith(_NOT_PUBLISHED) for kind in (kinds if isinstance(kinds, list) else [kinds])):
        return ""
    return next((value for name in _PUBLISHED if isinstance(value := thing.get(name), str) and value.strip()), "")


def _addresses(thing: dict[str, Any], base_url: str) -> Iterator[str]:
    for name in _ADDRESS:
        value = thing.get(name)
        value = value.get("@id") or value.get("url") if isinstance(value, dict) else value
        if isinstance(value, str) and (url := absolute_link(base_url, value)):
            yield url
