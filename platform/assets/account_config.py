"""What the launchpad asks for when an account is changed: typed, with the same words as the command line.

Here: config -> the domain's demand. Not here: the refusals (domain.accounts), what is done with a demand.
"""

from collections.abc import Sequence
from enum import Enum

from dagster import Config
from pydantic import Field

from domain.accounts import Demand


class ExecutionMode(Enum):
    """How far a demand goes by itself."""

    plan_only = "plan_only"
    plan_and_apply = "plan_and_apply"


class Changes(Config):
    """A change of one account's desired state; what is left out stays as it is."""

    iam_version: str | None = Field(None, description="The version of the IAM module to have.")
    subnet_count: int | None = Field(None, description="How many subnets to have, 1 to 20.", ge=1, le=20)
    enable_monitoring: bool | None = Field(None, description="Whether to be monitored.")
    tags: dict[str, str] | None = Field(None, description="All tags to have.")
    execution_mode: ExecutionMode = Field(
        ExecutionMode.plan_only, description="plan_and_apply goes on by itself where the account is automatic."
    )
    reason: str = Field("", description="Why, for instance a change number.")
    requested_by: str = Field("", description="Who asks.")


class AccountChange(Changes):
    """A demand on several accounts: all of them, or none."""

    account_names: list[str] = Field(description="Exact names of accounts, at least one.", min_length=1)


def demand_of(names: Sequence[str], config: Changes) -> Demand | None:
    """The demand; None where no change is asked for."""
    if (config.iam_version, config.subnet_count, config.enable_monitoring, config.tags) == (None, None, None, None):
        return None
    return Demand(
        list(names),
        config.requested_by,
        config.reason,
        config.iam_version,
        config.subnet_count,
        config.enable_monitoring,
        config.tags,
        config.execution_mode.value,
    )
