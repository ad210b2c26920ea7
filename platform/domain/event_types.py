"""Event types: what makes a story a partnership, a regulatory event..., as people keep it in the config bucket.

Here: reading the two files, one vocabulary out of their two, the keywords as terms. Not here: how a keyword is found
(matching), what an event is worth (scoring_rules), nor which event an item is (dbt's models).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.documents import Document, Problem, closest, read_mapping, shown
from domain.terms import Term

PREFIX = "canonical/events/"
PATTERNS_KEY = f"{PREFIX}event_type_patterns.yaml"
DEFINITIONS_KEY = f"{PREFIX}event_type_definitions.yaml"
CATEGORY = "event"
TITLE, BODY, NEGATIVE = "title", "body", "negative"
OTHER = "other"  # where nothing speaks for any type
_KEYWORDS = {"title_keywords": TITLE, "body_keywords": BODY, "negative_keywords": NEGATIVE}
KNOWN_KEYS = (*_KEYWORDS, "label", "description", "typical_sources")
# The patterns call by another name what the definitions, the weights and the clients' files know.
_OLDER_NAMES = {"scientific_paper": "scientific_publication"}


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event; `keywords` are pairs of a list (title, body, negative) and a word in it."""

    name: str
    label: str = ""
    description: str = ""
    keywords: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EventTypes:
    """Every type of either file, `other` always among them, by name; and what deserves attention in the files."""

    types: tuple[EventType, ...] = (EventType(OTHER),)
    problems: tuple[Problem, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.types)

    @property
    def terms(self) -> tuple[Term, ...]:
        """The keywords, to be found with the scopes' terms: the scope is the type, the list says what a word means."""
        return tuple(
            Term.of(CATEGORY, one.name, place, written) for one in self.types for place, written in one.keywords
        )


def event_name(written: str) -> str:
    """The name by which Vigie knows a type of event: `scientific_paper` is `scientific_publication`."""
    return _OLDER_NAMES.get(written, written)


def read_event_types(files: Mapping[str, bytes]) -> EventTypes:
    """The types of the patterns and the definitions among `files`, key -> bytes; either may be absent.

    Raises ConfigError where one of them is no YAML mapping: without its keywords every story would be `other`.
    """
    found: dict[str, EventType] = {OTHER: EventType(OTHER)}
    problems: list[Problem] = []
    if DEFINITIONS_KEY in files:
        document = read_mapping(files[DEFINITIONS_KEY], DEFINITIONS_KEY)
        for written, block in document.value.items():
            name = event_name(written)
            found[name] = EventType(name, _label(name), _text(block, "description"))
    if PATTERNS_KEY in files:
        document = read_mapping(files[PATTERNS_KEY], PATTERNS_KEY)
        for written, block in _blocks(document, problems).items():
            if not isinstance(block, dict):
                message = f'The event type "{written}" must be a block; found {shown(block)}.'
                problems.append(document.warning(("event_types", written), message, "Write its keywords below it."))
                continue
            name = event_name(written)
            known = found.get(name, EventType(name))
            found[name] = EventType(
                name,
                _text(block, "label") or _label(name),
                known.description or _text(block, "description"),
                (*known.keywords, *_keywords(document, written, block, problems)),
            )
    return EventTypes(tuple(found[name] for name in sorted(found)), tuple(problems))


def _blocks(document: Document, problems: list[Problem]) -> dict[str, Any]:
    blocks = document.value.get("event_types")
    if isinstance(blocks, dict):
        return blocks
    message = f"`event_types` must be a block; found {shown(blocks)}. Every story is `{OTHER}`."
    problems.append(document.warning(("event_types",), message, "Write `event_types:` and a block for each type."))
    return {}


def _keywords(
    document: Document, name: str, block: dict[str, Any], problems: list[Problem]
) -> tuple[tuple[str, str], ...]:
    kept: dict[tuple[str, str], None] = {}
    for key, value in block.items():
        path = ("event_types", name, key)
        if key not in KNOWN_KEYS:
            remedy = closest(key, KNOWN_KEYS, len(problems)) or "Remove it."
            problems.append(document.warning(path, f"The key `{key}` has no effect.", remedy))
        if key not in _KEYWORDS or value is None:
            continue
        if not isinstance(value, list):
            message = f"`{key}` must be a list; found {shown(value)}. Read as empty."
            problems.append(document.warning(path, message, "Write `- value` lines."))
            continue
        for i, word in enumerate(value):
            if isinstance(word, str) and Term.of(CATEGORY, name, "", word).key:
                kept[_KEYWORDS[key], word] = None
            else:
                message = f"A keyword must be text with a word in it; found {shown(word)}. Left out."
                problems.append(document.warning((*path, i), message, "Put it between quotes, or remove it."))
    return tuple(kept)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text(block: Any, key: str) -> str:
    value = block.get(key) if isinstance(block, dict) else None
    return " ".join(value.split()) if isinstance(value, str) else ""
