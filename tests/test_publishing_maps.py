"""`groundcast publish`: what it refuses, and score maps beside the tables, on the demonstration's island."""

import io
import json

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
from pmtiles.reader import MmapSource, Reader
from rio_cogeo.cogeo import cog_validate

from ingest.archive.parts import Archive
from search_ui.maps.mercator import ordinate
from search_ui.maps.scales import Scale
from tests.publishable import DATE, Home, tile

BEACH = "people swimming at a sandy beach"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--when", "2025-07"], "give --text too"),
        (["--text", "a", "--text", "b", "--text", "c", "--when", "2025", "--when", "2026"], "or one for each"),
        (["--text", "a beach", "--when", "2025-02-30"], "does not exist"),
        (["--text", " "], "the text is empty"),
        (["--licence", "my own"], "no SPDX id"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_before_any_work(groundcast, tmp_path, options, said) -> None:
    ran = groundcast("publish", "town", tmp_path / "out", *options)
    assert ran.code == 2
    assert said in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote_and_where(groundcast, tmp_path) -> None:
    home = Home(tmp_path)
    home.add("a", [tile(n) for n in range(30)])
    home.catalog.close()
    ran = groundcast("publish", "town", tmp_path / "out")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("published 30 tiles in 1 file, ")
    again = groundcast("publish", "town", tmp_path / "out")
    assert again.code == 2
    assert "--replace" in again.err
    told = groundcast("publish", "town", tmp_path / "out", "--replace", "--json").json()
    assert (told["tiles"], told["tables"]) == (30, ["embeddings/0000.parquet"])


def test_without_the_model_there_are_tables_and_no_score_maps_and_it_says_so(groundcast, tmp_path) -> None:
    home = Home(tmp_path)
    home.add("a", [tile(n) for n in range(30)])
    home.catalog.close()
    ran = groundcast("publish", "town", tmp_path / "out", "--text", BEACH)
    assert ran.code == 0, ran.err
    assert "no score maps" in ran.out
    assert not (tmp_path / "out" / "maps").exists()
    assert "no score maps" in (tmp_path / "out" / "README.md").read_text()


def test_what_is_taken_in_again_and_published_again_is_the_same_to_the_bit(groundcast, tmp_path) -> None:
    home = Home(tmp_path)
    home.add("a", [tile(n, acquired=None if n % 3 else DATE) for n in range(30)])
    home.catalog.close()
    assert groundcast("publish", "town", tmp_path / "one").code == 0
    for name, source in (("tables", "embeddings"), ("item", "town-embeddings-0000.json")):
        ran = groundcast("import", tmp_path / "one" / source, "--collection", name)
        assert ran.code == 0, ran.err
        ran = groundcast("publish", name, tmp_path / name)
        assert ran.code == 0, ran.err
        one, two = (pq.read_table(tmp_path / where / "embeddings") for where in ("one", name))
        told = set(one.column_names) - {"bbox", "geometry", "source"}  # the first two follow from the others
        assert {column for column in told if one[column].equals(two[column])} == told
        assert "Ada" in (tmp_path / name / "README.md").read_text()


def test_score_maps_are_sound_rasters_and_pictures_of_the_same_numbers_of_one_state(
    groundcast, demo, tmp_path, monkeypatch
) -> None:
    out, texts = (
        tmp_path / "out",
        ("--text", BEACH, "--text", "Äcker & Wiesen", "--when", "2025-07-12T14"),
    )
    looks, stamps = [], Archive.stamps
    monkeypatch.setattr(Archive, "stamps", lambda self: looks.append(self._stamps is None) or stamps(self))
    ran = groundcast("--home", demo.home, "publish", "demo", out, *texts, "--json")
    assert looks.count(True) == 2  # once ahead of everything, and for parts that are gone at the end
    assert ran.code == 0, ran.err
    told = ran.json()
    assert told["maps"] == ["maps/01-people-swimming-at-a-sandy-beach.tif", "maps/02-acker-wiesen.tif"]
    tiles = geopandas.read_parquet(out / "embeddings")
    assert len(tiles) == told["tiles"]
    tif = out / told["maps"][0]
    assert cog_validate(tif, strict=True, quiet=True)[0]
    with rasterio.open(tif) as raster:
        assert raster.tags()["GROUNDCAST_COLLECTION"] == "demo"
        relevance = np.array(list(raster.sample(zip(tiles.lon, tiles.lat, strict=True))))[:, 1]
    best, worst = tiles.iloc[int(relevance.argmax())], tiles.iloc[int(relevance.argmin())]
    for place, value in ((best, relevance.max()), (worst, relevance.min())):
        assert (
            np.abs(_colour(tif.with_suffix(".pmtiles"), place) - Scale(0, 1, "").colours(value).astype(int)).max() < 4
        )
    items = {item.id: item for item in pystac.Collection.from_file(str(out / "collection.json")).get_items()}
    assert set(items) == {"demo-embeddings-0000", *(f"demo-map-{name[5:-4]}" for name in told["maps"])}
    asset = items["demo-map-02-acker-wiesen"].assets["scores"]
    assert [band["name"] for band in asset.extra_fields["bands"]] == ["cosine", "relevance"]
    card = (out / "README.md").read_text()
    assert all(word in card for word in (BEACH, "12 July 2025, 14:00", "Äcker & Wiesen", "knows time", "**relevance**"))
    assert json.loads((out / "model.json").read_text())["properties"]["mlm:input"][0]["input"]["shape"][1] == 3


def _colour(path, place):
    """The colour of the middle of a tile, red, green and blue."""
    from PIL import Image

    with path.open("rb") as file:
        reader = Reader(MmapSource(file))
        header = reader.header()
        assert reader.metadata()["attribution"] == "Imagery: groundcast sandbox planet, seed 0"
        z = header["max_zoom"]
        x = (place.lon + 180) / 360 * 2**z
        y = (180 - float(ordinate(place.lat))) / 360 * 2**z
        picture = Image.open(io.BytesIO(reader.get(z, int(x), int(y)))).convert("RGBA")
    red, green, blue, alpha = picture.getpixel((int(x % 1 * 256), int(y % 1 * 256)))
    assert alpha == 255
    return np.array([red, green, blue])
