"""The services of the tests themselves: each keeps what it was given over a kill, and asks for its key."""

import psycopg
import pytest
import redis
import s3fs

from ingest.index.server import ServerIndex, connect
from tests.services import S3, Postgres, Qdrant, Redis
from trainer.errors import VectorIndexError


def test_redis_keeps_what_it_holds_over_a_kill(redis_server: Redis) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("a", "b")
    redis_server.kill()
    assert not redis_server.answers()
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("a") == b"b"


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
