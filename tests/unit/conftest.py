"""Fixtures for tests of the command line of accounts: a database with two accounts, in a folder of its own."""

import shutil
from pathlib import Path

import pytest

from tests.unit.accounts_terminal import vigie


@pytest.fixture(scope="session")
def accounts_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with two accounts, alpha with a workspace: made once, copied for every test."""
    path = tmp_path_factory.mktemp("tables") / "vigie.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIGIE_HOME", str(path.parent))
        patch.setenv("VIGIE_TARGET", "dev")
        assert vigie("migrate").stdout == "the tables are up to date\n"
        state = ("--number", "0001", "--iam-version", "1.0.0", "--subnet-count", "3", "--tag", "owner=net")
        assert vigie("register", "alpha", *state, "--by", "ops", "--workspace", "ws.alpha").exit_code == 0
        assert vigie("register", "beta", *state, "--by", "ops").exit_code == 0
    return path.parent / "dev" / "vigie.db"


@pytest.fixture
def accounts_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accounts_tables: Path) -> Path:
    """A state folder of its own with the two accounts, and a terminal so wide that no line is broken."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setenv("VIGIE_TARGET", "dev")
    monkeypatch.setenv("COLUMNS", "2000")
    (tmp_path / "dev").mkdir()
    shutil.copy(accounts_tables, tmp_path / "dev" / "vigie.db")
    return tmp_path
