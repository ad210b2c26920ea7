"""The cell (client, day): a pure function of the day's snapshots, the client's configuration and the day.

Here: what a cell holds and how it turned out. Not here: reading snapshots or writing cells (assets.client_items).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from domain.catalog import Source
from domain.clients import ClientConfig
from domain.duplicates import NearDuplicates
from domain.errors import PermanentError
from domain.items import Item
from domain.profiles import Profile, Selection, select
from domain.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class ClientDay:
    """One cell. `outcome`: ok; degraded (some sources failed: `failures` says which and why); no_snapshot (the
    platform saw nothing of these sources that day, so there is nothing to write)."""

    client_id: str
    day: date
    outcome: str
    items: tuple[Item, ...]
    fetched: int
    selection: Selection
    failures: Mapping[str, str]
    unseen: tuple[str, ...]
    """Sources without a snapshot of that day: not followed yet, or the day was never fetched."""
    mode: str = "balanced"

    @property
    def key(self) -> str:
        """Where V2's consumers look for the cell in the data bucket."""
        return items_key(self.client_id, self.day)

    def rejections(self) -> list[dict[str, Any]]:
        """Why each other item of the day is not in the cell, as JSON types: its reason, or the item that it repeats."""
        rejected = [(item, reason, None) for item, reason in self.selection.rejected]
        repeated = [(item, "duplicate", first.item_id) for item, first in self.selection.duplicates]
        return [
            {
                "item_id": item.item_id,
                "source_key": item.source_key,
                "title": item.title,
                "url": item.url,
                "reason": reason,
                "repeats": repeats,
            }
            for item, reason, repeats in [*rejected, *repeated]
        ]


def items_key(client_id: str, day: date) -> str:
    """`ingested/{client}/{YYYY}/{MM}/{DD}/items.json`"""
    return f"ingested/{client_id}/{day:%Y/%m/%d}/items.json"


def rejections_key(client_id: str, day: date) -> str:
    """`rejections/{YYYY}/{MM}/{DD}/{client}.json`: one listing says who has one of a day."""
    return f"{rejections_of(day)}{client_id}.json"


def rejections_of(day: date) -> str:
    """What every `rejections_key` of that day begins with."""
    return f"rejections/{day:%Y/%m/%d}/"


def near_duplicates(snapshots: Iterable[Snapshot]) -> NearDuplicates:
    """The near-duplicates among what those snapshots of one day show for the first time."""
    return NearDuplicates(item for snapshot in snapshots for item in snapshot.new_items)


def build(
    config: ClientConfig,
    sources: Sequence[Source],
    day: date,
    snapshots: Mapping[str, Snapshot],
    previous: Sequence[Item] = (),
    *,
    profile: Profile | None = None,
    judge: Callable[[Item], str] | None = None,
    near: NearDuplicates | None = None,
) -> ClientDay:
    """The cell of one client and day.

    `snapshots` holds those of the day by source key; `previous` what the cell held before: the items of a source that
    failed today stay as they were. `profile` is asked of the items in the place of the one in the client's file;
    `judge` says why else one is kept out (domain.selection_rules), or ""; `near` knows the near-duplicates among all
    items of the day. Raises PermanentError where every source
    failed: nothing may be written.
    """
    followed = [source for source in sources if source.source_key in snapshots]
    failures = {
        key: snapshots[key].error for key in (source.source_key for source in followed) if snapshots[key].failed
    }
    if followed and len(failures) == len(followed):
        raise PermanentError(
            f"every source of the day failed ({len(failures)}), so nothing was written. First: "
            f"{next(iter(failures))}: {next(iter(failures.values()))}",
            where=f"{config.client_id} {day}",
            remedy="Materialize source_snapshots of that day again once the sources answer, then this partition.",
        )
    seen: list[Item] = []
    for source in followed:
        snapshot = snapshots[source.source_key]
        if snapshot.failed:
            seen += [item for item in previous if item.source_key == source.source_key]
        else:
            seen += snapshot.new_items
    profile = profile or Profile.of(config)
    selection = select(seen, profile, day, judge=judge)
    return ClientDay(
        client_id=config.client_id,
        day=day,
        outcome="degraded" if failures else "ok" if followed else "no_snapshot",
        items=near.named(selection.kept, [source.source_key for source in sources]) if near else selection.kept,
        fetched=len(seen),
        selection=selection,
        failures=failures,
        unseen=tuple(source.source_key for source in sources if source.source_key not in snapshots),
        mode=profile.mode,
    )
