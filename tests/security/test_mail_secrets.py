"""The mail's password: a server that quotes it, in whatever form, finds no place of ours that keeps it."""

import base64
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import cli
from domain.errors import VigieError
from tests.contract.mail_server import MailServer, mail_server
from tests.contract.mailing import NOW, WEEK, Office, by_smtp, client, settings_of, told
from tests.graph.leak_search import Search, planted

MIDDLE = '@/+"&<\\'


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        server.password = planted(MIDDLE)
        yield server


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What every logger says, at DEBUG."""
    text, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("step", ["AUTH", "MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize("form", ["plain", "base64"])
def test_a_server_that_quotes_the_password_finds_nobody_who_keeps_it(
    server: MailServer, log: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, form: str
) -> None:
    password = server.password
    quoted = password if form == "plain" else base64.b64encode(f"\0vigie\0{password}".encode()).decode()
    server.answers[step] = f"550 {quoted} may not"
    monkeypatch.setenv("VIGIE_TEST_MAIL_PASSWORD", password)
    office = Office(
        settings_of(tmp_path, by_smtp(server, username="vigie", password={"env": "VIGIE_TEST_MAIL_PASSWORD"})),
        server.mails,
    )
    office.publish(told())
    with pytest.raises(VigieError) as refused:
        office.desk.send(client(), WEEK, NOW)
    assert "550" in str(refused.value)
    search, chain = Search({"the password": password}), [refused.value, refused.value.__cause__]
    found = search.files(tmp_path) + search.text("the log", log.getvalue())
    assert found + [leak for error in chain for leak in search.text("the error", repr(error) + str(error))] == []


def test_the_command_line_prints_what_the_server_said_without_it(
    server: MailServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["MAIL"] = f"550 {server.password} may not\x1b[2J"
    options = by_smtp(server, username="vigie", password={"env": "VIGIE_TEST_MAIL_PASSWORD"})
    document = (Path(cli.__file__).parent / "targets" / "dev.yaml").read_text()
    own = tmp_path / "targets"
    own.mkdir()
    (own / "mails.yaml").write_text(f"{document}\ndelivery: {options.model_dump_json(exclude_none=True)}\n")
    for name, value in {
        "VIGIE_TARGET": "mails",
        "VIGIE_HOME": str(tmp_path),
        "VIGIE_TEST_MAIL_PASSWORD": server.password,
    }.items():
        monkeypatch.setenv(name, value)
    from settings import load_settings

    settings = load_settings()
    for folder in ("data", "newsletters"):
        (settings.home / folder).mkdir(parents=True)
    Office(settings, server.mails).publish(told())
    said = CliRunner().invoke(cli.app, ["newsletter", "send", "acme", str(WEEK)])
    assert said.exit_code == 1
    assert "the server answered 550 *** may not" in said.output
    assert Search({"the password": server.password}).text("what is printed", said.output) == []
    assert "\x1b" not in said.output
