"""A newsletter's parts: stories, sections, what became of each story, the issue itself.

Here: their shapes, and how text from the web becomes one clean line. Not here: which stories enter (selection), how an
issue is written (newsletters), nor why in words for people (explanations).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

CHOSEN = "chosen"
# Why a story is not in an issue, in the order in which it is decided.
LEFT_OUT_REASONS = (
    "outside_period",
    "no_domain",
    "not_scored",
    "low_score",
    "repeated",
    "same_story",
    "no_section",
    "section_full",
    "section_dominance",
    "newsletter_full",
)
# The order in which a story's entities are told: who, then what.
ENTITIES = ("companies", "trademarks", "molecules", "technologies")
_LISTS = ("domains", *ENTITIES)
# Overrides and isolates of writing direction: in a title they can turn the text around it.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")  # French sets no-break spaces before its double signs: they stay


@dataclass(frozen=True, slots=True)
class Story:
    """One item as a newsletter tells it; `day` is the UTC day it was first seen, never a guess.

    `score` is 0 to 50, None where its day was built before there were scores.
    """

    item_id: str
    source_key: str
    source_type: str
    title: str
    summary: str
    url: str
    day: date
    published_at: date | None
    date_source: str
    language: str
    also_in_sources: int = 0
    score: float | None = None
    duplicate_group: str = ""
    event_type: str = ""
    event_path: str = ""
    critical: bool = False
    domains: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    molecules: tuple[str, ...] = ()
    technologies: tuple[str, ...] = ()
    trademarks: tuple[str, ...] = ()
    summary_path: str = "text"

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Story":
        """A row of the model `newsletter_items`, its client left out: lists are joined by "|", "" is an empty one."""
        told = {key: value for key, value in row.items() if value is not None or key in ("published_at", "score")}
        told |= {key: tuple(filter(None, told.get(key, "").split("|"))) for key in _LISTS}
        if told.get("score") is not None:
            told["score"] = float(told["score"])  # engines may give a decimal
        return cls(**told)

    @property
    def told_on(self) -> date:
        """The day it is sorted by: published, else first seen."""
        return self.published_at or self.day

    @property
    def source_name(self) -> str:
        """`press_sector__depot_dispatch` reads "Depot Dispatch"."""
        first, *rest = self.source_key.rpartition("__")[2].replace("-", "_").split("_")
        return " ".join([first.capitalize(), *(word.capitalize() if len(word) > 3 else word for word in rest)])

    @property
    def entities(self) -> dict[str, tuple[str, ...]]:
        """Kind -> names, in the order they are told."""
        return {kind: getattr(self, kind) for kind in ENTITIES}

    @property
    def key_players(self) -> tuple[str, ...]:
        """Companies, then products, then molecules, each name once."""
        return tuple(dict.fromkeys((*self.companies, *self.trademarks, *self.molecules)))


@dataclass(frozen=True, slots=True)
class Section:
    """A section a client asks for. It takes the stories of `event_types` ("*": all), where it says any.

    Else those of `source_types`, else of the source type its `id` names. `domains`, where said, narrows it to stories
    of one of them. `sort_by`: date_desc or score_desc.
    """

    id: str
    title: str
    max_items: int
    sort_by: str = "date_desc"
    source_types: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def takes(self, story: Story) -> bool:
        """Whether the story belongs here, room or not."""
        if self.domains and not set(self.domains) & set(story.domains):
            return False
        if self.event_types:
            return "*" in self.event_types or story.event_type in self.event_types
        wanted = self.source_types or (self.id,)
        return "*" in wanted or story.source_type in wanted


@dataclass(frozen=True, slots=True)
class FilledSection:
    """A section with its stories, in reading order. `max_items` is None where nothing bounds it."""

    id: str
    title: str
    stories: tuple[Story, ...]
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one story: CHOSEN, or one of LEFT_OUT_REASONS, and why in words.

    `section` is the id of the section that took it; `told_by` is the item that tells it instead.
    """

    story: Story
    code: str
    because: str
    section: str = ""
    told_by: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How many stories were left after each step of the selection; `fill_rates` is by section, 0 to 1."""

    processed: int = 0
    matched: int = 0
    distinct: int = 0
    trimmed: int = 0
    critical: int = 0
    fill_rates: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Newsletter:
    """One client's week. `verdicts` has every story that was looked at; `scored`: scores are worth showing.

    `top` are the highest scored stories, where the client asks for them.
    """

    newsletter_id: str
    client_id: str
    client_name: str
    language: str
    week_start: date
    week_end: date
    sections: tuple[FilledSection, ...]
    verdicts: tuple[Verdict, ...] = ()
    figures: Figures = Figures()
    top: tuple[Story, ...] = ()
    scored: bool = False
    shows: frozenset[str] = frozenset()

    @property
    def stories(self) -> tuple[Story, ...]:
        """All stories, in reading order."""
        return tuple(story for section in self.sections for story in section.stories)

    @property
    def total(self) -> int:
        """How many stories it holds."""
        return len(self.stories)

    @property
    def left_out(self) -> dict[str, int]:
        """How many stories are not in it, by reason."""
        counts = Counter(verdict.code for verdict in self.verdicts)
        return {reason: counts[reason] for reason in LEFT_OUT_REASONS if counts[reason]}


def clean(story: Story) -> Story:
    """The story with every text of the web on one clean line; a story without a title is named by its address."""
    url = one_line(story.url.strip())
    names: dict[str, Any] = {kind: tuple(map(one_line, names)) for kind, names in story.entities.items()}
    title = one_line(story.title) or url or story.item_id
    return replace(story, title=title, summary=one_line(story.summary), url=url, **names)


def one_line(text: str) -> str:
    """Spaces collapsed, no control character, no lone surrogate, no override of direction."""
    if text.isprintable() and "  " not in text:
        return text.strip()  # most texts: nothing in them is to be taken out
    spaced = _SPACES.sub(" ", text)
    return "".join(
        sign for sign in spaced if sign not in _DIRECTION and unicodedata.category(sign) not in ("Cc", "Cs")
    ).strip()
