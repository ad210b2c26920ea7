"""The variables of a target, and the answers that set-up keeps for them in a small file.

Here: references in a target's document, the file's text, whether it is as set-up wrote it, what differs between two
sets. Not here: where files are, who wins over whom (settings), where answers come from (terraform_outputs).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from domain.errors import SettingsError

_HEAD = (
    "# The answers of target {target}, from vigie setup. Run it again rather than edit this. No secret is in here.\n"
)
_SEAL = "# sha256 of what follows: "
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_REFERENCE = re.compile(rf"\$\{{({_VARIABLE.pattern})\}}")
_SHOWN = 120  # characters of a value, where a change is told


def substituted(node: Any, values: Mapping[str, str], missing: dict[str, str], at: str = "") -> Any:
    """The node with `${NAME}` in any text replaced by its value, once: a value's own `${` stays as it is.

    A name without a value is noted in `missing`, with the first place that refers to it.
    """
    if isinstance(node, dict):
        return {k: substituted(v, values, missing, f"{at}.{k}" if at else str(k)) for k, v in node.items()}
    if isinstance(node, list):
        return [substituted(v, values, missing, f"{at}[{i}]") for i, v in enumerate(node)]
    if not isinstance(node, str):
        return node

    def value_of(match: re.Match[str]) -> str:
        found = values.get(match[1])
        if not found:
            missing.setdefault(match[1], at)
        return found or ""

    return _REFERENCE.sub(value_of, node)


def references(node: Any) -> set[str]:
    """The names of the variables that a target's document refers to."""
    missing: dict[str, str] = {}
    substituted(node, {}, missing)
    return set(missing)


def answers_text(target: str, answers: Mapping[str, str]) -> str:
    """The file's text: equal for equal answers, and sealed."""
    body = yaml.safe_dump(dict(answers), allow_unicode=True, width=2**20)
    return f"{_HEAD.format(target=target)}{_SEAL}{_digest(body)}\n{body}"


def read_answers(text: str | bytes, where: str) -> dict[str, str]:
    """The answers of such a file, or of one made by hand. Raises SettingsError where it is none."""
    try:
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or not all(
        isinstance(name, str) and _VARIABLE.fullmatch(name) and isinstance(value, str)
        for name, value in document.items()
    ):
        remedy = "Write it anew: vigie setup --terraform-outputs FILE --force"
        raise SettingsError("is not a mapping of variables to texts.", where=where, remedy=remedy)
    return document


def is_as_written(text: str) -> bool:
    """Whether set-up wrote the file and nobody has changed it since."""
    _head, _newline, rest = text.partition("\n")
    seal, _newline, body = rest.partition("\n")
    return seal == _SEAL + _digest(body)


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What differs, a line per variable: `+ name = value`, `- name`, `~ name = new (was old)`."""
    lines = []
    for name in sorted({*before, *after}):
        if name not in before:
            lines.append(f"+ {name} = {_shown(after[name])}")
        elif name not in after:
            lines.append(f"- {name} (was {_shown(before[name])})")
        elif before[name] != after[name]:
            lines.append(f"~ {name} = {_shown(after[name])} (was {_shown(before[name])})")
    return lines


def _shown(value: str) -> str:
    cut = value if len(value) <= _SHOWN else f"{value[:_SHOWN]}..."
    return cut if cut.isprintable() else repr(cut)


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
