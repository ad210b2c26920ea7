"""What one client's file says about matching and scoring, as rows of raw tables, and remarks on what it says in vain.

Here: domains, scopes with their part in the score, thresholds, bonuses, weights. Not here: the rules for everybody
(scoring_rules), the tables of all clients (scoring), what enters a newsletter (selection_policy).
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from domain.client_file import Bonus, WatchDomain
from domain.clients import PREFIX, ClientConfig
from domain.documents import Problem, closest, shown
from domain.event_types import EventTypes, event_name
from domain.scopes import NEGATIVE, ScopeList, Scopes
from domain.scoring_rules import ScoringRules, Strength

Row = dict[str, Any]
STRENGTHS = {name: place for place, name in enumerate(get_args(Strength), 1)}  # as in raw.client_scopes: 1 is strong
ENTITIES = ("company", "molecule", "technology", "trademark")
_SCOPES = "_scopes"
_EXCLUSIONS = "exclusion_scopes"
_PRIORITIES = ("high", "medium", "low")
_CONFIDENCES = {"high": 1, "medium": 2, "low": 3}
_NO_LIMIT = 1_000_000
_BONUSES = {  # in the client's file: (part in raw.client_scopes, figure of the rules)
    "pure_player_companies": ("pure_player", "pure_player"),
    "trademark_mentions": ("trademark", "trademark"),
    "key_molecules": ("molecule", "key_molecule"),
    "hybrid_companies": ("hybrid", "hybrid_company"),
}
_PURE_PLAYERS = "client_specific_bonuses.pure_player_companies.scope"
_PRIVILEGES = ("enabled", "auto_match_threshold")
_OVERRIDES = ("require_entity_signals", "min_technology_signals")


def category_of(one: ScopeList) -> str:
    """The category of a list's terms: `company_scopes` is `company`."""
    return one.file.removesuffix(_SCOPES)


class ClientRows:
    """The rows of one client by table, made at once; `problems` are remarks, each with the client's file."""

    def __init__(self, config: ClientConfig, scopes: Scopes, events: EventTypes, rules: ScoringRules) -> None:
        self.client_id, self.file = config.client_id, config.file
        self.scopes, self.events, self.rules = scopes, events, rules
        self.problems: list[Problem] = []
        self.domains = [domain for domain in self.file.watch_domains if domain.enabled]
        self._scope_rows: dict[tuple[Any, ...], None] = {}
        self.tables: Mapping[str, list[Row]] = {
            "client_scoring": [self._scoring()],
            "client_domains": list(self._domain_rows()),
            "client_events": list(self._event_rows()),
            "client_scopes": self._parts(),
        }
        self._say_what_has_no_effect()

    def remark(self, message: str, remedy: str = "") -> None:
        self.problems.append(Problem("warning", f"{PREFIX}{self.client_id}.yaml", message, remedy))

    def _scoring(self) -> Row:
        matching, bonuses = self.file.matching_config, self.file.scoring_config.client_specific_bonuses
        row: Row = {
            "client_id": self.client_id,
            **self._mode(),
            "worst_level": self._worst_level(),
            "max_domains": _NO_LIMIT if matching.max_domains_per_item is None else matching.max_domains_per_item,
            "high_for_several": bool(matching.require_high_confidence_for_multiple),
            "trademark_from": self._trademark_privilege(),
            "fallback_from": (matching.fallback_min_score or 0.0) if matching.enable_fallback_mode else None,
            "fallback_domains": 1 if matching.fallback_max_domains is None else matching.fallback_max_domains,
        }
        for key, (part, figure) in _BONUSES.items():
            said: Bonus | None = getattr(bonuses, key)
            stands = said is not None and bool(said.scope)
            points = getattr(self.rules.bonuses, figure) if said is None or said.bonus is None else said.bonus
            row[f"{part}_bonus"] = float(points) if stands else 0.0
            if said is not None and not said.scope:
                self.remark(f"client_specific_bonuses.{key} names no scope: no item gets it.", "Add `scope:`.")
        return row

    def _mode(self) -> Row:
        written = self.file.matching_config.default_matching_mode
        mode = written or "balanced"
        if mode not in self.rules.modes:
            self.remark(
                f'matching_config.default_matching_mode "{written}" is unknown: read as balanced.',
                closest(written, self.rules.modes) or f"Use {', '.join(self.rules.modes)}.",
            )
            mode = "balanced"
        factors: dict[str, float] = dict(self.rules.modes.items())
        return {"mode": mode, "mode_factor": factors[mode]}

    def _worst_level(self) -> int:
        written = self.file.matching_config.min_confidence_level
        if written and written not in _CONFIDENCES:
            remedy = closest(written, _CONFIDENCES) or "Use high, medium or low."
            self.remark(f'matching_config.min_confidence_level "{written}" is unknown: read as low.', remedy)
        return _CONFIDENCES.get(written, len(_CONFIDENCES))

    def _trademark_privilege(self) -> float | None:
        said = self.file.matching_config.trademark_privileges
        for key in said:
            if key not in _PRIVILEGES:
                self.remark(f"matching_config.trademark_privileges.{key} has no effect.", "Raise the trademark bonus.")
        threshold = said.get("auto_match_threshold", 0.0)
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            message = (
                f"trademark_privileges.auto_match_threshold must be a number; found {shown(threshold)}: read as 0."
            )
            self.remark(message, "Correct it.")
            threshold = 0.0
        return float(threshold) if said.get("enabled") is True else None

    def _domain_rows(self) -> Iterator[Row]:
        matching = self.file.matching_config
        types = {domain.type for domain in self.domains}
        for name, said in (
            ("domain_type_thresholds", matching.domain_type_thresholds),
            ("domain_type_overrides", matching.domain_type_overrides),
        ):
            for unknown in sorted(set(said) - types):
                self.remark(f'matching_config.{name}: no enabled domain has the type "{unknown}".', "Remove it.")
        overrides = {domain_type: self._override(domain_type) for domain_type in sorted(types)}
        ranked = sorted(self.domains, key=_priority)
        for place, domain in enumerate(ranked, 1):
            yield {
                "client_id": self.client_id,
                "domain_id": domain.id,
                "place": place,
                "min_score": matching.domain_type_thresholds.get(domain.type, matching.min_domain_score),
                "min_technologies": overrides[domain.type][0],
                "entity_required": overrides[domain.type][1],
            }
        if self.file.watch_domains and not self.domains:
            self.remark("Every watch domain is disabled: no item is relevant.", "Enable one, or remove them all.")
        ids = [domain.id for domain in self.domains]
        for twice in sorted({one for one in ids if ids.count(one) > 1}):
            self.remark(f'Two watch domains have the id "{twice}".', "Give each its own id.")

    def _override(self, domain_type: str) -> tuple[int, bool]:
        """The technologies that a match without a strong signal must name, and whether it needs another entity."""
        said = self.file.matching_config.domain_type_overrides.get(domain_type, {})
        label = f"matching_config.domain_type_overrides.{domain_type}"
        if not isinstance(said, dict):
            self.remark(f"{label} must be a block; found {shown(said)}: it has no effect.", "Correct it.")
            return 0, False
        for key in said:
            if key not in _OVERRIDES:
                self.remark(f"{label}.{key} has no effect.", closest(key, _OVERRIDES) or "Remove it.")
        fewest, required = said.get("min_technology_signals", 0), said.get("require_entity_signals", False)
        if isinstance(fewest, bool) or not isinstance(fewest, int) or fewest < 0:
            message = f"{label}.min_technology_signals must be a whole number; found {shown(fewest)}: read as 0."
            self.remark(message, "Correct it.")
            fewest = 0
        if not isinstance(required, bool):
            message = f"{label}.require_entity_signals must be true or false; found {shown(required)}: read as false."
            self.remark(message, "Correct it.")
            required = False
        return fewest, required

    def _event_rows(self) -> Iterator[Row]:
        said = {
            event_name(name): weight for name, weight in self.file.scoring_config.event_type_weight_overrides.items()
        }
        for unknown in sorted(set(said) - set(self.events.names)):
            remedy = closest(unknown, self.events.names) or "Remove it."
            self.remark(f'event_type_weight_overrides: there is no event type "{unknown}".', remedy)
        critical = {event_name(name) for name in self.file.newsletter_selection.critical_event_types}
        for name in self.events.names:
            yield {
                "client_id": self.client_id,
                "event_type": name,
                "weight": float(said.get(name, self.rules.weight(name))),
                "weight_by": "client" if name in said else "rules",
                "critical": name in critical,
            }

    def _parts(self) -> list[Row]:
        """Which list of which scope plays which part for the client, or for one of its domains."""
        matching, bonuses = self.file.matching_config, self.file.scoring_config.client_specific_bonuses
        pure = self._named(bonuses.pure_player_companies, self.rules.pure_player_scope)
        hybrid = self._named(bonuses.hybrid_companies, self.rules.hybrid_scope)
        for domain in self.domains:
            for one in self._domain_lists(domain):
                self._add(domain.id, "signal", self._strength(one), one)
            # A pure player speaks for each domain that watches companies, listed there or not.
            for one in self._lists(pure if domain.company_scope else "", _PURE_PLAYERS):
                self._add(domain.id, "signal", self.rules.strengths["pure_player"], one)
        for name, part, said_at in (
            (pure, "pure_player", _PURE_PLAYERS),
            (hybrid, "hybrid", "client_specific_bonuses.hybrid_companies.scope"),
            (self._named(bonuses.trademark_mentions), "trademark", "client_specific_bonuses.trademark_mentions.scope"),
            (self._named(bonuses.key_molecules), "molecule", "client_specific_bonuses.key_molecules.scope"),
        ):
            for one in self._lists(name, said_at):
                self._add("", part, "", one)
        if matching.enable_fallback_mode:
            named = matching.fallback_company_scopes or tuple(domain.company_scope for domain in self.domains)
            for name in named:
                for one in self._lists(name, "matching_config.fallback_company_scopes"):
                    self._add("", "fallback", "", one)
        if not self._scope_rows:
            for one in self.scopes.lists:
                if category_of(one) in ENTITIES and one.path[1:] != (NEGATIVE,):
                    self._add("", "watched", "", one)
        self._add_exclusions()
        names = ("domain_id", "part", "strength", "category", "scope", "list")
        return [{"client_id": self.client_id, **dict(zip(names, row, strict=True))} for row in self._scope_rows]

    def _add_exclusions(self) -> None:
        penalties = self.rules.penalties
        for one in self.scopes.lists:
            if one.file != _EXCLUSIONS:
                continue
            name = one.path[0]
            if name in penalties.against_scopes:
                self._add("", "against", "", one)
            elif name in penalties.exclusion_scopes or (
                "*" in penalties.exclusion_scopes and name not in penalties.spared_scopes
            ):
                self._add("", "exclusion", "", one)

    def _add(self, domain_id: str, part: str, strength: str, one: ScopeList) -> None:
        row = (domain_id, part, STRENGTHS.get(strength, 0), category_of(one), one.path[0], ".".join(one.path[1:]))
        self._scope_rows[row] = None

    def _named(self, bonus: Bonus | None, unsaid: str = "") -> str:
        """The scope of a bonus; the rules' own where the client names none and there is such a scope."""
        if bonus is not None and bonus.scope:
            return bonus.scope
        return unsaid if unsaid and self.scopes.find(unsaid) else ""

    def _domain_lists(self, domain: WatchDomain) -> Iterator[ScopeList]:
        for key in ("company_scope", "technology_scope", "molecule_scope", "trademark_scope"):
            name = getattr(domain, key)
            yield from self._lists(name, f"watch_domains.{domain.id}.{key}")
            found = self.scopes.find(name) if name else None
            if found:
                yield from found.against

    def _lists(self, name: str, said_at: str) -> tuple[ScopeList, ...]:
        """The lists that `name` means; a remark, once, where there are none."""
        if not name:
            return ()
        found = self.scopes.find(name)
        if found is None:
            message = f'{said_at}: there is no scope "{name}": read as empty.'
            if all(problem.message != message for problem in self.problems):
                self.remark(message, self.scopes.closest(name) or "Add it to a file of canonical/scopes/.")
            return ()
        return found.lists

    def _strength(self, one: ScopeList) -> str:
        strengths, category = self.rules.strengths, category_of(one)
        if category != "technology":
            return strengths.get(category, "weak")
        if len(one.path) == 1:
            return strengths["plain_list"]
        return strengths.get(one.path[-1], strengths["other_lists"])

    def _say_what_has_no_effect(self) -> None:
        matching = self.file.matching_config
        kept = "every score is stored with its contributions."
        if matching.enable_diagnostic_mode:
            self.remark("matching_config.enable_diagnostic_mode has no effect.", f"Remove it: {kept}")
        if matching.store_rejection_reasons:
            self.remark("matching_config.store_rejection_reasons has no effect.", f"Remove it: {kept}")
        mode = matching.default_matching_mode or "balanced"
        for domain in self.domains:
            if domain.matching_profile and domain.matching_profile != mode:
                message = f"watch_domains.{domain.id}.matching_profile has no effect."
                self.remark(message, "Use matching_config.default_matching_mode, which is for all domains.")
            if domain.priority and domain.priority not in _PRIORITIES:
                message = f'watch_domains.{domain.id}.priority "{domain.priority}" is unknown: it comes last.'
                self.remark(message, "Use high, medium or low.")


def _priority(domain: WatchDomain) -> int:
    return _PRIORITIES.index(domain.priority) if domain.priority in _PRIORITIES else len(_PRIORITIES)
