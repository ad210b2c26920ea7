"""The warning before client_items, the asset with the most partitions, has more than Dagster bears.

Here: the check, to be run by hand, and its result for the run that reports it. Not here: the counts and the ceiling
(domain.partition_counts).
"""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    DagsterInstance,
    asset_check,
)

from assets.names import CLIENT_ITEMS, PARTITIONS_FEW
from domain.asked_partitions import Grid
from domain.partition_counts import AHEAD, CEILING, count_of, remark_on
from partitions import CLIENTS, Partitions


def partition_checks(partitions: Partitions, keep_days: int | None) -> list[AssetChecksDefinition]:
    """The check, for the given partitionings."""

    @asset_check(
        asset=CLIENT_ITEMS,
        name=PARTITIONS_FEW,
        description=f"There are fewer partitions than {CEILING:,}, today and in {AHEAD} days.",
    )
    def partitions_few(context: AssetCheckExecutionContext) -> AssetCheckResult:
        return partitions_few_enough(context.instance, partitions, keep_days)

    return [partitions_few]


def partitions_few_enough(
    instance: DagsterInstance, partitions: Partitions, keep_days: int | None = None
) -> AssetCheckResult:
    """Passed below 80,000 partitions now and with 90 more days, with `keep_days` below 100,000; else a warning that
    says what to do."""
    grid = Grid("client x day", instance.get_dynamic_partitions(CLIENTS), partitions.days.get_partition_keys())
    count = count_of(CLIENT_ITEMS, grid, keep_days)
    return AssetCheckResult(
        asset_key=CLIENT_ITEMS,
        check_name=PARTITIONS_FEW,
        passed=not count.near,
        severity=AssetCheckSeverity.WARN,
        description=remark_on(count) or f"{count.now:,} partitions, {count.ahead:,} in {AHEAD} days.",
        metadata={"partitions": count.now, "in_90_days": count.ahead, "ceiling": CEILING},
    )
