"""What strangers wrote, as Markdown in metadata: the UI renders it to people who may approve and launch.

Here: a client's file and a source's answer that hold links and pictures. Not here: pages and letters (unit suites),
terminals (test_terminals).
"""

import ast
import re

import pytest

from assets.checks import files_valid
from assets.lists import listed
from domain.errors import ConfigError
from settings import PROJECT_ROOT
from tests.unit.newsletter_parts import HOSTILE

LURES = [
    "![p](https://evil.example/p.png)",
    "[Approve here](https://evil.example/login)",
    "<img src=https://evil.example/p.png>",
    "x\n\n# Approved\n\n- [all is well](https://evil.example)",
    "https://evil.example/login",
    "` [a](https://evil.example) `",
    *HOSTILE,
]
# The functions that make Markdown of values whose escapes are their own: tables of terms, plots, whole letters.
OWN = {"lists.py", "matches.py", "client_items.py", "newsletters.py"}


@pytest.mark.parametrize("lure", LURES)
def test_a_line_of_a_stranger_is_one_span_of_code(lure: str) -> None:
    shown = str(listed([lure]).value).removeprefix("- ")
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    inside = shown.removeprefix(fence).removesuffix(fence)
    assert shown == f"{fence}{inside}{fence}"
    assert "\n" not in shown
    assert len(fence) not in {len(run) for run in re.findall("`+", inside)}


def test_the_check_of_client_files_shows_a_key_that_is_a_link_as_code() -> None:
    error = ConfigError(f"unknown key {LURES[0]!r}", where="clients/a.yaml", remedy="Remove it.")
    shown = str(files_valid({"clients/a.yaml": error}).metadata["errors"].value)
    assert shown == f"- `{error}`"


def test_assets_make_markdown_of_nothing_that_is_not_escaped() -> None:
    making = {
        path.name
        for path in (PROJECT_ROOT / "platform").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "md"
    }
    assert making == OWN
