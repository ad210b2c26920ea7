"""Newsletters by mail, over real SMTP and the real SES client: each issue once, whatever fails where."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest
import yaml
from pydantic import ValidationError
from typer.testing import CliRunner, Result

import cli
from domain.deliveries import UnsureError, is_address, is_over, last_week
from domain.errors import ConfigError, MissingError, RefusedError, SettingsError, TransientError
from options import Delivery, SecretRef
from resources.delivery import DeliveryDesk
from resources.object_store import open_store
from tests.contract.mail_server import MailServer, mail_server
from tests.contract.mailing import (
    NOW,
    READER,
    SENDER,
    WEEK,
    Office,
    by_smtp,
    client,
    settings_of,
    taken_by_ses,
    told,
)


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def smtp(server: MailServer, tmp_path: Path) -> Office:
    office = Office(settings_of(tmp_path, by_smtp(server)), server.mails)
    office.publish(told())
    return office


@pytest.fixture
def ses(s3_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    before = len(taken_by_ses(s3_server))
    boto3.client("sesv2", endpoint_url=s3_server, region_name="eu-west-3").create_email_identity(EmailIdentity=SENDER)
    delivery = Delivery(kind="ses", sender=SENDER, region="eu-west-3", endpoint_url=s3_server)
    office = Office(settings_of(tmp_path, delivery), lambda: taken_by_ses(s3_server)[before:])
    office.publish(told())
    return office


@pytest.fixture(params=["smtp", "ses"])
def office(request: pytest.FixtureRequest) -> Office:
    made: Office = request.getfixturevalue(request.param)
    return made


class TestBothWays:
    def test_an_issue_arrives_whole_in_text_and_as_a_page(self, office: Office) -> None:
        office.desk.send(client(), WEEK, NOW)
        (mail,) = office.mails()
        assert (mail["From"], mail["To"]) == (SENDER, READER)
        assert mail["Subject"] == "Acme “Weekly” : 9 au 15 novembre 2026"
        assert mail["Message-ID"] == "<newsletter.acme.2026-11-09@vigie.example>"
        assert mail["Date"].datetime == NOW
        text, page = (mail.get_body((kind,)) for kind in ("plain", "html"))
        assert text is not None
        assert page is not None
        stored = open_store(office.settings.stores.newsletters)
        for part, name in ((text, "newsletter.md"), (page, "newsletter.html")):
            body = stored.get(f"acme/2026/11/09/{name}").body.decode()
            assert part.get_content().replace("\r\n", "\n") == body

    def test_it_is_sent_once_even_if_its_page_changes_afterwards(self, office: Office) -> None:
        receipt = office.desk.send(client(), WEEK, NOW)
        assert receipt is not None
        office.publish(told("Another title"))
        assert office.desk.send(client(), WEEK, NOW + timedelta(days=1)) is None
        assert len(office.mails()) == 1
        assert office.receipts() == [(1, "sent")]

    def test_of_many_at_once_one_sends(self, office: Office) -> None:
        start = threading.Barrier(4)

        def try_it() -> None:
            start.wait()
            with suppress(UnsureError):  # it saw the receipt of the one that is sending
                office.desk.send(client(), WEEK, NOW)

        threads = [threading.Thread(target=try_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(office.mails()) == 1
        assert office.receipts() == [(1, "sent")]

    def test_a_person_may_have_it_sent_again_under_the_same_identity(self, office: Office) -> None:
        office.desk.send(client(), WEEK, NOW)
        office.desk.send(client(), WEEK, NOW, again=True)
        first, second = office.mails()
        assert first["Message-ID"] == second["Message-ID"]
        assert office.receipts() == [(1, "sent"), (2, "sent")]

    def test_a_copy_to_another_address_is_no_delivery(self, office: Office) -> None:
        for _ in range(2):
            office.desk.send(client(), WEEK, NOW, to="boss@client.example")
        assert [mail["To"] for mail in office.mails()] == ["boss@client.example"]
        assert office.receipts() == []
        office.desk.send(client(), WEEK, NOW)
        assert [mail["To"] for mail in office.mails()] == ["boss@client.example", READER]

    def test_a_server_that_cannot_be_reached_took_nothing_and_the_next_attempt_may_begin(self, office: Office) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
        there = office.settings.delivery
        gone = there.model_copy(update={"port": port, "endpoint_url": f"http://127.0.0.1:{port}"})
        unreachable = Office(office.settings.model_copy(update={"delivery": gone}), office.mails)
        with pytest.raises(TransientError):
            unreachable.desk.send(client(), WEEK, NOW)
        assert office.desk.due([client()], WEEK) == ["acme"]
        office.desk.send(client(), WEEK, NOW)
        assert office.receipts() == [(1, "refused"), (2, "sent")]
        assert len(office.mails()) == 1


class TestCrash:
    def test_a_process_that_died_while_sending_leaves_it_to_a_person(self, smtp: Office) -> None:
        store = open_store(smtp.settings.stores.data)
        begun = {"attempt": 1, "state": "sending", "recipient": READER, "message_id": "x", "sha256": "y"}
        store.put(f"deliveries/{WEEK}/acme/001.json", orjson.dumps({**begun, "begun_at": NOW.isoformat()}))
        with pytest.raises(UnsureError, match=r"may have been sent or not.*--again"):
            smtp.desk.send(client(), WEEK, NOW)
        assert smtp.desk.due([client()], WEEK) == []
        assert smtp.mails() == []
        assert smtp.desk.send(client(), WEEK, NOW, again=True)
        assert smtp.receipts() == [(1, "sending"), (2, "sent")]

    def test_a_server_that_falls_silent_may_have_taken_it(self, smtp: Office, server: MailServer) -> None:
        server.silent = True
        with pytest.raises(UnsureError, match="fell silent"):
            smtp.desk.send(client(), WEEK, NOW)
        server.silent = False
        with pytest.raises(UnsureError, match="attempt 1"):
            smtp.desk.send(client(), WEEK, NOW)
        assert smtp.receipts() == [(1, "sending")]

    def test_the_receipt_is_written_before_anything_goes_out(self, smtp: Office) -> None:
        data = smtp.settings.stores.data
        (Path(data.uri) / "deliveries").write_text("a file where the folder should be")
        with pytest.raises(TransientError, match="the disk said"):
            smtp.desk.send(client(), WEEK, NOW)
        assert smtp.mails() == []


class TestSmtp:
    @pytest.mark.parametrize(
        ("step", "answer", "error"),
        [
            ("MAIL", "550 not you", RefusedError),
            ("RCPT", "550 no such user", RefusedError),
            ("RCPT", "450 later", TransientError),
            ("DATA", "554 no", RefusedError),
            ("BODY", "552 too large", RefusedError),
            ("BODY", "451 later", TransientError),
        ],
    )
    def test_an_answer_of_no_is_no_delivery_wherever_it_comes(
        self, smtp: Office, server: MailServer, step: str, answer: str, error: type[Exception]
    ) -> None:
        server.answers[step] = answer
        with pytest.raises(error, match=answer.split()[0]):
            smtp.desk.send(client(), WEEK, NOW)
        assert smtp.receipts() == [(1, "refused")]
        server.answers.clear()
        assert smtp.desk.send(client(), WEEK, NOW)
        assert len(server.received) == 1

    def test_it_logs_in_with_a_secret_that_no_message_holds(
        self, smtp: Office, server: MailServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server.password = "hunter2-mail"
        monkeypatch.setenv("VIGIE_TEST_MAIL", "wrong-hunter2")
        delivery = by_smtp(server, username="vigie", password=SecretRef(env="VIGIE_TEST_MAIL"))
        locked = Office(smtp.settings.model_copy(update={"delivery": delivery}), smtp.mails)
        with pytest.raises(RefusedError, match="refused the login") as caught:
            locked.desk.send(client(), WEEK, NOW)
        assert "hunter2" not in str(caught.value)
        monkeypatch.setenv("VIGIE_TEST_MAIL", "hunter2-mail")
        assert locked.desk.send(client(), WEEK, NOW)
        assert server.logins[-1] == "\0vigie\0hunter2-mail"

    def test_a_server_without_tls_is_refused_where_the_target_wants_it(self, smtp: Office, server: MailServer) -> None:
        delivery = by_smtp(server, starttls=True)
        wary = Office(smtp.settings.model_copy(update={"delivery": delivery}), smtp.mails)
        with pytest.raises(RefusedError, match="starttls"):
            wary.desk.send(client(), WEEK, NOW)
        assert server.received == []


class TestSes:
    def test_a_sender_that_is_not_verified_is_refused(self, ses: Office) -> None:
        delivery = ses.settings.delivery.model_copy(update={"sender": "other@elsewhere.example"})
        other = Office(ses.settings.model_copy(update={"delivery": delivery}), ses.mails)
        with pytest.raises(RefusedError, match=r"Verify delivery\.sender"):
            other.desk.send(client(), WEEK, NOW)
        assert other.receipts() == [(1, "refused")]
        assert ses.mails() == []

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 500 no\r\nContent-Length: 2\r\n\r\n{}", b""])
    def test_an_error_or_no_answer_leaves_it_to_a_person_and_is_not_tried_again(
        self, ses: Office, answer: bytes
    ) -> None:
        asked = 0
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                nonlocal asked
                while True:
                    try:
                        connection, _peer = listener.accept()
                    except OSError:
                        return
                    with connection:
                        asked += 1
                        connection.recv(65536)
                        connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            delivery = ses.settings.delivery.model_copy(update={"endpoint_url": address, "timeout": 2.0})
            broken = Office(ses.settings.model_copy(update={"delivery": delivery}), ses.mails)
            with pytest.raises(UnsureError):
                broken.desk.send(client(), WEEK, NOW)
            listener.shutdown(socket.SHUT_RDWR)
        assert asked == 1
        assert broken.receipts() == [(1, "sending")]


class TestWhoGetsWhat:
    def test_a_week_that_is_not_over_is_not_sent(self, smtp: Office) -> None:
        with pytest.raises(RefusedError, match="not over"):
            smtp.desk.send(client(), WEEK, NOW - timedelta(days=1))

    def test_a_client_that_does_not_ask_gets_nothing(self, smtp: Office) -> None:
        with pytest.raises(RefusedError, match="does not ask"):
            smtp.desk.send(client(method="s3"), WEEK, NOW)

    @pytest.mark.parametrize(
        "address", ["", "a", "a@b", "x@y.example, z@y.example", "A <x@y.example>", "x@y.example\n"]
    )
    def test_an_address_that_is_none_is_refused(self, smtp: Office, address: str) -> None:
        with pytest.raises(ConfigError, match="no mail address"):
            smtp.desk.send(client(address=address), WEEK, NOW)
        assert not is_address(address)

    def test_an_empty_issue_is_not_sent(self, smtp: Office) -> None:
        smtp.publish()
        with pytest.raises(RefusedError, match="empty"):
            smtp.desk.send(client(), WEEK, NOW)
        assert smtp.desk.due([client()], WEEK) == []

    def test_an_issue_that_is_not_there_names_its_remedy(self, smtp: Office) -> None:
        with pytest.raises(MissingError, match="Materialize newsletter"):
            smtp.desk.send(client("beta"), WEEK, NOW)

    def test_due_is_who_asks_has_stories_and_was_not_sent(self, smtp: Office) -> None:
        files = {
            "acme": client(),
            "beta": client("beta"),
            "quiet": client("quiet", "s3"),
            "retired": client("retired", active=False),
            "unwritten": client("unwritten"),
        }
        for name in ("beta", "quiet", "retired"):
            smtp.publish(told(), config=files[name])
        assert smtp.desk.due(files.values(), WEEK) == ["acme", "beta"]
        smtp.desk.send(files["acme"], WEEK, NOW, to="boss@client.example")
        smtp.desk.send(files["beta"], WEEK, NOW)
        assert smtp.desk.due(files.values(), WEEK) == ["acme"]

    def test_weeks_end_on_sunday(self) -> None:
        assert not is_over(WEEK, date(2026, 11, 15))
        assert is_over(WEEK, date(2026, 11, 16))
        assert [last_week(date(2026, 11, day)) for day in (15, 16, 22)] == [date(2026, 11, 2), WEEK, WEEK]


class TestOptions:
    def test_delivery_is_off_unless_asked_for(self, tmp_path: Path) -> None:
        desk = DeliveryDesk(settings_of(tmp_path, Delivery()))
        assert not desk.is_on
        with pytest.raises(SettingsError, match="mails nothing"):
            desk.send(client(), WEEK, NOW)

    @pytest.mark.parametrize(
        ("answers", "words"),
        [
            ({"kind": "smtp", "host": "h"}, "needs `sender`"),
            ({"kind": "smtp", "sender": SENDER}, "needs `host`"),
            ({"kind": "ses", "sender": "Vigie <news@vigie.example>"}, "no mail address"),
            ({"username": "u"}, "come together"),
            (
                {"host": "mail.example", "username": "u", "password": {"env": "X"}, "starttls": False},
                "not sent without TLS",
            ),
        ],
    )
    def test_what_does_not_fit_together_is_refused(self, answers: dict[str, Any], words: str) -> None:
        with pytest.raises(ValidationError, match=words):
            Delivery(**answers)


class TestCommands:
    @pytest.fixture
    def home(self, smtp: Office, server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The same target, as a file."""
        target = yaml.safe_load((smtp.settings.project_root / "platform" / "targets" / "dev.yaml").read_text())
        target["delivery"] = by_smtp(server, preview_to="me@vigie.example").model_dump(mode="json")
        (tmp_path / "targets").mkdir()
        (tmp_path / "targets" / "mailing.yaml").write_text(yaml.safe_dump(target))
        (tmp_path / "dev").rename(tmp_path / "mailing")
        monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
        monkeypatch.setenv("VIGIE_TARGET", "mailing")
        return tmp_path

    def vigie(self, *words: str) -> Result:
        return CliRunner().invoke(cli.app, ["newsletter", *words])

    def test_preview_prints_the_issue_and_sends_it_to_nobody_but_who_gets_previews(
        self, home: Path, server: MailServer
    ) -> None:
        said = self.vigie("preview", "acme", "2026-11-12")
        assert said.exit_code == 0
        assert f"To: {READER}" in said.stdout
        assert "Subject: Acme “Weekly” : 9 au 15 novembre 2026" in said.stdout
        assert "sent to me@vigie.example as a preview" in said.stdout
        assert [
            (to, mail["Subject"][:9]) for (_, to, _), mail in zip(server.received, server.mails(), strict=True)
        ] == [("me@vigie.example", "[preview]")]
        assert not (home / "mailing" / "data" / "deliveries").exists()

    def test_send_says_what_it_did_and_that_it_did_it_before(self, home: Path, server: MailServer) -> None:
        assert self.vigie("send", "acme", "2026-11-09").stdout == f"sent to {READER} (attempt 1)\n"
        said = self.vigie("send", "acme", "2026-11-09")
        assert said.exit_code == 0
        assert said.stdout.startswith(f"nothing sent: attempt 1 to {READER}")
        assert self.vigie("send", "acme", "2026-11-09", "--again").stdout == f"sent to {READER} (attempt 2)\n"
        assert len(server.received) == 2

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("send", "nobody", "2026-11-09"), 1, "no valid configuration"),
            (("send", "acme", "soon"), 2, "no day such as"),
            (("send", "acme", "2027-11-08"), 1, "not over"),
            (("send", "../acme", "2026-11-09"), 1, "is not a key"),
            (("preview", "acme", "2026-11-02"), 1, "no such issue"),
        ],
    )
    def test_what_is_wrong_is_said_in_words(self, home: Path, words: Sequence[str], code: int, said: str) -> None:
        done = self.vigie(*words)
        assert done.exit_code == code
        assert said in " ".join(done.stderr.split())
