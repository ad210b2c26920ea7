"""The page of commands: every command of `vigie` with its arguments and options, as the parser has them.

Here: from the typer app to Markdown. Not here: what commands do (cli and the modules beside it).
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer.main

from cli import app
from command_help import PANELS

_KINDS = {int: "NUMBER", float: "NUMBER", Path: "PATH"}


def commands_page() -> str:
    """Markdown; the commands by the panels of `vigie --help`, in its order."""
    root: Any = typer.main.get_command(app)
    parts = [
        "# Commands",
        "Every command of `vigie`, which is `.venv/bin/vigie` after `make setup`. `--help` at any place says the\n"
        "same. Exit codes: 0 is good, 1 something is wrong, 2 the words were wrong; `vigie ingest` also has 3, partly\n"
        "done.",
    ]
    for panel, names in PANELS.items():
        parts.append(f"## {panel}")
        for name in names:
            parts += _of(root.commands[name], f"vigie {name}")
    return "\n\n".join(parts) + "\n"


def _of(command: Any, path: str) -> Iterator[str]:
    if inner := getattr(command, "commands", None):
        for name, one in inner.items():
            yield from _of(one, f"{path} {name}")
        return
    yield f"### {path}"
    yield _help(command.help)
    if command.epilog:
        yield f"```bash\n{command.epilog.rpartition('Example:')[2].strip()}\n```"
    rows = [_row(one) for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    if rows:
        yield "\n".join(("| | Meaning | Default |", "|---|---|---|", *rows))


def _help(text: str | None) -> str:
    return re.sub(r"(\{\w*\})", r"`\1`", inspect.cleandoc(text or ""))


def _row(one: Any) -> str:
    if one.param_type_name == "argument":
        name = one.metavar or one.name.upper()
    else:
        name = ", ".join((*one.opts, *one.secondary_opts))
        if not one.is_flag:
            name += f" {one.metavar or _kind(one)}"
    default = "required" if one.required else _default(one)
    return f"| `{_cell(name)}` | {_cell(one.help or '')} | {default} |"


def _kind(one: Any) -> str:
    kind = one.type_descriptor.annotation
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    return _KINDS.get(kind, "TEXT")


def _default(one: Any) -> str:
    value = one.default
    said = isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    return f"`{value}`" if said else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
