"""The reference is what the code says: compared with it, every field with a meaning, every example accepted."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from cli import app
from command_help import EXAMPLES, PANELS
from domain.catalog import Bouquet, Source
from domain.client_file import ClientFile
from domain.event_types import KNOWN_KEYS
from domain.ingestion_profile_file import CONTEXTS as CONTEXT_KEYS
from domain.ingestion_profile_file import GROUP_KEYS, PROFILE_KEYS
from domain.ingestion_profile_file import REQUIREMENTS as REQUIREMENT_KEYS
from domain.scoring_rules import ScoringRules
from reference.client_words import CLIENT, RULES
from reference.environment import blocks
from reference.fields import Meaning, accepts, field_names
from reference.pages import COMMAND, FOLDER, pages
from reference.source_words import CATALOG, CONTEXTS, EVENT, GROUP, PROFILE, REQUIREMENTS
from reference.target_words import TARGET
from settings import PROJECT_ROOT, Settings

MODELS = {
    "client file": (CLIENT, (ClientFile,)),
    "scoring rules": (RULES, (ScoringRules,)),
    "catalog": (CATALOG, (Source, Bouquet)),
    "target": (TARGET, (Settings,)),
}
VOCABULARIES = [
    (PROFILE, PROFILE_KEYS),
    (REQUIREMENTS, REQUIREMENT_KEYS),
    (GROUP, GROUP_KEYS),
    (CONTEXTS, CONTEXT_KEYS),
    (EVENT, KNOWN_KEYS),
]
EXAMPLES_OF_FIELDS = [
    pytest.param(roots, name, said[1], id=name)
    for meanings, roots in MODELS.values()
    for name, said in meanings.items()
    if isinstance(said, tuple) and not (isinstance(said[1], str) and "${" in said[1])
]


def commands_of(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, Any]]:
    """Every command below, by its path."""
    below = getattr(command, "commands", None)
    if below is None:
        return [(" ".join(path), command)]
    return [found for name, one in below.items() for found in commands_of(one, (*path, name))]


ROOT: Any = typer.main.get_command(app)
COMMANDS = commands_of(ROOT)


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_a_page_of_the_reference_is_what_the_code_says(path: Path) -> None:
    assert path.is_file(), f"run: {COMMAND}"
    assert path.read_text(encoding="utf-8") == pages()[path], f"the code has changed. Run: {COMMAND}"


def test_the_reference_holds_no_page_that_the_code_does_not_make() -> None:
    assert set(FOLDER.glob("*.md")) == set(pages())


@pytest.mark.parametrize("what", MODELS)
def test_every_field_has_its_meaning_and_no_meaning_outlives_its_field(what: str) -> None:
    meanings, roots = MODELS[what]
    names = [name for root in roots for name in field_names(root)]
    assert set(names) - set(meanings) == set(), "say what it means in platform/reference"
    assert set(meanings) - set(names) == set(), "the field is gone: take its meaning away"


@pytest.mark.parametrize(("meanings", "keys"), VOCABULARIES)
def test_every_key_of_a_vocabulary_has_its_meaning(meanings: dict[str, Meaning], keys: tuple[str, ...]) -> None:
    assert list(meanings) == list(keys)


@pytest.mark.parametrize(("roots", "name", "example"), EXAMPLES_OF_FIELDS)
def test_an_example_is_accepted_by_its_field(roots: tuple[type, ...], name: str, example: Any) -> None:
    (root,) = [one for one in roots if name in field_names(one)]
    assert accepts(root, name, example)


def test_an_example_that_its_field_refuses_would_be_noticed() -> None:
    assert not accepts(ClientFile, "ClientProfile.active", "true")
    assert not accepts(Settings, "Schedule.daily_at", "25:00")
    assert not accepts(Settings, "Schematics.pool_slots", 11)


def test_every_command_has_a_heading_and_an_example_and_nothing_else_has() -> None:
    assert sorted(name for names in PANELS.values() for name in names) == sorted(ROOT.commands)
    assert sorted(EXAMPLES) == sorted(path for path, _command in COMMANDS)


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _command in COMMANDS])
def test_the_example_of_a_command_is_a_line_that_its_parser_takes(path: str, command: Any) -> None:
    line = re.sub(r'.*\bvigie (.*?)(\)".*)?$', r"\1", EXAMPLES[path])
    words = shlex.split(line)
    depth = len(path.split())
    assert words[:depth] == path.split()
    with command.make_context(path, words[depth:]):
        pass
    assert EXAMPLES[path] in command.epilog


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _command in COMMANDS])
def test_the_first_line_of_a_commands_help_is_one_sentence_that_fits(path: str, command: Any) -> None:
    first = command.help.partition("\n\n")[0]
    assert re.fullmatch(r"[A-Z][a-z]+ [^\n]*\.", first), first
    assert len(first) <= 66, first


def test_the_environments_page_knows_every_variable_of_the_example() -> None:
    text = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    named = [name for _remark, variables in blocks() for name, _example in variables]
    assert named == re.findall(r"^(?:# )?(VIGIE_[A-Z_]+)=", text, re.MULTILINE)
    assert [remark for remark, _variables in blocks() if not remark] == []


def in_nav(entries: Any) -> list[str]:
    """The pages of the navigation, in its order."""
    if isinstance(entries, str):
        return [entries]
    inside = entries.values() if isinstance(entries, dict) else entries
    return [page for one in inside for page in in_nav(one)]


def test_the_site_leads_to_every_page_of_the_documentation() -> None:
    docs = PROJECT_ROOT / "docs"
    nav = in_nav(yaml.safe_load((PROJECT_ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    ours = {path.relative_to(docs).as_posix() for path in docs.rglob("*.md") if path.parent.name != "adr"}
    assert ours - set(nav) == set(), "name the page in the nav of mkdocs.yml"
    elsewhere = {"start.md", "contributing.md", "changelog.md", "infrastructure.md"}  # .ci/docs_site.py makes them
    assert set(nav) - ours == elsewhere
