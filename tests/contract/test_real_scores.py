"""The real configuration on the fifteen real items: what each is found to be and what it scores, with the reasons.

Runs where VIGIE_REAL_DATA names the folder of real inputs. Not here: the formula (test_scoring_models).
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
import yaml

from resources.duckdb_warehouse import DuckdbWarehouse
from tests.contract.dbt_runner import Dbt
from tests.contract.scored import Row, World, item

DAY, CLIENT = date(2025, 12, 17), "lai_weekly_prod"
# The day that each text tells of itself, in the order of the file; V2 had put its own day on all of them.
PUBLISHED = (
    *("2025-12-10", "2025-12-10", "2025-11-06", "2025-11-06", None, "2025-08-27", "2025-12-09", "2025-12-09"),
    *("2025-11-24", "2025-11-11", "2025-11-10", "2025-11-05", "2025-10-10", "2025-08-15", "2025-06-12"),
)


@dataclass(frozen=True)
class Story:
    """What an item is: its place in the file, and what scoring shall find of it."""

    place: int
    event_type: str
    score: float
    companies: str = ""
    molecules: str = ""
    technologies: str = ""
    trademarks: str = ""
    bonuses: str = "event"
    penalties: str = ""


STORIES = {
    # A deal of a pure player about its trademark. The first copy has the whole list of releases as its text, interim
    # reports among them, so it is excluded for what it does not say itself. Moderna stands in no scope.
    "deal_with_the_list": Story(
        0,
        "partnership",
        16.6,
        "Nanexa",
        trademarks="PharmaShell",
        bonuses="event pure_player trademark",
        penalties="exclusion",
    ),
    # 8 * (.54 + .27 + .2 for the trademark in the title, 1 at most) * .95 + 5 + 4 + 3
    "deal": Story(1, "partnership", 19.6, "Nanexa", trademarks="PharmaShell", bonuses="event pure_player trademark"),
    # Partnership and approval stand in its text alone and as asides: neither makes it an event of that type.
    "interim_report": Story(
        2,
        "other",
        6.5,
        "Nanexa",
        trademarks="PharmaShell",
        bonuses="pure_player trademark",
        penalties="exclusion low_event",
    ),
    "interim_report_short": Story(3, "other", 2.3, "Nanexa", bonuses="pure_player", penalties="exclusion low_event"),
    "attachment": Story(4, "other", 0.0, bonuses="", penalties="no_entity low_event"),
    "half_year_report": Story(5, "other", 1.1, "Nanexa", bonuses="pure_player", penalties="age exclusion low_event"),
    "results": Story(6, "financial_results", 3.2, "MedinCell", bonuses="pure_player", penalties="exclusion low_event"),
    # The submission to the FDA of a once-monthly injectable: every kind of name but a trademark.
    "submission": Story(
        7,
        "regulatory",
        19.2,
        "MedinCell|Teva Pharmaceutical",
        "olanzapine",
        "extended-release injectable|once-monthly",
        bonuses="event hybrid_company key_molecule pure_player regulated_technology technology",
    ),
    # No type of event knows a grant. What lifts it is the pure player named with nothing else.
    "grant": Story(8, "other", 7.4, "MedinCell", bonuses="pure_player pure_player_context", penalties="low_event"),
    "appointment": Story(9, "corporate_move", 5.3, "MedinCell", bonuses="pure_player", penalties="exclusion"),
    "index": Story(10, "other", 2.3, "MedinCell", bonuses="pure_player", penalties="exclusion low_event"),
    # "Teva" alone stands in no scope, "Teva Pharmaceutical" does; UZEDY is a trademark.
    "growth": Story(
        11,
        "regulatory",
        16.7,
        "",
        "olanzapine",
        "LAI",
        "UZEDY",
        bonuses="event key_molecule regulated_technology technology trademark",
    ),
    "approval": Story(
        12,
        "regulatory",
        15.8,
        "",
        "risperidone",
        "extended-release injectable",
        "UZEDY",
        bonuses="event key_molecule regulated_technology technology trademark",
        penalties="age",
    ),
    # "Drug delivery" counts among the precise technologies, and "partnership" stands in the title of this trade fair.
    "fair": Story(13, "partnership", 7.2, technologies="drug delivery", bonuses="event technology", penalties="age"),
    "convention": Story(14, "other", 0.0, bonuses="", penalties="age no_entity low_event"),
}
PICKED = ("deal", "deal_with_the_list", "submission", "growth", "approval", "grant")
LEFT = ("attachment", "index", "convention", "interim_report", "interim_report_short", "half_year_report")


@pytest.fixture(scope="module")
def scored(real_data: Path, parsed: Dbt, tmp_path_factory: pytest.TempPathFactory) -> DuckdbWarehouse:
    texts = json.loads((real_data / "items" / "ingested_2025-12-17.json").read_text())
    days = [date.fromisoformat(day) if day else None for day in PUBLISHED]
    items = [item(f"{n:02}", text["title"], text["content"], days[n]) for n, text in enumerate(texts)]
    canonical = real_data / "config" / "canonical"
    world = World(
        {CLIENT: yaml.safe_load((real_data / "config" / "clients" / f"{CLIENT}.yaml").read_text())},
        {f"canonical/scopes/{path.name}": path.read_bytes() for path in (canonical / "scopes").glob("*.yaml")},
        {f"canonical/events/{path.name}": path.read_bytes() for path in (canonical / "events").glob("*.yaml")},
        cells={(CLIENT, DAY): items},
    )
    return world.build(parsed, tmp_path_factory.mktemp("real"))


def rows(scored: DuckdbWarehouse) -> dict[str, Row]:
    found = {row["item_id"]: row for row in scored.query("select * from scored_items")}
    return {name: found[f"wire_{story.place:02}"] for name, story in STORIES.items()}


@pytest.mark.parametrize("name", STORIES)
def test_each_real_item_is_what_a_reader_would_say(scored: DuckdbWarehouse, name: str) -> None:
    story, row = STORIES[name], rows(scored)[name]
    found = (row["event_type"], row["companies"], row["molecules"], row["technologies"], row["trademarks"])
    assert found == (story.event_type, story.companies, story.molecules, story.technologies, story.trademarks)
    parts = scored.query(
        "select kind, name from score_contributions where item_id = @item and kind in ('bonus', 'penalty')",
        {"item": row["item_id"]},
    )
    named = {kind: " ".join(sorted(p["name"] for p in parts if p["kind"] == kind)) for kind in ("bonus", "penalty")}
    assert named == {"bonus": story.bonuses, "penalty": " ".join(sorted(story.penalties.split()))}
    assert row["score"] == pytest.approx(story.score)


def test_what_a_person_would_pick_scores_above_what_a_person_would_leave(scored: DuckdbWarehouse) -> None:
    scores = {name: row["score"] for name, row in rows(scored).items()}
    assert min(scores[name] for name in PICKED) > max(scores[name] for name in LEFT)
