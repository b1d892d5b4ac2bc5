"""The soak: some 20,000 tiles, three workers, a random kill every few seconds for minutes, and a closing table.

Redis and the workers are real; each of them is killed with SIGKILL. It ends with exit code 1 if a tile was lost, is
double, or archive, ledger and index do not agree.

    python -m tools.soak [--tiles 20000] [--workers 3] [--every-s 4] [--kill-s 300] [--slow-s 0.08] [--seed 0]
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.conftest import make_raster
from tests.crew import Crew
from tests.services import start_redis
from tests.soaking import Account, soak


def main() -> None:
    """Runs it and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--every-s", type=float, default=4.0, help="From kill to kill.")
    parser.add_argument("--kill-s", type=float, default=300.0, help="After so long the killing ends.")
    parser.add_argument("--slow-s", type=float, default=0.08, help="What reading a tile takes, so that it lasts.")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = start_redis(folder / "redis")
        side_px = round((asked.tiles**0.5) * 20)  # 10 m tiles of 0.5 m pixels
        raster = make_raster(folder / "town.tif", width=side_px, height=side_px)
        values = {"redis_url": broker.url, "lease_s": 8, "chunk_s": 5, "chunk_size": 64}
        crew = Crew(folder / "home", values, odd={"slow_s": asked.slow_s})
        try:
            account = soak(
                crew,
                broker,
                raster,
                "town",
                workers=asked.workers,
                every_s=asked.every_s,
                kill_s=asked.kill_s,
                seed=asked.seed,
            )
        finally:
            crew.close()
            broker.kill()
    show(account)
    sys.exit(0 if account.sound() else 1)


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
