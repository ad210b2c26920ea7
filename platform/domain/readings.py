"""What a language model made of a text, as far as the text itself bears it out.

Here: the check of an answer, what is kept of it, its row in the warehouse. Not here: the question (reading_prompts),
who is asked and how often (resources.reader).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ParseError
from domain.event_types import event_name
from domain.reading_prompts import ENTITIES, LONGEST_SUMMARY, ReadingPrompt, harmless
from domain.vocabulary import words

_FIGURE = re.compile(r"\d{2,}")  # a single digit may be a word in the text: "three months"
_SEPARATOR = re.compile(r"(?<=\d)[.,](?=\d)")
_SPACED = re.compile(r"(?<=\d)[.,\s](?=\d)")  # "500 000" is one figure in some languages, two in others
# What would become a link or markup wherever somebody forgets to escape it.
_NOT_PLAIN = re.compile(r"\w+://|\bwww\.|</?[a-z!]|\]\(|```|\bjavascript:", re.IGNORECASE)
_NO_NAME = re.compile(r"[<>|{}\[\]`\\]")  # signs of markup, and the bar that stands between the names of a list

_Names = Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=50)]


@dataclass(frozen=True, slots=True)
class Text:
    """A text to read; its hash is that of the content (domain.items.content_hash)."""

    content_hash: str
    title: str
    content: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What is kept of an answer. `dropped` counts the names that do not stand in the text."""

    summary: str
    event_type: str
    entities: Mapping[str, tuple[str, ...]]
    dropped: int = 0


class AnswerError(ParseError):
    """An answer that cannot be used. `objections` quote nothing of it but figures: they may be told to the model."""

    def __init__(self, objections: tuple[str, ...]) -> None:
        super().__init__(f"the answer cannot be used: {'; '.join(objections)}.")
        self.objections = objections


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    summary: Annotated[str, Field(min_length=1, max_length=LONGEST_SUMMARY)]
    event_type: str
    companies: _Names = []
    molecules: _Names = []
    technologies: _Names = []
    trademarks: _Names = []
    indications: _Names = []


def check(answer: object, text: Text, event_types: tuple[str, ...]) -> Reading:
    """The reading that `answer` (JSON types) gives of `text`. Raises AnswerError.

    Names that do not stand in title or text, as whole words whatever the case, or hold markup, are dropped. Refused as
    a whole: another shape, an unknown event type, a summary that is too long, not plain text, or has a figure that the
    text has not.
    """
    try:
        found = _Answer.model_validate(answer)
    except ValidationError as error:
        raise AnswerError(tuple(dict.fromkeys(_in_words(detail) for detail in error.errors()))) from None
    summary, told = harmless(found.summary), f"{text.title}\n\n{text.content}"
    objections = []
    event_type = event_name(found.event_type)
    if event_type not in event_types:
        objections.append(f"event_type is none of {', '.join(event_types)}")
    if not summary:
        objections.append("summary is empty")
    if _NOT_PLAIN.search(summary):
        objections.append("summary holds an address or markup")
    if invented := sorted(_figures(summary, _SEPARATOR) - _figures(told, _SEPARATOR) - _figures(told, _SPACED)):
        objections.append(f"summary says figures that the text does not say: {', '.join(invented)}")
    if objections:
        raise AnswerError(tuple(objections))
    said = words(told)
    entities, dropped = {}, 0
    for kind in ENTITIES:
        names = [(words(name).strip(" ,\n"), harmless(name)) for name in getattr(found, kind)]
        standing = [(key, name) for key, name in names if key and f" {key} " in said and not _NO_NAME.search(name)]
        dropped += len(names) - len(standing)
        entities[kind] = tuple(sorted(dict(reversed(standing)).values(), key=str.casefold))
    return Reading(summary, event_type, entities, dropped)


def row(
    text: Text, prompt: ReadingPrompt, model: str, reading: Reading | None, tokens: tuple[int, int], at: datetime
) -> dict[str, Any]:
    """The row of raw.item_readings. No reading: the text was asked about in vain, which is not paid a second time;
    event_type and summary are then empty. `tokens` are those of questions and answers."""
    return {
        "content_hash": text.content_hash,
        "prompt": prompt.fingerprint,
        "model": model,
        "summary": reading.summary if reading else "",
        "event_type": reading.event_type if reading else "",
        "entities": orjson.dumps(reading.entities if reading else {}).decode(),
        "input_tokens": tokens[0],
        "output_tokens": tokens[1],
        "read_at": at,
    }


def _figures(text: str, separators: re.Pattern[str]) -> set[str]:
    """The digits of every number in a text, its separators left out."""
    return set(_FIGURE.findall(separators.sub("", text)))


def _in_words(detail: Any) -> str:
    place = str(detail["loc"][0]) if detail["loc"] else "the answer"
    match detail["type"]:
        case "missing":
            return f"{place} is missing"
        case "string_too_long" | "too_long":
            return f"{place} is too long"
        case "string_too_short":
            return f"{place} is empty"
        case _:
            return f"{place} has another shape than asked for"
