"""The commands that a person types first, as real processes: prepare, validate, and Python beside platform/."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance

from settings import PROJECT_ROOT

pytestmark = pytest.mark.e2e
BIN = Path(sys.executable).parent
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
PLATFORM = PROJECT_ROOT / "platform"
ROOMS = sorted(path for path in PLATFORM.iterdir() if path.is_dir() and not path.name.startswith(("_", ".")))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder that nothing has written to."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder that has nothing to do with the project."""
    return tmp_path


def run(command: list[str | Path], home: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command in an environment that holds nothing but where its state goes."""
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    state = {"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home), "DAGSTER_HOME": str(home / "instance")}
    return subprocess.run(
        command, env={**clean, **state}, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def prepared(home: Path, tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The first `vigie prepare`."""
    return run([BIN / "vigie", "prepare"], home, tmp_path_factory.mktemp("elsewhere"))


def files_of(home: Path) -> Iterator[tuple[str, bytes]]:
    """What a person may have changed since: everything that is not the instance's own database."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and ".db" not in path.name:
            yield str(path.relative_to(home)), path.read_bytes()


def test_prepare_says_which_target_is_ready_and_where_its_instance_is(
    prepared: subprocess.CompletedProcess[str], home: Path
) -> None:
    assert prepared.returncode == 0, prepared.stderr
    assert prepared.stdout == f"target dev is ready; its Dagster instance is {home / 'instance'}\n"
    assert (home / "instance" / "dagster.yaml").is_file()
    assert (home / "dev" / "config" / "clients").is_dir()


def test_prepare_a_second_time_is_harmless(
    prepared: subprocess.CompletedProcess[str], home: Path, elsewhere: Path
) -> None:
    (home / "dev" / "config" / "clients" / "acme.yaml").write_text("client_profile: {active: false}\n")
    with DagsterInstance.from_config(str(home / "instance")) as instance:
        instance.add_dynamic_partitions("clients", ["acme"])
    before = dict(files_of(home))
    again = run([BIN / "vigie", "prepare"], home, elsewhere)
    assert (again.returncode, again.stdout) == (0, prepared.stdout), again.stderr
    assert dict(files_of(home)) == before
    with DagsterInstance.from_config(str(home / "instance")) as instance:
        assert instance.get_dynamic_partitions("clients") == ["acme"]
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    assert limits == {"configs": 1, "sources": 1, "warehouse": 1, "schematics": 2}


@pytest.mark.usefixtures("prepared")
def test_the_definitions_are_valid_from_any_folder(home: Path, elsewhere: Path) -> None:
    validated = run(
        [BIN / "dagster", "definitions", "validate", "-w", PROJECT_ROOT / "workspace.yaml"], home, elsewhere
    )
    assert validated.returncode == 0, validated.stdout + validated.stderr
    assert "All code locations passed validation." in validated.stdout + validated.stderr
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    "folder", [PROJECT_ROOT, PLATFORM, *ROOMS], ids=lambda folder: folder.relative_to(PROJECT_ROOT.parent).name
)
def test_import_platform_is_the_standard_librarys(folder: Path, home: Path) -> None:
    said = run([sys.executable, "-c", "import platform; print(platform.system())"], home, folder)
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
