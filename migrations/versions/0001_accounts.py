"""The accounts, their versions, jobs, approvals and audit"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("environment_type", sa.String(length=64), nullable=False),
        sa.Column("code_bu", sa.String(length=64), nullable=False),
        sa.Column("schematics_workspace_id", sa.String(length=128), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("desired_version", sa.Integer(), nullable=False),
        sa.Column("applied_version", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("mode in ('auto', 'manual', 'observe', 'paused')", name=op.f("ck_account_mode")),
        sa.CheckConstraint(
            "status in ('IDLE', 'PENDING_SCHEMATICS', 'PLANNING', 'PLANNED', 'AWAITING_APPROVAL', 'APPLYING', "
            "'UPDATED', 'PLAN_FAILED', 'APPLY_FAILED', 'ROLLED_BACK')",
            name=op.f("ck_account_status"),
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
        sa.UniqueConstraint("schematics_workspace_id", name=op.f("uq_account_schematics_workspace_id")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_account"), ["account"], unique=False)

    op.create_table(
        "schematics_job",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("activity_id", sa.String(length=128), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("to_add", sa.Integer(), nullable=True),
        sa.Column("to_change", sa.Integer(), nullable=True),
        sa.Column("to_destroy", sa.Integer(), nullable=True),
        sa.Column("intended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("launched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("log_key", sa.String(length=300), nullable=False),
        sa.CheckConstraint("kind in ('plan', 'apply', 'destroy')", name=op.f("ck_schematics_job_kind")),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_schematics_job_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schematics_job")),
        sa.UniqueConstraint(
            "account", "version", "kind", "attempt", name=op.f("uq_schematics_job_account_version_kind_attempt")
        ),
        sa.UniqueConstraint("activity_id", name=op.f("uq_schematics_job_activity_id")),
    )
    op.create_table(
        "state_version",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("iam_version", sa.String(length=64), nullable=False),
        sa.Column("subnet_count", sa.Integer(), nullable=False),
        sa.Column("enable_monitoring", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("execution_mode", sa.String(length=16), nullable=False),
        sa.Column("requested_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fingerprint", sa.String(length=16), nullable=False),
        sa.CheckConstraint("subnet_count between 1 and 20", name=op.f("ck_state_version_subnet_count")),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_state_version_account")),
        sa.PrimaryKeyConstraint("account", "version", name=op.f("pk_state_version")),
    )
    op.create_table(
        "approval",
        sa.Column("job", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("approved_by", sa.String(length=200), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["schematics_job.id"], name=op.f("fk_approval_job")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_approval")),
    )


def downgrade() -> None:
    op.drop_table("approval")
    op.drop_table("state_version")
    op.drop_table("schematics_job")
    with op.batch_alter_table("audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_account"))

    op.drop_table("audit")
    op.drop_table("account")
