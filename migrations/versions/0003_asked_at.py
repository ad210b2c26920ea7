"""When the desired version was asked for last: the sensor counts a step's tries from there.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Accounts that are there were asked for when they changed last."""
    with op.batch_alter_table("account") as table:
        table.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("update account set asked_at = updated_at")
    with op.batch_alter_table("account") as table:
        table.alter_column("asked_at", existing_type=sa.DateTime(timezone=True), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("account") as table:
        table.drop_column("asked_at")
