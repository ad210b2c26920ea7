"""What people do with accounts, as jobs of the UI: the same words and the same refusals as `vigie accounts`.

Here: launchpad config -> one transaction. Not here: the work that follows (the sensor account_requests asks for it).
"""

from dagster import Config, JobDefinition, OpExecutionContext, ResourceParam, job, op
from pydantic import Field

from assets.account_config import AccountChange, demand_of
from assets.outcomes import in_words
from domain.accounts import DemandError
from resources.account_desk import AccountDesk


class Named(Config):
    """Some accounts, and who decides."""

    account_names: list[str] = Field(description="Exact names of accounts, at least one.", min_length=1)
    by: str = Field(description="Who decides.")


class Decided(Named):
    """A decision with its reason."""

    reason: str = Field("", description="Why.")


class Approved(Decided):
    """An approval."""

    plan: int | None = Field(
        None, description="The number of the plan that you looked at; a plan that destroys is approved by it only."
    )


class Back(Config):
    """A way back."""

    account_name: str = Field(description="The account's exact name.")
    to: int = Field(description="The version whose content it shall have again.", ge=1)
    by: str = Field(description="Who decides.")
    reason: str = Field("", description="Why.")


def account_jobs() -> list[JobDefinition]:
    """The jobs."""

    @op
    def write_demand(context: OpExecutionContext, config: AccountChange, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.database() as database:
            demand = demand_of(config.account_names, config)
            if demand is None:
                raise DemandError(
                    "no change is asked for: give iam_version, subnet_count, enable_monitoring or tags.",
                    where="demand",
                    remedy="Nothing was written. Mend the demand and send it again.",
                )
            for one in database.request(demand):
                context.log.info(f"{one.account}: version {one.version}" + ("" if one.new else ", as asked already"))

    @op
    def approve(context: OpExecutionContext, config: Approved, accounts: ResourceParam[AccountDesk]) -> None:
        hours = accounts.settings.schematics.approval_hours
        with in_words(), accounts.decisions() as decisions:
            by, reason, plan = config.by, config.reason, config.plan
            done = decisions.each(config.account_names, lambda to, name: to.approve(name, by, hours, reason, plan))
            for given in done.values():
                context.log.info(str(given))

    @op
    def reject(context: OpExecutionContext, config: Decided, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            names, by, reason = config.account_names, config.by, config.reason
            for given in decisions.each(names, lambda to, name: to.reject(name, by, reason)).values():
                context.log.info(str(given))

    @op
    def ask_again(context: OpExecutionContext, config: Named, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            for name in decisions.each(config.account_names, lambda to, name: to.retry(name, config.by)):
                context.log.info(f"{name}: asked for again")

    @op
    def pause(context: OpExecutionContext, config: Named, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            modes = decisions.each(config.account_names, lambda to, name: to.set_mode(name, "paused", config.by))
            for name, before in modes.items():
                context.log.info(f"{name}: paused (was {before})")

    @op
    def resume(context: OpExecutionContext, config: Named, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            modes = decisions.each(config.account_names, lambda to, name: to.resume(name, config.by))
            for name, mode in modes.items():
                context.log.info(f"{name}: goes on, {mode}")

    @op
    def observe(context: OpExecutionContext, config: Named, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            modes = decisions.each(config.account_names, lambda to, name: to.set_mode(name, "observe", config.by))
            for name, before in modes.items():
                context.log.info(f"{name}: only observed (was {before})")

    @op
    def roll_back(context: OpExecutionContext, config: Back, accounts: ResourceParam[AccountDesk]) -> None:
        with in_words(), accounts.decisions() as decisions:
            written = decisions.rollback(config.account_name, config.to, config.by, config.reason)
            context.log.info(f"{written.account}: version {written.version}, the content of version {config.to}")

    @job(description="Demands a change of accounts: all of them or none, and written before anything is launched.")
    def request_account_change() -> None:
        write_demand()

    @job(description="Lets the newest plans of accounts be applied, exactly as they are.")
    def approve_plans() -> None:
        approve()

    @job(description="Keeps the newest plans of accounts from being applied.")
    def reject_plans() -> None:
        reject()

    @job(description="Asks again for what failed: the desired version is planned anew.")
    def retry_accounts() -> None:
        ask_again()

    @job(description="Stops accounts before their next step: nothing is planned or applied.")
    def pause_accounts() -> None:
        pause()

    @job(description="Lets paused accounts go on in the mode that they had.")
    def resume_accounts() -> None:
        resume()

    @job(description="Only looks at accounts from now on: drift is detected, nothing is applied.")
    def observe_accounts() -> None:
        observe()

    @job(description="Asks for an older version's content again, as a new version.")
    def rollback_account() -> None:
        roll_back()

    return [
        request_account_change,
        approve_plans,
        reject_plans,
        retry_accounts,
        pause_accounts,
        resume_accounts,
        observe_accounts,
        rollback_account,
    ]
