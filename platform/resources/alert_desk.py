"""One target's alerts: what was seen goes into the book, what is due goes to the channels.

Here: settings -> book and channels, one round of telling. Not here: looking (sensors.alert_signs), transactions
(alert_book), the channels' calls (alert_channels), when it happens (sensors.alerts).
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from domain.alert_causes import Kind, Sign, troubles
from domain.alert_messages import Links
from domain.alerts import OPENED, OVER, Alert, Message, Note, Pace
from domain.book_away import BookAway, failed, reached
from domain.errors import VigieError
from resources.account_tables import Account
from resources.alert_book import AlertBook
from resources.alert_channels import Channel, open_channels
from resources.database import open_database
from resources.object_store import ObjectStore, open_store
from settings import Settings

_BOOK = "book"  # the cause of the one alert that no book remembers


@dataclass
class Round:
    """What one look came to: alerts opened and ended, messages sent by channel, what kept others from being sent."""

    opened: list[Alert] = field(default_factory=list)
    ended: list[Alert] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        told = ", ".join(f"{count} to {channel}" for channel, count in self.sent.items()) or "none"
        failed = "".join(f"; {channel}: {error}" for channel, error in self.errors.items())
        return f"{len(self.opened)} opened, {len(self.ended)} over; messages sent: {told}{failed}"


class AlertDesk:
    """One target's alerts. Making it opens nothing and reads no secret."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def is_on(self) -> bool:
        """Whether anybody is told."""
        return self.settings.alerts.is_on

    @cached_property
    def channels(self) -> list[Channel]:
        """The channels that the target names."""
        return open_channels(self.settings)

    @property
    def links(self) -> Links:
        """Where messages point to."""
        alerts = self.settings.alerts
        return Links(self.settings.target, alerts.ui_url.rstrip("/"), alerts.runbooks_url.rstrip("/"))

    @cached_property
    def data(self) -> ObjectStore:
        """The data bucket."""
        return open_store(self.settings.stores.data)

    def accounts(self) -> list[Account]:
        """Every account, as the database has it."""
        with closing(open_database(self.settings)) as database:
            return database.accounts()

    @contextmanager
    def book(self) -> Iterator[AlertBook]:
        """The book, closed at the end."""
        with closing(open_database(self.settings)) as database:
            yield AlertBook(database)

    def tell(self, signs: Iterable[Sign], unknown: Collection[Kind], now: datetime) -> Round:
        """Writes down what is new and what is over, and tells every channel what is due there.

        Raises a VigieError where the book cannot be reached: nothing was sent then. A channel's failure is noted, and
        touches no other channel.
        """
        answers = self.settings.alerts
        pace, done = Pace(answers.per_look, answers.per_hour), Round()
        settled = timedelta(minutes=answers.settle_minutes)
        with self.book() as book:
            names = [channel.name for channel in self.channels]
            done.opened, done.ended = book.see(troubles(signs), names, now, unknown=unknown, settled=settled)
            for channel in self.channels:
                self._tell(book, channel, book.claim(channel.name, now, pace, answers.reminders), now, done)
            if done.ended:
                book.forget(now)
        return done

    def _tell(self, book: AlertBook, channel: Channel, waiting: list[Message], now: datetime, done: Round) -> None:
        for position, message in enumerate(waiting):
            if error := self._failure(channel, message, now):
                done.errors[channel.name] = error
                book.refused(channel.name, waiting[position:], now, error)
                return
            book.sent(channel.name, message, now)
            done.sent[channel.name] = done.sent.get(channel.name, 0) + 1

    def _failure(self, channel: Channel, message: Message, now: datetime) -> str:
        """Hands a message over: "" where that went well, else what went wrong. One channel never stops another."""
        try:
            channel.send(message, self.links, now)
        except VigieError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 (its text may hold what was sent, and so the address)
            return f"{type(error).__name__} in this channel."
        return ""

    def tell_away(self, away: BookAway | None, error: VigieError, now: datetime) -> tuple[BookAway, dict[str, str]]:
        """Tells those channels that do not know yet that the book cannot be reached, once that is news: what is to be
        remembered, and what kept channels from being told."""
        now_away = failed(away, now)
        if not now_away.is_news(now):
            return now_away, {}
        took, errors = self._tell_without_book(str(error), now_away, now_away.told, now)
        return now_away.with_told(now_away.told | took), errors

    def tell_back(self, away: BookAway, now: datetime) -> tuple[BookAway | None, dict[str, str]]:
        """Tells those channels that know of it that the book is reached again, once it stays: what is to be remembered,
        None where nothing is, and what kept channels from being told."""
        back = reached(away, now)
        if not back.is_over(now, timedelta(minutes=self.settings.alerts.settle_minutes)):
            return back, {}
        strangers = {channel.name for channel in self.channels} - back.told
        took, errors = self._tell_without_book("it is reached again", back, strangers, now, over=True)
        left = back.told - took
        return (back.with_told(left) if left and errors else None), errors

    def _tell_without_book(
        self, why: str, away: BookAway, besides: Collection[str], now: datetime, *, over: bool = False
    ) -> tuple[set[str], dict[str, str]]:
        """Tells every channel but those: who took it, and what kept others from it."""
        alert = Alert(
            id=0,
            cause=_BOOK,
            episode=int(away.since.timestamp()),
            kind="failure",
            headline="the database of accounts and alerts cannot be reached",
            why=why,
            about=(),
            partitions=0,
            run_id="",
            began=away.since,
            seen=now,
            ended=now if over else None,
        )
        message = Message((Note(alert, OVER if over else OPENED),))
        took, errors = set[str](), dict[str, str]()
        for channel in self.channels:
            if channel.name not in besides:
                if failure := self._failure(channel, message, now):
                    errors[channel.name] = failure
                else:
                    took.add(channel.name)
        return took, errors

    def test(self, now: datetime) -> dict[str, str]:
        """Sends a message to every channel that says it is a test: by channel, "" or what went wrong."""
        alert = Alert(
            id=0,
            cause="test",
            episode=int(now.timestamp()),
            kind="check",
            headline="a test of this channel",
            why="Somebody ran: vigie alerts test. Nothing is wrong.",
            about=(),
            partitions=0,
            run_id="",
            began=now,
            seen=now,
        )
        message = Message((Note(alert, OPENED),))
        return {channel.name: self._failure(channel, message, now) for channel in self.channels}
