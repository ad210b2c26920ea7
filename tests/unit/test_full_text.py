"""Which article pages a snapshot asks for, and how their texts take the place of teasers. Not fetching them."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.catalog import Source
from domain.items import Item, content_hash
from domain.snapshots import Snapshot, article_pages, with_full_text

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
TEXT = "The long acting injectable was approved on Tuesday after a short review by the agency."


def source(enrichment: str = "full_article", mode: str = "rss", most: int | None = None) -> Source:
    return Source("press__a", ingestion_mode=mode, content_enrichment=enrichment, max_content_length=most)


def item(name: str, published: date | None = DAY, first_seen: date = DAY, content: str = "A teaser.") -> Item:
    return Item(
        item_id=name,
        source_key="press__a",
        source_type="press",
        title="A title",
        content=content,
        url=f"https://a.example/{name}",
        guid="",
        published_at=published,
        date_source="structured",
        first_seen=first_seen,
        ingested_at=AT,
        language="en",
        content_hash=content_hash(content),
        author="",
        tags=(),
        word_count=2,
    )


def snapshot(*items: Item) -> Snapshot:
    return Snapshot("press__a", DAY, "https://a.example/", "text/xml", AT, items)


def names(found: list[str]) -> list[str]:
    return [url.rpartition("/")[2] for url in found]


def test_the_pages_of_new_items_of_the_window_are_asked_for_each_once() -> None:
    seen = snapshot(
        item("today"),
        item("undated", published=None),
        item("edge", published=DAY - timedelta(days=7)),
        item("old", published=DAY - timedelta(days=8)),
        item("known", first_seen=DAY - timedelta(days=1)),
        item("today"),
        item("paper.PDF"),
    )
    assert names(article_pages(source(), seen, days=7)) == ["today", "undated", "edge"]


@pytest.mark.parametrize(
    ("enrichment", "mode"), [("basic", "rss"), ("summary_enhanced", "rss"), ("full_article", "api")]
)
def test_only_feeds_and_pages_that_ask_for_full_text_have_articles(enrichment: str, mode: str) -> None:
    assert article_pages(source(enrichment, mode), snapshot(item("today")), days=7) == []


def test_a_longer_text_takes_the_place_of_the_teaser_with_all_that_follows_from_it() -> None:
    (read,) = with_full_text(source(), snapshot(item("x")), {"https://a.example/x": TEXT}).items
    assert read.content == TEXT
    assert (read.content_hash, read.word_count, read.language) == (content_hash(TEXT), 15, "en")


def test_a_text_that_is_not_longer_changes_nothing() -> None:
    seen = snapshot(item("x", content=TEXT))
    assert with_full_text(source(), seen, {"https://a.example/x": TEXT[:30]}) == seen
    assert with_full_text(source(), seen, {"https://a.example/x": ""}) == seen


def test_an_item_of_an_earlier_day_keeps_its_text() -> None:
    seen = snapshot(item("x", first_seen=DAY - timedelta(days=1)))
    assert with_full_text(source(), seen, {"https://a.example/x": TEXT}) == seen


def test_the_day_that_an_article_states_dates_only_a_new_item_that_the_source_leaves_undated() -> None:
    seen = snapshot(
        item("undated", published=None),
        item("dated"),
        item("known", published=None, first_seen=DAY - timedelta(days=1)),
        item("silent", published=None),
    )
    stated = (DAY - timedelta(days=3), "pattern")
    days = {one.url: stated for one in seen.items[:3]}
    read = with_full_text(source(), seen, {}, days).items
    assert [(one.published_at, one.date_source) for one in read] == [
        stated,
        (DAY, "structured"),
        (None, "structured"),
        (None, "structured"),
    ]


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("twelve letters and more", 14, "twelve letters"),
        ("twelve letters and more", 15, "twelve letters"),
        ("twelve letters and more", 17, "twelve letters"),
        ("twelve letters and more", 18, "twelve letters and"),
        ("twelve letters and more", 23, "twelve letters and more"),
        ("twelve\nletters and more", 12, "twelve"),
        ("unbreakableword", 11, "unbreakable"),
    ],
)
def test_a_text_is_cut_at_a_words_end(text: str, most: int, kept: str) -> None:
    short = snapshot(item("x", content="few"))
    (read,) = with_full_text(source(most=most), short, {"https://a.example/x": text}).items
    assert read.content == kept


def test_a_text_that_is_cut_to_less_than_the_teaser_changes_nothing() -> None:
    seen = snapshot(item("x", content="A teaser of some length."))
    assert with_full_text(source(most=10), seen, {"https://a.example/x": TEXT}) == seen
