"""What every reader does with one entry on its way to an item: its address, its bounds, its day.

Here: when an entry is an item, how long its fields may be, the name of a document without a title. Not here: where in
a body the fields are (feeds, json_feeds, pages, apis).
"""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

from domain.dates import date_of
from domain.items import ParsedItem
from domain.text import absolute_link, clean_text

MOST_ENTRIES = 5_000
MAX_TITLE = 1_000  # characters, as all below
MAX_CONTENT = 100_000
MAX_GUID = 2_000
MAX_AUTHOR = 500
MAX_TAG = 200
MOST_TAGS = 50
_DOCUMENT = re.compile(r"\.pdf$", re.IGNORECASE)
_SEPARATORS = re.compile(r"[-_+\s]+")


def item_of(
    *,
    base_url: str,
    links: Iterable[str],
    title: str,
    content: str = "",
    dates: Iterable[str] = (),
    dated_by: str = "",
    guid: str = "",
    author: str = "",
    tags: Iterable[str] = (),
    patterns: Sequence[str] = (),
) -> ParsedItem | None:
    """The item that an entry's fields make, or None without an http(s) link or a title. Texts are plain, not HTML.

    A PDF without a title is named by its file; content falls back to the title. `dates` are fields, `dated_by` the
    text searched for a day after them (the content if empty). ConfigError: a pattern that does not compile.
    """
    url = next(filter(None, (absolute_link(base_url, link) for link in links)), "")
    title = (clean_text(title) or (document_name(url) if url else ""))[:MAX_TITLE].rstrip()
    if not title or not url:
        return None
    content = clean_text(content)[:MAX_CONTENT].rstrip() or title
    day, origin = date_of(structured=dates, title=title, text=dated_by or content, url=url, patterns=patterns)
    return ParsedItem(
        title=title,
        content=content,
        url=url,
        guid=clean_text(guid)[:MAX_GUID],
        published_at=day,
        date_source=origin,
        author=clean_text(author)[:MAX_AUTHOR].rstrip(),
        tags=tuple(filter(None, (clean_text(tag)[:MAX_TAG].rstrip() for tag in tags)))[:MOST_TAGS],
    )


def document_name(url: str) -> str:
    """The title that the file name of a PDF gives ("half-year_results.pdf": "half year results"), else ""."""
    try:
        name = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:
        return ""
    return clean_text(_SEPARATORS.sub(" ", _DOCUMENT.sub("", name))) if _DOCUMENT.search(name) else ""
