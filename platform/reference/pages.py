"""The pages of docs/reference: made of the models, the vocabularies, the command line and the targets.

Here: which pages there are, and their Markdown. Not here: reading models (fields), what fields mean (the modules of
words), commands (commands).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from domain.catalog import Bouquet, Source
from domain.client_file import ClientFile
from domain.event_types import KNOWN_KEYS
from domain.ingestion_profile_file import CONTEXTS as CONTEXT_KEYS
from domain.ingestion_profile_file import GROUP_KEYS, PROFILE_KEYS
from domain.ingestion_profile_file import REQUIREMENTS as REQUIREMENT_KEYS
from domain.scoring_rules import ScoringRules
from reference.client_words import CLIENT, RULES
from reference.commands import commands_page
from reference.environment import environment_page
from reference.fields import REQUIRED, Meaning, Part, Row, parts_of, yaml
from reference.source_words import CATALOG, CONTEXTS, EVENT, GROUP, PROFILE, REQUIREMENTS
from reference.target_words import NOT_IN_THE_FILE, TARGET
from settings import PROJECT_ROOT, Settings

FOLDER = PROJECT_ROOT / "docs" / "reference"
COMMAND = "make docs"
_MADE = f"<!-- Made of the code by `{COMMAND}`: change the models and platform/reference, not this page. -->"
_HEAD = ("| Field | What it means | Type | Default | For instance |", "|---|---|---|---|---|")


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    made = {
        "index.md": _index(),
        "commands.md": commands_page(),
        "client-file.md": _of_model(
            "Client file",
            "Every field of `clients/{id}.yaml`. [Add a client](../add-a-client.md) shows a whole file;\n"
            "`vigie clients check FILE` says what is wrong in one. A field may be absent where it has a default; the\n"
            "default of text without one is nothing. Unknown fields are warned of and have no effect.",
            parts_of(ClientFile, CLIENT),
        ),
        "source-catalog.md": _catalog(),
        "selection.md": _selection(),
        "event-types.md": _event_types(),
        "scoring-rules.md": _of_model(
            "Scoring rules",
            "Every field of `canonical/scoring/rules.yaml`, which may be absent and holds only what differs:\n"
            "blocks are read over the defaults key by key. [Score items](../score-items.md) says what becomes of them.",
            parts_of(ScoringRules, RULES),
        ),
        "target.md": _of_model(
            "Target",
            "Every answer of a target's file, `platform/targets/{name}.yaml`. [Targets](../targets.md) shows how to\n"
            "make one; `vigie target check` prints every answer of the chosen one. `${NAME}` takes a variable's value.",
            parts_of(Settings, TARGET),
        ),
        "environment.md": environment_page(),
    }
    return {FOLDER / name: f"{text.rstrip()}\n\n{_MADE}\n" for name, text in made.items()}


def write() -> list[Path]:
    """Writes what differs; those pages."""
    FOLDER.mkdir(exist_ok=True)
    changed = {
        path: text for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def _index() -> str:
    return """# Reference

Made of the code, and compared with it by a test.

| Page | What is there |
|---|---|
| [Commands](commands.md) | every command of `vigie`, its options and an example |
| [Client file](client-file.md) | `clients/{id}.yaml` |
| [Source catalog](source-catalog.md) | `canonical/sources/source_catalog.yaml` |
| [Ingestion profiles and scopes](selection.md) | `canonical/ingestion/ingestion_profiles.yaml`, `canonical/scopes/` |
| [Event types](event-types.md) | `canonical/events/` |
| [Scoring rules](scoring-rules.md) | `canonical/scoring/rules.yaml` |
| [Target](target.md) | a target's file: every setting |
| [Environment](environment.md) | the variables that Vigie reads |

The figures for Prometheus are listed in [Operate](../operate.md), the tables of the warehouse in [dbt](../dbt.md)."""


def _of_model(title: str, about: str, parts: Sequence[Part]) -> str:
    return "\n\n".join([f"# {title}", about, *(_part(part) for part in parts)])


def _part(part: Part) -> str:
    named = [place for place in part.places if place]
    shown = ", ".join(f"`{place}`" for place in named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    heading = f"## {shown}{_variant(part)}" if named else "## The file"
    rows = [_line(row) for row in part.rows if named or row.name not in NOT_IN_THE_FILE]
    about = [part.about] if part.about and named else []
    return "\n\n".join([heading, *about, "\n".join((*_HEAD, *rows))])


def _variant(part: Part) -> str:
    """Which of several kinds a block is, where one field alone says so."""
    kinds = [row.kind for row in part.rows if row.name == "kind" and row.default == REQUIRED]
    single = kinds and kinds[0].count("`") == 2
    return f" with `kind: {kinds[0].split('`')[1]}`" if single else ""


def _line(row: Row) -> str:
    def code(text: str) -> str:
        return f"`{_cell(text)}`" if text and text not in (REQUIRED, "see below") else text

    cells = (f"`{row.name}`", _cell(row.meaning), _cell(row.kind), code(_short(row.default)), code(row.example))
    return f"| {' | '.join(cells)} |"


def _short(default: str) -> str:
    return "" if default in ('""', "[]", "{}", "null") else default


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _keys(keys: Sequence[str], meanings: Mapping[str, Meaning]) -> str:
    def line(key: str) -> str:
        said: Any = meanings[key]
        meaning, example = said if isinstance(said, tuple) else (said, None)
        return f"| `{key}` | {_cell(meaning)} | {f'`{_cell(yaml(example))}`' if example is not None else ''} |"

    head = ("| Field | What it means | For instance |", "|---|---|---|")
    return "\n".join((*head, *(line(key) for key in keys)))


def _catalog() -> str:
    (source,), (bouquet,) = parts_of(Source, CATALOG, "sources[]"), parts_of(Bouquet, CATALOG, "bouquets[]")
    plain = [Part(one.places, one.model, "", one.rows) for one in (source, bouquet)]
    about = (
        "Every field of `canonical/sources/source_catalog.yaml`: a list `sources` and a list `bouquets`.\n"
        "[Add a source](../add-a-source.md) shows entries; `vigie catalog check` says what is wrong or odd."
    )
    return _of_model("Source catalog", about, plain)


def _selection() -> str:
    return "\n\n".join(
        [
            "# Ingestion profiles and scopes",
            "Every field of `canonical/ingestion/ingestion_profiles.yaml`. [Select items](../select-items.md) shows a\n"
            "profile and says how phrases are found.",
            "## `profiles.*`",
            _keys(PROFILE_KEYS, PROFILE),
            "## `profiles.*.signal_requirements`",
            _keys(REQUIREMENT_KEYS, REQUIREMENTS),
            "## `profiles.*.signal_requirements.required_signal_groups[]`",
            _keys(GROUP_KEYS, GROUP),
            "## `profiles.*.applicable_contexts`",
            _keys(CONTEXT_KEYS, CONTEXTS),
            "## Scopes",
            "Each file in `canonical/scopes/` is a block of scopes. A scope is a list of phrases, or a block of such\n"
            "lists; the list `negative_terms` of a block speaks against the others. Lists whose names begin with `_`\n"
            "are left out.",
            "```yaml\ncompanies_core: [Monthera, Depotex]\ndepot_keywords:\n  core_phrases: [long-acting injectable]\n"
            "  negative_terms: [oral tablet]\n```",
        ]
    )


def _event_types() -> str:
    return "\n\n".join(
        [
            "# Event types",
            "Every field of `canonical/events/event_type_patterns.yaml`, a block for each type below `event_types`.\n"
            "`canonical/events/event_type_definitions.yaml` may hold a `description` for each type, at its top\n"
            "level. A story for which nothing speaks is `other`.\n\n"
            "What an event is worth is in [Score items](../score-items.md).",
            "## `event_types.*`",
            _keys(KNOWN_KEYS, EVENT),
        ]
    )
