"""Checksums of the rows of a catalog in SQLite, which has none of its own: a flipped bit would be read on.

Triggers keep them in a table of their own, whoever writes, and in the same transaction; the definitions of the tables
have one each too. Any change of the schema takes the triggers away, and they are made anew behind it. A server's
database looks after itself, and has none of this.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

TABLE = "row_sums"
_FUNCTION = "row_sum"
_LEFT_OUT = {TABLE, "alembic_version", "sqlite_sequence"}  # what is written while the triggers are away


def register(connection: Any) -> None:
    """Give a connection of SQLite's driver the function that the triggers call."""
    connection.create_function(_FUNCTION, -1, _row_sum, deterministic=True)


def remove(connection: sa.Connection) -> None:
    """Take the triggers away, before the schema changes."""
    for name in _triggers(connection):
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')


def installed(connection: sa.Connection) -> bool:
    """Whether the triggers are there."""
    return bool(_triggers(connection))


def install(connection: sa.Connection) -> None:
    """Make the triggers, and the checksums of what is there."""
    remove(connection)
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (of TEXT, key TEXT, sum TEXT NOT NULL, PRIMARY KEY (of, key)) "
        "WITHOUT ROWID"
    )
    connection.exec_driver_sql(f"DELETE FROM {TABLE}")
    for table, keys, columns in _tables(connection):
        forget = f"DELETE FROM {TABLE} WHERE of = '{table}' AND key = {_key(keys, 'OLD.')};"
        # a key that is written over: the row that went fires no trigger
        write = (
            f"DELETE FROM {TABLE} WHERE of = '{table}' AND key = {_key(keys, 'NEW.')};"
            f"INSERT INTO {TABLE} VALUES ('{table}', {_key(keys, 'NEW.')}, {_sum(columns, 'NEW.')});"
        )
        for event, then in (("INSERT", write), ("UPDATE", forget + write), ("DELETE", forget)):
            connection.exec_driver_sql(
                f'CREATE TRIGGER "{TABLE}_{table}_{event}" AFTER {event} ON "{table}" BEGIN {then} END'
            )
        connection.exec_driver_sql(
            f"INSERT INTO {TABLE} SELECT '{table}', {_key(keys)}, {_sum(columns)} FROM \"{table}\""
        )
    connection.exec_driver_sql(f"INSERT INTO {TABLE} SELECT '', name, {_FUNCTION}(type, sql) FROM sqlite_schema")


def damaged(connection: sa.Connection) -> Iterator[str]:
    """What is not as it was written, a few words each."""
    schema = f"SELECT name, {_FUNCTION}(type, sql) AS now FROM sqlite_schema"
    yield from _differing(connection, "", schema, "the definition of {}")
    for table, keys, columns in _tables(connection):
        rows = f'SELECT {_key(keys)} AS name, {_sum(columns)} AS now FROM "{table}"'
        yield from _differing(connection, table, rows, f"row {{}} of {table}")


def _differing(connection: sa.Connection, of: str, now: str, named: str) -> Iterator[str]:
    """Of a table: rows of another checksum than theirs, of none, and checksums of no row."""
    query = (
        f"SELECT name FROM ({now}) LEFT JOIN {TABLE} ON of = ? AND key = name WHERE sum IS NOT now "
        f"UNION SELECT key FROM {TABLE} WHERE of = ? AND key NOT IN (SELECT name FROM ({now}))"
    )
    for name in connection.exec_driver_sql(query, (of, of)).scalars():
        yield named.format(name)


def _tables(connection: sa.Connection) -> Iterator[tuple[str, list[str], list[str]]]:
    """Of each table its name, its primary key, and all of its columns."""
    looked = sa.inspect(connection)
    for table in looked.get_table_names():
        if table not in _LEFT_OUT:
            columns = [column["name"] for column in looked.get_columns(table)]
            yield table, looked.get_pk_constraint(table)["constrained_columns"], columns


def _triggers(connection: sa.Connection) -> list[str]:
    query = f"SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '{TABLE}\\_%' ESCAPE '\\'"
    return list(connection.exec_driver_sql(query).scalars())


def _key(keys: list[str], row: str = "") -> str:
    return " || ',' || ".join(f'quote({row}"{name}")' for name in keys)


def _sum(columns: list[str], row: str = "") -> str:
    names = ", ".join(f'{row}"{name}"' for name in columns)
    return f"{_FUNCTION}({names})"


def _row_sum(*values: Any) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for value in values:
        # a whole number in a column of floats is one or the other to a trigger and to a query
        told = repr(value) if not isinstance(value, int) or float(value) != value else repr(float(value))
        digest.update(f"{len(told)} {told}".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
