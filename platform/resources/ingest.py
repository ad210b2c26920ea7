"""One ingest event, from what was asked to the answer: today's sources once for all, then each client.

Here: which clients and sources an event is about, fetching, selecting, writing. Not here: what an event may say and
what an answer says (domain.ingest_event, domain.ingest_result), nor the graph's own cells (cells).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import orjson

from domain.catalog import Catalog, Resolution, Source
from domain.client_days import build, near_duplicates
from domain.clients import PREFIX, ClientConfig
from domain.documents import closest
from domain.duplicates import NearDuplicates
from domain.errors import ConfigError, MissingError, PermanentError, VigieError
from domain.ingest_event import EventError, IngestEvent, IngestionMode, Window, read_event, selection_key
from domain.ingest_result import (
    Answer,
    ClientOutcome,
    Figures,
    SourceOutcome,
    broken,
    multi,
    nobody,
    refused,
    single,
)
from domain.items import Item
from domain.profiles import Profile, Selection, select
from domain.selection_rules import KEY, Judge, Judgements
from domain.snapshots import Snapshot
from domain.source_health import WaitingError
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.dry_store import DryStore
from resources.fetcher import Fetched, Fetcher
from resources.object_store import PARALLEL, ObjectStore
from resources.source_days import fetch_day

Say = Callable[[str], None]


def ingest(
    asked: Mapping[str, Any],
    config: ObjectStore,
    data: ObjectStore,
    fetcher: Fetcher,
    now: datetime,
    say: Say = lambda _line: None,
) -> Answer:
    """Does what the event asks and answers; errors raised on purpose are answers too.

    `config` and `data` are the two buckets, `now` an instant in UTC whose day is today. `say` hears of progress.
    """
    started, event = time.monotonic(), None
    try:
        event = read_event(asked)
        return _Ingest(event, config, DryStore(data) if event.dry_run else data, fetcher, now, say).answer(started)
    except EventError as error:
        return refused(error, now)
    except VigieError as error:
        return broken(error, event, now, time.monotonic() - started)


@dataclass(frozen=True, slots=True)
class _Today:
    """What every client shares: today's snapshots, and how each source came out, by source key."""

    snapshots: Mapping[str, Snapshot]
    near: NearDuplicates
    sources: Mapping[str, SourceOutcome]


class _Ingest:
    """The work of one event; `warnings` gathers what is odd about the rules that all clients share."""

    def __init__(
        self, event: IngestEvent, config: ObjectStore, data: ObjectStore, fetcher: Fetcher, now: datetime, say: Say
    ) -> None:
        self._event = event
        self._bucket = ConfigBucket(config)
        self._data = data
        self._archive = Archive(data)
        self._fetcher = fetcher
        self._now = now
        self._today = now.date()
        self._say = say
        self.warnings: list[str] = []

    def answer(self, started: float) -> Answer:
        event = self._event
        if event.client_id:
            (client,) = self._clients([self._one()])
            return single(event, client, self._now, time.monotonic() - started, self.warnings)
        listing = self._bucket.listing()
        read = {key: outcome for key, (_etag, outcome) in self._bucket.read(listing).items()}
        invalid = {key: error for key, error in read.items() if isinstance(error, ConfigError)}
        active = [found for found in read.values() if isinstance(found, ClientConfig) and found.active]
        self._say(f"{len(listing)} client files: {len(active)} active, {len(invalid)} invalid")
        if not active and not invalid:
            return nobody(len(listing), self._now, time.monotonic() - started)
        clients = self._clients(sorted(active, key=lambda client: client.client_id)) if active else []
        unread = {key: _unread(key, error) for key, error in sorted(invalid.items())}
        return multi(event, clients, unread, len(listing), self._now, time.monotonic() - started, self.warnings)

    # --- who and what it is about

    def _one(self) -> ClientConfig:
        """The active client that the event names. Raises EventError."""
        name, key = self._event.client_id, f"{PREFIX}{self._event.client_id}.yaml"
        _etag, found = self._bucket.read([key]).get(key, ("", None))
        if found is None:
            known = [other.removeprefix(PREFIX).rpartition(".")[0] for other in self._bucket.listing()]
            remedy = closest(name, known) or f"Put {key} into the config bucket."
            raise EventError([f'There is no client "{name}". {remedy}'], status_code=404)
        if isinstance(found, ConfigError):
            raise EventError([f'The file of "{name}" cannot be read: {found}'])
        if not found.active:
            raise EventError([f'"{name}" is not active. Set client_profile.active to true in {key}.'])
        return found

    def _resolve(self, catalog: Catalog, clients: list[ClientConfig]) -> dict[str, Resolution]:
        """Each client's sources, of those that the event names. Raises EventError where that leads nowhere."""
        wanted = self._event.sources
        if problems := [said for key in wanted if (said := _why_not(catalog, key))]:
            raise EventError(problems)
        resolved: dict[str, Resolution] = {}
        for client in clients:
            found = catalog.resolve(client.bouquets, client.extra_sources, f"{PREFIX}{client.client_id}.yaml")
            resolved[client.client_id] = found
        if wanted and not any(s.source_key in wanted for found in resolved.values() for s in found.sources):
            who = f'"{clients[0].client_id}"' if self._event.client_id else "No active client"
            follows = "does not follow" if self._event.client_id else "follows"
            raise EventError([f"{who} {follows} any of the named `sources`: {', '.join(wanted)}."])
        return resolved

    # --- the work

    def _clients(self, clients: list[ClientConfig]) -> list[ClientOutcome]:
        """How each client comes out. One client's failure touches no other."""
        catalog = self._bucket.catalog()
        resolved = self._resolve(catalog, clients)
        judges = self._judges(catalog, clients, resolved)
        followed = {source.source_key for found in resolved.values() for source in self._chosen(found)}
        needed = {key: source for key, source in catalog.sources.items() if key in followed}
        today = self._fetch(needed)
        with ThreadPoolExecutor(PARALLEL) as threads:
            return list(
                threads.map(
                    lambda one: self._client(one, resolved[one.client_id], judges[one.client_id], today), clients
                )
            )

    def _judges(
        self, catalog: Catalog, clients: Sequence[ClientConfig], resolved: Mapping[str, Resolution]
    ) -> dict[str, Judge]:
        """Each client's judge of items, by the platform's rules of selection and the mode that applies."""
        rules = self._bucket.selection_rules()
        if self._event.ingestion_mode == "strict" and not rules.profiles:
            raise EventError(
                [f"`ingestion_mode` strict needs ingestion profiles, and there are none. Put {KEY} there."]
            )
        self.warnings = [str(problem) for problem in rules.remarks(catalog, clients)]
        judgements = Judgements(rules)
        return {
            client.client_id: judgements.judge(
                rules.by_source(client, resolved[client.client_id].sources, catalog, self._mode(client))
            )
            for client in clients
        }

    def _mode(self, config: ClientConfig) -> IngestionMode:
        return self._event.ingestion_mode or config.ingestion_mode

    def _chosen(self, found: Resolution) -> tuple[Source, ...]:
        wanted = self._event.sources
        return tuple(source for source in found.sources if not wanted or source.source_key in wanted)

    def _fetch(self, needed: Mapping[str, Source]) -> "_Today":
        asked: dict[str, Fetched | VigieError] = {}

        def done(key: str, outcome: Fetched | VigieError) -> None:
            asked[key] = outcome
            self._say(f"{key}: {_heard(outcome)}")

        try:
            snapshots = fetch_day(
                self._archive,
                self._fetcher,
                needed,
                self._today,
                refresh=self._event.force_refresh,
                on_done=done,
                at=self._now,
            )
        except PermanentError:
            snapshots = self._archive.snapshots(self._today, sorted(needed))
            if snapshots.keys() != needed.keys() or not all(one.failed for one in snapshots.values()):
                raise  # a store that refuses, rather than sources that all failed: those have kept their reasons
        sources = {key: _source_outcome(snapshots[key], asked.get(key)) for key in needed}
        return _Today(snapshots, near_duplicates(snapshots.values()), sources)

    def _client(
        self,
        config: ClientConfig,
        found: Resolution,
        judge: Judge,
        today: "_Today",
    ) -> ClientOutcome:
        started, chosen = time.monotonic(), self._chosen(found)
        outcome = ClientOutcome(
            config.client_id,
            "failed",
            sources=tuple(today.sources[source.source_key] for source in chosen),
            window=self._event.window(config.period_days, self._today),
            ingestion_mode=self._mode(config),
            warnings=(*map(str, found.problems), *self._not_followed(found)),
        )
        try:
            outcome = self._selected(config, chosen, judge, outcome, today)
        except VigieError as error:
            outcome = replace(outcome, error=str(error))
        except Exception as error:  # noqa: BLE001 (whatever one client's data does must not stop the others)
            outcome = replace(outcome, error=f"its items cannot be selected: {type(error).__name__}: {error}")
        self._say(f"{config.client_id}: {outcome.outcome}, {outcome.figures.final} items {outcome.error}".rstrip())
        return replace(outcome, seconds=time.monotonic() - started)

    def _not_followed(self, found: Resolution) -> list[str]:
        follows = {source.source_key for source in found.sources}
        return [
            f"It does not follow {key}, which the event names." for key in self._event.sources if key not in follows
        ]

    def _selected(
        self,
        config: ClientConfig,
        chosen: tuple[Source, ...],
        judge: Judge,
        outcome: ClientOutcome,
        today: _Today,
    ) -> ClientOutcome:
        """The outcome with its items selected and written."""
        snapshots = today.snapshots
        if not chosen and self._event.sources:
            return replace(outcome, outcome="skipped", error="It follows none of the sources that the event names.")
        if not chosen:
            raise MissingError(
                "the client's configuration leads to no source.",
                where=config.client_id,
                remedy="Enable a bouquet or a source in its file: docs/add-a-client.md.",
            )
        profile = _profile(config, self._event, outcome.window)
        if self._event.selects:
            seen = _shown_today(config, chosen, snapshots)
            selection, fetched = select(seen, profile, self._today, judge=judge), len(seen)
            key = selection_key(config.client_id, self._today, self._event.selection_name(outcome.window))
            records = [item.record() for item in selection.kept]
            self._data.put(key, orjson.dumps(records, option=orjson.OPT_INDENT_2), "application/json")
        else:
            failed = any(snapshots[source.source_key].failed for source in chosen)
            previous = self._archive.items(config.client_id, self._today) if failed else ()
            cell = build(
                config, chosen, self._today, snapshots, previous, profile=profile, judge=judge, near=today.near
            )
            self._archive.keep_rejections(cell)
            self._archive.keep_items(cell)
            selection, fetched, key = cell.selection, cell.fetched, cell.key
        return replace(
            outcome,
            outcome="degraded" if outcome.failed_sources else "ok",
            figures=_figures(selection, fetched, profile, self._today, judge),
            rejected_because=dict(sorted(selection.reasons.items())),
            path=f"{self._archive.uri}/{key}",
        )


def _why_not(catalog: Catalog, key: str) -> str:
    """Why the event cannot ask for that source, or nothing."""
    source = catalog.sources.get(key)
    if key in catalog.unusable:
        return f"`sources`: {catalog.unusable[key]}"
    if source is None:
        return f'`sources`: "{key}" is not in the catalog. {closest(key, catalog.sources)}'.rstrip()
    if not source.is_fetched:
        return f'`sources`: "{key}" is disabled or has the mode none. Enable it in the catalog, or leave it out.'
    return ""


def _heard(answer: Fetched | VigieError) -> str:
    if isinstance(answer, VigieError):
        return str(answer)
    if answer.not_modified:
        return "not modified" if answer.requests else "still fresh, not asked"
    return f"{len(answer.body):,} bytes"


def _source_outcome(snapshot: Snapshot, answer: Fetched | VigieError | None) -> SourceOutcome:
    """How a source came out, of its snapshot as it is now and what it answered to this event, if it was asked."""
    counts = len(snapshot.items), len(snapshot.new_items)
    requested = bool(answer.requests) if isinstance(answer, Fetched) else not isinstance(answer, WaitingError | None)
    if snapshot.failed:
        return SourceOutcome(snapshot.source_key, "failed", requested, error=snapshot.error)
    if isinstance(answer, VigieError):
        return SourceOutcome(snapshot.source_key, "stale", requested, *counts, error=str(answer))
    if answer and not answer.not_modified and answer.fetched_at != snapshot.fetched_at:
        unread = "Its new body could not be read; the answer of earlier today stands."
        return SourceOutcome(snapshot.source_key, "stale", requested, *counts, error=unread)
    return SourceOutcome(snapshot.source_key, "ok", requested, *counts)


def _unread(key: str, error: ConfigError) -> ClientOutcome:
    return ClientOutcome(key.removeprefix(PREFIX).rpartition(".")[0], "failed", error=str(error))


def _profile(config: ClientConfig, event: IngestEvent, window: Window) -> Profile:
    if not event.selects:
        return Profile.of(config)
    dated = window.period_days is None
    return Profile.of(
        config,
        mode=event.ingestion_mode,
        period_days=window.period_days,
        published_from=(window.published_from or date.min) if dated else None,
        published_to=window.published_to,
        undated="drop" if event.temporal_mode == "strict" else "keep",
    )


def _shown_today(config: ClientConfig, chosen: Sequence[Source], snapshots: Mapping[str, Snapshot]) -> list[Item]:
    """All that the sources show today, new or not. Raises PermanentError where every one of them failed."""
    failed = [snapshots[source.source_key] for source in chosen if snapshots[source.source_key].failed]
    if len(failed) == len(chosen):
        raise PermanentError(
            f"every source failed ({len(failed)}), so nothing was written. First: {failed[0].source_key}: "
            f"{failed[0].error}",
            where=config.client_id,
            remedy="Send the event again once the sources answer: only what failed is asked again.",
        )
    return [item for source in chosen for item in snapshots[source.source_key].items]


def _figures(selection: Selection, fetched: int, profile: Profile, day: date, judge: Judge) -> Figures:
    """V2's counts. What the window kept out is what the profile would keep with the window open."""
    opened = replace(profile, published_from=date.min, published_to=None, undated="keep")
    rejected = [item for item, _reason in selection.rejected]
    outside = len(rejected) - len(select(rejected, opened, day, judge=judge).rejected)
    final = len(selection.kept)
    return Figures(fetched - len(rejected) + outside, outside, fetched - len(rejected) - final, final)
