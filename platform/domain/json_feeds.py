"""JSON Feed 1.0 and 1.1 to items, also where the answer was cut short.

Here: what tells a JSON Feed from other JSON, and its entries. Not here: the names of an entry's fields, which are
those of any JSON answer (apis), nor feeds in XML (feeds).
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import orjson

from domain.apis import items_of
from domain.entries import MOST_ENTRIES
from domain.items import ParsedItem
from domain.text import decoded

_VERSION = re.compile(r'"version"\s*:\s*"https?:(?:\\?/){2}(?:www\.)?jsonfeed\.org(?:\\?/)')
_ITEMS = re.compile(r'"items"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


def parse_json_feed(body: bytes, base_url: str, patterns: Sequence[str] = ()) -> list[ParsedItem] | None:
    """The feed's entries with a title and an http(s) link, at most 5,000; None where the body is no JSON Feed.

    Of a feed cut short, the whole entries before the cut. `patterns` are the source's own date patterns.
    ParseError: above 16 MiB.
    """
    text = decoded(body, where=base_url)
    if not text.lstrip().startswith("{") or not _VERSION.search(text):
        return None
    try:
        document = orjson.loads(text)
    except ValueError:
        return items_of(islice(_before_the_cut(text), MOST_ENTRIES), base_url, patterns)
    version, entries = document.get("version"), document.get("items")
    if not isinstance(version, str) or not isinstance(entries, list):
        return None
    return items_of(entries, base_url, patterns)


def _before_the_cut(text: str) -> Iterator[Any]:
    start = _ITEMS.search(text)
    position = start.end() if start else len(text)
    read = json.JSONDecoder().raw_decode
    while between := _BETWEEN.match(text, position):
        try:
            entry, position = read(text, between.end())
        except (ValueError, RecursionError):
            return
        yield entry
