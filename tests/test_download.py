"""A large file from the web: whole or an error, from hosts that may be asked, with its progress."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from local_server import Answer, answering, serving

from ingest.sources.download import download
from trainer.errors import SourceError
from trainer.weights.known import KNOWN, known_model

BODY = bytes(range(256)) * 12_000  # three pieces


def answer(path: str, _: Mapping[str, str]) -> Answer:
    return (200, {}, BODY) if path.startswith("/models/") else (404, {}, b"")


def test_a_file_comes_whole_under_its_own_name_and_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with serving(answering(answer)) as url:
        path = download(
            f"{url}/models/Remote%20CLIP.pt?x=1",
            tmp_path,
            progress=lambda *far: told.append(far),
            allowed_hosts=["127.0.0.1"],
        )
    assert path == tmp_path / "Remote CLIP.pt" and path.read_bytes() == BODY
    assert [far[0] for far in told] == sorted(far[0] for far in told) and told[-1] == (len(BODY), len(BODY))


@pytest.mark.parametrize(
    ("address", "hosts", "words"),
    [
        ("{}/gone.pt", None, "answers 404"),
        ("{}/models/x.pt", ["example.org"], "not among the hosts"),
        ("{}/", None, "no address of a file"),
        ("file:///etc/passwd", None, "no address of a file"),
        ("http://127.0.0.1:9/x.pt", None, "cannot be downloaded"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_address(
    tmp_path: Path, address: str, hosts: list[str] | None, words: str
) -> None:
    with serving(answering(answer)) as url, pytest.raises(SourceError, match=words):
        download(address.format(url), tmp_path, allowed_hosts=hosts)


def test_a_disk_without_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10_000})())
    with serving(answering(answer)) as url, pytest.raises(SourceError, match="make room on the disk"):
        download(f"{url}/models/x.pt", tmp_path)
    assert not list(tmp_path.iterdir())


def test_every_known_model_says_its_size_licence_and_one_way_to_come_by_it() -> None:
    for one in KNOWN:
        assert known_model(one.name) is one
        assert one.megabytes > 100 and one.licence and re.match("https://", one.page)
        assert (one.url is None) == (one.arch is not None and one.pretrained is not None)
