"""How fast does photo metadata become candidates and a plan, and in how much memory? Against Python's csv, row by row.

    python -m benchmarks.pairs [--n 1000000] [--folder DIR] [--json]

Made on the spot, in a temporary folder: metadata as YFCC100M's, 25 columns of some 450 bytes a row, half of them
geotagged, with text, dates of 0000-00-00, latitudes of 91 and videos among them. Everything runs in processes of one
core. "metadata": all steps from the file to Parquet parts of candidates; "plan": from there to the files of shards.
The yardstick takes the same steps with the csv module, one row at a time, on a tenth of the rows: fields, address,
place, date, accuracy, licence, country (tzfpy), and Parquet at the end; it agrees on the number of candidates.
Memory is the peak of the process (VmHWM) less what it had after its imports and the grid of countries.
"""

import argparse
import bz2
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.pairs.metadata.licences import licence_code
from ingest.pairs.recipe import Recipe
from ingest.pairs.selection.candidates import gather, gathered
from ingest.pairs.selection.plan import make_plan
from ingest.pairs.workplace import Workplace
from ingest.places.areas import countries_of_zones
from ingest.places.countries import open_countries

WORDS = [
    "street",
    "market",
    "river",
    "old",
    "town",
    "harbour",
    "evening",
    "lantern",
    "snow",
    "bridge",
    "people",
    "summer",
    "walk",
    "garden",
    "church",
    "square",
]
LICENCES = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
CITIES = ((48.86, 2.35), (51.5, -0.12), (40.7, -74.0), (35.7, 139.7), (27.7, 85.3), (-33.9, 151.2), (34.0, -118.2))
LICENSED = ("by", "by-sa", "by-nc")
MEGABYTE = 1e6


def main() -> None:
    """Measures and prints."""
    args = arguments()
    if args.child:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)
        print(json.dumps(csv_rows(args.child) if args.yardstick else metadata(args.child)))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        document = {"benchmark": "pairs", **measure(args, Path(folder))}
    print(json.dumps(document) if args.json else table(document))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=1_000_000, help="rows of metadata")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary folder is made")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--yardstick", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Setting, rows and ratios."""
    sizes = [max(1, args.n // 10), args.n]
    rows = []
    for n in sizes:
        write_metadata(folder / f"yfcc-{n}.tsv", n)
        rows.append({"rows": n, "what": "plain", **run(folder / f"yfcc-{n}.tsv")})
    small = folder / f"yfcc-{sizes[0]}.tsv"
    packed = small.with_suffix(".bz2")
    packed.write_bytes(bz2.compress(small.read_bytes()))
    rows.append({"rows": sizes[0], "what": "bz2", **run(packed)})
    by_row = run(small, "--yardstick")
    if by_row["candidates"] != rows[0]["candidates"]:
        raise SystemExit(f"the yardstick finds {by_row['candidates']} candidates, not {rows[0]['candidates']}")
    rows.append({"rows": sizes[0], "what": "csv module", **by_row})
    ratios = {
        "metadata_rows_per_s": rows[1]["metadata_rows_per_s"],
        "metadata_to_csv_module": rows[1]["metadata_rows_per_s"] / by_row["metadata_rows_per_s"],
        "memory_at_ten_times_the_rows": rows[1]["memory_mb"] / rows[0]["memory_mb"],
    }
    setting = {"n": args.n, "bytes_a_row": small.stat().st_size // sizes[0], "load": os.getloadavg()[0]}
    return {"setting": setting, "rows": rows, "ratios": {name: float(f"{value:.4g}") for name, value in ratios.items()}}


def run(file: Path, *options: str) -> dict[str, Any]:
    """What a process of one core says."""
    command = [sys.executable, "-m", "benchmarks.pairs", "--child", str(file), *options]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return dict(json.loads(done.stdout))


def metadata(file: Path) -> dict[str, Any]:
    """Candidates and plan of a file."""
    recipe = Recipe(photos=(str(file),), overhead="sandbox:", without_countries=("US",), licences=LICENSED)
    place = Workplace(file.with_suffix(f"{file.suffix}.pairs"))
    countries = open_countries(file.parent)
    before = peak_mb()
    with place.alone():
        start = time.perf_counter()
        gather(recipe, place, countries, int)
        read = time.perf_counter()
        plan = make_plan(recipe, place)
        planned = time.perf_counter()
    (found,) = gathered(place)
    return {
        "metadata_rows_per_s": round(found["rows"] / (read - start)),
        "plan_candidates_per_s": round(found["candidates"] / (planned - read)),
        "candidates": found["candidates"],
        "planned": sum(plan.sizes),
        "memory_mb": round(peak_mb() - before, 1),
    }


def peak_mb() -> float:
    """The largest resident memory of this process so far."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / MEGABYTE


def csv_rows(file: Path) -> dict[str, Any]:
    """The same steps, row by row."""
    import tzfpy

    of_zone = countries_of_zones()
    tzfpy.get_tz(0.0, 0.0)
    before, start, rows, kept = peak_mb(), time.perf_counter(), 0, []
    with file.open(encoding="utf-8", newline="") as lines:
        for cells in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            rows += 1
            found = csv_row(cells, of_zone, tzfpy.get_tz)
            if found is not None:
                kept.append(found)
    pq.write_table(pa.Table.from_pylist(kept), file.with_suffix(".parquet"), compression="zstd")
    seconds = time.perf_counter() - start
    return {
        "metadata_rows_per_s": round(rows / seconds),
        "candidates": len(kept),
        "memory_mb": round(peak_mb() - before, 1),
    }


def csv_row(cells: list[str], of_zone: dict[str, str], zone_at: Any) -> dict[str, Any] | None:
    """A candidate, or None."""
    if len(cells) != 25 or not cells[1].isdigit() or cells[24] != "0" or not cells[12] or not cells[13]:
        return None
    lon, lat = float(cells[12]), float(cells[13])
    try:
        taken = datetime.strptime(cells[5].partition(".")[0], "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None
    uploaded = int(cells[6])
    known = abs(lat) <= 90 and abs(lon) <= 180 and datetime(1990, 1, 1) <= taken
    known = known and not (taken.day == 1 and (taken.hour, taken.minute, taken.second) == (0, 0, 0))
    if not known or taken.replace(tzinfo=UTC).timestamp() > uploaded + 15 * 3600 or int(cells[14]) < 16:
        return None
    if licence_code(cells[18]) not in LICENSED:
        return None
    country = of_zone.get(zone_at(lon, lat), "")
    if country == "US":
        return None
    address = f"https://live.staticflickr.com/{cells[19]}/{cells[1]}_{cells[21]}.jpg"
    fields = {"id": cells[1], "address": address, "lat": lat, "lon": lon, "taken": taken, "country": country}
    texts = {"owner": cells[3], "owner_name": cells[4], "licence": cells[18], "page": cells[15]}
    return fields | texts | {"title": cells[8], "description": cells[9], "tags": cells[10]}


def write_metadata(file: Path, n: int) -> None:
    """Rows as YFCC100M has them."""
    rng = np.random.default_rng(0)
    with file.open("w", encoding="utf-8") as lines:
        for start in range(0, n, 50_000):
            lines.writelines(metadata_rows(start, min(50_000, n - start), rng))


def metadata_rows(start: int, n: int, rng: np.random.Generator) -> list[str]:
    """Rows whose ids count on from `start`."""
    city = np.array(CITIES)[rng.integers(len(CITIES), size=n)]
    place = city + rng.normal(0, 0.3, (n, 2))
    place[rng.random(n) < 0.001, 0] = 91
    placed, accuracy = rng.random(n) < 0.5, np.where(rng.random(n) < 0.6, 16, 12)
    taken = np.datetime64("2005-01-01", "s") + rng.integers(0, 9 * 365 * 86400, n)
    uploaded = taken.astype(np.int64) + rng.integers(0, 5_000_000, n)
    wrong, video = rng.random(n) < 0.002, rng.random(n) < 0.008
    words = rng.integers(len(WORDS), size=(n, 24))
    rows = []
    for i in range(n):
        said = [WORDS[w] for w in words[i]]
        date = "0000-00-00 00:00:00" if wrong[i] else str(taken[i]).replace("T", " ") + ".0"
        lat, lon = (f"{place[i, 0]:.6f}", f"{place[i, 1]:.6f}") if placed[i] else ("", "")
        photo, owner = 2_000_000_000 + start + i, int(uploaded[i]) % 50_021
        licence = LICENCES[words[i, 0] % len(LICENCES)]
        rows.append(
            f"{start + i}\t{photo}\t{photo:032x}\t{owner}@N00\tname+{owner}\t{date}\t{uploaded[i]}\tCanon+EOS\t"
            f"{'+'.join(said[:4])}\t{'+'.join(said[4:])}%2C+%C3%BC\t{','.join(said[:6])}\t\t{lon}\t{lat}\t{accuracy[i]}\t"
            f"http://www.flickr.com/photos/{owner}@N00/{photo}/\thttp://farm4.staticflickr.com/3/{photo}_ab.jpg\t"
            f"Attribution License\thttp://creativecommons.org/licenses/{licence}/2.0/\t3110\t4\t{photo % 2**32:010x}\t"
            f"{photo % 2**31:010x}\tjpg\t{int(video[i])}\n"
        )
    return rows


def table(document: dict[str, Any]) -> str:
    """For people."""
    head = f"{'rows':>10} {'':12} {'metadata':>12} {'plan':>14} {'candidates':>11} {'memory':>9}"
    lines = [f"{document['setting']}", head]
    for row in document["rows"]:
        plan = f"{row['plan_candidates_per_s']:>10,}/s" if "plan_candidates_per_s" in row else "–"
        lines.append(
            f"{row['rows']:>10,} {row['what']:12} {row['metadata_rows_per_s']:>10,}/s {plan:>14} "
            f"{row['candidates']:>11,} {row['memory_mb']:>6} MB"
        )
    return "\n".join(lines + [f"{name}: {value:g}" for name, value in document["ratios"].items()])


if __name__ == "__main__":
    main()
