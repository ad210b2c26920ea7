"""News pages to items."""

from datetime import date

import pytest

from domain.errors import ConfigError, ParseError
from domain.pages import parse_page

URL = "https://site.test/en/news/"


def page(inside: str) -> bytes:
    return f"<html><head><meta charset=utf-8></head><body><nav>menu</nav>{inside}</body></html>".encode()


def test_an_article_gives_title_link_description_and_time() -> None:
    (item,) = parse_page(
        page(
            '<article><h3><a href="/a">A title</a></h3><time datetime="2025-12-09">9 Dec</time>'
            '<p class="description">Some text</p></article>'
        ),
        URL,
    )
    assert (item.title, item.content, item.url) == ("A title", "Some text", "https://site.test/a")
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")


def test_the_time_element_goes_before_the_dates_in_the_text() -> None:
    """D13: V2 never read <time datetime>."""
    (item,) = parse_page(
        page(
            '<article><a href="/a">Results of September 30, 2025</a>'
            '<time datetime="2025-12-09T10:00Z"></time></article>'
        ),
        URL,
    )
    assert item.published_at == date(2025, 12, 9)


def test_an_undated_article_is_never_of_today() -> None:
    """D11: V2 dated 95 of 95 page items on the run's day."""
    (item,) = parse_page(page('<article><a href="/a">A title</a><time>soon</time></article>'), URL)
    assert (item.published_at, item.date_source) == (None, "unknown")


def test_without_a_description_the_content_is_500_characters_of_the_element() -> None:
    (item,) = parse_page(
        page(f'<article><a href="/a">A title</a> <p>10 December, 2025</p><p>{"x" * 600}</p></article>'), URL
    )
    # Glued, as V2 read it: the content hash of such an item is V2's.
    assert item.content == ("A title10 December, 2025" + "x" * 600)[:500]
    assert item.published_at == date(2025, 12, 10)


def test_a_link_without_text_takes_the_heading_for_title() -> None:
    (item,) = parse_page(page('<article><a href="/a"><img src="x"></a><h2>The heading</h2></article>'), URL)
    assert item.title == "The heading"


def test_relative_links_of_every_form_become_absolute() -> None:
    """V2 joined only those that start with a slash."""
    links = ("/a", "b.html", "../c", "?id=1", "//cdn.test/d.pdf")
    items = parse_page(page("".join(f'<article><a href="{link}">{link}</a></article>' for link in links)), URL)
    assert [item.url for item in items] == [
        "https://site.test/a",
        "https://site.test/en/news/b.html",
        "https://site.test/en/c",
        "https://site.test/en/news/?id=1",
        "https://cdn.test/d.pdf",
    ]


def test_links_that_lead_nowhere_are_passed_over() -> None:
    (item,) = parse_page(
        page('<article><a href="#x">top</a><a href="mailto:a@b.c">mail</a><a href="/a">A title</a></article>'), URL
    )
    assert (item.title, item.url) == ("A title", "https://site.test/a")


def test_a_link_to_a_document_is_an_item_of_the_day_in_its_name() -> None:
    """D13: the half-year's end is not the day of publication."""
    (item,) = parse_page(
        page(
            '<article><a href="/uploads/2025/12/MDC_HY-Results-EN_09122025-1.pdf">'
            "Half-year results, September 30, 2025</a></article>"
        ),
        URL,
    )
    assert item.title == "Half-year results, September 30, 2025"
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "url")


def test_at_most_20_articles_are_items() -> None:
    articles = "".join(f'<article><a href="/{number}">Title {number}</a></article>' for number in range(30))
    assert len(parse_page(page(articles), URL)) == 20


def test_without_articles_the_blocks_of_news_are_items() -> None:
    items = parse_page(
        page('<div class="Press-Item"><a href="/a">A</a>text</div><div class="other"><a href="/b">B</a></div>'), URL
    )
    assert [item.title for item in items] == ["A"]


def test_a_list_and_its_children_give_each_link_once() -> None:
    """The real pages gave V2 the first link twice: for the list and for its first child."""
    items = parse_page(
        page(
            '<div class="news-list"><h2>PRESS RELEASES</h2>'
            '<div class="news-item">10 December, 2025<a href="/a">A</a>More of A</div>'
            '<div class="news-item">6 November, 2025<a href="/b">B</a>More of B</div></div>'
        ),
        URL,
    )
    assert [(item.title, item.content) for item in items] == [
        ("A", "10 December, 2025AMore of A"),
        ("B", "6 November, 2025BMore of B"),
    ]
    assert [str(item.published_at) for item in items] == ["2025-12-10", "2025-11-06"]


def test_a_list_of_one_child_gives_the_child() -> None:
    (item,) = parse_page(
        page('<div class="news"><h2>PRESS</h2><div class="item"><a href="/a">A</a>More</div></div>'), URL
    )
    assert item.content == "AMore"


def test_a_headings_own_block_leaves_the_place_to_its_item() -> None:
    (item,) = parse_page(
        page('<div class="post"><div class="post-title"><a href="/a">A</a></div><p>10 December, 2025</p></div>'), URL
    )
    assert (item.content, item.published_at) == ("A10 December, 2025", date(2025, 12, 10))


def test_children_that_are_only_titles_still_win_over_their_list() -> None:
    items = parse_page(
        page(
            '<div class="news"><div class="item"><a href="/a">A</a></div>'
            '<div class="item"><a href="/b">B</a></div></div>'
        ),
        URL,
    )
    assert [item.content for item in items] == ["A", "B"]


def test_the_sources_selectors_go_before_the_generic_pattern() -> None:
    (item,) = parse_page(
        page(
            '<article><a href="/no">No</a></article>'
            '<li class="row"><a href="/tag">tag</a><h5>The <i>title</i></h5><span class="on">09/12/2025</span>'
            '<div class="body">Text</div><b class="more"><a href="/a">more</a></b></li>'
        ),
        URL,
        selectors={"item": "li.row", "title": "h5", "link": ".more", "date": ".on", "content": ".body"},
    )
    assert (item.title, item.content, item.url) == ("The title", "Text", "https://site.test/a")
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")


def test_a_selector_that_is_no_css_names_itself() -> None:
    with pytest.raises(ConfigError, match=r"li\[\["):
        parse_page(page("<article><a href='/a'>A</a></article>"), URL, selectors={"item": "li[["})


@pytest.mark.parametrize(
    ("head", "encoding", "content_type"),
    [
        ("", "utf-8", ""),
        ("", "cp1252", ""),
        ("", "iso-8859-1", "text/html; charset=ISO-8859-1"),
        ("", "utf-8", "text/html; charset=ISO-8859-1"),  # a server's default, against its own page
        ('<meta charset="iso-8859-15">', "iso-8859-15", "text/html"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=utf-8">', "utf-8", "text/html"),
        ("", "utf-8-sig", ""),
        ("", "euc-kr", "text/html; charset=euc-kr"),
    ],
)
def test_a_page_keeps_its_letters_in_any_charset(head: str, encoding: str, content_type: str) -> None:
    """D20."""
    title = "펩트론" if encoding == "euc-kr" else "Étude réglementaire"
    body = f"<head>{head}</head><article><a href='/a'>{title}</a></article>".encode(encoding)
    (item,) = parse_page(body, URL, content_type=content_type)
    assert item.title == title


def test_scripts_are_no_text() -> None:
    (item,) = parse_page(
        page("<article><script>var x = '2001-01-01'</script><a href='/a'>A</a><p>text</p></article>"), URL
    )
    assert (item.content, item.published_at) == ("Atext", None)


@pytest.mark.parametrize("body", [b"", b"<html><body><p>Nothing</p></body></html>", b"\x00\xff"])
def test_a_page_without_a_list_says_so_and_names_the_remedy(body: bytes) -> None:
    with pytest.raises(ParseError, match="no list of items found") as error:
        parse_page(body, URL)
    assert "html_selectors" in error.value.remedy
    assert error.value.where == URL


def test_a_body_that_is_a_pdf_is_refused_by_its_name() -> None:
    with pytest.raises(ParseError, match="the body is a PDF"):
        parse_page(b"%PDF-1.7 <article><a href=/a>A</a></article>", URL, content_type="text/html")


def test_a_page_nested_without_end_is_refused() -> None:
    with pytest.raises(ParseError, match="nests"):
        parse_page(b"<div class=item>" * 100_000, URL)


def test_linked_data_dates_the_items_it_names() -> None:
    listed = (
        '{"@type": "ItemList", "itemListElement": [{"item": {"url": "/a", "datePublished": "2025-12-09"}},'
        '{"item": {"@type": "Event", "url": "/b", "datePublished": "2025-12-10"}}]}'
    )
    first, second = parse_page(
        page(
            f'<script type="application/ld+json">{listed}</script>'
            '<article><a href="/a">A</a></article><article><a href="/b">B</a></article>'
        ),
        URL,
    )
    assert (first.published_at, first.date_source) == (date(2025, 12, 9), "structured")
    assert (second.published_at, second.date_source) == (None, "unknown")


def test_microdata_is_a_structured_date() -> None:
    (item,) = parse_page(
        page('<article><a href="/a">A</a><meta itemprop="datePublished" content="2025-12-09"></article>'), URL
    )
    assert (item.published_at, item.date_source) == (date(2025, 12, 9), "structured")


def test_a_link_to_a_pdf_is_an_item_that_nobody_reads() -> None:
    (item,) = parse_page(page('<article><a href="/half-year_results.pdf"><img src=x></a></article>'), URL)
    assert (item.title, item.content) == ("half year results", "half year results")
