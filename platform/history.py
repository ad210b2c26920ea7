"""Dagster's memory made anew from what is stored: partitions, and a materialization for everything that is there.

Here: what the stores and the database say, told to an instance so that its sensors ask for what is missing and nothing
else. Not here: the listings (resources.kept), which cells count as built (domain.kept_history), writing many events
(resources.event_writer).

The order matters, for a sensor without its cursor starts at the newest event of what it makes: what is whole comes
first, the page after the models it shows, and last what something downstream still has to be made of.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    Definitions,
    MetadataValue,
    PartitionsDefinition,
)

from assets.dashboard import KEY as DASHBOARD_PAGE
from assets.names import (
    ACCOUNT_COMPLIANCE,
    ACCOUNTS_EXPORT,
    APPLY,
    CLIENT_CONFIG,
    CLIENT_ITEMS,
    DASHBOARD,
    DESIRED_STATE,
    ETAG_TAG,
    GOOD_SOURCES,
    LAST_MODEL,
    NEWSLETTER,
    NEWSLETTER_DELIVERY,
    PLAN,
    REBUILT_UP_TO,
    SOURCE_SNAPSHOTS,
    VERSION_TAG,
)
from domain.client_days import items_key
from domain.clients import PREFIX
from domain.errors import MissingError
from domain.kept_history import DaySources, KeptCell, kept_cells, parted
from partitions import ACCOUNTS, CLIENTS, Partitions, client_day, client_week, monday
from resources.account_desk import AccountDesk
from resources.account_export import read_export
from resources.archive import Archive
from resources.config_bucket import ConfigBucket
from resources.event_writer import write_materializations
from resources.kept import kept_cells_of, kept_configs, kept_days, kept_pages, mailed
from resources.object_store import ObjectStore, open_store
from resources.warehouse import Warehouse
from resources.warehouse_resource import WarehouseResource
from sensors.events import last_event
from settings import Settings

_REBUILT = {"rebuilt": MetadataValue.bool(True)}
_MOMENT = "exported_at"
Counts = dict[tuple[str, date], int]


@dataclass(frozen=True, slots=True)
class Stores:
    """Where everything of a target is kept, but Dagster's own memory."""

    config: ObjectStore
    data: ObjectStore
    newsletters: ObjectStore
    warehouse: Warehouse
    accounts: AccountDesk


@dataclass(frozen=True, slots=True)
class Graph:
    """The assets that dbt and its neighbours make: by day, and whole."""

    by_day: Sequence[str]
    whole: Sequence[str]


@dataclass
class Rebuilt:
    """What was told: asset -> new materializations; and what is still to be made by the sensors."""

    partitions: dict[str, int] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    cells_for_models: int = 0
    cells_to_build: int = 0
    pages_missing: int = 0
    today_fetched: bool = True


def rebuild(
    instance: DagsterInstance,
    stores: Stores,
    partitions: Partitions,
    graph: Graph,
    today: date,
    tell: Callable[[str], None] = lambda _line: None,
) -> Rebuilt:
    """Adds the partitions and materializations that the instance lacks; fetches nothing, starts nothing.

    What the instance knows already stays as it is, so that a second call adds nothing. MissingError where cells are
    stored and there is no warehouse: that comes first.
    """
    teller, archive = _Teller(instance, tell), Archive(stores.data)
    configs = _clients(teller, stores)
    days = kept_days(archive, partitions.window(today, (today - partitions.first_day).days + 1))
    _snapshots(teller, days)
    stored = {(client, day) for client, day in kept_cells_of(stores.data) if client in configs}
    stored = {cell for cell in stored if partitions.first_day <= cell[1] <= today}
    loaded, modelled = _in_warehouse(stores.warehouse, bool(stored))
    cells = kept_cells(configs, stored, days, today)
    done, waiting, absent = parted(cells, loaded, modelled)
    teller.partitioned(CLIENT_ITEMS, ((client_day(c.client_id, c.day), _of_cell(c, loaded)) for c in done))
    if teller.done.events[CLIENT_ITEMS]:
        mark = AssetObservation(CLIENT_ITEMS, metadata={REBUILT_UP_TO: last_event(instance, CLIENT_ITEMS)})
        instance.report_runless_asset_event(mark)
    _accounts(teller, stores)  # before the dashboard, which shows them
    _models(teller, stores, partitions, graph, modelled, set(configs))
    teller.partitioned(CLIENT_ITEMS, ((client_day(c.client_id, c.day), _of_cell(c, loaded)) for c in waiting))
    teller.done.cells_for_models = len(waiting)
    teller.done.cells_to_build = len(absent)
    teller.done.today_fetched = today in days
    return teller.done


def stores_of(settings: Settings) -> Stores:
    """The stores of a target."""
    stores = settings.stores
    return Stores(
        open_store(stores.config),
        open_store(stores.data),
        open_store(stores.newsletters),
        WarehouseResource.of(settings.warehouse).warehouse(),
        AccountDesk(settings),
    )


def graph_of(defs: Definitions, days: PartitionsDefinition[str]) -> Graph:
    """The assets of the group `warehouse`, but for the dashboard, which its page tells."""
    graph = defs.resolve_asset_graph()
    cut = {
        key.to_user_string(): graph.get(key).partitions_def
        for key in graph.materializable_asset_keys
        if graph.get(key).group_name == "warehouse" and key != AssetKey(DASHBOARD)
    }
    return Graph([name for name, by in cut.items() if by == days], [name for name, by in cut.items() if by is None])


class _Teller:
    """Tells an instance what it does not know yet, and counts it."""

    def __init__(self, instance: DagsterInstance, tell: Callable[[str], None]) -> None:
        self.instance = instance
        self.done = Rebuilt()
        self._tell = tell

    def add(self, of: str, names: Iterable[str]) -> None:
        """Dynamic partitions, in the given order."""
        known = set(self.instance.get_dynamic_partitions(of))
        new = [name for name in names if name not in known]
        if new:
            self.instance.add_dynamic_partitions(of, new)
        self.done.partitions[of] = len(new)

    def partitioned(
        self,
        asset: str,
        found: Iterable[tuple[str, Mapping[str, Any]]],
        tags: Mapping[str, dict[str, str]] | None = None,
        *,
        again: bool = False,
    ) -> None:
        """Partitions of an asset, each with its metadata; those that ever materialized only `again`."""
        known = set() if again else self.instance.get_materialized_partitions(AssetKey(asset))
        events = (
            AssetMaterialization(asset, partition=key, metadata={**metadata, **_REBUILT}, tags=(tags or {}).get(key))
            for key, metadata in found
            if key not in known
        )
        self._write(asset, events)

    def whole(self, asset: str, tags: dict[str, str] | None = None) -> None:
        """An asset without partitions."""
        if not self.instance.get_latest_materialization_event(AssetKey(asset)):
            self._write(asset, [AssetMaterialization(asset, metadata=_REBUILT, tags=tags)])

    def _write(self, asset: str, events: Iterable[AssetMaterialization]) -> None:
        count = write_materializations(self.instance, events)
        self.done.events[asset] = self.done.events.get(asset, 0) + count
        if count:
            self._tell(f"{asset}: {count}")


def _clients(teller: _Teller, stores: Stores) -> dict[str, set[str]]:
    """The clients whose file is still there, with the sources each follows. Who is active now, the sensor decides."""
    files = ConfigBucket(stores.config).listing()
    kept = {
        client: (etag, config)
        for client, (etag, config) in sorted(kept_configs(stores.data).items())
        if config.active and f"{PREFIX}{client}.yaml" in files
    }
    teller.add(CLIENTS, kept)
    teller.partitioned(
        CLIENT_CONFIG,
        (
            (client, {"name": config.name, "fingerprint": config.fingerprint})
            for client, (_etag, config) in kept.items()
        ),
        tags={client: {ETAG_TAG: etag} for client, (etag, _config) in kept.items()},
    )
    if not kept:
        return {}
    catalog = ConfigBucket(stores.config).catalog()
    return {
        client: {source.source_key for source in catalog.resolve(config.bouquets, config.extra_sources).sources}
        for client, (_etag, config) in kept.items()
    }


def _snapshots(teller: _Teller, days: Mapping[date, DaySources]) -> None:
    teller.partitioned(
        SOURCE_SNAPSHOTS,
        (
            (
                str(day),
                {
                    "sources": len(found.good) + len(found.failed),
                    "sources_failed": len(found.failed),
                    GOOD_SOURCES: sorted(found.good),
                },
            )
            for day, found in sorted(days.items())
            if found.good  # a day on which everything failed did not materialize
        ),
    )


def _in_warehouse(warehouse: Warehouse, needed: bool) -> tuple[Counts, Counts]:
    """The items of each cell, as loaded and as the models have them."""
    try:
        loaded = _counts(warehouse, "raw.cells")
    except MissingError as error:
        if needed:
            raise MissingError(
                "the store holds cells, and there is no warehouse.",
                where=error.where,
                remedy="Rebuild that first: vigie rebuild warehouse",
            ) from error
        return {}, {}
    try:
        return loaded, _counts(warehouse, "client_daily_activity")
    except MissingError:  # dbt never ran
        return loaded, {}


def _counts(warehouse: Warehouse, table: str) -> Counts:
    rows = warehouse.query(f"select client_id, day, items from {table}")  # noqa: S608 (our own names)
    return {(row["client_id"], row["day"]): int(row["items"]) for row in rows}


def _of_cell(cell: KeptCell, loaded: Counts) -> dict[str, Any]:
    counted = loaded.get((cell.client_id, cell.day))
    metadata: dict[str, Any] = {
        "outcome": cell.outcome,
        "sources_failed": len(cell.failures),
        "failures": ", ".join(cell.failures) or "none",
        "path": items_key(cell.client_id, cell.day),
    }
    return metadata if counted is None else {**metadata, "items_kept": counted}


def _models(
    teller: _Teller, stores: Stores, partitions: Partitions, graph: Graph, modelled: Counts, clients: set[str]
) -> None:
    """Models, pages, mailed issues. The days of a week that lacks a page come after the pages: it is asked for."""
    first_week = monday(partitions.first_day)
    pages = {(c, week) for c, week in kept_pages(stores.newsletters) if c in clients and week >= first_week}
    wanted = {(client, monday(day)) for client, day in modelled if client in clients}
    missing = wanted - pages
    teller.done.pages_missing = len(missing)
    weeks = {week for _client, week in missing}
    days = sorted({day for _client, day in modelled if day >= partitions.first_day})
    for asset in graph.by_day:
        waits = asset == LAST_MODEL
        teller.partitioned(asset, ((str(day), {}) for day in days if not (waits and monday(day) in weeks)))
    for asset in graph.whole:
        if days and _is_there(stores.warehouse, asset):
            teller.whole(asset)
    teller.partitioned(
        NEWSLETTER,
        (
            (client_week(client, week), {"page": f"{stores.newsletters.uri}/{client}/{week:%Y/%m/%d}"})
            for client, week in sorted(pages)
        ),
    )
    if any(stores.newsletters.list(DASHBOARD_PAGE)):
        teller.whole(DASHBOARD)
    late: list[tuple[str, Mapping[str, Any]]] = [(str(day), {}) for day in days if monday(day) in weeks]
    # The run of a rebuilt warehouse may have said so before the pages were told of.
    teller.partitioned(LAST_MODEL, late, again=teller.done.events[NEWSLETTER] > 0)
    sent = ((c, week) for c, week in sorted(mailed(stores.data)) if c in clients and week >= first_week)
    teller.partitioned(NEWSLETTER_DELIVERY, ((client_week(client, week), {}) for client, week in sent))


def _is_there(warehouse: Warehouse, model: str) -> bool:
    try:
        warehouse.query(f"select 1 as found from {model} limit 1")  # noqa: S608 (our own names)
    except MissingError:
        return False
    return True


def _accounts(teller: _Teller, stores: Stores) -> None:
    """What the database says of every account; and the export, where the warehouse has just that."""
    try:
        with stores.accounts.database() as database, stores.accounts.book() as book:
            accounts, export = database.accounts(), read_export(database)
            jobs = {account.name: book.jobs(account.name) for account in accounts}
    except MissingError:  # no tables: no accounts
        return
    teller.add(ACCOUNTS, (account.name for account in accounts))
    teller.partitioned(DESIRED_STATE, ((account.name, {"version": account.desired_version}) for account in accounts))
    for asset, kind in ((PLAN, "plan"), (APPLY, "apply")):
        ended = {name: [job for job in of if job.kind == kind and job.succeeded] for name, of in jobs.items()}
        teller.partitioned(
            asset,
            (
                (name, {"version": good[-1].version, "activity": good[-1].activity_id or ""})
                for name, good in ended.items()
                if good
            ),
        )
    if accounts and all(_same(stores.warehouse, table, rows) for table, rows in export.tables.items()):
        teller.whole(ACCOUNTS_EXPORT, tags={VERSION_TAG: export.fingerprint})
        if _is_there(stores.warehouse, ACCOUNT_COMPLIANCE):
            teller.whole(ACCOUNT_COMPLIANCE)


def _same(warehouse: Warehouse, table: str, rows: Sequence[Mapping[str, object]]) -> bool:
    """Whether the raw table holds these rows, but for the column that says when they were exported."""

    def comparable(found: Iterable[Mapping[str, object]]) -> list[str]:
        return sorted(repr(sorted((k, str(v)) for k, v in row.items() if k != _MOMENT)) for row in found)

    try:
        return comparable(warehouse.query(f"select * from raw.{table}")) == comparable(rows)  # noqa: S608 (our names)
    except MissingError:
        return False
