"""What an error says to do is done here, to the letter, and then the imagery is read."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner
from make_data import pattern_raster, tile_of, tile_picture, transform_around, write_raster
from PIL import Image
from rasterio.rio.main import main_group

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.chips import ChipSource
from ingest.sources.source import SourceOptions
from trainer.errors import GroundcastError

LAT, LON = 10.0, 20.0
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@dataclass
class Asked:
    """What somebody asks for; whoever follows an advice changes it, or what lies on disk."""

    uri: str
    size_m: float = 20.0
    options: dict[str, Any] = field(default_factory=dict)

    def read(self) -> None:
        """Opens it and reads a place.

        Raises:
            GroundcastError: As a user would see it.
        """
        with open_source(self.uri, SourceOptions(**self.options)) as source:
            if isinstance(source, ChipSource):
                assert source.items()
            else:
                assert not source.problems
                assert source.read(Footprint(LAT, LON, self.size_m), 8).valid.mean() > 0.2


def rio(message: str, **values: str) -> None:
    """Runs the `rio …` that a message names, its words in capitals replaced."""
    command = re.search(r"`(rio [^`]*)`", message)
    assert command is not None, message
    names = "EPSG:…|FILE|NEW[.]tif|WIDTH|WEST|HEIGHT|NORTH"
    words = [re.sub(names, lambda found: values[found[0]], word) for word in shlex.split(command[1])]
    ran = CliRunner().invoke(main_group, words[1:], catch_exceptions=False)
    assert ran.exit_code == 0, ran.output


def tiles(root: Path, pattern: str = "17/{x}/{y}.png", *, tms: bool = False) -> Path:
    x, y = tile_of(17, lat=LAT, lon=LON)
    row = 2**17 - 1 - y if tms else y
    path = root / pattern.format(x=x, y=row)
    path.parent.mkdir(parents=True, exist_ok=True)
    tile_picture(17, x, y, wave_m=200.0, side=64).save(path)
    return root


DATA = np.full((1, 40, 40), 99, np.uint8)
UTM = transform_around("EPSG:32634", lat=LAT, lon=LON, width=40, height=40, pixel=1.0)
IN_UTM = {"WIDTH": "1", "WEST": f"{UTM.c}", "HEIGHT": "1", "NORTH": f"{UTM.f}"}
IN_DEGREES = {"WIDTH": "0.001", "WEST": "19.98", "HEIGHT": "0.001", "NORTH": "10.02"}


def without_crs(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.tif", DATA, UTM, None)))


def set_crs(asked: Asked, message: str) -> None:
    rio(message, **{"EPSG:…": "EPSG:32634", "FILE": asked.uri})


def put_prj(asked: Asked, message: str) -> None:
    assert ".prj file of its name beside it" in message
    Path(asked.uri).with_suffix(".prj").write_text(rasterio.crs.CRS.from_epsg(32634).to_wkt())


def without_place(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.tif", DATA, None, "EPSG:32634")))


def set_transform(asked: Asked, message: str) -> None:
    rio(message, FILE=asked.uri, **IN_UTM)


def put_world_file(asked: Asked, message: str) -> None:
    assert ".tfw" in message
    Path(asked.uri).with_suffix(".tfw").write_text(f"1\n0\n0\n-1\n{UTM.c + 0.5}\n{UTM.f - 0.5}\n")


def swapped(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.tif", DATA, Affine(0.001, 0, 10.0, 0, -0.001, 120.0), "EPSG:4326")))


def set_degrees(asked: Asked, message: str) -> None:
    rio(message, FILE=asked.uri, **IN_DEGREES)


def one_block(folder: Path) -> Asked:
    side = 23_552
    where = transform_around("EPSG:3857", lat=LAT, lon=LON, width=side, height=side, pixel=1.0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8", "crs": "EPSG:3857"}
    tiling = {"tiled": True, "blockxsize": side, "blockysize": side, "sparse_ok": True, "transform": where}
    with rasterio.open(folder / "a.tif", "w", **profile, **tiling):
        pass
    return Asked(str(folder / "a.tif"))


def no_overviews(folder: Path) -> Asked:
    side = 40_960
    where = transform_around("EPSG:3857", lat=LAT, lon=LON, width=side, height=side, pixel=1.0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 1, "dtype": "uint8", "crs": "EPSG:3857"}
    with rasterio.open(folder / "a.tif", "w", tiled=True, sparse_ok=True, transform=where, **profile):
        pass
    return Asked(str(folder / "a.tif"), size_m=40_000.0)


def smaller_tiles(asked: Asked, message: str) -> None:
    assert "choose smaller tiles" in message
    asked.size_m = 500.0


def of_envi(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.img", DATA, UTM, "EPSG:32634", driver="ENVI")))


def of_a_site(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.tif", DATA, UTM, 'LOCAL_CS["site",UNIT["metre",1]]')))


def huge_pixels(folder: Path) -> Asked:
    return Asked(str(write_raster(folder / "a.tif", DATA, Affine(1e9, 0, UTM.c, 0, -1, UTM.f), "EPSG:32634")))


def broken_world_file(folder: Path) -> Asked:
    asked = without_place(folder)
    Path(asked.uri).with_suffix(".tfw").write_text("1 0 0 -1")
    return asked


def write_world_file(asked: Asked, message: str) -> None:
    assert "its world file a.tfw is not six numbers, one a line, that place it: write it anew" in message
    Path(asked.uri).with_suffix(".tfw").write_text(f"1\n0\n0\n-1\n{UTM.c + 0.5}\n{UTM.f - 0.5}\n")


def broken_prj(folder: Path) -> Asked:
    asked = without_crs(folder)
    Path(asked.uri).with_suffix(".prj").write_text("UTM 34 north")
    return asked


def write_prj(asked: Asked, message: str) -> None:
    assert "write it as WKT" in message
    Path(asked.uri).with_suffix(".prj").write_text(rasterio.crs.CRS.from_epsg(32634).to_wkt())


def nothing_but_quality(folder: Path) -> Asked:
    write_raster(folder / "T34PAA_20230801T045701_SCL_20m.tif", DATA, UTM, "EPSG:32634")
    return Asked(str(folder))


def bands_of_two_sizes(folder: Path) -> Asked:
    for band, step in ((2, 2), (3, 1), (4, 1)):
        path = folder / f"LC08_L2SP_183053_20230801_20230811_02_T1_SR_B{band}.tif"
        write_raster(path, DATA[:, ::step, ::step], UTM * Affine.scale(step), "EPSG:32634")
    return Asked(str(folder))


def choose_layer(asked: Asked, message: str) -> None:
    named = re.search(r"--asset(?: (SCL))?", message)
    assert named is not None
    asked.options["asset"] = named[1] or "SR_B4"


def odd_name(folder: Path) -> Asked:
    path = folder / "caf\udce9.tif"
    path.write_bytes(pattern_raster(folder / "x.tif", size=60).read_bytes())
    return Asked(str(path))


def rename(asked: Asked, message: str) -> None:
    assert "rename it" in message
    asked.uri = str(Path(asked.uri).rename(Path(asked.uri).with_name("coffee.tif")))


def half_a_vrt(folder: Path) -> Asked:
    source = "<SimpleSource><SourceFilename relativeToVRT='1'>a.tif</SourceFilename></SimpleSource>"
    band = f"<VRTRasterBand dataType='Byte' band='1'>{source}</VRTRasterBand>"
    where = f"{UTM.c},1,0,{UTM.f},0,-1"
    (folder / "a.vrt").write_text(
        f"<VRTDataset rasterXSize='40' rasterYSize='40'><SRS>EPSG:32634</SRS><GeoTransform>{where}</GeoTransform>{band}"
        "</VRTDataset>"
    )
    return Asked(str(folder / "a.vrt"))


def put_source(asked: Asked, message: str) -> None:
    named = re.search(r"its source (\S+): there is no such file", message)
    assert named is not None
    write_raster(Path(named[1]), DATA, UTM, "EPSG:32634")


def south_rows(folder: Path) -> Asked:
    (tiles(folder, tms=True) / "metadata.json").write_text('{"scheme": "tms"}')
    return Asked(f"{folder}/{{z}}/{{x}}/{{y}}.png")


def write_south(asked: Asked, message: str) -> None:
    assert "write {-y} for {y}" in message
    asked.uri = asked.uri.replace("{y}", "{-y}")


def north_rows(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"scheme": "xyz"}')
    return Asked(str(folder), options={"tms": True})


def bounds_against_tms(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"bounds": "19.9,9.9,20.1,10.1"}')
    return Asked(str(folder), options={"tms": True})


def no_tms(asked: Asked, message: str) -> None:
    assert "leave --tms out" in message
    asked.options.pop("tms")


def bounds_elsewhere(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"bounds": "100,9.9,101,10.1"}')
    return Asked(str(folder))


def against_itself(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"scheme": "tms", "bounds": "19.9,9.9,20.1,10.1"}')
    return Asked(str(folder))


def broken_metadata(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text("{")
    return Asked(str(folder))


def remove(asked: Asked, message: str) -> None:
    assert re.search("(correct|mend) or remove", message)
    (Path(asked.uri) / "metadata.json").unlink()


def unknown_scheme(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"scheme": "zxy"}')
    return Asked(str(folder))


def zooms_turned_round(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"minzoom": 17, "maxzoom": 3}')
    return Asked(str(folder))


def bounds_of_three(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"bounds": "19.9,9.9,20.1"}')
    return Asked(str(folder))


def correct_it(asked: Asked, message: str) -> None:
    assert "correct" in message
    (Path(asked.uri) / "metadata.json").write_text(
        '{"scheme": "xyz", "minzoom": 3, "maxzoom": 17, "bounds": "19.9,9.9,20.1,10.1"}'
    )


def two_that_disagree(folder: Path) -> Asked:
    (tiles(folder) / "metadata.json").write_text('{"scheme": "tms"}')
    (folder / "tiles.json").write_text('{"tilejson": "2.2.0", "scheme": "xyz", "tiles": ["{z}/{x}/{y}.png"]}')
    return Asked(str(folder))


def remove_wrong_one(asked: Asked, message: str) -> None:
    assert "remove the one that is wrong" in message
    (Path(asked.uri) / "metadata.json").unlink()


def tiles_and_a_raster(folder: Path) -> Asked:
    pattern_raster(tiles(folder / "both") / "image.tif", size=60)
    return Asked(str(folder / "both"))


def give_template(asked: Asked, message: str) -> None:
    named = re.search(r"give (\S+) for the tiles", message)
    assert named is not None
    asked.uri = named[1]


def give_own_path(asked: Asked, message: str) -> None:
    named = re.search(r"it holds map tiles, and (\S+) among them", message)
    assert named is not None and "for rasters give a file's own path" in message
    asked.uri = named[1]


def move_tiles(asked: Asked, message: str) -> None:
    assert "or move the tiles into a folder of their own" in message
    (Path(asked.uri) / "17").rename(Path(asked.uri).with_name("17"))


def chip_elsewhere(folder: Path) -> Asked:
    (folder / "chips").mkdir()
    Image.new("RGB", (9, 9)).save(folder / "1.png")
    (folder / "chips" / "manifest.csv").write_text("path,lat,lon,size_m\n../1.png,10,20,100\n")
    return Asked(str(folder / "chips"))


def put_beside(asked: Asked, message: str) -> None:
    assert "put the chips beside it" in message
    folder = Path(asked.uri)
    (folder.parent / "1.png").rename(folder / "1.png")
    (folder / "manifest.csv").write_text("path,lat,lon,size_m\n1.png,10,20,100\n")


def level_names(folder: Path) -> Asked:
    tiles(folder, "0/{x}/{y}.png", tms=True)
    tile_map = (
        '<TileMap><SRS>EPSG:3857</SRS><TileSets><TileSet href="0" units-per-pixel="1.19433"/></TileSets></TileMap>'
    )
    (folder / "tilemapresource.xml").write_text(tile_map)
    return Asked(str(folder))


def name_after_zooms(asked: Asked, message: str) -> None:
    assert "which is zoom 17 of Web Mercator: name the folders after zooms, and correct or remove that file" in message
    root = Path(asked.uri)
    (root / "0").rename(root / "17")
    (root / "tilemapresource.xml").write_text((root / "tilemapresource.xml").read_text().replace('"0"', '"17"'))


def other_system(folder: Path) -> Asked:
    (tiles(folder / "t") / "metadata.json").write_text('{"crs": "EPSG:4326"}')
    pattern_raster(folder / "image.tif", size=60)
    return Asked(str(folder / "t"))


def give_image(asked: Asked, message: str) -> None:
    assert "give the image that they were cut from" in message
    asked.uri = str(Path(asked.uri).with_name("image.tif"))


def retina(folder: Path) -> Asked:
    tiles(folder, "17/{x}/{y}@2x.png")
    return Asked(f"{folder}/{{z}}/{{x}}/{{y}}{{r}}.png")


def write_it_out(asked: Asked, message: str) -> None:
    assert "{r} is not understood: write what stands there instead" in message
    asked.uri = asked.uri.replace("{r}", "@2x")


def servers(folder: Path) -> Asked:
    tiles(folder / "a")
    return Asked(f"{folder}/{{s}}/{{z}}/{{x}}/{{y}}.png")


def write_folder(asked: Asked, message: str) -> None:
    assert "write the folder's name instead" in message
    asked.uri = asked.uri.replace("{s}", "a")


def useless_option(folder: Path) -> Asked:
    return Asked(str(pattern_raster(folder / "a.tif", size=60)), options={"tms": True})


def leave_out(asked: Asked, message: str) -> None:
    assert "has no use for --tms: leave it out" in message
    asked.options.clear()


def dated_pictures(folder: Path) -> Asked:
    (folder / "2022" / "07").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(folder / "2022" / "07" / "1.jpg")
    return Asked(str(folder))


def write_manifest(asked: Asked, message: str) -> None:
    assert "write manifest.csv with a line for each" in message
    (Path(asked.uri) / "manifest.csv").write_text("path,lat,lon,size_m\n2022/07/1.jpg,10,20,100\n")


def wide_tile(folder: Path) -> Asked:
    for z in (17, 10):
        x, y = tile_of(z, lat=LAT, lon=LON)
        path = folder / f"{z}/{x}/{y}.png"
        path.parent.mkdir(parents=True)
        tile_picture(z, x, y, wave_m=20_000.0, side=64).save(path)
    return Asked(str(folder), size_m=12_000.0, options={"zoom": 17})


def in_a_geopackage(folder: Path) -> Asked:
    data = np.full((3, 300, 300), 99, np.uint8)
    where = transform_around("EPSG:32634", lat=LAT, lon=LON, width=300, height=300, pixel=1.0)
    return Asked(str(write_raster(folder / "a.gpkg", data, where, "EPSG:32634", driver="GPKG")))


def convert(asked: Asked, message: str) -> None:
    rio(message, **{"FILE": asked.uri, "NEW.tif": str(Path(asked.uri).with_suffix(".tif"))})
    asked.uri = str(Path(asked.uri).with_suffix(".tif"))


def coarser_zoom(asked: Asked, message: str) -> None:
    assert "or a coarser --zoom if there is one" in message
    asked.options["zoom"] = 10


ADVICE: list[tuple[Callable[[Path], Asked], Callable[[Asked, str], None]]] = [
    (without_crs, set_crs), (without_crs, put_prj), (without_place, set_transform), (without_place, put_world_file),
    (swapped, set_degrees), (no_overviews, smaller_tiles), (odd_name, rename), (half_a_vrt, put_source),
    (south_rows, write_south), (north_rows, no_tms), (bounds_against_tms, no_tms), (bounds_elsewhere, remove),
    (against_itself, remove), (broken_metadata, remove), (level_names, name_after_zooms), (other_system, give_image),
    (retina, write_it_out), (servers, write_folder), (useless_option, leave_out), (dated_pictures, write_manifest),
    (wide_tile, coarser_zoom), (in_a_geopackage, convert), (of_envi, convert), (of_a_site, set_crs),
    (huge_pixels, set_transform), (broken_world_file, write_world_file), (broken_prj, write_prj),
    (nothing_but_quality, choose_layer), (bands_of_two_sizes, choose_layer), (unknown_scheme, correct_it),
    (zooms_turned_round, correct_it), (bounds_of_three, correct_it), (bounds_of_three, remove),
    (two_that_disagree, remove_wrong_one), (tiles_and_a_raster, give_template), (tiles_and_a_raster, give_own_path),
    (tiles_and_a_raster, move_tiles), (chip_elsewhere, put_beside),
]  # fmt: skip


@pytest.mark.parametrize(("make", "follow"), ADVICE, ids=[f"{make.__name__}-{do.__name__}" for make, do in ADVICE])
def test_what_an_error_says_to_do_works(
    tmp_path: Path, make: Callable[[Path], Asked], follow: Callable[[Asked, str], None]
) -> None:
    asked = make(tmp_path)
    with pytest.raises(GroundcastError) as caught:
        asked.read()
    follow(asked, str(caught.value))
    asked.read()


@pytest.mark.parametrize(
    ("make", "sparse"), [(one_block, {"NEW.tif": "b.tif"}), (no_overviews, {})], ids=["blocks", "overviews"]
)
def test_the_commands_that_rewrite_a_file_are_as_rio_takes_them(
    tmp_path: Path, make: Callable[[Path], Asked], sparse: dict[str, str]
) -> None:
    asked = make(tmp_path)
    with pytest.raises(GroundcastError) as caught:
        asked.read()
    small = str(pattern_raster(tmp_path / "small.tif", size=600))  # the large one would take minutes
    rio(str(caught.value), FILE=small, **{name: str(tmp_path / value) for name, value in sparse.items()})
    with rasterio.open(tmp_path / sparse.get("NEW.tif", "small.tif")) as done:
        assert done.block_shapes[0][0] <= 512 and done.overviews(1)
