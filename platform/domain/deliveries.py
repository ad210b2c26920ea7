"""A newsletter by mail: who asks for it, the message, and when it may be sent: once.

Here: the message and the decision, as pure functions. Not here: sending (resources.smtp_mailer, resources.ses_mailer),
keeping receipts (resources.delivery), the newsletter itself (newsletters).
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal

from domain.client_file import NewsletterDelivery
from domain.errors import ConfigError, PermanentError

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}")
State = Literal["sending", "sent", "refused"]


class UnsureError(PermanentError):
    """The message may have been sent or not: only a person may have it sent again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One attempt to send one issue to one address.

    "sending" is written before the message goes out: a receipt that stays so is of a process that died, or of a server
    that fell silent. "refused": it surely did not go out.
    """

    attempt: int
    state: State
    recipient: str
    message_id: str
    sha256: str  # of the page that was sent
    begun_at: str
    ended_at: str = ""
    reason: str = ""

    def record(self) -> dict[str, Any]:
        """JSON types only."""
        return asdict(self)

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Receipt":
        """The inverse of `record`."""
        return cls(**record)


def is_address(text: str) -> bool:
    """Whether this is one plain mail address, which can neither carry a name nor another header."""
    return bool(_ADDRESS.fullmatch(text)) and len(text) <= 254


def address_of(client_id: str, delivery: NewsletterDelivery) -> str | None:
    """Where a client's file asks its issues to be mailed; None where it does not ask.

    Raises ConfigError where it asks for mail without a usable address.
    """
    if delivery.delivery_method != "email":
        return None
    if not is_address(delivery.notification_email):
        raise ConfigError(
            f"newsletter_delivery.notification_email {delivery.notification_email!r} is no mail address.",
            where=client_id,
            remedy="Write one address, such as reader@example.com, or another delivery_method than email.",
        )
    return delivery.notification_email


def is_over(week_start: date, today: date) -> bool:
    """Whether the week of the issue has ended, so that its page no longer grows. Days are UTC."""
    return week_start + timedelta(days=6) < today


def last_week(today: date) -> date:
    """The Monday of the last week that is over."""
    return today - timedelta(days=today.weekday() + 7)


def next_attempt(receipts: Sequence[Receipt], again: bool) -> int | None:
    """The number of the attempt that may begin now; None where the issue was sent already.

    After an attempt that was surely refused comes another. Raises UnsureError after one whose end is not known, unless
    a person says `again`, which also sends what was sent.
    """
    last = max(receipts, key=lambda receipt: receipt.attempt, default=None)
    if last is None:
        return 1
    if again or last.state == "refused":
        return last.attempt + 1
    if last.state == "sent":
        return None
    raise UnsureError(
        f"attempt {last.attempt} to {last.recipient}, begun at {last.begun_at}, may have been sent or not."
        + (f" {last.reason}" if last.reason else ""),
        remedy="Ask the reader or the mail server; if it did not arrive, send it with --again.",
    )


def message_id(client_id: str, week_start: date, sender: str) -> str:
    """The same for every attempt of an issue: a reader's mailbox may know it again."""
    return f"<newsletter.{client_id}.{week_start}@{sender.rpartition('@')[2]}>"


def digest(page: bytes) -> str:
    """64 hex of what was sent."""
    return hashlib.sha256(page).hexdigest()


def message(
    *, sender: str, recipient: str, subject: str, text: str, html: str, identity: str, at: datetime
) -> EmailMessage:
    """The issue as one mail, in text and as a page. Raises ValueError where a header would hold two lines."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = sender
    mail["To"] = recipient
    mail["Subject"] = subject
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = identity
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text)
    mail.add_alternative(html, subtype="html")
    return mail
