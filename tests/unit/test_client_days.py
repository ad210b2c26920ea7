"""The cell of a client and a day: how it turns out, what stays when sources fail. Not reading, not writing."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.catalog import Source
from domain.client_days import ClientDay, build, items_key, near_duplicates
from domain.clients import ClientConfig, read_client
from domain.errors import PermanentError, TransientError
from domain.items import Item
from domain.snapshots import Body, FirstSeen, Snapshot, failure, take

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
A, B, C = (
    Source(f"press__{name}", ingestion_mode="api", enabled=True, api_url=f"https://{name}.example/") for name in "abc"
)
CONFIG = read_client("clients/acme.yaml", b"source_config: {content_filters: {exclude_patterns: [secret]}}\n")


def shown(source: Source, *names: str, seen: FirstSeen | None = None) -> Snapshot:
    entries = [{"title": f"{name} of {source.source_key}", "url": f"/{name}", "id": name} for name in names]
    body = Body(json.dumps({"items": entries}).encode(), source.url, "application/json", AT)
    return take(source, DAY, body, seen or FirstSeen())


def failed(source: Source) -> Snapshot:
    return failure(source, DAY, AT, TransientError("the source answered 503.", where=source.url))


def cell(*snapshots: Snapshot, sources: Sequence[Source] = (A, B), previous: Sequence[Item] = ()) -> ClientDay:
    config: ClientConfig = CONFIG
    return build(config, sources, DAY, {one.source_key: one for one in snapshots}, previous)


def urls(built: ClientDay) -> list[str]:
    return [item.url.removeprefix("https://") for item in built.items]


def test_a_day_whose_sources_all_answered_is_ok() -> None:
    built = cell(shown(A, "1", "2"), shown(B, "3"))
    assert built.outcome == "ok"
    assert urls(built) == ["a.example/1", "a.example/2", "b.example/3"]
    assert (built.fetched, dict(built.failures), built.unseen) == (3, {}, ())


def test_the_items_come_in_the_order_of_the_sources() -> None:
    assert urls(cell(shown(A, "1"), shown(B, "2"), sources=(B, A))) == ["b.example/2", "a.example/1"]


def test_a_cell_holds_only_what_was_new_that_day() -> None:
    seen = FirstSeen()
    old = shown(A, "1")
    seen.days = {item.item_id: DAY - timedelta(days=1) for item in old.items}
    assert urls(cell(shown(A, "1", "2", seen=seen), shown(B))) == ["a.example/2"]


def test_a_cell_holds_what_the_profile_keeps_and_accounts_for_the_rest() -> None:
    built = cell(shown(A, "1", "secret"), shown(B))
    assert urls(built) == ["a.example/1"]
    assert built.fetched == 2
    assert built.selection.reasons == {"contains 'secret'": 1}


def test_a_day_without_new_items_is_ok_and_empty() -> None:
    built = cell(shown(A), shown(B))
    assert (built.outcome, built.items) == ("ok", ())


def test_a_failed_source_degrades_the_day_and_keeps_its_last_good_items() -> None:
    before = cell(shown(A, "1"), shown(B, "2", "3"))
    built = cell(shown(A, "4"), failed(B), previous=before.items)
    assert built.outcome == "degraded"
    assert urls(built) == ["a.example/4", "b.example/2", "b.example/3"]
    assert dict(built.failures) == {"press__b": "https://b.example/: the source answered 503."}


def test_a_failed_source_that_had_no_items_leaves_the_others() -> None:
    built = cell(shown(A, "1"), failed(B))
    assert (built.outcome, urls(built)) == ("degraded", ["a.example/1"])


def test_the_last_good_items_pass_the_profile_of_today() -> None:
    before = cell(shown(A), shown(B, "2", "3"))
    strict = read_client(
        "clients/acme.yaml", b"source_config: {content_filters: {exclude_patterns: ['2 of press__b']}}\n"
    )
    built = build(strict, (A, B), DAY, {"press__a": shown(A), "press__b": failed(B)}, before.items)
    assert urls(built) == ["b.example/3"]


def test_a_day_on_which_every_source_failed_raises_so_that_nothing_is_written() -> None:
    before = cell(shown(A, "1"), shown(B, "2"))
    with pytest.raises(PermanentError, match=r"every source of the day failed \(2\)") as caught:
        cell(failed(A), failed(B), previous=before.items)
    assert caught.value.where == "acme 2026-11-21"
    assert "503" in str(caught.value)
    assert "source_snapshots" in caught.value.remedy


def test_a_source_that_is_not_followed_yet_does_not_excuse_that_all_others_failed() -> None:
    with pytest.raises(PermanentError, match=r"every source of the day failed \(1\)"):
        cell(failed(A), sources=(A, C))


def test_sources_without_a_snapshot_of_the_day_are_named() -> None:
    built = cell(shown(A, "1"), sources=(A, B, C))
    assert (built.outcome, built.unseen) == ("ok", ("press__b", "press__c"))


def test_a_day_of_which_nothing_was_kept_has_no_snapshot() -> None:
    built = cell()
    assert (built.outcome, built.items, built.unseen) == ("no_snapshot", (), ("press__a", "press__b"))


def test_a_snapshot_of_a_source_that_the_client_does_not_follow_is_not_looked_at() -> None:
    assert urls(cell(shown(A, "1"), shown(B), shown(C, "9"))) == ["a.example/1"]
    assert cell(shown(A, "1"), shown(B), failed(C)).outcome == "ok"


def test_the_same_input_gives_the_same_cell() -> None:
    before = cell(shown(A, "1"), shown(B, "2"))
    again = [cell(shown(A, "1", "4"), failed(B), previous=before.items) for _ in range(2)]
    assert again[0] == again[1]
    assert [item.record() for item in again[0].items] == [item.record() for item in again[1].items]


def test_a_cell_built_on_itself_is_itself() -> None:
    first = cell(shown(A, "1"), failed(B), previous=cell(shown(A), shown(B, "2")).items)
    assert cell(shown(A, "1"), failed(B), previous=first.items) == first


def test_a_cell_lies_where_v2s_consumers_look() -> None:
    assert items_key("acme", date(2026, 3, 4)) == "ingested/acme/2026/03/04/items.json"
    assert cell(shown(A)).key == "ingested/acme/2026/11/21/items.json"


class TestDuplicatesOfADegradedDay:
    """Who repeats whom, and who speaks for near-duplicates, where a failed source's earlier items stay."""

    STORY = " ".join(f"word{number}" for number in range(60))

    def told(self, source: Source, name: str, content: str) -> Snapshot:
        entry = {"title": f"{name} of {source.source_key}", "url": f"/{name}", "content": content}
        return take(source, DAY, Body(json.dumps([entry]).encode(), source.url, "application/json", AT), FirstSeen())

    def built(self, *snapshots: Snapshot, previous: Sequence[Item] = ()) -> ClientDay:
        given = {one.source_key: one for one in snapshots}
        return build(CONFIG, (A, B), DAY, given, previous, near=near_duplicates(snapshots))

    def test_an_item_of_the_failed_source_still_speaks_for_its_near_duplicate(self) -> None:
        shorter, longer = self.told(A, "1", self.STORY), self.told(B, "2", f"{self.STORY} more")
        before = self.built(shorter, longer)
        representative = longer.items[0].item_id
        assert [item.duplicate_group for item in before.items] == [representative] * 2
        after = self.built(shorter, failed(B), previous=before.items)
        assert after.outcome == "degraded"
        assert after.items == before.items

    def test_an_item_of_the_failed_source_is_still_spoken_for(self) -> None:
        longer, shorter = self.told(A, "1", f"{self.STORY} more"), self.told(B, "2", self.STORY)
        before = self.built(longer, shorter)
        after = self.built(longer, failed(B), previous=before.items)
        assert {item.duplicate_group for item in after.items} == {longer.items[0].item_id}
        assert after.items == before.items

    def test_a_better_item_that_came_since_takes_the_groups_word(self) -> None:
        before = self.built(self.told(A, "1", self.STORY), self.told(B, "2", f"{self.STORY} more"))
        best = self.told(A, "1", f"{self.STORY} more and more")
        after = self.built(best, failed(B), previous=before.items)
        assert {item.duplicate_group for item in after.items} == {best.items[0].item_id}

    def test_the_failed_sources_item_stands_alone_once_its_near_duplicate_is_gone(self) -> None:
        before = self.built(self.told(A, "1", self.STORY), self.told(B, "2", f"{self.STORY} more"))
        after = self.built(self.told(A, "1", "Another story."), failed(B), previous=before.items)
        assert [item.duplicate_group for item in after.items] == ["", ""]

    def test_exact_copies_stay_one_whichever_of_the_two_sources_fails(self) -> None:
        one, copy = self.told(A, "1", self.STORY), self.told(B, "2", self.STORY)
        before = self.built(one, copy)
        assert [item.source_key for item in before.items] == ["press__a"]
        for snapshots in ((one, failed(B)), (failed(A), copy)):
            after = self.built(*snapshots, previous=before.items)
            assert after.items == before.items
