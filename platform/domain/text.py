"""From bytes to characters, from HTML to plain text, and the language of a text.

Here: what feeds, pages and APIs share when they read a body (charset, size, links, plain text, language).
Not here: what is an item in that body (feeds, pages, apis) nor its day (dates).
"""

import codecs
import re
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser

from domain.errors import ParseError
from domain.markup import refuse_unaffordable

MAX_BYTES = 16 * 1024 * 1024
# Longest first: the mark of UTF-16-LE begins that of UTF-32-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))
_UNICODE = ("", "utf-8", "utf8", "utf-16", "utf16", "ascii", "us-ascii")
_LATIN = ("iso-8859-1", "iso8859-1", "latin-1", "latin1", "l1", "windows-1252", "cp1252")
# Codecs of Python that are no charset of the web: they warn, hide markup, or take a time that grows with the square.
_NO_CHARSETS = {"unicode-escape", "raw-unicode-escape", "utf-7", "punycode", "idna", "undefined", "charmap"}
# What is not text at all, by its first bytes.
_BINARY = (
    (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# What no reader sees and what misleads one: C0 and C1, marks that turn the direction of letters, halves of pairs.
_UNREADABLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_HEADER_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,500}?charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_STRAY = re.compile("[\udc80-\udcff]")
_LINE_ENDS = re.compile(r"[\t\r\n]")
_LONGEST_LINK = 4_096
# In the authority of an address each of these makes two readers see two hosts.
_NO_HOST = re.compile(r"[\s\\<>\"^`{|}]")
_SPACES = re.compile(r"\s+")
# No pattern here runs past the next "<": on a body of "<a <a <a" it would read the rest for each of them.
_TAG = re.compile(r"<[a-z/!][^<>]*>?", re.IGNORECASE)
_BLOCK_EDGE = re.compile(
    r"(?=</?(?:address|article|aside|blockquote|br|dd|div|dl|dt|figcaption|figure|footer|h[1-6]|header|hr|li"
    r"|main|nav|ol|option|p|pre|section|table|td|th|tr|ul)\b)",
    re.IGNORECASE,
)
_UNSEEN = ["script", "style", "template", "noscript"]
_FEWEST_LETTERS = 20
_LANGUAGE_SAMPLE = 1_000
_WORDS = re.compile(r"[^\W\d_]+")
# Languages share some small words; a text is plainly of one where its own are far more than any other's.
_SMALL_WORDS = {
    "en": frozenset(
        [
            "the",
            "and",
            "of",
            "to",
            "in",
            "is",
            "for",
            "with",
            "that",
            "by",
            "from",
            "was",
            "has",
            "have",
            "are",
            "this",
            "its",
            "will",
            "an",
            "as",
            "be",
            "on",
            "at",
        ]
    ),
    "fr": frozenset(
        [
            "le",
            "la",
            "les",
            "des",
            "et",
            "est",
            "pour",
            "dans",
            "une",
            "avec",
            "du",
            "au",
            "aux",
            "sur",
            "qui",
            "par",
            "que",
            "un",
            "ce",
            "son",
            "ses",
            "en",
        ]
    ),
    "de": frozenset(
        [
            "der",
            "die",
            "das",
            "und",
            "ist",
            "von",
            "mit",
            "für",
            "auf",
            "den",
            "dem",
            "ein",
            "eine",
            "zu",
            "im",
            "des",
            "nicht",
            "sich",
            "als",
            "wird",
        ]
    ),
    "es": frozenset(
        [
            "el",
            "la",
            "los",
            "las",
            "una",
            "que",
            "por",
            "con",
            "para",
            "del",
            "se",
            "su",
            "es",
            "en",
            "un",
            "lo",
            "como",
            "más",
            "al",
        ]
    ),
    "it": frozenset(
        [
            "il",
            "di",
            "che",
            "della",
            "per",
            "con",
            "una",
            "del",
            "è",
            "sono",
            "gli",
            "le",
            "dei",
            "nel",
            "alla",
            "da",
            "un",
            "si",
            "non",
        ]
    ),
    "pt": frozenset(
        [
            "o",
            "os",
            "que",
            "uma",
            "por",
            "com",
            "para",
            "do",
            "da",
            "dos",
            "das",
            "não",
            "em",
            "um",
            "se",
            "ao",
            "no",
            "na",
            "mais",
        ]
    ),
    "nl": frozenset(
        [
            "de",
            "het",
            "een",
            "van",
            "en",
            "in",
            "is",
            "dat",
            "op",
            "te",
            "voor",
            "met",
            "zijn",
            "aan",
            "door",
            "niet",
            "ook",
            "als",
            "bij",
        ]
    ),
}
_FEWEST_HITS = 6
_PLAIN_SHARE = 0.2  # of the words
_PLAIN_LEAD = 2  # times the next language's


def html_charset(body: bytes, content_type: str) -> str:
    """The charset that the content type or a page's own <meta> names; "" where neither does."""
    if header := _HEADER_CHARSET.search(content_type):
        return header[1]
    meta = _META_CHARSET.search(body[:4_096])
    return meta[1].decode("ascii") if meta else ""


def decoded(body: bytes, declared: str = "", where: str = "") -> str:
    """The characters of `body`, control characters dropped; ParseError above 16 MiB, for a PDF or an archive.

    A byte order mark decides, then `declared` (a charset name), then UTF-8; a byte that is no UTF-8 is read
    as Windows-1252. Valid UTF-8 declared as Latin-1 is UTF-8: servers put Latin-1 on everything.
    """
    if len(body) > MAX_BYTES:
        raise ParseError(
            f"the body holds {len(body)} bytes, more than {MAX_BYTES}.",
            where=where,
            remedy="Point the source at a shorter feed or page.",
        )
    for start, kind in _BINARY:
        if body[:1_024].lstrip().startswith(start):
            raise ParseError(
                f"the body is {kind}: documents are named, not read.",
                where=where,
                remedy="What a source reads is the feed or the page that lists it.",
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
            if codecs.lookup(declared).name.replace("_", "-") not in _NO_CHARSETS:
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
    if root := re.search(r"<([a-z][\w:.-]{0,50})", start):
        return f"a document whose root is <{root[1]}>"
    return "plain text"


def absolute_link(base_url: str, href: str) -> str:
    """`href` seen from `base_url`, or "" where that is no http(s) address (mailto:, javascript:, file:) or
    longer than 4,096 characters."""
    # Browsers drop tabs and line ends anywhere in an address; a control character hides what it is.
    href = _UNREADABLE.sub("", _LINE_ENDS.sub("", href[: 2 * _LONGEST_LINK])).strip()
    if not href or href.startswith("#"):
        return ""
    try:
        url = urljoin(base_url, href)
        parts = urlsplit(url)
    except ValueError:
        return ""
    if len(url) > _LONGEST_LINK or parts.scheme not in ("http", "https"):
        return ""
    return url if parts.hostname and not _NO_HOST.search(parts.netloc) else ""


def html_tree(html: str, where: str = "") -> LexborHTMLParser:
    """The parsed HTML without scripts and styles; ParseError where it would cost the parser too much."""
    refuse_unaffordable(html, where)
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
    return clean_text(html)


def clean_text(text: str) -> str:
    """`text` without characters that nobody sees (controls, marks of direction), whitespace made one space."""
    return _SPACES.sub(" ", _UNREADABLE.sub("", text)).strip()


def _plainly(sample: str) -> str:
    """The language whose small words run through the text, far before any other's; "" where none does."""
    words = _WORDS.findall(sample.lower())
    hits = sorted(((sum(word in small for word in words), code) for code, small in _SMALL_WORDS.items()), reverse=True)
    (most, code), (second, _other) = hits[:2]
    return code if most >= max(_FEWEST_HITS, len(words) * _PLAIN_SHARE, second * _PLAIN_LEAD) else ""


def language_of(text: str, default: str = "") -> str:
    """The ISO 639-1 code of the language of `text`; `default` under 20 letters, too few to tell."""
    sample = text[:_LANGUAGE_SAMPLE]
    if sum(character.isalpha() for character in sample) < _FEWEST_LETTERS:
        return default
    if plain := _plainly(sample):
        return plain
    import py3langid  # it takes most of a second and 100 MB: only a text that is not plain pays for it

    return str(py3langid.classify(sample)[0])
