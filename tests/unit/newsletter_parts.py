"""Stories, and readers of what a newsletter writes, for the suites about it. Not here: what a suite asserts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

from markdown_it import MarkdownIt

from domain.newsletters import compose
from domain.selection_policy import Policy
from domain.stories import Newsletter, Section, Story

MONDAY = date(2026, 11, 16)


def story(item_id: str = "a", **changes: object) -> Story:
    plain = Story(
        item_id=item_id,
        source_key="press_sector__depot_dispatch",
        source_type="press_sector",
        title=f"Title {item_id}",
        summary="Two sentences. The second one.",
        url=f"https://depot.example/{item_id}",
        day=date(2026, 11, 18),
        published_at=date(2026, 11, 18),
        date_source="structured",
        language="en",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """What a browser would see of a page: its tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self) -> list[str | None]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]


def rendered(markdown: str) -> str:
    """The HTML that a Markdown reader makes of it, tables and raw HTML allowed."""
    return str(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


def letter(
    *stories: Story, sections: Sequence[Section] | None = None, most: int = 50, language: str = "en"
) -> Newsletter:
    return compose("acme", "Acme Weekly", language, MONDAY, stories, Policy(most, tuple(sections or ())))


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[free money](https://evil.example)",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "https://evil.example/bare and www.evil.example",
    "a | b | c",
    "`code` and *bold* and _it_ and ~~gone~~",
    "line one\n# Heading\n\n- list\r\n> quote",
    "# Heading",
    "1. list",
    "- list",
    "=====",
    "&lt;b&gt; &#x3c;i&#x3e;",
    "{{ 7 * 7 }} {% raw %}",
    "](https://evil.example) [",
    "\\[x](https://evil.example)",
    "right\u202eleft",
    "null\x00 bell\x07 lone \ud800 surrogate",
]
