"""The demo's cloud accounts: six with a workspace each, one demand for five of them, one for an account that is not.

Here: what people would have set up and asked for. Not here: any step of the work; the sensor and its runs do it.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from domain.accounts import Demand, DemandError, DesiredState
from local.schematics_server import SchematicsEmulator
from resources.database import AccountsDatabase, open_database
from settings import Settings

FAILING = "research"  # its apply fails
_SUBNETS = {"hub-network": 2, "billing": 2, "data-lake": 6, "identity": 3, FAILING: 2, "sandbox": 2}
_DEMANDED = [name for name in _SUBNETS if name != "sandbox"]
_WANTED = 4  # subnets: fewer than data-lake has, so its plan destroys and waits for an approval
_STATE = DesiredState("1.0.0", 2, tags={"owner": "platform"})
_FAILED = ("PLAN_FAILED", "APPLY_FAILED")


@dataclass(frozen=True)
class DemoAccounts:
    """What was asked for at this demo."""

    settings: Settings
    schematics: SchematicsEmulator
    declined: int

    def figures(self) -> dict[str, Any]:
        """The summary's figures about accounts."""
        database = open_database(self.settings)
        statuses = Counter(account.status for account in database.accounts())
        database.close()
        return {
            "accounts_updated": statuses["UPDATED"],
            "accounts_awaiting_approval": statuses["AWAITING_APPROVAL"],
            "accounts_failed": sum(statuses[status] for status in _FAILED),
            "demands_declined": self.declined,
            "max_parallel_jobs": self.schematics.report()["max_parallel"],
        }


def ask_for_accounts(settings: Settings, schematics: SchematicsEmulator, out: Console) -> DemoAccounts:
    """Registers the accounts at the first demo, and sends the demands; the same ones again change nothing."""
    schematics.fault("fail_job", workspace=FAILING, job="apply")
    database = open_database(settings)
    try:
        known = {account.name for account in database.accounts()}
        for number, (name, subnets) in enumerate(_SUBNETS.items(), start=1):
            if name not in known:
                _register(database, schematics, name, f"{number:04}", subnets)
        written = database.request(_demand(_DEMANDED))
        new = sum(one.new for one in written)
        out.print(f"a demand for {len(written)} accounts: {new} new versions are written, and nothing launched yet")
        try:
            database.request(_demand(["hub-network", "hub-netwrk"]))
        except DemandError as error:
            out.print(f"a demand is declined: {error}")
            declined = 1
        else:
            declined = 0
    finally:
        database.close()
    return DemoAccounts(settings, schematics, declined)


def _register(database: AccountsDatabase, schematics: SchematicsEmulator, name: str, number: str, subnets: int) -> None:
    state = DesiredState(_STATE.iam_version, subnets, _STATE.enable_monitoring, _STATE.tags)
    applied = {
        "iam_version": state.iam_version,
        "subnet_count": str(subnets),
        "enable_monitoring": "false",
        "tags": '{"owner": "platform"}',
    }
    workspace = schematics.create_workspace(name, applied)
    database.register(name, number, state, "demo", workspace=workspace, mode="auto", type="WKLAPP")


def _demand(names: list[str]) -> Demand:
    return Demand(names, "demo", "CHG-2042", "2.0.0", _WANTED, execution_mode="plan_and_apply")
