"""Which stories of a week enter a newsletter, in which section, and what became of every other one.

Here: matching, duplicates, sections, as pure functions of stories and a policy. Not here: the policy
(selection_policy), likeness (same_story), the limit of the whole issue (trimming), the page of reasons (explanations).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from domain.same_story import told_once
from domain.selection_policy import Policy
from domain.stories import CHOSEN, Figures, FilledSection, Story, Verdict, clean, one_line
from domain.trimming import trim

_FIRST_TYPES = ("press_corporate", "press_sector")
Order = Callable[[Story], tuple[float, int, str, str]]


@dataclass(frozen=True, slots=True)
class Selection:
    """The sections that hold a story, what became of every story, and the counts of each step."""

    sections: tuple[FilledSection, ...]
    verdicts: tuple[Verdict, ...]
    figures: Figures


@dataclass
class _Book:
    """Collects verdicts; a story has one."""

    verdicts: list[Verdict] = field(default_factory=list)

    def out(self, story: Story, code: str, because: str, section: str = "", told_by: str = "") -> None:
        self.verdicts.append(Verdict(story, code, because, section, told_by))


def select(
    stories: Sequence[Story], policy: Policy, first: date, last: date, type_titles: Mapping[str, str]
) -> Selection:
    """The selection of the days `first` to `last`, whatever the order of `stories`.

    `type_titles` names source types, for stories that no asked-for section takes and that no domain is watched for.
    """
    book = _Book()
    # The earliest sight of an item tells it; the rest of the key only makes the choice independent of order.
    oldest_first = sorted(map(clean, stories), key=lambda one: (one.day, one.title, one.url, one.summary, repr(one)))
    in_week = [story for story in oldest_first if first <= story.day <= last]
    for story in oldest_first:
        if not first <= story.day <= last:
            book.out(story, "outside_period", f"first seen on {story.day}, not between {first} and {last}")
    matched = _matching(in_week, policy, book)
    distinct = _distinct(matched, policy, book)
    filled, waiting = _fill(distinct, policy)
    filled += _without_section(waiting, policy, type_titles, book)
    kept, crowded_out = trim(filled, policy, rank(policy))
    for story, section, code, because in crowded_out:
        book.out(story, code, because, section)
    sections = tuple(part for part in kept if part.stories)
    book.verdicts += [
        Verdict(story, CHOSEN, f'number {place} of "{part.title}"', part.id)
        for part in sections
        for place, story in enumerate(part.stories, 1)
    ]
    return Selection(sections, tuple(book.verdicts), _figures(in_week, matched, distinct, filled, kept))


def order(sort_by: str) -> Order:
    """A total order. A story without a score comes after those that have one; then newest, then title."""

    def key(story: Story) -> tuple[float, int, str, str]:
        score = story.score if sort_by == "score_desc" and story.score is not None else float("-inf")
        return (-score, -story.told_on.toordinal(), story.title.casefold(), story.item_id)

    return key


def rank(policy: Policy) -> Order:
    """Who stays where not all can: the newest without domains, else the highest score.

    With `prefer_recent`, scores that are the same whole number count as equal: then the newer stays.
    """
    by_score = order("score_desc")
    if not policy.watched:
        return order("date_desc")
    if not policy.prefer_recent:
        return by_score
    return lambda story: by_score(replace(story, score=None if story.score is None else float(round(story.score))))


def _matching(stories: Sequence[Story], policy: Policy, book: _Book) -> list[Story]:
    kept = []
    for story in stories:
        if policy.watched and story.score is None:
            book.out(story, "not_scored", f"{story.day} was built before there were scores: materialize its models")
        elif policy.watched and not story.domains:
            book.out(story, "no_domain", "no watched domain matches")
        elif policy.min_score is not None and story.score is not None and story.score < policy.min_score:
            book.out(story, "low_score", f"score {story.score:g} is under {policy.min_score:g}")
        else:
            kept.append(story)
    return kept


def _distinct(stories: Sequence[Story], policy: Policy, book: _Book) -> list[Story]:
    unique: dict[str, Story] = {}
    for story in stories:
        if story.item_id in unique:
            seen = unique[story.item_id].day
            book.out(story, "repeated", f"the same item was first seen on {seen}", told_by=story.item_id)
        else:
            unique[story.item_id] = story
    kept, others = told_once(sorted(unique.values(), key=_speaks_first(policy)), policy.likeness)
    for item_id, (teller, because) in others.items():
        book.out(unique[item_id], "same_story", f"{because} “{teller.title}”", told_by=teller.item_id)
    return kept


def _speaks_first(policy: Policy) -> Callable[[Story], tuple[bool, float, int, str, str]]:
    """Of several stories that tell the same: a critical one, the highest score, the first told."""

    def key(story: Story) -> tuple[bool, float, int, str, str]:
        score = story.score if policy.prefer_higher_score and story.score is not None else 0.0
        uncritical = policy.prefer_critical and not story.critical
        return (uncritical, -score, story.told_on.toordinal(), story.title.casefold(), story.item_id)

    return key


def _fill(stories: Sequence[Story], policy: Policy) -> tuple[list[FilledSection], list[Story]]:
    """Each section takes its own up to its limit; what it has no room for goes on. The rest waits."""
    filled, waiting = [], list(stories)
    for section in policy.sections:
        taken = sorted((story for story in waiting if section.takes(story)), key=order(section.sort_by))
        chosen = tuple(taken[: section.max_items])
        ids = {story.item_id for story in chosen}
        waiting = [story for story in waiting if story.item_id not in ids]
        filled.append(FilledSection(section.id, one_line(section.title), chosen, section.max_items))
    return filled, waiting


def _without_section(
    waiting: Sequence[Story], policy: Policy, type_titles: Mapping[str, str], book: _Book
) -> list[FilledSection]:
    """What no section has room for is out; so is what none takes where domains are watched, else it goes by type."""
    unasked = []
    for story in waiting:
        takers = [section for section in policy.sections if section.takes(story)]
        if takers:
            full = " and ".join(f'"{one_line(one.title)}" ({one.max_items})' for one in takers)
            book.out(story, "section_full", f"no room in {full}", takers[0].id)
        elif policy.watched and policy.sections:
            book.out(story, "no_section", f"no section takes an event of type {story.event_type or 'unknown'}")
        else:
            unasked.append(story)
    groups: defaultdict[str, list[Story]] = defaultdict(list)
    for story in sorted(unasked, key=order("score_desc" if policy.watched else "date_desc")):
        groups[story.source_type].append(story)
    places = {source_type: place for place, source_type in enumerate(_FIRST_TYPES)}
    return [
        FilledSection(name, type_titles.get(name) or _type_title(name), tuple(groups[name]))
        for name in sorted(groups, key=lambda name: (places.get(name, len(places)), name))
    ]


def _type_title(source_type: str) -> str:
    return one_line(source_type.removeprefix("api_").replace("_", " ")).capitalize()


def _figures(
    in_week: Sequence[Story],
    matched: Sequence[Story],
    distinct: Sequence[Story],
    filled: Sequence[FilledSection],
    kept: Sequence[FilledSection],
) -> Figures:
    chosen = [story for part in kept for story in part.stories]
    return Figures(
        processed=len(in_week),
        matched=len(matched),
        distinct=len(distinct),
        trimmed=sum(len(part.stories) for part in filled) - len(chosen),
        critical=sum(story.critical for story in chosen),
        fill_rates={part.id: round(len(part.stories) / part.max_items, 2) for part in kept if part.max_items},
    )
