"""Text of strangers where people read lines: errors, logs, tables, the mail's headers, Markdown in the UI."""

import io
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from domain.clients import client_id_of, read_client
from domain.errors import ConfigError, RefusedError, VigieError
from domain.legible import as_code, legible, on_one_line
from domain.newsletter_templates import markdown
from domain.stories import one_line
from terminal import errors_in_words, out, table
from tests.contract.mail_server import MailServer, mail_server
from tests.contract.mailing import NOW, WEEK, Office, by_smtp, client, settings_of, told
from tests.unit.newsletter_parts import HOSTILE, Page, rendered, story

STEERING = [
    *(
        "\x1b[2J\x1b[H",
        "\x1b]0;title\x07",
        "\x1b]8;;https://evil.example\x1b\\here\x1b]8;;\x1b\\",
        "\x9b31m",
        "\x1bP$q\x1b\\",
    ),
    *("done\rFAILED", "a\bb", "a\x0bb\x0cc", "\x7f", "user\u202etxt.exe", "a\u2028b", "a\u2066b", "\ud800", "\x00"),
]


@pytest.mark.parametrize("text", STEERING, ids=ascii)
def test_nothing_that_is_printed_steers_the_terminal(text: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = table(f"a table of {text}", text, "other")
    rows.add_row(f"name {text}", text)
    for printed in (text, rows):
        out.print(printed)
    with pytest.raises(BaseException, match="1"), errors_in_words():
        raise RefusedError(text, where=text, remedy=text)
    said = b"".join(capfdbinary.readouterr()).decode()
    assert said.count("\n") > 5
    assert [one for one in said if one != "\n" and legible(one) != one] == []


def test_what_is_safe_is_printed_as_it_is(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    out.print("l’Été [bold]\u00a0: «\u202f10 %\u202f» 漢字 👩‍🔬\n\tnext")
    assert capfdbinary.readouterr().out.decode() == "l’Été [bold]\u00a0: «\u202f10 %\u202f» 漢字 👩‍🔬\n        next\n"


def test_the_colours_of_a_log_are_left_out_and_those_of_rich_are_kept() -> None:
    from terminal import _Legible

    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False)
    console.push_render_hook(_Legible())
    console.print("\x1b[31mApply\x1b[0m complete", style="green")
    assert console.file.getvalue() == "\x1b[32mApply complete\x1b[0m\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [*STEERING, "a\nb"], ids=ascii)
def test_an_error_names_its_place_on_one_line_and_shows_what_it_quotes(text: str) -> None:
    error = VigieError(f"It said {text}.", where=f"clients/{text}.yaml", remedy=f"Mend {text}.")
    assert legible(str(error)) == str(error)
    assert "\n" not in error.where
    assert str(error).encode()
    assert on_one_line(error.where) == error.where


@pytest.mark.parametrize(
    "name", ["a\nERROR forged", "a\r\nforged", "\x1b[2Ja", "x" * 3_000, "a\u202egpj"], ids=lambda n: ascii(n)[:20]
)
def test_the_name_of_a_file_forges_no_line_of_a_log(name: str) -> None:
    for key in (f"clients/{name}.yaml", f"clients/a.{name}"):
        with pytest.raises(ConfigError) as refused:
            client_id_of(key)
        assert "\n" not in str(refused.value)
        assert str(refused.value).isprintable()
        assert len(str(refused.value).removeprefix(refused.value.where)) < 400


@pytest.mark.parametrize(
    "text", [*HOSTILE, "`](javascript:alert(1))", "` <b>x</b> `", "- x\n- y"], ids=lambda t: ascii(t)[:30]
)
def test_the_name_of_a_resource_of_terraform_stays_text_in_the_ui(text: str) -> None:
    address = f"delete terraform_data.of[{text}]"
    page = Page(rendered(f"- {as_code(address)}\n- {as_code(text)}"))
    assert [tag for tag, _ in page.tags] == ["ul", "li", "code", "li", "code"]
    assert "delete terraform_data.of[" in page.text


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t)[:30])
def test_a_term_of_a_scope_stays_one_cell_of_its_table(text: str) -> None:
    page = Page(rendered(f"| term | finds |\n|---|---|\n| {markdown(one_line(text))} | 3 |"))
    assert {tag for tag, _ in page.tags} <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert [tag for tag, _ in page.tags].count("td") == 2


class TestMail:
    """What a story or a client's file cannot do to a message."""

    @pytest.fixture
    def server(self) -> Iterator[MailServer]:
        with mail_server() as server:
            yield server

    @pytest.fixture
    def office(self, server: MailServer, tmp_path: Path) -> Office:
        return Office(settings_of(tmp_path, by_smtp(server)), server.mails)

    @pytest.mark.parametrize(
        "name", ["Acme\r\nBcc: all@evil.example", "Acme\nSubject: x\n\nbody", "Acme\u2028Bcc: x", "\x00A"]
    )
    def test_a_client_s_name_adds_no_header_and_no_recipient(
        self, office: Office, server: MailServer, name: str
    ) -> None:
        document: dict[str, Any] = {
            "client_profile": {"name": name, "active": True},
            "source_config": {"sources_extra_enabled": ["press_sector__a"]},
            "newsletter_delivery": {"delivery_method": "email", "notification_email": "reader@client.example"},
        }
        config = read_client("clients/acme.yaml", yaml.safe_dump(document).encode())
        office.publish(told(), config=config)
        office.desk.send(config, WEEK, NOW)
        ((_, recipient, raw),) = server.received
        (mail,) = office.mails()
        assert recipient == "reader@client.example"
        assert (mail["Bcc"], mail["To"]) == (None, "reader@client.example")
        assert len(mail.get_all("Subject", [])) == 1
        assert b"\nBcc:" not in raw.partition(b"\r\n\r\n")[0]

    @pytest.mark.parametrize(
        "text", ["x\r\n.\r\nMAIL FROM:<evil@evil.example>\r\n", "x\n.\nRSET\n", "x\r.\rQUIT", "." * 3 + "\r\n.\r\nDATA"]
    )
    def test_no_text_ends_the_message_and_begins_another(self, office: Office, server: MailServer, text: str) -> None:
        office.publish(story(title=text, summary=text * 30, day=WEEK, published_at=WEEK))
        office.desk.send(client(), WEEK, NOW)
        ((sender, recipient, raw),) = server.received
        assert (sender, recipient) == ("news@vigie.example", "reader@client.example")
        bare = raw.replace(b"\r\n", b"")  # a line end of another kind would end the message for some servers
        assert b"\r" not in bare
        assert b"\n" not in bare
        mail = message_from_bytes(raw, policy=policy.default)
        assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]
