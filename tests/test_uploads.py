"""What people bring: pictures made harmless, areas read without GDAL's guessing."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from search_ui.service.brought import uploads
from search_ui.service.brought.clean_picture import KEPT_PX, MAX_PICTURE_BYTES
from search_ui.service.brought.uploads import MAX_AREA_BYTES, Uploads, read_area
from trainer.errors import AreaError, MissingError, UploadError

SQUARE = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
KML = """<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{extra}<Placemark><Polygon>
<outerBoundaryIs><LinearRing><coordinates>0,0,5 2,0,5 2,2,5 0,2,5 0,0,5</coordinates></LinearRing></outerBoundaryIs>
<innerBoundaryIs><LinearRing><coordinates>0.5,0.5 1,0.5 1,1 0.5,1 0.5,0.5</coordinates></LinearRing></innerBoundaryIs>
</Polygon></Placemark></Document></kml>"""


def picture(form="JPEG", size=(64, 48), **how) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, form, **how)
    return out.getvalue()


def test_a_picture_is_kept_as_pixels_alone_upright_and_no_larger_than_needed(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "Somebody's name"  # to be turned by 90°
    kept = Uploads(tmp_path / "kept")
    path = kept.path(kept.keep(picture(size=(3000, 2000), exif=exif)))
    with Image.open(path) as image:
        assert image.format == "PNG" and image.height == KEPT_PX > image.width
        assert not image.getexif()
    assert b"Somebody" not in path.read_bytes()


def test_the_same_picture_twice_is_one_file(tmp_path) -> None:
    kept = Uploads(tmp_path)
    assert kept.keep(picture()) == kept.keep(picture())
    assert len(list(tmp_path.glob("*.png"))) == 1


@pytest.mark.parametrize("name", ["../../etc/passwd", "0" * 32, "", "0" * 31 + "/", "a" * 31 + "."])
def test_no_name_leads_out_of_the_folder(tmp_path, name) -> None:
    with pytest.raises(MissingError, match="upload it again"):
        Uploads(tmp_path).path(name)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (picture()[:500], "decoded|cannot be"),
        (picture("GIF"), "is GIF"),
        (b"\0" * (MAX_PICTURE_BYTES + 1), "at most 20"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(tmp_path, content, told) -> None:
    with pytest.raises(UploadError, match=told):
        Uploads(tmp_path).keep(content)
    assert not list(tmp_path.iterdir())


def test_a_small_file_of_very_many_pixels_is_refused_before_it_is_decoded(tmp_path) -> None:
    for mode in ("1", "I;16", "P"):
        out = io.BytesIO()
        Image.new(mode, (9_000, 4_000)).save(out, "PNG", compress_level=1)
        with pytest.raises(UploadError, match=r"9000×4000 pixels, 137 MiB when it is decoded, and at most 128 MiB"):
            Uploads(tmp_path).keep(out.getvalue())


def test_of_a_jpeg_the_size_it_is_decoded_at_counts(tmp_path) -> None:
    out = io.BytesIO()
    Image.new("L", (9_000, 4_000)).convert("RGB").save(out, "JPEG")
    with Image.open(Uploads(tmp_path).path(Uploads(tmp_path).keep(out.getvalue()))) as kept:
        assert kept.size == (1024, 455)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "I;16"])
def test_a_large_picture_of_any_mode_keeps_its_colours(tmp_path, mode) -> None:
    grey = np.tile(np.arange(100, 200, dtype=np.uint8).repeat(15), (40, 1))
    whole = Image.fromarray(grey.astype(np.uint16) * 256) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    out = io.BytesIO()
    whole.save(out, "PNG")
    with Image.open(Uploads(tmp_path).path(Uploads(tmp_path).keep(out.getvalue()))) as kept:
        pixels = np.asarray(kept).astype(int)
    assert kept.mode == "RGB" and np.abs(pixels[10, ::64, 0] - np.linspace(100, 199.5, 1024)[::64]).max() < 3


def test_the_oldest_pictures_go_when_there_are_too_many(tmp_path, monkeypatch) -> None:
    kept = Uploads(tmp_path)
    first = kept.keep(picture(size=(60, 60)))
    monkeypatch.setattr(uploads, "KEPT_BYTES", 15_000)
    last = kept.keep(picture(size=(61, 61)))
    assert kept.path(last)
    with pytest.raises(MissingError):
        kept.path(first)


def test_polygons_of_geojson_and_kml_are_one_area(tmp_path) -> None:
    feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [SQUARE]}}
    document = {"type": "FeatureCollection", "features": [feature]}
    assert read_area(json.dumps(document).encode(), tmp_path, print).area == pytest.approx(1)
    assert read_area(KML.format(extra="").encode(), tmp_path, print).area == pytest.approx(4 - 0.25)
    assert not list(tmp_path.iterdir())


def test_what_of_an_uploaded_area_is_passed_over_is_told_without_a_path(tmp_path) -> None:
    ring = [[179, -17], [-179, -17], [-179, -16], [179, -16], [179, -17]]
    shapes = [{"type": "Polygon", "coordinates": [ring]}, {"type": "Point", "coordinates": [0, 0]}]
    told = []
    area = read_area(json.dumps({"type": "GeometryCollection", "geometries": shapes}).encode(), tmp_path, told.append)
    assert area.area == pytest.approx(2)
    assert [line.split(":")[0] for line in told] == ["the file", "the file"]
    assert read_area(json.dumps({"type": "LineString", "coordinates": ring}).encode(), tmp_path, told.append).equals(
        area
    )
    assert told[-2] == "the file has no polygon: its closed lines (1) are taken for outlines"


def test_a_file_that_would_make_gdal_open_another_file_or_address_does_not(tmp_path) -> None:
    secret = tmp_path / "secret.geojson"
    secret.write_text(json.dumps({"type": "Polygon", "coordinates": [SQUARE]}))
    vrt = f"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>"
    with pytest.raises(UploadError, match="neither GeoJSON nor KML"):
        read_area(f"{vrt}</OGRVRTDataSource>".encode(), tmp_path, print)
    disguised = KML.format(
        extra=f"{vrt}</OGRVRTDataSource><NetworkLink><Link><href>http://127.0.0.1:1/</href></Link></NetworkLink>"
    )
    assert read_area(disguised.encode(), tmp_path, print).area == pytest.approx(
        3.75
    )  # the polygon of the file itself alone


@pytest.mark.parametrize(
    ("content", "error", "told"),
    [
        (b"{", AreaError, "GeoJSON"),
        (b'{"type": "Topology"}', UploadError, "is TopoJSON"),
        (b'{"type": "Link"}', UploadError, "no GeoJSON"),
        (b'{"type": "Polygon", "coordinates": "x"}', AreaError, "GeoJSON"),
        (b'{"type": "FeatureCollection", "features": []}', AreaError, "no polygon"),
        (b"name,lat\n1,2", UploadError, "neither"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><kml/>', AreaError, "entities"),
        (b"<kml>", AreaError, "readable KML"),
        (KML.format(extra="").replace("2,2,5", "x,y").encode(), AreaError, "no number"),
        (b" " * (MAX_AREA_BYTES + 1), UploadError, "at most 5"),
        (b"[" * 100_000, AreaError, "GeoJSON"),
    ],
)
def test_an_area_that_cannot_be_understood_says_why(tmp_path, content, error, told) -> None:
    with pytest.raises(error, match=told):
        read_area(content, tmp_path, print)


def test_too_many_vertices_are_refused(tmp_path) -> None:
    angle = np.linspace(0, 2 * np.pi, 100_002)
    ring = np.round(np.stack([np.cos(angle), np.sin(angle)], axis=1), 5)
    ring[-1] = ring[0]
    content = json.dumps({"type": "Polygon", "coordinates": [ring.tolist()]}).encode()
    with pytest.raises(UploadError, match="vertices"):
        read_area(content, tmp_path, print)
