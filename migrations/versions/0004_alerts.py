"""Alerts: one row per episode of a cause, one per note to a channel.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(64), nullable=False),
        sa.Column("episode", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("partitions", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
        sa.UniqueConstraint("cause", "episode", name="uq_alert_cause_episode"),
    )
    op.create_index("ix_alert_ended_at", "alert", ["ended_at"])
    op.create_table(
        "alert_note",
        sa.Column("alert", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(300), nullable=False),
        sa.Column("label", sa.String(24), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("summary", sa.String(64), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("alert", "channel", "label", name="pk_alert_note"),
        sa.ForeignKeyConstraint(["alert"], ["alert.id"], name="fk_alert_note_alert", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("alert_note")
    op.drop_table("alert")
