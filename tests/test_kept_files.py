"""Files that people bring: harmless names, the kind that the name says, and photos all or none."""

from pathlib import Path

import pytest

from search_ui.service.brought.kept_files import PHOTO_MB, keep_imagery, keep_photos, keep_weights
from trainer.errors import UploadError

JPEG, TABLE = memoryview(b"\xff\xd8\xff pixels"), memoryview(b"path,lat,lon\na.jpg,1,2\n")


def test_photos_come_to_lie_together_and_a_table_with_them_is_what_is_brought_in(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    assert keep_photos(folder, [("a.jpg", JPEG)]) == folder
    assert keep_photos(folder, [("photos.csv", TABLE), ("../../b c.JPG", JPEG)]) == folder / "photos.csv"
    assert {path.name for path in folder.iterdir()} == {"a.jpg", "b c.JPG", "photos.csv"}
    before = (folder / "a.jpg").stat().st_mtime_ns
    keep_photos(folder, [("a.jpg", JPEG)])
    assert (folder / "a.jpg").stat().st_mtime_ns == before, "the same again is no change"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("a.jpg", JPEG), ("b.exe", JPEG)], "b.exe: only"),
        ([("a.jpg", JPEG), ("one.csv", TABLE), ("two.csv", TABLE)], "give one CSV file"),
        ([("a.jpg", JPEG), ("b.jpg", memoryview(bytes(PHOTO_MB * 2**20 + 1)))], "the limit is 30 MB"),
    ],
)
def test_of_photos_of_which_one_cannot_be_taken_none_is_kept(
    tmp_path: Path, files: list[tuple[str, memoryview]], words: str
) -> None:
    with pytest.raises(UploadError, match=words):
        keep_photos(tmp_path / "photos", files)
    assert not (tmp_path / "photos").exists()


def test_weights_keep_their_name_which_may_say_what_they_are(tmp_path: Path) -> None:
    path = keep_weights(tmp_path, "RemoteCLIP-ViT-B-32.pt", memoryview(b"PK"))
    assert path.name == "RemoteCLIP-ViT-B-32.pt" and path.read_bytes() == b"PK"
    with pytest.raises(UploadError, match="only safetensors"):
        keep_weights(tmp_path, "model.zip", memoryview(b"PK"))


def test_imagery_is_what_its_first_bytes_say(tmp_path: Path) -> None:
    path = keep_imagery(tmp_path, "../town.TIF", memoryview(b"II*\0rest"))
    assert path.parent == tmp_path / "uploads" / "imagery" and path.suffix == ".tif"
    with pytest.raises(UploadError, match=r"no \.tif file"):
        keep_imagery(tmp_path, "town.tif", memoryview(b"<VRTDataset>"))
