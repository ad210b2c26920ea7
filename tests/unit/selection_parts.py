"""Scored stories, and policies read from client files, for the suites about selection. Not here: what they assert."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import yaml

from domain.clients import read_client
from domain.selection import Selection, select
from domain.selection_policy import Policy, read_policy
from domain.stories import CHOSEN, Story

MONDAY, SUNDAY = date(2026, 11, 16), date(2026, 11, 22)
SUBJECTS = (
    "depot",
    "implant",
    "microsphere",
    "hydrogel",
    "vaccine",
    "insulin",
    "antibody",
    "peptide",
    "plant",
    "trial",
)
VERBS = ("opens", "wins", "drops", "licenses", "recalls", "doubles", "delays", "acquires", "files", "halts")


def story(item_id: str = "a", **changes: object) -> Story:
    """A scored story of a watched domain, its title unlike any other's."""
    number = int.from_bytes(item_id.encode(), "big")
    subject, verb = SUBJECTS[number % 10], VERBS[number // 10 % 10]
    plain = Story(
        item_id=item_id,
        source_key="press_sector__depot_dispatch",
        source_type="press_sector",
        title=f"{subject} maker {verb} site{item_id}",
        summary="",
        url=f"https://depot.example/{item_id}",
        day=date(2026, 11, 18),
        published_at=date(2026, 11, 18),
        date_source="structured",
        language="en",
        score=10.0,
        event_type="other",
        domains=("depots",),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def policy_of(watched: bool = True, **blocks: object) -> Policy:
    """The policy of a client file with these blocks."""
    document = {"client_profile": {"name": "Acme"}, "pipeline": {"newsletter_mode": "period_based"}, **blocks}
    if watched:
        document.setdefault("watch_domains", [{"id": "depots"}])
    return read_policy(read_client("clients/acme.yaml", yaml.safe_dump(document).encode()))


def selection(policy: Policy, *stories: Story) -> Selection:
    return select(stories, policy, MONDAY, SUNDAY, {"press_sector": "Press"})


def ids(chosen: Selection) -> dict[str, list[str]]:
    return {part.id: [one.item_id for one in part.stories] for part in chosen.sections}


def reasons(chosen: Selection) -> dict[str, str]:
    return {one.story.item_id: one.code for one in chosen.verdicts if one.code != CHOSEN}


def because(chosen: Selection, item_id: str) -> str:
    (said,) = [one.because for one in chosen.verdicts if one.story.item_id == item_id]
    return said


def layout(*sections: Mapping[str, object], strategy: str = "specialized_with_fallback") -> dict[str, object]:
    return {"distribution_strategy": strategy, "sections": list(sections)}


REGULATORY = {"id": "reg", "title": "Regulatory", "max_items": 2, "filter_event_types": ["regulatory"], "priority": 1}
DEALS = {
    "id": "deals",
    "title": "Deals",
    "max_items": 2,
    "sort_by": "date_desc",
    "priority": 2,
    "filter_event_types": ["partnership", "corporate_move"],
}
OTHERS = {"id": "others", "title": "Others", "max_items": 3, "filter_event_types": ["*"], "priority": 999}
