"""Checks on what sources showed and on what clients got: failing, stale, undated, copied, nothing for days.

Here: findings -> results that warn, and the checks to run by hand. Not here: what a finding is (domain.source_checks),
checks on what people configure (assets.checks), the same over weeks (dbt's source_health).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    asset_check,
    multi_asset_check,
)

from assets.lists import listed
from assets.names import (
    CLIENT_ITEMS,
    DATES_UNKNOWN,
    DUPLICATES_SHARE,
    FINDINGS,
    NO_ITEMS,
    SOURCE_HEALTH,
    SOURCE_SNAPSHOTS,
    STALE_SOURCE,
)
from assets.outcomes import in_words
from domain.snapshots import Snapshot
from domain.source_checks import (
    FAILING_DAYS,
    QUIET_DAYS,
    STALE_DAYS,
    Findings,
    copies,
    failing,
    mostly_undated,
    quiet,
    stale,
)
from partitions import today
from resources.archive import Archive
from resources.object_store import ObjectStoreResource
from resources.warehouse_resource import WarehouseResource

_LOOK_BACK = 7  # days: how far the days in a row of a failing source are counted
_LISTED = 1000  # findings by name in the metadata
_NAMED = 5  # findings in a check's one line; the metadata has all

_ABOUT = {
    SOURCE_HEALTH: f"No source has failed on {FAILING_DAYS} days in a row or more.",
    STALE_SOURCE: f"Every source that answers shows an item of the last {STALE_DAYS} days.",
    DATES_UNKNOWN: "Of each source's new items, half or more have a date.",
    DUPLICATES_SHARE: "Of each source's new items, half or more are not copies of another's text.",
}


def source_checks() -> list[AssetChecksDefinition]:
    """The checks, to be run by hand on the newest day; runs of the two assets report them by themselves."""

    @multi_asset_check(
        name="source_checks",
        specs=[AssetCheckSpec(name, asset=SOURCE_SNAPSHOTS, description=about) for name, about in _ABOUT.items()],
    )
    def check_sources(data_store: ObjectStoreResource) -> Iterator[AssetCheckResult]:
        with in_words():
            archive = Archive(data_store.store())
            days = [today() - timedelta(days=n) for n in range(_LOOK_BACK)]
            day = next((day for day in days if archive.snapshot_sources(day)), days[0])
            results = source_results(archive, day, archive.snapshots(day, sorted(archive.snapshot_sources(day))))
        yield from results

    @asset_check(
        asset=CLIENT_ITEMS,
        name=NO_ITEMS,
        description=f"No client is without an item for {QUIET_DAYS} days.",
        pool="warehouse",  # reading DuckDB's file needs it free of a writer
    )
    def no_items_for_days(warehouse: WarehouseResource) -> AssetCheckResult:
        with in_words():
            rows = warehouse.warehouse().query(
                "select client_id, day, items from raw.cells where day >= @first",
                {"first": today() - timedelta(days=2 * QUIET_DAYS)},
            )
        counts = {(row["client_id"], row["day"]): int(row["items"]) for row in rows}
        return quiet_clients(counts, max((day for _client, day in counts), default=today()))

    return [check_sources, no_items_for_days]


def source_results(archive: Archive, day: date, snapshots: Mapping[str, Snapshot]) -> list[AssetCheckResult]:
    """What the four checks say of a day and its snapshots; of failing sources the archive's earlier days are read."""
    found = copies(snapshots)
    return [
        _result(SOURCE_SNAPSHOTS, SOURCE_HEALTH, day, failing(_history(archive, day, snapshots))),
        _result(SOURCE_SNAPSHOTS, STALE_SOURCE, day, stale(snapshots, day)),
        _result(SOURCE_SNAPSHOTS, DATES_UNKNOWN, day, mostly_undated(snapshots)),
        _result(
            SOURCE_SNAPSHOTS,
            DUPLICATES_SHARE,
            day,
            found.findings,
            {"share": round(found.share, 4), "items_new": found.items, "copies": found.copies},
        ),
    ]


def quiet_clients(counts: Mapping[tuple[str, date], int], last: date) -> AssetCheckResult:
    """What the check of client_items says as of the day `last`; `counts` are the items of each (client, day) built."""
    return _result(CLIENT_ITEMS, NO_ITEMS, last, quiet(counts, last))


def _history(archive: Archive, day: date, snapshots: Mapping[str, Snapshot]) -> Sequence[Mapping[str, Snapshot]]:
    """The day and the days before it, the newest first, each with the sources that had only failed since."""
    days = [snapshots]
    left = {key for key, snapshot in snapshots.items() if snapshot.failed}
    for n in range(1, _LOOK_BACK):
        if not left:
            break
        days.append(archive.snapshots(day - timedelta(days=n), sorted(left)))
        left -= {key for key, snapshot in days[-1].items() if not snapshot.failed}
    return days


def _result(
    asset: str, name: str, day: date, findings: Findings, figures: Mapping[str, int | float] | None = None
) -> AssetCheckResult:
    """Passed where there is no finding; else a warning: people look, nothing stops."""
    lines = [f"{key}: {finding}" for key, finding in findings.items()]
    more = f"; and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    return AssetCheckResult(
        asset_key=asset,
        check_name=name,
        passed=not findings,
        severity=AssetCheckSeverity.WARN,
        description=f"{day}: {'; '.join(lines[:_NAMED]) or 'nothing to say'}{more}.",
        metadata={
            "day": day.isoformat(),
            "found": len(lines),
            "findings": listed(lines),
            FINDINGS: MetadataValue.json(dict(list(findings.items())[:_LISTED])),
            **(figures or {}),
        },
    )
