"""STAC documents and searches, from disk and from a server on this machine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from local_server import serving
from make_data import pattern_raster, transform_around, write_raster

from ingest.geo.geometry import Footprint
from ingest.opening import open_source
from ingest.sources.rasters.raster import RasterSource
from ingest.sources.source import SourceOptions
from ingest.sources.stac import stac_entries
from trainer.errors import SourceError, UsageError

HERE = Footprint(10.0, 20.0, 100.0)


def item(name: str, when: str | None, assets: dict[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "id": name,
        "geometry": {"type": "Point", "coordinates": [20.0, 10.0]}, "bbox": [19.9, 9.9, 20.1, 10.1],
        "properties": {"datetime": when, **properties}, "links": [], "assets": assets,
    }  # fmt: skip


def tif(href: str, **more: Any) -> dict[str, Any]:
    return {"href": href, "type": "image/tiff; application=geotiff; profile=cloud-optimized", "roles": ["data"], **more}


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def opened(uri: object, **options: Any) -> RasterSource:
    source = open_source(str(uri), SourceOptions(**options))
    assert isinstance(source, RasterSource)
    return source


def test_an_item_gives_its_picture_and_its_date(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    assets = {"image": tif("./a.tif"), "thumbnail": {"href": "./t.png", "type": "image/png", "roles": ["thumbnail"]}}
    with opened(write(tmp_path / "item.json", item("one", "2021-06-01T10:00:00Z", assets))) as source:
        chip = source.read(HERE, 32)
        assert chip.valid.all() and chip.acquired_at == datetime(2021, 6, 1, 10, tzinfo=UTC)


def test_an_item_of_a_period_is_dated_by_its_start(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    period = {"start_datetime": "2021-06-01T00:00:00Z", "end_datetime": "2021-06-30T00:00:00Z"}
    with opened(write(tmp_path / "item.json", item("one", None, {"visual": tif("./a.tif")}, **period))) as source:
        assert source.read(HERE, 8).acquired_at == datetime(2021, 6, 1, tzinfo=UTC)


def test_of_several_items_the_newest_is_on_top_and_bad_ones_are_problems(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "old.tif")
    pattern_raster(tmp_path / "new.tif", wave_m=50)
    (tmp_path / "broken.tif").write_text("no raster")
    features = [
        item("old", "2019-01-01T00:00:00Z", {"visual": tif("old.tif")}),
        item("new", "2022-01-01T00:00:00Z", {"visual": tif("new.tif")}),
        item("none", "2023-01-01T00:00:00Z", {"meta": {"href": "m.xml", "type": "text/xml"}}),
        item("broken", "2024-01-01T00:00:00Z", {"visual": tif("broken.tif")}),
    ]
    path = write(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})
    with opened(path) as source:
        chip = source.read(HERE, 16)
        assert chip.origin.endswith("new.tif") and chip.acquired_at == datetime(2022, 1, 1, tzinfo=UTC)
        assert [p.reason for p in source.problems] == ["no_asset", "not_a_raster"]


def test_which_asset_to_read_is_asked_for_where_it_is_not_clear(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "red.tif")
    pattern_raster(tmp_path / "nir.tif")
    path = write(
        tmp_path / "item.json", item("one", "2021-06-01T10:00:00Z", {"B04": tif("red.tif"), "B08": tif("nir.tif")})
    )
    with pytest.raises(
        SourceError, match="several of its assets are rasters; name one with the asset option: B04, B08"
    ):
        opened(path)
    with pytest.raises(SourceError, match="no asset 'B99'; it has B04, B08"):
        opened(path, asset="B99")
    with opened(path, asset="B08") as source:
        assert source.read(HERE, 8).origin.endswith("nir.tif")


def test_what_is_no_stac_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not STAC"):
        opened(write(tmp_path / "a.json", {"hello": 1}))
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(SourceError, match="not JSON"):
        opened(tmp_path / "b.json")
    with pytest.raises(SourceError, match="no STAC item"):
        opened(write(tmp_path / "c.geojson", {"type": "FeatureCollection", "features": [{"type": "Feature"}]}))
    with pytest.raises(SourceError, match="no items"):
        opened(write(tmp_path / "d.geojson", {"type": "FeatureCollection", "features": []}))


def catalogue(root: Path) -> Path:
    """A static catalogue: catalog → collection → item → a raster."""
    pattern_raster(root / "a.tif", tiled=True)
    one = item("one", "2021-06-01T10:00:00Z", {"visual": tif("./a.tif")})
    write(root / "item.json", one)
    extent = {"spatial": {"bbox": [[19, 9, 21, 11]]}, "temporal": {"interval": [["2021-01-01T00:00:00Z", None]]}}
    common = {"stac_version": "1.0.0", "description": "for tests"}
    collection = common | {
        "type": "Collection", "id": "things", "license": "other", "extent": extent,
        "links": [{"rel": "item", "href": "./item.json"}],
    }  # fmt: skip
    write(root / "collection.json", collection)
    links = [{"rel": "child", "href": "./collection.json"}]
    return write(root / "catalog.json", common | {"type": "Catalog", "id": "all", "links": links})


def test_a_static_catalogue_is_walked(tmp_path: Path) -> None:
    for path in (catalogue(tmp_path), tmp_path / "collection.json"):
        with opened(path) as source:
            assert source.read(HERE, 8).acquired_at == datetime(2021, 6, 1, 10, tzinfo=UTC)


class ApiHandler(SimpleHTTPRequestHandler):
    """Files of a folder with range requests, and a STAC API with one item that checks what it is asked."""

    asked: list[dict[str, list[str]]]

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        base = f"http://{self.headers['Host']}"
        if url.path == "/api":
            links = [
                {"rel": "self", "href": f"{base}/api"}, {"rel": "root", "href": f"{base}/api"},
                {"rel": "search", "href": f"{base}/api/search", "type": "application/geo+json", "method": "GET"},
            ]  # fmt: skip
            conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
            root = {"type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "d", "links": links}
            self.reply(root | {"conformsTo": conforms})
        elif url.path == "/api/search":
            self.asked.append(parse_qs(url.query))
            found = item("one", "2021-06-01T10:00:00Z", {"visual": tif(f"{base}/a.tif"), "other": tif(f"{base}/b.tif")})
            self.reply({"type": "FeatureCollection", "features": [found | {"collection": "things"}], "links": []})
        elif url.path.endswith(".tif") and "Range" in self.headers:
            data = (Path(self.directory) / url.path[1:]).read_bytes()
            first, _, last = self.headers["Range"].removeprefix("bytes=").partition("-")
            end = min(int(last or len(data)), len(data) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{end}/{len(data)}")
            self.send_header("Content-Length", str(end + 1 - int(first)))
            self.end_headers()
            self.wfile.write(data[int(first) : end + 1])
        else:
            super().do_GET()

    def reply(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[str]:
    catalogue(tmp_path)
    ApiHandler.asked = []
    with serving(partial(ApiHandler, directory=str(tmp_path))) as url:
        yield url


def test_documents_and_rasters_are_read_over_http(api: str) -> None:
    for name in ("item.json", "catalog.json"):
        with opened(f"{api}/{name}") as source:
            assert source.read(HERE, 16).valid.all()
    with opened(f"{api}/a.tif") as source:
        assert source.read(HERE, 16).valid.all()


def test_what_comes_from_the_web_leads_to_no_file_of_this_machine(api: str) -> None:
    document = json.dumps(item("a", "2020-01-01T00:00:00Z", {"visual": tif("file:///tmp/secret.tif")}))
    with pytest.raises(SourceError, match=r"item a: it names .*secret\.tif.* leads to no file of this machine"):
        stac_entries(f"{api}/item.json", SourceOptions(), json.loads(document))


def test_a_catalogue_of_the_web_leads_to_no_document_of_this_machine(api: str, tmp_path: Path) -> None:
    inner = write(tmp_path / "item.json", item("a", "2020-01-01T00:00:00Z", {"visual": tif("./a.tif")}))
    links = [{"rel": "item", "href": inner.as_uri()}]
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "root", "description": "-", "links": links}
    with pytest.raises(SourceError, match=r"not_allowed 1"):
        stac_entries(f"{api}/catalog.json", SourceOptions(), root)


def test_an_item_on_disk_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "items").mkdir()
    pattern_raster(tmp_path / "a.tif")
    path = write(tmp_path / "items" / "item.json", item("a", "2020-01-01T00:00:00Z", {"visual": tif("../a.tif")}))
    with pytest.raises(SourceError, match=r"item a: it names .*put it there, or name its folder in the setting"):
        opened(path)
    with opened(path, beyond=(str(tmp_path),)) as source:
        assert source.read(HERE, 32).valid.all()


def test_a_search_asks_the_api(api: str) -> None:
    with opened(
        f"stac+{api}/api/search?collections=things&bbox=19,9,21,11&datetime=2021-01-01/2021-12-31&asset=visual"
    ) as source:
        chip = source.read(HERE, 16)
        assert chip.valid.all() and chip.acquired_at == datetime(2021, 6, 1, 10, tzinfo=UTC)
    (asked,) = ApiHandler.asked
    assert asked["collections"] == ["things"] and asked["bbox"] == ["19.0,9.0,21.0,11.0"]
    assert asked["datetime"][0].startswith("2021-01-01")


def test_a_search_with_a_word_it_does_not_know_is_wrong_usage(api: str) -> None:
    with pytest.raises(UsageError, match="cloud is not understood; known: collections"):
        opened(f"stac+{api}/api/search?cloud=10")


def test_a_raster_that_is_not_on_the_server_says_so(api: str) -> None:
    with pytest.raises(SourceError, match=r"missing\.tif: cannot be opened over HTTP"):
        opened(f"{api}/missing.tif")
    with pytest.raises(SourceError, match="no such document"):
        opened(f"{api}/missing.json")


def bands_item(folder: Path, asset: dict[str, Any], data: np.ndarray, **profile: Any) -> Path:
    """An item of one picture of 128 m, and what it says of it."""
    size = data.shape[-1]
    transform = transform_around("EPSG:3857", lat=10.0, lon=20.0, width=size, height=size, pixel=128 / size)
    write_raster(folder / "a.tif", data, transform, "EPSG:3857", photometric="minisblack", **profile)
    return write(folder / "item.json", item("one", "2021-06-01T10:00:00Z", {"image": tif("./a.tif", **asset)}))


def values(*bands: int, dtype: str = "uint8") -> np.ndarray:
    return np.array(bands, dtype)[:, None, None].repeat(16, 1).repeat(16, 2)


@pytest.mark.parametrize(
    "asset",
    [
        {"eo:bands": [{"name": name, "common_name": name} for name in ("blue", "green", "red", "nir")]},
        {"eo:bands": [{"name": name} for name in ("B02", "B03", "B04", "B08")]},
        {
            "bands": [
                {"name": str(i), "eo:common_name": name} for i, name in enumerate(("blue", "green", "red", "nir08"))
            ]
        },
        {"bands": [{"name": name} for name in ("Blue", "Green", "Red", "NIR")]},
        {
            "eo:bands": [
                {"name": f"b{i}", "description": name} for i, name in enumerate(("blue", "green", "red", "nir"))
            ]
        },
        {"eo:bands": [{"name": f"b{i}", "center_wavelength": at} for i, at in enumerate((0.49, 0.56, 0.665, 0.84))]},
    ],
)
def test_an_item_says_which_band_is_which(tmp_path: Path, asset: dict[str, Any]) -> None:
    path = bands_item(tmp_path, asset, values(10, 20, 30, 40))
    with opened(path) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [30, 20, 10] and source.notes == []
    with opened(path, bands=(1, 2, 3)) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [10, 20, 30]


@pytest.mark.parametrize("of_the_picture", [{"roles": ["visual"]}, {}])
def test_bands_of_several_assets_do_not_turn_round_the_colours_of_one(tmp_path: Path, of_the_picture: dict) -> None:
    document = json.loads(Path(bands_item(tmp_path, of_the_picture, values(10, 20, 30))).read_text())
    document["properties"]["eo:bands"] = [{"name": name} for name in ("Blue", "Green", "Red")]
    document["assets"] |= {} if of_the_picture else {"B08": tif("./b.tif")}
    with opened(write(tmp_path / "item.json", document), asset="image") as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [10, 20, 30]


@pytest.mark.parametrize("key", ["bands", "eo:bands"])
def test_bands_that_stand_with_the_item_are_those_of_its_picture(tmp_path: Path, key: str) -> None:
    path = bands_item(tmp_path, {}, values(10, 20, 30, 40))
    document = json.loads(Path(path).read_text())
    document["properties"][key] = [{"name": name} for name in ("Blue", "Green", "Red", "NIR")]
    with opened(write(tmp_path / "item.json", document)) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [30, 20, 10] and source.notes == []


@pytest.mark.parametrize(
    "asset",
    [
        {"raster:bands": [{"nodata": 0}] * 3},
        {"nodata": 0, "bands": [{"name": "r"}, {"name": "g"}, {"name": "b"}]},
        {"nodata": 0},
        {"bands": [{"nodata": "0"}] * 3},
    ],
)
def test_no_data_that_only_the_item_tells_is_no_data(tmp_path: Path, asset: dict[str, Any]) -> None:
    data = values(10, 20, 30)
    data[:, :, 8:] = 0
    with opened(bands_item(tmp_path, asset, data)) as source:
        chip = source.read(Footprint(10.0, 20.0, 120.0), 16)
        assert chip.valid[:, :7].all() and not chip.valid[:, 9:].any()


def test_statistics_scale_and_offset_that_only_the_item_tells_are_used(tmp_path: Path) -> None:
    data = values(1000, 1500, 2000, dtype="uint16")
    statistics = {"minimum": 1000, "maximum": 2000}
    asset = {"raster:bands": [{"statistics": statistics, "scale": 0.0001, "offset": -0.1}] * 3}
    with opened(bands_item(tmp_path, asset, data)) as source:
        assert source.stretch == pytest.approx((0.0, 0.1))
        assert source.read(HERE, 8).image[4, 4].tolist() == pytest.approx([0, 127.5, 255], abs=1)
    wild = {"minimum": 0, "maximum": 65535, "mean": 1500, "stddev": 250}  # one pixel of glint
    with opened(bands_item(tmp_path, {"raster:bands": [{"statistics": wild}] * 3}, data)) as source:
        assert source.stretch == (1000, 2000)


def test_red_green_and_blue_that_are_assets_of_their_own_make_the_picture(tmp_path: Path) -> None:
    transform = transform_around("EPSG:3857", lat=10.0, lon=20.0, width=16, height=16, pixel=8)
    assets: dict[str, Any] = {}
    for key, value in {"blue": 10, "green": 20, "red": 30, "nir08": 99, "qa_pixel": 7, "scl": 4}.items():
        write_raster(tmp_path / f"x_{key}.tif", values(value), transform, "EPSG:3857")
        assets[key] = tif(f"x_{key}.tif")
    with opened(write(tmp_path / "item.json", item("one", "2021-06-01T10:00:00Z", assets))) as source:
        assert source.read(HERE, 8).image[4, 4].tolist() == [30, 20, 10]


def test_a_mask_of_usable_pixels_among_the_assets_masks(tmp_path: Path) -> None:
    transform = transform_around("EPSG:3857", lat=10.0, lon=20.0, width=16, height=16, pixel=8)
    clear = values(1, 0, 0, 0, 0, 0, 0, 0)
    clear[:, :, 8:] = 0
    write_raster(tmp_path / "x_3B_Visual.tif", values(10, 20, 30), transform, "EPSG:3857")
    write_raster(tmp_path / "x_3B_udm2.tif", clear, transform, "EPSG:3857", photometric="minisblack")
    assets = {"visual": tif("x_3B_Visual.tif"), "udm2": tif("x_3B_udm2.tif")}
    with opened(write(tmp_path / "item.json", item("one", "2021-06-01T10:00:00Z", assets))) as source:
        chip = source.read(Footprint(10.0, 20.0, 120.0), 16)
    assert chip.valid[:, :7].all() and not chip.valid[:, 9:].any() and chip.image[8, 2].tolist() == [10, 20, 30]


def test_bad_items_and_links_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = catalogue(tmp_path)
    document = json.loads(path.read_text())
    document["links"] += [{"rel": "item", "href": "./gone.json"}, {"rel": "child", "href": "./text.json"}]
    document["links"] += [{"rel": "item"}, None]  # which name no address
    (tmp_path / "text.json").write_text("{")
    write(tmp_path / "catalog.json", document)
    with opened(path) as source:
        assert source.read(HERE, 8).valid.all()
        assert {Path(p.subject).name: p.reason for p in source.problems} == {
            "gone.json": "missing", "text.json": "bad_item", "catalog.json": "bad_item",
        }  # fmt: skip
    good = item("one", "2021-06-01T10:00:00Z", {"visual": tif("./a.tif")})
    features = [item("undated", None, {"visual": tif("./a.tif")}), {"type": "Feature"}, 7, good]
    with opened(write(tmp_path / "fc.json", {"type": "FeatureCollection", "features": features})) as source:
        assert [p.reason for p in source.problems] == ["bad_item"] * 3 and "fc.json#undated" in source.problems[
            0
        ].subject


def test_an_href_is_a_url_also_of_a_file(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "my scene.tif")
    pattern_raster(tmp_path / "50%20.tif")  # which is really called so
    for href in ("./my%20scene.tif", f"file://{tmp_path}/my%20scene.tif", "./my scene.tif", "./50%20.tif"):
        with opened(
            write(tmp_path / "item.json", item("one", "2021-06-01T10:00:00Z", {"visual": tif(href)}))
        ) as source:
            assert source.read(HERE, 8).valid.all()


def test_an_address_that_cannot_be_read_has_an_alternate(api: str, tmp_path: Path) -> None:
    for other in ("a.tif", f"{api}/a.tif"):
        asset = tif("s3://bucket/a.tif", alternate={"ftp": {"href": "ftp://x/a.tif"}, "https": {"href": other}})
        with opened(write(tmp_path / "i.json", item("one", "2021-06-01T10:00:00Z", {"visual": asset}))) as source:
            assert source.read(HERE, 8).valid.all()


def test_an_object_store_is_read_by_an_address_that_fsspec_signs(
    api: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3fs = pytest.importorskip("s3fs")
    for name, value in {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_ENDPOINT_URL": api}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    (tmp_path / "bucket").mkdir()
    (tmp_path / "a.tif").rename(tmp_path / "bucket" / "a.tif")
    asset = tif("s3://bucket/a.tif")
    with opened(write(tmp_path / "i.json", item("one", "2021-06-01T10:00:00Z", {"visual": asset}))) as source:
        chip = source.read(HERE, 8)
    assert chip.valid.all() and chip.origin == "s3://bucket/a.tif"
    s3fs.S3FileSystem.clear_instance_cache()


def test_an_address_that_nothing_here_reads_says_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "i.json", item("one", "2021-06-01T10:00:00Z", {"visual": tif("abc://bucket/a.tif")}))
    with pytest.raises(SourceError, match=r"abc://bucket/a.tif cannot be read.*object stores"):
        opened(path)


def test_of_more_items_than_are_read_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pattern_raster(tmp_path / "a.tif")
    features = [item(f"{day}", f"2021-06-0{day}T00:00:00Z", {"visual": tif("a.tif")}) for day in (1, 2, 3)]
    path = write(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})
    for most, reasons in ((3, []), (2, ["too_many"])):
        monkeypatch.setattr("ingest.sources.stac.MAX_ITEMS", most)
        with opened(path) as source:
            assert [problem.reason for problem in source.problems] == reasons


def test_an_asset_in_a_store_that_does_not_open_costs_its_item_alone(tmp_path: Path) -> None:
    pattern_raster(tmp_path / "a.tif")
    hrefs = ("a.tif", f"zip://a.tif::{tmp_path}/none.zip")
    features = [item(f"{i}", f"2021-06-0{i}T00:00:00Z", {"visual": tif(href)}) for i, href in enumerate(hrefs, start=1)]
    with opened(write(tmp_path / "items.json", {"type": "FeatureCollection", "features": features})) as source:
        assert source.read(HERE, 8).valid.all()
        assert [problem.reason for problem in source.problems] == ["unsupported"]
