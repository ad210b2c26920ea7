"""The overlay of dry runs: its own writes over what is beneath, which stays as it was."""

import threading
from pathlib import Path

import pytest

from domain.errors import MissingError, PermanentError
from resources.dry_store import DryStore
from resources.object_store import DirectoryStore


@pytest.fixture
def beneath(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path)
    store.put("a/1", b"one")
    store.put("a/2", b"two")
    return store


def test_its_own_writes_are_seen_over_what_is_beneath(beneath: DirectoryStore) -> None:
    overlay = DryStore(beneath)
    overlay.put("a/2", b"TWO!")
    overlay.put("a/3", b"three")
    assert [(info.key, info.size) for info in overlay.list("a/")] == [("a/1", 3), ("a/2", 4), ("a/3", 5)]
    assert [info.etag for info in overlay.list("a/")] == [overlay.get(f"a/{n}").etag for n in (1, 2, 3)]
    assert [overlay.get(f"a/{n}").body for n in (1, 2, 3)] == [b"one", b"TWO!", b"three"]


def test_nothing_beneath_is_touched(beneath: DirectoryStore) -> None:
    overlay = DryStore(beneath)
    overlay.put("a/2", b"TWO!")
    overlay.put_if_absent("a/3", b"three")
    assert {info.key: beneath.get(info.key).body for info in beneath.list("")} == {"a/1": b"one", "a/2": b"two"}
    assert overlay.uri == beneath.uri


def test_what_it_deletes_is_gone_for_it_alone(beneath: DirectoryStore) -> None:
    overlay = DryStore(beneath)
    overlay.delete("a/1")
    assert [info.key for info in overlay.list("a/")] == ["a/2"]
    with pytest.raises(MissingError):
        overlay.get("a/1")
    assert overlay.put_if_absent("a/1", b"new")
    assert (overlay.get("a/1").body, beneath.get("a/1").body) == (b"new", b"one")


def test_put_if_absent_heeds_both(beneath: DirectoryStore) -> None:
    overlay = DryStore(beneath)
    assert not overlay.put_if_absent("a/1", b"other")
    assert overlay.put_if_absent("a/3", b"three")
    assert not overlay.put_if_absent("a/3", b"other")
    assert overlay.get("a/3").body == b"three"


def test_of_many_writers_exactly_one_finds_the_place_free(beneath: DirectoryStore) -> None:
    overlay, won, start = DryStore(beneath), list[int](), threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        if overlay.put_if_absent("race", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [overlay.get("race").body] == [str(number).encode() for number in won]


def test_what_is_nowhere_is_missing_and_a_key_cannot_leave_its_place(beneath: DirectoryStore) -> None:
    overlay = DryStore(beneath)
    with pytest.raises(MissingError):
        overlay.get("a/9")
    for key in ("../out", "/abs", "a//b"):
        with pytest.raises(PermanentError):
            overlay.put(key, b"")
        with pytest.raises(PermanentError):
            overlay.get(key)
