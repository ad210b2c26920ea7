"""The Dagster instance on this machine: its folder, its configuration, its pools, its processes.

Here: what `vigie prepare`, `vigie dev` and `vigie demo` share. Not here: a fleet's instance, which is configured by its
own dagster.yaml.
"""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from dagster import DagsterInstance

from resources.database import open_database
from resources.dbt import dbt_environment, dbt_project, prepare_manifest
from settings import DirectoryLocation, DuckDBWarehouse, Settings, child_environment


def dagster_home(settings: Settings) -> Path:
    """Where this target's instance lives when `DAGSTER_HOME` does not say."""
    return settings.dagster_home or settings.home / "dagster"


def prepare(settings: Settings) -> Path:
    """Makes the folders, the instance and the dbt manifest ready; what is there stays. The instance's folder."""
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.project_root / "dagster.yaml", home / "dagster.yaml")
    stores = settings.stores
    for location in (stores.config, stores.data, stores.newsletters):
        if isinstance(location, DirectoryLocation):
            location.path.mkdir(parents=True, exist_ok=True)
    if isinstance(stores.config, DirectoryLocation):
        (stores.config.path / "clients").mkdir(exist_ok=True)
    if settings.database.url.startswith("sqlite"):  # a server's tables are changed on demand: vigie accounts migrate
        database = open_database(settings)
        database.upgrade(settings.migrations)
        database.close()
    prepare_manifest(dbt_project(settings), dbt_environment(settings))
    with DagsterInstance.from_config(str(home)) as instance:
        for pool, slots in pools(settings).items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)
    return home


def pools(settings: Settings) -> dict[str, int]:
    """Pool -> how many steps may be in it at once, over all runs."""
    return {
        "configs": 1,
        "sources": 1,  # a second run of the day finds its work done
        "warehouse": 1 if isinstance(settings.warehouse, DuckDBWarehouse) else 8,  # DuckDB has one writer
        "schematics": settings.schematics.pool_slots,
    }


def start(settings: Settings, *command: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts a Dagster command (`dagster`, `dagster-daemon`) on this target, in a session of its own."""
    environment = child_environment(settings, DAGSTER_HOME=str(dagster_home(settings)))
    workspace = settings.project_root / "workspace.yaml"
    arguments = [str(Path(sys.executable).parent / command[0]), *command[1:], "-w", str(workspace)]
    output = log.open("wb") if log else None
    try:
        return subprocess.Popen(  # noqa: S603 (our own interpreter, our own arguments)
            arguments,
            env=environment,
            cwd=settings.project_root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            start_new_session=True,
        )
    finally:
        if output:
            output.close()


def heed_signals() -> None:
    """SIGTERM and SIGINT both end this process in good order, even where a shell started it in the background.

    To be called before `start`: a process that begins with SIGINT ignored would never hear of it.
    """

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def stop(process: subprocess.Popen[bytes], patience: float = 15.0) -> None:
    """Asks the process to end, as Ctrl-C would, and makes sure that it does, with all it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
