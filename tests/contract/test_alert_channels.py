"""Alerts on real servers: a webhook, Slack's form, mailboxes, and the book on SQLite and PostgreSQL."""

import hashlib
import hmac
import logging
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

import cli
from domain.alert_causes import Sign, Trouble
from domain.alert_messages import Links
from domain.alerts import OPENED, OVER, Alert, Message, Note, Pace
from domain.errors import RefusedError, SettingsError, TransientError, VigieError
from options import AlertMail, Alerts, SecretRef, Webhook
from resources.alert_book import CLAIMED_FOR, AlertBook
from resources.alert_channels import IDENTITY, SIGNATURE, open_channels
from resources.alert_desk import AlertDesk
from resources.database import AccountsDatabase
from settings import PROJECT_ROOT, Settings, load_settings, own_targets
from tests.contract.hook_server import SECRET_PATH, HookServer, hook_server
from tests.contract.mail_server import MailServer, mail_server
from tests.contract.mailing import by_smtp

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LINKS = Links("prod", "https://dagster.example")
PACE = Pace()
ALERT = Alert(7, "c" * 32, 1, "failure", "3 partitions failed", "away", ("client acme",), 3, "b0d1", NOW, NOW)
MESSAGE = Message((Note(ALERT, OPENED),))


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[HookServer]:
    with hook_server() as server:
        monkeypatch.setenv("VIGIE_HOOK", server.secret)
        monkeypatch.setenv("VIGIE_HOOK_KEY", "hunter2-signing-key")
        yield server


@pytest.fixture
def mails() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A dev target; nothing is there yet."""
    return load_settings({"VIGIE_TARGET": "dev", "VIGIE_HOME": str(tmp_path)})


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables and nothing in them: made once, for they take a while."""
    path = tmp_path_factory.mktemp("tables") / "vigie.db"
    with closing(AccountsDatabase(f"sqlite:///{path}")) as database:
        database.upgrade(PROJECT_ROOT / "migrations")
    return path


@pytest.fixture
def with_book(settings: Settings, tables: Path) -> Settings:
    """A dev target whose database has its tables."""
    settings.home.mkdir(parents=True)
    shutil.copy(tables, settings.home / "vigie.db")
    return settings


def with_alerts(settings: Settings, **alerts: object) -> Settings:
    return settings.model_copy(update={"alerts": Alerts.model_validate({"settle_minutes": 0, **alerts})})


WEBHOOK = Webhook(url=SecretRef(env="VIGIE_HOOK"), key=SecretRef(env="VIGIE_HOOK_KEY"))
SLACK = SecretRef(env="VIGIE_HOOK")


class TestChannels:
    def test_a_webhook_is_signed_and_knows_the_message_again(self, settings: Settings, hook: HookServer) -> None:
        (channel,) = open_channels(with_alerts(settings, webhook=WEBHOOK))
        channel.send(MESSAGE, LINKS, NOW)
        ((path, headers, body),) = hook.received
        assert (path, headers["Content-Type"], headers[IDENTITY]) == (
            SECRET_PATH,
            "application/json",
            f"{'c' * 32}-1-opened",
        )
        seconds, digest = (part.partition("=")[2] for part in headers[SIGNATURE].split(","))
        assert digest == hmac.new(b"hunter2-signing-key", seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hook.bodies()[0]["alerts"][0]["concerns"] == ["client acme"]

    def test_slack_gets_what_it_shows(self, settings: Settings, hook: HookServer) -> None:
        (channel,) = open_channels(with_alerts(settings, slack=SLACK))
        channel.send(MESSAGE, LINKS, NOW)
        assert hook.titles() == ["[prod] 3 partitions failed"]

    @pytest.mark.parametrize(
        ("status", "error"),
        [(500, TransientError), (429, TransientError), (404, RefusedError), (302, RefusedError)],
    )
    def test_an_answer_of_no_names_the_host_and_the_setting_never_the_address(
        self, settings: Settings, hook: HookServer, status: int, error: type[VigieError]
    ) -> None:
        hook.status, hook.location = status, f"{hook.url}/elsewhere"
        (channel,) = open_channels(with_alerts(settings, slack=SLACK))
        with pytest.raises(error, match=f"alerts.slack: 127.0.0.1 answered {status}") as said:
            channel.send(MESSAGE, LINKS, NOW)
        assert "hunter2" not in str(said.value)
        assert hook.received == []

    def test_the_address_is_in_no_line_of_any_log(
        self, settings: Settings, hook: HookServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("httpx2").setLevel(logging.DEBUG)
        (channel,) = open_channels(with_alerts(settings, slack=SLACK))
        channel.send(MESSAGE, LINKS, NOW)
        assert "hunter2" not in caplog.text

    def test_a_server_that_is_away_is_to_be_tried_again(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIGIE_HOOK", "http://127.0.0.1:1/hunter2-hook-token")
        (channel,) = open_channels(with_alerts(settings, slack=SLACK))
        with pytest.raises(TransientError, match="cannot be reached") as said:
            channel.send(MESSAGE, LINKS, NOW)
        assert "hunter2" not in str(said.value)

    @pytest.mark.parametrize(
        "address", ["http://hooks.example/x", "ftp://hooks.example/x", "hooks.example/x", "https://", "http://[::1/x"]
    )
    def test_alerts_are_sent_over_tls_only(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, address: str
    ) -> None:
        monkeypatch.setenv("VIGIE_HOOK", address)
        (channel,) = open_channels(with_alerts(settings, slack=SLACK))
        with pytest.raises(SettingsError, match="https://") as said:
            channel.send(MESSAGE, LINKS, NOW)
        assert address == "https://" or address not in str(said.value)

    def test_each_mailbox_is_a_channel_of_its_own(self, settings: Settings, mails: MailServer) -> None:
        mail = AlertMail(to=("ops@x.example", "boss@x.example"), server=by_smtp(mails))
        for channel in open_channels(with_alerts(settings, mail=mail)):
            channel.send(MESSAGE, LINKS, NOW)
        assert [mail["To"] for mail in mails.mails()] == ["ops@x.example", "boss@x.example"]
        assert mails.mails()[0]["Subject"] == "[prod] 3 partitions failed"
        assert "client acme" in str(mails.mails()[0].get_content())

    def test_mail_that_may_have_arrived_is_sent_again_as_the_same_message(
        self, settings: Settings, mails: MailServer
    ) -> None:
        (channel,) = open_channels(with_alerts(settings, mail=AlertMail(to=("ops@x.example",), server=by_smtp(mails))))
        mails.silent = True
        with pytest.raises(TransientError):
            channel.send(MESSAGE, LINKS, NOW)
        mails.silent = False
        channel.send(MESSAGE, LINKS, NOW + timedelta(minutes=1))
        assert [mail["Message-ID"] for mail in mails.mails()] == [f"<alert.{'c' * 32}-1-opened@vigie.example>"]

    def test_mail_without_a_server_and_wrong_addresses_are_refused(self, settings: Settings) -> None:
        with pytest.raises(SettingsError, match=r"alerts\.mail"):
            open_channels(with_alerts(settings, mail=AlertMail(to=("ops@x.example",))))
        with pytest.raises(ValidationError, match="no mail address"):
            AlertMail(to=("ops@x.example\nBcc: a@b.example",))


def trouble(name: str = "store", kind: str = "failure", partitions: int = 3) -> Trouble:
    cause = hashlib.sha256(name.encode()).hexdigest()[:32]
    return Trouble(cause, kind, f"{name} is away", "it does not answer", NOW, ("client acme",), partitions, "b0d1")  # type: ignore[arg-type]


def seen(*found: Trouble) -> dict[str, Trouble]:
    return {one.cause: one for one in found}


def labels(messages: list[Message]) -> list[str]:
    return [note.label for message in messages for note in message.notes]


class TestBook:
    @pytest.fixture
    def book(self, url: str) -> Iterator[AlertBook]:
        with closing(AccountsDatabase(url)) as database:
            database.upgrade(PROJECT_ROOT / "migrations")
            yield AlertBook(database)

    def test_an_alert_opens_once_is_told_once_and_ends_once(self, book: AlertBook) -> None:
        opened, _ended = book.see(seen(trouble()), ["slack"], NOW)
        assert [(one.episode, one.headline, one.about) for one in opened] == [(1, "store is away", ("client acme",))]
        assert book.see(seen(trouble()), ["slack"], NOW) == ([], [])
        (message,) = book.claim("slack", NOW, PACE, 7)
        book.sent("slack", message, NOW)
        assert book.claim("slack", NOW + timedelta(hours=1), PACE, 7) == []
        later = NOW + timedelta(hours=2)
        assert labels([*book.claim("slack", later, PACE, 7)]) == []
        _opened, ended = book.see({}, ["slack"], later)
        assert [one.ended for one in ended] == [later]
        (message,) = book.claim("slack", later, PACE, 7)
        assert labels([message]) == [OVER]
        book.sent("slack", message, later)
        assert book.claim("slack", later, PACE, 7) == []
        assert book.open() == []

    def test_the_same_cause_again_is_a_new_episode(self, book: AlertBook) -> None:
        book.see(seen(trouble()), ["slack"], NOW)
        book.see({}, ["slack"], NOW)
        opened, _ended = book.see(seen(trouble()), ["slack"], NOW)
        assert [one.episode for one in opened] == [2]

    def test_new_victims_of_an_open_cause_are_told_once_they_are_as_many_again(self, book: AlertBook) -> None:
        told = []
        for count in (3, 5, 403, 600):
            late = NOW + timedelta(seconds=count)
            about = tuple(f"account {n}" for n in range(count))
            book.see(seen(replace(trouble(), about=about)), ["slack"], late)
            for message in book.claim("slack", late, PACE, 7):
                book.sent("slack", message, late)
                told += labels([message])
        assert told == ["opened", "wider-9"]
        assert [one.label for one in book.told()[1]] == ["wider-9"]

    def test_what_could_not_be_looked_at_is_not_over(self, book: AlertBook) -> None:
        book.see(seen(trouble("a", "drift"), trouble("b", "check")), ["slack"], NOW)
        _opened, ended = book.see({}, ["slack"], NOW + timedelta(hours=1), unknown={"drift"})
        assert [one.kind for one in ended] == ["check"]

    def test_a_trouble_is_over_only_when_it_has_settled(self, book: AlertBook) -> None:
        settled = timedelta(minutes=10)
        book.see(seen(trouble()), ["slack"], NOW, settled=settled)
        for minutes, gone in ((5, False), (9, False), (10, True)):
            _opened, ended = book.see({}, ["slack"], NOW + timedelta(minutes=minutes), settled=settled)
            assert bool(ended) == gone

    def test_of_many_processes_one_opens_and_one_sends(self, book: AlertBook) -> None:
        found = seen(*(trouble(f"cause-{n}") for n in range(5)))
        barrier = threading.Barrier(4)

        def daemon(_n: int) -> list[Message]:
            barrier.wait()
            book.see(found, ["slack"], NOW)
            return book.claim("slack", NOW, PACE, 7)

        with ThreadPoolExecutor(4) as threads:
            claimed = [message for messages in threads.map(daemon, range(4)) for message in messages]
        assert len(book.open()) == 5
        assert len({message.identity for message in claimed}) == len(claimed) == 5

    def test_what_a_dead_process_has_claimed_is_free_again(self, book: AlertBook) -> None:
        book.see(seen(trouble()), ["slack"], NOW)
        (first,) = book.claim("slack", NOW, PACE, 7)
        assert book.claim("slack", NOW + timedelta(minutes=1), PACE, 7) == []
        assert book.claim("slack", NOW + CLAIMED_FOR, PACE, 7)[0].identity == first.identity

    def test_a_channel_that_is_away_loses_nothing_and_delays_no_other(self, book: AlertBook) -> None:
        book.see(seen(trouble("a"), trouble("b")), ["slack", "webhook"], NOW)
        waiting = book.claim("slack", NOW, PACE, 7)
        book.refused("slack", waiting, NOW, "away")
        for message in book.claim("webhook", NOW, PACE, 7):
            book.sent("webhook", message, NOW)
        assert {one.channel: (one.error, one.at) for one in book.told()[1]} == {
            "slack": ("away", None),
            "webhook": ("", NOW),
        }
        assert labels(book.claim("slack", NOW + timedelta(seconds=29), PACE, 7)) == [OPENED]  # the one not tried
        assert labels(book.claim("slack", NOW + timedelta(seconds=30), PACE, 7)) == [OPENED]

    def test_what_ended_while_a_channel_was_away_is_told_there_as_over(self, book: AlertBook) -> None:
        book.see(seen(trouble()), ["slack"], NOW)
        book.refused("slack", book.claim("slack", NOW, PACE, 7), NOW, "away")
        book.see({}, ["slack"], NOW + timedelta(minutes=1))
        assert labels(book.claim("slack", NOW + timedelta(minutes=1), PACE, 7)) == [OVER]

    def test_two_hundred_causes_at_once_are_six_messages_and_later_no_storm(self, book: AlertBook) -> None:
        book.see(seen(*(trouble(f"cause-{n}") for n in range(200))), ["slack"], NOW)
        messages = book.claim("slack", NOW, PACE, 7)
        assert [len(one.notes) for one in messages] == [1, 1, 1, 1, 1, 195]
        for message in messages:
            book.sent("slack", message, NOW)
        more = seen(*(trouble(f"cause-{n}") for n in range(220)))
        book.see(more, ["slack"], NOW + timedelta(minutes=1))
        assert [len(one.notes) for one in book.claim("slack", NOW + timedelta(minutes=1), PACE, 7)] == [1] * 5

    def test_what_was_over_long_ago_is_forgotten(self, book: AlertBook) -> None:
        book.see(seen(trouble("a"), trouble("b")), ["slack"], NOW)
        book.see(seen(trouble("a")), ["slack"], NOW + timedelta(days=1))
        assert book.forget(NOW + timedelta(days=90)) == 0
        assert book.forget(NOW + timedelta(days=92)) == 1
        assert [one.cause for one in book.open()] == [trouble("a").cause]


def sign(name: str = "acme") -> Sign:
    what, why = f"client_items of {name} failed", "the store is away"
    return Sign("failure", what, why, NOW, f"client {name}", "client_items", f"{name}|2026-11-21")


class TestDesk:
    def test_a_trouble_reaches_every_channel_once_and_so_does_its_end(
        self, with_book: Settings, hook: HookServer, mails: MailServer
    ) -> None:
        mail = AlertMail(to=("ops@x.example",), server=by_smtp(mails))
        desk = AlertDesk(with_alerts(with_book, slack=SLACK, webhook=WEBHOOK, mail=mail))
        for minutes in range(3):
            desk.tell([sign("acme"), sign("beta")], (), NOW + timedelta(minutes=minutes))
        assert hook.titles() == ["[dev] 2 partitions failed (client_items)"] * 2
        done = desk.tell([], (), NOW + timedelta(minutes=5))
        assert done.sent == {"webhook": 1, "slack": 1, "mail:ops@x.example": 1}
        assert [str(mail["Subject"]) for mail in mails.mails()] == [
            "[dev] 2 partitions failed (client_items)",
            "[dev] Over: 2 partitions failed (client_items)",
        ]

    def test_a_channel_that_is_away_is_tried_again_and_the_others_are_told(
        self, with_book: Settings, hook: HookServer, mails: MailServer
    ) -> None:
        mail = AlertMail(to=("ops@x.example",), server=by_smtp(mails))
        desk = AlertDesk(with_alerts(with_book, slack=SLACK, mail=mail))
        hook.status = 503
        done = desk.tell([sign()], (), NOW)
        assert done.sent == {"mail:ops@x.example": 1}
        assert done.errors == {"slack": "alerts.slack: 127.0.0.1 answered 503."}
        hook.status = 200
        done = desk.tell([sign()], (), NOW + timedelta(minutes=1))
        assert done.sent == {"slack": 1}
        assert len(mails.received) == len(hook.received) == 1

    def test_without_its_book_it_sends_nothing_that_it_could_not_remember(
        self, with_book: Settings, hook: HookServer
    ) -> None:
        away = with_book.model_copy(
            update={"database": replace_url(with_book, "postgresql+psycopg2://nobody@127.0.0.1:1/x")}
        )
        desk = AlertDesk(with_alerts(away, slack=SLACK))
        with pytest.raises(TransientError, match="the database does not answer") as error:
            desk.tell([sign()], (), NOW)
        assert hook.received == []
        kept, _errors = desk.tell_away(None, error.value, NOW)
        assert hook.received == []  # one failed look is weather
        for minutes in (2, 3):
            kept, errors = desk.tell_away(kept, error.value, NOW + timedelta(minutes=minutes))
            assert (kept.since, set(kept.told), errors) == (NOW, {"slack"}, {})
        assert hook.titles() == ["[dev] the database of accounts and alerts cannot be reached"]


def replace_url(settings: Settings, url: str) -> object:
    return settings.database.model_copy(update={"url": url})


class TestCommands:
    @pytest.fixture
    def target(
        self, tmp_path: Path, with_book: Settings, hook: HookServer, monkeypatch: pytest.MonkeyPatch
    ) -> Settings:
        """A target of this machine's own that tells Slack."""
        own_targets(tmp_path).mkdir()
        text = (PROJECT_ROOT / "platform" / "targets" / "dev.yaml").read_text(encoding="utf-8")
        text = text.replace("${TARGET_HOME}/vigie.db", str(tmp_path / "dev" / "vigie.db"))
        (own_targets(tmp_path) / "told.yaml").write_text(f"{text}\nalerts: {{slack: {{env: VIGIE_HOOK}}}}\n")
        for name, value in {"VIGIE_HOME": str(tmp_path), "VIGIE_TARGET": "told", "COLUMNS": "2000"}.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    def test_a_test_says_what_became_of_it_on_each_channel(self, target: Settings, hook: HookServer) -> None:
        done = CliRunner().invoke(cli.app, ["alerts", "test"])
        assert (done.exit_code, done.stdout) == (0, "slack: sent\n")
        assert hook.titles() == ["[told] a test of this channel"]
        hook.status = 404
        done = CliRunner().invoke(cli.app, ["alerts", "test"])
        assert done.exit_code == 1
        assert done.stdout.startswith("slack: alerts.slack: 127.0.0.1 answered 404.")

    def test_the_list_shows_what_is_open_and_what_kept_it_from_being_told(
        self, target: Settings, hook: HookServer
    ) -> None:
        assert CliRunner().invoke(cli.app, ["alerts", "list"]).stdout == "no open alert\n"
        hook.status = 503
        AlertDesk(target).tell([sign()], (), NOW)
        said = CliRunner().invoke(cli.app, ["alerts", "list"]).stdout
        assert "client_items of acme failed" in said
        assert "slack: not yet. alerts.slack: 127.0.0.1 answered 503." in said
        assert "docs/runbooks.md#failure" in said

    def test_a_target_that_tells_nobody_says_how_it_would(
        self, target: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VIGIE_TARGET", "dev")
        done = CliRunner().invoke(cli.app, ["alerts", "test"])
        assert (done.exit_code, done.stdout) == (1, "")
        assert "docs/alerts.md" in done.stderr
