"""Alembic's entry: runs the steps on the connection that the catalog hands over."""

from alembic import context

from ingest.migrations.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
