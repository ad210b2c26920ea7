"""Text of strangers that is safe to print: nothing in it moves a cursor, forges a line or turns the text around it.

Here: the escapes, for errors, logs and terminals, and code in Markdown. Not here: pages and the rest of Markdown
(newsletter_templates), values of a file (documents), secrets (masking).
"""

import re

# Control characters but tab and line feed, separators of lines, overrides of direction, lone surrogates.
_UNSHOWABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BACKTICKS = re.compile("`+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def legible(text: str) -> str:
    """The text, its lines kept, with an escape such as \\x1b for what would not show as itself."""
    return _UNSHOWABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def on_one_line(text: str) -> str:
    """The same for what names a place: a line feed is escaped too."""
    return legible(text).replace("\n", "\\n")


def without_colours(text: str) -> str:
    """The text without the colours of a terminal, which logs of programs carry."""
    return _COLOUR.sub("", text)


def as_code(text: str) -> str:
    """A span of code in Markdown that shows the text on one line, whatever backticks are in it."""
    line = on_one_line(text)
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(line)), default=0))
    pad = " " if line[:1] in ("`", "") or line[-1:] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"
