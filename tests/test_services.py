"""The services of the tests themselves: each keeps what it was given over a kill, and asks for its key."""

from pathlib import Path

import psycopg
import pytest
import redis
import s3fs
from kombu.exceptions import OperationalError
from pydantic import Secret, SecretStr

from ingest.archive.parts import Archive
from ingest.catalog.catalog import Catalog
from ingest.index.connection import connect
from ingest.index.server import ServerIndex
from ingest.settings import Settings
from search_ui.service.reachable import check_archive, check_redis
from tests.services import PASSWORD, S3, Postgres, Qdrant, Redis, run_qdrant, start_redis
from trainer.errors import CatalogError, VectorIndexError
from workers.app import make_app
from workers.dispatch import depths


def test_redis_keeps_what_it_holds_over_a_kill(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("a", "b")
    redis_server.kill()
    assert not redis_server.answers()
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("a") == b"b"


def test_a_redis_with_tls_is_spoken_to_by_its_own_authority_and_nobody_elses(tmp_path: Path) -> None:
    server = start_redis(tmp_path / "redis", tls=True)
    plain = server.url.partition("?")[0]
    try:
        for url, ok in ((server.url, True), (f"{plain}?ssl_cert_reqs=CERT_NONE", True), (plain, False)):
            settings = Settings(home=tmp_path, redis_url=SecretStr(url))
            assert settings.redis_url is not None
            check = check_redis(settings.redis_url.get_secret_value())
            assert check.ok == ok, check
            if ok:
                assert depths(make_app(settings)) == {"embed": 0, "light": 0}
            else:
                assert "certificate verify failed" in check.found and "ssl_ca_certs" in str(check.mend)
                with pytest.raises(OperationalError, match="certificate verify failed"):
                    depths(make_app(settings))
    finally:
        server.kill()


def test_postgres_keeps_what_was_committed_over_a_kill(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    postgres.kill()
    assert not postgres.answers()
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_a_bucket_keeps_its_objects(s3: S3) -> None:
    files = s3fs.S3FileSystem(**s3.options)
    files.pipe_file(f"{s3.url}/a", b"hello")
    assert files.cat_file(f"{s3.url}/a") == b"hello"


def test_the_double_of_qdrant_asks_for_its_key_and_keeps_collections_over_a_kill(qdrant_server: Qdrant) -> None:
    with pytest.raises(VectorIndexError):
        connect(qdrant_server.url, "wrong")
    client = connect(qdrant_server.url, qdrant_server.api_key)
    ServerIndex(client, "kept", 4)
    qdrant_server.kill()
    qdrant_server.start()
    assert client.collection_exists("kept")
    client.close()


def test_of_a_server_that_others_use_tests_remove_what_they_made_and_nothing_else(
    qdrant_server: Qdrant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUNDCAST_TEST_QDRANT_URL", qdrant_server.url)
    monkeypatch.setenv("GROUNDCAST_TEST_QDRANT_API_KEY", str(qdrant_server.api_key))
    running = run_qdrant(tmp_path / "other")
    own, theirs = f"{next(running).prefix()}-c@1", f"{qdrant_server.prefix()}-c@1"
    client = connect(qdrant_server.url, qdrant_server.api_key)
    for name in (own, theirs):
        ServerIndex(client, name, 4)
    running.close()
    assert client.collection_exists(theirs) and not client.collection_exists(own)
    client.close()


def test_a_wrong_password_is_told_and_never_shown(
    postgres: Postgres, redis_server: Redis, s3: S3, tmp_path: Path
) -> None:
    wrong = "wrong-pass-word"
    told = []
    with pytest.raises(CatalogError) as refused:
        Catalog(SecretStr(postgres.url.replace(PASSWORD, wrong)))
    told.append(str(refused.value))
    settings = Settings(
        home=tmp_path,
        redis_url=SecretStr(redis_server.url.replace(PASSWORD, wrong)),
        archive_url=f"s3://{s3.bucket}-none/a",
        archive_options=Secret(s3.options | {"secret": wrong}),
    )
    told += [str(check_archive(settings)), str(check_redis(settings.redis_url.get_secret_value()))]  # type: ignore[union-attr]
    told.append(f"{Archive(settings.archive_dir('c'), 'tiles').folder!r} {settings!r}")
    assert len(told) > 3 and "password authentication failed" in told[0]
    assert not any(wrong in text or PASSWORD in text for text in told), told
