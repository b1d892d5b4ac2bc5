"""The soak: the served mode, three workers, a random kill every few seconds for minutes, and a closing table.

PostgreSQL, pgbouncer before it, Redis with TLS and the workers are real and killed with SIGKILL; so is Qdrant, or its
double where GROUNDCAST_TEST_QDRANT_PROGRAM names no program; moto's S3 server, which would forget everything, stops
answering for some seconds. It ends with exit code 1 if a tile was lost, is double, or archive, ledger and index do not
agree.

    python -m tools.soak [--tiles 14000] [--workers 3] [--every-s 3] [--kills 60] [--kill-s 600] [--slow-s 0.15] […]
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import make_raster
from tests.crew import Crew
from tests.services import S, Service, run_pgbouncer, run_postgres, run_s3, start_qdrant, start_redis
from tests.soaking import Account, soak


def main() -> None:
    """Runs it and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=14_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every-s", type=float, default=3.0, help="From kill to kill.")
    parser.add_argument("--kill-s", type=float, default=600.0, help="After so long the killing ends.")
    parser.add_argument("--slow-s", type=float, default=0.15, help="What reading a tile takes, so that it lasts.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=60, help="After so many the killing ends, too.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as running:
        folder = Path(temporary)
        services, values = served(folder, running)
        side_px = round((asked.tiles**0.5) * 20)  # 10 m tiles of 0.5 m pixels
        raster = make_raster(folder / "town.tif", width=side_px, height=side_px)
        crew = Crew(folder / "home", values, odd={"slow_s": asked.slow_s})
        running.callback(crew.close)
        account = soak(
            crew,
            services,
            raster,
            "town",
            workers=asked.workers,
            every_s=asked.every_s,
            kill_s=asked.kill_s,
            seed=asked.seed,
            most_kills=asked.kills,
        )
    show(account)
    sys.exit(0 if account.sound() else 1)


def served(folder: Path, running: ExitStack) -> tuple[dict[str, Service], dict[str, Any]]:
    """Starts the servers; returns them by name, and the settings that name them."""
    postgres = _entered(run_postgres(), running)
    postgres.database = postgres.new_database()
    pooler = _entered(run_pgbouncer(postgres, connections=8), running)
    redis = start_redis(folder / "redis", tls=True)
    qdrant = start_qdrant(folder / "qdrant")
    for server in (redis, qdrant):
        running.callback(server.kill)
    store = _entered(run_s3(folder), running)
    store.new_bucket()
    services = {"PostgreSQL": postgres, "pgbouncer": pooler, "Redis": redis, "Qdrant": qdrant, "S3": store}
    values = {
        "redis_url": redis.url,
        "database_url": pooler.url,
        "qdrant_url": qdrant.url,
        "qdrant_api_key": qdrant.api_key,
        "archive_url": store.url,
        "archive_options": json.dumps(store.options),
        "lease_s": 8,
        "chunk_s": 5,
        "chunk_size": 64,
    }
    return services, values


def _entered(server: Iterator[S], running: ExitStack) -> S:
    """A server that runs until the end."""
    return running.enter_context(contextmanager(lambda: server)())


def show(account: Account) -> None:
    """Prints the closing table."""
    killed = ", ".join(f"{what} {count}" for what, count in sorted(account.kills.items())) or "nothing"
    failed = ", ".join(f"{reason} {count}" for reason, count in sorted(account.failed.items())) or "0"
    skipped = ", ".join(f"{reason} {count}" for reason, count in sorted(account.skipped.items())) or "0"
    rows = [
        ("tiles asked for", account.planned),
        ("done once", account.once),
        ("done more than once", account.double),
        ("failed, with a reason", failed),
        ("left out, with a reason", skipped),
        ("lost", account.lost),
        ("archive = ledger = index", f"{account.archived} = {account.recorded} = {account.indexed}"),
        ("other problems", "; ".join(account.problems) or "none"),
        ("killed", killed),
        ("seconds", round(account.seconds)),
    ]
    for name, value in rows:
        print(f"{name:26} {value}")


if __name__ == "__main__":
    main()
