"""What a look at the client files means: who is new, changed, switched off, gone, unreadable.

Here: the pure decision and the cursor it rests on. Not here: listing and reading files, Dagster's requests
(sensors.client_activation).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from domain.clients import PREFIX, ClientConfig, client_id_of, is_config_key
from domain.errors import ConfigError, RefusedError

ACTIVE, INACTIVE, INVALID = "a", "i", "x"
ARRIVING = "n"  # new and not read yet; followed by the number of looks that the file has waited
CROWD = 10  # new files at one look: somebody is putting in many, and may not be done
_MOST_LOOKS = 4  # that a new file waits


@dataclass(frozen=True, slots=True)
class Known:
    """What the last look made of a file: its ETag, and one of ACTIVE, INACTIVE, INVALID, or ARRIVING with a number."""

    etag: str
    state: str

    @property
    def looks(self) -> int:
        """How many looks the file has waited to be read."""
        return int(self.state[1:]) if self.state.startswith(ARRIVING) else 0


@dataclass
class Cursor:
    """Every file of the last look by its key. Losing it costs one reading of every file, nothing else."""

    files: dict[str, Known] = field(default_factory=dict)

    def dump(self) -> str:
        """Short JSON: some 60 bytes a file."""
        return json.dumps({key: [k.etag, k.state] for key, k in self.files.items()}, separators=(",", ":"))

    def unreadable(self) -> dict[str, str]:
        """The files that could not be read: key -> ETag."""
        return {key: known.etag for key, known in self.files.items() if known.state == INVALID}

    def count(self, state: str) -> int:
        """How many files are in that state."""
        return sum(known.state == state for known in self.files.values())

    @classmethod
    def load(cls, text: str | None) -> "Cursor":
        """The inverse of `dump`; an empty or unreadable text is a lost cursor."""
        try:
            return cls({key: Known(*known) for key, known in json.loads(text or "{}").items()})
        except (ValueError, TypeError, AttributeError):
            return cls()


@dataclass(frozen=True, slots=True)
class Decision:
    """Client ids, each sorted; `invalid` maps a file's key to its error; `cursor` is for the next look."""

    activated: tuple[str, ...]
    changed: tuple[str, ...]
    deactivated: tuple[str, ...]
    removed: tuple[str, ...]
    invalid: Mapping[str, ConfigError]
    newly_invalid: bool
    """Whether the set of unreadable files is another than at the last look."""
    cursor: Cursor


def behind(cursor: Cursor, built: Mapping[str, str]) -> set[str]:
    """The active clients whose configuration was never materialized from the file that the last look saw."""
    return {
        client
        for key, known in cursor.files.items()
        if known.state == ACTIVE and (client := _id(key)) and built.get(client) != known.etag
    }


def still_arriving(listing: Mapping[str, str], cursor: Cursor, partitions: Collection[str]) -> dict[str, Known]:
    """The new files to leave for the next look, as the cursor is to know them until then.

    A crowd that has grown since the last look is taken up when it grows no more: one batch is one run of each stage,
    however many they are. No file waits more than a few looks.
    """
    waited: dict[str, int] = {}
    for key in listing:
        known = cursor.files.get(key)
        if is_config_key(key) and (known.looks > 0 if known else _id(key) not in partitions):
            waited[key] = known.looks if known else 0
    whole = min(waited.values(), default=1) > 0
    if len(waited) < CROWD or whole or max(waited.values()) >= _MOST_LOOKS:
        return {}
    return {key: Known(listing[key], f"{ARRIVING}{looks + 1}") for key, looks in waited.items()}


def to_read(
    listing: Mapping[str, str], cursor: Cursor, partitions: Collection[str], again: Collection[str] = ()
) -> list[str]:
    """The keys to read, of a listing key -> ETag: what is not as the last look left it; active clients that are not in
    the graph (they wait for a catalog, or somebody removed their partition); inactive ones that still are (their
    removal was postponed); and those of `again`."""
    return [
        key
        for key, etag in listing.items()
        if is_config_key(key)
        and (
            (known := cursor.files.get(key)) is None
            or known.etag != etag
            or known.looks > 0
            or (known.state == ACTIVE and (_id(key) not in partitions or _id(key) in again))
            or (known.state == INACTIVE and _id(key) in partitions)
        )
    ]


def decide(
    listing: Mapping[str, str],
    cursor: Cursor,
    read: Mapping[str, tuple[str, ClientConfig | ConfigError]],
    partitions: Sequence[str],
    built: Mapping[str, str],
) -> Decision:
    """What to do about the files as they are now.

    `read` holds what the keys of `to_read` gave: the ETag read, and the configuration or its error. `partitions` are
    the clients in the graph; `built` the ETag from which each one's configuration was last materialized. A file that
    went from A to B and back is changed though `built` still says A: the run that reads B may be under way.
    A client whose file has become unreadable stays as it is: only a file that says so, or that is gone, ends it.
    Raises RefusedError where every file of a fleet is gone at once: that is a wrong bucket rather than a wish.
    """
    if len(partitions) > 1 and not any(map(is_config_key, listing)):
        raise RefusedError(
            f"there is no client file at all, while {len(partitions)} clients are active; nothing was switched off.",
            where=PREFIX,
            remedy="Check that the target names the right bucket (vigie target check). To end every client, set active "
            "to false in their files first.",
        )
    files = {key: known for key, known in cursor.files.items() if key in listing}
    invalid: dict[str, ConfigError] = {}
    active: dict[str, str] = {}
    rewritten: set[str] = set()
    inactive: set[str] = set()
    for key, (etag, outcome) in read.items():
        if isinstance(outcome, ConfigError):
            files[key] = Known(etag, INVALID)
            invalid[key] = outcome
        elif outcome.active:
            files[key] = Known(etag, ACTIVE)
            active[outcome.client_id] = etag
            if key in cursor.files and cursor.files[key].etag != etag:
                rewritten.add(outcome.client_id)
        else:
            files[key] = Known(etag, INACTIVE)
            inactive.add(outcome.client_id)
    present = set(partitions)
    return Decision(
        activated=tuple(sorted(active.keys() - present)),
        changed=tuple(sorted(c for c in active.keys() & present if c in rewritten or built.get(c) != active[c])),
        deactivated=tuple(sorted(inactive & present)),
        removed=tuple(sorted(present - _ids(listing))),
        invalid=invalid,
        newly_invalid=Cursor(files).unreadable() != cursor.unreadable(),
        cursor=Cursor(files),
    )


def _ids(listing: Mapping[str, str]) -> set[str]:
    return {found for key in listing if is_config_key(key) and (found := _id(key))}


def _id(key: str) -> str:
    try:
        return client_id_of(key)
    except ConfigError:
        return ""
