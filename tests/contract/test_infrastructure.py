"""infrastructure/ against `vigie setup`, and against Terraform itself where it is installed.

Its providers cannot be had offline: Terraform runs the root with modules that make nothing, of the same variables and
outputs.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from domain.terraform_outputs import output_name
from settings import PROJECT_ROOT, TARGETS, choice, load_settings, questions

FOLDER = PROJECT_ROOT / "infrastructure"
MODULES = ("aws", "gcp", "postgres")
FILES = sorted(FOLDER.rglob("*.tf"))
TERRAFORM = shutil.which("terraform")
needs_terraform = pytest.mark.skipif(TERRAFORM is None, reason="terraform is not installed")
_BLOCK = re.compile(r'^(output|variable) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_SECRET = re.compile(r"password|secret|token|private_key|credential")
MADE = {  # what the modules' outputs are, where nothing is really made
    "buckets": '{ config = "acme-config", data = "acme-data", newsletters = "acme-letters" }',
    "host": '"db.acme.invalid"',
    "dataset": "var.dataset",
    "location": "var.location",
}
GIVEN = {
    "prefix": "acme",
    "aws_region": "eu-west-3",
    "gcp_project": "acme-news",
    "database_vpc_id": "vpc-1",
    "database_subnet_ids": '["subnet-1", "subnet-2"]',
    "database_client_cidrs": '["10.0.0.0/16"]',
    "database_password": "hunter2-sentinel",
    "vault_url": "https://vault.acme.invalid:8200/",
}


def blocks(folder: Path, kind: str) -> dict[str, str]:
    """Name -> what is in the block, for each output or variable of a folder."""
    text = "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return {name: body for found, name, body in _BLOCK.findall(text) if found == kind}


def unmarked(outputs: dict[str, str]) -> list[str]:
    """The outputs that speak of a secret, by their name or their value, and are not sensitive."""
    return [
        name
        for name, body in outputs.items()
        if _SECRET.search(name + re.findall(r"^  value\s*=(.*)", body, re.MULTILINE)[0])
        and not re.search(r"^  sensitive\s*=\s*true$", body, re.MULTILINE)
    ]


def terraform(folder: Path, *arguments: str) -> str:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
        **{f"TF_VAR_{name}": value for name, value in GIVEN.items()},
        "CHECKPOINT_DISABLE": "1",
        "TF_IN_AUTOMATION": "1",
    }
    done = subprocess.run(
        [str(TERRAFORM), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def without_providers(tmp_path: Path) -> Path:
    """A copy of infrastructure/ that makes nothing: modules without resources, no provider."""
    copy = tmp_path / "infrastructure"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
    (copy / "versions.tf").unlink()
    main = copy / "main.tf"
    main.write_text(re.sub(r'^provider "\w+" \{\n.*?^\}', "", main.read_text(), flags=re.MULTILINE | re.DOTALL))
    for module in MODULES:
        (copy / module / "main.tf").unlink()
        outputs = blocks(copy / module, "output")
        (copy / module / "outputs.tf").write_text(
            "\n".join(f'output "{name}" {{\n  value = {MADE.get(name, chr(34) * 2)}\n}}' for name in outputs)
        )
    return copy


@pytest.mark.parametrize("name", sorted(path.stem for path in TARGETS.glob("*.yaml")))
def test_every_output_that_set_up_reads_is_there_and_is_plain(name: str) -> None:
    declared = blocks(FOLDER, "output")
    read = {output_name(variable) for variable in questions(choice({"VIGIE_TARGET": name, "VIGIE_HOME": "/nowhere"}))}
    assert read - declared.keys() == set()
    assert [output for output in read if "sensitive" in declared[output]] == []


@pytest.mark.parametrize("folder", [FOLDER, *(FOLDER / module for module in MODULES)], ids=lambda path: path.name)
def test_outputs_and_variables_say_what_they_are_and_secret_ones_are_marked(folder: Path) -> None:
    outputs, variables = blocks(folder, "output"), blocks(folder, "variable")
    assert outputs
    assert [name for name, body in {**outputs, **variables}.items() if "  description = " not in body] == []
    assert unmarked(outputs) == []
    secret = {name: body for name, body in variables.items() if _SECRET.search(name) and "number" not in body}
    assert [
        name for name, body in secret.items() if not re.search(r"sensitive\s*= true\n\s*ephemeral\s*= true", body)
    ] == []


def test_a_secret_output_without_its_mark_would_be_noticed() -> None:
    assert unmarked({"url": "  value = var.database_password\n", "token": '  value = "x"\n'}) == ["url", "token"]
    assert unmarked({"token": '  value     = "x"\n  sensitive = true\n'}) == []


def test_no_secret_comes_into_terraforms_state() -> None:
    text = "\n".join(path.read_text() for path in FILES)
    assert "google_service_account_key" not in text
    assert "aws_iam_access_key" not in text
    database = (FOLDER / "postgres" / "main.tf").read_text()
    assert re.findall(r"^\s*(\w*password\w*)\s*=", database, re.MULTILINE) == ["password_wo", "password_wo_version"]


@needs_terraform
def test_the_files_are_formatted_as_terraform_does() -> None:
    terraform(FOLDER, "fmt", "-check", "-recursive", "-no-color")


@needs_terraform
def test_what_terraform_prints_sets_prod_up(
    without_providers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terraform(without_providers, "init", "-no-color", "-input=false")
    assert terraform(without_providers, "output", "-json").strip() == "{}"
    terraform(without_providers, "apply", "-no-color", "-input=false", "-auto-approve")
    printed = terraform(without_providers, "output", "-json")
    assert GIVEN["database_password"] not in printed + (without_providers / "terraform.tfstate").read_text()

    monkeypatch.setenv("VIGIE_HOME", str(tmp_path / "state"))
    said = CliRunner().invoke(cli.app, ["setup", "--terraform-outputs", "-", "--target", "prod"], input=printed)
    assert said.exit_code == 0, said.output
    assert "does not ask for them: buckets_policy, service_account" in said.stdout
    settings = load_settings({"VIGIE_TARGET": "prod", "VIGIE_HOME": str(tmp_path / "state")})
    assert settings.stores.newsletters.uri == "s3://acme-letters"
    assert settings.secrets.url == "https://vault.acme.invalid:8200"
    assert settings.database.url == "postgresql+psycopg2://vigie@db.acme.invalid:5432/vigie?sslmode=require"
