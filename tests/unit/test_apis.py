"""JSON answers to items."""

import json
from datetime import date
from typing import Any

import pytest

from domain.apis import next_page, parse_api
from domain.entries import MOST_ENTRIES
from domain.errors import ParseError

URL = "https://api.test/v1/list"


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def test_the_usual_names_make_an_item() -> None:
    (item,) = parse_api(
        body(
            {
                "items": [
                    {
                        "title": "A <b>title</b>",
                        "url": "/a",
                        "content": "<p>Text</p>",
                        "id": 7,
                        "published_at": "2025-12-09T23:30:00-05:00",
                        "author": "Ann",
                        "tags": ["x", "y"],
                    }
                ]
            }
        ),
        URL,
    )
    assert (item.title, item.content, item.url) == ("A title", "Text", "https://api.test/a")
    assert (item.guid, item.author, item.tags) == ("7", "Ann", ("x", "y"))
    assert (item.published_at, item.date_source) == (date(2025, 12, 10), "structured")


def test_other_names_and_nested_values_make_an_item() -> None:
    (item,) = parse_api(
        body(
            [
                {
                    "headline": {"rendered": "WordPress &amp; co"},
                    "html_url": "https://x.test/",
                    "abstract": "Text",
                    "guid": {"rendered": "g"},
                    "created_at": 1764892800,
                    "authors": [{"name": "Ann"}, {"name": "Bob"}],
                    "keywords": "a, b",
                }
            ]
        ),
        URL,
    )
    assert (item.title, item.content, item.guid) == ("WordPress & co", "Text", "g")
    assert (item.author, item.tags, item.published_at) == ("Ann, Bob", ("a", "b"), date(2025, 12, 5))


def test_a_dotted_path_leads_to_the_list() -> None:
    document = {"response": {"results": [{"name": "A", "link": "https://x.test/"}]}}
    assert [item.title for item in parse_api(body(document), URL, "response.results")] == ["A"]


def test_objects_without_title_or_link_are_left_out() -> None:
    entries = [
        {"title": "no link"},
        {"url": "https://x.test/no-title"},
        {"title": "not http", "url": "javascript:x"},
        "no object",
        None,
        {"title": None, "name": "kept", "url": "", "link": "https://x.test/", "description": ""},
    ]
    assert [(item.title, item.content) for item in parse_api(body({"items": entries}), URL)] == [("kept", "kept")]


def test_a_bad_date_costs_only_the_date() -> None:
    (item,) = parse_api(body([{"title": "A", "url": "/a", "date": "soon", "created_at": 10**40}]), URL)
    assert (item.published_at, item.date_source) == (None, "unknown")


def test_an_empty_list_is_no_error() -> None:
    assert parse_api(b'{"items": []}', URL) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html><body>Sign in</body></html>", "an HTML page"),
        (b"", "an empty body"),
        (b'{"items": [', "looks like JSON"),
        (b'{"data": [], "total": 0}', "an object of data, total"),
        (b'{"items": {}}', "no list at 'items'"),
        (b"3", "one value"),
    ],
)
def test_an_answer_that_holds_no_list_says_what_it_is(answer: bytes, said: str) -> None:
    with pytest.raises(ParseError, match=said) as error:
        parse_api(answer, URL)
    assert error.value.where == URL
    assert error.value.remedy


NEXT = "https://api.test/v1/list?page=2"


@pytest.mark.parametrize(
    ("document", "page"),
    [
        ({"next": "?page=2"}, NEXT),
        ({"next": {"href": NEXT}}, NEXT),
        ({"next_url": "/v1/list?page=2"}, NEXT),
        ({"links": {"next": NEXT}}, NEXT),
        ({"links": [{"rel": "prev", "href": "/x"}, {"rel": "next", "href": NEXT}]}, NEXT),
        ({"_links": {"next": {"href": NEXT}}}, NEXT),
        ({"paging": {"next": NEXT}}, NEXT),
        ({"nextPageToken": "a b&c"}, f"{URL}?pageToken=a+b%26c"),
        ({"next": None, "nextPageToken": ""}, None),
        ({"next": URL}, None),
        ({"next": "http://api.test/v1/list?page=2"}, None),
        ({"next": "https://other.test/"}, None),
        ({"next": "javascript:x"}, None),
        ({"next": 2, "links": "x", "paging": [1]}, None),
        ([], None),
    ],
)
def test_an_answer_names_the_page_after_it_or_none(document: Any, page: str | None) -> None:
    assert next_page(body(document), URL) == page


def test_a_token_takes_the_place_of_the_one_before_it() -> None:
    url = "https://api.test/studies?query.term=x&pageToken=old&pageSize="
    assert next_page(b'{"nextPageToken": "new"}', url) == url.replace("&pageToken=old", "") + "&pageToken=new"


def test_a_page_that_is_no_json_has_no_next_one() -> None:
    with pytest.raises(ParseError, match="not JSON"):
        next_page(b"<html>", URL)


@pytest.mark.parametrize("name", ["publishedAt", "published_at", "Published-At", "PUBLISHED AT", "webPublicationDate"])
def test_a_name_is_read_in_any_spelling(name: str) -> None:
    (item,) = parse_api(body([{"webTitle": "A", "webUrl": "/a", name: "2025-12-09"}]), URL)
    assert item.published_at == date(2025, 12, 9)


def test_an_answer_without_end_is_bounded() -> None:
    assert len(parse_api(body([{"title": "A", "url": f"/{number}"} for number in range(6_000)]), URL)) == MOST_ENTRIES


def test_escaped_control_characters_are_no_text() -> None:
    (item,) = parse_api(b'[{"title": "A\\u0000\\u202eB", "url": "/a", "id": "\\u0007g"}]', URL)
    assert (item.title, item.guid) == ("AB", "g")


@pytest.mark.parametrize("depth", [3, 900])
def test_a_value_within_values_costs_no_more_than_itself(depth: int) -> None:
    value: Any = "x"
    for _ in range(depth):
        value = {"name": value}
    (item,) = parse_api(body([{"title": "A", "url": "/a", "author": value}]), URL)
    assert item.author == ("x" if depth == 3 else "")
