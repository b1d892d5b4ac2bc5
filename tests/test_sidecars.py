"""What stands beside a photo or in its XMP: read where EXIF is silent, and never taken for another photo's."""

import json
import shutil
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from ingest.photos.folder import GalleryPhoto, PhotoFolder, open_photos
from ingest.photos.sidecars import takeout_names
from ingest.photos.xmp import read_xmp
from trainer.errors import ItemError

TAKEN = {"photoTakenTime": {"timestamp": "1626278700"}, "geoData": {"latitude": 47.5, "longitude": 8.25}}
MOMENT = datetime(2021, 7, 14, 16, 5, tzinfo=UTC)
EVENING = datetime(2021, 7, 14, 18, 5)


def photo(path: Path, *, exif: Image.Exif | None = None, xmp: bytes | None = None) -> Path:
    """A picture whose bytes are no other's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif() if exif is None else exif
    exif[ExifTags.Base.ImageDescription] = path.name
    Image.new("RGB", (8, 6), (90, 120, 60)).save(path, exif=exif, **({} if xmp is None else {"xmp": xmp}))
    return path


def packet(attributes: str = "", elements: str = "") -> bytes:
    names = 'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"'
    return (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"<rdf:Description {names} {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


PLACED = packet('exif:GPSLatitude="47,30.0N" exif:GPSLongitude="8,15.0E" exif:DateTimeOriginal="2021-07-14T18:05:00"')


def only(folder: Path) -> GalleryPhoto:
    gallery = open_photos(folder)
    assert not gallery.problems
    (found,) = gallery.photos
    return found


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("a.jpg", "a.jpg.json"),
        ("a.jpg", "a.jpg.supplemental-metadata.json"),
        ("a.jpg", "a.jpg.supplemental-me.json"),
        ("a.jpg", "a.jpg.s.json"),
        ("a.jpg", "a.json"),
        ("a(1).jpg", "a.jpg(1).json"),
        ("a(1).jpg", "a.jpg.supplemental-metadata(1).json"),
        ("a(1).jpg", "a(1).jpg.json"),
        ("a-edited.jpg", "a.jpg.json"),
        ("a-modifié.jpg", "a.jpg.supplemental-metadata.json"),
        (f"{'n' * 47}.jpg", f"{'n' * 46}.json"),
        (f"{'n' * 42}.jpg", f"{'n' * 42}.jpg..json".replace("..", ".")),
        (f"{'n' * 44}.jpg", f"{'n' * 44}.j.json"),
        ("cafe\N{COMBINING ACUTE ACCENT}.jpg", "caf\N{LATIN SMALL LETTER E WITH ACUTE}.jpg.json"),
    ],
)
def test_every_name_that_takeout_gives_a_sidecar_is_found(tmp_path: Path, name: str, beside: str) -> None:
    photo(tmp_path / name)
    title = name.replace("(1)", "").replace("-edited", "").replace("-modifié", "")
    (tmp_path / beside).write_text(json.dumps(TAKEN | {"title": title}))
    found = only(tmp_path)
    assert (found.lat, found.lon, found.taken_local, found.taken_utc) == (47.5, 8.25, None, MOMENT)


@pytest.mark.parametrize(
    ("name", "beside", "title"),
    [
        ("a.jpg", "b.jpg.json", "b.jpg"),
        ("a.jpg", "a.jpg(1).json", "a.jpg"),
        ("a(1).jpg", "a.jpg.json", "a.jpg"),
        ("a.jpg", "ab.jpg.json", "ab.jpg"),
        ("a.jpg", "a.json", "a.mp4"),
        (f"{'n' * 46}1.jpg", f"{'n' * 46}.json", f"{'n' * 46}2 and more.jpg"),
        ("a.jpg", "metadata.json", "an album"),
    ],
)
def test_the_sidecar_of_another_photo_is_not_taken(tmp_path: Path, name: str, beside: str, title: str) -> None:
    photo(tmp_path / name)
    (tmp_path / beside).write_text(json.dumps(TAKEN | {"title": title}))
    found = only(tmp_path)
    assert (found.lat, found.taken_utc) == (None, None)


def test_the_surest_sidecar_goes_first() -> None:
    names = ["a.json", "a.jpg.supplement.json", "a.jpg.json", "b.jpg.json"]
    assert takeout_names("a.jpg", names) == [("a.jpg.json", True), ("a.jpg.supplement.json", True), ("a.json", False)]


@pytest.mark.parametrize(
    ("document", "place", "moment"),
    [
        ({"geoData": {"latitude": 0.0, "longitude": 0.0}, "photoTakenTime": {"timestamp": "0"}}, (None, None), None),
        (
            {"geoData": {"latitude": 0.0, "longitude": 0.0}, "geoDataExif": {"latitude": -1, "longitude": 2}},
            (-1, 2),
            None,
        ),
        ({"geoData": {"latitude": 95.0, "longitude": 0.0}}, (None, None), None),
        ({"geoData": "x", "photoTakenTime": {"timestamp": "soon"}}, (None, None), None),
        ({"photoTakenTime": {"timestamp": "-86400"}}, (None, None), datetime(1969, 12, 31, tzinfo=UTC)),
    ],
)
def test_what_google_does_not_know_stays_missing(
    tmp_path: Path, document: object, place: object, moment: object
) -> None:
    photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.json").write_text(json.dumps(document))
    found = only(tmp_path)
    assert ((found.lat, found.lon), found.taken_utc) == (place, moment)


def test_a_broken_sidecar_is_noted_and_one_of_another_program_passed_over(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.json").write_text("{")
    assert [note.reason for note in open_photos(tmp_path).notes] == ["sidecar_broken"]
    (tmp_path / "a.jpg.json").write_text("[" * 100_000)
    assert [note.reason for note in open_photos(tmp_path).notes] == ["sidecar_broken"]
    (tmp_path / "a.jpg.json").write_text("[1, 2]")
    assert open_photos(tmp_path).notes == []


def test_exif_goes_before_a_sidecar_and_a_contradiction_is_noted(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2021:07:14 18:05:00"
    photo(tmp_path / "a.jpg", exif=exif)
    beside = tmp_path / "a.jpg.json"
    beside.write_text(json.dumps(TAKEN))
    found = only(tmp_path)
    assert (found.lat, found.taken_local, found.taken_utc) == (47.5, EVENING, MOMENT)
    beside.write_text(json.dumps(TAKEN | {"photoTakenTime": {"timestamp": "1700000000"}}))
    gallery = open_photos(tmp_path)
    assert (gallery.photos[0].taken_local, gallery.photos[0].taken_utc) == (EVENING, None)
    assert [note.reason for note in gallery.notes] == ["times_disagree"]


def test_a_changed_sidecar_changes_the_fingerprint(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    before = open_photos(tmp_path).fingerprint()
    (tmp_path / "a.jpg.json").write_text(json.dumps(TAKEN))
    assert open_photos(tmp_path).fingerprint() != before


# --- XMP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_xmp_in_a_picture_of_any_kind_gives_place_and_wall_clock(tmp_path: Path, suffix: str) -> None:
    if suffix == ".tif":
        Image.new("RGB", (8, 6)).save(tmp_path / "a.tif", tiffinfo={700: PLACED})
    elif suffix == ".png":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", PLACED.decode())
        Image.new("RGB", (8, 6)).save(tmp_path / "a.png", pnginfo=text)
    else:
        photo(tmp_path / f"a{suffix}", xmp=PLACED)
    found = only(tmp_path)
    assert (found.lat, found.lon, found.taken_local, found.taken_utc) == (47.5, 8.25, EVENING, None)


def test_an_xmp_file_beside_a_photo_is_read(tmp_path: Path) -> None:
    for name, beside in (("a.jpg", "a.xmp"), ("b.jpg", "b.jpg.XMP")):
        photo(tmp_path / name)
        (tmp_path / beside).write_bytes(PLACED)
    assert [(found.lat, found.taken_local) for found in open_photos(tmp_path).photos] == [(47.5, EVENING)] * 2


@pytest.mark.parametrize(
    ("xmp", "place", "local"),
    [
        (packet('exif:GPSLatitude="33,51,30S" exif:GPSLongitude="151,12,0E"'), (-(33 + 51.5 / 60), 151.2), None),
        (packet(elements="<exif:GPSLatitude>47.5N</exif:GPSLatitude><exif:GPSLongitude>8.25W</exif:GPSLongitude>"),
         (47.5, -8.25), None),
        (packet('photoshop:DateCreated="2021-07-14T18:05:00+02:00"'), (None, None), EVENING),
        (packet('exif:DateTimeOriginal="2021-07-14"'), (None, None), None),
        (packet('exif:GPSLatitude="47.5" exif:GPSLongitude="8.25"'), (None, None), None),
        (packet('exif:GPSLatitude="47,30.0N"'), (None, None), None),
        (packet('exif:GPSLatitude="0,0.0N" exif:GPSLongitude="0,0.0E"'), (None, None), None),
        (b"<x", (None, None), None),
        (b'<?xml version="1.0" encoding="none"?><x/>', (None, None), None),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', (None, None), None),
    ],
)  # fmt: skip
def test_what_xmp_says(xmp: bytes, place: tuple[float | None, float | None], local: datetime | None) -> None:
    found = read_xmp(xmp)
    assert (found.lat, found.lon) == (pytest.approx(place) if None not in place else place)
    assert found.taken_local == local
    assert bool(found.notes) == (place == (None, None) and local is None)


# --- what is one photo, and what is one name --------------------------------------------------------------------------


def ids(gallery: PhotoFolder) -> list[str]:
    return [found.id for found in gallery.photos]


def test_the_same_picture_twice_is_one_with_what_both_know(tmp_path: Path) -> None:
    photo(tmp_path / "a/x.jpg")
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a/x.jpg", tmp_path / "b/y.jpg")
    (tmp_path / "b/y.jpg.json").write_text(json.dumps(TAKEN))
    photo(tmp_path / "c/z.jpg")  # as large, and another picture
    gallery = open_photos(tmp_path)
    assert ids(gallery) == ["a/x.jpg", "c/z.jpg"]
    assert (gallery.photos[0].lat, gallery.photos[0].taken_utc) == (47.5, MOMENT)
    assert [(copy.subject, copy.reason) for copy in gallery.copies] == [("b/y.jpg", "copy")]
    assert "b/y.jpg' is the same picture as" in gallery.copies[0].message


def test_one_picture_at_two_places_of_a_manifest_is_two_photos(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    rows = "one,a.jpg,47.5,8.25\ntwo,a.jpg,47.6,8.25\nthree,a.jpg,47.5,8.25\n"
    (tmp_path / "m.csv").write_text(f"id,path,lat,lon\n{rows}")
    assert ids(open_photos(tmp_path / "m.csv")) == ["one", "two"]


def test_a_composed_name_in_a_manifest_is_a_decomposed_one_on_disk(tmp_path: Path) -> None:
    folder = tmp_path / unicodedata.normalize("NFD", "été")
    for name in (unicodedata.normalize("NFD", "café.jpg"), "a.jpg"):
        photo(folder / name)
    rows = "été/café.jpg,47.5,8.25\nété/a.jpg,1,2\nété/thé.jpg,1,2\n"
    (tmp_path / "m.csv").write_text(f"path,lat,lon\n{rows}", encoding="utf-8")
    gallery = open_photos(tmp_path / "m.csv")
    assert ids(gallery) == ["été/café.jpg", "été/a.jpg"]
    assert gallery.photos[0].path.exists()
    assert [problem.reason for problem in gallery.problems] == ["missing"]


def test_a_picture_without_a_suffix_is_a_photo_and_another_file_is_not(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg").rename(tmp_path / "IMG_0001")
    (tmp_path / "README").write_text("hello")
    assert ids(open_photos(tmp_path)) == ["IMG_0001"]


@pytest.mark.parametrize("suffix", [".heic", ".HIF", ".dng", ".nef", ".cr3"])
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_counts_by_its_content_whatever_its_name(tmp_path: Path, suffix: str, form: str) -> None:
    Image.new("RGB", (8, 6), (90, 120, 60)).save(tmp_path / f"a{suffix}", form)
    gallery = open_photos(tmp_path)
    assert gallery.read(gallery.photos[0]).shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jpg", b"\0\0\0\x1cftypmif1\0\0\0\0mif1heicmiaf", "is HEIC"),
        ("a.jpg", b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw"),
        ("a.jpg", b"FUJIFILMCCD-RAW 0201", "camera raw"),
        ("a.jpg", b"II*\0\x10\0\0\0CR\2\0", "camera raw"),
        ("a.arw", b"II*\0\x08\0\0\0", "camera raw"),
        ("a.heic", b"this is no picture at all", "no picture that can be read"),
    ],
)
def test_heic_and_raw_are_refused_as_what_they_are(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    (problem,) = open_photos(tmp_path).problems
    assert says in problem.message


def test_a_dng_named_tif_is_refused_for_its_first_picture_may_be_a_preview(tmp_path: Path) -> None:
    Image.new("RGB", (8, 6)).save(tmp_path / "a.tif", tiffinfo={50706: b"\1\4\0\0"})
    (problem,) = open_photos(tmp_path).problems
    assert "camera raw" in problem.message


def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole_and_one_that_lacks_pixels_is_not(tmp_path: Path) -> None:
    picture = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    picture.save(tmp_path / "a.jpg", quality=90)
    gallery = open_photos(tmp_path)
    whole, content = gallery.read(gallery.photos[0]), (tmp_path / "a.jpg").read_bytes()
    for progressive in (False, True):
        picture.save(tmp_path / "a.jpg", quality=90, progressive=progressive)
        content = (tmp_path / "a.jpg").read_bytes()
        whole = gallery.read(gallery.photos[0])
        for cut in (1, 2):
            (tmp_path / "a.jpg").write_bytes(content[:-cut])
            assert (gallery.read(gallery.photos[0]) == whole).all()
        ends = [content[:-cut] for cut in (12, 40, 200)]
        # the beginning of a marker
        for end in (*ends, ends[0] + b"\xff", ends[0] + b"\xff" * 17):
            (tmp_path / "a.jpg").write_bytes(end)
            with pytest.raises(ItemError) as caught:
                gallery.read(gallery.photos[0])
            assert caught.value.reason == "truncated"
