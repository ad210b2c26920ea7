"""From new clients' files to their pages, through Dagster's own daemon: seconds, and in how many runs.

Here: 1 and 100 new clients with 30 days of history, 1,000 with one day, each on a fresh target. The
baseline is the same assets with one run per partition, on few clients.
A short form: --crowd 20 --medium 5 --baseline 3.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent.parent))  # the project: this file is run by its path

from benchmarks.fleet.home import Fleet, by_job, fleet, tell, workspace_of
from benchmarks.ingestion.processes import ROOT, report

from local.instance import heed_signals

HISTORY = 30  # days
MOST_RUNS = 5
CHEAPER = 10.0
AT_ONCE = 6  # runs, as dagster.yaml says
BASELINE = ROOT / "benchmarks" / "fleet" / "one_run_each.py"


def activated(count: int, history_days: int, workspace: str = "") -> tuple[dict[str, Any], dict[str, bool]]:
    """So many clients put into a fresh target: what it took, and whether it is true."""
    tell(f"{count} clients, {history_days} days")
    with fleet(history_days, workspace) as home:
        if workspace:  # runs of one client each cannot get in each other's way: to the baseline's good
            home.instance.event_log_storage.set_concurrency_slots("configs", AT_ONCE)
        return put_in(home, count)


def put_in(home: Fleet, count: int) -> tuple[dict[str, Any], dict[str, bool]]:
    """So many new clients' files, until their last page is there and nothing moves any more."""
    began = home.put(count)
    seconds = home.until_pages(began)
    runs = home.until_quiet(began)
    done = {"seconds": round(seconds, 1), "runs": len(runs), "jobs": by_job(runs)}
    tell(f"    {done}")
    return done, home.truth(runs)


def main() -> int:
    parser = argparse.ArgumentParser(description="Activate clients, and count what it takes.")
    parser.add_argument("--medium", type=int, default=100)
    parser.add_argument("--crowd", type=int, default=1000)
    parser.add_argument("--baseline", type=int, default=20)
    chosen = parser.parse_args()
    heed_signals()  # the daemon has a session of its own: it is to be ended, however this process is
    began = time.monotonic()
    one, one_true = activated(1, HISTORY)
    medium, medium_true = activated(chosen.medium, HISTORY)
    crowd, crowd_true = activated(chosen.crowd, 1)
    each, each_true = activated(chosen.baseline, 1, workspace_of(BASELINE, ROOT / "platform"))
    per_client, baseline = crowd["seconds"] / chosen.crowd, each["seconds"] / chosen.baseline
    figures = {
        "runs_1": one["runs"],
        "seconds_1": one["seconds"],
        "runs_100": medium["runs"],
        "seconds_100": medium["seconds"],
        "runs_1000": crowd["runs"],
        "seconds_1000": crowd["seconds"],
        "seconds_per_client_1000": round(per_client, 3),
        "baseline_runs": each["runs"],
        "baseline_seconds": each["seconds"],
        "baseline_seconds_per_client": round(baseline, 2),
        "cheaper": round(baseline / per_client, 1),
        "clients": {"medium": chosen.medium, "crowd": chosen.crowd, "baseline": chosen.baseline},
        "jobs_1": one["jobs"],
        "jobs_100": medium["jobs"],
        "jobs_1000": crowd["jobs"],
        "seconds_in_all": round(time.monotonic() - began, 1),
    }
    most = max(one["runs"], medium["runs"], crowd["runs"])
    truths = (one_true, medium_true, crowd_true, each_true)
    met = {f"at most {MOST_RUNS} runs at any size": most <= MOST_RUNS}
    met |= {f"{CHEAPER:g} times cheaper per client than a run per partition": baseline / per_client >= CHEAPER}
    met |= {what: all(truth[what] for truth in truths) for what in one_true}
    figures["untrue"] = [
        sum(not good for good in truth.values()) for truth in truths
    ]  # of each size, then the baseline
    return report("activation", figures, met)


if __name__ == "__main__":
    sys.exit(main())
