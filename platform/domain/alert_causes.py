"""What is wrong now, by root cause: a thousand clients that fail because the store is away are one trouble.

Here: what was seen, the root of a reason, what belongs together. Not here: looking (sensors.alert_signs,
resources.alert_signs), what is said about it and when (domain.alerts), the words of a message (domain.alert_messages).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from domain.source_health import PAST_DAY

Kind = Literal["daemon", "failure", "sensor", "source", "drift", "delivery", "approval", "freshness", "check"]
KINDS: tuple[Kind, ...] = (
    *("daemon", "failure", "sensor", "source", "drift", "delivery", "approval", "freshness", "check"),
)
"""The most urgent first."""

_SUBJECTS = 1000  # kept of one trouble; the count says how many there are
_NAMED = 3  # in one line
_ALL_SOURCES = re.compile(r"every source (?:of the day )?failed \((\d+)\).*? First: ([a-z0-9][a-z0-9_-]*): ", re.DOTALL)
_EVERY_SOURCE = "sources"  # the cause where all of a day's sources failed: a network, and none of them
_OWN_ERROR = re.compile(r"^domain\.\w+\.\w+: ")
_MODULE = re.compile(r"^(?:\w+\.)+(?=\w+: )")
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@]*@)?([^\s/?#'\",;]*)[^\s'\",;]*")
_PATH = re.compile(r"(?<![\w/:])/[^\s'\",;:]*/[^\s'\",;:]*")
_QUOTED = re.compile(r"'(?!\w+://)[^']*'|\"(?!\w+://)[^\"]*\"")
_IDENTITY = re.compile(r"\b(?=[0-9a-f-]*\d)[0-9a-f]{4,}(?:-?[0-9a-f]{4,})+\b")
_NUMBER = re.compile(r"\b(?![1-5]\d\d\b)\d[\d.,:_-]*")  # but the answers of HTTP: a 404 and a 503 are two causes
_BLANK = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing seen wrong now.

    `what` names it, `why` is the reason as it was said. `about` is whom it concerns ("client acme", "account billing").
    `asset` and `partition` say what failed, where that is so. `cause` is the root where it is known; else it is found
    in the reason.
    """

    kind: Kind
    what: str
    why: str
    at: datetime
    about: str = ""
    asset: str = ""
    partition: str = ""
    run_id: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Everything that one cause has brought about, now."""

    cause: str  # 32 hex
    kind: Kind
    headline: str
    why: str
    began: datetime
    about: tuple[str, ...]
    partitions: int
    run_id: str = ""


def troubles(signs: Iterable[Sign]) -> dict[str, Trouble]:
    """The troubles by cause, the most urgent first."""
    seen, grouped = list(signs), dict[str, list[Sign]]()
    outage = any(_is_outage(sign) for sign in seen)
    for sign in seen:
        cause = root(sign)
        if outage and _ALL_SOURCES.search(sign.why):
            cause = _EVERY_SOURCE
        grouped.setdefault(cause, []).append(sign)
    found = [_trouble(cause, together) for cause, together in grouped.items()]
    return {
        one.cause: one for one in sorted(found, key=lambda one: (KINDS.index(one.kind), -one.partitions, one.began))
    }


def root(sign: Sign) -> str:
    """What the sign goes back to, as text: equal for signs of one cause."""
    if sign.cause:
        return sign.cause
    if source := _ALL_SOURCES.search(sign.why):
        return f"source:{source[2]}"
    names = {part for part in (*sign.partition.split("|"), sign.about.rpartition(" ")[2]) if part}
    return f"reason:{essence(sign.why, names)}"


def is_lost_day(reason: str) -> bool:
    """Whether it says that a day has nothing of its sources: once the day is past, nothing brings it back."""
    return bool(_ALL_SOURCES.search(reason)) or PAST_DAY in reason


def _is_outage(sign: Sign) -> bool:
    """Whether a whole day's sources failed, more than one of them; a client's own sources may be few."""
    found = _ALL_SOURCES.search(sign.why)
    return bool(found and int(found[1]) > 1 and "of the day" not in found[0])


def essence(reason: str, names: Iterable[str] = ()) -> str:
    """A reason without what differs between those who meet it: names, numbers, paths, quoted values.

    Of an address its scheme and host stay, of numbers those that may be HTTP's answers.
    """
    text = _MODULE.sub("", _OWN_ERROR.sub("", reason.strip()))
    text = _ADDRESS.sub(r"\1\2", text)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", "*", text)
    text = _QUOTED.sub("'*'", _PATH.sub("/*", text))
    text = _NUMBER.sub("#", _IDENTITY.sub("#", text))
    return _BLANK.sub(" ", text).strip()[:300]


def _trouble(cause: str, signs: Sequence[Sign]) -> Trouble:
    kinds = {sign.kind for sign in signs}
    kind = next(kind for kind in KINDS if kind in kinds)
    if cause == _EVERY_SOURCE or cause.startswith("source:"):
        kind = "source"
    telling = next((sign for sign in signs if sign.kind == kind), signs[0])
    about = sorted({sign.about for sign in signs if sign.about})
    failed = {(sign.asset, sign.partition) for sign in signs if sign.partition}
    first = min(signs, key=lambda sign: sign.at)
    return Trouble(
        cause=hashlib.sha256(cause.encode()).hexdigest()[:32],
        kind=kind,
        headline=_headline(kind, cause, signs),
        why=telling.why,
        began=first.at,
        about=tuple(about[:_SUBJECTS]),
        partitions=len(failed),
        run_id=next((sign.run_id for sign in sorted(signs, key=lambda sign: sign.at) if sign.run_id), ""),
    )


def _headline(kind: Kind, cause: str, signs: Sequence[Sign]) -> str:
    failed = Counter(asset for asset, _partition in {(s.asset, s.partition) for s in signs if s.partition})
    others = list(dict.fromkeys(sign.what for sign in signs if not sign.partition))
    parts = []
    if kind == "source" and cause.startswith("source:"):
        parts.append(f"source {cause.removeprefix('source:')} fails")
        others = [what for what in others if what != parts[0]]
    elif cause == _EVERY_SOURCE:
        parts.append("every source fails")
    if sum(failed.values()) == 1:
        parts.append(next(sign.what for sign in signs if sign.partition))
    elif failed:
        assets = sorted(failed, key=lambda asset: (-failed[asset], asset))
        parts.append(f"{failed.total():,} partitions failed ({_listed(assets)})")
    if others and kind != "source":
        parts.append(_listed(others))
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
