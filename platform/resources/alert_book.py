"""What people were told of, in the target's SQL database: open alerts, and the notes to each channel.

Here: the few transactions of one look. Not here: what is wrong (domain.alert_causes), what is due (domain.alerts),
sending (alert_channels). A note is claimed before it is sent: of two daemons one sends, and what a dead process has
claimed is free again after a while.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from domain.alert_causes import Kind, Trouble
from domain.alerts import OPENED, TOLD_OF, Alert, Message, Note, Pace, Sent, due, is_over, messages, wait_after
from domain.errors import TransientError
from resources.account_tables import AlertEpisode, AlertNote
from resources.database import AccountsDatabase

CLAIMED_FOR = timedelta(minutes=3)  # longer than any channel takes to answer
_KEPT = timedelta(days=90)
_LATE = timedelta(days=8)  # how long after its end an alert may still be news for a channel
_SEEN_EVERY = timedelta(minutes=1)  # a trouble that lasts is not written anew at every look


@dataclass(frozen=True, slots=True)
class Told:
    """How far one channel is with one open alert: the last note, when it was sent, what kept it from being sent."""

    channel: str
    label: str
    at: datetime | None
    tries: int
    error: str


class AlertBook:
    """The book in one database. Raises as its transactions do: TransientError where the database does not answer."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def open(self) -> list[Alert]:
        """The alerts that are not over, the oldest first."""
        with self._database.transaction() as session:
            return [_alert(row) for row in session.scalars(_open())]

    def told(self) -> dict[int, list[Told]]:
        """Of each open alert (its id), what each channel was told last."""
        found: dict[int, dict[str, Told]] = {}
        with self._database.transaction() as session:
            notes = (
                select(AlertNote)
                .join(AlertEpisode, AlertEpisode.id == AlertNote.alert)
                .where(AlertEpisode.ended_at.is_(None), AlertNote.label.not_like(f"{TOLD_OF}%"))
                .order_by(AlertNote.sent_at)
            )
            for note in session.scalars(notes):
                told = Told(note.channel, note.label, note.sent_at, note.tries, note.error)
                found.setdefault(note.alert, {})[note.channel] = told
        return {alert: list(channels.values()) for alert, channels in found.items()}

    def see(
        self,
        troubles: Mapping[str, Trouble],
        channels: Collection[str],
        now: datetime,
        *,
        unknown: Collection[Kind] = (),
        settled: timedelta = timedelta(0),
    ) -> tuple[list[Alert], list[Alert]]:
        """Opens an alert for each trouble that is new, ends those that are over: both.

        Of the kinds in `unknown` nothing is known this time, so none of them ends. Another process may do the same at
        the same time: of both, one opens an alert.
        """
        for _attempt in range(3):
            try:
                with self._database.transaction() as session:
                    return _see(session, troubles, channels, now, frozenset(unknown), settled)
            except TransientError as error:
                lost = error  # somebody opened the same: it is there now
        raise lost

    def claim(self, channel: str, now: datetime, pace: Pace, reminders: int) -> list[Message]:
        """What this process is to tell the channel now; nobody else will for a while."""
        with self._database.transaction() as session:
            # Locked in one order: of two processes the second sees what the first has claimed.
            recent = or_(AlertEpisode.ended_at.is_(None), AlertEpisode.ended_at > now - _LATE)
            rows = session.scalars(select(AlertEpisode).where(recent).order_by(AlertEpisode.id).with_for_update())
            alerts = [_alert(row) for row in rows]
            kept = select(AlertNote).where(AlertNote.channel == channel)
            notes: dict[int, list[AlertNote]] = {}
            for note in session.scalars(kept.where(AlertNote.alert.in_([alert.id for alert in alerts]))):
                notes.setdefault(note.alert, []).append(note)
            wanted = []
            for alert in alerts:
                told = [Sent(note.label, note.sent_at, note.not_before) for note in notes.get(alert.id, ())]
                label = due(alert, told, now, reminders)
                if label:
                    wanted.append(Note(alert, label))
            singles = select(func.count()).where(
                AlertNote.channel == channel, AlertNote.summary == "", AlertNote.sent_at > now - timedelta(hours=1)
            )
            last = select(func.max(AlertNote.sent_at)).where(AlertNote.channel == channel, AlertNote.summary != "")
            found = messages(wanted, session.scalar(singles) or 0, session.scalar(last), now, pace)
            for message in found:
                for row in _rows(session, message, channel):
                    row.not_before = now + CLAIMED_FOR
                    row.summary = message.identity[:64] if message.summary else ""
            return found

    def sent(self, channel: str, message: Message, now: datetime) -> None:
        """The channel took the message: it knows of the alerts' subjects."""
        with self._database.transaction() as session:
            for row in _rows(session, message, channel):
                row.sent_at, row.error = now, ""
                row.tries += 1
            for note in message.notes:
                if not note.alert.ended:
                    session.merge(_unsent(note.alert.id, channel, f"{TOLD_OF}{max(1, len(note.alert.about))}"))

    def refused(self, channel: str, unsent: Sequence[Message], now: datetime, error: str) -> None:
        """The channel did not take the first of these messages; the others were not tried. All of them stay due."""
        with self._database.transaction() as session:
            for position, message in enumerate(unsent):
                for row in _rows(session, message, channel):
                    row.summary = ""
                    row.not_before = now
                    if position == 0:
                        row.error = error
                        row.tries += 1
                        row.not_before = now + wait_after(row.tries)

    def forget(self, now: datetime) -> int:
        """Drops what was over long ago: how many alerts."""
        with self._database.transaction() as session:
            old = list(session.scalars(select(AlertEpisode.id).where(AlertEpisode.ended_at < now - _KEPT)))
            if old:
                session.execute(delete(AlertNote).where(AlertNote.alert.in_(old)))
                session.execute(delete(AlertEpisode).where(AlertEpisode.id.in_(old)))
            return len(old)


def _see(
    session: Session,
    troubles: Mapping[str, Trouble],
    channels: Collection[str],
    now: datetime,
    unknown: frozenset[Kind],
    settled: timedelta,
) -> tuple[list[Alert], list[Alert]]:
    episodes = _episodes(session, troubles)  # first: who opens an alert after this one looked is met as a conflict
    rows = {row.cause: row for row in session.scalars(_open().with_for_update())}
    ended = []
    for cause, row in rows.items():
        trouble = troubles.get(cause)
        if trouble:
            _update(row, trouble, now)
        elif row.kind not in unknown and is_over(_alert(row), now, settled):
            row.ended_at = now
            ended.append(_alert(row))
    opened: list[AlertEpisode] = []
    new = {cause: trouble for cause, trouble in troubles.items() if cause not in rows}
    for cause, trouble in new.items():
        row = AlertEpisode(cause=cause, episode=episodes.get(cause, 0) + 1, began_at=trouble.began, seen_at=now)
        _update(row, trouble, now)
        opened.append(row)
    session.add_all(opened)
    session.flush()
    session.add_all(_unsent(row.id, channel, OPENED) for row in opened for channel in channels)
    return [_alert(row) for row in opened], ended


def _update(row: AlertEpisode, trouble: Trouble, now: datetime) -> None:
    """Writes only what differs: an instance of SQLAlchemy that is set to the same value is not written."""
    row.kind, row.headline, row.why = trouble.kind, trouble.headline, trouble.why
    row.about, row.partitions, row.run_id = list(trouble.about), trouble.partitions, trouble.run_id
    if now - row.seen_at >= _SEEN_EVERY:
        row.seen_at = now


def _episodes(session: Session, causes: Collection[str]) -> dict[str, int]:
    """The last episode of each cause that had one."""
    if not causes:
        return {}
    last = select(AlertEpisode.cause, func.max(AlertEpisode.episode)).group_by(AlertEpisode.cause)
    return {row[0]: row[1] for row in session.execute(last.where(AlertEpisode.cause.in_(causes)))}


def _rows(session: Session, message: Message, channel: str) -> list[AlertNote]:
    """The rows of a message's notes, made where they are missing."""
    alerts = [note.alert.id for note in message.notes]
    known = select(AlertNote).where(AlertNote.channel == channel, AlertNote.alert.in_(alerts))
    rows = {(row.alert, row.label): row for row in session.scalars(known)}
    for note in message.notes:
        if (note.alert.id, note.label) not in rows:
            row = rows[note.alert.id, note.label] = _unsent(note.alert.id, channel, note.label)
            session.add(row)
    return [rows[note.alert.id, note.label] for note in message.notes]


def _unsent(alert: int, channel: str, label: str) -> AlertNote:
    return AlertNote(alert=alert, channel=channel, label=label, tries=0, summary="", error="")


def _open() -> Select[AlertEpisode]:
    return select(AlertEpisode).where(AlertEpisode.ended_at.is_(None)).order_by(AlertEpisode.id)


def _alert(row: AlertEpisode) -> Alert:
    return Alert(
        id=row.id,
        cause=row.cause,
        episode=row.episode,
        kind=row.kind,  # type: ignore[arg-type]  # written from a kind
        headline=row.headline,
        why=row.why,
        about=tuple(row.about),
        partitions=row.partitions,
        run_id=row.run_id,
        began=row.began_at,
        seen=row.seen_at,
        ended=row.ended_at,
    )
