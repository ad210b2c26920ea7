"""Newsletters by mail, each issue once: which are due, and the receipt that is kept before anything goes out.

Here: issue -> message -> receipt -> sent. Not here: the message and the decision (domain.deliveries), how a server is
spoken to (smtp_mailer, ses_mailer), when it is due (schedules).

    deliveries/{week}/{client}/{attempt}.json             an attempt to send the client's issue to its own address
    deliveries/{week}/{client}/to-{digest}/{attempt}.json   one to send it to an address that a person named
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from functools import cached_property
from typing import Protocol

import orjson

from domain.clients import ClientConfig
from domain.deliveries import (
    Receipt,
    UnsureError,
    address_of,
    digest,
    is_address,
    is_over,
    message,
    message_id,
    next_attempt,
)
from domain.errors import ConfigError, MissingError, RefusedError, SettingsError, VigieError
from domain.newsletter_templates import period, words_of
from options import Delivery
from resources.object_store import ObjectStore, open_store
from resources.secrets import read_secret
from settings import Settings

_JSON = "application/json"


class Mailer(Protocol):
    """What takes a message. It is asked once: a message that was handed over is never handed over again."""

    def send(self, mail: EmailMessage) -> None:
        """Hands the message over.

        Raises RefusedError or TransientError where it surely did not go out, UnsureError where nobody can say.
        """


@dataclass(frozen=True, slots=True)
class Issue:
    """One newsletter as it is stored: its text, its page, and how many stories it holds."""

    client_id: str
    week_start: date
    subject: str
    stories: int
    text: str
    html: str


class DeliveryDesk:
    """One target's deliveries. Making it opens nothing and reads no secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _pages(self) -> ObjectStore:
        return open_store(self._settings.stores.newsletters)

    @cached_property
    def _data(self) -> ObjectStore:
        return open_store(self._settings.stores.data)

    @property
    def options(self) -> Delivery:
        """What the target says about delivery."""
        return self._settings.delivery

    @property
    def is_on(self) -> bool:
        """Whether the target mails newsletters at all."""
        return self.options.kind != "none"

    def issue(self, client_id: str, week_start: date) -> Issue:
        """The stored issue. Raises MissingError where there is none yet."""
        folder = _place(client_id, week_start)
        try:
            facts = orjson.loads(self._pages.get(f"{folder}/newsletter.json").body)
            text = self._pages.get(f"{folder}/newsletter.md").body.decode()
            html = self._pages.get(f"{folder}/newsletter.html").body.decode()
        except MissingError as error:
            raise MissingError(
                "there is no such issue.",
                where=f"{client_id}|{week_start}",
                remedy="Materialize newsletter of that client and week first.",
            ) from error
        words = words_of(facts.get("language", ""))
        week = period(week_start, week_start + timedelta(days=6), words)
        subject = f"{facts.get('client_name', client_id)}{words['colon']} {week}"
        return Issue(client_id, week_start, subject, self._stories(client_id, week_start), text, html)

    def mail(self, issue: Issue, recipient: str, at: datetime) -> EmailMessage:
        """The issue as a message."""
        sender = self.options.sender or "newsletters@localhost.localdomain"
        return message(
            sender=sender,
            recipient=recipient,
            subject=issue.subject,
            text=issue.text,
            html=issue.html,
            identity=message_id(issue.client_id, issue.week_start, sender),
            at=at,
        )

    def receipts(self, client_id: str, week_start: date, to: str | None = None) -> list[Receipt]:
        """Every attempt to send the issue to the client's own address, or to the one that a person named."""
        return _receipts(self._data, _folder(client_id, week_start, to))

    def due(self, configs: Iterable[ClientConfig], week_start: date) -> list[str]:
        """The clients that ask for mail and have an issue with stories which no attempt has sent, or may have sent."""
        asking = [config for config in configs if config.file.newsletter_delivery.delivery_method == "email"]
        tried = self._data.list(f"deliveries/{week_start}/") if asking else ()
        begun = {info.key.split("/")[2] for info in tried}
        return sorted(
            config.client_id
            for config in asking
            if config.active
            and (config.client_id not in begun or _may_begin(self.receipts(config.client_id, week_start)))
            and self._stories(config.client_id, week_start)
        )

    def _stories(self, client_id: str, week_start: date) -> int:
        """How many stories the issue holds; 0 where there is none."""
        try:
            stored = self._pages.get(f"{_place(client_id, week_start)}/manifest.json")
        except MissingError:
            return 0
        return int(orjson.loads(stored.body)["total_items"])

    def send(
        self,
        config: ClientConfig,
        week_start: date,
        now: datetime,
        *,
        to: str | None = None,
        again: bool = False,
    ) -> Receipt | None:
        """Sends the issue to the client's address, or `to` another one; None where it was sent already.

        A receipt is written before, so that of two processes one sends, and a crash is seen. Raises RefusedError for a
        week that is not over, an empty issue or a client that does not ask; UnsureError where it may have been sent.
        """
        self._check_on()
        issue, recipient = self._deliverable(config, week_start, now, to)
        store, folder = self._data, _folder(config.client_id, week_start, to)
        attempt = next_attempt(_receipts(store, folder), again)
        if attempt is None:
            return None
        mailer = self._mailer()
        mail = self.mail(issue, recipient, now)
        receipt = Receipt(
            attempt, "sending", recipient, str(mail["Message-ID"]), digest(issue.html.encode()), now.isoformat()
        )
        key = f"{folder}/{attempt:03}.json"
        if not store.put_if_absent(key, _packed(receipt), _JSON):
            return None  # another process was first: it sends
        try:
            mailer.send(mail)
        except UnsureError as error:
            store.put(key, _packed(replace(receipt, reason=str(error))), _JSON)
            raise
        except VigieError as error:
            store.put(key, _packed(replace(receipt, state="refused", ended_at=_now(), reason=str(error))), _JSON)
            raise
        sent = replace(receipt, state="sent", ended_at=_now())
        store.put(key, _packed(sent), _JSON)
        return sent

    def preview(self, issue: Issue, now: datetime) -> str | None:
        """Sends the issue to `preview_to`, marked as a preview, without a receipt; None where nobody gets previews."""
        if not (self.is_on and self.options.preview_to):
            return None
        self._mailer().send(
            self.mail(replace(issue, subject=f"[preview] {issue.subject}"), self.options.preview_to, now)
        )
        return self.options.preview_to

    def _deliverable(self, config: ClientConfig, week_start: date, now: datetime, to: str | None) -> tuple[Issue, str]:
        where = f"{config.client_id}|{week_start}"
        if to is not None and not is_address(to):
            raise ConfigError(f"{to!r} is no mail address.", remedy="Write one, such as reader@example.com.")
        recipient = to or address_of(config.client_id, config.file.newsletter_delivery)
        if recipient is None:
            raise RefusedError(
                "the client does not ask for mail.",
                where=where,
                remedy="Set newsletter_delivery.delivery_method to email in its file, or name an address with --to.",
            )
        if not is_over(week_start, now.astimezone(UTC).date()):
            raise RefusedError(
                "the week is not over: its issue still grows.", where=where, remedy="Send it from Monday on (UTC)."
            )
        issue = self.issue(config.client_id, week_start)
        if not issue.stories:
            raise RefusedError("the issue is empty: nothing is sent.", where=where)
        return issue, recipient

    def _check_on(self) -> None:
        if not self.is_on:
            raise SettingsError(
                "this target mails nothing.",
                where="delivery.kind: none",
                remedy="Add a block `delivery` to the target, see docs/read-a-newsletter.md.",
            )

    def _mailer(self) -> Mailer:
        return mailer_of(self._settings, self.options)


def mailer_of(settings: Settings, options: Delivery) -> Mailer:
    """What these options mail with; a password is read now, and kept nowhere."""
    if options.kind == "ses":
        # Imported here: AWS's packages cost every process a second, and only some targets use them.
        from resources.ses_mailer import SesMailer

        return SesMailer(options.region, options.endpoint_url, options.timeout)
    from resources.smtp_mailer import SmtpMailer

    return SmtpMailer(options, read_secret(settings, options.password))


def _place(client_id: str, week_start: date) -> str:
    return f"{client_id}/{week_start:%Y/%m/%d}"


def _receipts(store: ObjectStore, folder: str) -> list[Receipt]:
    keys = [info.key for info in store.list(f"{folder}/") if "/" not in info.key.removeprefix(f"{folder}/")]
    return [Receipt.of_record(orjson.loads(store.get(key).body)) for key in keys]


def _may_begin(receipts: list[Receipt]) -> bool:
    try:
        return next_attempt(receipts, again=False) is not None
    except UnsureError:
        return False


def _folder(client_id: str, week_start: date, to: str | None) -> str:
    own = f"deliveries/{week_start}/{client_id}"
    return own if to is None else f"{own}/to-{hashlib.sha256(to.casefold().encode()).hexdigest()[:16]}"


def _packed(receipt: Receipt) -> bytes:
    return orjson.dumps(receipt.record(), option=orjson.OPT_INDENT_2)


def _now() -> str:
    return datetime.now(UTC).isoformat()
