"""The file of ingestion profiles, read with a problem for each reference and value that cannot count.

Here: from YAML to profiles, `strict` for all sources among them. Not here: what a profile does (ingestion_profiles),
what a reference to a scope means (scopes), which profile a source has (selection_rules).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from domain.combinations import Combination, CombinationError
from domain.documents import Document, Path, Problem, closest, read_mapping, shown
from domain.errors import ConfigError
from domain.ingestion_profiles import MODES, Contexts, IngestionProfile, SignalGroup, company_mark
from domain.scopes import Found, ScopeList, Scopes
from domain.vocabulary import Vocabulary

STRICT = "strict"
TECHNOLOGY = "technology_scopes"  # the file whose scopes are technologies
PROFILE_KEYS = ("signal_requirements", "applicable_contexts", "description", "strategy", "rationale", "runtime_config")
REQUIREMENTS = ("mode", "exclusion_scopes", "required_signal_groups", "combination_logic", "minimum_total_weight")
GROUP_KEYS = ("group_id", "scopes", "negative_scopes", "min_matches", "weight", "description")
CONTEXTS = ("source_types", "company_scopes", "domains")


def read_profiles(key: str, body: bytes, scopes: Scopes) -> tuple[dict[str, IngestionProfile], tuple[Problem, ...]]:
    """The profiles by name, in file order, and every problem in line order. Raises ConfigError where there is no
    `profiles` block at all.

    A profile that is wrong as a whole is left out with an error; a scope that does not exist is a warning and empty.
    `strict` is made of the others unless the file has one: all their excluded scopes, then one technology signal.
    """
    document = read_mapping(body, key)
    blocks = document.value.get("profiles")
    if not isinstance(blocks, dict):
        raise ConfigError(
            f"`profiles` must be a block; found {shown(blocks)}.",
            where=document.where(("profiles",)),
            remedy="Write `profiles:` and a block for each profile; docs/select-items.md shows one.",
        )
    reading = _Reading(document, scopes)
    for name, block in blocks.items():
        reading.profile(name, block, ("profiles", name))
    if STRICT not in reading.profiles:
        reading.profiles[STRICT] = reading.strict()
    problems = sorted(reading.problems, key=lambda problem: int(problem.where.rpartition(":")[2]))
    return reading.profiles, tuple(problems)


class _Reading:
    """One pass over the document; problems, and what `strict` is made of, gather as it goes."""

    def __init__(self, document: Document, scopes: Scopes) -> None:
        self.document, self.scopes = document, scopes
        self.profiles: dict[str, IngestionProfile] = {}
        self.problems: list[Problem] = []
        self.technologies: dict[ScopeList, None] = {}
        self.against: dict[ScopeList, None] = {}
        self.looked_at: set[ScopeList] = set()

    def warn(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(self.document.warning(path, message, remedy))

    def profile(self, name: str, block: Any, path: Path) -> None:
        wanted = block.get("signal_requirements") if isinstance(block, dict) else None
        mode = wanted.get("mode") if isinstance(wanted, dict) else None
        if not isinstance(wanted, dict) or mode not in MODES:
            message = f'The profile "{name}" cannot be used: its signal_requirements.mode is {shown(mode)}.'
            remedy = closest(str(mode), MODES) or f"Use one of {', '.join(MODES)}."
            self.problems.append(self.document.error((*path, "signal_requirements", "mode"), message, remedy))
            return
        here = (*path, "signal_requirements")
        self.unknown(block, PROFILE_KEYS, path)
        self.unknown(wanted, REQUIREMENTS, here)
        excluded = tuple(
            (reference, Vocabulary.of(found.phrases))
            for reference, found in self.references(wanted, "exclusion_scopes", here)
        )
        profile = IngestionProfile(name, mode, excluded, contexts=self.contexts(block, path))
        if profile.requires_signals:
            profile = replace(profile, groups=self.groups(wanted, here))
            profile = replace(
                profile,
                combination=self.combination(profile, wanted, here),
                minimum_weight=self.number(wanted, "minimum_total_weight", here, 0.0),
            )
            self.check_that_something_can_pass(profile, here)
        self.profiles[name] = profile

    def groups(self, wanted: dict[str, Any], path: Path) -> tuple[SignalGroup, ...]:
        groups: dict[str, SignalGroup] = {}
        entries = wanted.get("required_signal_groups")
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            here = (*path, "required_signal_groups", i)
            group_id = entry.get("group_id") if isinstance(entry, dict) else None
            if not isinstance(group_id, str) or not group_id.strip() or group_id in groups:
                self.warn(here, "A signal group needs a `group_id` of its own; left out.", "Give it one.")
                continue
            self.unknown(entry, GROUP_KEYS, here)
            scopes = [found for _reference, found in self.references(entry, "scopes", here)]
            negative = [found for _reference, found in self.references(entry, "negative_scopes", here)]
            against = [one for found in scopes for one in found.against]
            self.technologies |= {one: None for found in scopes for one in found.lists if one.file == TECHNOLOGY}
            self.against |= {one: None for one in against if one.file == TECHNOLOGY}
            groups[group_id] = SignalGroup(
                group_id,
                Vocabulary.of(phrase for found in scopes for phrase in found.phrases),
                Vocabulary.of(
                    phrase for one in (*against, *(one for f in negative for one in f.lists)) for phrase in one.phrases
                ),
                max(1, int(self.number(entry, "min_matches", here, 1.0))),
                self.number(entry, "weight", here, 1.0),
            )
            if not groups[group_id].wanted:
                self.warn(here, f'The signal group "{group_id}" has no phrase: it is never found.', "Fill its scopes.")
        return tuple(groups.values())

    def combination(self, profile: IngestionProfile, wanted: dict[str, Any], path: Path) -> Combination:
        """As written; else any group where signals are required, every group where several are."""
        ids = tuple(group.group_id for group in profile.groups)
        unsaid = Combination.any_of(ids) if profile.mode == "require_signals" else Combination.every(ids)
        text, here = wanted.get("combination_logic"), (*path, "combination_logic")
        if text is None:
            return unsaid
        try:
            found = Combination.read(text if isinstance(text, str) else "")
        except CombinationError as error:
            message = f"`combination_logic` cannot be read: {error}; {'any' if unsaid.operator == 'or' else 'every'}"
            self.warn(here, f"{message} group is asked for.", "Write group ids with AND, OR, NOT and brackets.")
            return unsaid
        for name in sorted(found.names - set(ids)):
            message = f'`combination_logic` names "{name}", which is no signal group here: it is never found.'
            self.warn(here, message, closest(name, ids, len(self.problems)) or "Add the group, or remove the name.")
        return found

    def check_that_something_can_pass(self, profile: IngestionProfile, path: Path) -> None:
        possible = {group.group_id: group.weight for group in profile.groups if group.wanted}
        heavy = sum(possible.values()) >= profile.minimum_weight
        if not heavy or not (profile.combination.holds(possible) or profile.combination.holds(())):
            message = f'No item can pass the profile "{profile.name}": its signals are empty, absent or too light.'
            self.warn(path, message, "Fill the scopes of its signal groups, or give its sources another profile.")

    def contexts(self, block: dict[str, Any], path: Path) -> Contexts:
        entry, here = block.get("applicable_contexts"), (*path, "applicable_contexts")
        if not isinstance(entry, dict):
            return Contexts()
        self.unknown(entry, CONTEXTS, here)
        companies = None
        if "company_scopes" in entry:
            found = self.references(entry, "company_scopes", here)
            companies = frozenset(company_mark(phrase) for _reference, one in found for phrase in one.phrases)
        types = tuple(text for text, _place in self.texts(entry, "source_types", here))
        return Contexts(types, companies, frozenset(text for text, _place in self.texts(entry, "domains", here)))

    def strict(self) -> IngestionProfile:
        """What every profile excludes, then at least one of the technology signals that any profile asks for."""
        excluded = {pair[0]: pair for profile in self.profiles.values() for pair in profile.excluded}
        signal = SignalGroup(
            "technology_signals",
            Vocabulary.of(phrase for one in self.technologies for phrase in one.phrases),
            Vocabulary.of(phrase for one in self.against for phrase in one.phrases),
        )
        if not signal.wanted:
            message = f"No profile asks for a scope of {TECHNOLOGY}.yaml, so the mode strict asks for no signal."
            self.warn(("profiles",), message, f'Write a profile "{STRICT}".')
            return IngestionProfile(STRICT, "exclude_only", tuple(excluded.values()))
        asked = Combination.every((signal.group_id,))
        return IngestionProfile(STRICT, "require_signals", tuple(excluded.values()), (signal,), asked)

    def references(self, entry: dict[str, Any], name: str, path: Path) -> list[tuple[str, Found]]:
        """The scopes that a list refers to; one that does not exist is empty, and a warning."""
        found = []
        for text, place in self.texts(entry, name, path):
            scope = self.scopes.find(text)
            if scope is None:
                remedy = self.scopes.closest(text, len(self.problems)) or "Add it to a file of canonical/scopes/."
                self.warn(place, f'There is no scope "{text}": it is read as empty.', remedy)
            else:
                self.look_at(scope.lists)
                self.look_at(scope.against)
            found.append((text, scope or Found()))
        return found

    def look_at(self, lists: Iterable[ScopeList]) -> None:
        """Warns once of what stands in a list and cannot count; at the reference, with the list's own place."""
        for one in lists:
            if one in self.looked_at:
                continue
            self.looked_at.add(one)
            for oddity in one.oddities:
                self.problems.append(Problem("warning", one.where, f"{oddity} is no phrase: left out.", "Write text."))
            for phrase in Vocabulary.of(one.phrases).phrases:
                if phrase.looks_like_a_pattern:
                    message = f'"{phrase.written}" looks like a regular expression; of these only `.*` has an effect.'
                    self.problems.append(Problem("warning", one.where, message, "Write plain phrases."))

    def texts(self, entry: dict[str, Any], name: str, path: Path) -> list[tuple[str, Path]]:
        value, here = entry.get(name), (*path, name)
        if value is not None and not isinstance(value, list):
            self.warn(here, f"`{name}` must be a list; found {shown(value)}. Read as empty.", "Write `- value` lines.")
        kept: list[tuple[str, Path]] = []
        for i, one in enumerate(value if isinstance(value, list) else []):
            if isinstance(one, str) and one.strip():
                kept.append((one.strip(), (*here, i)))
            else:
                self.warn((*here, i), f"`{name}` must hold texts; found {shown(one)}. Left out.", "Correct it.")
        return kept

    def number(self, entry: dict[str, Any], name: str, path: Path, unsaid: float) -> float:
        value = entry.get(name, unsaid)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return float(value)
        message = f"`{name}` must be a number, 0 or more; found {shown(value)}. Read as {unsaid:g}."
        self.warn((*path, name), message, "Correct the value.")
        return unsaid

    def unknown(self, entry: dict[str, Any], known: tuple[str, ...], path: Path) -> None:
        for name in entry:
            if name not in known:
                remedy = closest(name, known, len(self.problems)) or "Remove it, or say it with scopes."
                self.warn((*path, name), f"The key `{name}` has no effect.", remedy)
