"""`vigie ingest`: where the event comes from, what is printed on which stream, how it ends."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import cli
from local.demo_content import demo_catalog
from local.demo_site import DemoSite
from resources.config_bucket import CATALOG_KEY

SOURCES = ("press_corporate__orvane", "press_sector__depot_dispatch")


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite(datetime.now(UTC).date()) as opened:
        yield opened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: DemoSite) -> Path:
    """A state folder of its own whose dev target has a catalog, no client, and no data."""
    monkeypatch.setenv("VIGIE_HOME", str(tmp_path))
    monkeypatch.setenv("VIGIE_TARGET", "dev")
    catalog = tmp_path / "dev" / "config" / CATALOG_KEY
    catalog.parent.mkdir(parents=True)
    catalog.write_text(demo_catalog(site.base_url), encoding="utf-8")
    (tmp_path / "dev" / "config" / "clients").mkdir()
    (tmp_path / "dev" / "data").mkdir()
    return tmp_path


def client(home: Path, name: str, *sources: str) -> None:
    text = f"client_profile: {{active: true}}\nsource_config: {{sources_extra_enabled: [{', '.join(sources)}]}}\n"
    (home / "dev" / "config" / "clients" / f"{name}.yaml").write_text(text, encoding="utf-8")


def vigie(*arguments: str, given: str | None = None) -> Result:
    """`vigie ingest` with these arguments, and that on its standard input."""
    return CliRunner().invoke(cli.app, ["ingest", *arguments], input=given)


def answer(said: Result) -> Any:
    """The answer on the standard output, which holds nothing else."""
    return json.loads(said.stdout)


def test_success_is_an_answer_on_stdout_progress_on_stderr_and_0(home: Path) -> None:
    client(home, "acme", *SOURCES)
    said = vigie("--event", "{}")
    assert said.exit_code == 0
    assert answer(said)["statusCode"] == 200
    assert answer(said)["body"]["status"] == "success"
    assert said.stderr.splitlines()[0] == "1 client files: 1 active, 0 invalid"
    for name in (*SOURCES, "acme"):
        assert f"\n{name}: " in said.stderr
    (written,) = (home / "dev" / "data" / "ingested").rglob("items.json")
    assert answer(said)["body"]["client_results"][0]["s3_output_path"] == str(written)


def test_without_an_event_it_is_every_active_client(home: Path) -> None:
    said = vigie()
    assert said.exit_code == 0
    assert answer(said)["body"]["status"] == "no_active_clients"


def test_partial_success_ends_with_3(home: Path) -> None:
    client(home, "acme", SOURCES[0])
    client(home, "broken", "[")
    said = vigie("--event", '{"dry_run": true}')
    assert (said.exit_code, answer(said)["body"]["status"]) == (3, "partial_success")
    assert list((home / "dev" / "data").iterdir()) == []


def test_an_event_comes_from_a_file_or_from_standard_input(home: Path, tmp_path: Path) -> None:
    event = '{"client_id": "nobody"}'
    (tmp_path / "event.json").write_text(event, encoding="utf-8")
    for said in (vigie("--event-file", str(tmp_path / "event.json")), vigie("--event-file", "-", given=event)):
        assert said.exit_code == 1
        assert answer(said)["statusCode"] == 404


@pytest.mark.parametrize("event", ["", "{", "[]", '{"colour": 1}'])
def test_a_refused_event_is_an_answer_with_the_reasons_and_1(home: Path, event: str) -> None:
    said = vigie("--event", event)
    assert said.exit_code == 1
    assert answer(said)["statusCode"] == 400
    assert answer(said)["body"]["errors"]


def test_a_target_that_is_incomplete_is_an_answer_with_its_remedy_and_1(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_TARGET", "nowhere")
    said = vigie()
    assert (said.exit_code, answer(said)["statusCode"]) == (1, 500)
    assert "there is no target 'nowhere'" in answer(said)["body"]["error"]


def test_wrong_usage_ends_with_2_and_prints_no_answer(home: Path, tmp_path: Path) -> None:
    (tmp_path / "latin.json").write_bytes(b"\xe9")
    for arguments in (
        ("--event", "{}", "--event-file", "-"),
        ("--event-file", str(tmp_path / "absent.json")),
        ("--event-file", str(tmp_path / "latin.json")),
    ):
        said = vigie(*arguments)
        assert (said.exit_code, said.stdout) == (2, "")
