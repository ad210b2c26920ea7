"""The documentation is true: every command, link, path and variable that it names is there."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from cli import app
from settings import PROJECT_ROOT

PAGES = sorted([*PROJECT_ROOT.glob("*.md"), *(PROJECT_ROOT / "docs").rglob("*.md")])
GUIDES = [path for path in PAGES if path.name != "CHANGELOG.md"]
ADRS = sorted((PROJECT_ROOT / "docs" / "adr").glob("*.md"))
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MAKE = re.compile(
    r"(?:^|[\s;&(])make((?:[ \t]+[A-Za-z_]+=\S*)*)[ \t]+([a-z][a-z0-9]*)((?:[ \t]+[A-Z_]+=\S*)*)", re.MULTILINE
)
_VIGIE = re.compile(r"(?:^|[\s;&(/])vigie((?:[ \t]+[a-z][a-z-]*)+)((?:[ \t]+--[a-z-]+)*)", re.MULTILINE)
_VARIABLE = re.compile(r"\bVIGIE_[A-Z][A-Z_]*[A-Z]\b")
_PATH = re.compile(
    r"(?:platform|docs|dbt_project|tests)/[\w./-]*\w|[A-Za-z.]+\.(?:toml|lock|yaml)|Makefile|\.env\.example"
)
_SHELL = {"", "bash", "console", "sh", "shell"}
_ABSENT = {"platform/__init__.py", "uv.lock", ".env"}  # named because they must not be committed


def shown(path: Path) -> str:
    return path.relative_to(PROJECT_ROOT).as_posix()


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_of(path: Path) -> Iterator[str]:
    """Every piece of a page that a reader may type: shell blocks, and inline code outside blocks."""
    yield from (body for language, body in _FENCE.findall(text_of(path)) if language in _SHELL)
    yield from inline_of(path)


def inline_of(path: Path) -> list[str]:
    return _INLINE.findall(_FENCE.sub("", text_of(path)))


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z0-9]+):", text_of(PROJECT_ROOT / "Makefile"), re.MULTILINE))


@cache
def make_variables() -> frozenset[str]:
    text = text_of(PROJECT_ROOT / "Makefile")
    return frozenset(re.findall(r"^(?:export )?([A-Z_]+)\s*\??=", text, re.MULTILINE)) | frozenset(
        re.findall(r"\$\(([A-Z]+)\)", text)
    )


def what_is_wrong_with(words: list[str], options: list[str]) -> str:
    """'' where `vigie <words> <options>` is a command; else what is wrong."""
    command: Any = typer.main.get_command(app)  # click's, or typer's own copy of it
    for position, word in enumerate(words):
        below = getattr(command, "commands", None)
        if below is None:
            break  # what follows are arguments
        if word not in below:
            return f"vigie {' '.join(words[: position + 1])} is no command"
        command = below[word]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    unknown = [option for option in options if option not in known]
    return f"vigie {' '.join(words)} has no {', '.join(unknown)}" if unknown else ""


def test_the_pages_a_reader_looks_for_are_there() -> None:
    names = {shown(path) for path in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"} <= names


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_every_make_command_exists(path: Path) -> None:
    wrong = []
    for code in code_of(path):
        for before, target, after in _MAKE.findall(code):
            if target not in make_targets():
                wrong.append(f"make {target}")
            wrong += [
                f"make {target} {name}="
                for name in re.findall(r"([A-Z_]+)=", before + after)
                if name not in make_variables()
            ]
    assert wrong == []


@pytest.mark.parametrize("path", GUIDES, ids=shown)
def test_every_vigie_command_exists(path: Path) -> None:
    found = [
        what_is_wrong_with(words.split(), options.split())
        for code in code_of(path)
        for words, options in _VIGIE.findall(code)
    ]
    assert [wrong for wrong in found if wrong] == []


def test_the_readme_shows_every_make_target() -> None:
    readme = text_of(PROJECT_ROOT / "README.md")
    assert [target for target in sorted(make_targets()) if f"`make {target}`" not in readme] == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert what_is_wrong_with(["clients", "check", "acme.yaml"], []) == ""
    assert what_is_wrong_with(["client", "check"], []) == "vigie client is no command"
    assert what_is_wrong_with(["dev"], ["--prot"]) == "vigie dev has no --prot"
    assert _MAKE.findall("run `make demo PORT=1` now".replace("`", " ")) == [("", "demo", " PORT=1")]


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", text_of(path))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _hash, anchor = link.partition("#")
        aim = (path.parent / name).resolve() if name else path
        if not aim.exists() or (anchor and anchor not in anchors_of(aim)):
            broken.append(link)
    assert broken == []


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", GUIDES, ids=shown)
def test_every_path_named_in_code_exists(path: Path) -> None:
    named = [name for name in inline_of(path) if _PATH.fullmatch(name.rstrip("/"))]
    assert [name for name in named if name not in _ABSENT and not (PROJECT_ROOT / name).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_every_variable_named_is_a_setting(path: Path) -> None:
    sources = (".env.example", "Makefile", "platform/settings.py", "dbt_project/profiles.yml", "tests/conftest.py")
    known = "".join(text_of(PROJECT_ROOT / name) for name in sources)
    assert [name for name in set(_VARIABLE.findall(text_of(path))) if not re.search(rf"\b{name}\b", known)] == []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_a_page_has_one_title(path: Path) -> None:
    titles = re.findall(r"^# ", _FENCE.sub("", text_of(path)), re.MULTILINE)
    assert text_of(path).startswith("# ")
    assert len(titles) == 1


def test_decisions_are_numbered_without_gap_or_repetition() -> None:
    numbers = [int(path.name[:4]) for path in ADRS]
    assert numbers == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("path", ADRS, ids=shown)
def test_a_decision_is_one_page_with_context_decision_and_consequences(path: Path) -> None:
    text = text_of(path)
    assert re.match(rf"# {int(path.name[:4])}\. ", text)
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]
    assert len(text.splitlines()) <= 60


def test_the_architecture_names_every_decision() -> None:
    page = text_of(PROJECT_ROOT / "docs" / "architecture.md")
    assert [path.name for path in ADRS if f"adr/{path.name}" not in page] == []


def test_pages_that_the_code_names_exist() -> None:
    code = "".join(text_of(path) for path in (PROJECT_ROOT / "platform").rglob("*.py"))
    code += text_of(PROJECT_ROOT / "pyproject.toml") + text_of(PROJECT_ROOT / "dagster.yaml")
    named = set(re.findall(r"docs/[\w./-]+\.md", code))
    assert named
    assert [name for name in sorted(named) if not (PROJECT_ROOT / name).is_file()] == []
