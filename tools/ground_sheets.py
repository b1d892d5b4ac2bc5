"""Contact sheets of the ground pictures: every concept at four seasons and four hours, and all concepts at their best.

    python -m tools.ground_sheets OUT [CONCEPT ...]

It draws one sheet a concept, rows the four seasons, columns the four hours; without names of concepts it draws all of
them, and `best-0.png` … `best-4.png`: every concept at moments at which it is there.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ingest.sandbox.concepts import NAMES, index
from ingest.sandbox.ground import draw
from ingest.sandbox.moment import activity
from ingest.sandbox.scene import BACKDROPS, Scene, look

LON = 0.0
DAYS = (
    datetime(2023, 1, 18),
    datetime(2023, 5, 3),
    datetime(2023, 7, 26),
    datetime(2023, 10, 18),
)  # all of them a Wednesday
HOURS = (7.0, 12.0, 18.5, 23.0)
SIZE = 96

# where one expects a concept to be, for the sheets only
SETTINGS = {
    "beach": ("beach_bathers", "surfing"),
    "sea": ("sailing_boats", "fishing_boats", "container_port", "ferry_terminal"),
    "cliff": ("lighthouse", "cliffs"),
    "lake": ("lake_rowing",),
    "river": ("river_anglers",),
    "forest": ("forest_hike", "autumn_leaves"),
    "mountain": ("snow_cover", "ski_slope", "mountain_summit", "quarry"),
    "field": ("wheat_harvest", "ploughing", "vineyard", "orchard_blossom", "greenhouse", "solar_park", "wind_turbines"),
    "pasture": ("grazing_cattle", "horse_riding", "golf", "camping"),
    "suburb": ("quiet_suburb", "school_yard", "soccer_match", "tennis_courts", "playground"),
    "town": ("market_stalls", "cafe_terrace", "church_square", "train_station"),
    "city": ("shopping_crowd", "night_lights", "building_site", "traffic_jam"),
    "industry": ("factory", "warehouse_trucks"),
    "road": ("motorway_trucks", "airport_planes"),
    "park": ("running_trail",),
}


def backdrop_weights(name: str, seed: int) -> npt.NDArray[np.float32]:
    """Weights of the backdrops for a concept, with some of the others."""
    weights = np.random.default_rng(seed).random(len(BACKDROPS)).astype(np.float32) * 0.02
    home = next((kind for kind, names in SETTINGS.items() if name in names), "field")
    weights[BACKDROPS.index(home)] = 1.0
    return weights


def view(name: str, when: datetime, seed: int, lat: float = 47.0) -> Scene:
    """A view where only this concept's place is."""
    presence = np.zeros(len(NAMES), np.float32)
    presence[index()[name]] = 1.0
    return look(
        lat=lat,
        lon=LON,
        when=when,
        elevation_m=900.0 if name in {"ski_slope", "snow_cover", "mountain_summit"} else 20.0,
        presence=presence,
        backdrops=backdrop_weights(name, seed),
        seed=seed,
    )


def best_views(name: str, count: int) -> list[Scene]:
    """Views at moments at which the concept is surely there, from several latitudes."""
    rng = np.random.default_rng(index()[name])
    scenes: list[Scene] = []
    while len(scenes) < count:
        when = datetime(2023, 1, 1) + timedelta(minutes=int(rng.integers(0, 365 * 24 * 60)))
        lat = float(rng.choice([58.0, 46.0, 3.0, -34.0, -48.0]))
        height = 900.0 if name == "ski_slope" else 20.0
        level = activity(lat=[lat], lon=[LON], elevation_m=[height], when=when)[0, index()[name]]
        if level > 0.5 or (level > 0.3 and rng.random() < 0.05):
            scene = view(name, when, int(rng.integers(1 << 30)), lat)
            if scene.subjects:
                scenes.append(scene)
    return scenes


def sheet(rows: list[tuple[str, list[Scene]]], scale: int = 1) -> Image.Image:
    """Rows of pictures, each with its name."""
    side = SIZE * scale
    width = 110 + side * max(len(scenes) for _, scenes in rows)
    image = Image.new("RGB", (width, side * len(rows)), "white")
    pen = ImageDraw.Draw(image)
    for row, (label, scenes) in enumerate(rows):
        pen.text((4, row * side + 4), label, fill="black")
        for column, scene in enumerate(scenes):
            picture = Image.fromarray(draw(scene, SIZE)).resize((side, side), Image.Resampling.BICUBIC)
            image.paste(picture, (110 + column * side, row * side))
    return image


def season_sheet(name: str) -> Image.Image:
    """One concept at four seasons (rows) and four hours (columns)."""
    rows = []
    for day in DAYS:
        moments = [day + timedelta(hours=hour) for hour in HOURS]
        scenes = [view(name, when, 100 * day.month + k) for k, when in enumerate(moments)]
        rows.append((f"{name}\n{day:%d %b}\n{', '.join(f'{hour:g} h' for hour in HOURS)}", scenes))
    return sheet(rows, 2)


def main(out: Path, names: list[str]) -> None:
    """Draws the sheets into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for name in names or NAMES:
        season_sheet(name).save(out / f"{name}.png")
    if not names:
        for part in range(5):
            rows = [(name, best_views(name, 8)) for name in NAMES[part * 9 : part * 9 + 9]]
            sheet(rows).save(out / f"best-{part}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
