"""What the HTML parser can afford: how deep elements nest, how many attributes one carries, what is rebuilt.

Here: refusing, before it is parsed, HTML whose cost grows with the square of its length. Not here: parsing it or
reading text from it (text), lists and articles (pages, articles).

The parser looks through all open elements at each block, through all attributes at each attribute, and opens every
unclosed <b> again in each paragraph. So open elements are followed here as the parser would; in doubt, one is open.
"""

import re
from collections import Counter

from domain.errors import ParseError

_MAX_DEPTH = 1_000
_MAX_ATTRIBUTES = 1_000
_MAX_STEPS = 2_000_000
_SHORT = 2_000  # characters: not enough for either
# No pattern here runs past the next "<": on a body of "<a <a <a" it would read the rest for each of them.
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)([^<>]*)", re.IGNORECASE)
_ATTRIBUTE = r"[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+))?+"
_ATTRIBUTES = re.compile(rf"<[a-z][^\s/>]*+((?:{_ATTRIBUTE})*+)", re.IGNORECASE)
_ONE_ATTRIBUTE = re.compile(_ATTRIBUTE)
# Elements that HTML closes by itself, or of which there is one: they cannot nest by being left open.
_VOID = frozenset(("br", "embed", "hr", "img", "meta", "p", "li", "dt", "dd", "html", "head", "body"))
_SHALLOW = _VOID | frozenset(
    (
        *("area", "base", "col", "input", "link", "param", "source", "track", "wbr"),
        *("option", "tr", "td", "th", "tbody", "thead", "tfoot"),
    )
)
_FOREIGN = ("svg", "math")
# An end tag closes nothing beyond one of these.
_BOUNDARIES = frozenset(
    ("applet", "caption", "desc", "foreignobject", "marquee", "object", "table", "template", "title")
)
# What is inside stays open when one of these ends.
_OVERLAPPING = frozenset(
    ("a", "b", "big", "code", "em", "font", "form", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
)
_ABSENT, _BEYOND = -1, -2


def refuse_unaffordable(html: str, where: str = "") -> None:
    """Raises ParseError for HTML that nests more than 1,000 elements, carries more than 1,000 attributes on one, or
    leaves so many open that the parser opens them again for ever."""
    if len(html) > _SHORT:
        for found in _ATTRIBUTES.finditer(html):
            if found.end() - found.start() > _SHORT and len(_ONE_ATTRIBUTE.findall(found[1])) > _MAX_ATTRIBUTES:
                raise _unaffordable(f"the HTML carries more than {_MAX_ATTRIBUTES} attributes on one element.", where)
    _Open(where).follow(html)


class _Open:
    """The elements that are open at a place, outermost first, as far as the parser's cost goes."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.names: list[str] = []
        self.counts: Counter[str] = Counter()
        self.rebuilt: Counter[str] = Counter()
        self.steps = 0

    def follow(self, html: str) -> None:
        for found in _TAG.finditer(html):
            name = found[2].lower()
            foreign = self.counts["svg"] or self.counts["math"]
            if name in (_VOID if foreign else _SHALLOW):
                self.steps += self.rebuilt.total()
            elif found[1]:
                self._close(name)
            elif not (foreign and found[3].endswith("/")):
                self._open(name)
            if self.steps > _MAX_STEPS:
                raise _unaffordable("the HTML leaves too many elements open, over and over.", self.where)

    def _open(self, name: str) -> None:
        self.steps += self.rebuilt.total()
        self.names.append(name)
        self.counts[name] += 1
        if name in _OVERLAPPING and name != "form":
            self.rebuilt[name] += 1
        if len(self.names) > _MAX_DEPTH:
            raise _unaffordable(f"the HTML nests more than {_MAX_DEPTH} elements.", self.where)

    def _close(self, name: str) -> None:
        position = self._place(name)
        if position != _BEYOND and self.rebuilt[name]:
            self.rebuilt[name] -= 1
        if position < 0:
            return
        closed = [self.names.pop(position)] if name in _OVERLAPPING else self.names[position:]
        if name not in _OVERLAPPING:
            del self.names[position:]
        self.counts.subtract(closed)

    def _place(self, name: str) -> int:
        if not self.counts[name]:
            return _ABSENT
        for position in reversed(range(len(self.names))):
            self.steps += 1
            if self.names[position] == name:
                return position
            if self.names[position] in _BOUNDARIES and name not in _BOUNDARIES:
                return _BEYOND
        return _ABSENT


def _unaffordable(message: str, where: str) -> ParseError:
    return ParseError(message, where=where, remedy="Look at what the address answers: it is broken, or hostile.")
