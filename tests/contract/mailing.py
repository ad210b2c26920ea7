"""A target that mails, with a client, its issue, and what arrived. Not here: servers, what a suite asserts."""

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import yaml

from domain.clients import ClientConfig, read_client
from domain.newsletters import compose, manifest, render_html, render_markdown, to_json
from domain.selection_policy import Policy
from domain.stories import Story
from options import Delivery
from resources.archive import Archive
from resources.delivery import DeliveryDesk
from resources.object_store import open_store
from settings import Settings, load_settings
from tests.contract.mail_server import MailServer
from tests.unit.newsletter_parts import story

WEEK = date(2026, 11, 9)
NOW = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)
READER, SENDER = "reader@client.example", "news@vigie.example"


def client(name: str = "acme", method: str = "email", address: str = READER, active: bool = True) -> ClientConfig:
    document = {
        "client_profile": {"name": "Acme “Weekly”", "active": active, "language": "fr"},
        "source_config": {"sources_extra_enabled": ["press_sector__a"]},
        "newsletter_delivery": {"delivery_method": method, "notification_email": address},
    }
    return read_client(f"clients/{name}.yaml", yaml.safe_dump(document).encode())


@dataclass
class Office:
    """A target that mails, with one client and its issue; `mails` is what arrived anywhere."""

    settings: Settings
    mails: Callable[[], list[EmailMessage]]

    @property
    def desk(self) -> DeliveryDesk:
        return DeliveryDesk(self.settings)

    def publish(self, *stories: Story, config: ClientConfig | None = None) -> None:
        """Writes an issue where the asset writes it."""
        config = config or client()
        page = compose(config.client_id, config.name, config.language, WEEK, stories, Policy())
        store, folder = open_store(self.settings.stores.newsletters), f"{config.client_id}/{WEEK:%Y/%m/%d}"
        store.put(f"{folder}/newsletter.html", render_html(page).encode())
        store.put(f"{folder}/newsletter.md", render_markdown(page).encode())
        store.put(f"{folder}/newsletter.json", orjson.dumps(to_json(page, NOW)))
        store.put(f"{folder}/manifest.json", orjson.dumps(manifest(page, {}, NOW)))
        Archive(open_store(self.settings.stores.data)).keep_config(config, "etag")

    def receipts(self) -> list[tuple[int, str]]:
        return [(one.attempt, one.state) for one in self.desk.receipts("acme", WEEK)]


def settings_of(home: Path, delivery: Delivery) -> Settings:
    settings = load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(home)})
    for folder in ("data", "newsletters"):
        (home / "dev" / folder).mkdir(parents=True, exist_ok=True)
    return settings.model_copy(update={"delivery": delivery})


def by_smtp(server: MailServer, **more: Any) -> Delivery:
    host, port = server.address
    fixed: dict[str, Any] = {"kind": "smtp", "host": host, "port": port, "starttls": False, "sender": SENDER}
    return Delivery(**fixed | {"timeout": 5.0} | more)


def taken_by_ses(address: str) -> list[EmailMessage]:
    """Every message that the server's SES has taken."""
    with urllib.request.urlopen(f"{address}/moto-api/data.json", timeout=10) as answer:
        raw: list[dict[str, str]] = json.load(answer).get("ses", {}).get("RawMessage", [])
    return [message_from_string(one["raw_data"], policy=policy.default) for one in raw]


def told(title: str = "Le dépôt d’Orvane <approuvé>") -> Story:
    return story(title=title, day=WEEK, published_at=WEEK, summary="Une ligne.\n.\nFin " + "é" * 200)
