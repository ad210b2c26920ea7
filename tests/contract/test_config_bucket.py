"""The config bucket on both object stores: what is read, at what cost, and that one file touches no other."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from domain.clients import ClientConfig, ClientConfigError
from domain.documents import MAX_BYTES
from domain.errors import ConfigError, RefusedError
from resources.config_bucket import CATALOG_KEY, ConfigBucket
from resources.object_store import DirectoryStore, ObjectInfo, ObjectStore, StoredObject

ON, OFF = b"client_profile: {active: true}\n", b"client_profile: {active: false}\n"


class Counting:
    """A store that counts what it is asked and passes it on."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()
        self.got: list[str] = []
        self.before_get: Callable[[str], None] = lambda _key: None

    @property
    def uri(self) -> str:
        return self._store.uri

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.asked["list"] += 1
        return self._store.list(prefix)

    def get(self, key: str) -> StoredObject:
        self.asked["get"] += 1
        self.got.append(key)
        self.before_get(key)
        return self._store.get(key)

    def put(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> None:
        self.asked["put"] += 1
        self._store.put(key, body, content_type)

    def put_if_absent(self, key: str, body: bytes, content_type: str = "application/octet-stream") -> bool:
        self.asked["put"] += 1
        return self._store.put_if_absent(key, body, content_type)

    def delete(self, key: str) -> None:
        self.asked["delete"] += 1
        self._store.delete(key)


@pytest.fixture
def counting(store: ObjectStore) -> Counting:
    return Counting(store)


@pytest.fixture
def bucket(counting: Counting) -> ConfigBucket:
    return ConfigBucket(counting)


def test_a_listing_of_many_files_is_one_request_and_reads_none(
    bucket: ConfigBucket, counting: Counting, store: ObjectStore
) -> None:
    for number in range(30):
        store.put(f"clients/client_{number:02}.yaml", ON)
    assert len(bucket.listing()) == 30
    assert counting.asked == {"list": 1}


def test_a_listing_holds_client_files_only_with_the_etags_they_are_read_at(
    bucket: ConfigBucket, store: ObjectStore
) -> None:
    for key in ("clients/a.yaml", "clients/b.yml", "clients/README.md", "canonical/x.yaml", "clients/sub/c.yaml"):
        store.put(key, ON)
    listing = bucket.listing()
    assert list(listing) == ["clients/a.yaml", "clients/b.yml", "clients/sub/c.yaml"]
    assert {key: etag for key, (etag, _outcome) in bucket.read(listing).items()} == listing


def test_a_second_look_reads_only_the_file_that_changed(
    bucket: ConfigBucket, counting: Counting, store: ObjectStore
) -> None:
    for client in "abcde":
        store.put(f"clients/{client}.yaml", OFF)
    read = bucket.read(bucket.listing())
    store.put("clients/c.yaml", ON)
    changed = [key for key, etag in bucket.listing().items() if read[key][0] != etag]
    counting.got.clear()
    bucket.read(changed)
    assert counting.got == ["clients/c.yaml"]


def test_what_was_read_is_a_configuration_under_its_file_name(bucket: ConfigBucket, store: ObjectStore) -> None:
    store.put("clients/acme.yaml", ON)
    ((etag, config),) = bucket.read(bucket.listing()).values()
    assert isinstance(config, ClientConfig)
    assert (config.client_id, config.active) == ("acme", True)
    assert etag == store.get("clients/acme.yaml").etag


def test_a_file_over_the_limit_is_never_fetched(bucket: ConfigBucket, counting: Counting, store: ObjectStore) -> None:
    store.put("clients/large.yaml", b"#" * (MAX_BYTES + 1))
    store.put("clients/small.yaml", ON)
    listing = bucket.listing()
    read = bucket.read(listing)
    assert counting.got == ["clients/small.yaml"]
    etag, error = read["clients/large.yaml"]
    assert etag == listing["clients/large.yaml"]
    assert isinstance(error, ConfigError)
    assert str(error) == "clients/large.yaml: The file has 1,048,577 bytes; the limit is 1,048,576. Split it."


def test_a_file_at_the_limit_is_read(bucket: ConfigBucket, store: ObjectStore) -> None:
    store.put("clients/a.yaml", ON + b"#" * (MAX_BYTES - len(ON)))
    ((_etag, config),) = bucket.read(bucket.listing()).values()
    assert isinstance(config, ClientConfig)


def test_a_file_over_the_limit_is_refused_even_without_a_listing(bucket: ConfigBucket, store: ObjectStore) -> None:
    store.put("clients/large.yaml", b"#" * (MAX_BYTES + 1))
    ((_etag, error),) = bucket.read(["clients/large.yaml"]).values()
    assert isinstance(error, ConfigError)


def test_a_file_that_vanished_since_the_listing_is_left_out(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for client in "ab":
        store.put(f"clients/{client}.yaml", ON)
    bucket = ConfigBucket(store)
    listing = bucket.listing()
    (tmp_path / "clients/a.yaml").unlink()
    assert list(bucket.read(listing)) == ["clients/b.yaml"]


def test_a_file_that_was_never_there_is_left_out(bucket: ConfigBucket, store: ObjectStore) -> None:
    store.put("clients/b.yaml", ON)
    assert list(bucket.read(["clients/a.yaml", "clients/b.yaml"])) == ["clients/b.yaml"]


def test_a_file_rewritten_since_the_listing_is_read_with_its_new_etag(
    bucket: ConfigBucket, counting: Counting, store: ObjectStore
) -> None:
    store.put("clients/a.yaml", ON)
    listing = bucket.listing()
    counting.before_get = lambda key: store.put(key, OFF)
    ((etag, config),) = bucket.read(listing).values()
    assert isinstance(config, ClientConfig)
    assert not config.active
    assert etag == bucket.listing()["clients/a.yaml"] != listing["clients/a.yaml"]


@pytest.mark.parametrize(
    ("key", "broken", "kind"),
    [
        ("clients/broken.yaml", b"client_profile: [}", ConfigError),
        ("clients/broken.yaml", b"", ConfigError),
        ("clients/broken.yaml", b"\xff\xfe\x00", ConfigError),
        ("clients/broken.yaml", b"client_profile: {active: perhaps, name: 7}", ClientConfigError),
        ("clients/Broken One.yml", ON, ConfigError),
    ],
)
def test_one_invalid_file_touches_no_other(
    bucket: ConfigBucket, store: ObjectStore, key: str, broken: bytes, kind: type[ConfigError]
) -> None:
    store.put("clients/a.yaml", ON)
    store.put(key, broken)
    store.put("clients/z.yaml", ON)
    clients, invalid = bucket.active_clients()
    assert [client.client_id for client in clients] == ["a", "z"]
    assert list(invalid) == [key]
    assert isinstance(invalid[key], kind)
    assert invalid[key].where.startswith(key)


def test_the_active_clients_come_by_their_id_and_the_inactive_not(bucket: ConfigBucket, store: ObjectStore) -> None:
    for client, text in (("c", ON), ("a", ON), ("b", OFF)):
        store.put(f"clients/{client}.yaml", text)
    clients, invalid = bucket.active_clients()
    assert ([client.client_id for client in clients], invalid) == (["a", "c"], {})


def test_a_bucket_without_clients_has_none(bucket: ConfigBucket) -> None:
    assert bucket.active_clients() == ([], {})


def test_a_bucket_that_cannot_be_listed_raises_and_never_says_none(tmp_path: Path) -> None:
    bucket = ConfigBucket(DirectoryStore(tmp_path / "absent"))
    with pytest.raises(RefusedError):
        bucket.listing()


def test_a_store_that_fails_while_a_file_is_read_raises(bucket: ConfigBucket, counting: Counting) -> None:
    counting.put("clients/a.yaml", ON)

    def refuse(key: str) -> None:
        raise RefusedError("is not allowed.", where=key)

    counting.before_get = refuse
    with pytest.raises(RefusedError):
        bucket.read(bucket.listing())


def test_the_catalog_is_read_in_one_request(bucket: ConfigBucket, counting: Counting, store: ObjectStore) -> None:
    store.put(
        CATALOG_KEY,
        b"sources: [{source_key: a, source_type: p, ingestion_mode: rss, enabled: true, rss_url: 'https://a.example'}]\n"
        b"bouquets: []\n",
    )
    assert list(bucket.catalog().sources) == ["a"]
    assert counting.asked == {"get": 1}


def test_an_absent_catalog_says_where_it_is_missing(bucket: ConfigBucket, store: ObjectStore) -> None:
    with pytest.raises(ConfigError) as caught:
        bucket.catalog()
    assert caught.value.where == f"{store.uri}/canonical/sources/source_catalog.yaml"
    assert caught.value.remedy
