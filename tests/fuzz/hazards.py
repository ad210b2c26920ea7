"""The catalogue of hazards: each a name, the bytes, the content type they come with, the days they hold.

Here: what a hazard is and all of them together. Not here: how they are made (the hazards of bodies, fields, configs).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hazard:
    """Bytes that have broken a reader somewhere. `days` are all that may be found in them; most hold none."""

    name: str
    body: bytes
    content_type: str = ""
    days: frozenset[str] = frozenset()


def hazard(name: str, body: str | bytes, content_type: str = "", days: Iterable[str] = ()) -> Hazard:
    return Hazard(name, body.encode() if isinstance(body, str) else body, content_type, frozenset(days))


def named_once(families: Iterable[Iterator[Hazard]]) -> list[Hazard]:
    """All hazards in order; a name that two share would hide one of them."""
    every = [one for family in families for one in family]
    names = [one.name for one in every]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    return every
