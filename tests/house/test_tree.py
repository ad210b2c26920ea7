"""What is committed: locked and hashed requirements, no address and no machine in any file, an instance that is kept
in order."""

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from settings import PROJECT_ROOT

LOCK = PROJECT_ROOT / "requirements.lock"
# Spelled in two parts: this file is searched too.
MACHINE_PATHS = tuple(f"/{folder}/" for folder in ("work", "root"))
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z0-9,_-]+\])?==[^\s;]+( ;.*)?")


@cache
def tracked() -> list[Path]:
    """What git knows and the folder holds; a copy of the tree without git is looked at whole."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("this is not a git checkout: there is no list of what is committed")
    paths = (PROJECT_ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def requirements() -> list[list[str]]:
    """The lock's entries: each the lines of one requirement, comments left out."""
    entries: list[list[str]] = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        text = line.strip().removesuffix("\\").strip()
        if not text or text.startswith("#"):
            continue
        if line[0].isspace():
            entries[-1].append(text)
        else:
            entries.append([text])
    return entries


def instance() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    return loaded


def test_no_lock_that_carries_addresses_is_in_the_tree() -> None:
    assert [path.name for path in tracked() if path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}] == []


def test_the_lock_names_no_address() -> None:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "://" in line or " @ " in line] == []
    options = {line.split()[0].partition("=")[0] for line in lines if line.lstrip().startswith("-")}
    assert options == {"--hash"}, "no --index-url, no -e, no -r"


def test_every_requirement_is_pinned_and_hashed() -> None:
    entries = requirements()
    assert len(entries) > 100
    assert [entry[0] for entry in entries if not _PINNED.fullmatch(entry[0])] == []
    assert [entry[0] for entry in entries if not any("--hash=sha256:" in line for line in entry[1:])] == []


def test_what_is_pinned_in_the_project_file_is_locked_at_that_version() -> None:
    text = (PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    locked = {entry[0].partition(" ;")[0].strip() for entry in requirements()}
    assert [pin for pin in re.findall(r'"([a-z0-9-]+==[0-9.]+)"', text) if pin not in locked] == []


def test_no_file_names_a_machine() -> None:
    found = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", "replace")
        found += [f"{path.relative_to(PROJECT_ROOT)}: {mark}" for mark in MACHINE_PATHS if mark in text]
    assert found == []


def test_nothing_private_or_built_is_committed() -> None:
    names = [path.relative_to(PROJECT_ROOT).as_posix() for path in tracked()]
    assert [
        name for name in names if re.search(r"(^|/)(\.env|target|logs|__pycache__|\.vigie|\.venv)(/|$)", name)
    ] == []


def test_the_instance_limits_its_runs_and_its_pools() -> None:
    concurrency = instance()["concurrency"]
    assert concurrency["runs"]["max_concurrent_runs"] >= 1
    assert concurrency["pools"] == {"default_limit": 1, "granularity": "op"}


def test_the_instance_notices_dead_runs_and_gives_their_slots_back() -> None:
    monitoring = instance()["run_monitoring"]
    assert monitoring["enabled"] is True
    assert monitoring["free_slots_after_run_end_seconds"] > 0


def test_the_instance_retries_crashes_and_never_failures() -> None:
    retries = instance()["run_retries"]
    assert retries["enabled"] is True
    assert retries["retry_on_asset_or_op_failure"] is False


def test_the_instance_purges_its_ticks_and_tells_nobody_of_its_use() -> None:
    assert set(instance()["retention"]) == {"sensor", "schedule"}
    assert instance()["telemetry"]["enabled"] is False


def test_nothing_stands_before_the_graph_at_a_new_users_first_look() -> None:
    assert instance()["nux"]["enabled"] is False
