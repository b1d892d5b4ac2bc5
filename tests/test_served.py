"""The served mode, whole: PostgreSQL behind a pooler, S3, Redis and a double of Qdrant, by one settings file."""

import contextlib
import gzip
import io
import json
import logging
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import s3fs

from ingest.backup.bundle import INCOMPLETE, MANIFEST
from ingest.backup.home import CATALOG
from ingest.settings import load_settings
from search_ui.cli import main
from tests.conftest import TINY_CLIP, Ran, make_raster
from tests.home_copy import whole_copy_of
from tests.services import PASSWORD, S3, Postgres, run_pgbouncer, run_qdrant, start_redis

TILES = 12


def run(home: Path, *arguments: object) -> Ran:
    """The command line in this process, with everything that it prints and logs."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as exit_:
        main(["--home", str(home), *map(str, arguments)])
    code = exit_.value.code
    return Ran(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


@dataclass
class Served:
    """A home whose settings name four services, with a collection `town` and its model."""

    home: Path
    raster: Path
    printed: list[str]

    def run(self, *arguments: object) -> Ran:
        ran = run(self.home, *arguments)
        self.printed += [ran.out, ran.err]
        return ran


def write_settings(home: Path, **values: object) -> None:
    """One settings file; a table comes last."""
    home.mkdir(parents=True, exist_ok=True)
    plain = [f"{key} = {json.dumps(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, value in values.items():
        if isinstance(value, dict):
            plain += [f"[{key}]", *(f"{inner} = {json.dumps(text)}" for inner, text in value.items())]
    (home / "settings.toml").write_text("\n".join(plain) + "\n", "utf-8")


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, postgres_cluster: Postgres, s3_server: S3
) -> Iterator[Callable[..., dict[str, object]]]:
    """Makes settings of a new database, a new bucket and the same Redis and Qdrant."""
    folder = tmp_path_factory.mktemp("services")
    redis = start_redis(folder / "redis")
    running, pooling = run_qdrant(folder), run_pgbouncer(postgres_cluster)
    qdrant, pooler = next(running), next(pooling)

    def settings() -> dict[str, object]:
        bucket = f"served-{secrets.token_hex(6)}"
        s3fs.S3FileSystem(**s3_server.options).mkdir(bucket)
        return {
            "precision": "float32",
            "chunk_size": 5,
            "database_url": pooler.url_of(postgres_cluster.new_database()),
            "archive_url": f"s3://{bucket}/groundcast",
            "redis_url": redis.url,
            "qdrant_url": qdrant.url,
            "qdrant_api_key": qdrant.api_key,
            "qdrant_prefix": qdrant.prefix(),
            "archive_options": s3_server.options,
        }

    yield settings
    redis.kill()
    running.close()
    pooling.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, services: Callable[..., dict[str, object]]) -> Served:
    folder = tmp_path_factory.mktemp("served")
    write_settings(folder / "home", **services())
    made = Served(folder / "home", make_raster(folder / "town.tif", width=80, height=60), [])
    with capture_logs(made.printed):
        assert made.run("model", "add", "m", "--open-clip", TINY_CLIP, "--random-seed", "0").code == 0
        ran = made.run("-v", "ingest", made.raster, "--collection", "town", "--tile-size-m", "10")
    assert ran.code == 0, ran.err
    return made


@contextlib.contextmanager
def capture_logs(into: list[str]) -> Iterator[None]:
    """Everything that anybody logs, at every level."""
    root = logging.getLogger()
    stream = io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        into.append(stream.getvalue())


def test_parts_lie_in_the_bucket_rows_in_postgresql_and_nothing_of_them_in_the_home(served: Served) -> None:
    settings = load_settings(served.home)
    files = [path.name for path in settings.archive_dir("town").iterdir()]
    assert sum(name.endswith(".parquet") for name in files) == 3
    assert [name[-9:] for name in files if not name.endswith(".parquet")] == [".job.json"]
    for absent in ("catalog.sqlite", "archive", "index"):
        assert not (served.home / absent).exists()


def test_verify_agrees_and_a_search_answers(served: Served) -> None:
    found = served.run("verify", "town", "--json").json()
    assert (found["recorded"], found["archived"], found["indexed"], found["problems"]) == (TILES, TILES, TILES, [])
    hits = served.run("search", "a harbour", "--collection", "town", "-k", "5", "--json").json()["hits"]
    assert len(hits) == 5
    again = served.run("search", "--tile", hits[0]["tile_id"], "--collection", "town", "-k", "1", "--json").json()
    assert again["hits"][0]["tile_id"] == hits[0]["tile_id"]
    assert again["hits"][0]["cosine"] == pytest.approx(1, abs=1e-4)


def test_the_same_answers_come_from_the_server_as_from_the_field(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = served.run("search", "a harbour", "--collection", "town", "-k", "9", "--json").json()
    monkeypatch.setenv("GROUNDCAST_EXACT_TILES", "0")
    of_server = served.run("search", "a harbour", "--collection", "town", "-k", "9", "--json").json()
    assert of_server["method"] != exact["method"]
    assert {hit["tile_id"] for hit in of_server["hits"]} == {hit["tile_id"] for hit in exact["hits"]}


def test_a_part_that_is_lost_from_the_bucket_is_found_out_and_made_again(served: Served) -> None:
    settings = load_settings(served.home)
    lost = sorted(settings.archive_dir("town").glob("*.parquet"))[0]
    lost.unlink()
    assert served.run("verify", "town", "--repair", "--json").json()["repaired"] != []
    assert served.run("ingest", served.raster, "--collection", "town", "--tile-size-m", "10").code == 0
    assert served.run("verify", "town", "--json").json()["problems"] == []
    assert lost.exists()


def test_points_that_are_lost_from_the_server_are_put_back_from_the_archive(served: Served) -> None:
    from ingest.index.on_server import connect

    client = connect(load_settings(served.home))
    prefix = load_settings(served.home).qdrant_prefix
    (name,) = [found.name for found in client.get_collections().collections if found.name == f"{prefix}-town@1"]
    client.delete_collection(name)
    client.close()
    assert served.run("verify", "town", "--repair").code == 0
    assert served.run("verify", "town", "--json").json()["indexed"] == TILES


def test_doctor_says_what_is_reachable_with_versions_and_without_secrets(served: Served) -> None:
    checks = {check["name"]: check for check in served.run("doctor", "--json").json()["checks"]}
    assert checks["catalog"]["ok"]
    assert checks["catalog"]["found"].startswith("PostgreSQL ")
    assert checks["archive"]["ok"]
    assert checks["archive"]["found"].startswith("s3://")
    assert checks["redis"]["ok"]
    assert checks["redis"]["found"].startswith("Redis ")
    assert checks["index"]["ok"]
    assert checks["index"]["found"].startswith("Qdrant ")
    assert checks["index key"]["found"] == "may manage the server: enough for everything"


def test_collections_say_what_each_is_called_on_the_server_and_how_it_lies(served: Served) -> None:
    (town,) = [one for one in served.run("collections", "--json").json() if one["name"] == "town"]
    lies = town["versions"][0]["index"]
    assert (lies["name"], lies["problem"]) == (f"{load_settings(served.home).qdrant_prefix}-town@1", None)
    assert f"on the server {lies['name']}, {lies['lies']}" in served.run("collections").out


def test_a_role_that_may_only_read_searches_and_is_told_what_it_may_not(
    served: Served, postgres_cluster: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = load_settings(served.home).database_url
    assert url is not None
    database = url.get_secret_value().rpartition("/")[2]
    with psycopg.connect(postgres_cluster.url_of(database), autocommit=True) as owner:
        owner.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'".encode())
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    with monkeypatch.context() as patch:
        reading = postgres_cluster.url_of(database).replace("groundcast:", "reader:")
        patch.setenv("GROUNDCAST_DATABASE_URL", reading)
        asked = served.run("search", "a harbour", "--collection", "town", "-k", "3", "--json")
        assert asked.code == 0 and len(asked.json()["hits"]) == 3
        checks = {check["name"]: check for check in served.run("doctor", "--json").json()["checks"]}
        assert checks["catalog"]["ok"] and "may read: enough to search" in checks["catalog"]["found"]
        ran = served.run("ingest", served.raster, "--collection", "other", "--tile-size-m", "10")
        assert ran.code == 1 and "permission denied" in ran.err and "grant it, or name another role" in ran.err
    found = {check["name"]: check["found"] for check in served.run("doctor", "--json").json()["checks"]}
    assert "may read, write and change tables" in found["catalog"]
    assert [one["name"] for one in served.run("collections", "--json").json()] == ["town"]


def test_who_leaves_work_to_workers_needs_a_key_that_writes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = served.run("jobs", "list", "--json").json()
    monkeypatch.setenv("GROUNDCAST_QDRANT_API_KEY", "wrong")
    ran = served.run("ingest", served.raster, "--collection", "queued", "--tile-size-m", "10", "--queue")
    assert ran.code == 1 and "refuses its key" in ran.err
    assert served.run("jobs", "list", "--json").json() == jobs


def test_doctor_says_what_is_away_and_what_to_do(served: Served, tmp_path: Path) -> None:
    write_settings(
        tmp_path / "home",
        database_url=f"postgresql://me:{PASSWORD}@127.0.0.1:1/db",
        archive_url="s3://bucket/none",
        redis_url=f"redis://:{PASSWORD}@127.0.0.1:1/0",
        qdrant_url="http://127.0.0.1:1",
        qdrant_api_key=PASSWORD,
        archive_options={"key": "k", "secret": PASSWORD, "endpoint_url": "http://127.0.0.1:1"},
    )
    ran = run(tmp_path / "home", "doctor", "--json")
    served.printed += [ran.out, ran.err]
    away = {check["name"]: check for check in ran.json()["checks"] if not check["ok"]}
    assert ran.code == 1
    assert set(away) == {"catalog", "archive", "redis", "index"}
    for name, setting in (("catalog", "database_url"), ("archive", "archive_url"), ("redis", "redis_url")):
        assert setting in away[name]["mend"]


AWAY = {
    "DATABASE_URL": f"postgresql://me:{PASSWORD}@127.0.0.1:1/db",
    "ARCHIVE_OPTIONS": json.dumps({"key": "k", "secret": PASSWORD, "endpoint_url": "http://127.0.0.1:1"}),
    "QDRANT_URL": "http://127.0.0.1:1",
}


@pytest.mark.parametrize("setting", AWAY)
def test_a_service_that_is_away_is_told_in_one_line_and_a_repair_spoils_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(f"GROUNDCAST_{setting}", AWAY[setting])
        with capture_logs(served.printed):
            ran = served.run("verify", "town", "--repair")
            served.run("-v", "ingest", served.raster, "--collection", "town", "--tile-size-m", "10")
    assert ran.code == 1
    assert "127.0.0.1:1" in ran.out + ran.err
    assert "Traceback" not in ran.err
    if setting != "QDRANT_URL":  # without it there is nothing to do here, parts are written all the same
        assert "Traceback" in served.printed[-1]  # so that tracebacks are among what is looked through for secrets
    assert served.run("verify", "town", "--json").json()["problems"] == []


def test_an_ingest_that_the_index_server_stopped_goes_on_when_it_is_back(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    east = make_raster(tmp_path / "east.tif", width=80, height=60, east=100)
    command = ("ingest", east, "--collection", "east", "--tile-size-m", "10")
    with monkeypatch.context() as patch:
        patch.setenv("GROUNDCAST_QDRANT_URL", AWAY["QDRANT_URL"])
        ran = served.run(*command)
    assert ran.code == 1
    assert "no Qdrant server answers at http://127.0.0.1:1" in ran.err
    assert served.run(*command).code == 0
    assert served.run("verify", "east", "--json").json()["problems"] == []


# -- backup ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def backup(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of the served mode in a folder."""
    folder = tmp_path_factory.mktemp("backup") / "b"
    ran = served.run("backup", folder, "--json")
    assert ran.code == 0, ran.err
    assert "town" in ran.json()["collections"]
    return folder


def hits_of(home: Path) -> dict[str, float]:
    ran = run(home, "search", "a harbour", "--collection", "town", "-k", "9", "--json")
    assert ran.code == 0, ran.err
    return {hit["tile_id"]: hit["cosine"] for hit in ran.json()["hits"]}


def agrees(home: Path) -> bool:
    found = run(home, "verify", "town", "--json").json()
    indexed = TILES if found["index_needed"] else None  # of so few, on a laptop, every tile is scored
    return (found["recorded"], found["archived"], found["indexed"], found["problems"]) == (TILES, TILES, indexed, [])


@pytest.fixture(scope="module")
def laptop(backup: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on a laptop, restored from that backup; who changes it copies it."""
    home = tmp_path_factory.mktemp("laptop") / "home"
    ran = run(home, "restore", backup, "--json")
    assert ran.code == 0, ran.err
    assert ran.json()["indexed"]["town"] == 0
    return home


def test_a_backup_of_the_served_mode_comes_back_on_a_laptop(served: Served, laptop: Path) -> None:
    assert agrees(laptop)
    assert hits_of(laptop) == pytest.approx(hits_of(served.home))
    jobs = run(laptop, "jobs", "list", "--json").json()
    assert ("done", TILES) in [(job["state"], job["done"]) for job in jobs]


def test_a_backup_of_a_laptop_comes_back_in_the_served_mode_and_work_goes_on_there(
    served: Served, laptop: Path, tmp_path: Path, services: Callable[..., dict[str, object]]
) -> None:
    other, url = tmp_path / "other", f"s3://{served_bucket(served)}/backups/one"
    assert run(laptop, "backup", tmp_path / "laptop.zip").code == 0
    write_settings(other, **services())
    assert run(other, "restore", tmp_path / "laptop.zip").code == 0
    assert agrees(other)
    east = make_raster(tmp_path / "east.tif", width=80, height=60, east=100)
    assert run(other, "ingest", east, "--collection", "more", "--tile-size-m", "10").code == 0
    ran = run(other, "backup", url)
    served.printed += [ran.out, ran.err]
    assert ran.code == 0, ran.err
    assert run(other, "restore", url, "--check").code == 0


def served_bucket(served: Served) -> str:
    return str(load_settings(served.home).archive_url).removeprefix("s3://").partition("/")[0]


def test_a_restore_overwrites_nothing(served: Served, backup: Path, tmp_path: Path) -> None:
    ran = served.run("restore", backup)
    assert ran.code == 1
    assert "already: restore into an empty home" in ran.err
    part = next((backup / "archive" / "town").glob("*.parquet"))
    target = tmp_path / "home" / "archive" / "town" / part.name
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    ran = run(tmp_path / "home", "restore", backup)
    assert ran.code == 1
    assert "is another file" in ran.err
    assert target.read_bytes() == b"mine"
    assert run(tmp_path / "home", "collections", "--json").json() == []
    target.unlink()
    assert run(tmp_path / "home", "restore", backup).code == 0  # and what came back before it stopped is no hindrance
    assert agrees(tmp_path / "home")


def test_a_backup_overwrites_nothing(served: Served, backup: Path, tmp_path: Path) -> None:
    before = (backup / MANIFEST).read_bytes()
    assert "is a backup already" in served.run("backup", backup).err
    assert (backup / MANIFEST).read_bytes() == before
    (tmp_path / "letter.txt").write_text("dear")
    assert "not empty and no backup" in served.run("backup", tmp_path).err
    (tmp_path / "b.zip").write_text("mine")
    assert "exists: name another file" in served.run("backup", tmp_path / "b.zip").err
    assert (tmp_path / "b.zip").read_text() == "mine"


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_an_interrupted_backup_does_not_look_whole_and_the_same_command_does_it(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ingest.backup.home._part_files", stop)
        assert served.run("backup", tmp_path / name).code == 1
    assert not (tmp_path / name / MANIFEST).exists()
    assert (tmp_path / name).exists() == (name == "b")
    assert (
        "no such file" in run(tmp_path / "h", "restore", tmp_path / name).err
        or "no whole" in run(tmp_path / "h", "restore", tmp_path / name).err
    )
    assert served.run("backup", tmp_path / name).code == 0
    assert not (tmp_path / name / INCOMPLETE).exists()
    assert run(tmp_path / "h", "restore", tmp_path / name, "--check").code == 0


def test_a_damaged_backup_is_found_out_and_leaves_the_catalog_empty(backup: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(backup, broken)
    part = next((broken / "archive" / "town").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    for more in (["--check"], []):
        ran = run(tmp_path / "home", "restore", broken, *more)
        assert ran.code == 1
        assert f"archive/town/{part.name} is not what was backed up" in ran.err
    assert run(tmp_path / "home", "collections", "--json").json() == []
    part.unlink()
    assert "is missing from the backup" in run(tmp_path / "home", "restore", broken).err


def test_a_backup_while_parts_come_holds_what_its_catalog_knows(
    laptop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ingest ends between the moment of the catalog and the copying of the parts."""
    home = tmp_path / "home"
    whole_copy_of(laptop, home)
    import ingest.backup.home as module

    true_files = module._part_files

    def meanwhile(held: object, done: object) -> object:
        monkeypatch.setattr(module, "_part_files", true_files)
        east = make_raster(tmp_path / "east.tif", width=80, height=60, east=100)
        assert run(home, "ingest", east, "--collection", "later", "--tile-size-m", "10").code == 0
        later = load_settings(home).archive_dir("later")
        shutil.copy(next(later.glob("*.parquet")), load_settings(home).archive_dir("town") / "unknown-000000.parquet")
        return true_files(held, done)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "_part_files", meanwhile)
    assert run(home, "backup", tmp_path / "b").code == 0
    assert "later" in [found["name"] for found in run(home, "collections", "--json").json()]
    assert run(tmp_path / "other", "restore", tmp_path / "b").code == 0
    assert agrees(tmp_path / "other")


def test_a_backup_says_what_was_missing_and_exits_with_1(laptop: Path, tmp_path: Path) -> None:
    whole_copy_of(laptop, tmp_path / "home")
    next((tmp_path / "home" / "archive" / "town").glob("*.parquet")).unlink()
    ran = run(tmp_path / "home", "backup", tmp_path / "b")
    assert ran.code == 1
    assert "1 parts are not in the archive" in ran.out


def test_names_that_lead_out_of_the_home_are_not_restored(backup: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    shutil.copytree(backup, evil)
    manifest = json.loads((evil / MANIFEST).read_text())
    manifest["files"]["models/../../escaped"] = [0, "0"]
    (evil / MANIFEST).write_text(json.dumps(manifest))
    assert "leads out of its folder" in run(tmp_path / "home", "restore", evil).err
    assert not (tmp_path / "escaped").exists()


# -- last, over everything that was printed and logged above ----------------------------------------------------------


def test_no_secret_was_printed_logged_backed_up_or_put_into_the_catalog(served: Served, backup: Path) -> None:
    assert sum(map(len, served.printed)) > 10_000
    assert [text for text in served.printed if PASSWORD in text] == []
    assert PASSWORD not in repr(load_settings(served.home))
    for path in backup.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()
    rows = gzip.decompress((backup / CATALOG).read_bytes())
    assert b"town" in rows
    assert PASSWORD.encode() not in rows
