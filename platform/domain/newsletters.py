"""A client's week as a newsletter, and its files.

Here: composition, and HTML, Markdown, JSON and manifest as pure functions, so the same week gives the same bytes. Not
here: which stories enter (selection), why (explanations), reading the warehouse, writing the files, the clock; the page
itself (newsletter_templates).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from domain.newsletter_templates import (
    PAGE,
    alike,
    also,
    counted,
    is_web,
    markdown,
    page_language,
    page_template,
    period,
    score_text,
    short_day,
    shortened,
    words_of,
)
from domain.selection import order, select
from domain.selection_policy import VERSION, Policy
from domain.stories import Newsletter, Story, one_line

_TOP = 3
_LIMITS = ("section_full", "section_dominance", "newsletter_full")


def compose(
    client_id: str, client_name: str, language: str, week_start: date, stories: Sequence[Story], policy: Policy
) -> Newsletter:
    """The newsletter of the week that starts on `week_start`, whatever the order of `stories`.

    Raises ValueError if `week_start` is not a Monday.
    """
    if week_start.weekday() != 0:
        raise ValueError(f"week_start {week_start} is a {week_start:%A}, not a Monday")
    week_end = week_start + timedelta(days=6)
    selection = select(stories, policy, week_start, week_end, words_of(language))
    chosen = [story for part in selection.sections for story in part.stories if story.score is not None]
    best = sorted(chosen, key=order("score_desc"))[:_TOP] if policy.tldr and len(chosen) > _TOP else []
    return Newsletter(
        newsletter_id=f"{client_id}_{week_start.isoformat()}",
        client_id=client_id,
        client_name=one_line(client_name) or client_id,
        language=language,
        week_start=week_start,
        week_end=week_end,
        sections=selection.sections,
        verdicts=selection.verdicts,
        figures=selection.figures,
        top=tuple(best),
        scored=policy.watched,
        shows=policy.shows,
    )


def render_html(newsletter: Newsletter) -> str:
    """One self-contained page: nothing is loaded from elsewhere, everything from the web is escaped."""
    words = words_of(newsletter.language)
    places = {story.item_id: place for place, story in enumerate(newsletter.stories, 1)}
    return page_template(PAGE).render(
        letter=newsletter,
        places=places,
        year=newsletter.week_start.year,
        lang=page_language(newsletter.language),
        words=words,
        period=period(newsletter.week_start, newsletter.week_end, words),
        counts=_counts(newsletter, words),
        similar=_similar(newsletter),
        notes=_notes(newsletter, words),
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
    if newsletter.top:
        lines += ["", f"**{words['top']}**", ""]
        lines += [
            f"{place}. {markdown(story.title)} ({score_text(story.score or 0.0, words)})"
            for place, story in enumerate(newsletter.top, 1)
        ]
    similar = _similar(newsletter)
    for section in newsletter.sections:
        lines += ["", f"## {markdown(section.title)} ({len(section.stories)})"]
        for story in section.stories:
            lines += ["", *_markdown_story(story, newsletter, similar[story.item_id], words)]
    notes = _notes(newsletter, words)
    if notes:
        lines += ["", "---"]
    for note in notes:
        lines += ["", markdown(note)]
    return "\n".join(lines) + "\n"


def to_json(newsletter: Newsletter, generated_at: datetime | None = None) -> dict[str, Any]:
    """The newsletter as V2's consumers read it (JSON types only), new fields after the old ones."""
    figures = newsletter.figures
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
            "left_out": newsletter.left_out,
        },
        "sections": [
            {"id": part.id, "title": part.title, "items": [_json_item(story) for story in part.stories]}
            for part in newsletter.sections
        ],
        # No model writes any part of it.
        "bedrock_calls": {"tldr": 0, "introduction": 0},
        "language": newsletter.language,
        "client_name": newsletter.client_name,
        "top_items": [story.item_id for story in newsletter.top],
        "selection_metadata": {
            "total_items_processed": figures.processed,
            "items_after_matching_filter": figures.matched,
            "items_after_deduplication": figures.distinct,
            "items_selected": newsletter.total,
            "trimming_applied": figures.trimmed > 0,
            "critical_events_preserved": figures.critical,
            "matching_efficiency": round(figures.matched / figures.processed, 3) if figures.processed else 0.0,
            "section_fill_rates": dict(figures.fill_rates or {}),
            "selection_policy_version": VERSION,
        },
    }


def manifest(newsletter: Newsletter, files: Mapping[str, str], generation_date: datetime) -> dict[str, Any]:
    """V2's manifest; `files` maps a format (html, markdown, json...) to its key. An empty week says so."""
    return {
        "generation_date": generation_date.isoformat(),
        "target_date": newsletter.week_start.isoformat(),
        "status": "success" if newsletter.total else "empty",
        "total_items": newsletter.total,
        "files": dict(sorted(files.items())),
        "client_id": newsletter.client_id,
        "newsletter_id": newsletter.newsletter_id,
    }


def _counts(newsletter: Newsletter, words: Mapping[str, str]) -> str:
    sources = len({story.source_key for story in newsletter.stories})
    return f"{counted(newsletter.total, 'story', words)} {words['from']} {counted(sources, 'source', words)}"


def _similar(newsletter: Newsletter) -> Counter[str]:
    """Item -> for how many other stories of the week it speaks."""
    return Counter(verdict.told_by for verdict in newsletter.verdicts if verdict.code == "same_story")


def _notes(newsletter: Newsletter, words: Mapping[str, str]) -> list[str]:
    """What a limit kept from the reader (the other reasons are no loss), the figures asked for, and what days mean."""
    notes, colon = [], words["colon"]
    limits = [f"{newsletter.left_out[one]} {words[one]}" for one in _LIMITS if one in newsletter.left_out]
    if limits:
        notes.append(f"{words['left_out']}{colon} {', '.join(limits)}.")
    if "metrics" in newsletter.shows:
        figures = newsletter.figures
        notes.append(
            words["metrics"].format(
                processed=counted(figures.processed, "story", words),
                matched=figures.matched,
                distinct=figures.distinct,
                total=newsletter.total,
            )
        )
    breakdowns: dict[str, Callable[[Story], Sequence[str]]] = {
        "source": lambda story: (story.source_name,),
        "domain": lambda story: story.domains,
    }
    for name, parts in breakdowns.items():
        counts = Counter(part for story in newsletter.stories for part in parts(story))
        if name in newsletter.shows and counts:
            ranked = sorted(counts.items(), key=lambda found: (-found[1], found[0]))
            notes.append(f"{words[f'by_{name}']}{colon} {', '.join(f'{part} {count}' for part, count in ranked)}.")
    if newsletter.sections:
        notes.append(f"{words['dates']} {words['scores']}" if newsletter.scored else words["dates"])
    return notes


def _markdown_story(story: Story, newsletter: Newsletter, similar: int, words: Mapping[str, str]) -> list[str]:
    title, year = markdown(story.title), newsletter.week_start.year
    if is_web(story.url):
        # Everything that could end the address is percent-encoded; what is encoded already stays.
        title = f"[{title}]({quote(story.url, safe=':/?#@!$&*+,=%~[]')})"
    if story.published_at:
        told = short_day(story.published_at, year, words)
    else:
        told = f"{words['unknown']}, {words['first_seen']} {short_day(story.day, year, words)}"
    facts = [markdown(story.source_name), told]
    if story.critical:
        facts.insert(0, f"**{words['critical']}**")
    if f"event_{story.event_type}" in words:
        facts.append(words[f"event_{story.event_type}"])
    if newsletter.scored and story.score is not None:
        facts.append(f"{words['score']} {score_text(story.score, words)}")
    if story.summary_path == "model":
        facts.append(words["by_model"])
    if story.also_in_sources > 0:
        facts.append(also(story.also_in_sources, words))
    if similar:
        facts.append(alike(similar, words))
    if story.url and not is_web(story.url):
        facts.append(markdown(story.url))
    lines = [f"### {title}", ""]
    if story.summary:
        lines += [markdown(shortened(story.summary)), ""]
    lines.append(f"*{' · '.join(facts)}*")
    if story.key_players:
        lines += ["", markdown(", ".join(story.key_players))]
    return lines


def _json_item(story: Story) -> dict[str, Any]:
    return {
        "item_id": story.item_id,
        "title": story.title,
        "score": story.score,
        "published_at": story.published_at.isoformat() if story.published_at else None,
        "source_url": story.url,
        # The models tell no indications; V2's field stays, empty.
        "entities": {**{kind: list(names) for kind, names in story.entities.items()}, "indications": []},
        "source_key": story.source_key,
        "source_type": story.source_type,
        "summary": story.summary,
        "summary_path": story.summary_path,
        "date_source": story.date_source,
        "first_seen": story.day.isoformat(),
        "language": story.language,
        "also_in_sources": story.also_in_sources,
        "key_players": list(story.key_players),
        "event_type": story.event_type,
        "event_path": story.event_path,
        "critical": story.critical,
        "domains": list(story.domains),
    }
