"""The configuration of scoring as rows: what dbt's models join with what was found in the items.

Here: whole tables (terms, events, ages, figures), the clients' tables, the terms to look for. Not here: what one client
says (client_scoring), the figures' meaning (scoring_rules), the sum (dbt's models).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from domain.client_scoring import ENTITIES, ClientRows, Row
from domain.clients import ClientConfig
from domain.documents import Problem
from domain.event_types import EventTypes
from domain.scopes import Scopes
from domain.scoring_rules import ScoringRules
from domain.terms import Term, terms_of

SEPARATOR = "|"  # between the names of the models' lists, so in no name
UNKNOWN_AGE = -1  # in raw.scoring_ages
_FIGURES = ("levels", "relevance", "bonuses", "penalties")
# Said by each client, or by type of event: not one figure for all.
_NOT_FIGURES = {f"bonuses_{name}" for name in ("events", "pure_player", "trademark", "key_molecule", "hybrid_company")}


@dataclass(frozen=True, slots=True)
class Scoring:
    """All that scoring asks of the configuration: rows by raw table, the terms to find, remarks in words.

    `tables` are replaced whole, `client_tables` for the clients that were given.
    """

    tables: dict[str, list[Row]]
    client_tables: dict[str, list[Row]]
    terms: tuple[Term, ...]
    problems: tuple[Problem, ...] = ()


def configuration(clients: Iterable[ClientConfig], scopes: Scopes, events: EventTypes, rules: ScoringRules) -> Scoring:
    """The rows of these clients, and those that all clients share."""
    terms = tuple(dict.fromkeys(term for term in (*terms_of(scopes), *events.terms) if term.key))
    client_tables: defaultdict[str, list[Row]] = defaultdict(list)
    problems = [*events.problems, *_unknown_names(scopes, events, rules)]
    for config in clients:
        made = ClientRows(config, scopes, events, rules)
        problems += made.problems
        for name, rows in made.tables.items():
            client_tables[name] += rows
    tables = {
        "terms": [_term_row(term) for term in terms],
        "nested_terms": list(_nested(terms)),
        "scoring_events": _event_rows(events, rules),
        "scoring_ages": list(_age_rows(rules)),
        "scoring_figures": [figures(rules)],
    }
    return Scoring(tables, dict(client_tables), terms, tuple(problems))


def _term_row(term: Term) -> Row:
    shown = term.written.strip().replace(SEPARATOR, "/")
    return {"category": term.category, "scope": term.scope, "list": term.list, "term": shown, "term_key": term.key}


def figures(rules: ScoringRules) -> dict[str, float]:
    """Every single figure of the rules by its path, `bonuses_pure_player`; of a list by its place, from 1."""
    found: dict[str, float] = {"highest_score": rules.highest_score}
    for block in _FIGURES:
        found |= _flat(block, getattr(rules, block).model_dump())
    found["oldest_age"] = float(_oldest(rules))
    return found


def _flat(path: str, value: Any) -> dict[str, float]:
    if path in _NOT_FIGURES:
        return {}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {path: float(value)}
    found: dict[str, float] = {}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= _flat(f"{path}_{key}", inner)
    elif isinstance(value, tuple):
        for i, inner in enumerate(value, 1):
            found |= _flat(f"{path}_{i}", inner) if isinstance(inner, int | float) else {}
    return found


def _nested(terms: Iterable[Term]) -> Iterator[Row]:
    """The terms whose words stand, side by side, within a longer term of the same category: the longer one counts."""
    by_words: defaultdict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for term in (term for term in terms if term.category in ENTITIES):
        by_words[term.category, tuple(term.key.casefold().split())].add(term.key)
    found: dict[tuple[str, str, str], None] = {}
    for (category, words), outer in sorted(by_words.items()):
        for size in range(1, len(words)):
            for start in range(len(words) - size + 1):
                for inner in sorted(by_words.get((category, words[start : start + size]), ())):
                    found |= {(category, inner, longer): None for longer in sorted(outer)}
    for category, inner, longer in found:
        yield {"category": category, "inner_key": inner, "outer_key": longer}


def _event_rows(events: EventTypes, rules: ScoringRules) -> list[Row]:
    """The types in the order that decides between two with as many points: by weight, then by name."""
    ranked = sorted(events.types, key=lambda one: (-rules.weight(one.name), one.name))
    return [
        {
            "event_type": one.name,
            "label": one.label or one.name,
            "place": place,
            "bonus": rules.bonuses.events.get(one.name, 0.0),
            "is_low": one.name in rules.penalties.low_events,
            "gives_context": one.name not in rules.bonuses.context_not_for,
        }
        for place, one in enumerate(ranked, 1)
    ]


def _oldest(rules: ScoringRules) -> int:
    """The first age, in days, at which nothing changes any more."""
    ages = [step.up_to_days for step in rules.recency.steps] + [step.over_days for step in rules.penalties.ages]
    return max(ages, default=0) + 1


def _age_rows(rules: ScoringRules) -> Iterator[Row]:
    """A row for each age in days up to the oldest, which stands for all beyond, and one for an unknown age."""
    yield {"age": UNKNOWN_AGE, "factor": rules.recency.unknown, "penalty": 0.0}
    for age in range(_oldest(rules) + 1):
        factor = next((step.factor for step in rules.recency.steps if age <= step.up_to_days), rules.recency.older)
        penalty = max((step.points for step in rules.penalties.ages if age > step.over_days), default=0.0)
        yield {"age": age, "factor": factor, "penalty": penalty}


def _unknown_names(scopes: Scopes, events: EventTypes, rules: ScoringRules) -> Iterator[Problem]:
    """What the rules' file names and nobody knows. Names of the defaults are not worth a remark."""
    unsaid = ScoringRules()
    for label, said, default, known in (
        ("event_weights", rules.event_weights, unsaid.event_weights, events.names),
        ("bonuses.events", rules.bonuses.events, unsaid.bonuses.events, events.names),
        ("bonuses.context_not_for", rules.bonuses.context_not_for, unsaid.bonuses.context_not_for, events.names),
        ("penalties.low_events", rules.penalties.low_events, unsaid.penalties.low_events, events.names),
        ("penalties.against_scopes", rules.penalties.against_scopes, unsaid.penalties.against_scopes, scopes.names),
        ("penalties.exclusion_scopes", rules.penalties.exclusion_scopes, ("*",), scopes.names),
        ("penalties.spared_scopes", rules.penalties.spared_scopes, unsaid.penalties.spared_scopes, scopes.names),
    ):
        for name in said:
            if name not in default and name not in known:
                yield Problem("warning", "canonical/scoring/rules.yaml", f'`{label}` names "{name}", which is unknown.')


FIGURES = tuple(figures(ScoringRules()))
