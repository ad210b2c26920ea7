"""The shape of the source root: no package named `platform`, a charter on every module, no drawer for odds and ends."""

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from settings import PROJECT_ROOT

SOURCE = PROJECT_ROOT / "platform"
MODULES = sorted(SOURCE.rglob("*.py"))
CODE = sorted(path for folder in ("platform", "tests", "benchmarks") for path in (PROJECT_ROOT / folder).rglob("*.py"))
LONGEST = 400  # lines
DRAWERS = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py"}
ENVIRONMENT = {"environ", "environb", "getenv", "putenv", "unsetenv"}


def shown(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def test_there_is_something_to_look_at() -> None:
    assert {"settings.py", "definitions.py", "cli.py"} <= {path.name for path in MODULES}


def test_platform_is_a_source_root_and_never_a_package() -> None:
    assert not (SOURCE / "__init__.py").exists(), "it would hide the standard library's platform from everything"


def test_no_room_has_an_init_file() -> None:
    assert [shown(path) for path in SOURCE.rglob("__init__.py")] == []


@pytest.mark.parametrize("folder", [".", "platform", "tests", "platform/local", "/"])
def test_import_platform_is_the_standard_library_from_every_folder(folder: str) -> None:
    code = "import platform; print(platform.__file__, platform.system())"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT / folder, capture_output=True, text=True, check=True
    ).stdout
    assert not Path(said.split()[0]).is_relative_to(PROJECT_ROOT / "platform")
    assert said.split()[1]


def test_nothing_is_installed_that_slows_every_start() -> None:
    """jsonschema imports it wherever it is, dbt imports jsonschema, and every run is a process that imports dbt."""
    found = find_spec("rfc3987_syntax")
    assert found is None, "it costs 2 s of each start: uv pip uninstall rfc3987-syntax (pyproject.toml, [tool.uv])"


def test_the_project_is_importable_from_any_folder() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import settings; print(settings.__file__)"],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert Path(said.strip()) == SOURCE / "settings.py"


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_every_module_opens_with_its_charter(path: Path) -> None:
    charter = ast.get_docstring(tree_of(path))
    assert charter, f"{shown(path)} does not say what belongs in it"
    assert charter.split("\n")[0].endswith((".", ":")), f"{shown(path)}: the first line is a sentence"


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    assert [shown(path) for path in CODE if path.name in DRAWERS] == []


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    lengths = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in CODE}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_no_import_is_relative(path: Path) -> None:
    assert [node.lineno for node in ast.walk(tree_of(path)) if isinstance(node, ast.ImportFrom) and node.level] == []


@pytest.mark.parametrize("path", [path for path in MODULES if path != SOURCE / "settings.py"], ids=shown)
def test_only_settings_reads_the_environment(path: Path) -> None:
    tree = tree_of(path)
    found = [
        f"line {node.lineno}: os.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in ENVIRONMENT
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    found += [
        f"line {node.lineno}: from os import {name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "os"
        for name in node.names
        if name.name in ENVIRONMENT
    ]
    found += [
        f"line {node.lineno}: {name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "dotenv"
    ]
    assert found == []
