"""The source catalog: what a source and a bouquet are, its known quirks repaired aloud, and who gets what.

Here: reading the catalog with a problem for each oddity, and resolving a client's bouquets to sources.
Not here: YAML and lines (documents), fetching or parsing a source, what a client asks for (clients).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from domain.documents import Document, Path, Problem, closest, read_mapping, shown
from domain.errors import ConfigError
from domain.patterns import may_search_for_hours

MODES = ("rss", "html", "api", "none")
ENRICHMENTS = ("basic", "full_article", "summary_enhanced")
SELECTORS = ("item", "title", "link", "date", "content")
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_LITERAL = re.compile(r"""r(["'])(.*)\1""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of the catalog, under its YAML names.

    `date_extraction_patterns` all compile and have a group; group 1 is the date. `html_selectors` holds CSS
    selectors by SELECTORS; `api_items_path` is the dotted path to the list in a JSON answer.
    """

    source_key: str
    source_type: str = "unknown"
    ingestion_mode: str = "none"
    enabled: bool = False
    company_id: str = ""
    homepage_url: str = ""
    rss_url: str = ""
    html_url: str = ""
    api_url: str = ""
    default_language: str = ""
    tags: tuple[str, ...] = ()
    ingestion_profile: str = ""
    date_extraction_patterns: tuple[str, ...] = ()
    content_enrichment: str = "basic"
    max_content_length: int | None = None
    max_pages: int | None = None
    notes: str = ""
    html_selectors: Mapping[str, str] = field(default_factory=dict, hash=False)
    api_items_path: str = ""

    @property
    def url(self) -> str:
        """What is fetched; empty for mode none."""
        match self.ingestion_mode:
            case "rss":
                return self.rss_url or self.homepage_url
            case "html":
                return self.html_url or self.homepage_url
            case "api":
                return self.api_url
            case _:
                return ""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def is_fetched(self) -> bool:
        return self.enabled and self.ingestion_mode != "none"


@dataclass(frozen=True, slots=True)
class Bouquet:
    """A named set of sources."""

    bouquet_id: str
    description: str = ""
    source_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resolution:
    """The sources of a client in catalog order, and why others it asked for are not among them."""

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """Usable sources in file order, bouquets, and every problem found; `unusable` says why by source key."""

    name: str
    sources: Mapping[str, Source]
    bouquets: Mapping[str, Bouquet]
    problems: tuple[Problem, ...] = ()
    unusable: Mapping[str, Problem] = field(default_factory=dict)

    def resolve(self, bouquets: Iterable[str], extras: Iterable[str] = (), where: str = "") -> Resolution:
        """The union of `bouquets` and `extras`, without what is missing, unusable, disabled or of mode none.

        Each one left out is a problem at `where` (the client file); nothing is raised.
        """
        problems: list[Problem] = []
        place = where or self.name

        def warn(message: str, remedy: str) -> None:
            problems.append(Problem("warning", place, message, remedy))

        wanted: dict[str, None] = {}
        for bouquet_id in bouquets:
            if bouquet := self.bouquets.get(bouquet_id):
                wanted |= dict.fromkeys(bouquet.source_keys)
            else:
                remedy = (
                    closest(bouquet_id, self.bouquets, len(problems)) or "Add it to the catalog, or remove it here."
                )
                warn(f'The bouquet "{bouquet_id}" is not in the catalog.', remedy)
        wanted |= dict.fromkeys(extras)
        for key in wanted:
            source = self.sources.get(key)
            if key in self.unusable:
                problems.append(self.unusable[key])
            elif source is None:
                remedy = closest(key, self.sources, len(problems)) or "Add it to the catalog, or remove it."
                warn(f'The source "{key}" is not in the catalog.', remedy)
            elif not source.enabled:
                warn(f'The source "{key}" is disabled.', "Set its enabled to true in the catalog, or remove it.")
            elif source.ingestion_mode == "none":
                warn(f'The source "{key}" has the mode none.', "Give it an ingestion_mode, or remove it.")
        chosen = (source for key, source in self.sources.items() if key in wanted and source.is_fetched)
        return Resolution(tuple(chosen), tuple(problems))


def read_catalog(key: str, body: bytes) -> Catalog:
    """The catalog that `body` holds. Raises ConfigError only where the whole of it is unusable.

    Everything else is in `problems`, in line order; a source with an error is left out and blocks no other.
    """
    document = read_mapping(body, key)
    if not isinstance(document.value.get("sources"), list):
        raise ConfigError(
            f"`sources` must be a list; found {shown(document.value.get('sources'))}.",
            where=document.where(("sources",)),
            remedy="Write `sources:` and one `- source_key: ...` block for each source.",
        )
    return _Reading(document).catalog()


_SOURCE_FIELDS = tuple(one.name for one in fields(Source))
_BOUQUET_FIELDS = tuple(one.name for one in fields(Bouquet))


class _Reading:
    """One pass over the document; problems gather as it goes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.sources: dict[str, Source] = {}
        self.bouquets: dict[str, Bouquet] = {}
        self.unusable: dict[str, Problem] = {}
        self.places: dict[tuple[str, str], Path] = {}

    def catalog(self) -> Catalog:
        for name in self.document.value:
            if name not in ("sources", "bouquets"):
                self.warn((name,), f"The key `{name}` is not known and has no effect.", "Remove it.")
        bouquets = self.document.value.get("bouquets")
        if not isinstance(bouquets, list):
            self.warn(("bouquets",), f"`bouquets` must be a list; found {shown(bouquets)}.", "Write the bouquets.")
            bouquets = []
        for home, entries in (("sources", self.document.value["sources"]), ("bouquets", bouquets)):
            for i, entry in enumerate(entries):
                self.entry(home, entry, (home, i))
        self.check_members()
        self.problems.sort(key=lambda problem: int(problem.where.rpartition(":")[2]))
        return Catalog(self.document.name, self.sources, self.bouquets, tuple(self.problems), self.unusable)

    def warn(self, path: Path, message: str, remedy: str) -> None:
        self.problems.append(self.document.warning(path, message, remedy))

    def error(self, path: Path, message: str, remedy: str) -> Problem:
        problem = self.document.error(path, message, remedy)
        self.problems.append(problem)
        return problem

    def entry(self, home: str, entry: Any, path: Path) -> None:
        """A source or a bouquet, by its fields rather than by the list it stands in."""
        if not isinstance(entry, dict):
            self.error(path, f"An entry of `{home}` must be a block; found {shown(entry)}.", "Mend or remove it.")
            return
        marks = ("source_key", "bouquet_id") if home == "sources" else ("bouquet_id", "source_key")
        mark = marks[1] if marks[1] in entry and marks[0] not in entry else marks[0]
        kind = "source" if mark == "source_key" else "bouquet"
        known = _SOURCE_FIELDS if kind == "source" else _BOUQUET_FIELDS
        name = entry.get(mark)
        if not isinstance(name, str) or not name:
            self.error(path, f"A {kind} has no `{mark}` (found {shown(name)}).", f"Give it a `{mark}`.")
            return
        if f"{kind}s" != home:
            self.warn(
                path,
                f'The {kind} "{name}" stands in the list `{home}`; it is used as a {kind}.',
                f"Move it to `{kind}s`.",
            )
        if first := self.places.get((kind, name)):
            lines = f"lines {self.document.line(first)} and {self.document.line(path)}"
            self.warn(path, f'The {kind} "{name}" stands twice, on {lines}; the first counts.', "Keep one of them.")
            return
        self.places[kind, name] = path
        for field_name in entry:
            if field_name not in known:
                self.warn(
                    (*path, field_name),
                    f'The field `{field_name}` of the {kind} "{name}" is not known and has no effect.',
                    closest(field_name, known, len(self.problems)) or "Remove it.",
                )
        if kind == "bouquet":
            description = self.text(entry, "description", path)
            self.bouquets[name] = Bouquet(name, description, self.texts(entry, "source_keys", path))
        else:
            self.source(name, entry, path)

    def source(self, key: str, entry: dict[str, Any], path: Path) -> None:
        mode = self.text(entry, "ingestion_mode", path)
        if not mode:
            self.warn(path, f'The source "{key}" has no ingestion_mode: it is never fetched.', "Give it one.")
        enrichment = self.text(entry, "content_enrichment", path) or "basic"
        if enrichment not in ENRICHMENTS:
            self.warn(
                (*path, "content_enrichment"),
                f'content_enrichment "{enrichment}" of "{key}" is not known; read as "basic".',
                closest(enrichment, ENRICHMENTS) or f"Use one of {', '.join(ENRICHMENTS)}.",
            )
            enrichment = "basic"
        source = Source(
            source_key=key,
            source_type=self.text(entry, "source_type", path) or "unknown",
            ingestion_mode=mode or "none",
            enabled=entry.get("enabled") is True,
            company_id=self.text(entry, "company_id", path),
            homepage_url=self.text(entry, "homepage_url", path),
            rss_url=self.text(entry, "rss_url", path),
            html_url=self.text(entry, "html_url", path),
            api_url=self.text(entry, "api_url", path),
            default_language=self.text(entry, "default_language", path),
            tags=self.texts(entry, "tags", path),
            ingestion_profile=self.text(entry, "ingestion_profile", path),
            date_extraction_patterns=self.patterns(key, entry, path),
            content_enrichment=enrichment,
            max_content_length=self.count(entry, "max_content_length", path),
            max_pages=self.count(entry, "max_pages", path),
            notes=self.text(entry, "notes", path),
            html_selectors=self.selectors(entry, path),
            api_items_path=self.text(entry, "api_items_path", path),
        )
        if source.source_type == "unknown":
            self.warn(path, f'The source "{key}" has no source_type; read as "unknown".', "Give it one.")
        if problem := self.why_unusable(source, entry, path):
            self.unusable[key] = problem
        else:
            self.sources[key] = source

    def why_unusable(self, source: Source, entry: dict[str, Any], path: Path) -> Problem | None:
        key, mode, enabled = source.source_key, source.ingestion_mode, entry.get("enabled")
        named = f'The source "{key}" cannot be used: '
        if not _KEY.fullmatch(key):
            rule = 'its key must be 1 to 100 of a-z, 0-9, "_" and "-", a letter or digit first.'
            return self.error((*path, "source_key"), named + rule, "Rename it here and in the bouquets.")
        if enabled is not None and not isinstance(enabled, bool):
            found = f"enabled must be true or false; found {shown(enabled)}."
            return self.error((*path, "enabled"), named + found, "Write true or false, without quotes.")
        if mode not in MODES:
            remedy = closest(mode.lower(), MODES) or f"Use one of {', '.join(MODES)}."
            return self.error((*path, "ingestion_mode"), f'{named}ingestion_mode "{mode}" is not known.', remedy)
        wrong = _wrong_url(source.url) if source.is_fetched else ""
        if wrong:
            field_name = f"{mode}_url"
            cure = f"Give it a full https:// address in {field_name}, or set enabled to false."
            return self.error((*path, field_name), f"{named}{wrong}", cure)
        return None

    def text(self, entry: dict[str, Any], name: str, path: Path) -> str:
        value = entry.get(name)
        if value is None or isinstance(value, str):
            return (value or "").strip()
        self.warn((*path, name), f"`{name}` must be text; found {shown(value)}. Read as absent.", "Put it in quotes.")
        return ""

    def count(self, entry: dict[str, Any], name: str, path: Path) -> int | None:
        value = entry.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return value
        message = f"`{name}` must be a whole number above 0; found {shown(value)}. Read as absent."
        self.warn((*path, name), message, "Correct the value.")
        return None

    def texts(self, entry: dict[str, Any], name: str, path: Path) -> tuple[str, ...]:
        value = entry.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            message = f"`{name}` must be a list; found {shown(value)}. Read as empty."
            self.warn((*path, name), message, "Write one `- value` line for each.")
            return ()
        kept = []
        for i, one in enumerate(value):
            if isinstance(one, str) and one:
                kept.append(one)
            else:
                message = f"`{name}` must hold texts; found {shown(one)}. Left out."
                self.warn((*path, name, i), message, "Put it between single quotes.")
        return tuple(kept)

    def patterns(self, key: str, entry: dict[str, Any], path: Path) -> tuple[str, ...]:
        name = "date_extraction_patterns"
        kept, repaired, written = [], 0, entry.get(name) or []
        for pattern in self.texts(entry, name, path):
            place = (*path, name, written.index(pattern))
            if literal := _LITERAL.fullmatch(pattern):
                pattern, repaired = literal[2], repaired + 1
            try:
                groups = re.compile(pattern).groups
                may_hang = may_search_for_hours(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                self.warn(place, f"The date pattern {pattern!r} is not a regular expression ({error}).", "Left out.")
                continue
            if groups == 0:
                self.warn(place, f"The date pattern {pattern!r} has no group: left out.", "Put ( ) around the date.")
                continue
            if may_hang:
                message = f"The date pattern {pattern!r} repeats a repetition and could search for hours: left out."
                self.warn(place, message, "Repeat one of the two only: (a+)+ is a+.")
                continue
            if groups > 1:
                message = f"The date pattern {pattern!r} has {groups} groups; the first is read as the date."
                self.warn(place, message, "Write the others as (?: ).")
            kept.append(pattern)
        if repaired:
            message = f'{repaired} date patterns of "{key}" are written r"..." as in Python; read without it.'
            self.warn((*path, name), message, "Write each between single quotes, without the r.")
        return tuple(kept)

    def selectors(self, entry: dict[str, Any], path: Path) -> dict[str, str]:
        value, here = entry.get("html_selectors"), (*path, "html_selectors")
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.warn(here, f"`html_selectors` must be a block; found {shown(value)}.", "Write `item: ...` lines.")
            return {}
        for name in value.keys() - set(SELECTORS):
            remedy = closest(name, SELECTORS) or f"Use {', '.join(SELECTORS)}."
            self.warn((*here, name), f"The selector `{name}` is not known and has no effect.", remedy)
        return {name: text for name in SELECTORS if (text := self.text(value, name, here))}

    def check_members(self) -> None:
        known = {key for kind, key in self.places if kind == "source"}
        for bouquet in self.bouquets.values():
            for key in bouquet.source_keys:
                if key not in known:
                    self.warn(
                        (*self.places["bouquet", bouquet.bouquet_id], "source_keys"),
                        f'The bouquet "{bouquet.bouquet_id}" names the source "{key}", which is not in the catalog.',
                        closest(key, known, len(self.problems)) or "Add the source, or remove it from the bouquet.",
                    )


def _wrong_url(url: str) -> str:
    """Why `url` cannot be fetched, or nothing."""
    if not url:
        return "it has no address for its mode."
    try:
        parts = urlsplit(url)
        # Asking for the port raises ValueError where it is not a number.
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    return "" if usable and not re.search(r"\s", url) else f'"{url}" is not an http(s) address.'
