"""From a body to a snapshot, and the memory of first days. Not fetching, not keeping."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import Source
from domain.errors import ParseError, TransientError
from domain.snapshots import Body, FirstSeen, Snapshot, failure, parse, take

DAY = date(2026, 11, 21)
BEFORE = DAY - timedelta(days=1)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
SOURCE = Source(
    "press__a",
    source_type="press",
    ingestion_mode="api",
    enabled=True,
    api_url="https://a.example/api",
    default_language="en",
)


def body(*names: str, at: datetime = AT) -> Body:
    entries = [{"title": f"Title {name}", "content": f"Text {name}", "url": f"/{name}", "id": name} for name in names]
    return Body(json.dumps({"items": entries}).encode(), "https://a.example/api?page=1", "application/json", at)


def names(items: Snapshot | tuple[object, ...]) -> list[str]:
    found = items.items if isinstance(items, Snapshot) else items
    return [getattr(item, "guid", "") for item in found]


def test_a_snapshot_holds_the_items_of_its_body_and_where_it_came_from() -> None:
    snapshot = take(SOURCE, DAY, body("x", "y"), FirstSeen())
    assert names(snapshot) == ["x", "y"]
    assert (snapshot.url, snapshot.content_type, snapshot.fetched_at) == (
        *("https://a.example/api?page=1", "application/json", AT),
    )
    assert not snapshot.failed
    (first, _second) = snapshot.items
    assert (first.source_key, first.source_type, first.url) == ("press__a", "press", "https://a.example/x")
    assert (first.first_seen, first.ingested_at, first.word_count) == (DAY, AT, 2)
    assert (first.published_at, first.date_source) == (None, "unknown")


def test_an_entry_that_a_body_repeats_is_one_item() -> None:
    assert names(take(SOURCE, DAY, body("x", "y", "x"), FirstSeen())) == ["x", "y"]


def test_an_item_is_new_on_its_first_day_only() -> None:
    seen = FirstSeen()
    yesterday = take(SOURCE, BEFORE, body("x"), seen)
    seen.learn(yesterday)
    today = take(SOURCE, DAY, body("x", "y"), seen)
    assert [item.first_seen for item in today.items] == [BEFORE, DAY]
    assert names(yesterday.new_items) == ["x"]
    assert names(today.new_items) == ["y"]


def test_an_item_that_comes_back_is_not_new_again() -> None:
    seen = FirstSeen()
    seen.learn(take(SOURCE, DAY - timedelta(days=40), body("x"), seen))
    seen.learn(take(SOURCE, BEFORE, body("y"), seen))
    assert names(take(SOURCE, DAY, body("x", "y"), seen).new_items) == []


def test_an_earlier_day_read_late_leaves_items_where_they_were_published() -> None:
    seen = FirstSeen()
    seen.learn(take(SOURCE, DAY, body("x"), seen))
    late = take(SOURCE, BEFORE, body("x", "y"), seen)
    assert names(late.new_items) == ["y"]  # x is in the cells of DAY already: a day takes nothing back


def test_what_an_earlier_snapshot_of_the_day_saw_first_stays() -> None:
    seen = FirstSeen()
    seen.learn(take(SOURCE, BEFORE, body("old"), seen))
    morning = take(SOURCE, DAY, body("old", "x", "y"), seen)
    seen.learn(morning)
    evening = take(SOURCE, DAY, body("y", "z", at=AT + timedelta(hours=9)), seen, morning)
    assert names(evening) == ["y", "z", "x"]
    assert names(evening.new_items) == ["y", "z", "x"]


def test_the_same_body_read_again_gives_the_same_snapshot() -> None:
    seen = FirstSeen()
    first = take(SOURCE, DAY, body("x", "y"), seen)
    seen.learn(first)
    assert take(SOURCE, DAY, body("x", "y"), seen, first) == first


def test_a_body_that_is_not_what_the_source_promises_gives_no_snapshot() -> None:
    with pytest.raises(ParseError):
        take(SOURCE, DAY, Body(b"<html></html>", "https://a.example/api", "text/html", AT), FirstSeen())


RSS = (
    b'<rss version="2.0"><channel><item><title>From a feed</title><link>https://a.example/f</link></item>'
    b"</channel></rss>"
)
PAGE = (
    b"<html><body><article><h2><a href='/p'>From a page</a></h2><time datetime='2026-11-20'></time><p>Its text.</p>"
    b"</article></body></html>"
)


@pytest.mark.parametrize(
    ("mode", "content", "title"),
    [
        ("rss", RSS, "From a feed"),
        ("html", PAGE, "From a page"),
        ("api", b'{"items": [{"title": "From an API", "url": "https://a.example/a"}]}', "From an API"),
    ],
)
def test_a_body_is_read_by_the_mode_of_its_source(mode: str, content: bytes, title: str) -> None:
    source = Source("press__a", ingestion_mode=mode)
    (entry,) = parse(source, Body(content, "https://a.example/", "", AT))
    assert entry.title == title


def test_selectors_path_and_patterns_of_the_source_are_used() -> None:
    page = b"<html><body><div class='n'><a href='/p'>A headline of the page</a> le 3/7 2026</div></body></html>"
    source = Source(
        "press__a",
        ingestion_mode="html",
        html_selectors={"item": "div.n", "title": "a", "link": "a"},
        date_extraction_patterns=(r"le (\d+/\d+ \d{4})",),
    )
    (entry,) = parse(source, Body(page, "https://a.example/", "text/html", AT))
    assert (entry.title, entry.url) == ("A headline of the page", "https://a.example/p")
    nested = Source("press__a", ingestion_mode="api", api_items_path="response.results")
    answer = b'{"response": {"results": [{"title": "Deep", "url": "https://a.example/d"}]}}'
    assert [one.title for one in parse(nested, Body(answer, "https://a.example/", "", AT))] == ["Deep"]


def test_the_language_is_the_texts_own_or_else_the_sources() -> None:
    text = "Une nouvelle formulation injectable à action prolongée pour les patients en France"
    answer = json.dumps({"items": [{"title": text, "url": "/fr"}, {"title": "ABC-1", "url": "/short"}]}).encode()
    snapshot = take(SOURCE, DAY, Body(answer, "https://a.example/", "", AT), FirstSeen())
    assert [item.language for item in snapshot.items] == ["fr", "en"]


def test_a_failure_holds_no_items_and_says_why() -> None:
    failed = failure(SOURCE, DAY, AT, TransientError("the source answered 503.", where="https://a.example/api"))
    assert failed.failed
    assert (failed.items, failed.new_items) == ((), ())
    assert failed.error == "https://a.example/api: the source answered 503."
    assert (failed.url, failed.content_type) == ("https://a.example/api", "")


def test_a_failure_to_read_a_body_keeps_what_reading_it_later_needs() -> None:
    latin = Body(b"...", "https://moved.example/", "text/xml; charset=iso-8859-1", AT)
    failed = failure(SOURCE, DAY, AT, ParseError("not a feed."), latin)
    assert (failed.url, failed.content_type) == ("https://moved.example/", "text/xml; charset=iso-8859-1")


@pytest.mark.parametrize(
    "snapshot",
    [take(SOURCE, DAY, body("x", "é"), FirstSeen()), failure(SOURCE, DAY, AT, ParseError("not JSON."))],
    ids=["good", "failed"],
)
def test_a_record_gives_its_snapshot_back(snapshot: Snapshot) -> None:
    assert Snapshot.from_record(json.loads(json.dumps(snapshot.record()))) == snapshot


def test_first_days_are_the_same_in_whatever_order_they_are_learned() -> None:
    days = [DAY - timedelta(days=n) for n in range(3)]
    shown = [("x",), ("x", "y"), ("y", "z")]
    snapshots = [take(SOURCE, day, body(*some), FirstSeen()) for day, some in zip(days, shown, strict=True)]
    learned = []
    for order in itertools.permutations(snapshots):
        seen = FirstSeen()
        for snapshot in order:
            seen.learn(snapshot)
        learned.append(seen)
    assert all(seen == learned[0] for seen in learned)
    assert learned[0].as_of == DAY
    assert list(learned[0].days.values()).count(DAY) == 0


def test_learning_a_snapshot_twice_teaches_nothing() -> None:
    seen = FirstSeen()
    snapshot = take(SOURCE, DAY, body("x"), seen)
    seen.learn(snapshot)
    once = dict(seen.days)
    seen.learn(snapshot)
    assert (seen.days, seen.as_of) == (once, DAY)


def test_a_failed_day_teaches_that_it_is_past() -> None:
    seen = FirstSeen()
    seen.learn(failure(SOURCE, DAY, AT, ParseError("not JSON.")))
    assert seen == FirstSeen(DAY, {})


@given(st.lists(st.sets(st.sampled_from("abcdef")), max_size=8))
def test_days_are_disjoint_and_together_hold_everything_that_was_shown(shown: list[set[str]]) -> None:
    seen, new = FirstSeen(), []
    for number, some in enumerate(shown):
        snapshot = take(SOURCE, DAY + timedelta(days=number), body(*sorted(some)), seen)
        seen.learn(snapshot)
        new += names(snapshot.new_items)
    assert sorted(new) == sorted(set[str]().union(*shown))
