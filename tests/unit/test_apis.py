"""JSON answers to items."""

import json
from datetime import date
from typing import Any

import pytest

from domain.apis import parse_api
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
