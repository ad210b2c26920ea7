"""Old days out of the graph: what leaves when the target's first day moves, and moving it.

Here: counting on the instance, the one line of the target's file. Not here: what is printed (archive_cli), the rule of
`keep_days` (domain.partition_counts). No object and no row is touched.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from dagster import AssetKey, DagsterInstance

from backfilling import grid_of, instance_of
from definitions import build_definitions
from domain.asked_partitions import AskedError
from domain.errors import PermanentError, RefusedError, TransientError
from domain.partition_counts import leaving
from partitions import today
from resources.partition_states import PartitionStates
from resources.run_queue import runs_under_way
from settings import PROJECT_ROOT, Settings, choice, load_settings, target_file

_FIRST_DAY = re.compile(r"^(first_day:\s*)(['\"]?)\d{4}-\d\d-\d\d(['\"]?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Leaving:
    """An asset's partitions that leave the graph, and how many of them failed or were never done."""

    asset: str
    partitions: int
    stay: int
    failed: int
    missing: int


class Archiving:
    """Moving one target's first day to `first_kept`."""

    def __init__(self, settings: Settings, instance: DagsterInstance, file: Path, first_kept: date) -> None:
        self._settings, self._instance, self._path, self._first_kept = settings, instance, file, first_kept
        self.first_day = settings.first_day

    @classmethod
    @contextmanager
    def opened(cls, before: str) -> Iterator["Archiving"]:
        """The question on the target's instance. Raises AskedError where `before` is no day that can be the first."""
        try:
            first_kept = date.fromisoformat(before)
        except ValueError:
            raise AskedError(f"{before!r} is no day.", where="--before", remedy="Write it as 2026-11-21.") from None
        if first_kept > today():
            raise AskedError(f"{first_kept} has not begun (UTC).", where="--before", remedy="Today is kept always.")
        settings = load_settings()
        with instance_of(settings) as instance:
            yield cls(settings, instance, target_file(choice()), first_kept)

    @property
    def file(self) -> str:
        """The target's file, for people."""
        return str(self._path.relative_to(PROJECT_ROOT) if self._path.is_relative_to(PROJECT_ROOT) else self._path)

    @property
    def last(self) -> date:
        """The last day that leaves."""
        return self._first_kept - timedelta(days=1)

    def leaving(self) -> list[Leaving]:
        """Per partitioned asset what leaves, the largest first."""
        graph = build_definitions(self._settings).get_repository_def().asset_graph
        states, found = PartitionStates(self._instance), []
        for key in sorted(graph.materializable_asset_keys):
            definition = graph.get(key).partitions_def
            if definition is None:
                continue
            grid = grid_of(definition, self._instance)
            gone = grid.keys(set(grid.rows), leaving(grid, self._first_kept))
            known = states.states(AssetKey(key.path), gone, definition) if gone else {}
            failed = sum(state == "failed" for state in known.values())
            found.append(
                Leaving(key.to_user_string(), len(gone), grid.size - len(gone), failed, len(gone) - len(known))
            )
        return sorted(found, key=lambda one: -one.partitions)

    def check_ours(self) -> None:
        """Raises RefusedError where the target's file is not this machine's alone to write."""
        if self._settings.instance != "machine":
            raise RefusedError(
                "the instance has other machines, and each has this file: changing one would part them.",
                where=self.file,
                remedy=self._by_hand(),
            )

    def write(self) -> None:
        """Moves the first day in the target's file. Raises an error, and changes nothing, where that is not safe."""
        self.check_ours()
        if runs_under_way(self._instance):
            raise TransientError(
                "runs are under way, and may be about days that leave.",
                where=self.file,
                remedy="Wait for them, or cancel them, then archive again.",
            )
        file = self._path.resolve()
        written = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            text = file.read_text(encoding="utf-8")
            moved, found = _FIRST_DAY.subn(rf"\g<1>\g<2>{self._first_kept}\g<3>", text)
            if found != 1:
                raise PermanentError(
                    "first_day is not written as a day.",
                    where=self.file,
                    remedy=f"Set it yourself: first_day: {self._first_kept}",
                )
            written.write_text(moved, encoding="utf-8")
            shutil.copymode(file, written)
            written.replace(file)
        except OSError as error:
            with suppress(OSError):
                written.unlink(missing_ok=True)
            raise RefusedError(
                f"it cannot be written ({error.strerror}); nothing was changed.",
                where=self.file,
                remedy=self._by_hand(),
            ) from error

    def _by_hand(self) -> str:
        line = f"first_day: {self._first_kept}"
        return (
            f"Write this line into that file of every machine, or build the image with it: {line}. "
            "Then start code location, daemon, web and workers anew."
        )
