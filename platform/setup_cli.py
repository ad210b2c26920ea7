"""`vigie setup`: a target's answers, from what Terraform made.

Here: arguments, what is printed, exit codes (0 good, 1 something is wrong, 2 wrong usage). Not here: what outputs mean
(domain.terraform_outputs), the kept file's form (domain.target_answers), what wins over what (settings).
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import SettingsError
from terminal import errors_in_words, out

if TYPE_CHECKING:
    from settings import Environment


def setup(
    terraform_outputs: Annotated[
        str,
        typer.Option("--terraform-outputs", help="What terraform output -json printed; - reads it.", metavar="FILE"),
    ],
    target: Annotated[
        str | None, typer.Option(help="Which target; else VIGIE_TARGET, or prod where that is dev.", metavar="NAME")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace answers that were edited by hand.")] = False,
) -> None:
    """Set a target up from the outputs of Terraform.

    terraform output -json | vigie setup --terraform-outputs -

    Each variable of the target's file is answered by one output: VIGIE_DATA_BUCKET by data_bucket. Whatever is missing
    or wrong is named at once, and nothing is written then. No sensitive value is read, shown or kept.
    """
    from domain.target_answers import answers_text, changes
    from domain.terraform_outputs import answers_of, left_out, read_outputs
    from settings import answers_file, choice, environment_value, load_settings, questions

    with errors_in_words():
        chosen = choice()
        chosen = chosen.model_copy(update={"target": target or ("prod" if chosen.target == "dev" else chosen.target)})
        asked = questions(chosen)
        if not asked:
            raise SettingsError("it asks nothing: no set-up is needed.", where=f"target {chosen.target!r}")
        source = "standard input" if terraform_outputs == "-" else terraform_outputs
        outputs = read_outputs(_body(terraform_outputs), source)
        answers = answers_of(outputs, asked, chosen.target, source)
        settings = load_settings({"VIGIE_TARGET": chosen.target, "VIGIE_HOME": str(chosen.home)}, answers)
        before = _before(chosen, force)
        differing = changes(before, answers)
        path = answers_file(chosen)
        if differing or not path.is_file() or force:
            _keep(path, answers_text(chosen.target, answers))
    out.print(f"target {chosen.target} is set up from {source}: {len(answers)} answers in {path}")
    for line in differing or ["nothing has changed"]:
        out.print(line)
    if unread := left_out(outputs, asked):
        out.print(f"left out, for the target does not ask for them: {', '.join(unread)}")
    for name in sorted(answers):
        if environment_value(name) not in (None, "", answers[name]):
            out.print(f"remark: {name} is different in the environment: the process wins over set-up, .env does not")
    out.print(f"secrets that it reads when they are needed: {', '.join(sorted(set(_secrets(settings)))) or 'none'}")
    out.print(f"see all of it: VIGIE_TARGET={chosen.target} vigie target check")


def _body(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        remedy = "Run: terraform -chdir=infrastructure output -json > outputs.json"
        raise SettingsError(f"{error.strerror}.", where=source, remedy=remedy) from None


def _before(chosen: "Environment", force: bool) -> dict[str, str]:
    """The answers kept so far. Refuses a file that somebody edited, unless it is to be replaced."""
    from domain.target_answers import is_as_written
    from settings import answers_file, kept_answers

    path = answers_file(chosen)
    if not path.is_file():
        return {}
    if is_as_written(path.read_text(encoding="utf-8", errors="replace")):
        return kept_answers(chosen)
    if not force:
        raise SettingsError(
            "was made or edited by hand, and set-up would replace it. Nothing was written.",
            where=str(path),
            remedy="Look at it; then run the same with --force.",
        )
    with suppress(SettingsError):
        return kept_answers(chosen)
    return {}


def _keep(path: Path, text: str) -> None:
    from resources.object_store import DirectoryStore

    DirectoryStore(path.parent).put(path.name, text.encode())


def _secrets(node: Any) -> Iterator[str]:
    """Where the secrets of the settings are, in words."""
    from pydantic import BaseModel

    from options import SecretRef

    if isinstance(node, SecretRef):
        yield f"the variable {node.env}" if node.env else f"{node.vault} ({node.key}) in the vault"
    elif isinstance(node, BaseModel):
        for _name, value in node:
            yield from _secrets(value)
    elif isinstance(node, dict):
        for value in node.values():
            yield from _secrets(value)
