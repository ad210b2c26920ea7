"""A client and its configuration: identity, and every problem of one file at once.

Here: the file name as identity, reading, the checks that need one file only, the stored JSON copy.
Not here: the vocabulary of a file (client_file), YAML and lines (documents), whether a named bouquet exists (catalog).
"""

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, get_args

from pydantic import ValidationError

from domain.client_file import ClientFile, LayoutSection, Part
from domain.documents import MAX_SHOWN, Document, Path, Problem, closest, printable, read_mapping, shown
from domain.errors import ConfigError

PREFIX = "clients/"
_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_REGEX_SIGNS = re.compile(r"\.\*|\.\+|\\|^\^|\$$|\(\?|\[.+\]")

# A vocabulary that some newer files use and that was always read as "no sources, 7 days" without a word.
_NEWER = {
    "ingestion.source_bouquets": "source_config.source_bouquets_enabled",
    "ingestion.sources_extra": "source_config.sources_extra_enabled",
    "ingestion.default_period_days": "pipeline.default_period_days",
    "editorial_style": "client_profile.tone, client_profile.voice and bedrock_config.editorial_prompt",
}


class ClientConfigError(ConfigError):
    """A client file with at least one error; `problems` holds all of them in line order, warnings too."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        more = f" ({len(errors) - 1} more in this file.)" if len(errors) > 1 else ""
        first = errors[0]
        super().__init__(first.message + more, where=first.where, remedy=first.remedy)
        self.problems = problems


@dataclass(frozen=True)
class ClientConfig:
    """A valid client file: its identity (the file name), what it says, and what deserves attention in it."""

    client_id: str
    file: ClientFile
    warnings: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        return self.file.client_profile.name or self.client_id

    @property
    def active(self) -> bool:
        return self.file.client_profile.active

    @property
    def language(self) -> str:
        return self.file.client_profile.language

    @property
    def period_days(self) -> int:
        return self.file.pipeline.default_period_days

    @property
    def ingestion_mode(self) -> Literal["strict", "balanced", "broad"]:
        return self.file.pipeline.ingestion_mode

    @property
    def bouquets(self) -> tuple[str, ...]:
        return self.file.source_config.source_bouquets_enabled

    @property
    def extra_sources(self) -> tuple[str, ...]:
        return self.file.source_config.sources_extra_enabled

    @property
    def min_word_count(self) -> int:
        return self.file.source_config.content_filters.min_word_count

    @property
    def exclude_patterns(self) -> tuple[str, ...]:
        return self.file.source_config.content_filters.exclude_patterns

    @property
    def sections(self) -> tuple[LayoutSection, ...]:
        return self.file.newsletter_layout.sections

    @property
    def max_items_total(self) -> int:
        return self.file.newsletter_selection.max_items_total

    @property
    def fingerprint(self) -> str:
        """16 hex of what the file says: comments, order of keys and spelled-out defaults change nothing."""
        text = json.dumps(self.file.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """The validated copy to store, JSON types only; the warnings are kept in it."""
        return {
            "client_id": self.client_id,
            "file": self.file.model_dump(mode="json"),
            "warnings": [asdict(warning) for warning in self.warnings],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ClientConfig":
        """The inverse of `to_json`. Raises ConfigError where the stored copy is not one."""
        try:
            file = ClientFile.model_validate(data["file"])
            warnings = tuple(Problem(**warning) for warning in data["warnings"])
            return cls(data["client_id"], file, warnings)
        except (KeyError, TypeError, ValidationError) as error:
            raise ConfigError(
                "The stored copy of a client configuration cannot be read.",
                where=str(data.get("client_id", "")) if isinstance(data, dict) else "",
                remedy="Read the client file again.",
            ) from error


def is_config_key(key: str) -> bool:
    """Whether `key` is meant as a client file: `.yaml` or `.yml` (any case) under `clients/`, not hidden."""
    if not key.startswith(PREFIX) or not key.lower().endswith((".yaml", ".yml")):
        return False
    return not any(part.startswith(".") for part in key.removeprefix(PREFIX).split("/"))


def client_id_of(key: str) -> str:
    """`clients/acme.yaml` -> `acme`. Raises ConfigError with a usable name where the key is not of that form."""
    stem, dot, ending = key.removeprefix(PREFIX).rpartition(".")
    if not key.startswith(PREFIX) or "/" in stem or "/" in ending:
        raise ConfigError(
            "A client file lies directly in `clients/`.",
            where=key,
            remedy=f"Move it to clients/{_slug(stem.rpartition('/')[2])}.yaml.",
        )
    if dot + ending != ".yaml":
        raise ConfigError(
            f'A client file ends in ".yaml", not in "{printable(dot + ending, MAX_SHOWN)}".',
            where=key,
            remedy=f"Rename it to clients/{_slug(stem or ending)}.yaml.",
        )
    if not _SLUG.fullmatch(stem):
        raise ConfigError(
            f'"{printable(stem, MAX_SHOWN)}" cannot be a client id: '
            '1 to 100 of a-z, 0-9, "_" and "-", a letter or digit first.',
            where=key,
            remedy=f"Rename it to clients/{_slug(stem)}.yaml.",
        )
    return stem


def read_client(key: str, body: bytes) -> ClientConfig:
    """The configuration that `body` holds, under the identity of `key`.

    Raises ConfigError where the key or the YAML is wrong, ClientConfigError with every problem of the file
    where a value is. Unknown keys, empty values and the newer vocabulary are warnings.
    """
    client_id = client_id_of(key)
    document = read_mapping(body, key)
    problems: list[Problem] = []
    known = _known(ClientFile, document.value, (), document, problems)
    file = None
    try:
        file = ClientFile.model_validate(known)
    except ValidationError as error:
        problems += [_wrong_value(document, detail) for detail in error.errors(include_url=False)]
    if file:
        problems += _remarks(client_id, file, document)
    problems.sort(key=lambda problem: int(problem.where.rpartition(":")[2]))
    if file is None:
        raise ClientConfigError(tuple(problems))
    return ClientConfig(client_id, file, tuple(problems))


def _slug(text: str) -> str:
    """A valid client id as near to `text` as can be."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-_")[:100] or "acme"


@cache
def _parts(model: type[Part]) -> dict[str, type[Part] | None]:
    """The fields of a part; for a field that is itself a part, or a tuple of one, that part."""
    found: dict[str, type[Part] | None] = {}
    for name, info in model.model_fields.items():
        kinds = (info.annotation, *get_args(info.annotation))
        found[name] = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Part)), None)
    return found


def _known(model: type[Part], value: Any, path: Path, document: Document, problems: list[Problem]) -> Any:
    """`value` without its unknown and empty keys, each of which becomes a warning."""
    if isinstance(value, list):
        return [_known(model, one, (*path, i), document, problems) for i, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept, parts = {}, _parts(model)
    for key, inner in value.items():
        here = (*path, key)
        if key not in parts:
            problems += _unknown(parts, here, inner, document, len(problems))
        elif inner is None and here != ("client_profile", "active"):
            problems.append(document.warning(here, f"`{_label(here)}` is empty.", "Give it a value, or remove it."))
        else:
            part = parts[key]
            kept[key] = _known(part, inner, here, document, problems) if part else inner
    return kept


def _unknown(known: dict[str, Any], path: Path, value: Any, document: Document, said: int) -> list[Problem]:
    label, key = _label(path), str(path[-1])
    if label == "ingestion" and isinstance(value, dict) and value:
        return [problem for inner in value for problem in _unknown({}, (*path, inner), None, document, said)]
    if label in _NEWER:
        remedy = f"Use {_NEWER[label]}."
    else:
        homes = [home for home, part in _parts(ClientFile).items() if part and key in _parts(part)]
        moved = f"It belongs under `{homes[0]}`." if len(path) == 1 and len(homes) == 1 else ""
        remedy = moved or closest(key, known, said) or "Remove it."
    return [document.warning(path, f"The key `{label}` is not known and has no effect.", remedy)]


def _label(path: Path) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


_EXPECTED = {
    "bool_type": "true or false",
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "tuple_type": "a list",
    "dict_type": "a block of `key: value` lines",
    "model_type": "a block of `key: value` lines",
    "string_too_short": "text that is not empty",
    "literal_error": "strict, balanced or broad",
}


def _wrong_value(document: Document, detail: Any) -> Problem:
    """One finding of pydantic, in words for a person and with its line."""
    path, kind, found = detail["loc"], detail["type"], detail["input"]
    label = _label(path)
    if kind == "missing":
        return document.error(path, f"`{label}` is missing.", f"Add `{path[-1]}:` here.")
    expected = _EXPECTED.get(kind, "another value")
    if kind in ("greater_than_equal", "less_than_equal"):
        top = " to 3650" if label == "pipeline.default_period_days" else " or more"
        expected = f"a whole number, 0{top}"
    remedy = "Correct the value."
    if kind == "bool_type":
        remedy = "Write true or false, without quotes."
    elif kind == "string_type" and isinstance(found, bool | int | float):
        remedy = "Put it between quotes."
    elif kind == "tuple_type":
        remedy = "Write one `- value` line for each."
    return document.error(path, f"`{label}` must be {expected}; found {shown(found)}.", remedy)


def _remarks(client_id: str, file: ClientFile, document: Document) -> list[Problem]:
    """What is well-formed and still probably not meant."""
    remarks: list[Problem] = []
    profile, sources = file.client_profile, file.source_config
    if profile.client_id and profile.client_id != client_id:
        remarks.append(
            document.warning(
                ("client_profile", "client_id"),
                f'`client_profile.client_id` says "{profile.client_id}", but the file name says "{client_id}".',
                "The file name counts; make them agree.",
            )
        )
    if profile.active and not sources.source_bouquets_enabled and not sources.sources_extra_enabled:
        remarks.append(
            document.warning(
                ("source_config",),
                "The client is active but has no bouquet and no extra source, so it never gets an item.",
                "Fill source_config.source_bouquets_enabled, or set client_profile.active to false.",
            )
        )
    for i, phrase in enumerate(sources.content_filters.exclude_patterns):
        if _REGEX_SIGNS.search(phrase):
            remarks.append(
                document.warning(
                    ("source_config", "content_filters", "exclude_patterns", i),
                    f'"{phrase}" looks like a regular expression, but is searched for as it stands.',
                    "Write the plain phrase to exclude.",
                )
            )
    ids = [section.id for section in file.newsletter_layout.sections]
    for i, section_id in enumerate(ids):
        if section_id in ids[:i]:
            remarks.append(
                document.warning(
                    ("newsletter_layout", "sections", i, "id"),
                    f'Two sections have the id "{section_id}".',
                    "Give each section its own id.",
                )
            )
    return remarks
