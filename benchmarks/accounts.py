"""How well a crowd of accounts fills Schematics' two places, through Dagster's own daemon and the emulator.

Here: the share of two places' time that jobs fill, and what it costs in requests; each a ratio within this one run.
A short form: --accounts 6 --job-seconds 5 (the limit on slot_use is meant for jobs of 20 s).
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from subprocess import Popen
from typing import Any

import yaml
from dagster import DagsterInstance

from domain.accounts import Demand, DesiredState
from local.instance import dagster_home, prepare, start, stop
from local.schematics_server import SchematicsEmulator
from partitions import today
from resources.database import AccountsDatabase, open_database
from settings import TARGETS, Settings, load_settings, own_targets

TARGET = "bench"
PLACES = 2
TOLD_EVERY = 15.0  # seconds
PATIENCE = 3.0  # times what the jobs alone would take, and five minutes
STATE = DesiredState("1.0.0", 3)
INPUTS = {"iam_version": "1.0.0", "subnet_count": "3", "enable_monitoring": "false", "tags": "{}"}


def target(home: Path, emulator: SchematicsEmulator) -> Settings:
    """A target of its own, as the demo's: today alone, no client; its accounts on the emulator."""
    document = yaml.safe_load((TARGETS / "dev.yaml").read_text())
    document |= {"first_day": today(), "history_days": 1}
    document["schedule"]["sensor_seconds"] = 5
    document["schematics"] |= {"url": emulator.url, "iam_url": emulator.iam_url, "poll_seconds": 2.0}
    own_targets(home).mkdir()
    (own_targets(home) / f"{TARGET}.yaml").write_text(yaml.safe_dump(document))
    settings = load_settings({"VIGIE_TARGET": TARGET, "VIGIE_HOME": str(home)})
    prepare(settings)
    return settings


def demand(database: AccountsDatabase, emulator: SchematicsEmulator, accounts: int) -> None:
    """Accounts that have what their first version says, and one demand for them all."""
    workspaces = emulator.create_workspaces([f"account_{number:02}" for number in range(accounts)], INPUTS)
    for number, (name, workspace) in enumerate(workspaces.items()):
        database.register(name, f"{number:012}", STATE, "bench", workspace=workspace, mode="auto")
    database.request(Demand(list(workspaces), "bench", "CHG-1", execution_mode="plan_and_apply", subnet_count=5))


def until_updated(database: AccountsDatabase, daemon: Popen[bytes], seconds: float) -> bool:
    """Tells on stderr how far the accounts are, until all are UPDATED; False where that does not come in time."""
    began, told = time.monotonic(), 0.0
    while (elapsed := time.monotonic() - began) < seconds:
        statuses = Counter(account.status for account in database.accounts())
        if told <= elapsed:
            print(f"{elapsed:6.0f} s  {dict(statuses)}", file=sys.stderr, flush=True)
            told = elapsed + TOLD_EVERY
        if statuses.keys() == {"UPDATED"}:
            return True
        assert daemon.poll() is None, "Dagster's daemon ended"
        time.sleep(0.5)
    return False


def measured(accounts: int, job_seconds: float) -> tuple[dict[str, Any], dict[str, bool]]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        SchematicsEmulator(job_seconds=job_seconds) as emulator,
    ):
        settings = target(Path(folder), emulator)
        database = open_database(settings)
        demand(database, emulator, accounts)
        began, log = time.monotonic(), settings.home / "daemon.log"
        daemon = start(settings, "dagster-daemon", "run", log=log)
        try:
            all_updated = until_updated(database, daemon, PATIENCE * accounts * job_seconds + 300)
        except AssertionError:
            print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
            raise
        finally:
            stop(daemon)
            database.close()
        seconds = time.monotonic() - began
        with DagsterInstance.from_config(str(dagster_home(settings))) as instance:
            runs = instance.get_runs_count()
        report = emulator.report()
    wall = report["last_end"] - report["first_launch"]
    kinds = Counter(one["kind"].lower() for one in report["launches"])
    figures = {
        "accounts": accounts,
        "job_seconds": job_seconds,
        "slot_use": round(report["busy_seconds"] / (PLACES * wall), 3),
        "max_parallel": report["max_parallel"],
        "requests_per_account": round(report["requests"] / accounts, 1),
        "requests_per_minute_peak": report["requests_per_minute_peak"],
        "launches": dict(kinds),
        "runs": runs,
        "seconds": round(seconds, 1),
        "seconds_to_first_launch": round(seconds - (time.time() - report["first_launch"]), 1),
    }
    met = {
        "every account is updated, by one plan and one apply": all_updated
        and kinds == {"plan": accounts, "apply": accounts},
        "jobs fill at least 0.8 of both places' time": figures["slot_use"] >= 0.8,
        "both places are used, and never more": report["max_parallel"] == PLACES,
        "fewer than 50 requests in any minute": report["requests_per_minute_peak"] < 50,
    }
    return figures, met


def main() -> int:
    parser = argparse.ArgumentParser(description="Fill Schematics' two places with a crowd of accounts.")
    parser.add_argument("--accounts", type=int, default=30)
    parser.add_argument("--job-seconds", type=float, default=20.0)
    chosen = parser.parse_args()
    figures, met = measured(chosen.accounts, chosen.job_seconds)
    print(json.dumps({"name": "accounts", "figures": figures, "met": met}))
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
