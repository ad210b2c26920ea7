"""How a step of dbt ends: what is tried again, what is told of each node, once; what stays when something fails.

dbt runs for real, on a small project whose models fail until an attempt of a number.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetCheckSeverity, DagsterInstance
from dagster_dbt import DbtProject

from domain.errors import PermanentError
from resources.dbt import prepare_manifest
from tests.graph.tiny_dbt import SECRET, Tiny, Told, write_project

pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    project = write_project(tmp_path_factory.mktemp("tiny"))
    prepare_manifest(project, {})
    return project


@pytest.fixture
def tiny(project: DbtProject, tmp_path: Path) -> Tiny:
    return Tiny(project, tmp_path / "tiny.duckdb")


def test_what_succeeds_is_built_in_one_invocation_with_its_figures(tiny: Tiny) -> None:
    told = tiny.build("steady")
    assert (told.failure, told.built, tiny.attempts) == ("", ["steady"], 1)
    metadata = told.metadata("steady")
    assert (metadata["rows"], metadata["attempts"], metadata["status"]) == (2, 1, "success")
    assert metadata["seconds"] > 0
    assert "union all" in Path(tiny.project.project_dir, metadata["compiled_sql"]).read_text()
    assert told.checks["not_null_steady_id"].passed
    assert told.checks["not_null_steady_id"].metadata["attempts"].value == 1


def run_results(tiny: Tiny, told: Told, attempt: int) -> dict[str, Any]:
    """What dbt's own artifact of an attempt says."""
    (path,) = tiny.runs.glob(f"tiny_models-{told.result.run_id[:8]}-{attempt}-*/run_results.json")
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def test_a_failed_model_is_tried_again_with_what_waits_for_it_and_nothing_else(tiny: Tiny) -> None:
    tiny.retry_seconds = 0.5
    told = tiny.build("steady", "second_time", "below_second_time")
    assert (told.failure, tiny.attempts) == ("", 2)
    assert sorted(told.built) == ["below_second_time", "second_time", "steady"]
    assert told.metadata("second_time")["attempts"] == 2
    assert told.metadata("below_second_time")["attempts"] == 1  # it was skipped the first time
    assert told.metadata("steady")["attempts"] == 1
    first, second = run_results(tiny, told, 1), run_results(tiny, told, 2)
    nodes = {node["unique_id"] for node in second["results"] if node["unique_id"].startswith("model.")}
    assert nodes == {"model.tiny.below_second_time", "model.tiny.second_time"}
    ended = datetime.fromisoformat(first["metadata"]["generated_at"])
    begun = datetime.fromisoformat(second["metadata"]["invocation_started_at"])
    assert (begun - ended).total_seconds() >= 0.5, "the pause"


def test_a_model_may_fail_twice(tiny: Tiny) -> None:
    told = tiny.build("third_time")
    assert (told.failure, tiny.attempts) == ("", 3)
    assert told.metadata("third_time")["attempts"] == 3


def test_what_fails_for_good_fails_the_step_in_dbts_words_and_the_rest_stays(tiny: Tiny) -> None:
    told = tiny.build("never", "below_never", "steady")
    assert not told.result.success
    assert tiny.attempts == 3
    assert told.built == ["steady"]
    assert "the well is dry" in told.failure
    assert "wait for those: below_never" in told.failure
    assert list(told.failure_metadata["failed_nodes"]) == ["never"]
    assert (told.failure_metadata["not_built"], told.failure_metadata["attempts"]) == (["below_never"], 3)
    assert "\x1b" not in told.failure


def test_a_test_that_passes_the_second_time_is_one_passed_check(tiny: Tiny) -> None:
    told = tiny.build("settling", "below_settling")
    assert (told.failure, tiny.attempts) == ("", 2)
    check = told.checks["settles"]
    assert (check.passed, check.metadata["attempts"].value) == (True, 2)
    assert told.built == ["settling", "below_settling"]
    assert told.metadata("settling")["attempts"] == 1


def test_a_test_that_fails_twice_is_one_failed_check_and_holds_back_what_reads_its_model(tiny: Tiny) -> None:
    told = tiny.build("sour", "below_sour")
    check = told.checks["stays_sour"]
    assert (check.passed, check.severity) == (False, AssetCheckSeverity.ERROR)
    assert (check.metadata["attempts"].value, check.metadata["failed_rows"].value) == (2, 1)
    assert tiny.attempts == 2
    assert told.built == ["sour"]
    assert told.failure_metadata["not_built"] == ["below_sour"]


def test_models_go_on_after_a_test_that_has_had_its_second_chance(tiny: Tiny) -> None:
    told = tiny.build("third_time", "sour", "below_sour")
    assert tiny.attempts == 3
    assert sorted(told.built) == ["sour", "third_time"]
    assert told.checks["stays_sour"].metadata["attempts"].value == 2
    assert "third_time" not in told.failure


def test_a_text_that_dbt_cannot_compile_is_tried_once(tiny: Tiny) -> None:
    told = tiny.build("garbled")
    assert tiny.attempts == 1
    assert "who wrote this" in told.failure


def test_a_warehouse_that_cannot_be_opened_is_told_in_dbts_words(tiny: Tiny) -> None:
    tiny.path.write_bytes(b"this is no database")
    told = tiny.build("steady")
    assert "not a valid DuckDB database file" in told.failure
    assert told.built == []


def test_dbts_lines_are_in_the_log_without_colours_and_without_secrets(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VIGIE_TEST_PASSWORD", SECRET)
    tiny.secrets = ("VIGIE_TEST_PASSWORD",)
    with DagsterInstance.ephemeral() as instance:
        told = tiny.build("steady", "telling", instance=instance)
        said = [entry.user_message for entry in instance.all_logs(told.result.run_id) if not entry.is_dagster_event]
    assert "cannot log in with ***" in told.failure
    assert any("OK created sql table model main.steady" in line for line in said)
    assert any("cannot log in with ***" in line for line in said)
    assert not any("START" in line or "not_null_steady_id" in line for line in said)
    out, err = capfd.readouterr()
    logs = "".join(path.read_text() for path in tiny.runs.glob(f"*{told.result.run_id[:8]}*/dbt.log"))
    assert "telling" in logs
    for text in (*said, out, err, logs, told.failure):
        assert SECRET not in text
    assert not any("\x1b" in text for text in (*said, told.failure))


def test_artifacts_are_apart_and_do_not_pile_up(tiny: Tiny) -> None:
    tiny.keep_runs = 1
    before = Path.cwd()
    for _ in range(2):
        assert tiny.build("steady").failure == ""
    assert len([path for path in tiny.runs.iterdir() if path.is_dir()]) == 2  # one kept, and the one that tidied
    assert Path.cwd() == before


def test_a_project_that_cannot_be_parsed_says_where(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    (tmp_path / "models" / "odd.sql").write_text("select * from {{ ref('nobody') }}")
    with pytest.raises(PermanentError, match=r"nobody"):
        prepare_manifest(project, {})
