"""`make chaos`: the platform under load while its processes are killed and its servers are cut off; then the verdict.

Here: the order of things, the figures, the exit code. The last line is JSON. 0 where nothing was lost, duplicated,
applied twice, leaked or inconsistent.
"""

import argparse
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dagster import DagsterRunStatus

from local.instance import heed_signals
from tests.chaos.evidence import clients_lost, days_kept, gather
from tests.chaos.expected import calm_cells
from tests.chaos.injector import Injector
from tests.chaos.judge import judge
from tests.chaos.load import Load, build_changed
from tests.chaos.settle import Rest, retry_failed, until_at_rest
from tests.chaos.stage import Stage, stage

_PAUSE = (2.0, 6.0)  # seconds between two wishes
_SHOWN = 12  # findings of one kind in words


class Chronicle:
    """What happens, with its second, on the terminal."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._since

    def __call__(self, text: str) -> None:
        print(f"{self.seconds:7.1f} s  {text}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long there is load and trouble")
    parser.add_argument("--seed", type=int, default=None, help="the same seed wishes and strikes the same")
    parser.add_argument(
        "--patience", type=float, default=None, help="seconds to wait for rest (default: by the minutes)"
    )
    parser.add_argument("--keep", type=Path, default=None, help="a folder that stays (default: a temporary one)")
    chosen = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(10_000) if chosen.seed is None else chosen.seed
    home = chosen.keep or Path(tempfile.mkdtemp(prefix="vigie-chaos-"))
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # the store's server tells every request
    heed_signals()
    tell = Chronicle()
    tell(f"seed {seed}, {chosen.minutes:g} minutes of trouble")
    try:
        with stage(home.resolve()) as here:
            # What was wished in the trouble is done after it: a run is a process, and takes its seconds.
            patience = chosen.patience or max(900.0, 2 * 60 * chosen.minutes)
            figures = _play(here, seed, chosen.minutes * 60, patience, tell)
    finally:
        if chosen.keep is None:
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(figures))
    return 0 if figures["good"] else 1


def _play(here: Stage, seed: int, seconds: float, patience: float, tell: Chronicle) -> dict[str, object]:
    load = Load(here, random.Random(seed))
    load.begin()
    _until_first_run(here, patience, tell)
    load.tell_archived_days()
    with Injector(here, random.Random(seed + 1), tell) as injector:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                tell(f"wish: {load.wish()}")
            except Exception as error:  # noqa: BLE001 (the platform may be down: people try again later)
                load.wished["in vain"] += 1
                tell(f"in vain: {type(error).__name__}: {str(error)[:80]!r}")
            time.sleep(load.dice.uniform(*_PAUSE))
    tell("the trouble is over")
    rests = [until_at_rest(here, patience, tell)]
    retried = retry_failed(here)
    tell(f"asked once more for {len(retried)}: {', '.join(retried)}")
    rebuilt = build_changed(load)
    rests.append(until_at_rest(here, patience, tell))
    return _figures(load, injector, rests, len(retried), rebuilt, tell)


def _until_first_run(here: Stage, patience: float, tell: Chronicle) -> None:
    end = time.monotonic() + patience
    while not here.instance.get_runs(limit=1):
        if time.monotonic() > end:
            raise TimeoutError(f"no run began within {patience:g} s: see {here.home}/daemon.log")
        time.sleep(0.5)
    tell("the first run was asked for")


def _figures(
    load: Load, injector: Injector, rests: list[Rest], retried: int, rebuilt: int, tell: Chronicle
) -> dict[str, object]:
    here = load.stage
    files = {name: client.file() for name, client in load.clients.items()}
    expected = calm_cells(here.home / "calm", here.site, files, days_kept(here))
    evidence = gather(load, expected)
    verdict = judge(evidence)
    verdict.findings["clients_lost"] = clients_lost(load)
    verdict.findings["never_at_rest"] = [what for rest in rests for what in rest.moving]
    for name, found in verdict.findings.items():
        for finding in found[:_SHOWN]:
            tell(f"{name}: {finding}")
    runs = here.instance.get_runs()
    ended = Counter(run.status for run in runs)
    return {
        "good": verdict.good,
        "seconds": round(tell.seconds),
        "rest_seconds": [round(rest.seconds) for rest in rests],
        "kills": dict(injector.kills),
        "outages": dict(injector.outages),
        "restarts": {"daemon": here.daemon.starts - 1, "code_server": here.code_server.starts - 1},
        "wishes": dict(load.wished),
        "clients": len(load.clients),
        "runs": len(runs),
        "runs_failed": ended[DagsterRunStatus.FAILURE],
        "retried": retried,
        "rebuilt": rebuilt,
        "cells": len(evidence.stored),
        "items": sum(len(items) for items in evidence.stored.values()),
        "applies": sum(one.kind == "APPLY" for one in evidence.launches),
        **verdict.figures,
    }


if __name__ == "__main__":
    sys.exit(main())
