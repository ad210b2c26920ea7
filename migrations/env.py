"""How alembic reaches the database: through the connection that `AccountsDatabase.upgrade` gives it."""

from alembic import context

from resources.account_tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
