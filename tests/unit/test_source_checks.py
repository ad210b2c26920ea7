"""What is found odd about sources and clients, and what is not. Not here: how it is reported (graph)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.items import Item
from domain.snapshots import Snapshot
from domain.source_checks import (
    FAILING_DAYS,
    FEWEST_NEW,
    QUIET_DAYS,
    STALE_DAYS,
    copies,
    failing,
    mostly_undated,
    newest_item,
    quiet,
    stale,
)

TODAY = date(2025, 3, 20)
STORIES = [" ".join(f"story{story}word{word}" for word in range(80)) for story in range(6)]


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def item(source: str, number: int, text: str = "Text", published: date | None = None, seen: date = TODAY) -> Item:
    return Item(
        item_id=f"{source}_{number}",
        source_key=source,
        source_type="rss",
        title=f"{source} {number}",
        content=text,
        url=f"https://{source}.example/{number}",
        guid="",
        published_at=published,
        date_source="structured" if published else "unknown",
        first_seen=seen,
        ingested_at=datetime(2025, 3, 20, 6, tzinfo=UTC),
        language="en",
        content_hash="",
        author="",
        tags=(),
        word_count=1,
    )


def shown(*items: Item, error: str = "") -> Snapshot:
    at = datetime(2025, 3, 20, 6, tzinfo=UTC)
    return Snapshot("source", TODAY, "https://source.example", "text/html", at, items, error)


DOWN = shown(error="503")


def test_a_source_is_failing_after_days_in_a_row_and_a_day_nobody_asked_counts_neither_way() -> None:
    history = [
        {"down": DOWN, "weather": DOWN, "gap": DOWN, "fresh": DOWN, "good": shown()},
        {"down": DOWN, "weather": shown(), "good": DOWN},
        {"down": DOWN, "gap": DOWN, "weather": DOWN, "good": DOWN},
        {"gap": shown()},
    ]
    assert failing(history) == {
        "down": "failed on at least 3 days in a row, last: 503",
        "gap": "failed on 2 days in a row, last: 503",
    }
    assert set(failing(history, at_least=1)) == {"down", "weather", "gap", "fresh"}
    assert failing([]) == {}
    assert FAILING_DAYS == 2


@pytest.mark.parametrize(
    ("items", "newest"),
    [
        ([], None),
        ([item("s", 1, published=ago(9)), item("s", 2, published=ago(5))], ago(5)),
        ([item("s", 1, published=ago(9)), item("s", 2, seen=ago(2))], ago(2)),
        ([item("s", 1, published=ago(-300), seen=ago(40))], ago(40)),
    ],
    ids=["none", "by date", "undated: by the first day", "announced for next year: by the first day"],
)
def test_an_item_is_as_old_as_its_date_and_at_least_as_old_as_our_knowledge(
    items: list[Item], newest: date | None
) -> None:
    assert newest_item(shown(*items)) == newest


def test_a_source_is_stale_one_day_after_the_limit_and_where_it_shows_nothing() -> None:
    snapshots = {
        "edge": shown(item("edge", 1, published=ago(STALE_DAYS))),
        "old": shown(item("old", 1, published=ago(STALE_DAYS + 1)), item("old", 2, published=ago(99))),
        "mute": shown(),
        "down": DOWN,
    }
    assert stale(snapshots, TODAY) == {
        "old": "its newest item is of 2025-02-17, 31 days ago",
        "mute": "answers, and shows no item",
    }


def test_most_new_items_without_a_date_are_found_where_there_are_enough_of_them() -> None:
    old = [item("s", number, seen=ago(3)) for number in range(10, 20)]
    dated = [item("s", number, published=TODAY) for number in range(2)]
    undated = [item("s", number) for number in range(2, 5)]
    snapshots = {
        "most": shown(*dated, *undated, *old),
        "half": shown(*dated, *undated[:2], *old),
        "few": shown(*undated[: FEWEST_NEW - 1]),
        "old": shown(*old),
        "down": DOWN,
    }
    assert mostly_undated(snapshots) == {"most": "3 of 5 new items have no date"}


def test_a_source_that_repeats_others_is_found_and_the_one_whose_texts_are_whole_is_not() -> None:
    agency = shown(*(item("agency", n, story) for n, story in enumerate(STORIES)))
    mirror = shown(*(item("mirror", n, story[:-16]) for n, story in enumerate(STORIES[:4], 10)))
    press = shown(
        item("press", 20, STORIES[4], seen=ago(1)),  # not new
        *(item("press", 21 + n, f"own{n} " * 30) for n in range(2)),
        item("press", 29, STORIES[5]),
    )
    found = copies({"agency": agency, "mirror": mirror, "press": press, "down": DOWN})
    assert (found.items, found.copies) == (13, 5)
    assert found.share == pytest.approx(5 / 13)
    assert found.findings == {"mirror": "4 of 4 new items repeat another's text"}
    assert copies({}).share == 0.0


def test_a_client_is_quiet_when_days_were_built_and_none_has_an_item() -> None:
    days = [ago(n) for n in range(QUIET_DAYS)]
    counts = {("silent", day): 0 for day in [*days, ago(20)]}
    counts |= {("lately", day): 0 for day in days} | {("lately", ago(QUIET_DAYS)): 4}
    counts |= {("fine", day): 0 for day in days} | {("fine", days[-1]): 1}
    counts |= {("new", day): 0 for day in days[:-1]}
    counts |= {("gone", ago(n)): 0 for n in range(1, 20)}
    counts |= {("later", ago(n)): 0 for n in range(9)} | {("later", ago(-1)): 5}
    assert quiet(counts, TODAY) == {
        "lately": "no item for 7 days; the last is of 2025-03-13",
        "later": "no item for 7 days; none since 2025-03-12",
        "silent": "no item for 7 days; none since 2025-02-28",
    }
    assert quiet({}, TODAY) == {}
