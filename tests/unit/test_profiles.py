"""What a client keeps of a day and why it does not keep the rest. Not where the items come from."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clients import read_client
from domain.items import Item, content_hash, word_count
from domain.profiles import Profile, Selection, select

DAY = date(2026, 11, 21)


def item(name: str = "a", content: str = "", title: str = "A title", published: date | None = DAY) -> Item:
    text = content or f"the text of {name}"
    return Item(
        item_id=f"press__{name}",
        source_key="press",
        source_type="press",
        title=title,
        content=text,
        url=f"https://press.example/{name}",
        guid="",
        published_at=published,
        date_source="structured" if published else "unknown",
        first_seen=DAY,
        ingested_at=datetime(2026, 11, 21, tzinfo=UTC),
        language="en",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=word_count(text),
    )


def names(selection: Selection) -> list[str]:
    return [kept.item_id.removeprefix("press__") for kept in selection.kept]


@pytest.mark.parametrize(("days_ago", "kept"), [(0, True), (6, True), (7, True), (8, False)])
def test_the_period_includes_its_first_day(days_ago: int, kept: bool) -> None:
    selection = select([item(published=DAY - timedelta(days=days_ago))], Profile(period_days=7), DAY)
    assert bool(selection.kept) == kept
    assert selection.reasons == ({} if kept else {"older than 7 days": 1})


def test_a_period_of_zero_days_is_the_day_itself() -> None:
    today, yesterday = item("today"), item("yesterday", published=DAY - timedelta(days=1))
    assert names(select([today, yesterday], Profile(period_days=0), DAY)) == ["today"]


def test_an_item_without_a_date_is_kept() -> None:
    assert names(select([item(published=None)], Profile(period_days=0), DAY)) == ["a"]


def test_an_item_announced_for_a_later_day_is_kept() -> None:
    assert names(select([item(published=DAY + timedelta(days=3))], Profile(), DAY)) == ["a"]


def test_an_item_of_fewer_words_than_asked_is_left_out() -> None:
    selection = select([item("three", "one two three"), item("two", "one two")], Profile(min_word_count=3), DAY)
    assert names(selection) == ["three"]
    assert selection.reasons == {"under 3 words": 1}


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("We are hiring", "This month WE ARE HIRING chemists."),
        ("offre d'emploi", "OFFRE D'EMPLOI : un chimiste"),
        ("téléchargement", "Le TÉLÉCHARGEMENT du rapport"),
        ("Étude clinique", "une e\u0301tude clinique"),
        ("e\u0301tude", "Une ÉTUDE"),
        ("STRASSE", "die Straße"),
    ],
)
def test_an_excluded_phrase_counts_whatever_its_case_and_however_its_accents_are_written(
    phrase: str, text: str
) -> None:
    profile = Profile(exclude_patterns=(phrase,))
    assert names(select([item(content=text)], profile, DAY)) == []
    assert names(select([item(title=text)], profile, DAY)) == []
    assert names(select([item(content="Nothing of the sort")], profile, DAY)) == ["a"]


def test_an_accent_makes_another_word() -> None:
    assert names(select([item(content="le peche")], Profile(exclude_patterns=("péché",)), DAY)) == ["a"]


def test_an_excluded_phrase_is_never_a_pattern() -> None:
    assert names(select([item(content="anything")], Profile(exclude_patterns=(".*", "a|b", "[a-z]")), DAY)) == ["a"]


def test_of_two_items_with_one_identity_the_first_is_kept() -> None:
    first = item("a", "the first text")
    second = item("a", "the second text")
    selection = select([first, second], Profile(), DAY)
    assert selection.kept == (first,)
    assert selection.duplicates == ((second, first),)


def test_of_two_items_with_one_text_the_first_is_kept() -> None:
    first, second = item("a", "The same text"), item("b", " the  SAME text ")
    selection = select([first, second], Profile(), DAY)
    assert selection.kept == (first,)
    assert selection.duplicates == ((second, first),)


def test_of_two_items_with_one_address_the_first_is_kept_whatever_its_trackers_and_its_source() -> None:
    first = replace(item("a"), url="https://press.example/news?id=1&utm_source=feed#top")
    second = replace(item("b"), url="https://press.example/news?id=1", source_key="other")
    other_page = replace(item("c"), url="https://press.example/news?id=2")
    selection = select([first, second, other_page], Profile(), DAY)
    assert selection.kept == (first, other_page)
    assert selection.duplicates == ((second, first),)


def test_of_two_items_with_one_guid_the_first_is_kept_within_one_source_only() -> None:
    first, second = replace(item("a"), guid="1"), replace(item("b"), guid="1")
    elsewhere = replace(item("c"), guid="1", source_key="other")
    selection = select([first, second, elsewhere], Profile(), DAY)
    assert selection.kept == (first, elsewhere)
    assert selection.duplicates == ((second, first),)


def test_items_without_address_or_guid_are_no_copies_of_each_other() -> None:
    bare = [replace(item(name), url="", guid="") for name in ("a", "b")]
    assert names(select(bare, Profile(), DAY)) == ["a", "b"]


def test_items_without_a_text_are_no_copies_of_each_other() -> None:
    bare = [replace(item(name), content="", content_hash="sha256:empty", word_count=0) for name in ("a", "b")]
    assert names(select(bare, Profile(), DAY)) == ["a", "b"]


def test_an_item_left_out_hides_no_other() -> None:
    old = item("a", "the same text", published=DAY - timedelta(days=99))
    assert names(select([old, item("b", "the same text")], Profile(), DAY)) == ["b"]


def test_the_given_order_is_kept() -> None:
    assert names(select([item("c"), item("a"), item("b")], Profile(), DAY)) == ["c", "a", "b"]


def test_the_reasons_are_counted() -> None:
    old = DAY - timedelta(days=30)
    items = [item("a", published=old), item("b", published=old), item("c", "short"), item("d", "we are hiring again")]
    selection = select(items, Profile(min_word_count=2, exclude_patterns=("We are Hiring",)), DAY)
    assert selection.reasons == {"older than 7 days": 2, "under 2 words": 1, "contains 'we are hiring'": 1}
    assert [left.item_id for left, _reason in selection.rejected] == ["press__a", "press__b", "press__c", "press__d"]


def test_the_profile_is_what_the_client_file_says() -> None:
    config = read_client(
        "clients/acme.yaml",
        b"client_profile: {active: false}\npipeline: {default_period_days: 30}\n"
        b"source_config: {content_filters: {min_word_count: 15, exclude_patterns: [We are hiring]}}\n",
    )
    assert Profile.of(config) == Profile(30, 15, ("We are hiring",))


def test_what_is_asked_for_once_goes_before_the_file() -> None:
    config = read_client("clients/acme.yaml", b"pipeline: {default_period_days: 30, ingestion_mode: strict}\n")
    assert Profile.of(config).mode == "strict"
    asked = Profile.of(config, mode="broad", period_days=0, published_to=DAY, undated="drop")
    assert asked == Profile(0, mode="broad", published_to=DAY, undated="drop")


def days(selection: Selection) -> list[int]:
    return [(kept.published_at - DAY).days for kept in selection.kept if kept.published_at]


def around(*offsets: int) -> list[Item]:
    return [item(str(n), published=DAY + timedelta(days=n)) for n in offsets]


def test_a_first_and_a_last_day_both_count_and_both_filter() -> None:
    profile = Profile(published_from=DAY - timedelta(days=20), published_to=DAY - timedelta(days=10))
    selection = select(around(-21, -20, -15, -10, -9, 0), profile, DAY)
    assert days(selection) == [-20, -15, -10]
    assert selection.reasons == {"published before 2026-11-01": 1, "published after 2026-11-11": 2}


def test_a_first_day_alone_takes_the_place_of_the_period() -> None:
    assert days(select(around(-21, -20, 0), Profile(published_from=DAY - timedelta(days=20)), DAY)) == [-20, 0]


def test_a_last_day_alone_leaves_the_period() -> None:
    assert days(select(around(-8, -7, -1, 0), Profile(published_to=DAY - timedelta(days=1)), DAY)) == [-7, -1]


def test_items_without_a_date_are_dropped_where_that_is_asked() -> None:
    selection = select([item("a", published=None), item("b")], Profile(undated="drop"), DAY)
    assert names(selection) == ["b"]
    assert selection.reasons == {"no date": 1}


def test_a_judge_keeps_out_what_the_client_would_keep_and_is_not_asked_of_the_rest() -> None:
    asked = []

    def judge(one: Item) -> str:
        asked.append(one.item_id)
        return "not wanted" if one.item_id == "press__b" else ""

    old = item("old", published=DAY - timedelta(days=99))
    selection = select([old, item("a"), item("b")], Profile(), DAY, judge=judge)
    assert names(selection) == ["a"]
    assert selection.reasons == {"older than 7 days": 1, "not wanted": 1}
    assert asked == ["press__a", "press__b"]


@given(
    st.lists(
        st.builds(
            item,
            name=st.sampled_from("abcdef"),
            content=st.sampled_from(["", "one", "one two", "ONE  two", "drop this", "étude"]),
            published=st.none() | st.dates(DAY - timedelta(days=12), DAY + timedelta(days=2)),
        ),
        max_size=20,
    )
)
def test_nothing_is_lost_and_nothing_is_kept_twice(items: list[Item]) -> None:
    selection = select(items, Profile(period_days=7, min_word_count=1, exclude_patterns=("Drop",)), DAY)
    accounted = [*selection.kept, *(i for i, _ in selection.rejected), *(i for i, _ in selection.duplicates)]
    assert Counter(accounted) == Counter(items)
    assert len({kept.item_id for kept in selection.kept}) == len(selection.kept)
    assert len({kept.content_hash for kept in selection.kept}) == len(selection.kept)
    assert all(earlier in selection.kept for _left, earlier in selection.duplicates)
    assert select(selection.kept, Profile(), DAY).kept == selection.kept
