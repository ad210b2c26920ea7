"""What `terraform output -json` prints, as the answers that a target asks for.

Here: its shape, which outputs answer which variables, what is wrong with them. Not here: files, which variables a
target refers to (settings), how answers are kept (target_answers).

Terraform prints sensitive values in clear. None of them is in an error, in a repr or in an answer; their names are.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.errors import SettingsError

APPLY = "terraform -chdir=infrastructure apply"
OUTPUT = "terraform -chdir=infrastructure output -json > outputs.json"
LONGEST = 1024  # characters of an answer: names and addresses are shorter

_NO_JSON = object()
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ENDS_WITH = {  # how a variable ends -> what its answer looks like
    "_BUCKET": (r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the name of a bucket, not its ARN or address"),
    "_HOST": (r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]", "a host alone, without scheme or port"),
    "_REGION": (r"[a-z0-9]+(-[a-z0-9]+)*", "the name of a region"),
    "_URL": (r"https?://[^\s/@?#]+(/[^\s@?#]*)?", "an address https://..., with no user, password or query"),
}


@dataclass(frozen=True, slots=True)
class Output:
    """One output of Terraform. `sensitive` is Terraform's word for a value that is not to be shown."""

    value: Any = field(repr=False)
    sensitive: bool = False


def output_name(variable: str) -> str:
    """The output that answers a variable: `data_bucket` for `VIGIE_DATA_BUCKET`."""
    return variable.removeprefix("VIGIE_").lower()


def read_outputs(body: bytes, where: str) -> dict[str, Output]:
    """The outputs by name. Raises SettingsError, which quotes nothing of the body, where it is something else."""
    document = _parsed(body)
    if document is _NO_JSON:
        raise _not_json(body, where)
    if not isinstance(document, dict) or not all(map(_is_output, document.items())):
        what = "is JSON of another shape than {name: {value, type, sensitive}}."
        raise SettingsError(what, where=where, remedy=f"Run: {OUTPUT}")
    if not document:
        remedy = f"Nothing has been applied there, or it was another folder. Run: {APPLY}, then: {OUTPUT}"
        raise SettingsError("Terraform has no outputs.", where=where, remedy=remedy)
    return {name: Output(one["value"], one.get("sensitive", False) is not False) for name, one in document.items()}


def answers_of(outputs: Mapping[str, Output], variables: Iterable[str], target: str, where: str) -> dict[str, str]:
    """Variable -> answer. Raises SettingsError that names every output which is missing or wrong, and its remedy."""
    names = {variable: output_name(variable) for variable in sorted(variables)}
    wrong = {variable: said for variable, name in names.items() if (said := _wrong(outputs.get(name), variable))}
    if not wrong:
        return {variable: outputs[name].value for variable, name in names.items()}
    told = "".join(f"\n  {names[variable]} (for {variable}) {said}" for variable, said in wrong.items())
    remedy = (
        f"\nGive infrastructure/outputs.tf these outputs, then run: {APPLY}, then: {OUTPUT}, "
        f"then: vigie setup --terraform-outputs outputs.json --target {target}"
    )
    raise SettingsError(f"target {target!r} cannot be set up from these outputs:{told}", where=where, remedy=remedy)


def left_out(outputs: Mapping[str, Output], variables: Iterable[str]) -> list[str]:
    """The names of outputs that answer nothing, sensitive ones marked so."""
    read = set(map(output_name, variables))
    return [f"{n} (sensitive)" if one.sensitive else n for n, one in sorted(outputs.items()) if n not in read]


def _parsed(body: bytes) -> Any:
    """The document, or `_NO_JSON`. The parser's own error, which holds the whole text, goes no further."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NO_JSON


def _not_json(body: bytes, where: str) -> SettingsError:
    if not body.strip():
        return SettingsError("is empty: Terraform printed nothing here.", where=where, remedy=f"Run: {OUTPUT}")
    if re.search(r"^[^\w\n]*(Error|Warning|There are some problems)\b", body.decode("utf-8", "replace"), re.MULTILINE):
        what = "is what Terraform says when something is wrong, not its outputs."
        return SettingsError(what, where=where, remedy=f"Read it, mend that, then run: {OUTPUT}")
    return SettingsError("is not JSON.", where=where, remedy=f"Run: {OUTPUT}")


def _is_output(entry: tuple[str, Any]) -> bool:
    name, one = entry
    return bool(_NAME.fullmatch(name)) and isinstance(one, dict) and "value" in one


def _wrong(output: Output | None, variable: str) -> str:
    """'' where the output answers the variable; else why not, without its value."""
    if output is None or (output.value is None and not output.sensitive):
        return "is missing"
    if output.sensitive:
        return (
            "is sensitive, and a plain value is wanted. If it is a secret, it is no answer: let the target name where "
            f"it is, {{env: {variable}}} or {{vault: path, key: name}}. If it is none, drop `sensitive` from the output"
        )
    if not isinstance(output.value, str):
        return f"is {_kind(output.value)}, not text"
    if not output.value.strip():
        return "is empty"
    if len(output.value) > LONGEST:
        return f"has {len(output.value):,} characters, more than {LONGEST:,}"
    if not output.value.isprintable() or output.value != output.value.strip():
        return "is not one line of printable text without spaces around it"
    for end, (form, words) in _ENDS_WITH.items():
        if variable.endswith(end) and not re.fullmatch(form, output.value):
            return f"is not {words}"
    return ""


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "an object"
