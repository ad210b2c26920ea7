"""One contract for both object stores: the folder, and S3 on a real server."""

import threading
from pathlib import Path

import pytest

from domain.errors import MissingError, PermanentError, RefusedError, TransientError
from resources.object_store import ObjectStore, open_store
from settings import DirectoryLocation, S3Location


def test_what_is_put_is_got(store: ObjectStore) -> None:
    store.put("clients/é b.yaml", b"one")
    assert store.get("clients/é b.yaml").body == b"one"


def test_an_absent_object_is_missing_and_named(store: ObjectStore) -> None:
    with pytest.raises(MissingError, match=r"clients/none\.yaml"):
        store.get("clients/none.yaml")


def test_a_listing_is_by_key_and_holds_only_its_prefix(store: ObjectStore) -> None:
    for key in ("clients/b.yaml", "clients/a.yaml", "clients/sub/c.yaml", "clients.yaml", "other/d.yaml"):
        store.put(key, key.encode())
    assert [found.key for found in store.list("clients/")] == ["clients/a.yaml", "clients/b.yaml", "clients/sub/c.yaml"]
    assert [found.size for found in store.list("other/")] == [len("other/d.yaml")]


def test_a_prefix_without_objects_lists_nothing(store: ObjectStore) -> None:
    assert list(store.list("clients/")) == []


def test_a_listing_goes_on_past_the_servers_page(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")  # of S3 it is a thousand
    for number in range(21):
        store.put(f"many/{number:04}", b"")
    assert len(list(store.list("many/"))) == 21


def test_the_etag_of_the_listing_is_the_etag_of_the_object(store: ObjectStore) -> None:
    store.put("a", b"one")
    assert [found.etag for found in store.list("a")] == [store.get("a").etag]


def test_the_etag_stays_while_the_object_stays_and_changes_when_it_changes(store: ObjectStore) -> None:
    store.put("a", b"one")
    before = store.get("a").etag
    assert store.get("a").etag == before
    store.put("a", b"two")  # the same size: the bytes alone differ
    assert store.get("a").etag != before


def test_put_if_absent_writes_once(store: ObjectStore) -> None:
    assert store.put_if_absent("a", b"first")
    assert not store.put_if_absent("a", b"second")
    assert store.get("a").body == b"first"


def test_what_is_deleted_is_gone_and_deleting_it_again_is_harmless(store: ObjectStore) -> None:
    store.put("folder/a", b"first")
    store.put("folder/b", b"second")
    store.delete("folder/a")
    store.delete("folder/a")
    assert [found.key for found in store.list("folder/")] == ["folder/b"]
    with pytest.raises(MissingError):
        store.get("folder/a")


def test_of_many_writers_exactly_one_finds_the_place_free(store: ObjectStore) -> None:
    won: list[int] = []
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        if store.put_if_absent("race", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert store.get("race").body == str(won[0]).encode()


def test_a_reader_sees_the_old_object_or_the_new_one_never_a_part(store: ObjectStore) -> None:
    small, large = b"a" * 10, b"b" * 2_000_000
    store.put("a", small)
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(10):
            store.put("a", large if turn % 2 == 0 else small)
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not done.is_set():
        assert store.get("a").body in (small, large)
    writer.join()


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/abs", "a//b", "", "a/./b", "a\\b", "a\0b"])
def test_a_key_cannot_leave_its_place(store: ObjectStore, key: str) -> None:
    with pytest.raises(PermanentError):
        store.put(key, b"")
    with pytest.raises(PermanentError):
        store.get(key)


def test_hidden_files_and_writes_in_flight_are_no_objects(tmp_path: Path) -> None:
    (tmp_path / "clients").mkdir()
    (tmp_path / "clients" / ".acme.yaml.swp").write_bytes(b"")
    assert list(open_store(DirectoryLocation(kind="directory", path=tmp_path)).list("clients/")) == []


def test_a_folder_that_is_not_there_refuses_to_list_and_says_how_to_make_it(tmp_path: Path) -> None:
    store = open_store(DirectoryLocation(kind="directory", path=tmp_path / "absent"))
    with pytest.raises(RefusedError, match="mkdir -p"):
        list(store.list("clients/"))


def test_a_target_opens_its_bucket_through_dagster_aws(s3_location: S3Location) -> None:
    store = open_store(s3_location)
    store.put("a", b"one")
    assert store.get("a").body == b"one"
    assert store.uri == "s3://vigie-contract/a/target"


def test_a_bucket_that_is_not_there_refuses_to_list(s3_location: S3Location) -> None:
    store = open_store(s3_location.model_copy(update={"bucket": "vigie-absent"}))
    with pytest.raises(RefusedError, match="no such bucket"):
        list(store.list("clients/"))


def test_an_s3_that_does_not_answer_is_a_transient_failure(s3_location: S3Location) -> None:
    store = open_store(s3_location.model_copy(update={"endpoint_url": "http://127.0.0.1:9"}))
    with pytest.raises(TransientError, match="gave no answer"):
        store.get("a")
