"""From bytes to characters, from HTML to plain text, and the language of a text.

Here: what feeds, pages and APIs share when they read a body (charset, size, links, plain text, language).
Not here: what is an item in that body (feeds, pages, apis) nor its day (dates).
"""

import codecs
import re
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from domain.errors import ParseError

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 1_000
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_UNICODE = ("", "utf-8", "utf8", "utf-16", "utf16", "ascii", "us-ascii")
_LATIN = ("iso-8859-1", "iso8859-1", "latin-1", "latin1", "l1", "windows-1252", "cp1252")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_STRAY = re.compile("[\udc80-\udcff]")
_SPACES = re.compile(r"\s+")
# No pattern here runs past the next "<": on a body of "<a <a <a" it would read the rest for each of them.
_TAG_NAME = re.compile(r"<(/?)([a-z][a-z0-9]*)", re.IGNORECASE)
_TAG = re.compile(r"<[a-z/!][^<>]*>?", re.IGNORECASE)
_BLOCK_EDGE = re.compile(
    r"(?=</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li"
    r"|main|nav|ol|option|p|pre|section|table|td|th|tr|ul)\b)",
    re.IGNORECASE,
)
# Elements that HTML closes by itself: they cannot nest by being left open.
_SHALLOW = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track"),
    *("wbr", "p", "li", "dt", "dd", "option", "tr", "td", "th", "tbody", "thead", "tfoot"),
}
_UNSEEN = ["script", "style", "template", "noscript"]
_FEWEST_LETTERS = 20
_LANGUAGE_SAMPLE = 1_000


def decoded(body: bytes, declared: str = "", where: str = "") -> str:
    """The characters of `body`, control characters dropped; ParseError above 16 MiB.

    A byte order mark decides, then `declared` (a charset name), then UTF-8; a byte that is no UTF-8 is read
    as Windows-1252. Valid UTF-8 declared as Latin-1 is UTF-8: servers put Latin-1 on everything.
    """
    if len(body) > MAX_BYTES:
        raise ParseError(
            f"the body holds {len(body)} bytes, more than {MAX_BYTES}.",
            where=where,
            remedy="Point the source at a shorter feed or page.",
        )
    return _CONTROL.sub("", _characters(body, declared.strip(" \t\"'").lower()))


def _characters(body: bytes, declared: str) -> str:
    for mark, name in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    for start, name in _BARE_UTF16:
        if body.startswith(start):
            return body.decode(name, "replace")
    if declared in _LATIN:
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            return body.decode("cp1252", "replace")
    if declared not in _UNICODE:
        try:
            return body.decode(declared, "replace")
        except (LookupError, ValueError):
            pass  # an unknown charset: its name says nothing
    text = body.decode("utf-8", "surrogateescape")
    return _STRAY.sub(lambda byte: bytes([ord(byte[0]) - 0xDC00]).decode("cp1252", "replace"), text)


def looks_like(text: str) -> str:
    """What a body seems to be, for the message of an error: "an HTML page", "JSON", "an empty body"..."""
    start = text.lstrip()[:2_000].lower()
    if not start:
        return "an empty body"
    if start.startswith("%pdf"):
        return "a PDF"
    if "<html" in start or start.startswith("<!doctype html"):
        return "an HTML page"
    if start[0] in "{[":
        return "JSON"
    if root := re.search(r"<([a-z][\w:.-]*)", start):
        return f"a document whose root is <{root[1]}>"
    return "plain text"


def absolute_link(base_url: str, href: str) -> str:
    """`href` seen from `base_url`, or "" where that is no http(s) address (mailto:, javascript:, file:)."""
    href = href.strip()
    if not href or href.startswith("#"):
        return ""
    try:
        url = urljoin(base_url, href)
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""


def html_tree(html: str, where: str = "") -> LexborHTMLParser:
    """The parsed HTML without scripts and styles; ParseError where it nests deeper than any real page.

    The parser takes a time that grows with the square of the depth: 100,000 open <div> are half a minute.
    """
    depth = 0
    for closing, name in _TAG_NAME.findall(html):
        if name.lower() not in _SHALLOW:
            depth = max(0, depth - 1) if closing else depth + 1
            if depth > _MAX_DEPTH:
                raise ParseError(
                    f"the HTML nests more than {_MAX_DEPTH} elements.",
                    where=where,
                    remedy="Look at what the address answers: it is broken, or hostile.",
                )
    tree = LexborHTMLParser(html)
    tree.strip_tags(_UNSEEN)
    return tree


def plain_text(html: str) -> str:
    """The text of `html`: no tags, no scripts, entities resolved, blocks apart, whitespace made one space."""
    if "<" in html or "&" in html:
        try:
            tree = html_tree(_BLOCK_EDGE.sub(" ", html))
        except ParseError:
            html = _TAG.sub(" ", html)
        else:
            html = (tree.body or tree.root).text() if tree.root else ""
    return _SPACES.sub(" ", html).strip()


def language_of(text: str, default: str = "") -> str:
    """The ISO 639-1 code of the language of `text`; `default` under 20 letters, too few to tell."""
    sample = text[:_LANGUAGE_SAMPLE]
    if sum(character.isalpha() for character in sample) < _FEWEST_LETTERS:
        return default
    import py3langid  # its import takes most of a second: only who asks pays

    return str(py3langid.classify(sample)[0])
