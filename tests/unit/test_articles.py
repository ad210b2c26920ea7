"""The article of a page: what is its text, what around it is not, what is no page."""

from datetime import date

import pytest

from domain.articles import MAX_ARTICLE, article_day, article_text
from domain.errors import ParseError

URL = "https://site.test/news/a.html"
SENTENCE = "The company announced today that its treatment met the primary endpoint of the study. "


def read(page: str | bytes, content_type: str = "text/html") -> str:
    return article_text(page.encode() if isinstance(page, str) else page, URL, content_type)


def paragraphs(count: int = 3, text: str = SENTENCE) -> str:
    return f"<p>{text}</p>" * count


def text_of(count: int = 3) -> str:
    return (SENTENCE * count).strip()


def test_what_stands_around_an_article_is_left_out() -> None:
    page = (
        "<html><head><title>Site</title></head><body><header>Head</header><nav><a href=/>Home</a></nav>"
        f"<div class='cookie-banner'>{paragraphs(9)}</div>"
        f"<article><h1>Title</h1><script>var lost</script><style>p{{}}</style>{paragraphs()}"
        "<form><p>Sign up</p><button>Go</button></form><aside>Advertisement</aside>"
        "<div class='social share-buttons'>Tweet</div></article>"
        f"<div id='related'>{paragraphs(9)}</div><footer>Foot</footer></body></html>"
    )
    assert read(page) == f"Title {text_of()}"


def test_inline_markup_joins_and_blocks_stay_apart() -> None:
    page = f"<article><p>{SENTENCE}</p><p>two <b>bo</b>ld<br>lines</p><ul><li>one<li>two</ul></article>"
    assert read(page) == f"{text_of(1)} two bold lines one two"


@pytest.mark.parametrize(
    "article",
    [
        "<div itemprop='articleBody'>{}</div>",
        "<article>{}</article>",
        "<main>{}</main>",
        "<div role=main>{}</div>",
        "<div class=content>{}</div>",
        "<section>{}</section>",
        "<table><tr><td><a href=/>Menu</a><td>{}</table>",
        "<form id=aspnetForm><h1></h1><div>{}</div></form>",
        "<div class='has-sidebar no-comments'>{}</div>",
    ],
)
def test_an_article_is_found_however_it_is_marked(article: str) -> None:
    teasers = "".join(f"<div><a href='/{number}'>A teaser of another article</a></div>" for number in range(5))
    assert read(f"<body>{teasers}{article.format(paragraphs())}{teasers}</body>") == text_of()


def test_text_that_line_breaks_divide_is_an_article_too() -> None:
    text = SENTENCE.replace(". ", ".<br><br>") * 3
    assert read(f"<body><div><a href=/>Home</a></div><div>{text}</div></body>") == text_of()


def test_the_marked_body_goes_before_the_element_around_it() -> None:
    page = f"<article><p>By Ann</p><div itemprop='articleBody'>{paragraphs()}</div><p>More of Ann</p></article>"
    assert read(page) == text_of()


def test_the_longest_of_several_articles_is_the_main_one() -> None:
    teasers = "<article><a href=/b>Another</a><p>A line.</p></article>" * 5
    assert read(f"{teasers}<article>{paragraphs()}</article>{teasers}") == text_of()


def test_comments_that_are_articles_themselves_belong_to_none_but_their_page() -> None:
    page = f"<article>{paragraphs()}<div class=comments><article>I agree.</article></div></article>"
    assert read(page).startswith(text_of())


@pytest.mark.parametrize(
    "page",
    [
        "<html><body></body></html>",
        "<html><body><p>Moved.</p></body></html>",
        "<body>" + "<article><a href=/a>Title</a><p>A short line under each of the titles here.</p></article>" * 8,
        "<main>" + "<p><a href=/a>A link that is all there is of this paragraph</a></p>" * 20 + "</main>",
        f"<body><nav>{paragraphs()}</nav><footer>{paragraphs()}</footer></body>",
        f"<body><div hidden>{paragraphs()}</div><div style='display: none'>{paragraphs()}</div></body>",
    ],
)
def test_a_page_that_is_about_no_article_has_none(page: str) -> None:
    assert read(page) == ""


@pytest.mark.parametrize(
    ("head", "encoding", "content_type"),
    [
        ("", "utf-8", "text/html"),
        ("", "cp1252", "text/html"),
        ("", "utf-8", "text/html; charset=ISO-8859-1"),
        ("<meta charset=iso-8859-15>", "iso-8859-15", ""),
        ("", "utf-16", "text/html"),
        ("", "utf-8-sig", "application/pdf"),
    ],
)
def test_an_article_keeps_its_accents_in_any_charset(head: str, encoding: str, content_type: str) -> None:
    page = f"<html><head>{head}</head><article>{paragraphs(2)}<p>Étude à Liège</p></article></html>"
    assert read(page.encode(encoding), content_type).endswith("Étude à Liège")


def test_an_article_is_characters_that_a_reader_sees() -> None:
    assert read(f"<article>{paragraphs(2)}<p>a\x00b&#1;c\u202ed &amp; &lt;b&gt;</p></article>").endswith("abcd & <b>")


def test_an_article_is_bounded() -> None:
    assert len(read(f"<article>{paragraphs(5_000)}</article>")) <= MAX_ARTICLE


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "an empty body"),
        (b"%PDF-1.7\n<p>", "a PDF"),
        (b"\x1f\x8b\x08\x00<p>", "gzip"),
        (b"PK\x03\x04<p>", "ZIP"),
        (b'{"html": "<p>text</p>"}', "JSON"),
        (b'<?xml version="1.0"?><rss><channel><description><p>x</p></description></channel></rss>', "rss"),
        (b"Only words.", "plain text"),
        (b"\x89PNG\r\n\x1a\n", "plain text"),
    ],
)
def test_what_is_no_page_is_refused_by_its_name(body: bytes, said: str) -> None:
    with pytest.raises(ParseError, match=said) as error:
        read(body)
    assert (error.value.where, bool(error.value.remedy)) == (URL, True)


def linked(data: str) -> str:
    return f'<script type="application/ld+json">{data}</script>'


@pytest.mark.parametrize(
    ("head", "body", "day", "origin"),
    [
        (linked('{"@type": "NewsArticle", "datePublished": "2025-12-09T08:00Z"}'), "", "2025-12-09", "structured"),
        (linked('{"@graph": [{"datePublished": "2025-12-09"}]}'), "", "2025-12-09", "structured"),
        (
            '<meta property="article:published_time" content="2025-12-09T23:30:00-05:00">',
            *("", "2025-12-10", "structured"),
        ),
        ('<meta name="citation_publication_date" content="2025/12/09">', "", "2025-12-09", "structured"),
        ("", '<time datetime="2025-12-09">today</time>', "2025-12-09", "structured"),
        ("", "<p>Paris, le 9 décembre 2025 – Résultats</p>", "2025-12-09", "pattern"),
        ("", "<p>Results for the half-year ended September 30, 2025</p>", "None", "unknown"),
        ("", '<time datetime="2025-12-09">a</time><time datetime="2025-12-10">b</time>', "None", "unknown"),
        (linked('{"@type": "Event", "startDate": "2025-12-09"}'), "", "None", "unknown"),
        (linked('{"datePublished": "2025-'), "", "None", "unknown"),
        (linked('{"datePublished": "soon"}'), "", "None", "unknown"),
        (linked('[{"datePublished": "2025-12-09"}, {"datePublished": "2025-12-10"}]'), "", "None", "unknown"),
    ],
)
def test_the_day_of_an_article_is_the_one_it_states(head: str, body: str, day: str, origin: str) -> None:
    page = f"<html><head>{head}</head><body><article>{body}{paragraphs()}</article></body></html>"
    found, how = article_day(page.encode(), URL, "text/html")
    assert (str(found), how) == (day, origin)


def test_the_address_dates_an_article_that_states_no_day() -> None:
    page = f"<article>{paragraphs()}</article>".encode()
    assert article_day(page, "https://site.test/2025/12/09/a", "") == (date(2025, 12, 9), "url")
