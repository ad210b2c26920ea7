"""When people are told: once as a trouble begins, at most daily while it lasts, once as it is over; never as a storm.

Here: an alert as it is kept, which notes are due, what one look may send. Not here: keeping alerts
(resources.alert_book), what belongs to one cause (domain.alert_causes), words (domain.alert_messages).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.alert_causes import KINDS, Kind

OPENED, OVER = "opened", "over"
WIDER = "wider-"
TOLD_OF = "told-of-"  # no note: how many subjects the channel has been told of, kept among its notes
_REMINDER = "reminder-"
_DAY = timedelta(days=1)
_TOLD_LATE = timedelta(days=7)  # how long the end of a trouble is news for a channel that was away
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of a cause: from when it was first seen until it is over. Instants carry their zone."""

    id: int
    cause: str
    episode: int
    kind: Kind
    headline: str
    why: str
    about: tuple[str, ...]
    partitions: int
    run_id: str
    began: datetime
    seen: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What a channel has been told of an alert, or shall be: `at` is None until it was."""

    label: str
    at: datetime | None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to tell: an alert, and whether it `opened`, is `over`, is a `reminder-N` of its Nth day, or concerns
    at least twice as many as were told of (`wider-N`)."""

    alert: Alert
    label: str

    @property
    def identity(self) -> str:
        """The same at every attempt, so that a receiver may know it again."""
        return f"{self.alert.cause}-{self.alert.episode}-{self.label}"


@dataclass(frozen=True, slots=True)
class Message:
    """What goes out at once: one note, or a summary of what is too much to be told one by one."""

    notes: tuple[Note, ...]
    summary: bool = False

    @property
    def identity(self) -> str:
        """The same at every attempt to send the same notes."""
        if len(self.notes) == 1:
            return self.notes[0].identity
        return "summary-" + hashlib.sha256("|".join(note.identity for note in self.notes).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one channel may be told: messages about a single alert by look and by hour, a summary every so often."""

    per_look: int = 5
    per_hour: int = 20
    summary_every: timedelta = timedelta(minutes=15)


def due(alert: Alert, told: Sequence[Sent], now: datetime, reminders: int) -> str | None:
    """The label of what the channel is to be told now; None where there is nothing, or another attempt is to wait.

    What ended before it was told is told as over. A channel that is new hears of what lasts, not of what is over. Of
    what lasts it hears again as soon as it concerns twice as many.
    """
    known = {sent.label: sent for sent in told}
    for label in _labels(alert, known, now, reminders):
        before = known.get(label)
        if before and before.at:
            continue
        return None if before and before.not_before and before.not_before > now else label
    return None


def _labels(alert: Alert, known: Mapping[str, Sent], now: datetime, reminders: int) -> Iterator[str]:
    opened = known.get(OPENED)
    if alert.ended:
        if opened and now - alert.ended < _TOLD_LATE:
            yield OVER
    elif opened is None or opened.at is None:
        yield OPENED
    else:
        days = (now - opened.at) // _DAY
        if 1 <= days <= reminders:
            yield f"{_REMINDER}{days}"  # it says whom the alert concerns by now
        of = max((int(label.removeprefix(TOLD_OF)) for label in known if label.startswith(TOLD_OF)), default=0)
        if of and len(alert.about) >= 2 * of:
            yield f"{WIDER}{len(alert.about).bit_length()}"  # as it grows until it is sent, it is one note


def messages(
    notes: Sequence[Note], singles_last_hour: int, last_summary: datetime | None, now: datetime, pace: Pace
) -> list[Message]:
    """What is sent of the notes that are due, the most urgent first; what is left out stays due."""
    ordered = sorted(notes, key=_urgency)
    room = max(0, min(pace.per_look, pace.per_hour - singles_last_hour))
    alone, rest = ordered[:room], ordered[room:]
    found = [Message((note,)) for note in alone]
    if rest and (last_summary is None or now - last_summary >= pace.summary_every):
        found.append(Message(tuple(rest), summary=True))
    return found


def wait_after(tries: int) -> timedelta:
    """How long a channel that failed so often with a note is left alone with it: 30 s, doubling, at most an hour."""
    return min(_FIRST_WAIT * (1 << min(tries - 1, 10)), _LONGEST_WAIT)


def is_over(alert: Alert, now: datetime, settled: timedelta) -> bool:
    """Whether a trouble that is not seen any more counts as over: what comes and goes is one episode."""
    return now - alert.seen >= settled


def count_by_kind(notes: Sequence[Note]) -> Mapping[Kind, int]:
    """How many of each kind, the most urgent first."""
    kinds = [note.alert.kind for note in notes]
    return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}


def _urgency(note: Note) -> tuple[int, int, int, datetime]:
    order = 0 if note.label == OPENED else 1 if note.label.startswith(WIDER) else 2 if note.label == OVER else 3
    return order, KINDS.index(note.alert.kind), -note.alert.partitions, note.alert.began
