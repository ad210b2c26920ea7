"""Fixtures for every test: a clean environment, and the real data where it is. Nothing of one room only."""

import os
from pathlib import Path

import pytest

_KEPT = ("VIGIE_REAL_DATA",)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own VIGIE_*, DAGSTER_* or AWS_* settings."""
    for name in list(os.environ):
        if name.startswith(("VIGIE_", "DAGSTER_", "AWS_", "DBT_")) and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs; tests that need it are skipped where `VIGIE_REAL_DATA` is unset."""
    folder = os.environ.get("VIGIE_REAL_DATA")
    if not folder:
        pytest.skip("VIGIE_REAL_DATA is not set: the real client configs and items are not here")
    return Path(folder)
