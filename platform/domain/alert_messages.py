"""An alert in words: for a webhook, for Slack, for a mailbox. What is told is data: nothing in it is obeyed.

Here: the words, their escaping, the signature of a webhook's body. Not here: sending (resources.alert_channels), what
is told and when (domain.alerts).
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from domain.alert_causes import Kind
from domain.alerts import OPENED, OVER, WIDER, Alert, Message, Note, count_by_kind

VERSION = 1  # of a webhook's body
_SHOWN = 20  # alerts in a summary
_NAMED = 10  # clients, accounts, sources in one line
_LONGEST_WHY = 1200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s?#'\"]+)\?[^\s'\"]*")
_LOGIN = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@'\"]+@")

_ABOUT_KIND: Mapping[Kind, str] = {
    "daemon": "Dagster's daemon",
    "failure": "failed runs and partitions",
    "sensor": "sensors and schedules",
    "source": "sources",
    "drift": "drift",
    "delivery": "newsletters in doubt",
    "approval": "waiting approvals",
    "freshness": "clients without a new day",
    "check": "failed checks",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where people look: the Dagster UI, the page of runbooks (its anchors are the kinds). No slash at their ends."""

    target: str
    ui: str = ""
    runbooks: str = ""

    def run(self, run_id: str) -> str:
        """The run's page; "" where there is no run or no UI."""
        return f"{self.ui}/runs/{run_id}" if self.ui and run_id else ""

    def runbook(self, kind: Kind) -> str:
        """What to do about troubles of that kind."""
        return f"{self.runbooks or 'docs/runbooks.md'}#{kind}"


def plain(text: str, longest: int = 300) -> str:
    """One line without control characters, without logins and queries in addresses, cut where it is too long."""
    line = _CONTROL.sub(" ", _QUERY.sub(r"\1?…", _LOGIN.sub(r"\1", text))).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


def title(message: Message, links: Links) -> str:
    """The first line: which target, what."""
    if message.summary:
        return f"[{links.target}] {len(message.notes):,} more alerts"
    note = message.notes[0]
    return f"[{links.target}] {_state(note)}{plain(note.alert.headline)}"


def facts(alert: Alert, links: Links) -> list[tuple[str, str]]:
    """What is known of an alert, line by line."""
    found = [("cause", plain(alert.why, _LONGEST_WHY))]
    if alert.about:
        found.append(("concerns", _named(alert.about)))
    found.append(("since", f"{alert.began:%Y-%m-%d %H:%M} UTC"))
    if alert.ended:
        found.append(("over since", f"{alert.ended:%Y-%m-%d %H:%M} UTC"))
    if alert.partitions:
        found.append(("partitions", f"{alert.partitions:,}"))
    if run := links.run(alert.run_id):
        found.append(("run", run))
    return [*found, ("what to do", links.runbook(alert.kind))]


def text(message: Message, links: Links) -> str:
    """The whole message as plain text."""
    if not message.summary:
        lines = [f"{name}: {said}" for name, said in facts(message.notes[0].alert, links)]
        return "\n".join([title(message, links), "", *lines]) + "\n"
    kinds = [f"{count:,} {_ABOUT_KIND[kind]}" for kind, count in count_by_kind(message.notes).items()]
    more = len(message.notes) - _SHOWN
    tail = [f"- and {more:,} more: vigie alerts list"] if more > 0 else []
    return "\n".join([title(message, links), "", ", ".join(kinds), "", *_lines(message.notes), *tail]) + "\n"


def webhook_body(message: Message, links: Links, at: datetime) -> dict[str, Any]:
    """The body of a webhook, as JSON types. Its fields only ever grow; `version` says when one changes its meaning."""
    return {
        "version": VERSION,
        "id": message.identity,
        "target": links.target,
        "sent_at": at.isoformat(),
        "summary": message.summary,
        "title": title(message, links),
        "alerts": [_record(note, links) for note in message.notes],
    }


def signature(key: str, body: bytes, at: datetime) -> str:
    """`t={seconds},v1={hex}`: HMAC-SHA256 with the key of `{seconds}.{body}`; its time lets replays be refused."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(key.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def slack_escaped(said: str) -> str:
    """Text that Slack shows as it is: no link, no mention of a person or a channel."""
    escaped = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"@(?=\w)", "@\u2060", escaped)  # a word joiner: no @name, whatever the channel makes of names


def slack_body(message: Message, links: Links) -> dict[str, Any]:
    """The body for an incoming webhook of Slack. Data stands in `plain_text` only, which Slack does not interpret."""
    head = title(message, links)
    whole = text(message, links).partition("\n")[2].strip()
    return {
        "text": slack_escaped(head),
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [
            {"type": "header", "text": _slack_text(head, 150)},
            {"type": "section", "text": _slack_text(whole, 3000)},
            *_slack_links(message, links),
        ],
    }


def mail(message: Message, links: Links, sender: str, recipient: str, at: datetime) -> EmailMessage:
    """The message for one mailbox; every attempt carries the same Message-ID."""
    made = EmailMessage(policy=policy.SMTP)
    made["From"] = sender
    made["To"] = recipient
    made["Subject"] = title(message, links)
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<alert.{message.identity}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text(message, links))
    return made


def _record(note: Note, links: Links) -> dict[str, Any]:
    alert = note.alert
    return {
        "id": f"{alert.cause}-{alert.episode}",
        "state": "over" if note.label == OVER else "open",
        "note": note.label,
        "kind": alert.kind,
        "headline": plain(alert.headline),
        "cause": plain(alert.why, _LONGEST_WHY),
        "concerns": [plain(one) for one in alert.about],
        "partitions": alert.partitions,
        "began_at": alert.began.isoformat(),
        "ended_at": alert.ended.isoformat() if alert.ended else None,
        "run_url": links.run(alert.run_id) or None,
        "runbook_url": links.runbook(alert.kind),
    }


def _lines(notes: Sequence[Note]) -> list[str]:
    return [f"- {_state(note).lower()}{plain(note.alert.headline)}" for note in notes[:_SHOWN]]


def _state(note: Note) -> str:
    if note.label.startswith(WIDER):
        return "Now also others: "
    return {OPENED: "", OVER: "Over: "}.get(note.label, "Still: ")


def _named(about: Sequence[str]) -> str:
    more = f" and {len(about) - _NAMED:,} more" if len(about) > _NAMED else ""
    return ", ".join(plain(one) for one in about[:_NAMED]) + more


def _slack_text(said: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "emoji": False, "text": said if len(said) <= longest else said[: longest - 1] + "…"}


def _slack_links(message: Message, links: Links) -> list[dict[str, Any]]:
    """Links that can be clicked: they are made of settings and ids alone."""
    if message.summary:
        return []
    alert = message.notes[0].alert
    aims = [(links.run(alert.run_id), "run"), (links.runbook(alert.kind), "what to do")]
    shown = " · ".join(f"<{url}|{name}>" for url, name in aims if url.startswith(("https://", "http://")))
    return [{"type": "context", "elements": [{"type": "mrkdwn", "text": shown}]}] if shown else []
