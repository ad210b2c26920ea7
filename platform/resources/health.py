"""A look at everything the platform needs, side by side, each with a limit of its own.

Here: what a check is, running many of them, the list of them. Not here: what each looks at (health_stores, health_data,
health_accounts, health_instance), the rules (domain.findings).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.findings import Finding, of_error, silent
from settings import Settings


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: its name, and the look, which may raise or never come back."""

    name: str
    look: Callable[[], list[Finding]]


def all_checks(settings: Settings, home: Path, pools: Mapping[str, int]) -> list[Check]:
    """Every check of a target; `home` is its instance's folder, `pools` the limits that it wants."""
    from resources.health_accounts import account_checks
    from resources.health_data import data_checks
    from resources.health_instance import instance_checks
    from resources.health_stores import store_checks

    return [
        *store_checks(settings),
        *data_checks(settings),
        *account_checks(settings),
        *instance_checks(settings, home, pools),
    ]


def examine(checks: Sequence[Check], timeout: float) -> Iterator[list[Finding]]:
    """What each check finds, in their order; all run at once, and one that takes longer than `timeout` seconds is
    itself a finding. Its thread is left behind, and ends with the process."""
    found: dict[int, list[Finding]] = {}

    def run(number: int, check: Check) -> None:
        try:
            found[number] = check.look()
        except Exception as error:  # noqa: BLE001 (whatever it is: it is what the check found)
            found[number] = [of_error(check.name, error)]

    threads = [threading.Thread(target=run, args=(n, check), daemon=True) for n, check in enumerate(checks)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for number, (check, thread) in enumerate(zip(checks, threads, strict=True)):
        thread.join(max(0.0, deadline - time.monotonic()))
        yield found[number] if number in found else [silent(check.name, timeout)]
