"""`vigie fleet` and the instance of a fleet on this machine: what is refused, what its file says."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli import app
from domain.errors import SettingsError
from local.instance import (
    RUNS_VARIABLE,
    STORAGE_VARIABLE,
    code_place,
    configure,
    daemon_command,
    fleet_runs,
    instance_environment,
    prepare,
    workspace,
)
from settings import PROJECT_ROOT, S3Location, Settings, load_settings

URL = "postgresql+psycopg2://dagster:hunter2@db.invalid:5432/dagster"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv(STORAGE_VARIABLE, URL)
    return load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path), "VIGIE_INSTANCE": "fleet"})


def written(settings: Settings) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((configure(settings) / "dagster.yaml").read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("process", ["web", "daemon", "code", "worker"])
def test_a_machine_that_is_no_fleet_starts_no_process_of_one(
    process: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    said = CliRunner().invoke(app, ["fleet", process])
    assert said.exit_code == 1
    assert "VIGIE_INSTANCE=fleet" in said.output


def test_a_fleet_gets_no_second_daemon_from_the_command_of_one_machine(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setenv("VIGIE_INSTANCE", "fleet")
    said = CliRunner().invoke(app, ["dev"])
    assert said.exit_code == 1
    assert "vigie fleet daemon" in said.output
    assert not settings.home.exists()


def test_what_is_asked_of_a_fleet_goes_through_its_code_server(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_CODE_HOST", "code.invalid")
    assert workspace(settings) == PROJECT_ROOT / "deploy" / "workspace.yaml"
    assert code_place(settings) == {"VIGIE_CODE_HOST": "code.invalid", "VIGIE_CODE_PORT": "4000"}
    assert daemon_command(settings) == "vigie fleet daemon"
    alone = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path)})
    assert workspace(alone) == PROJECT_ROOT / "workspace.yaml"
    assert (code_place(alone), daemon_command(alone)) == ({}, "vigie dev")


def test_an_instance_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="instance"):
        load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path), "VIGIE_INSTANCE": "cluster"})


@pytest.mark.parametrize(("url", "word"), [("", "not there"), (URL.replace("+psycopg2", ""), "spell the driver")])
def test_a_fleet_without_its_database_is_refused_and_its_password_never_shown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, url: str, word: str
) -> None:
    monkeypatch.setenv(STORAGE_VARIABLE, url)
    with pytest.raises(SettingsError, match=word) as refused:
        instance_environment(settings)
    assert "hunter2" not in str(refused.value)


def test_every_process_of_a_fleet_works_on_the_same_target_and_instance(settings: Settings, tmp_path: Path) -> None:
    environment = instance_environment(settings)
    assert environment[STORAGE_VARIABLE] == URL
    assert environment["VIGIE_INSTANCE"] == "fleet"
    assert environment["DAGSTER_HOME"] == str(tmp_path / "dev" / "dagster")


def test_the_file_of_a_fleet_names_its_launcher_and_no_secret(settings: Settings) -> None:
    document = written(settings)
    assert document["run_launcher"]["class"] == "FleetRunLauncher"
    assert document["storage"]["postgres"]["postgres_url"] == {"env": STORAGE_VARIABLE}
    assert "hunter2" not in (configure(settings) / "dagster.yaml").read_text(encoding="utf-8")


def test_the_file_that_is_written_is_the_one_in_deploy_and_where_output_is_kept(settings: Settings) -> None:
    shipped = yaml.safe_load((PROJECT_ROOT / "deploy" / "dagster-fleet.yaml").read_bytes())
    document = written(settings)
    assert document.pop("compute_logs")
    assert document == shipped


@pytest.mark.parametrize("runs", [2, 3, 10])
def test_as_many_runs_as_it_is_told_and_accounts_never_on_every_place(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, runs: int
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(runs))
    limits = written(settings)["concurrency"]["runs"]
    assert limits["max_concurrent_runs"] == runs == fleet_runs()
    assert [0 < one["limit"] < runs for one in limits["tag_concurrency_limits"]] == [True]


@pytest.mark.parametrize("said", ["0", "1", "-4", "many", "4.5"])
def test_a_number_of_runs_that_is_none_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, said)
    with pytest.raises(SettingsError, match="number of runs"):
        configure(settings)


def test_what_runs_say_is_kept_where_every_machine_can_read_it(settings: Settings) -> None:
    assert written(settings)["compute_logs"]["config"]["base_dir"].startswith(str(settings.home / "data"))
    bucket = S3Location(kind="s3", bucket="example", prefix="a/part", region="eu-west-3")
    elsewhere = settings.model_copy(update={"stores": settings.stores.model_copy(update={"data": bucket})})
    assert written(elsewhere)["compute_logs"] == {
        "module": "dagster_aws.s3.compute_log_manager",
        "class": "S3ComputeLogManager",
        "config": {"bucket": "example", "prefix": "a/part/run_output", "region": "eu-west-3"},
    }


def test_a_file_that_somebody_else_writes_is_left_alone(settings: Settings) -> None:
    given = settings.model_copy(update={"instance": "given"})
    assert not (configure(given) / "dagster.yaml").exists()


def test_an_instance_whose_file_is_not_there_is_not_prepared(settings: Settings) -> None:
    given = settings.model_copy(update={"instance": "given"})
    with pytest.raises(SettingsError, match=r"no dagster\.yaml"):
        prepare(given)
    assert not list(settings.home.rglob("*.db"))
