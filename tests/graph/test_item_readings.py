"""The asset item_readings on a real DuckDB file, stores in folders, and the real client against Converse's wire.

Not here: which texts are read within which budget (tests/contract/test_item_readings.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import stamina
from dagster import DagsterInstance, materialize

from assets.names import BATCH_TAG, ITEM_READINGS
from assets.readings import reading_assets
from options import LanguageModel
from partitions import Partitions
from resources.archive import Archive
from resources.language_model import LanguageModelResource
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource
from settings import DirectoryLocation, DuckDBWarehouse
from tests.contract.converse_server import ConverseServer, converse_server
from tests.contract.item_texts import MODEL, MONDAY, Texts, item

ASSETS = reading_assets(Partitions.since(date(2026, 11, 1)))


@dataclass
class Target:
    """The stores, the warehouse, the model; `run` is one run of the asset."""

    home: Path
    texts: Texts
    server: ConverseServer
    instance: DagsterInstance

    def store(self, name: str) -> ObjectStoreResource:
        return ObjectStoreResource.at(DirectoryLocation(kind="directory", path=self.home / name))

    def run(self, tags: dict[str, str] | None = None, **choice: Any) -> dict[str, Any]:
        """The metadata of a run of Monday, which has to succeed."""
        usual = {"kind": "bedrock", "model_id": MODEL, "region": "eu-west-3", "endpoint_url": self.server.url}
        done = materialize(
            ASSETS,
            instance=self.instance,
            partition_key=MONDAY.isoformat(),
            tags=tags,
            resources={
                "config_store": self.store("config"),
                "data_store": self.store("data"),
                "warehouse": WarehouseResource.of(DuckDBWarehouse(kind="duckdb", path=self.texts.path)),
                "language_model": LanguageModelResource.of(LanguageModel.model_validate(usual | choice)),
            },
        )
        assert done.success
        (event,) = done.asset_materializations_for_node(ITEM_READINGS)
        return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def target(tmp_path: Path, instance: DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    (tmp_path / "config").mkdir()
    with converse_server() as server, stamina.set_testing(True, attempts=1):
        yield Target(tmp_path, Texts(tmp_path / "w.duckdb"), server, instance)


def test_without_a_model_it_does_nothing_and_says_so(target: Target) -> None:
    target.texts.load([("acme", MONDAY, [item(1)])])
    assert target.run(kind="none") == {"state": "off"}
    assert target.server.requests == []
    assert target.texts.rows() == []


def test_a_run_says_what_became_of_every_text_and_a_second_one_calls_nobody(target: Target) -> None:
    target.texts.load([("acme", MONDAY, [item(1), item(2), item(3, content="Short.")]), ("beta", MONDAY, [item(1)])])
    first = target.run()
    assert first["model"] == MODEL
    figures = {name: first[name] for name in ("state", "items", "texts", "read", "cached", "too_short", "calls")}
    assert figures == {"state": "on", "items": 4, "texts": 3, "read": 2, "cached": 0, "too_short": 1, "calls": 2}
    assert (first["input_tokens"], first["output_tokens"], first["tokens_of_the_day"]) == (1400, 180, 1580)
    again = target.run()
    assert (again["read"], again["cached"], again["calls"], again["tokens_of_the_day"]) == (0, 2, 0, 1580)
    assert len(target.server.requests) == 2


def test_only_the_cells_of_the_batch_are_read(target: Target) -> None:
    target.texts.load([("acme", MONDAY, [item(1)]), ("beta", MONDAY, [item(2)])])
    Archive(target.store("data").store()).keep_batch("1-2026-11-16", [("beta", MONDAY)])
    assert target.run(tags={BATCH_TAG: "1-2026-11-16"})["texts"] == 1
    assert "Title 002" in target.server.asked[0]


def test_a_model_that_is_away_fails_no_run_and_is_counted_as_what_it_is(target: Target) -> None:
    target.texts.load([("acme", MONDAY, [item(number) for number in range(30)])])
    target.server.usual = lambda _user: "ServiceUnavailableException"
    metadata = target.run()
    assert (metadata["read"], metadata["fallback"]) == (0, 30)
    assert "503 ServiceUnavailableException" in metadata["why"]
    assert metadata["calls"] < 15
    assert target.texts.rows() == []


def test_d25_a_prompt_that_names_something_in_vain_is_refused_by_name_and_nothing_is_sent(target: Target) -> None:
    """V2 sent "[SCOPE_NOT_FOUND]" in its place."""
    target.texts.load([("acme", MONDAY, [item(1)])])
    target.store("config").store().put(
        "canonical/prompts/normalization/own_words.yaml",
        b"system_instructions: Of {{ref:lost}}.\nuser_template: '{{item_text}}'\n",
    )
    metadata = target.run(prompt="own_words")
    assert metadata["state"] == "the prompt is refused"
    assert '"lost" is no scope' in metadata["why"]
    assert target.server.requests == []
