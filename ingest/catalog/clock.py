"""The database's clock in SQL: the one clock that all who share a ledger agree on, whatever their own clocks say.

Seconds since 1970, UTC, at the moment of the statement.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class db_now(FunctionElement[float]):  # noqa: N801 - reads as the SQL function that it is
    """Seconds since 1970 by the database's clock."""

    type = sa.Double()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite(_element: db_now, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"  # the Julian day of 1970-01-01T00:00Z


@compiles(db_now, "postgresql")
def _postgresql(_element: db_now, _compiler: Any, **_: Any) -> str:
    # now() would stand still during a transaction
    return "CAST(extract(epoch FROM clock_timestamp()) AS double precision)"
