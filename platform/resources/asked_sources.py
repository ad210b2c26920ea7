"""What active client files ask of sources, remembered by ETag: a run reads only the files that changed since the last.

Here: the listing, the memory, reading what differs. Not here: whole configurations (archive), resolving bouquets to
sources (domain.catalog).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.clients import ClientConfig, client_id_of
from domain.errors import ConfigError
from domain.selection_rules import named_profiles
from resources.archive import Archive
from resources.config_bucket import ConfigBucket


@dataclass(frozen=True, slots=True)
class Asked:
    """What one client file, under its ETag, says of sources; `profiles` are (bouquet, name of its profile)."""

    etag: str
    active: bool
    bouquets: tuple[str, ...] = ()
    extra_sources: tuple[str, ...] = ()
    profiles: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, etag: str, config: ClientConfig) -> "Asked":
        """The part of a configuration that is remembered."""
        named = tuple(named_profiles(config).items())
        return cls(etag, config.active, tuple(config.bouquets), tuple(config.extra_sources), named)


def asked_sources(bucket: ConfigBucket, archive: Archive) -> tuple[dict[str, Asked], dict[str, ConfigError]]:
    """What each active client asks for, by id; and the files that cannot be read, key -> error.

    One LIST per 1,000 files, one GET for the memory, one for each file that changed. The memory may be lost.
    """
    listing, known = bucket.listing(), _remembered(archive)
    same = {key: known[key] for key, etag in listing.items() if key in known and known[key].etag == etag}
    invalid: dict[str, ConfigError] = {}
    now = dict(same)
    for key, (etag, outcome) in bucket.read(key for key in listing if key not in same).items():
        if isinstance(outcome, ConfigError):
            invalid[key] = outcome  # not remembered: it is read, and told of, until somebody mends it
        else:
            now[key] = Asked.of(etag, outcome)
    if now != known:
        archive.keep_asked({key: _record(asked) for key, asked in now.items()})
    return {client_id_of(key): now[key] for key in sorted(now) if now[key].active}, invalid


def _remembered(archive: Archive) -> dict[str, Asked]:
    try:
        return {key: _asked(record) for key, record in archive.asked().items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}  # damaged, or of another version: the files say it all


def _record(asked: Asked) -> dict[str, object]:
    return {
        "etag": asked.etag,
        "active": asked.active,
        "bouquets": list(asked.bouquets),
        "extra_sources": list(asked.extra_sources),
        "profiles": dict(asked.profiles),
    }


def _asked(record: Mapping[str, object]) -> Asked:
    bouquets, extras, profiles = record["bouquets"], record["extra_sources"], record["profiles"]
    if not (isinstance(bouquets, list) and isinstance(extras, list) and isinstance(record["active"], bool)):
        raise TypeError("not what a client file asks for")
    if not isinstance(profiles, dict):
        raise TypeError("not the profiles that a client file names")
    return Asked(str(record["etag"]), record["active"], tuple(bouquets), tuple(extras), tuple(profiles.items()))
