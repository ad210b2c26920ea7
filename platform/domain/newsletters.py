"""A client's week as a newsletter: which stories, in which order, and its four files.

Here: composition, and HTML, Markdown, JSON and manifest as pure functions, so the same week gives the same
bytes. Not here: reading the warehouse, writing the files, the clock; the page itself (newsletter_templates).
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from jinja2 import DictLoader, Environment, StrictUndefined

from domain.newsletter_templates import (
    PAGE,
    also,
    counted,
    is_web,
    markdown,
    page_language,
    period,
    short_day,
    shortened,
    words_of,
)

LEFT_OUT_REASONS = ("repeated", "outside_period", "section_full", "newsletter_full")
_FIRST_TYPES = ("press_corporate", "press_sector")
# Overrides and isolates of writing direction: in a title they can turn the text around it.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SPACES = re.compile(r"[^\S\u00a0\u202f]+")  # French sets no-break spaces before its double signs: they stay


@dataclass(frozen=True, slots=True)
class Story:
    """One item as a newsletter tells it; `day` is the UTC day it was first seen, never a guess."""

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

    @property
    def told_on(self) -> date:
        """The day it is sorted by: published, else first seen."""
        return self.published_at or self.day

    @property
    def source_name(self) -> str:
        """`press_sector__depot_dispatch` reads "Depot Dispatch"."""
        first, *rest = self.source_key.rpartition("__")[2].replace("-", "_").split("_")
        return " ".join([first.capitalize(), *(word.capitalize() if len(word) > 3 else word for word in rest)])


@dataclass(frozen=True, slots=True)
class Section:
    """A section a client asks for: it takes the stories of `source_types` ("*": all that are left).

    Without `source_types` it takes the source type its `id` names. `sort_by`: date_desc or score_desc.
    """

    id: str
    title: str
    max_items: int
    sort_by: str = "date_desc"
    source_types: tuple[str, ...] = ()

    def takes(self, story: Story) -> bool:
        """Whether the story belongs here, room or not."""
        wanted = self.source_types or (self.id,)
        return "*" in wanted or story.source_type in wanted


@dataclass(frozen=True, slots=True)
class FilledSection:
    """A section with its stories, at least one, in reading order."""

    id: str
    title: str
    stories: tuple[Story, ...]


@dataclass(frozen=True, slots=True)
class Newsletter:
    """One client's week. `left_out` counts, by reason (LEFT_OUT_REASONS), the stories that are not in it."""

    newsletter_id: str
    client_id: str
    client_name: str
    language: str
    week_start: date
    week_end: date
    sections: tuple[FilledSection, ...]
    left_out: Mapping[str, int]

    @property
    def stories(self) -> tuple[Story, ...]:
        """All stories, in reading order."""
        return tuple(story for section in self.sections for story in section.stories)

    @property
    def total(self) -> int:
        """How many stories it holds."""
        return len(self.stories)


def compose(
    client_id: str,
    client_name: str,
    week_start: date,
    stories: Sequence[Story],
    sections: Sequence[Section] | None,
    max_items_total: int,
    language: str,
) -> Newsletter:
    """The newsletter of the week that starts on `week_start`, whatever the order of `stories`.

    Stories that no asked-for section takes are grouped by source type after them. Past `max_items_total`,
    each section keeps its first story before any gets a second one; then the newest stories win.
    Raises ValueError if `week_start` is not a Monday or a limit is negative.
    """
    if week_start.weekday() != 0:
        raise ValueError(f"week_start {week_start} is a {week_start:%A}, not a Monday")
    if max_items_total < 0 or any(section.max_items < 0 for section in sections or ()):
        raise ValueError("max_items and max_items_total are counts: 0 or more")
    week_end = week_start + timedelta(days=6)
    left_out: Counter[str] = Counter()
    # The earliest sight of an item tells it; the rest of the key only makes the choice independent of order.
    oldest_first = sorted(stories, key=lambda story: (story.day, story.title, story.url, story.summary))
    in_week = [story for story in oldest_first if week_start <= story.day <= week_end]
    unique = list({story.item_id: _clean(story) for story in reversed(in_week)}.values())
    left_out["outside_period"] = len(oldest_first) - len(in_week)
    left_out["repeated"] = len(in_week) - len(unique)

    filled, waiting = [], unique
    for section in sections or ():
        taken = sorted((story for story in waiting if section.takes(story)), key=_order(section.sort_by))
        chosen = tuple(taken[: section.max_items])
        waiting = [story for story in waiting if story not in chosen]
        filled.append(FilledSection(section.id, _text(section.title), chosen))
    unasked = [story for story in waiting if not any(section.takes(story) for section in sections or ())]
    left_out["section_full"] = len(waiting) - len(unasked)
    filled += _by_source_type(unasked, language)

    newest = _order("date_desc")
    ranked = [(place > 0, newest(story)) for part in filled for place, story in enumerate(part.stories)]
    kept = {key[-1] for _, key in sorted(ranked)[:max_items_total]}
    left_out["newsletter_full"] = len(ranked) - len(kept)
    trimmed = (
        replace(part, stories=tuple(story for story in part.stories if story.item_id in kept)) for part in filled
    )
    return Newsletter(
        newsletter_id=f"{client_id}_{week_start.isoformat()}",
        client_id=client_id,
        client_name=_text(client_name) or client_id,
        language=language,
        week_start=week_start,
        week_end=week_end,
        sections=tuple(part for part in trimmed if part.stories),
        left_out={reason: left_out[reason] for reason in LEFT_OUT_REASONS if left_out[reason]},
    )


def render_html(newsletter: Newsletter) -> str:
    """One self-contained page: nothing is loaded from elsewhere, everything from the web is escaped."""
    words = words_of(newsletter.language)
    year = newsletter.week_start.year
    pages = Environment(
        loader=DictLoader({"page": PAGE}), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    pages.filters |= {
        "web": is_web,
        "shortened": shortened,
        "counted": lambda count, noun: counted(count, noun, words),
        "day": lambda day: short_day(day, year, words),
        "also": lambda count: also(count, words),
    }
    return pages.get_template("page").render(
        letter=newsletter,
        lang=page_language(newsletter.language),
        words=words,
        period=period(newsletter.week_start, newsletter.week_end, words),
        counts=_counts(newsletter, words),
        left_out=_left_out(newsletter, words),
    )


def render_markdown(newsletter: Newsletter) -> str:
    """The same newsletter as Markdown, in which no title can open a link, a tag or a heading of its own."""
    words = words_of(newsletter.language)
    lines = [
        f"# {markdown(newsletter.client_name)}",
        "",
        f"**{period(newsletter.week_start, newsletter.week_end, words)}**",
    ]
    if newsletter.total:
        lines[-1] += f" · {_counts(newsletter, words)}"
    else:
        lines += ["", f"{words['empty']} {words['empty_more']}"]
    for section in newsletter.sections:
        lines += ["", f"## {markdown(section.title)} ({len(section.stories)})"]
        for story in section.stories:
            lines += ["", *_markdown_story(story, newsletter.week_start.year, words)]
    notes = [_left_out(newsletter, words), words["dates"] if newsletter.sections else ""]
    if any(notes):
        lines += ["", "---"]
    for note in filter(None, notes):
        lines += ["", note]
    return "\n".join(lines) + "\n"


def to_json(newsletter: Newsletter, generated_at: datetime | None = None) -> dict[str, Any]:
    """The newsletter as V2's consumers read it (JSON types only), new fields after the old ones."""
    return {
        "newsletter_id": newsletter.newsletter_id,
        "client_id": newsletter.client_id,
        "generated_at": generated_at.isoformat() if generated_at else None,
        "period": {"from": newsletter.week_start.isoformat(), "to": newsletter.week_end.isoformat()},
        "metrics": {
            "total_items": newsletter.total,
            "total_sections": len(newsletter.sections),
            "total_sources": len({story.source_key for story in newsletter.stories}),
            "undated_items": sum(story.published_at is None for story in newsletter.stories),
            "left_out": dict(newsletter.left_out),
        },
        "sections": [
            {"id": part.id, "title": part.title, "items": [_json_item(story) for story in part.stories]}
            for part in newsletter.sections
        ],
        "language": newsletter.language,
    }


def manifest(newsletter: Newsletter, files: Mapping[str, str], generation_date: datetime) -> dict[str, Any]:
    """V2's manifest; `files` maps a format (html, markdown, json) to its key. An empty week says so."""
    return {
        "generation_date": generation_date.isoformat(),
        "target_date": newsletter.week_start.isoformat(),
        "status": "success" if newsletter.total else "empty",
        "total_items": newsletter.total,
        "files": dict(sorted(files.items())),
        "client_id": newsletter.client_id,
        "newsletter_id": newsletter.newsletter_id,
    }


def _order(sort_by: str) -> Callable[[Story], tuple[float, int, str, str]]:
    """A total order. A story without a score comes after those that have one; then newest, then title."""

    def key(story: Story) -> tuple[float, int, str, str]:
        score = story.score if sort_by == "score_desc" and story.score is not None else float("-inf")
        return (-score, -story.told_on.toordinal(), story.title.casefold(), story.item_id)

    return key


def _by_source_type(stories: Sequence[Story], language: str) -> list[FilledSection]:
    """Companies, then Press, then the other types by name."""
    groups: defaultdict[str, list[Story]] = defaultdict(list)
    for story in sorted(stories, key=_order("date_desc")):
        groups[story.source_type].append(story)
    words = words_of(language)
    rank = {source_type: place for place, source_type in enumerate(_FIRST_TYPES)}
    return [
        FilledSection(name, words.get(name) or _type_title(name), tuple(groups[name]))
        for name in sorted(groups, key=lambda name: (rank.get(name, len(rank)), name))
    ]


def _type_title(source_type: str) -> str:
    return _text(source_type.removeprefix("api_").replace("_", " ")).capitalize()


def _clean(story: Story) -> Story:
    url = story.url.strip()
    title = _text(story.title) or _text(url) or story.item_id
    return replace(story, title=title, summary=_text(story.summary), url=_text(url))


def _text(text: str) -> str:
    """One line: spaces collapsed, no control character, no lone surrogate, no override of direction."""
    spaced = _SPACES.sub(" ", text)
    return "".join(
        sign for sign in spaced if sign not in _DIRECTION and unicodedata.category(sign) not in ("Cc", "Cs")
    ).strip()


def _counts(newsletter: Newsletter, words: Mapping[str, str]) -> str:
    sources = len({story.source_key for story in newsletter.stories})
    return f"{counted(newsletter.total, 'story', words)} {words['from']} {counted(sources, 'source', words)}"


def _left_out(newsletter: Newsletter, words: Mapping[str, str]) -> str:
    """What a limit kept from the reader; the other reasons are no loss, and stay in the JSON."""
    limits = ("section_full", "newsletter_full")
    parts = [f"{newsletter.left_out[reason]} {words[reason]}" for reason in limits if reason in newsletter.left_out]
    return f"{words['left_out']}{words['colon']} {', '.join(parts)}." if parts else ""


def _markdown_story(story: Story, year: int, words: Mapping[str, str]) -> list[str]:
    title = markdown(story.title)
    if is_web(story.url):
        # Everything that could end the address is percent-encoded; what is encoded already stays.
        title = f"[{title}]({quote(story.url, safe=':/?#@!$&*+,=%~[]')})"
    if story.published_at:
        told = short_day(story.published_at, year, words)
    else:
        told = f"{words['unknown']}, {words['first_seen']} {short_day(story.day, year, words)}"
    facts = [markdown(story.source_name), told]
    if story.also_in_sources > 0:
        facts.append(also(story.also_in_sources, words))
    if story.url and not is_web(story.url):
        facts.append(markdown(story.url))
    lines = [f"### {title}", ""]
    if story.summary:
        lines += [markdown(shortened(story.summary)), ""]
    return [*lines, f"*{' · '.join(facts)}*"]


def _json_item(story: Story) -> dict[str, Any]:
    return {
        "item_id": story.item_id,
        "title": story.title,
        "score": story.score,
        "published_at": story.published_at.isoformat() if story.published_at else None,
        "source_url": story.url,
        "source_key": story.source_key,
        "source_type": story.source_type,
        "summary": story.summary,
        "date_source": story.date_source,
        "first_seen": story.day.isoformat(),
        "language": story.language,
        "also_in_sources": story.also_in_sources,
    }
