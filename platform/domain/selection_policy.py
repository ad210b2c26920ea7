"""What a client's file says about what enters its newsletter, read once, and remarks on what it says in vain.

Here: thresholds, sections, duplicates, trimming, as one typed value. Not here: applying them (selection), the file's
vocabulary (client_file).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.client_file import ClientFile, LayoutSection
from domain.clients import ClientConfig
from domain.same_story import ALIKE, Likeness
from domain.scoring_rules import ScoringRules
from domain.stories import Section

VERSION = "1"  # of the rules of selection: with another one, the same week may give another issue
SPECIALIZED = "specialized_with_fallback"
REST = 999  # the priority of a section that takes what is left
EVENT_TYPES = frozenset(ScoringRules().event_weights)  # where the config bucket names no others
_SORTS = ("score_desc", "date_desc")
_LIMIT = 15  # NewsletterSelection.max_items_total where a file says none


@dataclass(frozen=True, slots=True)
class Policy:
    """How a client's stories are chosen.

    `watched`: only stories with a matched domain enter, and scores order them. `min_score` None: no threshold.
    `likeness` None: only near copies are joined. `dominance`: the share of `max_items_total` that one section may hold.
    """

    max_items_total: int = _LIMIT
    sections: tuple[Section, ...] = ()
    watched: bool = False
    min_score: float | None = None
    likeness: Likeness | None = None
    prefer_critical: bool = True
    prefer_higher_score: bool = True
    preserve_critical: bool = True
    min_items_per_section: int = 1
    dominance: float = 1.0
    prefer_recent: bool = False
    tldr: bool = False
    shows: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        counts = (self.max_items_total, self.min_items_per_section, *(one.max_items for one in self.sections))
        if min(counts) < 0:
            raise ValueError("max_items, max_items_total and min_items_per_section are counts: 0 or more")


def read_policy(config: ClientConfig, event_types: Collection[str] = EVENT_TYPES) -> Policy:
    """The policy of a client's file. `event_types` are those that an item can have."""
    file, said = config.file, _Said()
    chosen, overrides = (
        file.newsletter_selection,
        said.block(
            "scoring_config.selection_overrides",
            file.scoring_config.selection_overrides,
            {"min_score": (int, float), "max_items_total": int, "min_items_per_section": int},
        ),
    )
    trimming = said.block(
        "newsletter_selection.trimming_policy",
        chosen.trimming_policy,
        {
            "preserve_critical_events": bool,
            "min_items_per_section": int,
            "max_section_dominance": (int, float),
            "prefer_recent_items": bool,
        },
    )
    watched = any(domain.enabled for domain in file.watch_domains)
    most = chosen.max_items_total
    if "max_items_total" in overrides and most == _LIMIT:
        most = overrides["max_items_total"]
    else:
        said.beaten(overrides, "max_items_total", "newsletter_selection.max_items_total", most)
    fewest = trimming.get("min_items_per_section", overrides.get("min_items_per_section", 1))
    if "min_items_per_section" in trimming:
        key = "newsletter_selection.trimming_policy.min_items_per_section"
        said.beaten(overrides, "min_items_per_section", key, fewest)
    threshold = chosen.min_score_threshold
    if threshold is None:
        threshold = overrides.get("min_score")
    else:
        said.beaten(overrides, "min_score", "newsletter_selection.min_score_threshold", threshold)
    dominance = trimming.get("max_section_dominance", 1.0)
    if not 0 < dominance <= 1:
        said.remark(f"max_section_dominance {dominance} is no share of 1: it has no effect.")
        dominance = 1.0
    duplicates = said.block(
        "newsletter_selection.deduplication",
        chosen.deduplication,
        {
            "enabled": bool,
            "similarity_threshold": (int, float),
            "prefer_critical_events": bool,
            "prefer_higher_score": bool,
            "company_based_dedup": bool,
        },
    )
    _remark_words(said, file, event_types)
    return Policy(
        max_items_total=most,
        sections=_sections(said, file, watched, event_types),
        watched=watched,
        min_score=None if threshold is None else float(threshold),
        likeness=_likeness(said, duplicates, watched),
        prefer_critical=duplicates.get("prefer_critical_events", True),
        prefer_higher_score=duplicates.get("prefer_higher_score", True),
        preserve_critical=trimming.get("preserve_critical_events", True),
        min_items_per_section=fewest,
        dominance=float(dominance),
        prefer_recent=trimming.get("prefer_recent_items", False),
        tldr=watched and file.newsletter_delivery.include_tldr is not False,
        shows=_shown(said, file),
        remarks=tuple(said.remarks),
    )


@dataclass
class _Said:
    """Collects remarks while a file's free blocks are read."""

    remarks: list[str] = field(default_factory=list)

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def block(self, name: str, found: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
        """The values of known keys that are of their kind; a remark for every other key."""
        good = {}
        for key, value in found.items():
            kind = kinds.get(key)
            if kind is None:
                self.remark(f"{name}.{key} is not known and has no effect. There is: {', '.join(kinds)}.")
            elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool) or _negative(value):
                wanted = "true or false" if kind is bool else "a number, 0 or more"
                self.remark(f"{name}.{key} must be {wanted}; {value!r} has no effect.")
            else:
                good[key] = value
        return good

    def beaten(self, overrides: Mapping[str, Any], key: str, by: str, value: object) -> None:
        """Says that an override is not used, where it says something else."""
        if key in overrides and overrides[key] != value:
            self.remark(
                f"scoring_config.selection_overrides.{key} says {overrides[key]}, {by} says {value}: the latter counts."
            )


def _negative(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value < 0


def _likeness(said: _Said, duplicates: Mapping[str, Any], watched: bool) -> Likeness | None:
    threshold = duplicates.get("similarity_threshold", ALIKE)
    if threshold > 1:
        said.remark(f"deduplication.similarity_threshold {threshold} is no share of 1: {ALIKE} is used.")
        threshold = ALIKE
    if not duplicates.get("enabled", watched):
        return None
    return Likeness(float(threshold), duplicates.get("company_based_dedup", True))


def _sections(said: _Said, file: ClientFile, watched: bool, event_types: Collection[str]) -> tuple[Section, ...]:
    """In the order in which they take stories: by priority; of those for what is left, the choosy ones first."""
    layout = file.newsletter_layout
    specialized = layout.distribution_strategy == SPECIALIZED
    if layout.distribution_strategy not in ("", "default", SPECIALIZED):
        said.remark(
            f"newsletter_layout.distribution_strategy {layout.distribution_strategy!r} is not known: sections take "
            f"stories in their order. There is: {SPECIALIZED}."
        )
    domains = {domain.id for domain in file.watch_domains if domain.enabled}
    listed = sorted(layout.sections, key=lambda section: section.priority)
    if specialized:
        listed.sort(key=lambda section: (section.priority, section.priority >= REST and _takes_all(section)))
    made = []
    for section in listed:
        unknown = [name for name in section.filter_event_types if name != "*" and name not in event_types]
        if unknown:
            said.remark(f"section {section.id!r}: there is no event type {', '.join(unknown)}.")
        strange = [name for name in section.source_domains if name not in domains]
        if strange:
            said.remark(f"section {section.id!r}: {', '.join(strange)} is no enabled domain of watch_domains.")
        if section.sort_by not in _SORTS:
            said.remark(f"section {section.id!r}: sort_by {section.sort_by!r} is not known; date_desc is used.")
        made.append(
            Section(
                section.id,
                section.title,
                section.max_items,
                # Without domains scores say little: no section is in their order.
                section.sort_by if watched and section.sort_by in _SORTS else "date_desc",
                # Without domains there is nothing to tell sections apart by but what an id names.
                event_types=section.filter_event_types or (("*",) if watched else ()),
                domains=tuple(name for name in section.source_domains if name in domains),
            )
        )
    return tuple(made)


def _takes_all(section: LayoutSection) -> bool:
    return not section.filter_event_types or "*" in section.filter_event_types


def _shown(said: _Said, file: ClientFile) -> frozenset[str]:
    """Which figures the page ends with, and remarks on what no page can have."""
    delivery, shows = file.newsletter_delivery, set()
    if delivery.include_intro:
        said.remark("newsletter_delivery.include_intro: nobody writes an introduction; the page has none.")
    metrics = said.block(
        "newsletter_delivery.metrics_config",
        delivery.metrics_config,
        {"include_source_breakdown": bool, "include_domain_breakdown": bool, "include_trend_analysis": bool},
    )
    if metrics.get("include_trend_analysis"):
        said.remark("newsletter_delivery.metrics_config.include_trend_analysis: there is no trend to tell of one week.")
    if delivery.include_metrics:
        shows.add("metrics")
        shows |= {name for name in ("source", "domain") if metrics.get(f"include_{name}_breakdown")}
    return frozenset(shows)


def _remark_words(said: _Said, file: ClientFile, event_types: Collection[str]) -> None:
    unknown = [name for name in file.newsletter_selection.critical_event_types if name not in event_types]
    if unknown:
        said.remark(
            f"newsletter_selection.critical_event_types: no item can have {', '.join(unknown)}. "
            f"There is: {', '.join(sorted(event_types))}."
        )
    mode = file.pipeline.newsletter_mode
    if mode != "period_based":
        known = "is read as" if mode == "latest_run_only" else "is not known and is read as"
        said.remark(
            f"pipeline.newsletter_mode {mode!r} {known} period_based: an issue tells its week, Monday to Sunday."
        )
