"""Galleries from folders and manifests: nothing lost, nothing made up."""

import csv
import os
import shutil
import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from ingest.photos.exif import read_exif
from ingest.photos.folder import PhotoFolder, open_photos
from ingest.sources.picture import read_picture
from trainer.errors import ItemError, SourceError

GPS = ExifTags.GPS
HERE = {
    GPS.GPSLatitudeRef: "N",
    GPS.GPSLatitude: (55.0, 41.0, 53.4),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (13.0, 11.0, 43.4),
}
RED, BLUE = (200, 30, 30), (30, 30, 200)


def two_colours() -> Image.Image:
    """A picture 40 wide and 20 high, red at the left and blue at the right."""
    image = Image.new("RGB", (40, 20), BLUE)
    image.paste(RED, (0, 0, 20, 20))
    return image


def save(path: Path, *, gps: dict[int, Any] | None = None, camera: dict[int, Any] | None = None, **top: Any) -> Path:
    """Write a JPEG with EXIF; `top` by tag name. No two are the same bytes."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = path.name
    for name, value in top.items():
        exif[ExifTags.Base[name]] = value
    if camera:
        exif.get_ifd(ExifTags.IFD.Exif).update(camera)
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    path.parent.mkdir(parents=True, exist_ok=True)
    two_colours().save(path, exif=exif, quality=95)
    return path


def reasons(gallery: PhotoFolder) -> dict[str, str]:
    return {Path(problem.subject).name: problem.reason for problem in gallery.problems}


def notes(gallery: PhotoFolder) -> dict[str, str]:
    return {Path(note.subject).name: note.reason for note in gallery.notes}


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


# --- folders ---------------------------------------------------------------------------------------------------------


def test_every_real_photo_is_read_with_its_place(real_data: Path) -> None:
    gallery = open_photos(real_data / "photos")
    assert len(gallery.photos) == 52
    assert gallery.problems == []
    assert all(photo.lat is not None and photo.lon is not None for photo in gallery.photos)
    lund = [photo for photo in gallery.photos if photo.id.startswith("lund/")]
    assert len(lund) == 29
    assert all(55.69 < photo.lat < 55.70 and 13.19 < photo.lon < 13.20 for photo in lund if photo.lat and photo.lon)
    assert all(photo.taken_local is None and photo.taken_utc is None for photo in lund)
    for photo in gallery.photos:
        picture = gallery.read(photo)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3


def test_real_times_are_told_apart_and_a_stale_fix_gives_no_utc(real_data: Path) -> None:
    gallery = open_photos(real_data / "photos")
    by_name = {photo.path.name: photo for photo in gallery.photos}
    nokia = by_name["HMD_Nokia_8.3_5G.jpg"]
    assert nokia.taken_local == datetime(2022, 8, 14, 14, 12, 31)
    assert nokia.taken_utc == datetime(2022, 8, 14, 11, 12, 32, tzinfo=UTC)
    assert nokia.heading_deg == 56
    fuji = by_name["FujiFilm_FinePixS1Pro_(1).jpg"]
    assert fuji.owner == "Ian Britton"
    assert fuji.taken_utc is None  # a GPS time without a GPS date
    assert fuji.lon == pytest.approx(-(1 + 54.85 / 60))
    assert by_name["67-0_length_string.jpg"].taken_local is None  # only the time of modification is known
    iphone = by_name["Apple_iPhone_6.jpg"]
    assert iphone.taken_local == datetime(2014, 9, 16, 14, 5, 12, 133000)
    assert iphone.taken_utc is None
    assert notes(gallery)["Apple_iPhone_6.jpg"] == "gps_time_unreadable"  # its date reads 2014:09:259
    assert by_name["Nexus_4.jpg"].taken_utc is None
    assert notes(gallery)["Nexus_4.jpg"] == "times_disagree"  # 27 hours before the picture


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_comes_upright_whatever_its_orientation(tmp_path: Path, orientation: int) -> None:
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that the camera's sensor did
    image = two_colours()
    stored = image if orientation == 1 else image.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    picture = read_picture(tmp_path / "a.png")
    assert picture.shape == (20, 40, 3)
    assert tuple(picture[10, 5]) == RED
    assert tuple(picture[10, 35]) == BLUE


def test_a_folder_is_read_to_its_bottom_in_a_stable_order(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/z.JPG", "a/b/c.png", ".hidden/x.jpg", "._b.jpg"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("hello")
    gallery = open_photos(tmp_path)
    assert [photo.id for photo in gallery.photos] == ["a/b/c.png", "a/z.JPG", "b.jpg"]
    assert gallery.problems == []
    assert open_photos(tmp_path).photos == gallery.photos


def test_bad_files_are_named_with_their_reason_and_good_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "good.jpg")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.tif").write_text("this is no picture at all")
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (tmp_path / "renamed.jpg").write_bytes(b"\0\0\0\x18ftypmif1heic")
    (tmp_path / "camera.NEF").write_bytes(b"II*\0")
    (tmp_path / "stub.jpg").write_bytes((tmp_path / "good.jpg").read_bytes()[:30])
    Image.new("1", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    gallery = open_photos(tmp_path)
    assert [photo.id for photo in gallery.photos] == ["good.jpg"]
    assert reasons(gallery) == {
        "empty.jpg": "empty",
        "text.tif": "not_an_image",
        "phone.heic": "unsupported",
        "renamed.jpg": "unsupported",
        "camera.NEF": "unsupported",
        "stub.jpg": "truncated",
        "bomb.png": "too_large",
    }
    told = {Path(problem.subject).name: problem.message for problem in gallery.problems}
    assert "HEIC" in told["phone.heic"]
    assert "JPEG" in told["renamed.jpg"]


def test_a_real_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side, name in ((10_000, "warned.png"), (60_000, "refused.png")):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
        with pytest.raises(ItemError, match="MP") as caught:
            read_picture(tmp_path / name)
        assert caught.value.reason == "too_large"


def test_a_truncated_photo_fails_when_it_is_read_not_as_half_a_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 255, (200, 200, 3), dtype=np.uint8))
    for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp", ".gif"):
        path = tmp_path / f"a{suffix}"
        noise.save(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(ItemError) as caught:
            read_picture(path)
        assert caught.value.reason in {"truncated", "corrupt", "not_an_image"}, suffix
        assert path.name in str(caught.value)


def test_a_folder_without_photos_and_a_path_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no photos"):
        open_photos(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        open_photos(tmp_path / "gone")
    with pytest.raises(SourceError, match="manifest"):
        open_photos(save(tmp_path / "one.jpg"))


def test_a_photo_that_vanishes_is_an_item_that_failed(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    gallery = open_photos(tmp_path)
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ItemError) as caught:
        gallery.read(gallery.photos[0])
    assert caught.value.reason == "missing"


def test_a_name_that_is_not_unicode_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    shutil.copy(tmp_path / "a.jpg", os.fsencode(tmp_path) + b"/bad\xff.jpg")
    gallery = open_photos(tmp_path)
    assert [photo.id for photo in gallery.photos] == ["a.jpg"]
    assert [problem.reason for problem in gallery.problems] == ["bad_name"]


def test_the_fingerprint_changes_with_the_files_and_with_nothing_else(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    first = open_photos(tmp_path).fingerprint()
    assert open_photos(tmp_path).fingerprint() == first
    save(tmp_path / "b.jpg")
    second = open_photos(tmp_path).fingerprint()
    assert second != first
    os.utime(tmp_path / "a.jpg", (1, 1))
    assert open_photos(tmp_path).fingerprint() != second


# --- pixels ----------------------------------------------------------------------------------------------------------


def test_every_mode_becomes_rgb_of_the_same_colours(tmp_path: Path) -> None:
    grey = np.tile(np.array([[0, 128, 255]], dtype=np.uint8), (4, 1))
    deep = (grey.astype(np.uint16) << 8) + 7
    cases = {
        "grey.png": Image.fromarray(grey),
        "deep.png": Image.fromarray(deep),
        "deep.tif": Image.fromarray(deep),
        "palette.png": Image.fromarray(grey).convert("P"),
        "alpha.png": Image.fromarray(grey).convert("LA"),
        "rgba.webp": Image.fromarray(grey).convert("RGBA"),
        "cmyk.tif": Image.fromarray(grey).convert("RGB").convert("CMYK"),
    }
    for name, image in cases.items():
        image.save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
        picture = read_picture(tmp_path / name)
        assert picture.shape == (4, 3, 3), name
        assert np.abs(picture[..., 0].astype(int) - grey).max() <= 1, name


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]
    keyed = Image.new("P", (1, 1), 0)
    keyed.save(tmp_path / "b.png", transparency=0)
    assert read_picture(tmp_path / "b.png").tolist() == [[[255, 255, 255]]]


def test_of_an_animation_the_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "a.gif")[0, 0].tolist() == [255, 0, 0]


def test_floating_point_pixels_are_refused_with_their_mode(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ItemError, match="'F'") as caught:
        read_picture(tmp_path / "a.tif")
    assert caught.value.reason == "unsupported"


# --- EXIF ------------------------------------------------------------------------------------------------------------


def test_place_times_heading_and_owner_come_from_exif(tmp_path: Path) -> None:
    camera = {
        ExifTags.Base.DateTimeOriginal: "2019:07:14 18:05:09",
        ExifTags.Base.SubsecTimeOriginal: "25",
        ExifTags.Base.OffsetTimeOriginal: "+02:00",
    }
    south = HERE | {GPS.GPSLatitudeRef: "S", GPS.GPSLongitudeRef: "W", GPS.GPSImgDirection: 360.0}
    save(tmp_path / "a.jpg", gps=south, camera=camera, Artist="Ada\0 ", Copyright="all")
    photo = open_photos(tmp_path).photos[0]
    assert (photo.lat, photo.lon) == pytest.approx((-(55 + 41 / 60 + 53.4 / 3600), -(13 + 11 / 60 + 43.4 / 3600)))
    assert photo.taken_local == datetime(2019, 7, 14, 18, 5, 9, 250000)
    assert photo.taken_utc == datetime(2019, 7, 14, 16, 5, 9, 250000, tzinfo=UTC)
    assert photo.heading_deg == 0
    assert photo.owner == "Ada"
    assert photo.licence is None


def test_a_photo_without_exif_has_no_place_and_no_time(tmp_path: Path) -> None:
    two_colours().save(tmp_path / "a.png")
    gallery = open_photos(tmp_path)
    photo = gallery.photos[0]
    assert (photo.lat, photo.lon, photo.taken_local, photo.taken_utc, photo.owner) == (None,) * 5
    assert gallery.notes == []


ZERO = TiffImagePlugin.IFDRational(0, 0)


@pytest.mark.parametrize(
    ("gps", "reason"),
    [
        ({GPS.GPSLatitude: (ZERO, ZERO, ZERO)}, "gps_unreadable"),
        ({GPS.GPSLatitudeRef: ""}, "gps_unreadable"),
        ({GPS.GPSLongitudeRef: "\0"}, "gps_unreadable"),
        ({GPS.GPSLatitude: (91.0, 0.0, 0.0)}, "gps_out_of_range"),
        ({GPS.GPSLongitude: (181.0, 0.0, 0.0)}, "gps_out_of_range"),
        ({GPS.GPSLatitude: (5.0, 99.0, 0.0)}, "gps_unreadable"),
        ({GPS.GPSStatus: "V"}, "gps_void"),
        ({GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0)}, "gps_zero"),
    ],
)
def test_a_position_that_cannot_be_is_left_out_and_said(tmp_path: Path, gps: dict[int, Any], reason: str) -> None:
    save(tmp_path / "a.jpg", gps=HERE | gps)
    gallery = open_photos(tmp_path)
    assert (gallery.photos[0].lat, gallery.photos[0].lon) == (None, None)
    assert notes(gallery) == {"a.jpg": reason}


@pytest.mark.parametrize(
    ("datum", "lat", "lon", "reason"),
    [
        ("WGS-84", 35.68, 139.76, None),
        ("WGS 1984\0", 35.68, 139.76, None),
        ("JGD2011", 35.68, 139.76, None),
        ("", 35.68, 139.76, None),
        # right by the Geospatial Information Authority of Japan's formula, which pyproj does not use
        ("TOKYO", 35.68 - 0.00010695 * 35.68 + 0.000017464 * 139.76 + 0.0046017,
         139.76 - 0.000046038 * 35.68 - 0.000083043 * 139.76 + 0.010040, None),
        ("Pulkovo 1942", 35.68, 139.76, "gps_datum"),
    ],
)  # fmt: skip
def test_the_datum_that_a_receiver_was_set_to_counts(
    tmp_path: Path, datum: str, lat: float, lon: float, reason: str | None
) -> None:
    tokyo = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (35.0, 40.8, 0.0), GPS.GPSLongitudeRef: "E"}
    save(tmp_path / "a.jpg", gps=tokyo | {GPS.GPSLongitude: (139.0, 45.6, 0.0), GPS.GPSMapDatum: datum})
    gallery = open_photos(tmp_path)
    photo = gallery.photos[0]
    assert (photo.lat, photo.lon) == pytest.approx((lat, lon), abs=1e-4)  # 10 m; the datums lie 460 m apart
    assert notes(gallery) == ({} if reason is None else {"a.jpg": reason})


def test_null_island_counts_with_a_valid_fix(tmp_path: Path) -> None:
    zero = {GPS.GPSLatitude: (0.0, 0.0, 0.0), GPS.GPSLongitude: (0.0, 0.0, 0.0), GPS.GPSStatus: "A"}
    save(tmp_path / "a.jpg", gps=HERE | zero)
    assert (open_photos(tmp_path).photos[0].lat, open_photos(tmp_path).photos[0].lon) == (0, 0)


@pytest.mark.parametrize(
    ("text", "noted"),
    [
        ("0000:00:00 00:00:00", False),
        ("    :  :     :  :  ", False),
        ("", False),
        ("2019:02:30 10:00:00", True),
        ("2019:07:14", True),
        ("yesterday", True),
        ("1970:01:01 00:00:00", True),  # a clock that was never set
        ("1985:06:01 00:00:00", True),  # a scan of which the month is known
        ("2107:03:05 10:00:00", True),
    ],
)
def test_a_time_that_is_no_moment_stays_missing(tmp_path: Path, text: str, noted: bool) -> None:
    save(tmp_path / "a.jpg", camera={ExifTags.Base.DateTimeOriginal: text}, DateTime="2020:01:01 00:00:00")
    gallery = open_photos(tmp_path)
    assert gallery.photos[0].taken_local is None
    assert bool(gallery.notes) == (noted and any(char in "123456789" for char in text))


def test_broken_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", gps=HERE)
    data = bytearray(path.read_bytes())
    start = data.index(b"Exif\0\0") + 6
    data[start + 8 : start + 40] = b"\xff" * 32
    path.write_bytes(data)
    gallery = open_photos(tmp_path)
    assert gallery.photos[0].lat is None
    assert gallery.read(gallery.photos[0]).shape == (20, 40, 3)


def test_random_damage_never_escapes_as_another_error(tmp_path: Path) -> None:
    original = save(tmp_path / "a.jpg", gps=HERE, Artist="Ada").read_bytes()
    rng = np.random.default_rng(1)
    path = tmp_path / "b.jpg"
    outcomes = set()
    for _ in range(150):
        data = bytearray(original)
        for place in rng.integers(0, len(data), 12):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        gallery = open_photos(tmp_path)
        outcomes |= {problem.reason for problem in gallery.problems}
        for photo in gallery.photos:
            try:
                assert gallery.read(photo).shape[2] == 3
                outcomes.add("read")
            except ItemError as error:
                outcomes.add(error.reason)
    assert "read" in outcomes
    assert outcomes - {"read"}


def test_exif_of_a_picture_made_in_memory_is_empty() -> None:
    assert read_exif(two_colours()).notes == ()


# --- manifests -------------------------------------------------------------------------------------------------------


def test_a_manifest_says_more_than_the_files_and_goes_first(tmp_path: Path) -> None:
    save(tmp_path / "in/a.jpg", gps=HERE, camera={ExifTags.Base.DateTimeOriginal: "2019:07:14 18:05:09"}, Artist="Ada")
    row = {
        "ID": "one", "filename": "in/a.jpg", "Latitude": "-33.5", "lng": "151.25", "taken_utc": "2020-01-01T10:00:00",
        "owner": "Bob", "license": "CC BY 4.0", "url": "https://example.org/1", "camera": "X",
    }  # fmt: skip
    gallery = open_photos(write_csv(tmp_path / "m.csv", [row]))
    photo = gallery.photos[0]
    assert (photo.id, photo.lat, photo.lon) == ("one", -33.5, 151.25)
    assert photo.path == tmp_path / "in/a.jpg"
    assert photo.taken_local == datetime(2019, 7, 14, 18, 5, 9)  # the manifest says none, the file does
    assert photo.taken_utc == datetime(2020, 1, 1, 10, tzinfo=UTC)
    assert (photo.owner, photo.licence, photo.url) == ("Bob", "CC BY 4.0", "https://example.org/1")
    assert gallery.read(photo).shape == (20, 40, 3)


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    save(tmp_path / "b.jpg")
    times = [datetime(2020, 1, 1, 10, 30), None]
    rows = [
        {"path": "a.jpg", "lat": 1.5, "lon": 2.5, "taken_local": times[0]},
        {"path": "b.jpg", "lat": None, "lon": None, "taken_local": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    write_csv(tmp_path / "m.csv", [row | {"taken_local": row["taken_local"] or ""} for row in rows])
    from_csv, from_parquet = open_photos(tmp_path / "m.csv"), open_photos(tmp_path / "m.parquet")
    assert from_csv.photos == from_parquet.photos
    assert [photo.taken_local for photo in from_csv.photos] == times
    assert from_csv.notes == from_parquet.notes == []


def test_semicolons_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    save(tmp_path / "ä.jpg")
    (tmp_path / "m.csv").write_text("path;lat;lon;owner\nä.jpg;1;2;Åsa, Lund\n", encoding="utf-8-sig")
    photo = open_photos(tmp_path / "m.csv").photos[0]
    assert (photo.id, photo.lat, photo.owner) == ("ä.jpg", 1, "Åsa, Lund")


def test_bad_rows_are_problems_with_their_row_and_good_rows_stay(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    save(tmp_path / "c.jpg")
    (tmp_path / "text.jpg").write_text("hello there")
    lines = ["path,id,url", "a.jpg,one,", "gone.jpg,two,", "c.jpg,one,", ",four,https://example.org/4", "c.jpg,five"]
    lines += [",six,", "text.jpg,seven,", "c.jpg,eight,"]
    (tmp_path / "m.csv").write_text("\n".join(lines))
    gallery = open_photos(tmp_path / "m.csv")
    assert [photo.id for photo in gallery.photos] == ["one", "eight"]
    assert reasons(gallery) == {
        "gone.jpg": "missing",
        "text.jpg": "not_an_image",
        "m.csv, row 4": "duplicate_id",
        "m.csv, row 5": "not_local",
        "m.csv, row 6": "bad_row",
        "m.csv, row 7": "bad_row",
    }


@pytest.mark.parametrize(
    ("lat", "lon", "says"),
    [
        ("139.7", "35.6", "swapped"),
        ("91", "200", "outside"),
        ("nan", "1", "two numbers"),
        ("55,7", "13,2", "two numbers"),
        ("12", "", "two numbers"),
        ("0", "0.0", "know no place"),
    ],
)
def test_a_place_that_cannot_be_is_left_out_even_where_the_file_has_one(
    tmp_path: Path, lat: str, lon: str, says: str
) -> None:
    save(tmp_path / "a.jpg", gps=HERE)
    gallery = open_photos(write_csv(tmp_path / "m.csv", [{"path": "a.jpg", "lat": lat, "lon": lon}]))
    assert (gallery.photos[0].lat, gallery.photos[0].lon) == (None, None)
    assert says in gallery.notes[0].message
    assert "row 2" in gallery.notes[0].message


def test_times_of_a_manifest_are_never_made_up(tmp_path: Path) -> None:
    for name in "abcde":
        save(tmp_path / f"{name}.jpg")
    rows = [
        {"path": "a.jpg", "taken_local": "2020-05-01"},
        {"path": "b.jpg", "taken_local": "2020-05-01T10:00:00+02:00"},
        {"path": "c.jpg", "taken_local": "2020-02-30T10:00:00"},
        {"path": "d.jpg", "taken_local": "2020-05-01T10:00:00+25:00"},  # no zone is so far ahead
        {"path": "e.jpg", "taken_local": "9999-12-31T23:59:59-05:00"},
    ]
    gallery = open_photos(write_csv(tmp_path / "m.csv", rows))
    ten = datetime(2020, 5, 1, 10)
    assert [photo.taken_local for photo in gallery.photos] == [None, ten, None, ten, None]
    assert [photo.taken_utc for photo in gallery.photos] == [None, ten.replace(hour=8, tzinfo=UTC), None, None, None]
    assert [note.reason for note in gallery.notes] == ["time_unreadable"] * 3


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.csv", b"name,lat\nx,1\n", "no column 'path'"),
        ("m.csv", b"", "no column 'path'"),
        ("m.csv", b"path,lat,lon\n", "no rows"),
        ("m.csv", b"path,lat,latitude\na,1,1\n", "more than one column"),
        ("m.csv", b"path\n\xff\xfe.jpg\n", "UTF-8"),
        ("m.csv", b'path,owner\n"a.jpg,x\nb.jpg,y\n', "broken near row"),
        ("m.parquet", b"hello", "cannot be read"),
        ("m.parquet", b"", "cannot be read"),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_its_name(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=says) as caught:
        open_photos(tmp_path / name)
    assert name in str(caught.value)
