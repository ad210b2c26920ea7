"""The rules of scoring: every figure that a score is made of, with its default, and the file that may say others.

Here: the figures, reading canonical/scoring/rules.yaml over them key by key. Not here: what a client sets for itself
(scoring), nor the sum (dbt's models).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, ValidationError, model_validator

from domain.documents import Document, Path, Problem, closest, read_mapping, shown

KEY = "canonical/scoring/rules.yaml"
Strength = Literal["strong", "medium", "weak", "against"]
Points = Annotated[StrictFloat, Field(ge=0, le=1000)]
Share = Annotated[StrictFloat, Field(ge=0, le=1)]
Days = Annotated[StrictInt, Field(ge=0, le=3650)]
Names = tuple[str, ...]


class Block(BaseModel):
    """A block of the rules. Frozen; a key that it does not know is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Level(Block):
    """A level of a domain's match: how many signals it takes, and what it is worth (0 to 1)."""

    signals: Annotated[StrictInt, Field(ge=1)]
    score: Share
    confidence: Share


class Levels(Block):
    """`high` takes strong signals, `medium` medium ones, `low` weak ones and none against; `fallback` a company."""

    high: Level = Level(signals=1, score=0.9, confidence=0.9)
    medium: Level = Level(signals=2, score=0.6, confidence=0.6)
    low: Level = Level(signals=3, score=0.3, confidence=0.3)
    fallback: Level = Level(signals=1, score=0.2, confidence=0.3)


class Relevance(Block):
    """How the matched domains weigh on the base: their mean score and confidence, more for a trademark."""

    no_domain: Share = 0.05
    score_weight: Share = 0.6
    confidence_weight: Share = 0.3
    several_domains: Points = 1.1
    trademark_in_title: Share = 0.2
    trademark_elsewhere: Share = 0.1


class RecencyStep(Block):
    """Up to this age, in days between publication and the day of the item, the base keeps this share."""

    up_to_days: Days
    factor: Share


def _steps(*pairs: tuple[int, float]) -> tuple[RecencyStep, ...]:
    return tuple(RecencyStep(up_to_days=days, factor=factor) for days, factor in pairs)


class Recency(Block):
    steps: tuple[RecencyStep, ...] = _steps(
        (1, 1.0), (3, 0.98), (7, 0.95), (14, 0.92), (30, 0.88), (60, 0.82), (90, 0.75), (180, 0.65)
    )
    older: Share = 0.5
    unknown: Share = 0.7

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        ages = [step.up_to_days for step in self.steps]
        if ages != sorted(set(ages)):
            raise ValueError("The steps must be in the order of their ages, each age once.")
        return self


class Bonuses(Block):
    """Points on top. The first, the trademark, the molecule and the hybrid hold where a client names a scope only."""

    pure_player: Points = 5.0
    several_pure_players: Points = 1.2
    trademark: Points = 4.0
    several_trademarks: Points = 1.3
    key_molecule: Points = 2.5
    hybrid_company: Points = 1.5
    technologies: tuple[Points, Points, Points] = (1.0, 1.5, 2.0)  # for one, two, three or more
    deal: Points = 1.5  # a partnership that names a company and a molecule
    regulated_technology: Points = 1.0
    pure_player_context: Points = 2.0  # a pure player named with nothing else
    context_not_for: Names = ("financial_results", "corporate_move")
    events: dict[str, Points] = {
        "partnership": 3.0,
        "regulatory": 2.5,
        "clinical_update": 2.0,
        "scientific_publication": 1.5,
    }


class AgeStep(Block):
    over_days: Days
    points: Points


class Penalties(Block):
    """Points taken away. `exclusion_scopes` "*" are all scopes of exclusions but the spared ones and `against_scopes`.

    What `event_generic` lists (a company milestone, a manufacturing update) is often news, so it is spared.
    """

    against: Points = 5.0
    against_scopes: Names = ("anti_lai_routes",)
    exclusion: Points = 3.0
    exclusion_scopes: Names = ("*",)
    spared_scopes: Names = ("event_generic",)
    no_entity: Points = 2.0
    low_event: Points = 1.0
    low_events: Names = ("financial_results", "other")
    ages: tuple[AgeStep, ...] = (
        AgeStep(over_days=60, points=0.5),
        AgeStep(over_days=90, points=1.0),
        AgeStep(over_days=180, points=2.0),
    )


class ScoringRules(Block):
    """All of it. `strengths` says how much each technology list and each kind of name speaks for a domain."""

    event_weights: dict[str, Points] = {
        "partnership": 8.0,
        "regulatory": 7.0,
        "clinical_update": 6.0,
        "safety_signal": 6.0,
        "corporate_move": 5.0,
        "scientific_publication": 4.0,
        "manufacturing_supply": 4.0,
        "financial_results": 3.0,
        "other": 2.0,
    }
    strengths: dict[str, Strength] = {
        "core_phrases": "strong",
        "technology_terms_high_precision": "strong",
        "technology_use": "medium",
        "interval_patterns": "medium",
        "route_admin_terms": "weak",
        "generic_terms": "weak",
        "negative_terms": "against",
        "other_lists": "medium",
        "plain_list": "strong",
        "pure_player": "strong",
        "company": "medium",
        "molecule": "weak",
        "trademark": "strong",
    }
    levels: Levels = Levels()
    relevance: Relevance = Relevance()
    recency: Recency = Recency()
    bonuses: Bonuses = Bonuses()
    penalties: Penalties = Penalties()
    modes: dict[Literal["strict", "balanced", "broad"], Points] = {"strict": 0.75, "balanced": 1.0, "broad": 1.25}
    highest_score: Points = 50.0
    pure_player_scope: str = "lai_companies_mvp_core"  # of a client that names none
    hybrid_scope: str = "lai_companies_hybrid"

    def weight(self, event_type: str) -> float:
        """The base of a type of event; of one that the rules do not know, that of `other`."""
        return self.event_weights.get(event_type, self.event_weights["other"])


def read_scoring_rules(body: bytes | None) -> tuple[ScoringRules, tuple[Problem, ...]]:
    """The default rules, what the file says put over them key by key, and every problem of the file in line order.

    A value that cannot count is an error with its line, and its default holds. Raises ConfigError where the file is no
    YAML mapping. None: there is no such file.
    """
    if body is None:
        return ScoringRules(), ()
    document = read_mapping(body, KEY)
    said = document.value
    problems: list[Problem] = []
    while True:
        try:
            rules = ScoringRules.model_validate(_over(ScoringRules().model_dump(), said))
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                problems.append(_problem(document, detail, len(problems)))
                said = _without(said, detail["loc"])
        else:
            problems.sort(key=lambda problem: int(problem.where.rpartition(":")[2]))
            return rules, tuple(problems)


def _over(defaults: dict[str, Any], said: Any) -> Any:
    """`said` over the defaults: blocks key by key, anything else as a whole."""
    if not isinstance(said, dict):
        return said
    return defaults | {
        key: _over(defaults[key], value) if isinstance(defaults.get(key), dict) else value
        for key, value in said.items()
    }


def _without(said: dict[str, Any], path: Path) -> dict[str, Any]:
    """`said` without what stands at the path, or without the last block on the way to it."""
    first, *rest = path
    inner = said.get(str(first))
    if rest and isinstance(inner, dict) and rest[0] in inner:
        return {**said, str(first): _without(inner, rest)}
    return {key: value for key, value in said.items() if key != first}


def _problem(document: Document, detail: Any, said: int) -> Problem:
    path, kind = detail["loc"], detail["type"]
    label = ".".join(str(step) for step in path if isinstance(step, str) and step != "[key]")
    if kind == "extra_forbidden":
        near = closest(str(path[-1]), _keys(path[:-1]), said)
        return document.error(path, f"The key `{label}` is not known.", near or "Remove it.")
    if kind == "value_error":
        return document.error(path, str(detail["ctx"]["error"]), "Correct it; the default holds.")
    message = f"`{label}` must be {_expected(detail)}; found {shown(detail['input'])}. The default holds."
    return document.error(path, message, "Correct the value.")


def _expected(detail: Any) -> str:
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "greater_than_equal":
            return f"{limits['ge']:g} or more"
        case "less_than_equal":
            return f"{limits['le']:g} at most"
        case "literal_error":
            return f"one of {limits['expected']}"
        case "float_type" | "finite_number":
            return "a number"
        case "int_type":
            return "a whole number"
        case "string_type":
            return "text"
        case "missing":
            return "complete"
        case "tuple_type" | "too_long" | "too_short":
            return "a list of as many values as the default"
        case _:
            return "a block of `key: value` lines"


def _keys(path: Path) -> list[str]:
    found: Any = ScoringRules().model_dump()
    for step in path:
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return list(found) if isinstance(found, dict) else []
