"""What is refused before it is parsed, and what is not: real pages are deep, wide and unclosed too."""

import pytest

from domain.errors import ParseError
from domain.markup import refuse_unaffordable

WHERE = "https://site.test/"


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 1_001,
        "<div></span>" * 1_001,
        ("<form>" + "<div>" * 100 + "</form>") * 20,
        ("<b>" + "<div>" * 100 + "</b>") * 20,
        ("<body>" + "<div>" * 100 + "</body>") * 20,
        ("<div>" * 100 + "<object>" + "</div>" * 100) * 20,
        "<svg>" + "<td>" * 1_001,
        "<p " + "a=1 " * 1_001 + ">",
        "<p " + "a='>' " * 1_001 + ">",
        "<p " + 'a="1"' * 1_001 + ">",
        "<p>" + "<b>" * 900 + "</p>" + "<p>x</p>" * 10_000,
        "<x><object>" + "<div>" * 900 + "</x>" * 10_000,
    ],
)
def test_what_would_cost_the_square_of_its_length_is_refused(html: str) -> None:
    with pytest.raises(ParseError) as error:
        refuse_unaffordable(html, WHERE)
    assert (error.value.where, bool(error.value.remedy)) == (WHERE, True)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 900 + "</div>" * 900,
        "<div><p>text<br></div>" * 10_000,
        "<ul>" + "<li><a href=/a>a</a>" * 10_000 + "</ul>",
        "<table>" + "<tr><td>a<td>b" * 10_000 + "</table>",
        "<svg>" + "<path d='M0'/>" * 10_000 + "</svg>",
        "<form><h1>a</h1></form>" * 2_000,
        "<p><b>bold</p>" * 100,
        f'<img src="data:image/png;base64,{"A" * 1_000_000}" alt="a > b">',
        f"<a title='{'word ' * 10_000}'>",
        "dose < 5 mg & <3 " * 10_000,
    ],
)
def test_what_real_pages_hold_is_let_through(html: str) -> None:
    refuse_unaffordable(html, WHERE)
