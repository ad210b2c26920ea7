"""Whether Dagster's instance is whole: its folder, storage, daemon, ticks and pools; whether versions are the lock's.

Here: looking at the instance and at what is installed. Not here: Dagster's tables (instance_tables), the rules
(domain.findings).
"""

import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, SensorInstigatorData

from domain.findings import (
    DAEMON_PATIENCE,
    Finding,
    Heartbeat,
    Tick,
    error,
    of_disk,
    of_event_log,
    of_heartbeats,
    of_pools,
    of_set_back,
    of_ticks,
    of_versions,
    ok,
    pins,
    warning,
)
from resources.daemon_signs import signs_of
from resources.dbt import dbt_project, stale
from resources.health import Check
from resources.instance_tables import event_log_size, revisions
from settings import Settings

_PACKAGES = (
    "dagster",
    "dagster-webserver",
    "dagster-dbt",
    "dagster-postgres",
    "dbt-core",
    "dbt-duckdb",
    "duckdb",
    "sqlalchemy",
)
_SENSORS = (
    "client_activation",
    "client_items_due",
    "warehouse_due",
    "newsletters_due",
    "dashboard_due",
    "account_requests",
    "accounts_export_due",
)
_PREPARE = "Run: vigie prepare"


def instance_checks(settings: Settings, home: Path, pools: Mapping[str, int]) -> list[Check]:
    """The checks of the instance in `home`, of the pools' limits that the target wants, and of what is installed."""
    return [
        Check("dagster home", partial(_home, "dagster home", home)),
        Check("dagster storage", partial(_storage, "dagster storage", home)),
        Check("dagster daemon", partial(_daemon, "dagster daemon", home, sensors_on(settings))),
        Check("pools", partial(_pools, "pools", home, pools)),
        Check("versions", partial(_versions, "versions", settings)),
        Check("dbt manifest", partial(_manifest, "dbt manifest", settings)),
    ]


def _home(check: str, home: Path) -> list[Finding]:
    if not (home / "dagster.yaml").is_file():
        return [error(check, f"{home}: there is no instance.", _PREPARE)]
    free = shutil.disk_usage(home).free
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".doctor-"):
            pass
    except OSError as raised:
        said = f"{home}: cannot be written: {raised.strerror}."
        return [error(check, said, f"Check who owns it: ls -ld {home}"), of_disk("disk", free, str(home))]
    return [ok(check, f"{home} can be written"), of_disk("disk", free, str(home))]


def _missing(check: str, home: Path) -> list[Finding] | None:
    if (home / "dagster.yaml").is_file():
        return None
    return [warning(check, "not looked at: there is no instance.", _PREPARE)]


def _storage(check: str, home: Path) -> list[Finding]:
    if missing := _missing(check, home):
        return missing
    with DagsterInstance.from_config(str(home)) as instance:
        kind = type(instance.event_log_storage).__name__.removesuffix("EventLogStorage")
        behind = [
            f"{name} {at or 'none'} (wanted: {wanted})"
            for name, (at, wanted) in revisions(instance).items()
            if at != wanted
        ]
        size = event_log_size(instance)
        runs = instance.get_runs_count()
    found = [of_event_log("event log", size, f"{kind}, {runs} runs")]
    if behind:
        return [
            error(
                check,
                f"{kind}: its tables are of another release: {'; '.join(behind)}.",
                f"Run: DAGSTER_HOME={shlex.quote(str(home.absolute()))} dagster instance migrate",
            ),
            *found,
        ]
    return [ok(check, f"{kind}, its tables are this release's"), *found]


def _daemon(check: str, home: Path, sensors: Mapping[str, bool]) -> list[Finding]:
    if missing := _missing(check, home):
        return missing
    now = time.time()
    with DagsterInstance.from_config(str(home)) as instance:
        required = instance.get_required_daemon_types()
        beats = {
            name: Heartbeat(now - beat.timestamp, beat.daemon_id or "", tuple(one.message for one in beat.errors or ()))
            for name, beat in instance.get_daemon_heartbeats().items()
        }
        found = of_heartbeats(check, required, beats)
        clock = of_set_back("clock of the instance", signs_of(instance, now).ahead)
        if clock.level != "ok":
            found.append(clock)
        elif any(abs(beat.age) <= DAEMON_PATIENCE for beat in beats.values()):
            found.append(of_ticks("sensors", sensor_ticks(instance, sensors, now)))
    return found


def sensors_on(settings: Settings) -> dict[str, bool]:
    """The sensors that the code has for a target, and whether each is on where nobody has switched it."""
    found = dict.fromkeys(_SENSORS, True)
    return {**found, "alerts": settings.alerts.is_on, **({"lineage": True} if settings.lineage.url else {})}


def sensor_ticks(instance: DagsterInstance, sensors: Mapping[str, bool], now: float) -> dict[str, Tick]:
    """Running sensor -> its last tick, as of `now` (seconds since the epoch).

    Dagster keeps the state of a sensor that the code no longer has, and of one whose code location moved: those are
    not in `sensors`, or have not ticked last.
    """
    found: dict[str, Tick] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        declared = state.status == InstigatorStatus.DECLARED_IN_CODE
        on = sensors.get(state.name, False) if declared else state.is_running and state.name in sensors
        if not on:
            continue
        newest = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if newest:
            tick = Tick(now - newest[0].timestamp, _interval(state), said_of(newest[0]))
            other = found.get(state.name, tick)
            found[state.name] = min(tick, other, key=lambda one: one.age)
    return found


def said_of(tick: InstigatorTick) -> str:
    """Why a tick failed, in the words of what failed, for Dagster wraps it; "" where it says nothing."""
    error = tick.error
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else ""


def _interval(state: InstigatorState) -> float:
    data = state.instigator_data
    return float((isinstance(data, SensorInstigatorData) and data.min_interval) or 30)


def _pools(check: str, home: Path, wanted: Mapping[str, int]) -> list[Finding]:
    if missing := _missing(check, home):
        return missing
    with DagsterInstance.from_config(str(home)) as instance:
        limits = {limit.name: limit.limit for limit in instance.event_log_storage.get_pool_limits()}
    return [of_pools(check, wanted, limits)]


def _versions(check: str, settings: Settings) -> list[Finding]:
    lock = settings.project_root / "requirements.lock"
    pinned = pins(lock.read_text(encoding="utf-8")) if lock.is_file() else {}
    found = of_versions(check, {name: _installed(name) for name in _PACKAGES}, pinned)
    python = ".".join(map(str, sys.version_info[:3]))
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        return [
            error(
                check,
                f"Python {python}: 3.11, 3.12 or 3.13 is needed.",
                "Run: make clean && make setup PYTHON=python3.12",
            ),
            found,
        ]
    return [ok(check, f"Python {python}"), found]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _manifest(check: str, settings: Settings) -> list[Finding]:
    project = dbt_project(settings)
    if stale(project):
        said = (
            f"{project.manifest_path.parent.name}: missing, or older than the models; the next start parses them again."
        )
        return [warning(check, said, _PREPARE)]
    return [ok(check, f"{project.manifest_path.parent.name}: as new as the models")]
