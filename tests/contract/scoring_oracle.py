"""What a score is, in plain Python, written from the description of the older system's formula and read by nobody else.

Here: a client's file and an item in, the parts of its score out. Not here: anything of the platform.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

BASE = {
    "partnership": 8,
    "regulatory": 7,
    "clinical_update": 6,
    "safety_signal": 6,
    "corporate_move": 5,
    "scientific_publication": 4,
    "manufacturing_supply": 4,
    "financial_results": 3,
    "other": 2,
}
EVENT_BONUS = {"partnership": 3, "regulatory": 2.5, "clinical_update": 2, "scientific_publication": 1.5}
RECENCY = ((1, 1.0), (3, 0.98), (7, 0.95), (14, 0.92), (30, 0.88), (60, 0.82), (90, 0.75), (180, 0.65))
LEVELS = {"high": (0.9, 0.9), "medium": (0.6, 0.6), "low": (0.3, 0.3), "fallback": (0.2, 0.3)}
STRENGTH = {
    "core_phrases": "strong",
    "technology_use": "medium",
    "interval_patterns": "medium",
    "route_admin_terms": "weak",
    "generic_terms": "weak",
    "negative_terms": "against",
}
AGAINST, SPARED = "anti_lai_routes", "event_generic"
WATCHED = ("company", "molecule", "technology", "trademark")


@dataclass(frozen=True)
class Story:
    title: str
    content: str
    published: date | None
    day: date


@dataclass(frozen=True)
class Told:
    """What the oracle says of one item for one client."""

    event_type: str
    domains: str
    confidence: str
    relevance: float
    score: float


class Oracle:
    """`scopes`: category -> scope -> list of phrases, or lists by name; `events`: type -> its three lists."""

    def __init__(self, scopes: Mapping[str, Any], events: Mapping[str, Any]) -> None:
        self.scopes, self.events = scopes, events

    def tell(self, client: Mapping[str, Any], story: Story) -> Told:
        bonuses = client.get("scoring_config", {}).get("client_specific_bonuses", {})
        matching = client.get("matching_config", {})
        event = self.event(story)
        named = self.named(client, bonuses, story)
        kinds = {
            kind: {t for c, t in named if c == kind and t in self.watched(client, bonuses, kind)} for kind in WATCHED
        }
        pure = kinds["company"] & self.of("company", bonuses.get("pure_player_companies", {}).get("scope"))
        hybrid = kinds["company"] & self.of("company", bonuses.get("hybrid_companies", {}).get("scope"))
        brands = kinds["trademark"] & self.of("trademark", bonuses.get("trademark_mentions", {}).get("scope"))
        molecules = kinds["molecule"] & self.of("molecule", bonuses.get("key_molecules", {}).get("scope"))
        excluded = {t for s in self.scopes["exclusion"] if s not in (AGAINST, SPARED) for t in self.of("exclusion", s)}
        against = self.of("exclusion", AGAINST)
        for domain in domains_of(client):
            against |= set(self.lists("technology", domain.get("technology_scope")).get("negative_terms", ()))
        texts = {t for _c, t in named}
        matched = self.matched(client, matching, named, pure)

        relevance = 0.05
        if matched:
            score = sum(LEVELS[level][0] for _d, level in matched) / len(matched)
            confidence = sum(LEVELS[level][1] for _d, level in matched) / len(matched)
            brand = 0.0
            if kinds["trademark"]:
                in_title = any(self.places(story.title, t) for t in kinds["trademark"])
                brand = 0.2 if in_title else 0.1
            relevance = (0.6 * score + 0.3 * confidence + brand) * (1.1 if len(matched) > 1 else 1)
            relevance = min(1.0, round(relevance, 4))
        recency, aged = self.recency(story)
        weights = BASE | client.get("scoring_config", {}).get("event_type_weight_overrides", {})
        technologies, total = len(kinds["technology"]), sum(len(found) for found in kinds.values())
        score = weights[event] * relevance * recency + EVENT_BONUS.get(event, 0) - aged
        score += bonuses.get("pure_player_companies", {}).get("bonus", 0) * (0, 1, 1.2)[min(2, len(pure))]
        score += bonuses.get("trademark_mentions", {}).get("bonus", 0) * (0, 1, 1.3)[min(2, len(brands))]
        score += bonuses.get("key_molecules", {}).get("bonus", 0) * bool(molecules)
        score += bonuses.get("hybrid_companies", {}).get("bonus", 0) * bool(hybrid)
        score += (0, 1, 1.5, 2)[min(3, technologies)]
        score += 1.5 * (event == "partnership" and bool(kinds["company"]) and bool(kinds["molecule"]))
        score += 1.0 * (event == "regulatory" and technologies > 0)
        alone = technologies + len(kinds["trademark"]) + len(kinds["molecule"]) == 0
        quiet = not texts & (excluded | against) and event not in ("financial_results", "corporate_move")
        score += 2.0 * (bool(pure) and alone and quiet)
        score -= 5 * bool(texts & against) + 3 * bool(texts & excluded) + 2 * (total == 0)
        score -= 1 * (event in ("financial_results", "other"))
        score = max(0.0, round(score, 4)) * {"strict": 0.75, "broad": 1.25}.get(
            matching.get("default_matching_mode"), 1
        )
        score = min(50.0, round(score, 4))
        best = min((level for _d, level in matched), key=list(LEVELS).index, default="")
        shown = float(Decimal(repr(score)).quantize(Decimal("0.1"), ROUND_HALF_UP))
        return Told(event, "|".join(sorted(d for d, _level in matched)), best, relevance, shown)

    def event(self, story: Story) -> str:
        points = {}
        for name, lists in self.events.items():
            if any(self.places(story.title, word) for word in lists.get("negative_keywords", ())):
                continue
            total, speaks = 0, False
            for word in lists.get("title_keywords", ()):
                if self.places(story.title, word):
                    total, speaks = total + 3, True
                elif self.places(story.content, word):
                    total += 1
            in_body = sum(bool(self.places(story.content, word)) for word in lists.get("body_keywords", ()))
            total += in_body
            known = "scientific_publication" if name == "scientific_paper" else name
            if speaks or in_body:
                points[known] = total
        return min(points, key=lambda name: (-points[name], -BASE[name], name), default="other")

    def named(self, client: Mapping[str, Any], bonuses: Mapping[str, Any], story: Story) -> set[tuple[str, str]]:
        """The terms that stand in the story, without those that only stand within longer ones of their category."""
        found = set()
        for kind in (*WATCHED, "exclusion"):
            known = (
                self.watched(client, bonuses, kind)
                if kind != "exclusion"
                else {t for s in self.scopes["exclusion"] if s != SPARED for t in self.of("exclusion", s)}
            )
            if kind == "technology":
                for domain in domains_of(client):
                    known |= set(self.lists("technology", domain.get("technology_scope")).get("negative_terms", ()))
            for text in (story.title, story.content):
                spans = {term: list(self.places(text, term)) for term in known}
                for term, places in spans.items():
                    for start, end in places:
                        inside = any(
                            a <= start and end <= b and (a, b) != (start, end)
                            for other in spans.values()
                            for a, b in other
                        )
                        if not inside:
                            found.add((kind, term))
        return {(k, t) for k, t in found if k != "technology" or ("trademark", t) not in found}

    def watched(self, client: Mapping[str, Any], bonuses: Mapping[str, Any], kind: str) -> set[str]:
        known: set[str] = set()
        for domain in domains_of(client):
            lists = self.lists(kind, domain.get(f"{kind}_scope"))
            known |= {t for name, terms in lists.items() if name != "negative_terms" for t in terms}
        for key, of in (
            ("pure_player_companies", "company"),
            ("hybrid_companies", "company"),
            ("trademark_mentions", "trademark"),
            ("key_molecules", "molecule"),
        ):
            if of == kind:
                known |= self.of(kind, bonuses.get(key, {}).get("scope"))
        if kind == "company" and client.get("matching_config", {}).get("enable_fallback_mode"):
            for scope in client["matching_config"].get("fallback_company_scopes", ()):
                known |= self.of(kind, scope)
        return known

    def matched(
        self, client: Mapping[str, Any], matching: Mapping[str, Any], named: set[tuple[str, str]], pure: set[str]
    ) -> list[tuple[str, str]]:
        kept, spare = [], []
        privileges = matching.get("trademark_privileges", {})
        for domain in domains_of(client):
            signals: dict[str, set[tuple[str, str]]] = {
                "strong": set(),
                "medium": set(),
                "weak": set(),
                "against": set(),
            }
            for kind, term in named:
                if kind == "exclusion":
                    continue
                names = [n for n, terms in self.lists(kind, domain.get(f"{kind}_scope")).items() if term in terms]
                strengths = (
                    [STRENGTH.get(n, "strong") for n in names]
                    if kind == "technology"
                    else [{"company": "medium", "molecule": "weak", "trademark": "strong"}[kind] for _n in names]
                )
                if kind == "company" and term in pure and domain.get("company_scope"):
                    strengths = ["strong"]
                if strengths:
                    signals[min(strengths, key=list(signals).index)].add((kind, term))
            spoken = signals["strong"] | signals["medium"] | signals["weak"]
            technologies = sum(kind == "technology" for kind, _t in spoken)
            demands = matching.get("domain_type_overrides", {}).get(domain.get("type", "technology"), {})
            enough = technologies >= demands.get("min_technology_signals", 0)
            if demands.get("require_entity_signals") and technologies == len(spoken):
                enough = False
            level = ""
            if signals["strong"]:
                level = "high"
            elif signals["against"] or not enough:
                pass
            elif len(signals["medium"]) >= 2:
                level = "medium"
            elif len(signals["weak"]) >= 3:
                level = "low"
            least = matching.get("domain_type_thresholds", {}).get(
                domain.get("type", "technology"), matching.get("min_domain_score", 0.25)
            )
            worst = {"high": 0, "medium": 1}.get(matching.get("min_confidence_level", ""), 2)
            privileged = privileges.get("enabled") and any(kind == "trademark" for kind, _t in spoken)
            wanted = bool(level) and LEVELS[level][0] >= least and list(LEVELS).index(level) <= worst
            if wanted or (level and privileged and LEVELS[level][0] >= privileges["auto_match_threshold"]):
                kept.append((domain["id"], level))
            elif matching.get("enable_fallback_mode") and not signals["against"] and worst == 2:
                names_one = {
                    term
                    for scope in matching.get("fallback_company_scopes", ())
                    for term in self.of("company", scope)
                    if ("company", term) in spoken
                }
                if names_one and matching["fallback_min_score"] <= LEVELS["fallback"][0]:
                    spare.append((domain["id"], "fallback"))
        if not kept:
            return spare[: matching.get("fallback_max_domains", 1)]
        kept.sort(key=lambda one: list(LEVELS).index(one[1]))
        several = len(kept) + len(spare) > 1
        kept = kept[: matching.get("max_domains_per_item", 99)]
        if matching.get("require_high_confidence_for_multiple") and several:
            kept = [one for i, one in enumerate(kept) if one[1] == "high" or i == 0]
        return kept

    def recency(self, story: Story) -> tuple[float, float]:
        if story.published is None:
            return 0.7, 0.0
        age = (story.day - story.published).days
        factor = next((factor for most, factor in RECENCY if age <= most), 0.5)
        return factor, 2.0 if age > 180 else 1.0 if age > 90 else 0.5 if age > 60 else 0.0

    def lists(self, kind: str, scope: str | None) -> dict[str, list[str]]:
        found = self.scopes[kind].get(scope, []) if scope else []
        return found if isinstance(found, dict) else {"": found}

    def of(self, kind: str, scope: str | None) -> set[str]:
        return {t for terms in self.lists(kind, scope).values() for t in terms}

    def places(self, text: str, term: str) -> Iterator[tuple[int, int]]:
        words = r"[\s-]+".join(re.escape(word) for word in re.split(r"[\s-]+", term))
        return [m.span() for m in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE)]  # type: ignore[return-value]


def domains_of(client: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The enabled domains, the most urgent first."""
    enabled = [domain for domain in client.get("watch_domains", ()) if domain.get("enabled", True)]
    return sorted(enabled, key=lambda domain: {"high": 0, "medium": 1, "low": 2}.get(domain.get("priority", ""), 3))
