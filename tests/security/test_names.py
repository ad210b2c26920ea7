"""Names that would lead elsewhere: keys, prefixes, client ids, sources, weeks, accounts, and whole files of them."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import cli
from domain.accounts import checked_name
from domain.catalog import read_catalog
from domain.clients import client_id_of
from domain.errors import ConfigError, MissingError, PermanentError
from domain.ingest_event import EventError, read_event
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStore
from tests.contract.conftest import BUCKET
from tests.fuzz.bodies import CLIENT

ESCAPES = [
    *("../outside", "own/../../outside", "/etc/passwd", "//etc/passwd", "..", ".", "own/./own", "own//own", ""),
    *("..\\outside", "own\\..\\..\\outside", "C:\\outside", "own\0", "own\n", "own\r\nx", "own\x1b[2J", "own\x7f"),
    *("\ud800", "x" * 1_025, "x/" * 600 + "x", "x" * 256, "é" * 128),
]
# A store gives them no meaning of their own: they are names like any other, and stay inside.
LITERAL = ["%2e%2e/outside", "%2e%2e%2foutside", "．．/outside", "‥/outside", "..%00/outside", "~/outside", "$HOME/x"]
NO_SLUGS = [
    *("../outside", "a/../b", "a/b", "..", ".", "", "a\n", "\na", "a\0", "a%2e", "%2e%2e", "a\\b", "-a", "_a", "A"),
    *("a.b", "a|b", "a,b", "a b", "a'--", 'a"', "а", "１", "İ", "ﬁ", "a\u202eb", "a\u200b", "a" * 101, "{{a}}", "$(a)"),
]


@pytest.mark.parametrize("key", ESCAPES, ids=lambda key: ascii(key)[:30])
def test_a_key_that_leads_elsewhere_is_refused_by_every_call(store: ObjectStore, key: str) -> None:
    for call in (store.get, store.delete, lambda k: store.put(k, b"x"), lambda k: store.put_if_absent(k, b"x")):
        with pytest.raises(PermanentError, match="is not a key") as refused:
            call(key)
        assert str(refused.value).isprintable()
        assert not isinstance(refused.value, MissingError)
    assert [found.key for found in store.list("")] == ["own"]


@pytest.mark.parametrize("key", LITERAL)
def test_an_encoded_way_out_is_a_name_like_any_other(store: ObjectStore, key: str) -> None:
    with pytest.raises(MissingError):
        store.get(key)
    store.put(key, b"x")
    assert store.get(key).body == b"x"
    assert store.get("own").body == b"mine"


@pytest.mark.parametrize("prefix", ["../", "../out", "own/../../", "..", "/", "/etc/", "..\\", "a\0"])
def test_a_listing_stays_inside(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(PermanentError, match="is not a prefix"):
        list(store.list(prefix))


@pytest.mark.parametrize("name", NO_SLUGS, ids=ascii)
def test_what_is_no_slug_is_no_client_no_account_and_no_source(name: str) -> None:
    with pytest.raises(ConfigError):
        client_id_of(f"clients/{name}.yaml")
    if name:  # an empty client_id is an absent one
        with pytest.raises(EventError, match="must be the name of a client"):
            read_event({"client_id": name})
    with pytest.raises(PermanentError):
        checked_name(name)
    source: dict[str, Any] = {"source_key": name, "source_type": "press", "ingestion_mode": "rss", "enabled": True}
    document = {"sources": [{**source, "rss_url": "https://a.example/rss"}]}
    catalog = read_catalog("catalog.yaml", yaml.safe_dump(document).encode())
    assert catalog.sources == {}


@pytest.mark.parametrize("name", ["../outside", "a\\b", "a\n\x1b[2J", "{{a}}", "x" * 300], ids=ascii)
def test_the_command_line_reads_nothing_by_a_name_that_is_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    said = CliRunner().invoke(cli.app, ["newsletter", "preview", "--", name, "2026-11-09"])
    assert said.exit_code == 1
    assert not isinstance(said.exception, OSError)
    assert said.stdout == ""
    assert "\x1b" not in said.stderr


@pytest.mark.parametrize(
    "week", ["../2026-11-09", "2026-11-09/..", "2026-W46-1\n", "', 1", "2026-13-45", "９９９９-11-09"]
)
def test_a_week_is_a_day_or_nothing(week: str) -> None:
    said = CliRunner().invoke(cli.app, ["newsletter", "preview", "acme", "--", week])
    assert said.exit_code == 2
    assert said.stdout == ""


def test_a_file_whose_name_no_store_may_hold_costs_nobody_else_their_configuration(s3_client: Any) -> None:
    from resources.s3_store import S3Store

    hostile = [
        *("clients/a\\b.yaml", "clients//x.yaml", "clients/é\x1b[2J.yaml", "clients/a%0ab.yaml"),
        f"clients/{'é' * 128}.yaml",
    ]
    for key in ("clients/acme.yaml", *hostile):
        s3_client.put_object(Bucket=BUCKET, Key=f"names/{key}", Body=CLIENT.encode())
    clients, invalid = ConfigBucket(S3Store(s3_client, BUCKET, "names")).active_clients()
    assert [client.client_id for client in clients] == ["acme"]
    assert set(invalid) == set(hostile)
    assert all(str(error).isprintable() for error in invalid.values())


def test_a_stored_configuration_is_looked_for_inside_only(store: ObjectStore) -> None:
    with pytest.raises(PermanentError):
        Archive(store).configs(["../../outside"])
