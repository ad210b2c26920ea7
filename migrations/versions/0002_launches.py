"""What launching needs: leases, fingerprints, decisions, the pace of requests; and what an account does about drift"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pace",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("recent", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_pace")),
    )
    op.execute("insert into pace (name, recent) values ('schematics', '[]')")  # the row that a turn locks
    with op.batch_alter_table("account") as table:
        table.add_column(sa.Column("rollback_on_failure", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("drift_policy", sa.String(length=16), nullable=False, server_default="detect"))
        table.add_column(sa.Column("drift", sa.Text(), nullable=True))
        table.add_column(sa.Column("drift_seen_at", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("lease_holder", sa.String(length=64), nullable=True))
        table.add_column(sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))
        table.create_check_constraint(op.f("ck_account_drift_policy"), "drift_policy in ('detect', 'alert', 'revert')")
    with op.batch_alter_table("state_version") as table:
        table.add_column(sa.Column("origin", sa.String(length=16), nullable=False, server_default="demand"))
        table.create_check_constraint(
            op.f("ck_state_version_origin"), "origin in ('demand', 'registration', 'rollback', 'revert')"
        )
    with op.batch_alter_table("schematics_job") as table:
        table.add_column(sa.Column("fingerprint", sa.String(length=64), nullable=False, server_default=""))
        table.add_column(sa.Column("resources", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("before", sa.JSON(), nullable=False, server_default="[]"))
        table.drop_constraint(op.f("ck_schematics_job_kind"), type_="check")
        table.create_check_constraint(op.f("ck_schematics_job_kind"), "kind in ('plan', 'apply', 'drift', 'destroy')")
    with op.batch_alter_table("approval") as table:
        table.add_column(sa.Column("decision", sa.String(length=16), nullable=False, server_default="approved"))
        table.add_column(sa.Column("reason", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("approval") as table:
        table.drop_column("reason")
        table.drop_column("decision")
    with op.batch_alter_table("schematics_job") as table:
        table.drop_constraint(op.f("ck_schematics_job_kind"), type_="check")
        table.create_check_constraint(op.f("ck_schematics_job_kind"), "kind in ('plan', 'apply', 'destroy')")
        table.drop_column("before")
        table.drop_column("resources")
        table.drop_column("fingerprint")
    with op.batch_alter_table("state_version") as table:
        table.drop_constraint(op.f("ck_state_version_origin"), type_="check")
        table.drop_column("origin")
    with op.batch_alter_table("account") as table:
        table.drop_constraint(op.f("ck_account_drift_policy"), type_="check")
        for column in ("lease_until", "lease_holder", "drift_seen_at", "drift", "drift_policy", "rollback_on_failure"):
            table.drop_column(column)
    op.drop_table("pace")
