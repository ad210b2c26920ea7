"""The rules of direction: a module imports what is below it, never beside or above it.

import-linter holds the packages (its contracts are in pyproject.toml, and run here); the order below holds the single
modules at the top of the source root to the same direction.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import PROJECT_ROOT

SOURCE = PROJECT_ROOT / "platform"
MODULES = sorted(SOURCE.rglob("*.py"))
# From the bottom up. What shares a line does not import each other.
LEVELS = (
    ("domain",),
    ("options",),
    ("settings",),
    ("resources",),
    ("partitions",),
    ("assets",),
    ("executor", "jobs", "run_locks"),
    ("machine", "sensors", "schedules"),
    ("history", "reloading"),
    ("definitions",),
    ("fleet", "local"),
    ("command_help", "terminal"),
    ("account_views", "backfilling"),
    ("archiving",),
    (
        "accounts_cli",
        "alerts_cli",
        "archive_cli",
        "backfill_cli",
        "doctor_cli",
        "fleet_cli",
        "ingest_cli",
        "newsletter_cli",
        "recovery_cli",
        "setup_cli",
        "aws_lambda",
    ),
    ("cli",),
    ("reference",),
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
NOT_IN_DOMAIN = {
    *("dagster", "dagster_aws", "dagster_dbt", "dagster_gcp", "dagster_postgres"),
    *("boto3", "botocore", "httpx", "httpx2", "requests", "urllib3", "aiohttp", "socket"),
    *("duckdb", "sqlalchemy", "google", "ibm_schematics"),
    *("os", "pathlib", "subprocess", "tempfile", "shutil"),
}


def shown(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Every import of a module, those inside functions too: its line, and its full dotted name."""
    for node in ast.walk(ast.parse(path.read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


def test_every_room_has_a_level() -> None:
    assert {room_of(path) for path in MODULES} - LEVEL.keys() == set(), "name the new room in LEVELS"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_imports_go_downwards_only(path: Path) -> None:
    room = room_of(path)
    wrong = []
    for line, name in imported(path):
        other = name.partition(".")[0]
        if other in LEVEL and other != room and LEVEL[other] >= LEVEL[room]:
            wrong.append(f"line {line}: {room} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) == "domain"], ids=shown)
def test_domain_is_plain_python(path: Path) -> None:
    assert [f"line {line}: {name}" for line, name in imported(path) if name.partition(".")[0] in NOT_IN_DOMAIN] == []


def test_no_module_of_the_root_bears_the_name_of_another_distribution() -> None:
    """The source root puts its rooms at the top level: none may hide a module of the standard library."""
    assert LEVEL.keys() & sys.stdlib_module_names == set()


def test_the_contracts_of_import_linter_hold() -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
