"""A log record as one line of JSON: whom it concerns, and what it says, on one line whatever the message holds.

Here: the fields and their order. Not here: which records there are, where lines go (resources.json_logs).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from domain.masking import masked

_OF_CLIENTS = ("client_config", "client_items", "newsletter", "newsletter_delivery")
_OF_ACCOUNTS = ("desired_state", "plan", "apply", "drift")
_LONGEST = 20_000  # characters of a message


def line(
    *,
    at: float,
    level: str,
    message: str,
    logger: str = "",
    error: str = "",
    run_id: str = "",
    job: str = "",
    step: str = "",
    asset: str = "",
    partition: str = "",
    sensor: str = "",
    event: str = "",
    secrets: Sequence[str] = (),
) -> str:
    """The line, without its end. Only ASCII and no control character is in it; secrets are masked.

    `at` is in seconds since the epoch. What is not known is left out. `client` and `account` come from the partition.
    """
    values = {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        "level": level,
        "message": masked(message, secrets)[:_LONGEST],
        **_about(asset or step, partition),
        "asset": asset,
        "partition": partition,
        "run_id": run_id,
        "job": job,
        "step": step,
        "sensor": sensor,
        "event": event,
        "logger": logger,
        "error": masked(error, secrets)[:_LONGEST],
    }
    return json.dumps({name: value for name, value in values.items() if value})


def _about(asset: str, partition: str) -> Mapping[str, str]:
    name, bar, _rest = partition.partition("|")
    if name and (bar or asset in _OF_CLIENTS):
        return {"client": name}
    return {"account": name} if name and asset in _OF_ACCOUNTS else {}
