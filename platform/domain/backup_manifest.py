"""What a backup says of itself: which target, when, which parts with which checksums, and whether it may be restored.

Here: the manifest as a value and as JSON, the reasons against a restore. Not here: reading or writing an archive
(resources.backups).
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from domain.errors import PermanentError, RefusedError

FORMAT = 1
MANIFEST = "manifest.json"
Kind = Literal["database", "warehouse", "history"]
KINDS: tuple[Kind, ...] = ("database", "warehouse", "history")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup: its checksum, its size in bytes, and the rows of each table in it."""

    name: str
    kind: Kind
    sha256: str
    size: int
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup of one moment. `revision` is the database's migration; None where there is no database in it."""

    target: str
    made_at: datetime
    version: str
    revision: str | None
    parts: Sequence[Part]

    def of(self, kind: Kind) -> list[Part]:
        """The parts of that kind."""
        return [part for part in self.parts if part.kind == kind]

    def kinds(self) -> list[Kind]:
        """What is in the backup."""
        return [kind for kind in KINDS if self.of(kind)]

    def rows(self, kind: Kind) -> dict[str, int]:
        """Table -> rows, over the parts of that kind."""
        return {table: count for part in self.of(kind) for table, count in part.rows.items()}

    def dump(self) -> bytes:
        """JSON for people and for `read_manifest`."""
        document = {
            "format": FORMAT,
            "target": self.target,
            "made_at": self.made_at.isoformat(),
            "version": self.version,
            "revision": self.revision,
            "parts": [
                {
                    "name": part.name,
                    "kind": part.kind,
                    "sha256": part.sha256,
                    "size": part.size,
                    "rows": dict(part.rows),
                }
                for part in self.parts
            ],
        }
        return json.dumps(document, indent=2).encode()


def read_manifest(body: bytes, where: str) -> Manifest:
    """The inverse of `dump`. RefusedError for a newer format, PermanentError for what is no manifest at all."""
    try:
        document = json.loads(body)
        if document["format"] > FORMAT:
            raise RefusedError(
                f"the backup has format {document['format']}, this release reads up to {FORMAT}.",
                where=where,
                remedy="Restore it with the release that made it, or a newer one.",
            )
        made_at = datetime.fromisoformat(document["made_at"])
        parts = [_part(one) for one in document["parts"]]
        names = [part.name for part in parts]
        if made_at.tzinfo is None or len(set(names)) != len(names):
            raise ValueError("an instant without its zone, or a part named twice")
        revision = document["revision"]
        return Manifest(
            str(document["target"]),
            made_at,
            str(document["version"]),
            None if revision is None else str(revision),
            parts,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PermanentError(
            f"its manifest cannot be read: {error!r}", where=where, remedy="Take another backup: this one is damaged."
        ) from None


def check_restorable(
    manifest: Manifest, target: str, revisions: Collection[str], where: str, *, from_target: str | None = None
) -> None:
    """RefusedError where the backup is of another target than `target` (or `from_target`), or of a newer database.

    `revisions` are the migrations that this release knows.
    """
    wanted = from_target or target
    if manifest.target != wanted:
        raise RefusedError(
            f"the backup is of the target {manifest.target!r}, not of {wanted!r}; nothing was restored.",
            where=where,
            remedy=f"Choose that target (VIGIE_TARGET={manifest.target}), or say that you mean it: "
            f"--from-target {manifest.target}",
        )
    if manifest.revision is not None and manifest.revision not in revisions:
        raise RefusedError(
            f"its database has the revision {manifest.revision!r}, which this release does not know; "
            "nothing was restored.",
            where=where,
            remedy=f"Restore it with Vigie {manifest.version} or a newer one.",
        )


def _part(record: Mapping[str, Any]) -> Part:
    name, kind, digest = record["name"], record["kind"], record["sha256"]
    if not _NAME.fullmatch(name) or ".." in name or name == MANIFEST:
        raise ValueError(f"{name!r} is no name of a part")
    if kind not in KINDS or not name.startswith(f"{kind}/"):
        raise ValueError(f"{kind!r} is no kind of the part {name}")
    if not _DIGEST.fullmatch(digest):
        raise ValueError(f"the checksum of {name} is none")
    rows = {str(table): int(count) for table, count in record["rows"].items()}
    return Part(name, kind, digest, int(record["size"]), rows)
