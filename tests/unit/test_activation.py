"""What a look at the client files decides, and the cursor it rests on. Not listing, not reading, not Dagster."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.activation import (
    ACTIVE,
    CROWD,
    INACTIVE,
    INVALID,
    Cursor,
    Decision,
    Known,
    decide,
    still_arriving,
    to_read,
)
from domain.clients import ClientConfig, read_client
from domain.errors import ConfigError, RefusedError

ON, OFF, BROKEN = "client_profile: {active: true}", "client_profile: {active: false}", "client_profile: [}"


def key(client: str) -> str:
    return f"clients/{client}.yaml"


class World:
    """Client files, the graph's clients, and what was built of each; `look` applies what a look decides.

    As in S3 an ETag comes from the content, so that content which returns brings its ETag back.
    """

    def __init__(self, **files: str) -> None:
        self.files = {key(client): text for client, text in files.items()}
        self.partitions: list[str] = []
        self.built: dict[str, str] = {}
        self.cursor = Cursor()
        self.last_read: list[str] = []

    def listing(self) -> dict[str, str]:
        return {name: f"etag of {text}" for name, text in sorted(self.files.items())}

    def read(self, names: list[str]) -> dict[str, tuple[str, ClientConfig | ConfigError]]:
        found: dict[str, tuple[str, ClientConfig | ConfigError]] = {}
        for name in names:
            try:
                found[name] = (self.listing()[name], read_client(name, self.files[name].encode()))
            except ConfigError as error:
                found[name] = (self.listing()[name], error)
        return found

    def decide(self) -> Decision:
        listing = self.listing()
        self.last_read = to_read(listing, self.cursor, self.partitions)
        return decide(listing, self.cursor, self.read(self.last_read), self.partitions, self.built)

    def look(self) -> Decision:
        """One look, everything that it asks for done at once."""
        decision = self.decide()
        gone = {*decision.deactivated, *decision.removed}
        self.partitions = [client for client in self.partitions if client not in gone] + list(decision.activated)
        for client in (*decision.activated, *decision.changed):
            self.built[client] = self.listing()[key(client)]
        self.cursor = Cursor.load(decision.cursor.dump())
        return decision


def asked(decision: Decision) -> dict[str, tuple[str, ...]]:
    """What a decision asks for, by its name, without what it does not."""
    names = ("activated", "changed", "deactivated", "removed")
    return {name: clients for name in names if (clients := getattr(decision, name))}


def test_new_active_clients_are_activated_and_the_others_are_not() -> None:
    decision = World(b=ON, a=ON, c=OFF, d=BROKEN).look()
    assert asked(decision) == {"activated": ("a", "b")}
    assert list(decision.invalid) == [key("d")]
    assert decision.newly_invalid


def test_a_look_at_nothing_new_decides_nothing_and_reads_nothing() -> None:
    world = World(a=ON, b=OFF, c=BROKEN)
    world.look()
    decision = world.look()
    assert asked(decision) == {}
    assert world.last_read == []
    assert not decision.newly_invalid


def test_a_file_that_changed_is_the_only_one_read() -> None:
    world = World(a=ON, b=ON)
    world.look()
    world.files[key("a")] = f"{ON}\nmetadata: {{x: 1}}"
    assert asked(world.look()) == {"changed": ("a",)}
    assert world.last_read == [key("a")]


def test_a_file_rewritten_as_it_was_is_unchanged() -> None:
    world = World(a=ON)
    world.look()
    world.files[key("a")] = ON
    assert asked(world.look()) == {}


def test_a_client_switched_off_is_deactivated_and_switched_on_again_comes_back() -> None:
    world = World(a=ON)
    world.look()
    world.files[key("a")] = OFF
    assert asked(world.look()) == {"deactivated": ("a",)}
    world.files[key("a")] = ON
    assert asked(world.look()) == {"activated": ("a",)}
    assert world.partitions == ["a"]


def test_a_client_whose_file_is_gone_is_removed() -> None:
    world = World(a=ON, b=ON)
    world.look()
    del world.files[key("a")]
    assert asked(world.look()) == {"removed": ("a",)}
    assert key("a") not in world.cursor.files


def test_a_renamed_file_is_one_client_gone_and_another_come() -> None:
    world = World(a=ON)
    world.look()
    world.files = {key("b"): ON}
    assert asked(world.look()) == {"removed": ("a",), "activated": ("b",)}


def test_a_client_whose_file_became_unreadable_stays_active() -> None:
    world = World(a=ON)
    world.look()
    world.files[key("a")] = BROKEN
    decision = world.look()
    assert asked(decision) == {}
    assert world.partitions == ["a"]
    assert decision.newly_invalid
    assert decision.cursor.unreadable() == {key("a"): f"etag of {BROKEN}"}


def test_a_file_mended_is_news_once() -> None:
    world = World(a=BROKEN)
    world.look()
    world.files[key("a")] = ON
    decision = world.look()
    assert asked(decision) == {"activated": ("a",)}
    assert decision.newly_invalid  # the set of unreadable files is another: the check turns green
    assert not world.look().newly_invalid


def test_an_unreadable_file_broken_in_another_way_is_news() -> None:
    world = World(a=BROKEN)
    world.look()
    world.files[key("a")] = "client_profile: {active: maybe}"
    assert world.look().newly_invalid


def test_content_that_returns_is_read_again_while_the_run_between_may_still_go_on() -> None:
    other = f"{ON}\nmetadata: {{x: 1}}"
    world = World(a=ON)
    world.look()
    world.files[key("a")] = other
    assert asked(world.decide()) == {"changed": ("a",)}
    world.cursor = world.decide().cursor  # the run is asked for, and has built nothing yet
    world.files[key("a")] = ON
    assert asked(world.look()) == {"changed": ("a",)}
    assert asked(world.look()) == {}


def test_content_that_goes_and_returns_between_two_looks_did_not_change() -> None:
    world = World(a=ON)
    world.look()
    world.files[key("a")] = f"{ON}\nmetadata: {{x: 1}}"
    world.files[key("a")] = ON
    assert asked(world.look()) == {}


def test_a_client_whose_partition_somebody_removed_comes_back() -> None:
    world = World(a=ON, b=ON)
    world.look()
    world.partitions.remove("a")
    assert asked(world.look()) == {"activated": ("a",)}
    assert world.last_read == [key("a")]


def test_a_partition_that_nobody_has_a_file_for_is_removed() -> None:
    world = World(a=ON)
    world.look()
    world.partitions.append("stranger")
    assert asked(world.look()) == {"removed": ("stranger",)}


def test_a_client_that_waits_for_its_activation_is_read_again_until_it_is_done() -> None:
    world = World(a=ON)
    for _ in range(2):  # there is no catalog yet: the decision is kept, the partition is not added
        decision = world.decide()
        assert asked(decision) == {"activated": ("a",)}
        world.cursor = decision.cursor
    assert asked(world.look()) == {"activated": ("a",)}
    assert asked(world.look()) == {}


@pytest.mark.parametrize(
    "text", ["", None, "garbage", "{", "[]", "null", "7", '{"a": 1}', '{"a": ["x"]}', '{"a": null}']
)
def test_a_lost_cursor_repairs_itself_and_activates_nothing_twice(text: str | None) -> None:
    world = World(a=ON, b=ON, c=OFF, d=BROKEN)
    world.look()
    kept = world.cursor
    world.cursor = Cursor.load(text)
    assert world.cursor == Cursor()
    assert asked(world.look()) == {}
    assert world.last_read == [key("a"), key("b"), key("c"), key("d")]
    assert world.cursor == kept
    assert asked(world.look()) == {}
    assert world.last_read == []


@pytest.mark.parametrize("change", [ON + "\nmetadata: {x: 1}", OFF, BROKEN, None])
def test_with_a_lost_cursor_the_same_is_decided(change: str | None) -> None:
    def changed(lost: bool) -> Decision:
        world = World(a=ON, b=ON)
        world.look()
        if change is None:
            del world.files[key("a")]
        else:
            world.files[key("a")] = change
        if lost:
            world.cursor = Cursor()
        return world.look()

    assert asked(changed(lost=True)) == asked(changed(lost=False))
    assert changed(lost=True).cursor == changed(lost=False).cursor


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("clients/acme.yml", "Rename it to clients/acme.yaml."),
        ("clients/Acme.YAML", "Rename it to clients/acme.yaml."),
        ("clients/north/acme.yaml", "Move it to clients/acme.yaml."),
        ("clients/é t.yaml", "Rename it to clients/e-t.yaml."),
    ],
)
def test_a_file_whose_name_is_no_client_is_unreadable_and_says_what_to_call_it(name: str, remedy: str) -> None:
    world = World(a=ON)
    world.files[name] = ON
    decision = world.look()
    assert asked(decision) == {"activated": ("a",)}
    assert decision.invalid[name].remedy == remedy
    world.look()
    assert world.last_read == []


def test_a_file_renamed_to_yml_ends_its_client_and_says_so() -> None:
    world = World(acme=ON)
    world.look()
    world.files = {"clients/acme.yml": ON}
    decision = world.look()
    assert asked(decision) == {"removed": ("acme",)}
    assert list(decision.invalid) == ["clients/acme.yml"]


def test_files_that_are_no_client_files_are_not_read() -> None:
    listing = dict.fromkeys(("clients/README.md", "clients/.acme.yaml.swp", "other/acme.yaml", "clients/a.yaml"), "e")
    assert to_read(listing, Cursor(), []) == ["clients/a.yaml"]


def test_a_file_that_vanished_while_being_read_is_decided_at_the_next_look() -> None:
    world = World(a=ON)
    world.look()
    listing = {key("a"): "etag of something else"}
    decision = decide(listing, world.cursor, {}, world.partitions, world.built)
    assert asked(decision) == {}
    assert asked(decide({}, decision.cursor, {}, world.partitions, world.built)) == {"removed": ("a",)}


def test_the_etag_kept_is_the_one_that_was_read() -> None:
    config = read_client(key("a"), ON.encode())
    decision = decide({key("a"): "listed"}, Cursor(), {key("a"): ("read", config)}, [], {})
    assert decision.cursor.files == {key("a"): Known("read", ACTIVE)}


def test_a_cursor_gives_itself_back_from_its_text() -> None:
    cursor = Cursor({key("a"): Known("1", ACTIVE), key("é"): Known("2", INACTIVE), key("c"): Known("3", INVALID)})
    assert Cursor.load(cursor.dump()) == cursor
    assert cursor.unreadable() == {key("c"): "3"}


def test_a_file_costs_the_cursor_less_than_80_bytes() -> None:
    md5 = "d41d8cd98f00b204e9800998ecf8427e"
    cursor = Cursor({key(f"client_number_{n:05}"): Known(md5, ACTIVE) for n in range(1000)})
    assert len(cursor.dump().encode()) < 80 * 1000
    assert json.loads(cursor.dump())[key("client_number_00007")] == [md5, "a"]


def test_a_bucket_without_any_file_ends_no_fleet() -> None:
    with pytest.raises(RefusedError, match=r"no client file at all, while 2 clients are active.*right bucket"):
        decide({}, Cursor(), {}, ["a", "b"], {})
    with pytest.raises(RefusedError):
        decide({"clients/.keep": "1"}, Cursor(), {}, ["a", "b"], {})


def test_the_last_client_may_leave() -> None:
    assert decide({}, Cursor(), {}, ["a"], {}).removed == ("a",)


clients = st.sampled_from(["a", "b", "c", "d"])
states = st.dictionaries(clients, st.sampled_from([ON, f"{ON}\nmetadata: {{x: 1}}", OFF, BROKEN]), min_size=1)
mishaps = st.sampled_from(["", "cursor lost", "partition removed", "stranger added"])


@given(st.lists(st.tuples(states, mishaps), min_size=1, max_size=8))
def test_after_any_history_the_graph_holds_the_active_clients_and_a_second_look_is_idle(
    history: list[tuple[Mapping[str, str], str]],
) -> None:
    world = World()
    for files, mishap in history:
        before = set(world.partitions)
        world.files = {key(client): text for client, text in files.items()}
        if mishap == "cursor lost":
            world.cursor = Cursor.load("lost")
        elif mishap == "partition removed":
            world.partitions = world.partitions[1:]
        elif mishap == "stranger added":
            world.partitions.append("stranger")
        activated = world.look().activated
        assert len(world.partitions) == len(set(world.partitions)), "a client is activated once"
        active = {client for client, text in files.items() if text.startswith(ON)}
        kept = {client for client, text in files.items() if text == BROKEN} & before
        if mishap != "partition removed":
            assert set(world.partitions) == active | kept
        assert active <= set(world.partitions) <= active | kept
        assert set(activated) <= active
        assert {client: world.built[client] for client in active} == {
            client: world.listing()[key(client)] for client in active
        }
        assert asked(world.look()) == {}
        assert world.last_read == []


class TestACrowd:
    """Files that are being put in while the platform looks."""

    def looks(self, *counts: int, active: int = 0) -> list[int]:
        """How many new files wait, look by look, where so many are there; the first `active` are in the graph."""
        cursor, found = Cursor(), []
        for count in counts:
            listing = {key(f"client{number:03}"): "etag" for number in range(count)}
            waiting = still_arriving(listing, cursor, [f"client{number:03}" for number in range(active)])
            found.append(len(waiting))
            taken = {name: Known("etag", ACTIVE) for name in listing if name not in waiting}
            cursor = Cursor.load(Cursor(taken | waiting).dump())
        return found

    def test_a_few_new_files_are_taken_up_at_once(self) -> None:
        assert self.looks(CROWD - 1) == [0]

    def test_many_wait_for_one_look_that_finds_no_more_of_them(self) -> None:
        assert self.looks(CROWD, CROWD) == [CROWD, 0]

    def test_many_that_grow_wait_until_they_grow_no_more(self) -> None:
        assert self.looks(CROWD, 2 * CROWD, 3 * CROWD, 3 * CROWD) == [CROWD, 2 * CROWD, 3 * CROWD, 0]

    def test_nobody_waits_for_ever(self) -> None:
        growing = [CROWD + more for more in range(8)]
        assert 0 in self.looks(*growing)[1:5]

    def test_a_lost_cursor_makes_no_crowd_of_the_clients_in_the_graph(self) -> None:
        assert self.looks(3 * CROWD, active=3 * CROWD) == [0]

    def test_what_waited_is_read_at_the_next_look(self) -> None:
        listing = {key(f"client{number:03}"): "etag" for number in range(CROWD)}
        waiting = still_arriving(listing, Cursor(), [])
        assert to_read(listing, Cursor(waiting), []) == list(listing)
