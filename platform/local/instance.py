"""The Dagster instance as this machine sees it: its folder, its configuration, its pools, its processes.

Here: what `vigie prepare`, `vigie dev`, `vigie demo` and the commands of a fleet share. Not here: how a fleet launches
its runs (fleet).
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterInstance

from domain.errors import SettingsError
from resources.database import open_database
from resources.dbt import dbt_environment, dbt_project, prepare_manifest
from settings import DirectoryLocation, DuckDBWarehouse, Settings, child_environment, environment_value, exported

CODE_PLACE = {"VIGIE_CODE_HOST": "127.0.0.1", "VIGIE_CODE_PORT": "4000"}  # as deploy/workspace.yaml names it
STORAGE_VARIABLE = "VIGIE_DAGSTER_DATABASE_URL"  # as deploy/dagster-fleet.yaml names it
RUNS_VARIABLE = "VIGIE_FLEET_RUNS"


def dagster_home(settings: Settings) -> Path:
    """Where this target's instance lives when `DAGSTER_HOME` does not say."""
    return settings.dagster_home or settings.home / "dagster"


def prepare(settings: Settings) -> Path:
    """Makes the folders, the instance and the dbt manifest ready; what is there stays. The instance's folder."""
    home = configure(settings)
    if not (home / "dagster.yaml").is_file():  # Dagster would open a new SQLite there, and all would seem well
        raise SettingsError(
            "there is no dagster.yaml, and VIGIE_INSTANCE=given leaves it to somebody else.",
            where=f"DAGSTER_HOME {home}",
            remedy="Put it there (on Kubernetes, mount the chart's: deploy/helm/values.yaml), or choose another "
            "VIGIE_INSTANCE.",
        )
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
    with exported(instance_variables(settings)), DagsterInstance.from_config(str(home)) as instance:
        for pool, slots in pools(settings).items():
            instance.event_log_storage.set_concurrency_slots(pool, slots)
    return home


def configure(settings: Settings) -> Path:
    """Writes the instance's dagster.yaml, where it is ours to write. The instance's folder."""
    home = dagster_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    if settings.instance != "given":
        written = home / f".dagster.yaml.{os.getpid()}"  # a process beside this one reads the file whole
        written.write_text(_instance_config(settings), encoding="utf-8")
        written.replace(home / "dagster.yaml")
    return home


def _instance_config(settings: Settings) -> str:
    """A fleet's runs keep their output where every machine can read it."""
    if settings.instance == "machine":
        return (settings.project_root / "dagster.yaml").read_text(encoding="utf-8")
    fleet = yaml.safe_load((settings.project_root / "deploy" / "dagster-fleet.yaml").read_bytes())
    runs = fleet["concurrency"]["runs"]
    runs["max_concurrent_runs"] = fleet_runs()
    for limit in runs["tag_concurrency_limits"]:  # accounts wait for long: they never take every place
        limit["limit"] = fleet_runs() // 2
    return yaml.safe_dump({**fleet, "compute_logs": _compute_logs(settings)}, sort_keys=False)


def fleet_runs() -> int:
    """How many runs a fleet does at once, over all its workers; raises SettingsError where that is no such number."""
    said = environment_value(RUNS_VARIABLE) or "4"
    if not re.fullmatch(r"[1-9]\d{0,3}", said) or said == "1":
        raise SettingsError(
            f"{said!r} is not a number of runs from 2 on.",
            where=RUNS_VARIABLE,
            remedy=f"Set it to the places of all workers together: export {RUNS_VARIABLE}=4",
        )
    return int(said)


def _compute_logs(settings: Settings) -> dict[str, Any]:
    data = settings.stores.data
    if isinstance(data, DirectoryLocation):
        local = {"module": "dagster._core.storage.local_compute_log_manager", "class": "LocalComputeLogManager"}
        return {**local, "config": {"base_dir": str(data.path / "run_output")}}
    config = {
        "bucket": data.bucket,
        "prefix": f"{data.prefix.rstrip('/')}/run_output".lstrip("/"),
        **({"region": data.region} if data.region else {}),
        **({"endpoint_url": data.endpoint_url} if data.endpoint_url else {}),
    }
    return {"module": "dagster_aws.s3.compute_log_manager", "class": "S3ComputeLogManager", "config": config}


def instance_variables(settings: Settings) -> dict[str, str]:
    """What the instance's dagster.yaml reads from the environment; raises SettingsError where it is not right."""
    if settings.instance != "fleet":
        return {}
    url = environment_value(STORAGE_VARIABLE) or ""
    if not url.startswith("postgresql+psycopg2://"):
        raise SettingsError(
            "it is not there." if not url else "it does not spell the driver.",
            where=STORAGE_VARIABLE,
            remedy=f"Set it in the process: {STORAGE_VARIABLE}=postgresql+psycopg2://USER:PASSWORD@HOST:5432/dagster",
        )
    return {STORAGE_VARIABLE: url}


def workspace(settings: Settings) -> Path:
    """The file that names this target's code location: a fleet's is a server, and runs carry its place of the code."""
    return settings.project_root / ("deploy/workspace.yaml" if settings.instance == "fleet" else "workspace.yaml")


def code_place(settings: Settings) -> dict[str, str]:
    """What that file reads from the environment."""
    if settings.instance != "fleet":
        return {}
    return {name: environment_value(name) or usual for name, usual in CODE_PLACE.items()}


def daemon_command(settings: Settings) -> str:
    """What starts this target's daemon."""
    return "vigie fleet daemon" if settings.instance == "fleet" else "vigie dev"


def pools(settings: Settings) -> dict[str, int]:
    """Pool -> how many steps may be in it at once, over all runs."""
    return {
        "configs": 1,
        "sources": 1,  # a second run of the day finds its work done
        "warehouse": 1 if isinstance(settings.warehouse, DuckDBWarehouse) else 8,  # DuckDB has one writer
        "schematics": settings.schematics.pool_slots,
    }


def instance_environment(settings: Settings) -> dict[str, str]:
    """The environment of a process of the instance, on the same target."""
    home = {"DAGSTER_HOME": str(dagster_home(settings))}
    return child_environment(settings, **home, **instance_variables(settings))


def start(settings: Settings, *command: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts a Dagster command (`dagster`, `dagster-daemon`) on this target, in a session of its own."""
    environment = instance_environment(settings)
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
