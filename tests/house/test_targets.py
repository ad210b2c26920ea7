"""Every target loads whole: its settings, its definitions, each job, with no credential and no network."""

import socket
from functools import cache
from typing import Any

import pytest
from dagster import Definitions
from dotenv import dotenv_values

from definitions import build_definitions
from settings import PROJECT_ROOT, TARGETS, Settings, load_settings, target_names

EXAMPLE = {key: value for key, value in dotenv_values(PROJECT_ROOT / ".env.example").items() if value}
NAMES = target_names(TARGETS)
WHOLE = {  # tables replaced whole, and what is kept of all of them
    *("accounts_export", "dim_accounts", "account_compliance", "accounts_history"),
    *("source_health", "score_distribution", "entity_coverage", "client_freshness", "warehouse_docs", "dashboard"),
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every attempt to reach another machine, or this one over IP, raises and is noted."""
    attempts: list[str] = []

    def refuse(sock: socket.socket, address: Any) -> None:
        if sock.family == socket.AF_UNIX:
            return
        attempts.append(str(address))
        raise OSError(f"a test tried to reach {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    return attempts


def settings_of(name: str) -> Settings:
    return load_settings({**EXAMPLE, "VIGIE_TARGET": name})


@cache
def definitions_of(name: str) -> Definitions:
    """Built once for all the tests: the first time parses the dbt project, where its manifest is stale."""
    return build_definitions(settings_of(name))


def test_there_are_targets() -> None:
    assert {"dev", "prod"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_target_builds_its_definitions_without_credentials_or_network(name: str, no_network: list[str]) -> None:
    definitions = definitions_of(name)
    Definitions.validate_loadable(definitions)
    assert no_network == []


@pytest.mark.parametrize("name", NAMES)
def test_every_target_has_the_same_graph(name: str) -> None:
    def graph(target: str) -> tuple[set[str], set[str], set[str]]:
        repository = definitions_of(target).get_repository_def()
        keys = {key.to_user_string() for key in repository.asset_graph.materializable_asset_keys}
        jobs = {job for job in repository.job_names if not job.startswith("__")}
        asked_by = {sensor.name for sensor in repository.sensor_defs} | {s.name for s in repository.schedule_defs}
        return keys, jobs, asked_by

    assert graph(name) == graph(NAMES[0])


@pytest.mark.parametrize("name", NAMES)
def test_every_materializable_asset_is_partitioned_or_whole_described_and_in_a_job(name: str) -> None:
    repository = definitions_of(name).get_repository_def()
    graph = repository.asset_graph
    in_jobs = {
        key
        for job in repository.get_all_jobs()
        if not job.name.startswith("__")
        for key in job.asset_layer.selected_asset_keys
    }
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        whole = key.to_user_string() in WHOLE
        assert (node.partitions_def is None) == whole, f"{key} has no partitions, or should have none"
        assert node.description, f"{key} says nothing about itself"
        assert key in in_jobs, f"{key} is in no job"


@pytest.mark.parametrize("name", NAMES)
def test_what_writes_the_warehouse_shares_one_pool(name: str) -> None:
    graph = definitions_of(name).get_repository_def().asset_graph
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        if node.group_name == "warehouse" or key.to_user_string() in {"client_items", *WHOLE}:
            assert node.pools == {"warehouse"}, f"{key} would write beside the one writer"


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_is_in_the_settings_of_a_target(name: str) -> None:
    names = ("VIGIE_DATABASE_PASSWORD", "VIGIE_VAULT_ROLE_ID", "VIGIE_VAULT_SECRET_ID", "VIGIE_IBM_API_KEY")
    secrets = {name: f"s3cret-{number}" for number, name in enumerate(names)}
    settings = load_settings({**EXAMPLE, **secrets, "VIGIE_TARGET": name})
    assert "s3cret" not in settings.model_dump_json()
