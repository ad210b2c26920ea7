"""Why each story of a week is in a newsletter or not: the page and the JSON for who answers for the selection.

Here: verdicts, scores with the contributions that make them, entities, what a story speaks for, in words. Not here: the
decisions (selection), the issue itself (newsletters). The page is in English: it is not for readers of the newsletter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from domain.explanation_page import PAGE
from domain.newsletter_templates import page_template
from domain.selection_policy import VERSION, Policy
from domain.stories import CHOSEN, LEFT_OUT_REASONS, Newsletter, Story, Verdict, one_line

REASONS = {
    CHOSEN: "In the issue",
    "outside_period": "Not of this week",
    "no_domain": "No watched domain matches",
    "not_scored": "Without a score",
    "low_score": "Under the least score",
    "repeated": "The same item again",
    "same_story": "Told by another story",
    "no_section": "Without a section",
    "section_full": "No room in its section",
    "section_dominance": "Over the share of its section",
    "newsletter_full": "No room in the issue",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """One step of a score: a row of the model `score_contributions`. `because` names what was found, in words."""

    step: int
    kind: str
    name: str
    value: float
    because: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Contribution":
        """A row of the model, its client, day and item left out."""
        # engines may give decimals, and nothing where there is nothing to say
        return cls(row["step"], row["kind"], row["name"] or "", float(row["value"]), row["because"] or "")


# By (item, day): the same item has another score on another day.
Contributions = Mapping[tuple[str, date], Sequence[Contribution]]


def explain(
    newsletter: Newsletter, policy: Policy, contributions: Contributions, generated_at: datetime | None = None
) -> dict[str, Any]:
    """Everything that decided, JSON types only: chosen stories in reading order, then others by reason and score."""
    groups, spoken_for = _by_reason(newsletter), _spoken_for(newsletter)
    return {
        "newsletter_id": newsletter.newsletter_id,
        "client_id": newsletter.client_id,
        "generated_at": generated_at.isoformat() if generated_at else None,
        "period": {"from": newsletter.week_start.isoformat(), "to": newsletter.week_end.isoformat()},
        "selection_policy_version": VERSION,
        "rules": _rules(policy),
        "remarks": list(policy.remarks),
        "counts": {code: len(of_code) for code, of_code in groups.items()},
        "stories": [_record(verdict, contributions, spoken_for) for of_code in groups.values() for verdict in of_code],
    }


def render_explanation(newsletter: Newsletter, explained: Mapping[str, Any]) -> str:
    """What `explain` gave for that newsletter as one self-contained page, everything from the web escaped."""
    groups = [
        (REASONS[code], list(records)) for code, records in groupby(explained["stories"], key=lambda one: one["reason"])
    ]
    return page_template(PAGE).render(
        letter=newsletter, groups=groups, rules=explained["rules"], remarks=explained["remarks"]
    )


def _by_reason(newsletter: Newsletter) -> dict[str, list[Verdict]]:
    """Code -> verdicts, without empty ones: chosen stories in reading order, others by falling score."""
    groups: dict[str, list[Verdict]] = {code: [] for code in (CHOSEN, *LEFT_OUT_REASONS)}
    for verdict in newsletter.verdicts:
        groups[verdict.code].append(verdict)
    for code in LEFT_OUT_REASONS:
        groups[code].sort(key=lambda one: (-(one.story.score or 0.0), one.story.title.casefold(), one.story.item_id))
    return {code: of_code for code, of_code in groups.items() if of_code}


def _spoken_for(newsletter: Newsletter) -> dict[str, list[Story]]:
    found: dict[str, list[Story]] = {}
    for verdict in newsletter.verdicts:
        if verdict.code == "same_story":
            found.setdefault(verdict.told_by, []).append(verdict.story)
    return found


def _record(verdict: Verdict, contributions: Contributions, spoken_for: Mapping[str, list[Story]]) -> dict[str, Any]:
    story = verdict.story
    # An item that came twice spoke once.
    told = spoken_for.get(story.item_id, ()) if verdict.code != "repeated" else ()
    steps = sorted(contributions.get((story.item_id, story.day), ()), key=lambda one: (one.step, one.name))
    return {
        "item_id": story.item_id,
        "title": story.title,
        "source_key": story.source_key,
        "source_url": story.url,
        "first_seen": story.day.isoformat(),
        "published_at": story.published_at.isoformat() if story.published_at else None,
        "chosen": verdict.code == CHOSEN,
        "reason": verdict.code,
        "because": verdict.because,
        "section": verdict.section or None,
        "told_by": verdict.told_by or None,
        "speaks_for": [{"item_id": one.item_id, "title": one.title} for one in told],
        "score": story.score,
        "contributions": [
            {
                "step": one.step,
                "kind": one.kind,
                "name": one_line(one.name),
                "value": one.value,
                "because": one_line(one.because),
            }
            for one in steps
        ],
        "event_type": story.event_type,
        "event_path": story.event_path,
        "critical": story.critical,
        "domains": list(story.domains),
        "entities": {kind: list(names) for kind, names in story.entities.items()},
    }


def _rules(policy: Policy) -> list[str]:
    """What holds for this client, in words."""
    rules = [f"The issue holds {policy.max_items_total} stories at most."]
    if policy.watched:
        rules.append("Only stories that a watched domain matches enter.")
    else:
        rules.append("The client watches no domain: every story is a candidate, the newest first.")
    if policy.min_score is not None:
        rules.append(f"A story needs a score of {policy.min_score:g}.")
    if policy.likeness:
        names = " and name the same" if policy.likeness.same_company else ""
        rules.append(
            f"Stories of one event type whose titles are {policy.likeness.threshold:.0%} alike{names} are told once."
        )
    for section in policy.sections:
        wanted = section.event_types or section.source_types or (section.id,)
        takes = "every event type" if "*" in wanted else ", ".join(wanted)
        rules.append(f'"{section.title}" takes {section.max_items}: {takes}.')
    if policy.preserve_critical:
        rules.append("Where not all have room, critical events go first.")
    if policy.min_items_per_section:
        rules.append(f"Then each section keeps its first {policy.min_items_per_section}.")
    if policy.dominance < 1:
        rules.append(f"No section holds more than {policy.dominance:.0%} of what the issue may hold.")
    if policy.prefer_recent:
        rules.append("Of two scores that are the same whole number, the newer story goes first.")
    return rules
