"""What client files ask for is remembered: only what changed is read again, whatever happens to the memory."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.archive import Archive
from resources.asked_sources import asked_sources
from resources.config_bucket import ConfigBucket
from resources.object_store import DirectoryStore, ObjectInfo, ObjectStore, StoredObject


class Counted:
    """A store that counts what it is asked for, by key."""

    def __init__(self, beneath: ObjectStore) -> None:
        self._beneath = beneath
        self.gets: Counter[str] = Counter()

    @property
    def uri(self) -> str:
        return self._beneath.uri

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        return self._beneath.list(prefix)

    def get(self, key: str) -> StoredObject:
        self.gets[key] += 1
        return self._beneath.get(key)

    def put(self, key: str, body: bytes, content_type: str = "") -> None:
        self._beneath.put(key, body)

    def put_if_absent(self, key: str, body: bytes, content_type: str = "") -> bool:
        return self._beneath.put_if_absent(key, body)

    def delete(self, key: str) -> None:
        self._beneath.delete(key)

    def read(self) -> set[str]:
        """What was read since the last time."""
        found = set(self.gets)
        self.gets.clear()
        return found


@pytest.fixture
def config(tmp_path: Path) -> Counted:
    return Counted(DirectoryStore(tmp_path / "config"))


@pytest.fixture
def data(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "data")


def put(store: Counted, client: str, bouquet: str, active: str = "true") -> None:
    text = f"client_profile: {{active: {active}}}\nsource_config: {{source_bouquets_enabled: [{bouquet}]}}\n"
    store.put(f"clients/{client}.yaml", text.encode())


def bouquets(config: Counted, data: ObjectStore) -> dict[str, tuple[str, ...]]:
    asked, _invalid = asked_sources(ConfigBucket(config), Archive(data))
    return {client: one.bouquets for client, one in asked.items()}


def test_only_files_that_changed_are_read_again(config: Counted, data: DirectoryStore) -> None:
    put(config, "acme", "a")
    put(config, "best", "b")
    put(config, "idle", "c", active="false")
    assert bouquets(config, data) == {"acme": ("a",), "best": ("b",)}
    assert len(config.read()) == 3
    assert bouquets(config, data) == {"acme": ("a",), "best": ("b",)}
    assert config.read() == set()
    put(config, "best", "d")
    put(config, "idle", "c")
    assert bouquets(config, data) == {"acme": ("a",), "best": ("d",), "idle": ("c",)}
    assert config.read() == {"clients/best.yaml", "clients/idle.yaml"}


def test_a_file_that_is_gone_asks_for_nothing(config: Counted, data: DirectoryStore, tmp_path: Path) -> None:
    put(config, "acme", "a")
    put(config, "best", "b")
    bouquets(config, data)
    (tmp_path / "config" / "clients" / "acme.yaml").unlink()
    assert bouquets(config, data) == {"best": ("b",)}


def test_a_file_that_broke_is_told_each_time_and_asks_for_nothing(config: Counted, data: DirectoryStore) -> None:
    put(config, "acme", "a")
    bouquets(config, data)
    config.put("clients/acme.yaml", b"client_profile: [\n")
    for _look in range(2):
        asked, invalid = asked_sources(ConfigBucket(config), Archive(data))
        assert (asked, set(invalid)) == ({}, {"clients/acme.yaml"})


@pytest.mark.parametrize("damaged", [b"", b"no gzip", b"\x1f\x8b\x08\x00", b"[1]"])
def test_a_memory_that_is_damaged_costs_only_requests(config: Counted, data: DirectoryStore, damaged: bytes) -> None:
    put(config, "acme", "a")
    bouquets(config, data)
    data.put("asked_sources.json.gz", damaged)
    assert bouquets(config, data) == {"acme": ("a",)}
    config.read()
    assert bouquets(config, data) == {"acme": ("a",)}
    assert config.read() == set()
