"""Defects of the older ingestion that selection must not have again, each test named for its own (D16 to D19)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from domain.catalog import Catalog, read_catalog
from domain.client_days import build
from domain.clients import read_client
from domain.items import Item, content_hash, word_count
from domain.profiles import Mode, Profile, select
from domain.selection_rules import Judgements, SelectionRules, read_rules
from domain.snapshots import Snapshot

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)


def item(text: str, source: str = "press_sector__a", published: date | None = DAY) -> Item:
    return Item(
        item_id=f"{source}_{content_hash(text)[-16:]}",
        source_key=source,
        source_type=source.partition("__")[0],
        title="Title",
        content=text,
        url=f"https://{source}.example/{content_hash(text)[-8:]}",
        guid="",
        published_at=published,
        date_source="structured" if published else "unknown",
        first_seen=DAY,
        ingested_at=AT,
        language="en",
        content_hash=content_hash(text),
        author="",
        tags=(),
        word_count=word_count(text),
    )


def rules(signals: str = "LAI", excluded: str = "oral, event, patch") -> SelectionRules:
    profile = (
        "{signal_requirements: {mode: require_signals, exclusion_scopes: [noise], "
        "required_signal_groups: [{group_id: technology, scopes: [depot]}]}, "
        "applicable_contexts: {source_types: [press_sector]}}"
    )
    scopes = {
        "canonical/scopes/technology_scopes.yaml": f"depot: [{signals}]\n".encode(),
        "canonical/scopes/exclusion_scopes.yaml": f"noise: [{excluded}]\n".encode(),
    }
    return read_rules(f"profiles: {{press: {profile}}}\n".encode(), scopes)


def catalog(keys: Sequence[str]) -> Catalog:
    entries = "".join(
        f"  - {{source_key: {key}, source_type: press_sector, ingestion_mode: rss, enabled: true, "
        f"rss_url: 'https://{key}.example/'}}\n"
        for key in keys
    )
    return read_catalog("catalog.yaml", f"sources:\n{entries}bouquets: []\n".encode())


def kept(text: str, by: SelectionRules, mode: Mode = "balanced") -> bool:
    (source,) = catalog(["press_sector__a"]).sources.values()
    judge = Judgements(by).judge({source.source_key: by.profile_of(source, mode)})
    return bool(select([item(text)], Profile(mode=mode), DAY, judge=judge).kept)


@pytest.mark.parametrize("order", list(permutations(["press_sector__a", "press_sector__b", "press_sector__c"])))
def test_d16_of_three_sources_with_one_text_the_first_of_the_catalog_is_kept(order: Sequence[str]) -> None:
    """The sources were a set, so that the hash seed of the process chose which copy survived."""
    stands = ["press_sector__a", "press_sector__b", "press_sector__c"]
    sources = catalog(stands).resolve((), order).sources
    snapshots = {key: Snapshot(key, DAY, "", "", AT, (item("One text", key),)) for key in order}
    cell = build(read_client("clients/acme.yaml", b"client_profile: {}\n"), sources, DAY, snapshots)
    assert [one.source_key for one in cell.items] == ["press_sector__a"]
    assert [one["repeats"] for one in cell.rejections()] == [cell.items[0].item_id] * 2


@pytest.mark.parametrize("text", ["The claim was settled", "In plain words", "Mr Claire"])
def test_d17_claim_is_not_lai(text: str) -> None:
    """Keywords were parts of words: "claim" and "plain" were news of long-acting injectables (LAI)."""
    assert not kept(text, rules())
    assert kept(f"{text}: an LAI", rules())


@pytest.mark.parametrize("text", ["tumoral", "temporal", "to prevent", "eventually", "patchy"])
def test_d17_tumoral_is_not_oral(text: str) -> None:
    """Keywords were parts of words: "tumoral" was excluded as oral, "prevent" as an event, "patchy" as a patch."""
    assert kept(f"An LAI, {text}", rules())


@pytest.mark.parametrize("text", ["An oral LAI", "The LAI event", "LAI: a patch"])
def test_d17_the_words_themselves_are_still_found(text: str) -> None:
    assert not kept(text, rules())


def test_d18_signals_and_exclusions_are_what_the_files_say() -> None:
    """Both lists were written in the program; the file of profiles was documentation."""
    assert kept("A vaccine against malaria", rules(signals="malaria", excluded="LAI"))
    assert not kept("An LAI against malaria", rules(signals="malaria", excluded="LAI"))
    assert not kept("A vaccine against malaria", rules())


def test_d18_a_pure_player_is_who_the_files_say() -> None:
    """The five pure players were written in the program."""
    profiles = (
        b"profiles: {pure: {signal_requirements: {mode: exclude_only}, "
        b"applicable_contexts: {source_types: [press_corporate], company_scopes: [players]}}}\n"
    )
    by = read_rules(profiles, {"canonical/scopes/company_scopes.yaml": b"players: [Orvane]\n"})
    (source,) = catalog(["press_corporate__a"]).sources.values()
    source = replace(source, source_type="press_corporate")
    assert by.profile_of(replace(source, company_id="orvane"), "balanced") == "pure"
    assert by.profile_of(replace(source, company_id="medincell"), "balanced") == ""


def test_d18_the_content_filters_of_a_client_count() -> None:
    """`min_word_count` and `exclude_patterns` were never read: every "Download attachment" passed."""
    config = read_client(
        "clients/acme.yaml",
        b"source_config: {content_filters: {min_word_count: 3, exclude_patterns: [Download attachment]}}\n",
    )
    items = [item("Download attachment now please"), item("Two words"), item("A text of five words")]
    selection = select(items, Profile.of(config), DAY)
    assert [one.content for one in selection.kept] == ["A text of five words"]
    assert selection.reasons == {"contains 'download attachment'": 1, "under 3 words": 1}


def test_d19_the_last_day_of_a_window_filters() -> None:
    """to_date never filtered: a window in 2020 kept everything of today."""
    long_ago = Profile(published_from=date(2020, 1, 1), published_to=date(2020, 1, 2))
    assert select([item("today")], long_ago, DAY).kept == ()
    assert select([item("then", published=date(2020, 1, 2))], long_ago, DAY).kept


def test_d19_a_first_day_counts_without_a_last_one() -> None:
    """A from_date alone was ignored."""
    profile = Profile(period_days=365, published_from=DAY - timedelta(days=1))
    assert select([item("a", published=DAY - timedelta(days=2))], profile, DAY).kept == ()


def test_d19_keeping_the_undated_is_not_keeping_the_old() -> None:
    """The flexible mode kept every item, however old: it asked when the item was ingested, which is always now."""
    old, undated = item("old", published=DAY - timedelta(days=8)), item("undated", published=None)
    assert select([old, undated], Profile(undated="keep"), DAY).kept == (undated,)
    assert select([old, undated], Profile(undated="drop"), DAY).kept == ()


@pytest.mark.parametrize(("mode", "expected"), [("broad", True), ("balanced", False), ("strict", False)])
def test_d19_a_mode_changes_what_is_kept(mode: Mode, expected: bool) -> None:
    assert kept("No signal at all", rules(), mode) == expected
