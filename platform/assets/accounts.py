"""desired_state -> plan -> apply [account]: what an account shall be, what that would change, the change itself.

Here: a partition -> the domain's change -> metadata, and true outcomes. Not here: the order of a change's steps
(domain.changes), which account is due (sensors.account_requests), drift (assets.account_drift).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetObservation,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from assets.account_config import Changes, demand_of
from assets.lists import listed
from assets.names import APPLY, DESIRED_STATE, PLAN, SCHEMATICS_POOL
from assets.outcomes import in_words
from domain.changes import failure_of
from domain.errors import PermanentError
from domain.standing import Job, Standing, Verdict, gate
from partitions import Partitions
from resources.account_desk import AccountDesk
from resources.launch_book import LaunchBook

_WORDS = {
    Verdict.GO: "is applied next",
    Verdict.HOLD: "is held",
    Verdict.ASK: "waits for an approval",
    Verdict.REFUSE: "is refused",
}
_SHOWN = 50  # resources named in a plan's metadata


def account_assets(partitions: Partitions) -> list[AssetsDefinition]:
    """The assets, for the given partitionings."""

    @asset(
        name=DESIRED_STATE,
        group_name="accounts",
        kinds={"sql"},
        partitions_def=partitions.accounts,
        description="What the account shall be, as the database says. With config, a demand for this one account.",
    )
    def desired_state(
        context: AssetExecutionContext, config: Changes, accounts: ResourceParam[AccountDesk]
    ) -> MaterializeResult[None]:
        name = context.partition_key
        with accounts.database() as database, in_words():
            demand = demand_of([name], config)
            if demand:
                for written in database.request(demand):
                    context.log.info(f"{name}: version {written.version}" + ("" if written.new else ", as it was"))
            version = database.versions(name)[-1]
        return MaterializeResult(
            metadata={
                "version": version.version,
                "iam_version": version.iam_version,
                "subnet_count": version.subnet_count,
                "enable_monitoring": version.enable_monitoring,
                "tags": MetadataValue.json(dict(version.tags)),
                "execution_mode": version.execution_mode,
                "requested_by": version.requested_by,
                "reason": version.reason,
                "fingerprint": version.fingerprint,
            }
        )

    @asset(
        name=PLAN,
        deps=[desired_state],
        group_name="accounts",
        kinds={"terraform"},
        partitions_def=partitions.accounts,
        pool=SCHEMATICS_POOL,
        output_required=False,
        description="What applying the desired version would add, change and destroy. Once per version and inputs.",
    )
    def plan(
        context: AssetExecutionContext, accounts: ResourceParam[AccountDesk]
    ) -> Iterator[MaterializeResult[None] | AssetObservation]:
        name = context.partition_key
        with accounts.book() as book, in_words():
            account = book.standing(name)
            with _verdict(book, account), accounts.change(name, context.log.info) as change:
                planned = change.plan(name)
            if planned is None:
                why = "the account is as desired" if account.applied else gate(account, datetime.now(UTC)).reason
                context.log.info(f"{name}: nothing is planned: {why}")
                yield AssetObservation(PLAN, partition=name, metadata={"held": why})
                return
            job, reused = planned
            if not job.succeeded:
                raise failure_of(job)
            ruling = gate(book.standing(name), datetime.now(UTC))
        yield MaterializeResult(
            metadata={
                **_of_job(job, accounts, reused),
                **_counts(job),
                "resources": listed(job.resources[:_SHOWN]),
                "input_fingerprint": job.fingerprint,
                "next": f"{_WORDS[ruling.verdict]}: {ruling.reason}. {ruling.remedy}".strip(),
            }
        )

    @asset(
        name=APPLY,
        deps=[plan],
        group_name="accounts",
        kinds={"terraform"},
        partitions_def=partitions.accounts,
        pool=SCHEMATICS_POOL,
        output_required=False,
        description="The desired version, applied. Waits for an approval unless the account is automatic and "
        "nothing is destroyed.",
    )
    def apply(
        context: AssetExecutionContext, accounts: ResourceParam[AccountDesk]
    ) -> Iterator[MaterializeResult[None] | AssetObservation]:
        name = context.partition_key
        with in_words(), accounts.book() as book:
            with _verdict(book, book.standing(name)), accounts.change(name, context.log.info) as change:
                done = change.apply(name)
            if done.job and not done.job.succeeded:
                raise failure_of(done.job)
        if done.ruling.verdict is not Verdict.GO:
            context.log.info(f"{name}: not applied: {done.ruling.reason}. {done.ruling.remedy}")
            held = {"held": done.ruling.reason, "remedy": done.ruling.remedy}
            yield AssetObservation(APPLY, partition=name, metadata=held)
            return
        metadata = _of_job(done.job, accounts, done.reused) if done.job else {}
        yield MaterializeResult(metadata={**metadata, "allowed": done.ruling.reason})

    return [desired_state, plan, apply]


@contextmanager
def _verdict(book: LaunchBook, account: Standing) -> Iterator[None]:
    """What trying again cannot mend is the account's status too, so that no further run is asked for."""
    try:
        yield
    except PermanentError as error:
        book.give_up(account.name, account.version, str(error))
        raise


def _of_job(job: Job, accounts: AccountDesk, reused: bool) -> dict[str, Any]:
    start, end = job.launched_at, job.finished_at
    return {
        "version": job.version,
        "number": job.id,
        "attempt": job.attempt,
        "activity": job.activity_id or "unknown",
        "seconds": (end - start).total_seconds() if start and end else 0.0,
        "log": MetadataValue.path(accounts.log_uri(job)),
        "reused": reused,
    }


def _counts(job: Job) -> dict[str, Any]:
    if job.counts is None:
        return dict.fromkeys(("to_add", "to_change", "to_destroy"), "unknown")
    return {"to_add": job.counts.add, "to_change": job.counts.change, "to_destroy": job.counts.destroy}
