"""The library of the maps: only what was pinned is taken, and a part of it never counts as whole."""

import pytest

from search_ui.components import maplibre


def test_content_of_another_hash_is_refused_and_nothing_is_written(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"is not maplibre-gl 6\.\d+\.\d+: its sha512 is .*npm config get registry"):
        maplibre.unpack(b"something else", tmp_path / "library", came_from="https://example.org/x.tgz")
    assert not (tmp_path / "library").exists()


def test_another_version_or_a_missing_file_is_not_the_library(tmp_path) -> None:
    for name in [*maplibre.FILES.values(), "version.txt"]:
        (tmp_path / name).write_text(maplibre.VERSION)
    assert maplibre.is_here(tmp_path)
    (tmp_path / "maplibre-gl-worker.mjs").unlink()
    assert not maplibre.is_here(tmp_path)
    (tmp_path / "maplibre-gl-worker.mjs").write_text("")
    (tmp_path / "version.txt").write_text("1.0.0")
    assert not maplibre.is_here(tmp_path)


def test_the_registry_is_the_one_that_npm_is_set_to(monkeypatch) -> None:
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://mirror.example.org/npm")
    assert maplibre.registry() == "https://mirror.example.org/npm/"
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    monkeypatch.setattr(maplibre.shutil, "which", lambda _: None)
    assert maplibre.registry().startswith("https://registry.npmjs.org")


def test_the_library_is_in_this_checkout() -> None:
    """Where this fails, run what the message says: `make setup` does."""
    assert maplibre.is_here(), maplibre.HOW
