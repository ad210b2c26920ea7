"""Client-day cells built from what the archive holds: configuration, snapshots, what the cell held before.

Here: what joins the archive, the catalog and the domain, with no Dagster around it. Not here: the selection itself
(domain.client_days), nor which cells are wanted (assets.client_items).
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from domain.catalog import Catalog, Resolution
from domain.client_days import ClientDay, build, near_duplicates
from domain.clients import ClientConfig
from domain.documents import Problem
from domain.duplicates import NearDuplicates
from domain.errors import MissingError, PermanentError, VigieError
from domain.profiles import Profile
from domain.selection_rules import Judgements, SelectionRules
from domain.snapshots import Snapshot
from resources.archive import Archive
from resources.object_store import PARALLEL


class Cells:
    """Builds and keeps the cells of some clients; each snapshot is read once, however many clients share it.

    `rules` judge the items, each once for all clients; without them only the clients' own filters count. `profile_of`
    says what is asked for a client where that is not what its file says.
    """

    def __init__(
        self,
        archive: Archive,
        catalog: Catalog,
        clients: Collection[str],
        today: date,
        *,
        rules: SelectionRules | None = None,
        profile_of: Callable[[ClientConfig], Profile] = Profile.of,
    ) -> None:
        self._archive = archive
        self._catalog = catalog
        self._today = today
        self._rules = rules or SelectionRules()
        self._profile_of = profile_of
        self._judgements = Judgements(self._rules)
        self._judged_day: date | None = None
        self._configs = archive.configs(sorted(clients))
        self._sources: dict[str, Resolution] = {
            client: catalog.resolve(config.bouquets, config.extra_sources) for client, config in self._configs.items()
        }

    def remarks(self) -> tuple[Problem, ...]:
        """What is odd about the rules, and the profiles that catalog and these clients name in vain."""
        return self._rules.remarks(self._catalog, self._configs.values())

    def build_day(self, day: date, clients: Sequence[str]) -> dict[str, ClientDay | VigieError]:
        """The day's cell of each client, written to its items.json; or the error that it ended with.

        One client's failure touches no other. Nothing is written for a day without any snapshot.
        """
        if day != self._judged_day:  # judgements of another day's items are of no more use
            self._judgements, self._judged_day = Judgements(self._rules), day
        needed = {
            source.source_key
            for client in clients
            if client in self._sources
            for source in self._sources[client].sources
        }
        snapshots = self._archive.snapshots(day, sorted(needed))
        explained = self._archive.with_rejections(day)
        near = near_duplicates(snapshots.values())
        with ThreadPoolExecutor(PARALLEL) as threads:
            built = threads.map(lambda client: self._build(client, day, snapshots, near, client in explained), clients)
        return dict(zip(clients, built, strict=True))

    def _build(
        self, client: str, day: date, snapshots: dict[str, Snapshot], near: NearDuplicates, explained: bool
    ) -> ClientDay | VigieError:
        try:
            cell = self._cell(client, day, snapshots, near)
            if cell.outcome != "no_snapshot":
                self._archive.keep_rejections(cell, replace=explained)  # the reasons first: nothing waits for them
                self._archive.keep_items(cell)
        except VigieError as error:
            return error
        except Exception as error:  # noqa: BLE001 (whatever one client's data does must not stop the others)
            return PermanentError(f"its cell cannot be built: {type(error).__name__}: {error}", where=f"{client} {day}")
        return cell

    def _cell(self, client: str, day: date, snapshots: dict[str, Snapshot], near: NearDuplicates) -> ClientDay:
        if client not in self._configs:
            raise MissingError(
                "the client has no valid configuration yet.",
                where=client,
                remedy=f"Materialize client_config of {client}; it says what is wrong with the file, if anything.",
            )
        sources = self._sources[client].sources
        if not sources:
            problems = "; ".join(str(problem) for problem in self._sources[client].problems)
            raise MissingError(
                f"the client's configuration leads to no source. {problems}",
                where=client,
                remedy="Enable a bouquet or a source in its file: docs/add-a-client.md.",
            )
        failed = any(snapshots[s.source_key].failed for s in sources if s.source_key in snapshots)
        previous = self._archive.items(client, day) if failed else ()
        config = self._configs[client]
        profile = self._profile_of(config)
        judge = self._judgements.judge(self._rules.by_source(config, sources, self._catalog, profile.mode))
        cell = build(config, sources, day, snapshots, previous, profile=profile, judge=judge, near=near)
        if cell.outcome == "no_snapshot" and day >= self._today:
            raise MissingError(
                "the sources have not been fetched today.",
                where=f"{client} {day}",
                remedy="Materialize source_snapshots of this day first.",
            )
        return cell
