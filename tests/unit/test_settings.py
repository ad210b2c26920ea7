"""The target switch: what each target answers, and how an incomplete one is refused."""

from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values
from pydantic import ValidationError

from domain.errors import SettingsError
from settings import PROJECT_ROOT, TARGETS, load_settings, own_targets, target_names

EXAMPLE = {k: v for k, v in dotenv_values(PROJECT_ROOT / ".env.example").items() if v}


def a_target(folder: Path, name: str, **changes: object) -> dict[str, str]:
    """A target file made from dev's with some answers changed (None drops one); its environment."""
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    for key, value in changes.items():
        document.pop(key)
        if value is not None:
            document[key] = value
    own_targets(folder).mkdir()
    (own_targets(folder) / f"{name}.yaml").write_text(yaml.safe_dump(document))
    return {"VIGIE_TARGET": name, "VIGIE_HOME": str(folder)}


def test_without_a_word_the_target_is_dev_and_needs_nothing() -> None:
    settings = load_settings({})
    assert settings.target == "dev"
    assert settings.stores.config.kind == "directory"
    assert settings.warehouse.kind == "duckdb"
    assert settings.database.url.startswith("sqlite:///")
    assert settings.schematics.kind == "local"


@pytest.mark.parametrize("name", target_names(Path("/nowhere")))
def test_every_target_answers_every_question(name: str) -> None:
    settings = load_settings({**EXAMPLE, "VIGIE_TARGET": name})
    assert settings.target == name
    said = yaml.safe_load((settings.project_root / "platform" / "targets" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert said["keep_days"] is None  # an answer: never
    for question in set(type(settings).model_fields) - {"dagster_home", "keep_days"}:  # the first is the process's
        assert getattr(settings, question) is not None


def test_prod_lives_in_s3_postgresql_bigquery_and_ibm_cloud() -> None:
    settings = load_settings({**EXAMPLE, "VIGIE_TARGET": "prod"})
    assert settings.stores.config.uri == "s3://example-vigie-config"
    assert settings.database.url.startswith("postgresql+psycopg2://")
    assert settings.warehouse.kind == "bigquery"
    assert settings.schematics.kind == "ibm"


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings({}).target = "prod"  # type: ignore[misc]


def test_an_unknown_target_is_refused_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match=r"no target 'stagin'; there are: dev, prod\..*cp platform"):
        load_settings({"VIGIE_TARGET": "stagin", "VIGIE_HOME": "/nowhere"})


def test_a_target_cannot_be_a_path_out_of_the_folder() -> None:
    with pytest.raises(SettingsError, match="no target"):
        load_settings({"VIGIE_TARGET": "../targets/dev"})


def test_an_incomplete_target_names_all_that_is_missing_and_the_command() -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"VIGIE_TARGET": "prod", "VIGIE_HOME": "/nowhere", "VIGIE_CONFIG_BUCKET": "mine"})
    said = str(refused.value)
    assert "VIGIE_CONFIG_BUCKET" not in said
    assert "vigie setup --terraform-outputs FILE --target prod" in said
    for name in ("VIGIE_DATA_BUCKET", "VIGIE_AWS_REGION", "VIGIE_DATABASE_HOST", "VIGIE_VAULT_URL"):
        assert f"echo {name}=... >> .env" in said


def test_adding_staging_is_adding_one_file(tmp_path: Path) -> None:
    assert load_settings(a_target(tmp_path, "staging", history_days=7)).history_days == 7


def test_an_answer_that_a_target_forgets_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"warehouse is missing.*vigie target check"):
        load_settings(a_target(tmp_path, "staging", warehouse=None))


def test_a_misspelt_setting_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"schedule.dayly_at is not a setting"):
        load_settings(a_target(tmp_path, "staging", schedule={"dayly_at": "05:00"}))


@pytest.mark.parametrize("address", ["vigie:hunter2@db/vigie", "vigie@db/vigie?sslmode=require&password=hunter2"])
def test_a_password_in_the_database_url_is_refused(tmp_path: Path, address: str) -> None:
    url = {"url": f"postgresql+psycopg2://{address}"}
    with pytest.raises(SettingsError, match="carries a password") as refused:
        load_settings(a_target(tmp_path, "staging", database=url))
    assert "hunter2" not in str(refused.value)


def test_a_bare_postgresql_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="spell the driver"):
        load_settings(a_target(tmp_path, "staging", database={"url": "postgresql://db/vigie"}))


def test_a_target_file_that_is_not_yaml_says_so(tmp_path: Path) -> None:
    own_targets(tmp_path).mkdir()
    (own_targets(tmp_path) / "broken.yaml").write_text("stores: [")
    with pytest.raises(SettingsError, match="is not YAML"):
        load_settings({"VIGIE_TARGET": "broken", "VIGIE_HOME": str(tmp_path)})


def test_the_example_environment_names_every_variable_that_targets_refer_to() -> None:
    import re

    text = "".join(path.read_text() for path in TARGETS.glob("*.yaml"))
    named = set(re.findall(r"\$\{(VIGIE_[A-Z_]+)\}|env: (VIGIE_[A-Z_]+)", text))
    example = (PROJECT_ROOT / ".env.example").read_text()
    assert [name for pair in named for name in pair if name and name not in example] == []
