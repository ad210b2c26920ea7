"""What the platform keeps in the data bucket, and under which keys: snapshots, first days, configurations, items.

Here: keys, (de)serialisation, the order of writes that makes a crash harmless. Not here: what goes in (the domain).

    snapshots/{day}/{source}.json.gz        one source on one day, its items
    snapshots/{day}/{source}.body.gz        the bytes it sent
    snapshots/{day}/{source}.articles.gz    the pages of its new items, where their full text is read
    fetch_state/{source}.json               what the next fetch needs of the last: validators, failures; may be lost
    first_seen/{source}.json.gz             item -> first day; can always be learned again from the snapshots
    client_configs/{client}.json            the last valid configuration of a client
    asked_sources.json.gz                   which sources the client files ask for, by ETag; may be lost
    ingested/{client}/{YYYY}/{MM}/{DD}/items.json      V2's place, V2's fields
    rejections/{YYYY}/{MM}/{DD}/{client}.json          the day's other items, each with its reason, where there are any
    batches/{number}-{day}-{digest}.json    the cells that one dbt run replaces
"""

import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from domain.client_days import ClientDay, items_key, rejections_key, rejections_of
from domain.clients import ClientConfig
from domain.errors import ConfigError, MissingError
from domain.items import Item
from domain.snapshots import Body, FirstSeen, Snapshot
from domain.source_health import FetchState
from resources.object_store import PARALLEL, ObjectStore

_JSON = "application/json"
_ASKED = "asked_sources.json.gz"
_UNNOTED = timedelta(days=8)  # how far back to look for snapshots of a source of which nothing was noted yet
_LONGEST_GAP = timedelta(days=400)


class Archive:
    """The data bucket, through any object store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @property
    def uri(self) -> str:
        """For people: where the archive is."""
        return self._store.uri

    # --- snapshots

    def snapshot_sources(self, day: date) -> set[str]:
        """The sources that have a snapshot of that day, good or failed: 1 LIST, nothing read."""
        ending = ".json.gz"
        names = (info.key.rpartition("/")[2] for info in self._store.list(f"snapshots/{day}/"))
        return {name.removesuffix(ending) for name in names if name.endswith(ending)}

    def snapshots(self, day: date, sources: Iterable[str]) -> dict[str, Snapshot]:
        """Those sources' snapshots of that day, by source; absent ones are left out. Read side by side."""
        with ThreadPoolExecutor(PARALLEL) as threads:
            found = threads.map(lambda source: self._snapshot(day, source), sources)
        return {snapshot.source_key: snapshot for snapshot in found if snapshot}

    def keep_snapshot(
        self,
        snapshot: Snapshot,
        body: Body | None = None,
        seen: FirstSeen | None = None,
        articles: Mapping[str, Body] | None = None,
    ) -> None:
        """Keeps a snapshot with its body and its article pages (by the item's URL), then what it taught.

        In this order: after a crash in between, `first_seen` learns from the kept snapshot.
        """
        stem = f"snapshots/{snapshot.day}/{snapshot.source_key}"
        if articles:
            pages = {url: _page_record(page) for url, page in articles.items()}
            self._store.put(f"{stem}.articles.gz", _packed(orjson.dumps(pages)), "application/gzip")
        if body:
            self._store.put(f"{stem}.body.gz", _packed(body.content), "application/gzip")
        self._store.put(f"{stem}.json.gz", _packed(orjson.dumps(snapshot.record())), "application/gzip")
        if seen is not None:
            seen.learn(snapshot)
            record = {"as_of": seen.as_of, "days": seen.days}
            self._store.put(_seen_key(snapshot.source_key), _packed(orjson.dumps(record)), "application/gzip")

    def body(self, snapshot: Snapshot) -> Body | None:
        """The bytes behind a snapshot, or None where none were kept (it failed before there were any)."""
        content = self._body(snapshot.day, snapshot.source_key)
        return None if content is None else Body(content, snapshot.url, snapshot.content_type, snapshot.fetched_at)

    def articles(self, day: date, source: str) -> dict[str, Body]:
        """The article pages kept with a snapshot, by the item's URL; none where none were read."""
        try:
            pages = orjson.loads(gzip.decompress(self._store.get(f"snapshots/{day}/{source}.articles.gz").body))
        except MissingError:
            return {}
        return {url: _page(page) for url, page in pages.items()}

    def _body(self, day: date, source: str) -> bytes | None:
        try:
            return gzip.decompress(self._store.get(f"snapshots/{day}/{source}.body.gz").body)
        except MissingError:
            return None

    # --- what the next fetch needs of the last

    def fetch_states(self, urls: Mapping[str, str]) -> dict[str, FetchState]:
        """The state of each source (key -> the catalog's URL); an empty one where there is none, it cannot be read, or
        it speaks of another address: the source is then fetched as if for the first time."""
        with ThreadPoolExecutor(PARALLEL) as threads:
            return dict(zip(urls, threads.map(self._fetch_state, urls.keys(), urls.values()), strict=True))

    def keep_fetch_states(self, states: Mapping[str, FetchState]) -> None:
        """Keeps the states, by source. To be called after the snapshots that they speak of are kept."""
        with ThreadPoolExecutor(PARALLEL) as threads:
            list(threads.map(self._keep_fetch_state, states.keys(), states.values()))

    def last_bodies(self, states: Mapping[str, FetchState]) -> dict[str, bytes]:
        """The bodies that the states speak of, by source; without those that are not what is kept (anymore)."""
        with ThreadPoolExecutor(PARALLEL) as threads:
            found = zip(states, threads.map(self._last_body, states.keys(), states.values()), strict=True)
            return {source: content for source, content in found if content is not None}

    def _last_body(self, source: str, state: FetchState) -> bytes | None:
        content = self._body(state.day, source) if state.day else None
        return content if content is not None and hashlib.sha256(content).hexdigest() == state.digest else None

    def _fetch_state(self, source: str, url: str) -> FetchState:
        try:
            state = FetchState.from_record(orjson.loads(self._store.get(_state_key(source)).body))
        except (MissingError, ValueError, TypeError, KeyError):
            return FetchState(url)
        return state if state.url == url else FetchState(url)

    def _keep_fetch_state(self, source: str, state: FetchState) -> None:
        self._store.put(_state_key(source), orjson.dumps(state.record(), option=_READABLE), _JSON)

    def first_seen(self, source: str, day: date) -> FirstSeen:
        """What the source has shown before `day`, learning first what a crash kept from being noted."""
        try:
            record = orjson.loads(gzip.decompress(self._store.get(_seen_key(source)).body))
            seen = FirstSeen(
                date.fromisoformat(record["as_of"]), {k: date.fromisoformat(v) for k, v in record["days"].items()}
            )
        except MissingError:
            seen = FirstSeen()
        since = max(seen.as_of or day - _UNNOTED, day - _LONGEST_GAP)
        between = [since + timedelta(days=n) for n in range(1, (day - since).days)]
        with ThreadPoolExecutor(PARALLEL) as threads:
            for missed in threads.map(lambda unnoted: self._snapshot(unnoted, source), between):
                if missed:
                    seen.learn(missed)
        return seen

    def _snapshot(self, day: date, source: str) -> Snapshot | None:
        try:
            stored = self._store.get(f"snapshots/{day}/{source}.json.gz")
        except MissingError:
            return None
        return Snapshot.from_record(orjson.loads(gzip.decompress(stored.body)))

    # --- client configurations

    def keep_config(self, config: ClientConfig, etag: str) -> None:
        """Keeps the last valid configuration of a client, with the ETag of the file it came from."""
        record: dict[str, Any] = {"etag": etag, **config.to_json()}
        self._store.put(f"client_configs/{config.client_id}.json", orjson.dumps(record, option=_READABLE), _JSON)

    def configs(self, clients: Iterable[str]) -> dict[str, ClientConfig]:
        """The kept configurations of those clients; absent and damaged ones are left out."""
        with ThreadPoolExecutor(PARALLEL) as threads:
            found = threads.map(self._config, clients)
        return {config.client_id: config for config in found if config}

    def _config(self, client: str) -> ClientConfig | None:
        key = f"client_configs/{client}.json"
        try:
            return ClientConfig.from_json(orjson.loads(self._store.get(key).body))
        except MissingError:
            return None
        except (ValueError, ConfigError):
            return None  # as if it had never been kept: who needs it says how to make it anew

    def keep_asked(self, files: Mapping[str, Mapping[str, Any]]) -> None:
        """Keeps what each client file asks for (see resources.asked_sources), by its key."""
        self._store.put(_ASKED, _packed(orjson.dumps(files)), "application/gzip")

    def asked(self) -> dict[str, Mapping[str, Any]]:
        """What `keep_asked` kept; nothing where it never did. Raises ValueError where it is damaged."""
        try:
            stored = self._store.get(_ASKED)
        except MissingError:
            return {}
        try:
            found: dict[str, Mapping[str, Any]] = orjson.loads(gzip.decompress(stored.body))
        except (OSError, EOFError) as error:
            raise ValueError("not packed") from error
        return found

    # --- items

    def keep_items(self, cell: ClientDay) -> None:
        """Writes the cell where V2's consumers read it: a bare JSON list, indented by 2, accents kept."""
        self._store.put(cell.key, _item_list(cell.items), _JSON)

    def items(self, client: str, day: date) -> list[Item]:
        """What the cell holds now; nothing where it was never written. V2's own files are read too."""
        try:
            records: list[Mapping[str, Any]] = orjson.loads(self._store.get(items_key(client, day)).body)
        except MissingError:
            return []
        return [Item.from_record(record, day) for record in records]

    def keep_rejections(self, cell: ClientDay, *, replace: bool = True) -> None:
        """Keeps why each other item of the day is not in the cell.

        Where there is none, an empty list is written only to `replace` an earlier one (see `with_rejections`).
        """
        rejections = cell.rejections()
        if rejections or replace:
            key = rejections_key(cell.client_id, cell.day)
            self._store.put(key, orjson.dumps(rejections, option=_READABLE), _JSON)

    def with_rejections(self, day: date) -> set[str]:
        """The clients of whom rejections of that day are kept: 1 LIST per 1,000 of them."""
        names = (info.key.rpartition("/")[2] for info in self._store.list(rejections_of(day)))
        return {name.removesuffix(".json") for name in names}

    def rejections(self, client: str, day: date) -> list[dict[str, Any]]:
        """What `keep_rejections` kept (ClientDay.rejections says its fields); nothing where it never did."""
        try:
            records: list[dict[str, Any]] = orjson.loads(self._store.get(rejections_key(client, day)).body)
        except MissingError:
            return []
        return records

    # --- batches

    def keep_batch(self, batch_id: str, cells: Iterable[tuple[str, date]]) -> None:
        """Keeps the cells of a batch. The first writer wins: a batch never changes."""
        self._store.put_if_absent(_batch_key(batch_id), orjson.dumps([list(cell) for cell in cells]), _JSON)

    def batch(self, batch_id: str) -> list[tuple[str, date]]:
        """The cells of a batch. Raises MissingError where it was never kept."""
        return [
            (client, date.fromisoformat(day))
            for client, day in orjson.loads(self._store.get(_batch_key(batch_id)).body)
        ]

    def batch_ids(self) -> list[str]:
        """Every batch that was ever kept; ids are `{number}-{day}-...`."""
        return [info.key.removeprefix("batches/").removesuffix(".json") for info in self._store.list("batches/")]


_READABLE = orjson.OPT_INDENT_2


@lru_cache(maxsize=4096)
def _item_json(item: Item) -> bytes:
    """The item as one line or more of the list that holds it: clients share items, and so this work."""
    return orjson.dumps([item.record()], option=_READABLE)[2:-2]


def _item_list(items: Sequence[Item]) -> bytes:
    """What `orjson.dumps` gives for the list of their records, indented."""
    return b"[\n" + b",\n".join(map(_item_json, items)) + b"\n]" if items else b"[]"


def _seen_key(source: str) -> str:
    return f"first_seen/{source}.json.gz"


def _state_key(source: str) -> str:
    return f"fetch_state/{source}.json"


def _page_record(page: Body) -> dict[str, str]:
    # Latin-1 has a character for every byte: JSON carries bytes so, and they pack far better than as base64.
    return {
        "url": page.url,
        "content_type": page.content_type,
        "fetched_at": page.fetched_at.isoformat(),
        "content": page.content.decode("latin-1"),
    }


def _page(record: Mapping[str, str]) -> Body:
    fetched_at = datetime.fromisoformat(record["fetched_at"])
    return Body(record["content"].encode("latin-1"), record["url"], record["content_type"], fetched_at)


def _batch_key(batch_id: str) -> str:
    return f"batches/{batch_id}.json"


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, compresslevel=6, mtime=0)  # no time in it: the same content is the same object
