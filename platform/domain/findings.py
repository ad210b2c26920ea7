"""What a look at the platform's health finds: each check ok, a warning or an error, and what to do about it.

Here: findings, and the rules that turn figures into them (heartbeats, disk, clocks, versions, pools). Not here: taking
the figures (resources.health and its neighbours), printing (doctor_cli).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from domain.errors import VigieError

Level = Literal["ok", "warning", "error"]

DAEMON_PATIENCE = 90.0  # seconds: a heartbeat comes every 30
TICK_PATIENCE = 300.0  # seconds; sensors that look seldom get ten times their interval
DISK_WARNING, DISK_ERROR = 2 * 1024**3, 256 * 1024**2  # bytes free
LOG_WARNING = 5 * 1024**3  # bytes of events
SET_BACK = 60.0  # seconds that a sign of life may lie in the future: clocks of two machines differ
SKEW_WARNING, SKEW_ERROR = 30.0, 300.0  # seconds; S3 refuses requests that are 15 minutes off
SET_BACK_REMEDY = (
    "Set the clock: timedatectl set-ntp true. If it is right now, it was wrong before: sensors look again when it has "
    "caught up, and a restart does not help. See docs/recover.md."
)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `said` in words, `remedy` where something is to be done."""

    check: str
    level: Level
    said: str
    remedy: str = ""

    def record(self) -> dict[str, Any]:
        """JSON types only."""
        return {"check": self.check, "level": self.level, "said": self.said, "remedy": self.remedy}


def ok(check: str, said: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check, "ok", said)


def warning(check: str, said: str, remedy: str) -> Finding:
    """Work goes on; somebody should look."""
    return Finding(check, "warning", said, remedy)


def error(check: str, said: str, remedy: str) -> Finding:
    """Work that needs this fails."""
    return Finding(check, "error", said, remedy)


def of_error(check: str, raised: Exception) -> Finding:
    """What a check raised, as its finding."""
    if isinstance(raised, VigieError):
        place = f"{raised.where}: " if raised.where else ""
        return error(check, f"{place}{raised.message}", raised.remedy or "Run the same again; look at what it names.")
    first_line = (str(raised).strip().splitlines() or [""])[0]
    return error(check, f"{type(raised).__name__}: {first_line}", "Look at what it names.")


def silent(check: str, seconds: float) -> Finding:
    """A check that gave no answer in time: what it asked hangs."""
    said = f"no answer within {seconds:g} s: what it asks hangs, or is very slow."
    return error(check, said, "Look at that service and the network between; give it more time with --timeout.")


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing is an error."""
    return all(finding.level != "error" for finding in findings)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last sign of life of one of the daemon's threads: `age` in seconds, what it said was wrong."""

    age: float
    daemon_id: str = ""
    errors: tuple[str, ...] = ()


def of_heartbeats(check: str, required: Iterable[str], beats: Mapping[str, Heartbeat]) -> list[Finding]:
    """Whether the daemon runs, only one of it, and none of its threads fails."""
    start = "Start it: vigie dev; on a fleet, vigie fleet daemon."
    wanted = sorted(required)
    living = {name: beats[name] for name in wanted if name in beats and abs(beats[name].age) <= DAEMON_PATIENCE}
    if not living:
        last = min((beats[name].age for name in wanted if name in beats), default=None)
        idle = "no sensor, schedule or queued run moves."
        if last is None:
            return [warning(check, f"no daemon has ever run here: {idle}", start)]
        return [error(check, f"the daemon's last heartbeat was {_since(last)}: {idle}", start)]
    found = []
    ids = {beat.daemon_id for beat in living.values() if beat.daemon_id}
    if len(ids) > 1:
        said = f"{len(ids)} daemons write heartbeats on one instance: sensors and runs may be asked for twice."
        found.append(error(check, said, "End all but one of them."))
    if dead := [name for name in wanted if name not in living]:
        found.append(
            error(check, f"threads of the daemon without a heartbeat: {', '.join(dead)}.", f"Restart it. {start}")
        )
    for name, beat in living.items():
        if beat.errors:
            said = f"{name}: {beat.errors[0].strip().splitlines()[0]}"
            found.append(warning(check, said, "Look at the daemon's log, or Deployment > Daemons in the UI."))
    youngest = min(beat.age for beat in living.values())
    return found or [ok(check, f"running, {len(living)} threads, last heartbeat {_since(youngest)}")]


def _since(age: float) -> str:
    return f"{spoken(age)} ago" if age >= 0 else f"{spoken(-age)} in the future"


@dataclass(frozen=True, slots=True)
class Tick:
    """A sensor's last tick: `age` and the sensor's `interval` in seconds, what went wrong."""

    age: float
    interval: float
    error: str = ""


def of_ticks(check: str, ticks: Mapping[str, Tick]) -> Finding:
    """Whether the running sensors tick in time, and without an error."""
    late = [
        f"{name} (last tick {spoken(tick.age)} ago)"
        for name, tick in sorted(ticks.items())
        if tick.age > max(TICK_PATIENCE, 10 * tick.interval)
    ]
    failed = [f"{name}: {tick.error.splitlines()[0]}" for name, tick in sorted(ticks.items()) if tick.error]
    if failed:
        return error(
            check, f"the last tick failed: {'; '.join(failed)}.", "Mend what it names; the next tick tries again."
        )
    if late:
        return warning(check, f"late: {', '.join(late)}.", "Look at the daemon's log: a tick may hang.")
    return ok(check, f"{len(ticks)} of them tick in time")


def of_disk(check: str, free: int, place: str) -> Finding:
    """Whether what is left on a disk, in bytes, is enough to go on with."""
    said = f"{sized(free)} free at {place}"
    if free < DISK_ERROR:
        return error(check, f"{said}: writes will fail.", "Make room, then: vigie prune")
    if free < DISK_WARNING:
        return warning(check, f"{said}.", "Make room, or take old logs away: vigie prune")
    return ok(check, said)


def of_event_log(check: str, size: int, place: str) -> Finding:
    """Whether the event log, in bytes, is of a size that answers quickly."""
    said = f"{sized(size)} of events in {place}"
    if size > LOG_WARNING:
        return warning(check, f"{said}.", "See what would go: vigie prune --dry-run")
    return ok(check, said)


def of_clock(check: str, seconds: float, other: str) -> Finding:
    """Whether this machine's clock agrees with another one's; `seconds` is ours less theirs."""
    side = "ahead of" if seconds > 0 else "behind"
    said = f"this clock is {abs(seconds):.0f} s {side} that of {other}"
    if abs(seconds) >= SKEW_ERROR:
        return error(check, f"{said}: signed requests and leases fail.", "Set the clock: timedatectl set-ntp true")
    if abs(seconds) >= SKEW_WARNING:
        return warning(check, f"{said}.", "Set the clock: timedatectl set-ntp true")
    return ok(check, f"within {SKEW_WARNING:g} s of the clock of {other}")


def of_set_back(check: str, seconds: float) -> Finding:
    """Whether the newest sign of life of an instance lies in the future, by so many seconds: its clock was set back."""
    if seconds <= SET_BACK:
        return ok(check, "no sign of life lies in the future")
    return error(check, f"{set_back_in_words(seconds)}.", SET_BACK_REMEDY)


def set_back_in_words(seconds: float) -> str:
    """What a clock that was set back by so many seconds means."""
    return (
        f"this clock is {spoken(seconds)} behind the newest sign of life in Dagster's instance: it was set back, and "
        "sensors are silent until it has caught up"
    )


def pins(lock: str) -> dict[str, str]:
    """Package -> version, of the lines `name==version` of a requirements file."""
    return {name.lower().replace("_", "-"): version for name, version in _PIN.findall(lock)}


def of_versions(check: str, installed: Mapping[str, str | None], pinned: Mapping[str, str]) -> Finding:
    """Whether the packages are those of the lock; None is a package that is not installed."""
    wrong = [
        f"{name} {version or 'is not installed'} (the lock: {pinned[name]})"
        for name, version in sorted(installed.items())
        if name in pinned and version != pinned[name]
    ]
    if wrong:
        return error(check, f"differ from requirements.lock: {'; '.join(wrong)}.", "Run: make setup")
    return ok(check, ", ".join(f"{name} {version}" for name, version in sorted(installed.items())))


def of_pools(check: str, wanted: Mapping[str, int], limits: Mapping[str, int]) -> Finding:
    """Whether every pool of the target has its limit; `limits` are those that somebody has set."""
    wrong = [
        f"{pool} {limits.get(pool, 'has none')} (wanted: {slots})"
        for pool, slots in sorted(wanted.items())
        if limits.get(pool) != slots
    ]
    if wrong:
        return warning(check, f"limits of pools differ: {'; '.join(wrong)}.", "Set them: vigie prepare")
    return ok(check, ", ".join(f"{pool} {slots}" for pool, slots in sorted(wanted.items())))


def sized(count: int) -> str:
    """Bytes in words: 1.5 GB."""
    size = float(count)
    for unit in ("B", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


def spoken(seconds: float) -> str:
    """A length of time in words: 40 s, 3 min, 5 h, 2 days."""
    for limit, length, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
