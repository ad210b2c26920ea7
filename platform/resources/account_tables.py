"""The tables of the accounts' database, as SQLAlchemy models.

Here: columns and constraints, the same on SQLite and PostgreSQL. Not here: transactions (database), migrations
(migrations/, which a test holds equal to this).
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from domain.accounts import DesiredState
from domain.standing import DRIFT_POLICIES, MODES

_NAMES = {  # constraints get the same names everywhere, so that migrations can speak of them
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
STATUSES = (
    *("IDLE", "PENDING_SCHEMATICS", "PLANNING", "PLANNED", "AWAITING_APPROVAL", "APPLYING", "UPDATED"),
    *("PLAN_FAILED", "APPLY_FAILED", "ROLLED_BACK"),
)
JOB_KINDS = ("plan", "apply", "drift", "destroy")
ORIGINS = ("demand", "registration", "rollback", "revert")


class Instant(TypeDecorator[datetime]):
    """A moment with its zone: SQLite keeps none, so what comes back is said to be UTC, which it is."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: datetime | None, _dialect: Any) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


def _one_of(column: str, values: Sequence[str]) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({', '.join(repr(value) for value in values)})", name=column)


class Base(DeclarativeBase):
    """Every table of the database."""

    metadata = MetaData(naming_convention=_NAMES)


class Account(Base):
    """One cloud account, which is one Schematics workspace; `mode` says how far it goes by itself."""

    __tablename__ = "account"
    __table_args__ = (
        _one_of("mode", MODES),
        _one_of("status", STATUSES),
        _one_of("drift_policy", DRIFT_POLICIES),
    )

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    number: Mapped[str] = mapped_column(String(64))
    type: Mapped[str] = mapped_column(String(64), default="")
    environment_type: Mapped[str] = mapped_column(String(64), default="")
    code_bu: Mapped[str] = mapped_column(String(64), default="")
    schematics_workspace_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    mode: Mapped[str] = mapped_column(String(16), default="manual")
    desired_version: Mapped[int] = mapped_column(Integer, default=1)
    applied_version: Mapped[int | None] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(24), default="IDLE")
    status_reason: Mapped[str] = mapped_column(Text, default="")
    updated_at: Mapped[datetime] = mapped_column(Instant)
    asked_at: Mapped[datetime] = mapped_column(Instant)  # when people last asked for something: tries count from there
    rollback_on_failure: Mapped[bool] = mapped_column(Boolean, default=False)
    drift_policy: Mapped[str] = mapped_column(String(16), default="detect")
    drift: Mapped[str | None] = mapped_column(Text)  # what the last look found; empty: nothing; None: never looked
    drift_seen_at: Mapped[datetime | None] = mapped_column(Instant)
    lease_holder: Mapped[str | None] = mapped_column(String(64))  # the worker that has the account to itself
    lease_until: Mapped[datetime | None] = mapped_column(Instant)


class StateVersion(Base):
    """What an account shall be, version by version; a row never changes. A rollback is a new version."""

    __tablename__ = "state_version"
    __table_args__ = (CheckConstraint("subnet_count between 1 and 20", name="subnet_count"), _one_of("origin", ORIGINS))

    account: Mapped[str] = mapped_column(ForeignKey("account.name"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    iam_version: Mapped[str] = mapped_column(String(64))
    subnet_count: Mapped[int] = mapped_column(Integer)
    enable_monitoring: Mapped[bool] = mapped_column(Boolean)
    tags: Mapped[dict[str, str]] = mapped_column(JSON)
    execution_mode: Mapped[str] = mapped_column(String(16))
    requested_by: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(Instant)
    fingerprint: Mapped[str] = mapped_column(String(16))
    origin: Mapped[str] = mapped_column(String(16), default="demand")

    def state(self) -> DesiredState:
        """The version's content."""
        return DesiredState(self.iam_version, self.subnet_count, self.enable_monitoring, dict(self.tags))


class SchematicsJob(Base):
    """One launch: the row is committed before it (intended), the activity's id right after it."""

    __tablename__ = "schematics_job"
    __table_args__ = (UniqueConstraint("account", "version", "kind", "attempt"), _one_of("kind", JOB_KINDS))

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    account: Mapped[str] = mapped_column(ForeignKey("account.name"))
    version: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(Integer)
    activity_id: Mapped[str | None] = mapped_column(String(128), unique=True)
    status: Mapped[str] = mapped_column(String(32))
    to_add: Mapped[int | None] = mapped_column(Integer)
    to_change: Mapped[int | None] = mapped_column(Integer)
    to_destroy: Mapped[int | None] = mapped_column(Integer)
    intended_at: Mapped[datetime] = mapped_column(Instant)
    launched_at: Mapped[datetime | None] = mapped_column(Instant)
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    fingerprint: Mapped[str] = mapped_column(String(64), default="")
    resources: Mapped[list[str]] = mapped_column(JSON, default=list)
    before: Mapped[list[str]] = mapped_column(JSON, default=list)  # activities of others, seen before the launch
    error: Mapped[str] = mapped_column(Text, default="")
    log_key: Mapped[str] = mapped_column(String(300), default="")


class Approval(Base):
    """Who allowed one plan to be applied (or refused it), exactly as it was, and until when."""

    __tablename__ = "approval"

    job: Mapped[int] = mapped_column(ForeignKey("schematics_job.id"), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    approved_by: Mapped[str] = mapped_column(String(200))
    approved_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    decision: Mapped[str] = mapped_column(String(16), default="approved")
    reason: Mapped[str] = mapped_column(Text, default="")


class Audit(Base):
    """Who did what to which account, and when. Rows are only ever added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    actor: Mapped[str] = mapped_column(String(200))
    account: Mapped[str] = mapped_column(String(100), index=True)
    action: Mapped[str] = mapped_column(String(64))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)


class AlertEpisode(Base):
    """One episode of one cause of trouble: open until it has an end. Two processes cannot open the same one."""

    __tablename__ = "alert"
    __table_args__ = (UniqueConstraint("cause", "episode"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    cause: Mapped[str] = mapped_column(String(64))
    episode: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(16))
    headline: Mapped[str] = mapped_column(Text)
    why: Mapped[str] = mapped_column(Text)
    about: Mapped[list[str]] = mapped_column(JSON, default=list)
    partitions: Mapped[int] = mapped_column(Integer, default=0)
    run_id: Mapped[str] = mapped_column(String(64), default="")
    began_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant, index=True)


class AlertNote(Base):
    """What one channel was told of an alert, or is about to be: whoever claims a note has it until `not_before`."""

    __tablename__ = "alert_note"

    alert: Mapped[int] = mapped_column(ForeignKey("alert.id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(300), primary_key=True)
    label: Mapped[str] = mapped_column(String(24), primary_key=True)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    not_before: Mapped[datetime | None] = mapped_column(Instant)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    summary: Mapped[str] = mapped_column(String(64), default="")  # the summary it was part of
    error: Mapped[str] = mapped_column(Text, default="")


class Pace(Base):
    """The requests of the last minute, of all runs on all machines: one row, which is locked to take a turn."""

    __tablename__ = "pace"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    recent: Mapped[list[float]] = mapped_column(JSON, default=list)  # seconds since the epoch
