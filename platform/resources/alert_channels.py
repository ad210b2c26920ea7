"""The ways an alert reaches people: a webhook, Slack, one mailbox each. Each fails on its own.

Here: handing one message over, and what the answer means. Not here: words (domain.alert_messages), what is due
(alert_book), the calls of SMTP and SES (smtp_mailer, ses_mailer). Addresses of webhooks are secrets: they are read as a
message goes out, and stand in no error.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

import httpx2
import orjson

from domain.alert_messages import Links, mail, signature, slack_body, webhook_body
from domain.alerts import Message
from domain.deliveries import UnsureError
from domain.errors import RefusedError, SettingsError, TransientError
from options import SecretRef
from resources.delivery import Mailer, mailer_of
from resources.secrets import read_secret
from settings import Settings

_HERE = ("127.0.0.1", "localhost", "::1")
SIGNATURE = "X-Vigie-Signature"
IDENTITY = "X-Vigie-Message"
Read = Callable[[SecretRef | None], str | None]


class Channel(Protocol):
    """One place where people are told. Making it reads no secret and opens nothing."""

    @property
    def name(self) -> str:
        """What the channel is called in the book and on the screen; no secret is in it."""

    def send(self, message: Message, links: Links, now: datetime) -> None:
        """Hands the message over. Raises a VigieError where it did not go out, or nobody can say: it is tried again."""


class WebhookChannel:
    """A POST of JSON to an address that is a secret; with a key the body is signed."""

    name = "webhook"

    def __init__(self, read: Read, url: SecretRef, key: SecretRef | None, timeout: float) -> None:
        self._read, self._url, self._key, self._timeout = read, url, key, timeout

    def send(self, message: Message, links: Links, now: datetime) -> None:
        """See Channel."""
        body = orjson.dumps(webhook_body(message, links, now))
        headers = {IDENTITY: message.identity}
        if key := self._read(self._key):
            headers[SIGNATURE] = signature(key, body, now)
        post(self._read(self._url), body, headers, self._timeout, "alerts.webhook.url")


class SlackChannel:
    """An incoming webhook of Slack."""

    name = "slack"

    def __init__(self, read: Read, url: SecretRef, timeout: float) -> None:
        self._read, self._url, self._timeout = read, url, timeout

    def send(self, message: Message, links: Links, now: datetime) -> None:
        """See Channel."""
        post(self._read(self._url), orjson.dumps(slack_body(message, links)), {}, self._timeout, "alerts.slack")


class MailChannel:
    """One mailbox."""

    def __init__(self, mailer: Callable[[], Mailer], sender: str, recipient: str) -> None:
        self._mailer, self._sender, self._recipient = mailer, sender, recipient

    @property
    def name(self) -> str:
        """The address."""
        return f"mail:{self._recipient}"

    def send(self, message: Message, links: Links, now: datetime) -> None:
        """See Channel. A message that may have arrived is sent again: it carries the same Message-ID."""
        try:
            self._mailer().send(mail(message, links, self._sender, self._recipient, now))
        except UnsureError as error:
            raise TransientError(error.message, where=error.where) from None


def open_channels(settings: Settings) -> list[Channel]:
    """The target's channels. Raises SettingsError where mail is asked for and nothing says how."""
    alerts = settings.alerts

    def read(reference: SecretRef | None) -> str | None:
        return read_secret(settings, reference)

    found: list[Channel] = []
    if alerts.webhook:
        found.append(WebhookChannel(read, alerts.webhook.url, alerts.webhook.key, alerts.timeout))
    if alerts.slack:
        found.append(SlackChannel(read, alerts.slack, alerts.timeout))
    if alerts.mail:
        server = alerts.mail.server or settings.delivery
        if server.kind == "none":
            raise SettingsError(
                "alerts by mail need a mail server.",
                where="alerts.mail",
                remedy="Give `alerts.mail.server` the fields of `delivery`: kind, sender, host; or turn `delivery` on.",
            )
        found += [
            MailChannel(lambda: mailer_of(settings, server), server.sender, recipient) for recipient in alerts.mail.to
        ]
    return found


def post(url: str | None, body: bytes, headers: dict[str, str], timeout: float, setting: str) -> None:
    """Posts JSON, follows no redirect. Errors name the setting and the host, never the address."""
    # Its line of each request holds the whole address, which is the secret.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    host = _host(url, setting)
    try:
        answer = httpx2.post(
            url or "",
            content=body,
            headers={"Content-Type": "application/json", "User-Agent": "Vigie", **headers},
            timeout=timeout,
            follow_redirects=False,
        )
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise TransientError(f"{host} cannot be reached ({type(error).__name__}).", where=setting) from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise TransientError(f"{host} answered {answer.status_code}.", where=setting)
    if answer.status_code >= 300:
        raise RefusedError(
            f"{host} answered {answer.status_code}.",
            where=setting,
            remedy="Check that the secret holds the whole address, and that it is still valid there.",
        )


def _host(url: str | None, setting: str) -> str:
    """The host alone. Raises SettingsError for an address that alerts are not sent to."""
    try:
        parts = urlsplit(url or "")
        host, scheme = parts.hostname, parts.scheme
    except ValueError:
        host = scheme = None
    if not host or not (scheme == "https" or (scheme == "http" and host in _HERE)):
        raise SettingsError(
            "the secret is no address that begins with https://.", where=setting, remedy="Write the whole address."
        )
    return host
