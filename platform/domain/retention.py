"""How long what grows is kept: the detailed logs of runs, and what sources sent.

Here: the cut-off of each, and which objects are older. Not here: taking anything away (resources.pruning).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

PRUNED_TAG = "vigie/log_pruned"
# Beyond the history that a new client gets: first days are learned from snapshots that may lie so far back.
_MARGIN = timedelta(days=9)
_SNAPSHOT = re.compile(r"snapshots/(\d{4}-\d{2}-\d{2})/(.+?)\.(?:json\.gz|body\.gz|articles\.gz)")


def runs_before(now: datetime, run_days: int) -> datetime:
    """A run that was over and untouched at that moment gives up its details."""
    return now - timedelta(days=run_days)


def sources_before(today: date, source_days: int, history_days: int) -> date:
    """What sources sent on an earlier day goes: never a day that a client's history may still be built from."""
    return today - max(timedelta(days=source_days), timedelta(days=history_days) + _MARGIN)


def expired(keys: Iterable[str], before: date, needed: Collection[tuple[str, date]]) -> list[str]:
    """The keys of snapshots of earlier days, in the order in which they go: a snapshot after its body.

    `needed` are the (source, day) whose bodies the next fetch still compares with.
    """
    found = []
    for key in keys:
        of_day = _SNAPSHOT.fullmatch(key)
        if of_day is None:
            continue
        day = date.fromisoformat(of_day[1])
        if day < before and (of_day[2], day) not in needed:
            found.append(key)
    return sorted(found, key=lambda key: (key.endswith(".json.gz"), key))


def pruned_mark(run_id: str, today: date) -> str:
    """The value of PRUNED_TAG. It names the run: one that is re-executed hands its tags on."""
    return f"{today} {run_id[:8]}"


def is_pruned(run_id: str, tags: dict[str, str]) -> bool:
    """Whether this very run has given up its details."""
    return tags.get(PRUNED_TAG, "").endswith(f" {run_id[:8]}")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or would go: runs, their events and captured output, messages of a fleet's broker, objects of sources.

    Sizes are in bytes. `log_before` and `log_after` are the event log's size on disk. `refused`: what stayed, and why.
    """

    runs: int = 0
    rows: int = 0
    size: int = 0
    files: int = 0
    files_size: int = 0
    messages: int = 0
    objects: int = 0
    objects_size: int = 0
    log_before: int = 0
    log_after: int = 0
    refused: str = ""

    def figures(self) -> dict[str, Any]:
        """JSON types only: for metadata, and for people."""
        return {
            "runs": self.runs,
            "events": self.rows,
            "events_bytes": self.size,
            "captured_outputs": self.files,
            "captured_outputs_bytes": self.files_size,
            "broker_messages": self.messages,
            "source_objects": self.objects,
            "source_objects_bytes": self.objects_size,
            "event_log_bytes_before": self.log_before,
            "event_log_bytes_after": self.log_after,
            **({"refused": self.refused} if self.refused else {}),
        }
