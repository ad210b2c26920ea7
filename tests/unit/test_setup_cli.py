"""`vigie setup`: what it keeps, what it says, what it refuses; and that the target works afterwards."""

import json
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

import cli
from domain.errors import SettingsError
from settings import TARGETS, BigQueryWarehouse, answers_file, choice, load_settings, own_targets

SENTINEL = "hunter2-sentinel"
GOOD = {
    "aws_region": "eu-west-3",
    "bigquery_dataset": "vigie",
    "bigquery_location": "EU",
    "bigquery_project": "acme-news",
    "config_bucket": "acme-config",
    "data_bucket": "acme-data",
    "database_host": "db.acme.invalid",
    "newsletters_bucket": "acme-letters",
    "vault_url": "https://vault.acme.invalid:8200",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of its own, and a developer's .env that cannot be seen."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("VIGIE_TARGET", "dev")
    monkeypatch.setenv("COLUMNS", "2000")
    for name in GOOD:
        monkeypatch.setenv(f"VIGIE_{name.upper()}", "")
    return tmp_path / "state"


@pytest.fixture
def kept(home: Path) -> Path:
    return home / "targets" / "prod.answers.yaml"


def vigie(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli.app, arguments, input=stdin)


def printed(values: Mapping[str, Any], sensitive: tuple[str, ...] = ()) -> bytes:
    entries = {name: {"sensitive": name in sensitive, "type": "string", "value": v} for name, v in values.items()}
    return json.dumps(entries).encode()


def set_up(values: Mapping[str, Any] = GOOD, *more: str, sensitive: tuple[str, ...] = ()) -> Result:
    return vigie("setup", "--terraform-outputs", "-", *more, stdin=printed(values, sensitive))


class TestAGoodFile:
    def test_the_target_works_right_after_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "outputs.json").write_bytes(printed(GOOD))
        said = vigie("setup", "--terraform-outputs", str(tmp_path / "outputs.json"), "--target", "prod")
        assert said.exit_code == 0, said.output
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        checked = vigie("target", "check")
        assert checked.exit_code == 0
        for answer in GOOD.values():
            assert answer in checked.stdout
        settings = load_settings()
        assert settings.stores.data.uri == "s3://acme-data"
        assert settings.warehouse == BigQueryWarehouse(kind="bigquery", project="acme-news")
        assert settings.database.url == "postgresql+psycopg2://vigie@db.acme.invalid:5432/vigie?sslmode=require"

    def test_it_says_what_is_new_where_it_is_kept_and_which_secrets_are_left_to_give(self, kept: Path) -> None:
        said = set_up()
        lines = said.stdout.splitlines()
        assert lines[0] == f"target prod is set up from standard input: 9 answers in {kept}"
        assert "+ VIGIE_DATA_BUCKET = acme-data" in lines
        assert "the variable VIGIE_DATABASE_PASSWORD" in said.stdout
        assert "hub/account-owner (api_key) in the vault" in said.stdout
        assert lines[-1] == "see all of it: VIGIE_TARGET=prod vigie target check"

    def test_a_second_time_changes_nothing(self, kept: Path) -> None:
        set_up()
        before = kept.stat()
        said = set_up()
        assert said.exit_code == 0
        assert "nothing has changed" in said.stdout
        assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)

    def test_another_time_says_what_is_different(self, kept: Path) -> None:
        set_up()
        said = set_up({**GOOD, "data_bucket": "acme-data-2"})
        assert [line for line in said.stdout.splitlines() if line[:2] in ("+ ", "- ", "~ ")] == [
            "~ VIGIE_DATA_BUCKET = acme-data-2 (was acme-data)"
        ]
        assert yaml.safe_load(kept.read_text())["VIGIE_DATA_BUCKET"] == "acme-data-2"
        assert [path.name for path in kept.parent.iterdir()] == [kept.name]

    def test_other_outputs_are_left_out_with_a_remark(self, kept: Path) -> None:
        said = set_up({**GOOD, "role": "r", "database_password": SENTINEL}, sensitive=("database_password",))
        assert said.exit_code == 0
        assert "does not ask for them: database_password (sensitive), role" in said.stdout
        assert SENTINEL not in said.output + kept.read_text()

    def test_hostile_values_stay_data(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hostile = "${VIGIE_DATABASE_PASSWORD} # '$(touch x)' [bold]: *a"
        monkeypatch.setenv("VIGIE_DATABASE_PASSWORD", SENTINEL)
        assert set_up({**GOOD, "bigquery_project": hostile}).exit_code == 0
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        warehouse = load_settings().warehouse
        assert isinstance(warehouse, BigQueryWarehouse)
        assert warehouse.project == hostile

    def test_every_target_of_the_same_machine_has_answers_of_its_own(self, home: Path) -> None:
        own_targets(home).mkdir(parents=True)
        (own_targets(home) / "staging.yaml").write_bytes((TARGETS / "prod.yaml").read_bytes())
        assert set_up().exit_code == 0
        assert set_up({**GOOD, "data_bucket": "staging-data"}, "--target", "staging").exit_code == 0
        for name, bucket in {"prod": "acme-data", "staging": "staging-data"}.items():
            at = {"VIGIE_TARGET": name, "VIGIE_HOME": str(home)}
            assert load_settings(at).stores.data.uri == f"s3://{bucket}"
        assert vigie("target", "list").stdout.split() == ["dev", "prod", "staging"]

    def test_without_a_word_it_is_the_chosen_target_or_prod(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert set_up().stdout.startswith("target prod ")
        own_targets(home).mkdir(exist_ok=True)
        (own_targets(home) / "staging.yaml").write_bytes((TARGETS / "prod.yaml").read_bytes())
        monkeypatch.setenv("VIGIE_TARGET", "staging")
        assert set_up().stdout.startswith("target staging ")


class TestWhatIsRefused:
    def test_nothing_is_written_where_outputs_are_missing_wrong_or_sensitive(self, kept: Path) -> None:
        values = {**GOOD, "data_bucket": 3, "vault_url": SENTINEL}
        del values["aws_region"]
        said = set_up(values, sensitive=("vault_url",))
        assert said.exit_code == 1
        assert said.stdout == ""
        for line in ("aws_region (for VIGIE_AWS_REGION) is missing", "data_bucket (for ", "vault_url (for "):
            assert line in said.stderr
        assert SENTINEL not in said.output
        assert not kept.exists()

    def test_a_refusal_leaves_the_answers_of_before(self, kept: Path) -> None:
        set_up()
        before = kept.read_bytes()
        assert set_up({"aws_region": "eu-west-3"}).exit_code == 1
        assert kept.read_bytes() == before

    def test_no_outputs_at_all_says_to_apply_first(self) -> None:
        said = vigie("setup", "--terraform-outputs", "-", stdin=b"{}\n")
        assert said.exit_code == 1
        assert "Run: terraform -chdir=infrastructure apply" in said.stderr

    def test_a_file_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        said = vigie("setup", "--terraform-outputs", str(tmp_path / "absent.json"))
        assert said.exit_code == 1
        assert (
            "absent.json: No such file or directory. Run: terraform -chdir=infrastructure output -json" in said.stderr
        )

    def test_it_needs_the_outputs(self) -> None:
        assert vigie("setup").exit_code == 2

    def test_a_target_that_asks_nothing_needs_no_set_up(self) -> None:
        said = set_up(GOOD, "--target", "dev")
        assert said.exit_code == 1
        assert "no set-up is needed" in said.stderr

    @pytest.mark.parametrize("name", ["nowhere", "../targets/prod"])
    def test_a_target_that_does_not_exist_is_refused(self, name: str) -> None:
        said = set_up(GOOD, "--target", name)
        assert said.exit_code == 1
        assert f"there is no target {name!r}" in said.stderr

    def test_answers_that_the_settings_refuse_are_not_kept(self, home: Path) -> None:
        document = yaml.safe_load((TARGETS / "prod.yaml").read_text()) | {"history_days": "${VIGIE_HISTORY}"}
        own_targets(home).mkdir(parents=True)
        (own_targets(home) / "staging.yaml").write_text(yaml.safe_dump(document))
        said = set_up({**GOOD, "history": "many"}, "--target", "staging")
        assert said.exit_code == 1
        assert "target 'staging' is wrong: history_days" in said.stderr
        assert not answers_file(choice({"VIGIE_TARGET": "staging", "VIGIE_HOME": str(home)})).exists()


class TestAFileMadeByHand:
    @pytest.mark.parametrize("text", ["VIGIE_DATA_BUCKET: by-hand\n", "not: [yaml", "\udcff"])
    def test_it_is_replaced_only_where_one_says_so(self, kept: Path, text: str) -> None:
        kept.parent.mkdir(parents=True)
        kept.write_bytes(text.encode("utf-8", "surrogateescape"))
        before = kept.read_bytes()
        refused = set_up()
        assert refused.exit_code == 1
        assert "was made or edited by hand" in refused.stderr
        assert "--force" in refused.stderr
        assert kept.read_bytes() == before
        assert set_up(GOOD, "--force").exit_code == 0
        assert set_up().exit_code == 0

    def test_an_answer_edited_by_hand_counts_until_it_is_replaced(self, kept: Path, home: Path) -> None:
        set_up()
        kept.write_text(kept.read_text().replace("acme-data", "by-hand"))
        at = {"VIGIE_TARGET": "prod", "VIGIE_HOME": str(home)}
        assert load_settings(at).stores.data.uri == "s3://by-hand"
        assert "~ VIGIE_DATA_BUCKET = acme-data (was by-hand)" in set_up(GOOD, "--force").stdout
        assert load_settings(at).stores.data.uri == "s3://acme-data"


class TestWhatWins:
    def test_a_variable_of_the_process_wins_over_set_up_which_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VIGIE_DATA_BUCKET", "elsewhere")
        assert "remark: VIGIE_DATA_BUCKET " in set_up().stdout
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        assert load_settings().stores.data.uri == "s3://elsewhere"
        assert load_settings().stores.config.uri == "s3://acme-config"

    def test_a_broken_file_of_answers_stops_the_start(self, kept: Path, home: Path) -> None:
        kept.parent.mkdir(parents=True)
        kept.write_text("VIGIE_DATA_BUCKET: 3\n")
        with pytest.raises(SettingsError, match=r"prod\.answers\.yaml: is not a mapping.*vigie setup"):
            load_settings({"VIGIE_TARGET": "prod", "VIGIE_HOME": str(home)})


class TestTargetEnv:
    def exported(self) -> dict[str, str]:
        said = vigie("target", "env")
        assert said.exit_code == 0
        words = [shlex.split(line) for line in said.stdout.splitlines()]
        assert all(len(line) == 2 and line[0] == "export" for line in words)
        return dict(line[1].split("=", 1) for line in words)

    def test_it_answers_all_that_the_profile_of_the_target_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        hostile = "a b'; $(touch x) ${HOME}"
        set_up({**GOOD, "bigquery_project": hostile})
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        monkeypatch.setenv("VIGIE_DATABASE_PASSWORD", SENTINEL)
        given = self.exported()
        profile = yaml.safe_load(Path(given["DBT_PROFILES_DIR"], "profiles.yml").read_text())["vigie"]
        asked = re.findall(r"env_var\('(\w+)'", profile["target"] + str(profile["outputs"]["prod"]))
        assert {"VIGIE_DBT_TARGET", "VIGIE_BIGQUERY_DATASET"} <= set(asked)
        assert set(asked) - {"VIGIE_BIGQUERY_METHOD"} <= given.keys()  # how one logs in is one's own
        assert given["VIGIE_DBT_TARGET"] == "prod"
        assert given["VIGIE_BIGQUERY_PROJECT"] == hostile
        assert SENTINEL not in str(given)

    def test_on_dev_it_names_the_file_of_the_warehouse(self, home: Path) -> None:
        assert self.exported()["VIGIE_DUCKDB_PATH"] == os.path.join(home, "dev", "warehouse.duckdb")

    def test_an_incomplete_target_exports_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("VIGIE_TARGET", "prod")
        said = vigie("target", "env")
        assert (said.exit_code, said.stdout) == (1, "")
        assert "vigie setup --terraform-outputs" in said.stderr
