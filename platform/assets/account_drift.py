"""drift [account]: whether an account still is what was applied, with the check no_drift.

Here: the look and its outcome by the account's policy. Not here: when accounts are looked at (schedules), the revert
(written with what was seen, by resources.launch_book).
"""

from collections.abc import Iterator
from warnings import catch_warnings, simplefilter

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)
from dagster_shared.utils.warnings import PreviewWarning

from assets.lists import listed
from assets.names import APPLY, DRIFT, NO_DRIFT, SCHEMATICS_POOL
from assets.outcomes import in_words
from domain.changes import failure_of
from partitions import Partitions
from resources.account_desk import AccountDesk

_SHOWN = 50  # resources named in the metadata


def drift_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The asset and its check, for the given partitionings."""
    with catch_warnings():
        # Dagster calls partitions of checks a preview; its version is pinned, and an outcome per account is the point.
        simplefilter("ignore", PreviewWarning)
        no_drift = AssetCheckSpec(
            NO_DRIFT,
            asset=DRIFT,
            partitions_def=partitions.accounts,
            description="Nothing that was applied has been changed by other hands. By the account's policy, drift "
            "warns (detect), fails (alert), or asks for the version again (revert).",
        )

    @asset(
        name=DRIFT,
        deps=[APPLY],
        group_name="accounts",
        kinds={"terraform"},
        partitions_def=partitions.accounts,
        pool=SCHEMATICS_POOL,
        check_specs=[no_drift],
        description="What a plan of the applied version would change: what other hands have changed since.",
    )
    def drift(
        context: AssetExecutionContext, accounts: ResourceParam[AccountDesk]
    ) -> Iterator[MaterializeResult[None]]:
        name = context.partition_key
        with in_words():
            with accounts.book() as book:
                policy = book.standing(name).drift_policy
            with accounts.change(name, context.log.info) as change:
                seen = change.look_for_drift(name)
            job = seen.job
            if not job.succeeded:
                raise failure_of(job)
        said = str(job.counts) if job.counts else "what the plan would do is not known"
        inputs = "; ".join(seen.inputs)
        found = AssetCheckResult(
            check_name=NO_DRIFT,
            passed=seen.nothing,
            severity=AssetCheckSeverity.ERROR if policy == "alert" else AssetCheckSeverity.WARN,
            description=f"{name}: {said}" + (f"; {inputs}" if inputs else ""),
            metadata={"account": name, "policy": policy, "version": job.version},
        )
        yield MaterializeResult(
            check_results=[found],
            metadata={
                "version": job.version,
                "plan": said,
                "inputs": inputs or "as applied",
                "policy": policy,
                "resources": listed(job.resources[:_SHOWN]),
                "log": MetadataValue.path(accounts.log_uri(job)),
            },
        )

    return [drift]
