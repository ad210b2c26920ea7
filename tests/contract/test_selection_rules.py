"""The rules of selection on both object stores: read once, applied to cells, their reasons kept. No Dagster."""

from datetime import UTC, date, datetime

import pytest

from domain.catalog import Catalog, read_catalog
from domain.client_days import ClientDay
from domain.clients import read_client
from domain.errors import ConfigError
from domain.profiles import Profile
from domain.selection_rules import KEY
from domain.snapshots import Body, FirstSeen, take
from resources.archive import Archive
from resources.cells import Cells
from resources.config_bucket import ConfigBucket
from resources.object_store import ObjectStore

DAY = date(2026, 11, 21)
AT = datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
PROFILES = b"""
profiles:
  corporate:
    signal_requirements: {mode: exclude_only, exclusion_scopes: [exclusion_scopes.hr]}
  press:
    signal_requirements:
      mode: require_signals
      required_signal_groups: [{group_id: technology, scopes: [depot.core]}]
"""
CATALOG = b"""
sources:
  - {source_key: corp__a, source_type: corp, ingestion_mode: api, enabled: true, api_url: "https://a.example/",
     ingestion_profile: corporate}
  - {source_key: press__b, source_type: press, ingestion_mode: api, enabled: true, api_url: "https://b.example/",
     ingestion_profile: press}
bouquets: [{bouquet_id: papers, source_keys: [press__b]}]
"""


@pytest.fixture
def archive(store: ObjectStore) -> Archive:
    return Archive(store)


@pytest.fixture
def catalog() -> Catalog:
    return read_catalog("catalog.yaml", CATALOG)


@pytest.fixture
def bucket(store: ObjectStore) -> ConfigBucket:
    store.put(KEY, PROFILES)
    store.put("canonical/scopes/exclusion_scopes.yaml", b"hr: [hiring]\n")
    store.put("canonical/scopes/technology_scopes.yaml", b"depot: {core: [long-acting]}\n")
    store.put("canonical/scopes/README.md", b"# Scopes\n")
    return ConfigBucket(store)


def keep_day(archive: Archive, catalog: Catalog, texts: dict[str, list[str]]) -> None:
    for key, of_source in texts.items():
        entries = ", ".join(f'{{"title": "{text}", "content": "{text}", "url": "/{text[:9]}"}}' for text in of_source)
        source = catalog.sources[key]
        body = Body(f'{{"items": [{entries}]}}'.encode(), source.url, "application/json", AT)
        archive.keep_snapshot(take(source, DAY, body, FirstSeen()))


def cells(archive: Archive, catalog: Catalog, bucket: ConfigBucket, **clients: str) -> dict[str, ClientDay]:
    for name, text in clients.items():
        block = f"source_config: {{sources_extra_enabled: [corp__a, press__b]}}\n{text}"
        archive.keep_config(read_client(f"clients/{name}.yaml", block.encode()), "etag")
    built = Cells(archive, catalog, clients, DAY, rules=bucket.selection_rules()).build_day(DAY, sorted(clients))
    assert all(isinstance(cell, ClientDay) for cell in built.values()), built
    return {name: cell for name, cell in built.items() if isinstance(cell, ClientDay)}


def titles(cell: ClientDay) -> list[str]:
    return [item.title for item in cell.items]


def test_a_bucket_without_profiles_has_no_rule(store: ObjectStore) -> None:
    store.put("canonical/scopes/exclusion_scopes.yaml", b"- not even read\n")
    rules = ConfigBucket(store).selection_rules()
    assert (rules.profiles, rules.problems) == ({}, ())


def test_the_rules_are_those_of_the_bucket(bucket: ConfigBucket) -> None:
    rules = bucket.selection_rules()
    assert list(rules.profiles) == ["corporate", "press", "strict"]
    assert rules.problems == ()


def test_a_broken_file_of_scopes_stops_with_its_place(bucket: ConfigBucket, store: ObjectStore) -> None:
    store.put("canonical/scopes/company_scopes.yaml", b"players: [\n")
    with pytest.raises(ConfigError) as caught:
        bucket.selection_rules()
    assert caught.value.where.startswith("canonical/scopes/company_scopes.yaml:")


def test_each_client_gets_what_its_mode_keeps(archive: Archive, catalog: Catalog, bucket: ConfigBucket) -> None:
    corporate = ["1 we are hiring", "2 a grant", "3 a long-acting depot"]
    keep_day(archive, catalog, {"corp__a": corporate, "press__b": ["4 a merger", "5 a long-acting rival"]})
    built = cells(
        archive,
        catalog,
        bucket,
        usual="",
        wide="pipeline: {ingestion_mode: broad}\n",
        narrow="pipeline: {ingestion_mode: strict}\n",
    )
    assert {name: "".join(title[0] for title in titles(cell)) for name, cell in built.items()} == {
        "wide": "12345",
        "usual": "235",
        "narrow": "35",
    }
    assert {name: cell.mode for name, cell in built.items()} == {
        "wide": "broad",
        "usual": "balanced",
        "narrow": "strict",
    }


def test_the_reason_of_each_item_left_out_is_kept_beside_the_cell(
    archive: Archive, catalog: Catalog, bucket: ConfigBucket, store: ObjectStore
) -> None:
    keep_day(archive, catalog, {"corp__a": ["1 we are hiring", "2 a grant"], "press__b": ["2 a grant", "3 a merger"]})
    built = cells(archive, catalog, bucket, acme="pipeline: {ingestion_mode: balanced}\n")
    assert titles(built["acme"]) == ["2 a grant"]
    assert [(one["title"], one["reason"]) for one in archive.rejections("acme", DAY)] == [
        ("1 we are hiring", 'corporate: exclusion_scopes.hr "hiring"'),
        ("2 a grant", "press: lacks technology"),
        ("3 a merger", "press: lacks technology"),
    ]
    assert [info.key for info in store.list("rejections/")] == ["rejections/2026/11/21/acme.json"]


def test_a_repeated_item_names_the_one_that_it_repeats(
    archive: Archive, catalog: Catalog, bucket: ConfigBucket
) -> None:
    keep_day(archive, catalog, {"corp__a": ["1 long-acting"], "press__b": ["1 long-acting"]})
    (kept,) = cells(archive, catalog, bucket, acme="")["acme"].items
    (rejected,) = archive.rejections("acme", DAY)
    assert (rejected["source_key"], rejected["reason"], rejected["repeats"]) == ("press__b", "duplicate", kept.item_id)


def test_a_cell_built_anew_takes_its_old_reasons_away(archive: Archive, catalog: Catalog, bucket: ConfigBucket) -> None:
    keep_day(archive, catalog, {"corp__a": ["1 we are hiring"], "press__b": []})
    cells(archive, catalog, bucket, acme="")
    assert archive.rejections("acme", DAY)
    cells(archive, catalog, bucket, acme="pipeline: {ingestion_mode: broad}\n")
    assert archive.rejections("acme", DAY) == []


def test_reasons_that_were_never_kept_are_none(archive: Archive) -> None:
    assert archive.rejections("acme", DAY) == []


def test_clients_that_share_items_do_not_share_their_choices(
    archive: Archive, catalog: Catalog, bucket: ConfigBucket
) -> None:
    keep_day(archive, catalog, {"corp__a": ["1 a grant"], "press__b": ["2 a merger"]})
    block = "{sources_extra_enabled: [corp__a, press__b], bouquet_ingestion_overrides: {papers: corporate}}"
    archive.keep_config(read_client("clients/own.yaml", f"source_config: {block}\n".encode()), "etag")
    archive.keep_config(
        read_client("clients/usual.yaml", b"source_config: {sources_extra_enabled: [corp__a, press__b]}\n"), "etag"
    )
    built = Cells(archive, catalog, ["own", "usual"], DAY, rules=bucket.selection_rules()).build_day(
        DAY, ["own", "usual"]
    )
    kept = {name: titles(cell) for name, cell in built.items() if isinstance(cell, ClientDay)}
    assert kept == {"own": ["1 a grant", "2 a merger"], "usual": ["1 a grant"]}


def test_what_is_asked_of_a_client_may_be_said_by_the_caller(
    archive: Archive, catalog: Catalog, bucket: ConfigBucket
) -> None:
    keep_day(archive, catalog, {"corp__a": ["1 we are hiring"], "press__b": ["2 a merger"]})
    archive.keep_config(
        read_client("clients/acme.yaml", b"source_config: {sources_extra_enabled: [corp__a, press__b]}\n"), "etag"
    )
    asked = Cells(
        archive,
        catalog,
        ["acme"],
        DAY,
        rules=bucket.selection_rules(),
        profile_of=lambda config: Profile.of(config, mode="broad", undated="keep"),
    )
    cell = asked.build_day(DAY, ["acme"])["acme"]
    assert isinstance(cell, ClientDay)
    assert titles(cell) == ["1 we are hiring", "2 a merger"]
