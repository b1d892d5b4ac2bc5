"""A Qdrant server that others use too: whose a collection is, what a key may do, what is refused and what is said."""

import json
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from qdrant_client import QdrantClient, models

from ingest.catalog.aliases import Aliases
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.migrations.tables import IdentityRow
from ingest.catalog.server_names import ServerNames
from ingest.index import connection
from ingest.index.batches import REQUEST_BYTES, batches
from ingest.index.connection import connect
from ingest.index.kept_open import KeptOpen
from ingest.index.on_server import look, open_to_read, open_to_write
from ingest.index.ownership import NewCollection
from ingest.index.protocol import Points
from ingest.index.rebuild import rebuild
from ingest.index.server import ServerIndex
from ingest.index.sharding import Sharding
from ingest.index.upkeep import IndexHolder, refuse_unwritable, remove_index
from ingest.jobs.upgrade import roll_back, show_to_others
from ingest.jobs.verify import verify
from ingest.settings import Settings
from search_ui.service.reachable import check_index
from tests.qdrant_keys import token
from tests.services import PASSWORD, Qdrant, free_port, run_qdrant
from tests.test_pipeline import DIM, Home, ListIntake
from trainer.errors import IndexAwayError, IndexRightsError, IndexTakenError, VectorIndexError

READ_ONLY = "reader-" + PASSWORD
UNIT = np.ones(DIM)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qdrant]:
    rights = {"QDRANT__SERVICE__READ_ONLY_API_KEY": READ_ONLY, "QDRANT__SERVICE__JWT_RBAC": "true"}
    yield from run_qdrant(tmp_path_factory.mktemp("qdrant"), **rights)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalog, to be copied: making one takes longer than most of these tests."""
    path = tmp_path_factory.mktemp("empty") / "catalog.sqlite"
    Catalog(path).close()
    return path


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSES_S", (0.0, 0.0, 0.0))


@pytest.fixture
def client(server: Qdrant) -> Iterator[QdrantClient]:
    opened = connect(server.url, server.api_key)
    yield opened
    server.mend()
    opened.close()


class Team(Home):
    """A home of its own on the server that all share, with a collection `c`."""

    def __init__(self, folder: Path, empty: Path, server: Qdrant) -> None:
        folder.mkdir()
        shutil.copy(empty, folder / "catalog.sqlite")
        super().__init__(folder)
        with self.catalog.session() as session:  # as a catalog of its own has
            session.execute(sa.update(IdentityRow).values(catalog=secrets.token_hex(8)))
        asked = {"qdrant_url": server.url, "qdrant_api_key": server.api_key}
        self.settings = Settings.model_validate({"home": folder, "exact_tiles": 0} | asked)

    @property
    def names(self) -> ServerNames:
        return ServerNames(self.catalog, self.settings.qdrant_prefix)

    @property
    def name(self) -> str:
        return self.names.of("c") or ""

    def as_(self, **settings: object) -> Settings:
        """Its settings with others in place of some."""
        return Settings.model_validate(self.settings.model_dump() | settings)

    def open(self) -> ServerIndex:
        return open_to_write(self.settings, self.catalog, self.collection)


@pytest.fixture
def teams(tmp_path: Path, empty: Path, server: Qdrant, client: QdrantClient) -> Iterator[list[Team]]:
    """Two of them, with prefixes of their own; what they made is removed, and nothing else."""
    made = [Team(tmp_path / name, empty, server) for name in ("first", "second")]
    yield made
    server.mend()
    for team in made:
        for name in team.names.all().values():
            client.delete_collection(name)
        team.catalog.close()


@pytest.fixture
def team(teams: list[Team]) -> Team:
    return teams[0]


def bytes_of(client: QdrantClient, name: str) -> str:
    """All that the server has of a collection, and which aliases lead to it."""
    points, _ = client.scroll(name, limit=1000, with_payload=True, with_vectors=True)
    aliases = client.get_collection_aliases(name).aliases
    rows = sorted(point.model_dump_json() for point in points)
    return json.dumps([client.get_collection(name).config.model_dump_json(), rows, [str(one) for one in aliases]])


def before_prefixes(client: QdrantClient, *teams: Team) -> None:
    """A collection as it was made before: NAME@1, in nobody's name; every team's catalog records it."""
    if client.collection_exists("c@1"):
        pytest.skip("the server has a collection c@1 of somebody's")
    index = ServerIndex(client, "c@1", DIM)
    for team in teams:
        team.names.record("c", "c@1")
    index.close()


# -- whose it is -------------------------------------------------------------------------------------------------------


def test_two_installations_on_one_server_leave_each_others_bytes_alone(teams: list[Team], client: QdrantClient) -> None:
    first, second = teams
    for team, items in ((first, 20), (second, 30)):
        team.run(ListIntake(items))
    assert first.name != second.name and first.names.prefix in first.name
    theirs = bytes_of(client, second.name)
    for team, items in ((first, 20), (second, 30)):
        findings = team.verify(repair=True)
        assert (findings.indexed, findings.problems) == (items, [])
    with open_to_read(first.settings, first.catalog, first.collection) as index:
        assert len(index.query(UNIT, 100)) == 20
    newer = Collection("c@2", "tiles", "n", DIM, first.collection.spec, first.collection.created_at)
    first.catalog.add_collection(newer)
    open_to_write(first.settings, first.catalog, newer).close()
    Aliases(first.catalog).point("c", "c@2", instead_of="c")
    open_to_write(first.settings, first.catalog, newer).close()
    leads = {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}
    assert leads[f"{first.names.prefix}-c"] == first.names.of("c@2")
    for version in (first.collection, newer):
        remove_index(first.settings, first.catalog, version)
    assert bytes_of(client, second.name) == theirs
    assert not [one for one in client.get_collections().collections if one.name.startswith(first.names.prefix)]


def test_an_old_version_does_not_take_the_alias_of_the_one_in_service(team: Team, client: QdrantClient) -> None:
    newer = Collection("c@2", "tiles", "n", DIM, team.collection.spec, team.collection.created_at)
    team.catalog.add_collection(newer)
    Aliases(team.catalog).point("c", "c@2", instead_of="c")
    for version in (newer, team.collection):
        open_to_write(team.settings, team.catalog, version).close()
    (alias,) = client.get_collection_aliases(str(team.names.of("c@2"))).aliases
    assert alias.alias_name == f"{team.names.prefix}-c"


def test_what_was_made_before_prefixes_goes_on_and_is_marked_by_whose_archive_holds_it(
    teams: list[Team], client: QdrantClient
) -> None:
    first, second = teams
    before_prefixes(client, first, second)
    first.run(ListIntake(20))
    assert first.name == "c@1"
    assert {alias.alias_name for alias in client.get_collection_aliases("c@1").aliases} >= {"c"}
    told = f"'c@1' .* is recorded by another catalog .*{first.names.catalog_id}.*`groundcast verify c --rebuild-index`"
    for opened in (second.open, lambda: open_to_read(second.settings, second.catalog, second.collection)):
        with pytest.raises(IndexTakenError, match=told):
            opened()
    theirs = bytes_of(client, "c@1")
    with pytest.raises(IndexTakenError):
        second.run(ListIntake(9))
    rebuild(second.settings, second.catalog, second.collection)
    assert second.name == f"{second.names.prefix}-c@1"
    second.run(ListIntake(9), second.plan(ListIntake(9)))
    assert second.verify().problems == [] and second.verify().indexed == 9
    assert bytes_of(client, "c@1") == theirs


def test_nobody_takes_a_collection_that_holds_what_the_archive_does_not(team: Team, client: QdrantClient) -> None:
    before_prefixes(client, team)
    payload = {"tile_id": "someone-elses", "location": {"lon": 1.0, "lat": 1.0}}
    with ServerIndex(client, "c@1", DIM) as index:
        index.upsert(Points(["someone-elses"], UNIT[None], [payload]))
    theirs = bytes_of(client, "c@1")
    with pytest.raises(IndexTakenError, match="does not say whose it is, and 1 of 1 items in it"):
        team.run(ListIntake(9))
    remove_index(team.settings, team.catalog, team.collection)
    assert bytes_of(client, "c@1") == theirs
    client.delete_collection("c@1")


def test_a_prefix_that_another_catalog_has_is_refused(teams: list[Team], server: Qdrant) -> None:
    first, second = teams
    first.settings = first.as_(qdrant_prefix=server.prefix())
    first.open().close()
    second.settings = second.as_(qdrant_prefix=first.settings.qdrant_prefix)
    other = Collection("other", "tiles", "m", DIM, second.collection.spec, second.collection.created_at)
    second.catalog.add_collection(other)
    with pytest.raises(IndexTakenError, match=f"qdrant_prefix = '{first.names.prefix}' is taken .*take another"):
        open_to_write(second.settings, second.catalog, other)


def test_a_prefix_that_another_begins_with_is_not_taken_by_it(
    teams: list[Team], server: Qdrant, client: QdrantClient
) -> None:
    first, second = teams
    first.settings = first.as_(qdrant_prefix=server.prefix())
    second.settings = second.as_(qdrant_prefix=f"{first.settings.qdrant_prefix}-c")
    for team, name in ((second, "c"), (first, "other"), (first, "c-c")):
        if name != "c":
            made = Collection(name, "tiles", "m", DIM, team.collection.spec, team.collection.created_at)
            team.catalog.add_collection(made)
    second.open().close()
    open_to_write(first.settings, first.catalog, first.catalog.collection("other")).close()
    theirs, clash = bytes_of(client, second.name), first.catalog.collection("c-c")
    with pytest.raises(IndexTakenError, match=f"'{second.name}' .*`groundcast verify c-c --rebuild-index`"):
        open_to_write(first.settings, first.catalog, clash)
    rebuild(first.settings, first.catalog, clash)  # as it is told
    assert first.names.of("c-c") == f"{second.name}.2" and bytes_of(client, second.name) == theirs


def test_a_rollback_waits_for_the_index_and_only_then_leads_anybody_there(
    team: Team, server: Qdrant, client: QdrantClient, caplog: pytest.LogCaptureFixture
) -> None:
    team.run(ListIntake(9))
    newer = Collection("c@2", "tiles", "n", DIM, team.collection.spec, team.collection.created_at)
    team.catalog.add_collection(newer)
    Aliases(team.catalog).point("c", "c@2", instead_of="c")
    open_to_write(team.settings, team.catalog, newer).close()
    with team.open() as index:
        index.delete(index.ids())  # as one of before the server has none
    alias = f"{team.names.prefix}-c"
    server.fails(team.name, 500, NO_SPACE, only="w")
    with pytest.raises(IndexAwayError, match="free disk space"):
        roll_back(team.settings, team.catalog, "c")
    assert Aliases(team.catalog).stored("c") == "c@2", "the same command again would take it back"
    assert client.count(alias).count == 0 and client.get_collection_aliases(team.name).aliases == []
    server.mend()
    assert roll_back(team.settings, team.catalog, "c").number == 1
    assert client.count(alias).count == 9
    Aliases(team.catalog).rename("c", "d")
    show_to_others(team.as_(qdrant_url="http://127.0.0.1:9"), team.catalog, "d")
    assert "stay as they were until `groundcast verify d --repair`: no Qdrant server answers" in caplog.text


# -- what a key may do -------------------------------------------------------------------------------------------------


def test_a_search_needs_reading_alone_and_writes_nothing(team: Team, server: Qdrant, client: QdrantClient) -> None:
    team.run(ListIntake(20))
    before = bytes_of(client, team.name)
    for key in (READ_ONLY, token(str(server.api_key), [{"collection": team.name, "access": "r"}])):
        settings = team.as_(qdrant_api_key=key)
        with open_to_read(settings, team.catalog, team.collection) as index:
            assert len(index.query(UNIT, 9)) == 9
        kept = KeptOpen(settings, team.catalog)
        with kept.of(team.collection) as (_, lacking):
            assert lacking == 0
        kept.close()
    assert bytes_of(client, team.name) == before


class Watched(ListIntake):
    """Items that tell whether any was read."""

    read_any = False

    def read(self, *arguments: object, **named: object) -> object:
        self.read_any = True
        return super().read(*arguments, **named)


def test_a_reading_key_is_refused_before_the_first_tile_is_read(team: Team, server: Qdrant) -> None:
    team.settings = team.as_(qdrant_api_key=READ_ONLY)
    with pytest.raises(IndexRightsError, match=r"403: Forbidden: Global manage access is required\); its key may not"):
        team.run(asked := Watched(5))
    assert not asked.read_any
    team.settings = team.as_(qdrant_api_key=server.api_key)
    team.open().close()  # the collection is there now, and a reading key may open it
    team.settings = team.as_(qdrant_api_key=token(str(server.api_key), [{"collection": team.name, "access": "r"}]))
    with pytest.raises(IndexRightsError, match=r"Write access to collection .* is required"):
        team.run(asked)
    assert not asked.read_any


def test_work_for_others_is_refused_by_the_same_key_and_not_by_a_server_that_is_away(
    team: Team, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(IndexRightsError, match="its key may not do that"):
        refuse_unwritable(team.as_(qdrant_api_key=READ_ONLY), team.catalog, team.collection)
    with pytest.raises(VectorIndexError, match="add nodes, or ask for fewer"):
        refuse_unwritable(team.as_(qdrant_replicas=2), team.catalog, team.collection)
    refuse_unwritable(team.as_(qdrant_url="http://127.0.0.1:9"), team.catalog, team.collection)
    assert "the index cannot be written for now: no Qdrant server answers" in caplog.text


def test_a_token_that_writes_one_collection_is_enough_for_an_ingest_into_it(team: Team, server: Qdrant) -> None:
    team.open().close()
    team.settings = team.as_(qdrant_api_key=token(str(server.api_key), [{"collection": team.name, "access": "rw"}]))
    assert team.run(ListIntake(9)).done == 9
    assert team.verify().problems == []
    team.settings = team.as_(qdrant_api_key=token(str(server.api_key), [{"collection": "other", "access": "rw"}]))
    with pytest.raises(IndexRightsError, match=f"Access to collection {team.name} is required"):
        open_to_read(team.settings, team.catalog, team.collection)


def test_doctor_says_what_a_key_may_do_and_what_that_is_enough_for(team: Team, server: Qdrant) -> None:
    team.open().close()
    one = [{"collection": team.name, "access": "r"}]
    told = {
        str(server.api_key): "may manage the server: enough for everything",
        READ_ONLY: "may read: enough for searching; an ingest takes one that writes",
        token(str(server.api_key), one): "may read: enough for searching; an ingest takes one that writes",
        token(str(server.api_key), [one[0] | {"access": "rw"}]): "may write the collections: enough for searching and",
        token(str(server.api_key), [one[0] | {"collection": "x"}]): f"may not read {team.name}",
    }
    for key, words in told.items():
        checks = {one.name: one for one in check_index(team.as_(qdrant_api_key=key), team.catalog)}
        assert checks["index key"].found.startswith(words)
        assert checks["index key"].ok != words.startswith("may not")


def test_verify_looks_with_a_reading_key_and_counts_what_the_archive_has_not(team: Team, server: Qdrant) -> None:
    team.run(ListIntake(9))
    with team.open() as index:
        index.upsert(Points(["strange"], UNIT[None], [{"tile_id": "strange"}]))
    team.settings = team.as_(qdrant_api_key=READ_ONLY)
    assert team.verify().problems == ["1 items are in the index only, such as strange"]
    assert "its key may not do that" in team.verify(repair=True).problems[0]


def test_no_key_and_a_wrong_one_are_told_apart_from_a_server_that_is_away(server: Qdrant) -> None:
    with pytest.raises(IndexRightsError, match=r"refuses its key \(401: Invalid API key or JWT\); set qdrant_api_key"):
        connect(server.url, "wrong")
    with pytest.raises(VectorIndexError, match=r"no Qdrant server answers at http://127\.0\.0\.1:9 "):
        connect("http://127.0.0.1:9")


# -- what is refused ---------------------------------------------------------------------------------------------------


NO_SPACE = "Service internal error: No space left on device: WAL buffer size exceeds available disk space"
NODE_GONE = "Service internal error: 1 of 1 read operations failed: Service internal error: Failed to connect to node"
NOT_APPLIED = "Service internal error: 1 out of 3 shards failed to apply operation. First error captured: dead"


@pytest.mark.parametrize(
    ("status", "error", "advice"),
    [
        (500, NO_SPACE, "free disk space on the server"),
        (500, NODE_GONE, "`groundcast verify c --rebuild-index`"),
        (500, NOT_APPLIED, "`groundcast verify c --rebuild-index`"),
        (400, "JSON payload (40593902 bytes) is larger than allowed (limit: 33554432 bytes).", "16 MiB at most"),
        (413, "Request Entity Too Large", "every proxy before it"),
        (404, "Not found: Collection `x` doesn't exist!", "`groundcast verify c --repair` makes it anew"),
        (409, "Wrong input: Collection `x` already exists!", "set another qdrant_prefix"),
        (400, "Wrong input: Can't create collection with name x. Alias with the same name already exists", "prefix"),
        (400, "Wrong input: Vector dimension error: expected dim: 384, got 2 for vector 'overhead'", "another model"),
        (403, "Forbidden: Write access to collection x is required", "`groundcast doctor` says what this one may do"),
        (500, "Service internal error: something new", "check the server, then run `groundcast verify c --repair`"),
    ],
)  # fmt: skip
def test_a_refusal_carries_the_servers_reason_and_what_to_do(
    team: Team, server: Qdrant, status: int, error: str, advice: str
) -> None:
    with team.open() as index:
        server.fails(index.name, status, error)
        with pytest.raises(VectorIndexError) as caught:
            index.count()
    told = str(caught.value)
    assert f"{status}: " in told and advice in told and "NAME" not in told
    assert error in told


def test_a_node_that_is_just_going_or_coming_is_waited_for(team: Team, server: Qdrant) -> None:
    with team.open() as index:
        for status, error in ((503, "Service Unavailable"), (500, NODE_GONE), (502, "")):
            server.fails(index.name, status, error, left=3)
            assert index.count() == 0
        server.fails(index.name, 503, "Service Unavailable", left=4)
        with pytest.raises(VectorIndexError, match="503: Service Unavailable"):
            index.count()


def test_addresses_are_tried_in_turn(team: Team, server: Qdrant) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    team.settings = team.as_(qdrant_url=f"{away}, {server.url}")
    assert team.run(ListIntake(9)).done == 9
    with pytest.raises(VectorIndexError, match=f"answers at {away}, {away}"):
        connect(f"{away},{away}")


def test_a_server_older_than_what_is_used_is_refused_by_its_version(
    server: Qdrant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "OLDEST", (99, 0))
    with pytest.raises(VectorIndexError, match=r"Qdrant \d+\.\d+\.\d.* is older than 99\.0, .*: upgrade it"):
        connect(server.url, server.api_key)


def test_long_vectors_go_in_requests_of_few_bytes(client: QdrantClient, server: Qdrant) -> None:
    dim, n = 4096, 190
    vectors = np.random.default_rng(0).normal(size=(n, dim)).astype(np.float32)
    ids = [f"t{i}" for i in range(n)]
    points = Points(ids, vectors, [{"tile_id": one} for one in ids])
    cut = list(batches(points, name="c", dim=dim))
    sizes = [len(json.dumps([batch.vectors.tolist(), batch.payloads])) for batch in cut]
    assert sum(len(batch.ids) for batch in cut) == n
    assert len(sizes) == 2 and REQUEST_BYTES / 2 < max(sizes) <= REQUEST_BYTES
    with ServerIndex(client, f"{server.made}-long", dim, new=NewCollection("float32")) as index:
        index.upsert(points)
        assert index.count() == n and index.query(vectors[7], 1)[0].item_id == "t7"
        index.drop()


def test_the_server_refuses_a_request_of_more_than_32_mib(server: Qdrant) -> None:
    headers = {"api-key": str(server.api_key), "content-type": "application/json"}
    answer = httpx.put(f"{server.url}/collections/c/points", content=b" " * (33_554_432 + 9), headers=headers)
    assert answer.status_code == 400 and "is larger than allowed (limit: 33554432 bytes)" in answer.text


def test_an_item_that_no_request_takes_is_named_and_nothing_is_written() -> None:
    payloads = [{"tile_id": "a"}, {"tile_id": "b", "note": "x" * REQUEST_BYTES}]
    with pytest.raises(VectorIndexError, match=r"item 'b' has 16,\d+,\d+ bytes .*shorten its columns"):
        next(batches(Points(["a", "b"], np.ones((2, DIM)), payloads), name="c", dim=DIM))


# -- a cluster ---------------------------------------------------------------------------------------------------------


def test_shards_of_a_new_collection_are_as_set_and_differences_are_told(team: Team, client: QdrantClient) -> None:
    team.settings = team.as_(qdrant_shards=3, qdrant_write_consistency=1)
    team.open().close()
    found = look(team.settings, team.catalog, client)["c"]
    assert (found.sharding, str(found.sharding), found.problem) == (Sharding(3, 1, 1), "3 shards × 1 replica", None)
    told = look(team.as_(qdrant_shards=6), team.catalog, client)["c"].problem
    assert told == "qdrant_shards = 6, it has 3: `groundcast verify c --rebuild-index` makes it so"


def test_more_replicas_than_nodes_are_refused(team: Team, client: QdrantClient) -> None:
    status = client.cluster_status()
    if isinstance(status, models.ClusterStatusOneOf1):
        pytest.skip("a cluster")
    team.settings = team.as_(qdrant_replicas=2)
    with pytest.raises(VectorIndexError, match=r"qdrant_replicas = 2 and the cluster has 1 node, .*: add nodes"):
        team.run(ListIntake(9))
    assert team.name == ""


def test_an_index_that_is_lost_for_good_is_made_anew_beside_it(
    team: Team, server: Qdrant, client: QdrantClient
) -> None:
    team.run(ListIntake(25))
    lost = team.name
    kept = KeptOpen(team.settings, team.catalog)
    with kept.of(team.collection) as (index, _):
        assert index.name == lost
    server.fails(lost, 500, NODE_GONE, only="rw")
    findings = verify(team.settings, team.catalog, team.collection, rebuild_index=True)
    assert (findings.indexed, findings.problems) == (25, [])
    assert team.name == f"{lost}.2" and any(f"{lost}.2 answers now" in line for line in findings.repaired)
    assert any(f"collection '{lost}' stays on the Qdrant server" in line for line in findings.repaired)
    with kept.of(team.collection) as (index, lacking):
        assert (index.name, lacking) == (f"{lost}.2", 0)
    kept.close()
    leads = {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}
    assert leads[f"{team.names.prefix}-c"] == f"{lost}.2"
    server.mend()
    client.delete_collection(lost)


def test_a_rebuild_that_was_interrupted_goes_on_and_the_old_one_goes(
    team: Team, client: QdrantClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.run(ListIntake(25))
    old = team.name
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ServerIndex, "upsert", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        rebuild(team.settings, team.catalog, team.collection)
    assert team.name == old and team.verify().indexed == 25
    rebuild(team.settings, team.catalog, team.collection)
    assert team.name == f"{old}.2" and team.verify().indexed == 25 and not client.collection_exists(old)
    with IndexHolder(team.settings, team.catalog, team.collection) as holder:
        assert holder.get().name == f"{old}.2"
        rebuild(team.settings, team.catalog, team.collection)
        assert holder.get().name == team.name == f"{old}.3", "who ingests meanwhile goes on into the new one"
