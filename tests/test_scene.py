"""A folder of raster files as scenes: the picture is chosen or put together, masks mask, quality is no imagery."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from make_data import transform_around, write_raster
from rasterio.enums import ColorInterp
from rasterio.shutil import copy

from ingest.catalog.catalog import Collection
from ingest.geo.geometry import Footprint
from ingest.geo.grid import Grid
from ingest.jobs.items import GridIntake
from ingest.jobs.plan import job_id
from ingest.opening import open_source
from ingest.sources.rasters.raster import RasterSource
from ingest.sources.source import Chip, SourceOptions, by_reason
from trainer.errors import SourceError

HERE = Footprint(10.0, 20.0, 100.0)
WHOLE = Footprint(10.0, 20.0, 250.0)
GREY = (ColorInterp.gray, *[ColorInterp.undefined] * 7)
HALVES = np.repeat([[0, 1]], 32, axis=1).repeat(64, 0)  # 0 in the west, 1 in the east
RAMP = np.linspace(0, 1, 64)[None].repeat(64, 0)

SAFE = "S2A_X.SAFE/GRANULE/L2A_T45RUL_A042000_20230801T050000/IMG_DATA"
S2 = "T45RUL_20230801T045701"
L8 = "LC08_L2SP_141041_20230801_20230805_02_T1"
L7 = "LE07_L2SP_141041_20030801_20200805_02_T1"
HLS = "HLS.S30.T45RUL.2023213T045701.v2.0"
PLANET = "20230801_045512_12_2486_3B"


def layer(path: Path, bands: list[Any], dtype: str = "uint8", *, px: int = 64, **more: Any) -> Path:
    """A file over the same 256 m, of one value a band or of an array."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.stack([np.broadcast_to(np.asarray(band, dtype), (px, px)) for band in bands])
    transform = transform_around("EPSG:3857", lat=10.0, lon=20.0, width=px, height=px, pixel=256 / px)
    more.setdefault("colorinterp", GREY[: len(bands)])
    return write_raster(path, data, transform, "EPSG:3857", **more)


def opened(folder: Path, **options: Any) -> RasterSource:
    source = open_source(str(folder), SourceOptions(**options))
    assert isinstance(source, RasterSource)
    return source


def read(folder: Path, footprint: Footprint = HERE, **options: Any) -> Chip:
    with opened(folder, **options) as source:
        return source.read(footprint, 16)


def middle(folder: Path, **options: Any) -> list[int]:
    return read(folder, **options).image[8, 8].tolist()  # type: ignore[no-any-return]


def bands_of_a_scene(folder: Path, names: dict[str, float], suffix: str = ".tif") -> None:
    """Single bands of 16 bits, each of one value."""
    for name, value in names.items():
        layer(folder / f"{name}{suffix}", [value], "uint16")


def test_the_true_colour_picture_of_a_safe_is_shown(tmp_path: Path) -> None:
    image = tmp_path / SAFE
    for res, px in ((10, 64), (20, 32)):
        layer(image / f"R{res}m" / f"{S2}_TCI_{res}m.tif", [10, 20, 30 + res], px=px)
    bands_of_a_scene(image / "R10m", {f"{S2}_{name}_10m": 500 for name in ("AOT", "WVP", "B02", "B03", "B04", "B08")})
    bands_of_a_scene(image / "R20m", {f"{S2}_SCL_20m": 4, f"{S2}_B8A_20m": 9, f"{S2}_B02_20m": 700})
    layer(tmp_path / "S2A_X.SAFE/GRANULE/x/QI_DATA/MSK_CLDPRB_20m.tif", [0])
    with opened(tmp_path) as source:
        assert source.read(HERE, 16).image[8, 8].tolist() == [10, 20, 40]  # the finest of them
        told = {note.reason: note.message for note in source.notes}
        assert "TCI is shown, not B02, B03, B04, B08, B8A; choose with --asset" in told["layer"]
        left_out = {Path(note.subject).stem for note in source.notes if note.reason == "not_imagery"}
        assert left_out == {f"{S2}_AOT_10m", f"{S2}_WVP_10m", f"{S2}_SCL_20m", "MSK_CLDPRB_20m"}
    assert read(tmp_path, asset="B08", scale=(0, 1000)).image[8, 8].tolist() == [128] * 3
    # of two resolutions the finest, but for the name of a file
    assert read(tmp_path, asset="B02", scale=(0, 1000)).image[8, 8].tolist() == [128] * 3
    assert read(tmp_path, asset=f"{S2}_B02_20m", scale=(0, 1000)).image[8, 8].tolist() == [178] * 3


@pytest.mark.parametrize(
    ("names", "others"),
    [
        ((f"{S2}_B04_10m", f"{S2}_B03_10m", f"{S2}_B02_10m"), (f"{S2}_AOT_10m", f"{S2}_B08_10m", f"{S2}_SCL_20m")),
        (
            (f"{L8}_SR_B4", f"{L8}_SR_B3", f"{L8}_SR_B2"),
            (f"{L8}_QA_PIXEL", f"{L8}_SR_QA_AEROSOL", f"{L8}_SR_B1", f"{L8}_SR_B5", f"{L8}_ST_B10", f"{L8}_ST_QA"),
        ),
        ((f"{L7}_SR_B3", f"{L7}_SR_B2", f"{L7}_SR_B1"), (f"{L7}_SR_B4", f"{L7}_SR_CLOUD_QA", f"{L7}_ST_B6")),
        ((f"{HLS}.B04", f"{HLS}.B03", f"{HLS}.B02"), (f"{HLS}.Fmask", f"{HLS}.B8A", f"{HLS}.SAA")),
        (("B04", "B03", "B02"), ("SCL", "B08", "B11")),
        (
            (f"{L8}_sr_band4", f"{L8}_sr_band3", f"{L8}_sr_band2"),
            (f"{L8}_pixel_qa", f"{L8}_sr_band5", f"{L8}_sr_aerosol"),
        ),
        (("2023_L2A_B04_(Raw)", "2023_L2A_B03_(Raw)", "2023_L2A_B02_(Raw)"), ("2023_L2A_B08_(Raw)",)),
        (("town_red", "town_green", "town_blue"), ("town_nir", "town_red_edge", "town_qa")),
    ],
)
def test_red_green_and_blue_that_are_files_of_their_own_make_the_picture(
    tmp_path: Path, names: tuple[str, ...], others: tuple[str, ...]
) -> None:
    bands_of_a_scene(tmp_path, dict(zip(names, (2550, 1275, 510), strict=True)))
    bands_of_a_scene(tmp_path, dict.fromkeys(others, 9999))
    with opened(tmp_path, scale=(0.0, 2550.0)) as source:
        assert source.read(HERE, 16).image[8, 8].tolist() == [255, 128, 51]
        assert source.problems == []
        before = source.fingerprint()
    bands_of_a_scene(tmp_path, {names[1]: 1300})
    with opened(tmp_path, scale=(0.0, 2550.0)) as source:
        assert source.fingerprint() != before  # of each of its three files


def test_nodata_scale_and_offset_of_bands_stay_with_the_picture_made_of_them(tmp_path: Path) -> None:
    for name in ("B4", "B3", "B2"):
        values = np.where(HALVES == 0, 0, 7273 + RAMP * 7273)
        path = layer(tmp_path / f"{L8}_SR_{name}.TIF", [values], "uint16", nodata=0)
        with rasterio.open(path, "r+") as file:
            file.scales, file.offsets = [2.75e-5], [-0.2]
    with opened(tmp_path) as source:
        chip = source.read(WHOLE, 32)
        low, high = source.stretch  # type: ignore[misc]
    assert not chip.valid[:, :15].any() and chip.valid[:, 17:].all()
    assert low == pytest.approx(0.10, abs=0.02) and high == pytest.approx(0.20, abs=0.02)


@pytest.mark.parametrize("with_udm", [False, True])
def test_a_mask_of_usable_pixels_masks(tmp_path: Path, with_udm: bool) -> None:
    layer(tmp_path / f"{PLANET}_Visual_clip.tif", [10, 20, 30])
    layer(tmp_path / f"{PLANET}_AnalyticMS_SR_clip.tif", [400, 300, 200, 900], "uint16")
    layer(tmp_path / f"{PLANET}_udm2_clip.tif", [HALVES, *[0] * 7], px=64)
    if with_udm:  # which udm2 has replaced
        layer(tmp_path / f"{PLANET}_AnalyticMS_DN_udm_clip.tif", [0])
    (tmp_path / f"{PLANET}_metadata.json").write_text("{}")
    for options in ({}, {"asset": "AnalyticMS_SR", "scale": (0.0, 255.0)}):
        chip = read(tmp_path, WHOLE, **options)
        assert not chip.valid[:, :7].any() and chip.valid[:, 9:].all()
    assert read(tmp_path, WHOLE).image[8, 12].tolist() == [10, 20, 30]


def test_an_old_mask_of_unusable_pixels_masks_where_a_flag_is_set(tmp_path: Path) -> None:
    layer(tmp_path / f"{PLANET}_AnalyticMS.tif", [200, 300, 400, 900], "uint16")
    layer(tmp_path / f"{PLANET}_AnalyticMS_DN_udm.tif", [(1 - HALVES) * 2], px=64)
    chip = read(tmp_path, WHOLE, scale=(0.0, 510.0))
    assert not chip.valid[:, :7].any() and chip.valid[:, 9:].all()
    assert chip.image[8, 12].tolist() == [200, 150, 100]  # blue, green, red, as the product's name says


def test_of_multispectral_panchromatic_and_browse_the_colours_are_shown(tmp_path: Path) -> None:
    order = "052903564050_01_P001"
    layer(tmp_path / f"{order}_PAN/10FEB12034523-P2AS-{order}.TIF", [700], "uint16", px=256)
    layer(tmp_path / f"{order}_MUL/10FEB12034523-M2AS-{order}.TIF", [100, 200, 300, 900], "uint16")
    layer(tmp_path / f"{order}_MUL/10FEB12034523-M2AS-{order}-BROWSE.TIF", [1, 2, 3])
    assert middle(tmp_path, scale=(0.0, 510.0)) == [150, 100, 50]


def test_heights_beside_an_orthophoto_are_no_imagery(tmp_path: Path) -> None:
    layer(tmp_path / "odm_orthophoto/odm_orthophoto.tif", [10, 20, 30])
    layer(tmp_path / "odm_dem/dsm.tif", [500.5], "float32")
    assert middle(tmp_path) == [10, 20, 30]


def test_scenes_of_a_folder_are_told_apart(tmp_path: Path) -> None:
    """One is of bands, one has a picture; of a third only infrared is there, which stops neither."""
    bands_of_a_scene(tmp_path, {"a_red": 255, "a_green": 128, "a_blue": 51})
    bands_of_a_scene(tmp_path, {"c_nir": 5, "c_swir1": 6})
    away = transform_around("EPSG:3857", lat=10.0, lon=21.0, width=64, height=64, pixel=4.0)
    write_raster(tmp_path / "b_rgb.tif", np.full((3, 64, 64), 77, np.uint8), away, "EPSG:3857")
    with opened(tmp_path, scale=(0.0, 255.0)) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [255, 128, 51]
        assert source.read(Footprint(10.0, 21.0, 100.0), 8).image[4, 4].tolist() == [77] * 3
        (problem,) = source.problems
    assert problem.reason == "ambiguous_layers" and "nir, swir1" in problem.message


def test_layers_that_nothing_tells_apart_are_refused_and_can_be_chosen(tmp_path: Path) -> None:
    layer(tmp_path / "first.tif", [10, 20, 30])
    layer(tmp_path / "second.tif", [40, 50, 60], px=128)
    with pytest.raises(
        SourceError, match=r"2 files cover the same ground \(first\.tif, second\.tif\).*choose with --asset"
    ):
        opened(tmp_path)
    assert middle(tmp_path, asset="second") == [40, 50, 60]
    assert middle(tmp_path / "first.tif") == [10, 20, 30]
    with pytest.raises(SourceError, match="no file is the layer 'third'; there are first, second"):
        opened(tmp_path, asset="third")


def test_layers_that_are_called_the_same_are_told_by_their_folders(tmp_path: Path) -> None:
    layer(tmp_path / "images" / "a.tif", [10, 20, 30])
    layer(tmp_path / "labels" / "a.tif", [1])
    with pytest.raises(SourceError) as caught:
        opened(tmp_path)
    told = str(caught.value)
    assert f"{tmp_path}: 2 files cover the same ground (images/a.tif, labels/a.tif)" in told
    assert "--asset" not in told and "give one file as the source" in told  # it would not choose


def test_the_same_ground_at_other_dates_is_no_layer(tmp_path: Path) -> None:
    layer(tmp_path / "x_20200101.tif", [10, 20, 30])
    layer(tmp_path / "x_20210101.tif", [40, 50, 60])
    assert middle(tmp_path, date_in_name="%Y%m%d") == [40, 50, 60]
    with opened(tmp_path) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [10, 20, 30]
        assert "--date-in-name %Y%m%d reads them" in source.notes[0].message


def test_the_same_ground_in_folders_by_month_is_no_layer(tmp_path: Path) -> None:
    layer(tmp_path / "july/a.tif", [10, 20, 30])
    layer(tmp_path / "august/b.tif", [40, 50, 60])
    with opened(tmp_path) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [40, 50, 60]
        assert "only b.tif, the first by name, is shown" in source.notes[0].message


def test_a_folder_of_nothing_but_quality_is_refused_with_what_there_is(tmp_path: Path) -> None:
    layer(tmp_path / "x_scl.tif", [4])
    layer(tmp_path / "x_aot.tif", [9])
    with pytest.raises(SourceError, match=r"no picture in this folder.*--asset aot"):
        opened(tmp_path)
    assert middle(tmp_path, asset="scl") == [4] * 3  # whoever asks for it gets it
    assert middle(tmp_path / "x_scl.tif") == [4] * 3


def test_bands_on_other_pixels_are_a_problem_that_says_how_to_mend_it(tmp_path: Path) -> None:
    bands_of_a_scene(tmp_path, {"a_red": 255, "a_green": 128})
    layer(tmp_path / "a_blue.tif", [51], "uint16", px=32)
    with pytest.raises(SourceError, match=r"a_blue\.tif is not one band .*gdalbuildvrt -separate"):
        opened(tmp_path)


def test_map_sheets_that_are_called_like_bands_are_each_read(tmp_path: Path) -> None:
    for i, name in enumerate(("B1", "B2", "B3", "B4")):
        place = transform_around("EPSG:3857", lat=10.0, lon=20.0 + i, width=64, height=64, pixel=4.0)
        write_raster(tmp_path / f"{name}.tif", np.full((3, 64, 64), 10 * i + 10, np.uint8), place, "EPSG:3857")
    with opened(tmp_path) as source:
        assert [source.read(Footprint(10.0, 20.0 + i, 100.0), 8).image.max() for i in range(4)] == [10, 20, 30, 40]


def test_the_choice_stands_in_the_notes_of_the_job(tmp_path: Path) -> None:

    bands_of_a_scene(tmp_path, {"a_red": 255, "a_green": 128, "a_blue": 51, "a_scl": 4, "a_qa": 1})
    with opened(tmp_path) as source:
        notes = by_reason(GridIntake(source, Grid(60, 60), size_px=8).notes)
    assert len(notes) == 1 and "scl is no picture" in notes[0] and "(and 1 more of this kind)" in notes[0]
    collection = Collection(
        name="c", kind="tiles", model_id="m", dim=2, spec={}, created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    asked = {"source": "x", "options": {}}
    assert job_id(collection, asked, "f") == job_id(collection, asked | {"notes": notes}, "f")


def test_a_vrt_beside_the_file_it_is_made_of_is_no_other_layer(tmp_path: Path) -> None:
    copy(layer(tmp_path / "b.tif", [10, 20, 30]), tmp_path / "a.vrt", driver="VRT")
    with opened(tmp_path) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [10, 20, 30] and source.problems == []
