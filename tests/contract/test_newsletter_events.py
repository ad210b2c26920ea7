"""Which types of event a client's file may name in its newsletter's settings: those of the config bucket."""

from pathlib import Path

import pytest

from assets.newsletters import known_events
from domain.client_scoring import Row
from domain.clients import read_client
from domain.event_types import DEFINITIONS_KEY, read_event_types
from domain.scopes import read_scopes
from domain.scoring import configuration
from domain.scoring_rules import ScoringRules
from domain.selection_policy import EVENT_TYPES, read_policy
from resources.duckdb_warehouse import DuckdbWarehouse

DEFINITIONS = {DEFINITIONS_KEY: b"launch_of_plants: {description: A plant opens.}\n"}
FILE = b"client_profile: {active: true}\nnewsletter_selection: {critical_event_types: [launch_of_plants, eclipse]}\n"


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckdbWarehouse:
    made = DuckdbWarehouse(tmp_path / "w.duckdb")
    made.prepare()
    return made


def scoring_tables() -> dict[str, list[Row]]:
    return configuration([], read_scopes({}), read_event_types(DEFINITIONS), ScoringRules()).tables


def test_a_type_that_the_bucket_defines_is_known_to_the_newsletter(warehouse: DuckdbWarehouse) -> None:
    warehouse.replace_tables(scoring_tables())
    events = known_events(warehouse)
    assert events == {"launch_of_plants", "other"}
    (remark,) = read_policy(read_client("clients/acme.yaml", FILE), events).remarks
    assert "no item can have eclipse." in remark


def test_before_anything_is_scored_the_types_are_vigie_s_own(warehouse: DuckdbWarehouse) -> None:
    assert known_events(warehouse) == EVENT_TYPES
