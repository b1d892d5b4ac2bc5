"""Alembic's entry: runs the steps on the connection that the catalog hands over, which commits them."""

from alembic import context

from ingest.catalog import row_sums
from ingest.catalog.migrations.tables import Base

connection = context.config.attributes["connection"]
lite = connection.dialect.name == "sqlite"
if lite:  # it changes a table by writing it anew, and rows that refer to it would forbid that
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.commit()
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # the driver begins none for DDL: a kill would leave half a step
    row_sums.remove(connection)
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
if lite:
    connection.commit()
    connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    connection.commit()
