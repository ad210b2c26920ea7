"""Ingestion profiles: what the items of a source must say, and must not say, to be worth keeping.

Here: what a profile is, and its objection to a text. Not here: how the file is read (ingestion_profile_file), which
profile a source has (selection_rules), nor a client's own filters (profiles).
"""

from dataclasses import dataclass
from typing import Literal

from domain.combinations import Combination
from domain.vocabulary import Vocabulary

Mode = Literal["exclude_only", "require_signals", "require_multi_signals", "ingest_all"]
MODES: tuple[Mode, ...] = ("exclude_only", "require_signals", "require_multi_signals", "ingest_all")
NO_PHRASES = Vocabulary()
NOTHING_ASKED = Combination("and")


@dataclass(frozen=True, slots=True)
class SignalGroup:
    """A signal: at least `min_matches` distinct phrases of `wanted`, each of `against` in the text taking one away."""

    group_id: str
    wanted: Vocabulary
    against: Vocabulary = NO_PHRASES
    min_matches: int = 1
    weight: float = 1.0

    def is_in(self, text: str) -> bool:
        """Whether `text`, which `vocabulary.words` made, gives the signal."""
        count = len(self.wanted.found_in(text))
        return count >= self.min_matches and count - len(self.against.found_in(text)) >= self.min_matches


def company_mark(company: str) -> str:
    """What the name of a company and its id in the catalog share: "Johnson & Johnson" is "johnson_johnson"."""
    return "".join(filter(str.isalnum, company.casefold()))


@dataclass(frozen=True, slots=True)
class Contexts:
    """Which sources a profile is for, where the catalog does not say it: all that is named must fit.

    `source_types` may hold "*". `companies` are marks made by `company_mark`, None where any will do; `domains` are
    watch domains of the client, one of which must be enabled.
    """

    source_types: tuple[str, ...] = ()
    companies: frozenset[str] | None = None
    domains: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IngestionProfile:
    """One profile: the scopes that exclude an item, then the signals that it needs."""

    name: str
    mode: Mode = "ingest_all"
    excluded: tuple[tuple[str, Vocabulary], ...] = ()
    groups: tuple[SignalGroup, ...] = ()
    combination: Combination = NOTHING_ASKED
    minimum_weight: float = 0.0
    contexts: Contexts = Contexts()

    @property
    def requires_signals(self) -> bool:
        return self.mode in ("require_signals", "require_multi_signals")

    def objection(self, text: str) -> str:
        """Why it keeps an item of this text (which `vocabulary.words` made) out; "" where it does not."""
        if self.mode == "ingest_all":
            return ""
        for scope, vocabulary in self.excluded:
            if found := vocabulary.found_in(text):
                return f'{self.name}: {scope} "{found[0]}"'
        if not self.requires_signals:
            return ""
        present = {group.group_id: group.weight for group in self.groups if group.is_in(text)}
        if not self.combination.holds(present):
            lacking = [group.group_id for group in self.groups if group.group_id not in present]
            # With a NOT in it a combination can fail though nothing lacks.
            return f"{self.name}: lacks {', '.join(lacking)}" if lacking else f"{self.name}: a signal against it"
        weight = sum(present.values())
        if weight < self.minimum_weight:
            return f"{self.name}: signals weigh {weight:g} of {self.minimum_weight:g}"
        return ""
