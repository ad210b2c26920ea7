"""The account_requests sensor: the accounts' table as it is now -> partitions and runs.

Here: reading, turning what is due into Dagster's requests. Not here: what is due (domain.standing), the work
(assets.accounts). A run that was lost leaves its account unfinished, and so is asked for again.
"""

import time
from datetime import UTC, datetime

from dagster import (
    AddDynamicPartitionsRequest,
    AssetKey,
    DagsterInstance,
    DefaultSensorStatus,
    DeleteDynamicPartitionsRequest,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    sensor,
)

from assets.names import APPLY, STEP_TAG
from domain.standing import TRIES, Standing, elapsed, next_step, pause_before
from jobs import Stages
from partitions import ACCOUNTS, Partitions
from resources.account_desk import AccountDesk

_SHOWN = 20  # accounts named in the words of a tick


def account_requests_sensor(partitions: Partitions, stages: Stages, seconds: int) -> SensorDefinition:
    """The sensor, looking every `seconds`. Where the database does not answer, the tick fails."""

    @sensor(
        name="account_requests",
        job=stages.accounts.job,
        minimum_interval_seconds=seconds,
        default_status=DefaultSensorStatus.RUNNING,
        description="Keeps the accounts' partitions equal to the database; asks for what is pending, or was lost.",
    )
    def account_requests(
        context: SensorEvaluationContext, accounts: ResourceParam[AccountDesk]
    ) -> SensorResult | SkipReason:
        instance = context.instance
        # Runs first: of one that ends now, the table says in a moment what it did, and it is not asked for once more.
        busy = stages.accounts.partitions_under_way(instance)
        with accounts.book() as book:
            names, unfinished = book.names(), book.unfinished()
            known = set(instance.get_dynamic_partitions(ACCOUNTS))
            added, gone = [name for name in names if name not in known], sorted(known - set(names))
            requests, waits = [], []
            for account in unfinished:
                if account.name in busy:
                    continue
                step = next_step(account, datetime.now(UTC))
                if step is None:
                    continue
                request = _request(instance, account, step)
                if isinstance(request, str):
                    book.give_up(account.name, account.version, request)
                    context.log.error(f"{account.name}: {request}")
                elif isinstance(request, datetime):
                    waits.append(f"{account.name} until {request:%Y-%m-%d %H:%M:%S} UTC")
                else:
                    requests.append(request)
        if not (added or gone or requests):
            return SkipReason(_nothing_to_ask(waits))
        changes: list[AddDynamicPartitionsRequest | DeleteDynamicPartitionsRequest] = []
        if gone:
            changes.append(partitions.accounts.build_delete_request(gone))
        if added:
            changes.append(partitions.accounts.build_add_request(added))
        return SensorResult(run_requests=requests, dynamic_partitions_requests=changes)

    return account_requests


def _nothing_to_ask(waits: list[str]) -> str:
    if not waits:
        return "every account is as desired, or waits for people."
    more = f" and {len(waits) - _SHOWN} more" if len(waits) > _SHOWN else ""
    shown = ", ".join(waits[:_SHOWN])
    return f"runs failed, and these wait for their next try: {shown}{more}. At once: vigie accounts retry NAME --by YOU"


def _request(instance: DagsterInstance, account: Standing, step: str) -> RunRequest | str | datetime:
    """The run to ask for; the moment until which it is to wait; a reason where it was tried often enough.

    The step names the plan that it applies: another plan is another step, with tries of its own.
    """
    label = f"{account.name}-v{account.version}-{step}-{account.plan.id if account.plan else 0}"
    since = RunsFilter(tags={STEP_TAG: label}, created_after=account.asked_at)
    earlier = instance.get_run_records(since, limit=TRIES)
    tries = len(earlier)
    if tries >= TRIES:
        return (
            f"{tries} runs could not {step} version {account.version}. See the last one's error, mend its cause, then: "
            f"vigie accounts retry {account.name} --by NAME"
        )
    last, pause = earlier[0].end_time or 0.0 if earlier else 0.0, pause_before(tries)
    if elapsed(last, time.time()) < pause:
        return datetime.fromtimestamp(last + pause, UTC)
    return RunRequest(
        run_key=f"{label}-{account.asked_at:%Y%m%dT%H%M%S.%f}-{tries}",
        partition_key=account.name,
        asset_selection=None if step == "plan" else [AssetKey(APPLY)],
        # The sensor itself asks again for what a lost run left: Dagster's own retry would make two of it.
        tags={STEP_TAG: label, "dagster/max_retries": "0"},
    )
