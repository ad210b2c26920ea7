"""From the fields of an entry to an item: bounds, characters, documents without a title."""

import pytest

from domain.entries import MAX_CONTENT, MAX_TITLE, MOST_TAGS, document_name, item_of
from domain.items import ParsedItem

BASE = "https://site.test/news/"


def made(link: str = "/a", title: str = "A", content: str = "", tags: tuple[str, ...] = ()) -> ParsedItem | None:
    return item_of(base_url=BASE, links=["javascript:x", link], title=title, content=content, tags=tags)


def test_the_first_link_that_can_be_opened_is_the_address() -> None:
    item = made()
    assert item is not None
    assert item.url == "https://site.test/a"


def test_an_entry_without_a_title_or_a_link_is_none() -> None:
    assert made(title=" \x00") is None
    assert made(link="mailto:a@b.test") is None


def test_a_pdf_keeps_its_title_and_its_own_content() -> None:
    item = made("/files/report_2025.pdf", "Half-year results", "The figures.")
    assert item is not None
    assert (item.title, item.content, item.url) == (
        "Half-year results",
        "The figures.",
        "https://site.test/files/report_2025.pdf",
    )


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://x.test/files/half-year_results.pdf", "half year results"),
        ("https://x.test/R%C3%A9sultats.PDF?x=1#page=2", "Résultats"),
        ("https://x.test/a%00%e2%80%ae.pdf", "a"),
        ("https://x.test/a.html", ""),
        ("https://x.test/.pdf", ""),
        ("http://[broken", ""),
    ],
)
def test_a_pdf_without_a_title_is_named_by_its_file(url: str, name: str) -> None:
    assert document_name(url) == name
    item = made(url, title="")
    assert (item.title if item else "") == name


def test_every_field_is_bounded() -> None:
    item = made(title="a" * 10_000, content="b" * 1_000_000, tags=("c" * 1_000,) * 1_000)
    assert item is not None
    assert (len(item.title), len(item.content), len(item.tags)) == (MAX_TITLE, MAX_CONTENT, MOST_TAGS)


def test_characters_that_nobody_sees_are_dropped_everywhere() -> None:
    item = item_of(
        base_url=BASE, links=["/a\x00"], title="A\x1b\u202eB", guid="g\x00", author="N\x7f", tags=["t\x07", "\x00"]
    )
    assert item is not None
    assert (item.title, item.guid, item.author, item.tags, item.url) == ("AB", "g", "N", ("t",), "https://site.test/a")
