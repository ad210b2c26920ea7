"""When the accounts are written to the warehouse again: once after they changed, and never in a storm.

Here: one look -> a reason to wait, or none. Not here: how the look is taken (sensors.accounts_export_due).
"""

from dataclasses import dataclass

from domain.standing import pause_before

PACE = 60.0  # seconds between two exports while accounts keep changing


@dataclass(frozen=True, slots=True)
class Look:
    """The accounts as they are and as they were exported last, both as fingerprints; empty: none. Times are seconds.

    `since_change` counts from the first look that saw a change after the last export; `tries` are the runs that were
    asked for since that export and did not get to one.
    """

    current: str
    exported: str
    since_export: float
    since_change: float
    exporting: bool
    busy: bool
    tries: int = 0
    since_try: float = 0.0


def reason_to_wait(look: Look) -> str:
    """Why no export is asked for now; empty where one is due."""
    if look.current == look.exported:
        return "the warehouse has the accounts as they are."
    if look.exporting:
        return "waiting for the export in progress."
    if look.busy and min(look.since_export, look.since_change) < PACE:
        return f"accounts are being changed: one export in {PACE:.0f} seconds, or when they are at rest."
    left = pause_before(look.tries) - look.since_try
    if left > 0:
        return f"{look.tries} runs could not export the accounts: the next try is in {left:.0f} seconds."
    return ""
