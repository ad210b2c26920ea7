"""`vigie --help`: grouped, quick, with a way on; near misses are named."""

import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
from typer.testing import CliRunner, Result

from cli import app
from command_help import PANELS

HEAVY = {
    *(
        "dagster",
        "dagster_dbt",
        "dbt",
        "duckdb",
        "sqlalchemy",
        "alembic",
        "boto3",
        "botocore",
        "google.cloud.bigquery",
        "httpx2",
    ),
    *(
        "numpy",
        "pyarrow",
        "ibm_schematics",
        "hvac",
        "jinja2",
        "feedparser",
        "pydantic_settings",
        "definitions",
        "mkdocs",
    ),
}


def vigie(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="vigie")


def test_the_commands_stand_under_their_headings_in_the_order_of_the_panels() -> None:
    said = vigie("--help").output
    headings = re.findall(r"^(\w.*):$", said, re.MULTILINE)
    assert headings == ["Options", *PANELS]
    assert re.findall(r"^  ([a-z]+)  +[A-Z]", said, re.MULTILINE) == [
        name for names in PANELS.values() for name in names
    ]


def test_no_summary_is_cut_short() -> None:
    assert "..." not in vigie("--help").output.replace("[ARGS]...", "")


def test_the_help_ends_with_three_commands_to_start_with() -> None:
    *_, steps = vigie("--help").output.partition("First steps:")
    assert re.findall(r"^\s+vigie (\w+)", steps, re.MULTILINE) == ["demo", "dev", "clients"]


@pytest.mark.parametrize(
    ("typed", "meant"), [(["acounts", "list"], "accounts"), (["accounts", "aprove"], "approve"), (["demp"], "demo")]
)
def test_a_near_miss_is_wrong_usage_and_names_what_was_meant(typed: list[str], meant: str) -> None:
    said = vigie(*typed)
    assert said.exit_code == 2
    assert f"Did you mean '{meant}'" in said.output


def test_the_version_is_the_installed_release() -> None:
    said = vigie("--version")
    assert (said.exit_code, said.output) == (0, f"vigie {version('vigie')}\n")


def test_the_help_of_a_command_shows_its_example_on_a_line_of_its_own() -> None:
    said = vigie("accounts", "request", "--help").output
    assert "\n    vigie accounts request alpha beta --subnet-count 4 --reason CHG-1 --by ann\n" in said


def test_help_imports_nothing_heavy() -> None:
    asked = "import json, sys; from typer.testing import CliRunner; from cli import app; "
    asked += "done = CliRunner().invoke(app, ['--help']); print(json.dumps([done.exit_code, *sys.modules]))"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    code, *modules = json.loads(said.stdout)
    assert code == 0
    assert "accounts_cli" in modules
    assert HEAVY & set(modules) == set()
