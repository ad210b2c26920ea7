"""Which stories of a week tell the same thing, and which of them speaks for the others.

Here: exact and near copies, and stories that agree in event, entities and title. Not here: copies within one day of
one client (the models), nor what enters a newsletter (selection).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from domain.stories import Story

ALIKE = 0.75
_MONTHS = frozenset(
    (
        *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
        *("november", "december", "janvier", "fevrier", "mars", "avril", "mai", "juin", "juillet", "aout"),
        *("septembre", "octobre", "novembre", "decembre"),
    )
)
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_TELLING = 4  # words a title needs to be known again by itself


@dataclass(frozen=True, slots=True)
class Likeness:
    """When two stories are one. `threshold` is the share of words that their titles have in common, 0 to 1.

    `same_company`: they must also name the same company, or else one same product, molecule or technology.
    """

    threshold: float = ALIKE
    same_company: bool = True


@dataclass(frozen=True, slots=True)
class _Title:
    """A title's words, and those of them that are figures or months."""

    words: frozenset[str]
    marks: frozenset[str]

    @classmethod
    def of(cls, title: str) -> "_Title":
        words = _words(title)
        return cls(words, frozenset(word for word in words if word in _MONTHS or _DIGIT.search(word)))

    def contradicts(self, other: "_Title") -> bool:
        """Whether each has a figure or a month that the other lacks: a half-year report is not that of nine months."""
        return bool(self.marks - other.marks) and bool(other.marks - self.marks)


def told_once(stories: Sequence[Story], likeness: Likeness | None) -> tuple[list[Story], dict[str, tuple[Story, str]]]:
    """The stories that remain, in the order given, and for each other one (by id) who tells it and why.

    The first in the given order speaks. A story is compared with those that remain only, so likeness is never handed on
    from one to the next. Without `likeness` only the near copies that the models named are joined.
    """
    kept: list[Story] = []
    others: dict[str, tuple[Story, str]] = {}
    by_group: dict[str, Story] = {}
    by_trait: defaultdict[tuple[str, str], list[Story]] = defaultdict(list)
    titles = {story.item_id: _Title.of(story.title) for story in stories}
    for story in stories:
        group = story.duplicate_group or story.item_id
        speaker = by_group.get(group)
        because = "a near copy of"
        if speaker is None and likeness:
            near = _candidates(story, by_trait, likeness)
            speaker, because = _alike(story, near, titles, likeness)
        if speaker:
            others[story.item_id] = (speaker, because)
            continue
        kept.append(story)
        by_group[group] = story
        for trait in _traits(story, likeness):
            by_trait[story.event_type, trait].append(story)
    return kept, others


def _alike(
    story: Story, near: Iterator[Story], titles: dict[str, "_Title"], likeness: Likeness
) -> tuple[Story | None, str]:
    mine = titles[story.item_id]
    for other in near:
        theirs = titles[other.item_id]
        share = _share(mine.words, theirs.words)
        if share >= likeness.threshold and not mine.contradicts(theirs):
            names = "event and names" if likeness.same_company else "event"
            return other, f"the same {names}, titles {share:.0%} alike, as"
    return None, ""


def _candidates(story: Story, by_trait: dict[tuple[str, str], list[Story]], likeness: Likeness) -> Iterator[Story]:
    seen: set[str] = set()
    for trait in _traits(story, likeness):
        for other in by_trait.get((story.event_type, trait), ()):
            if other.item_id not in seen:
                seen.add(other.item_id)
                yield other


def _traits(story: Story, likeness: Likeness | None) -> list[str]:
    """What two stories must share one of to be compared at all."""
    if likeness is None:
        return []
    if not likeness.same_company:
        return ["any"]
    if story.companies:
        return [f"company {name.casefold()}" for name in story.companies]
    named = [*story.trademarks, *story.molecules, *story.technologies]
    if named:
        return [f"name {name.casefold()}" for name in named]
    words = _words(story.title)
    return [f"title {' '.join(sorted(words))}"] if len(words) >= _TELLING else []


def _share(first: frozenset[str], second: frozenset[str]) -> float:
    if not first or not second:
        return 0.0
    return 2 * len(first & second) / (len(first) + len(second))


def _words(title: str) -> frozenset[str]:
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", title) if not unicodedata.combining(sign))
    return frozenset(_WORD.findall(plain.casefold()))
