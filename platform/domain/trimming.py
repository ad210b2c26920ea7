"""The limit of a whole issue: who stays where not all can.

Here: critical events first, then each section's first stories, then the best of the rest, and never more than the
limit. Not here: which stories there are to choose from (selection).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from domain.selection_policy import Policy
from domain.stories import FilledSection, Story

_CRITICAL, _FIRST, _REST = range(3)
CrowdedOut = tuple[Story, str, str, str]  # the story, its section's id, the reason's code, and the reason in words


def trim(
    sections: Sequence[FilledSection], policy: Policy, rank: Callable[[Story], Any]
) -> tuple[list[FilledSection], list[CrowdedOut]]:
    """The sections with what stays of each (the lowest `rank`), and what does not: never more than `max_items_total`.

    A share that one section may hold counts only beside other sections, and never against a critical event.
    """
    most = policy.max_items_total
    share = most
    if policy.dominance < 1 and sum(bool(part.stories) for part in sections) > 1:
        share = max(1, math.floor(policy.dominance * most))
    waiting = []
    for part in sections:
        urgent = sorted(part.stories, key=lambda story: (not _critical(story, policy), rank(story)))
        for place, story in enumerate(urgent):
            tier = _CRITICAL if _critical(story, policy) else _FIRST if place < policy.min_items_per_section else _REST
            waiting.append((tier, rank(story), part, story))
    waiting.sort(key=lambda found: found[:2])
    kept: set[str] = set()
    held: Counter[str] = Counter()
    crowded_out: list[CrowdedOut] = []
    for tier, _rank, part, story in waiting:
        if len(kept) >= most:
            because = f"the issue holds {most}, and {most} go before it"
            crowded_out.append((story, part.id, "newsletter_full", because))
        elif tier != _CRITICAL and held[part.id] >= share:
            because = (
                f'"{part.title}" holds {share} of {most} already: no section holds more than {policy.dominance:.0%}'
            )
            crowded_out.append((story, part.id, "section_dominance", because))
        else:
            kept.add(story.item_id)
            held[part.id] += 1
    remaining = [
        replace(part, stories=tuple(story for story in part.stories if story.item_id in kept)) for part in sections
    ]
    return remaining, crowded_out


def _critical(story: Story, policy: Policy) -> bool:
    return policy.preserve_critical and story.critical
