"""The platform's rules of selection: which ingestion profile judges the items of a source, and what it says.

Here: the choice of a profile by mode, catalog and context; each judgement made once for all clients. Not here: what a
profile is (ingestion_profiles), nor a client's own filters, period and duplicates (profiles).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from domain.catalog import Catalog, Source
from domain.clients import ClientConfig
from domain.documents import Problem, closest
from domain.ingestion_profile_file import STRICT, read_profiles
from domain.ingestion_profiles import IngestionProfile, company_mark
from domain.items import Item
from domain.scopes import read_scopes
from domain.vocabulary import words

KEY = "canonical/ingestion/ingestion_profiles.yaml"
_ANY = "*"

Judge = Callable[[Item], str]
"""Why an item is kept out, or ""."""


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """The profiles by name, in file order, and what is wrong with their files. Without profiles nothing is judged."""

    profiles: Mapping[str, IngestionProfile] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def profile_of(self, source: Source, mode: str, named: str = "", domains: Collection[str] = ()) -> str:
        """The name of the profile that judges the items of a source; "" where none does.

        `broad` is none, `strict` the same for all sources. `balanced` is `named` (the client's own choice), else the
        one that the catalog names, else the first whose contexts fit, one that is for all source types last.
        """
        if mode == "broad" or not self.profiles:
            return ""
        if mode == "strict":
            return STRICT
        for name in (named, source.ingestion_profile):
            if name in self.profiles:
                return name
        fitting = [profile for profile in self.profiles.values() if _fits(profile, source, domains)]
        fitting.sort(key=lambda profile: _ANY in profile.contexts.source_types)
        return fitting[0].name if fitting else ""

    def by_source(self, config: ClientConfig, sources: Iterable[Source], catalog: Catalog, mode: str) -> dict[str, str]:
        """Source key -> name of the profile that judges its items for this client."""
        own = _own_choices(named_profiles(config), catalog)
        domains = {domain.id for domain in config.file.watch_domains if domain.enabled}
        return {
            source.source_key: self.profile_of(source, mode, own.get(source.source_key, ""), domains)
            for source in sources
        }

    def remarks(self, catalog: Catalog, configs: Iterable[ClientConfig] = ()) -> tuple[Problem, ...]:
        """The problems of the files, and the profiles that catalog and clients name in vain."""
        return self.remarks_on(catalog, {config.client_id: named_profiles(config) for config in configs})

    def remarks_on(self, catalog: Catalog, named: Mapping[str, Mapping[str, str]]) -> tuple[Problem, ...]:
        """The same, of what each client names (client -> bouquet -> profile, as `named_profiles` gives it)."""
        if not self.profiles:
            return self.problems
        found = list(self.problems)
        for source in catalog.sources.values():
            if source.ingestion_profile:
                place = f'{catalog.name}, source "{source.source_key}"'
                found += self._unknown(source.ingestion_profile, place, len(found))
        for client, choices in named.items():
            place = f"{client}, source_config.bouquet_ingestion_overrides"
            for name in dict.fromkeys(_own_choices(choices, catalog).values()):
                found += self._unknown(name, place, len(found))
        return tuple(found)

    def _unknown(self, name: str, where: str, said: int) -> list[Problem]:
        if name in self.profiles:
            return []
        remedy = closest(name, self.profiles, said) or "Add it to the profiles, or remove it here."
        return [Problem("warning", where, f'There is no ingestion profile "{name}": it has no effect.', remedy)]


class Judgements:
    """What the profiles say of each item, each said once however many clients ask."""

    def __init__(self, rules: SelectionRules) -> None:
        self._profiles = rules.profiles
        self._said: dict[tuple[str, str, str, str], str] = {}

    def judge(self, by_source: Mapping[str, str]) -> Judge:
        """A judge of items by the profiles of their sources, as `SelectionRules.by_source` gives them."""
        return lambda item: self._of(by_source.get(item.source_key, ""), item)

    def _of(self, profile: str, item: Item) -> str:
        if not profile:
            return ""
        key = (profile, item.item_id, item.title, item.content_hash)
        said = self._said.get(key)
        if said is None:
            said = self._said[key] = self._profiles[profile].objection(words(f"{item.title}\n\n{item.content}"))
        return said


def read_rules(profiles: bytes | None, scopes: Mapping[str, bytes]) -> SelectionRules:
    """The rules of the file of profiles (None: there is none, and no rule) and the files of scopes, by key.

    Raises ConfigError where a file is unusable as a whole: half of the rules would keep or lose what they must not.
    """
    if profiles is None:
        return SelectionRules()
    found, problems = read_profiles(KEY, profiles, read_scopes(scopes))
    return SelectionRules(found, problems)


def named_profiles(config: ClientConfig) -> dict[str, str]:
    """Bouquet -> the profile that the client's own file names for it."""
    named: dict[str, str] = {}
    for bouquet, choice in config.file.source_config.bouquet_ingestion_overrides.items():
        name = choice.get("ingestion_profile") if isinstance(choice, dict) else choice
        if isinstance(name, str):
            named[bouquet] = name
    return named


def _fits(profile: IngestionProfile, source: Source, domains: Collection[str]) -> bool:
    contexts = profile.contexts
    if not {source.source_type, _ANY} & set(contexts.source_types):
        return False
    if contexts.companies is not None and company_mark(source.company_id) not in contexts.companies:
        return False
    return not contexts.domains or not contexts.domains.isdisjoint(domains)


def _own_choices(named: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Source key -> profile that a client names for a bouquet of it; of two bouquets the first named."""
    chosen: dict[str, str] = {}
    for bouquet, name in named.items():
        if bouquet in catalog.bouquets:
            for key in catalog.bouquets[bouquet].source_keys:
                chosen.setdefault(key, name)
    return chosen
