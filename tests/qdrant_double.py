"""A double of a Qdrant server, for tests: its REST interface over the server's own engine, `qdrant-edge-py`.

    QDRANT__SERVICE__API_KEY=… python tests/qdrant_double.py FOLDER PORT

It is no Qdrant server. It answers what `qdrant-client` asks for the calls that this project makes, with the statuses
and in the words of version 1.18.3, from a folder that survives a kill:

    aliases.json                    name → collection
    faults.json                     collection → what it answers instead of its own, see `Server.fail`
    <collection>/config.json        what the collection was made with
    <collection>/shard/             Edge's files

Like a server it refuses what a key may not do (`tests/qdrant_keys.py`), a request of more than 32 MiB, names that are
taken and, in strict mode, a filter on a field without a payload index. Unlike one it builds its search graph only when
the configuration changes, so its answers are exact. It is no cluster: QDRANT_DOUBLE_NODES says how many nodes it calls
its own, and QDRANT_DOUBLE_VERSION another version. What it does not know is answered by 501, never by a guess.
GROUNDCAST_TEST_QDRANT_URL puts a real server in its place.
"""

import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import qdrant_edge as edge
from qdrant_keys import Access, Keys, RefusedError, TextError

VERSION = os.environ.get("QDRANT_DOUBLE_VERSION", "1.18.3-double")
LIMIT = 33_554_432  # bytes of a request
READ_ROUTES = ("points", "query", "batch", "count", "scroll")  # POST requests that change nothing
NODES = int(os.environ.get("QDRANT_DOUBLE_NODES", "0"))  # of a cluster; 0: it is none
Json = Any


class Collection:
    """One open collection."""

    def __init__(self, folder: Path, config: Json | None = None) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        if config is None:
            self.config = json.loads((folder / "config.json").read_text("utf-8"))
            self.shard = edge.EdgeShard.load(str(folder / "shard"))
            return
        (folder / "shard").mkdir(parents=True)
        self.config = config
        self.shard = edge.EdgeShard.create(str(folder / "shard"), edge_config(config))
        self.save()

    def save(self) -> None:
        temporary = self.folder / "config.tmp"
        temporary.write_text(json.dumps(self.config), "utf-8")
        temporary.replace(self.folder / "config.json")

    def close(self) -> None:
        self.shard.flush()
        self.shard.close()

    def update(self, operation: Any) -> Json:
        with self.lock:
            self.shard.update(operation)
        return {"operation_id": 0, "status": "completed"}

    def change(self, body: Json) -> None:
        """What `update_collection` may change: quantization, strict mode, graph, metadata."""
        for key, value in body.items():
            old = self.config.get(key)
            if key == "vectors":
                value = {name: old[name] | value.get(name, {}) for name in old}  # noqa: PLW2901
            self.config[key] = {**old, **value} if isinstance(old, dict) and key != "quantization_config" else value
        if set(body) == {"metadata"}:
            return self.save()
        with self.lock:
            self.close()
            self.shard = edge.EdgeShard.load(str(self.folder / "shard"), edge_config(self.config))
            self.shard.optimize()
        return self.save()

    def info(self) -> Json:
        found = self.shard.info()
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": found.indexed_vectors_count,
            "points_count": found.points_count,
            "segments_count": found.segments_count,
            "config": {
                "params": {
                    "vectors": self.config["vectors"],
                    "shard_number": self.config.get("shard_number") or NODES or 1,
                    "replication_factor": self.config.get("replication_factor") or 1,
                    "write_consistency_factor": self.config.get("write_consistency_factor") or 1,
                },
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "quantization_config": self.config.get("quantization_config"),
                "strict_mode_config": self.config.get("strict_mode_config"),
                "metadata": self.config.get("metadata"),
            },
            "payload_schema": {
                field: {"data_type": kind, "points": found.points_count} for field, kind in self.indexed().items()
            },
        }

    def indexed(self) -> dict[str, str]:
        """Payload indexes: field → type."""
        kinds: dict[str, str] = self.config.setdefault("payload_indexes", {})
        return kinds

    def filter(self, body: Json) -> Any:
        """The filter of a request in Edge's words; in strict mode every field needs its index."""
        given = body.get("filter")
        strict = self.config.get("strict_mode_config") or {}
        if given and strict.get("enabled") and strict.get("unindexed_filtering_retrieve") is False:
            for key in filter_keys(given):
                if key not in self.indexed():
                    raise RefusedError(400, f'Bad request: Index required but not found for "{key}"')
        return edge_filter(given) if given else None


class Server:
    """Every collection of a folder, and the routes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.collections = {path.parent.name: Collection(path.parent) for path in folder.glob("*/config.json")}
        aliases = folder / "aliases.json"
        self.aliases: dict[str, str] = json.loads(aliases.read_text("utf-8")) if aliases.exists() else {}
        name = r"/collections/(?P<name>[^/]+)"
        self.routes: list[tuple[str, re.Pattern[str], Callable[..., Json]]] = [
            (method, re.compile(pattern + "$"), answer)
            for method, pattern, answer in (
                ("GET", r"/collections", self.list_collections),
                ("POST", r"/collections/aliases", self.change_aliases),
                ("GET", r"/aliases", self.list_aliases),
                ("GET", r"/cluster", self.cluster),
                ("GET", name + r"/aliases", self.list_aliases),
                ("GET", name + r"/exists", self.exists),
                ("GET", name, lambda name, body: self.open(name).info()),
                ("PUT", name, self.create),
                ("PATCH", name, self.patch),
                ("DELETE", name, self.drop),
                ("PUT", name + r"/index", self.create_index),
                ("PUT", name + r"/points", self.upsert),
                ("POST", name + r"/points", self.retrieve),
                ("POST", name + r"/points/delete", self.delete),
                ("POST", name + r"/points/count", self.count),
                ("POST", name + r"/points/scroll", self.scroll),
                ("POST", name + r"/points/query", self.query),
                ("POST", name + r"/points/query/batch", self.query_batch),
                ("POST", name + r"/points/payload", self.set_payload),
            )
        ]

    def answer(self, method: str, path: str, body: Json, access: Access) -> Json:
        for known, pattern, answer in self.routes:
            found = pattern.match(path)
            if known == method and found:
                names = {key: unquote(value) for key, value in found.groupdict().items()}
                need = self.need(method, path, names)
                access.require(*need) if path != "/collections" else None
                self.fail(need[0], names.get("name"))
                result = answer(**names, body=body)
                if path == "/collections":
                    result["collections"] = [one for one in result["collections"] if access.sees(one["name"])]
                return result
        raise RefusedError(501, f"{method} {path} is not in the double")

    def need(self, method: str, path: str, names: dict[str, str]) -> tuple[str, str | None]:
        """The right that a request takes, and the collection that it takes it of."""
        name = names.get("name")
        if method == "GET" or (method == "POST" and path.rsplit("/", 1)[-1] in READ_ROUTES):
            return "r", name
        on_points = name is not None and re.search(r"/(points|index)(/|$)", path)
        return ("w", name) if on_points else ("m", None)

    def fail(self, need: str, name: str | None) -> None:
        """Answers as `faults.json` asks: {collection: {"status", "error", "left": how often, "only": r or w or m}}."""
        file = self.folder / "faults.json"
        if name is None or not file.exists():
            return
        with self.lock:
            faults = json.loads(file.read_text("utf-8"))
            fault = faults.get(self.aliases.get(name, name))
            if fault is None or fault["left"] == 0 or need not in fault.get("only", "rwm"):
                return
            fault["left"] -= 1
            file.write_text(json.dumps(faults), "utf-8")
        raise RefusedError(fault["status"], fault["error"])

    def cluster(self, body: Json) -> Json:
        if not NODES:
            return {"status": "disabled"}
        return {
            "status": "enabled",
            "peer_id": 1,
            "peers": {str(number): {"uri": f"http://node-{number}:6335/"} for number in range(1, NODES + 1)},
            "raft_info": {
                "term": 1, "commit": 1, "pending_operations": 0, "leader": 1, "role": "Leader", "is_voter": True
            },
            "consensus_thread_status": {
                "consensus_thread_status": "working", "last_update": "2026-01-01T00:00:00.000000000Z"
            },
            "message_send_failures": {},
        }  # fmt: skip

    def open(self, name: str) -> Collection:
        found = self.collections.get(self.aliases.get(name, name))
        if found is None:
            raise RefusedError(404, f"Not found: Collection `{name}` doesn't exist!")
        return found

    def list_collections(self, body: Json) -> Json:
        return {"collections": [{"name": name} for name in sorted(self.collections)]}

    def exists(self, name: str, body: Json) -> Json:
        return {"exists": self.aliases.get(name, name) in self.collections}

    def create(self, name: str, body: Json) -> Json:
        with self.lock:
            if name in self.collections:
                raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
            if name in self.aliases:
                raise RefusedError(
                    400,
                    f"Wrong input: Can't create collection with name {name}. Alias with the same name already exists",
                )
            self.collections[name] = Collection(self.folder / name, body)
        return True

    def patch(self, name: str, body: Json) -> Json:
        self.open(name).change(body)
        return True

    def drop(self, name: str, body: Json) -> Json:
        with self.lock:
            found = self.collections.pop(name, None)
            if found is not None:
                found.close()
                shutil.rmtree(found.folder)
                self.save_aliases({alias: to for alias, to in self.aliases.items() if to != name})
        return found is not None

    def list_aliases(self, body: Json, name: str | None = None) -> Json:
        pairs = [(alias, to) for alias, to in sorted(self.aliases.items()) if name in (None, to)]
        return {"aliases": [{"alias_name": alias, "collection_name": to} for alias, to in pairs]}

    def change_aliases(self, body: Json) -> Json:
        """All of the actions or none, as on a server."""
        with self.lock:
            new = dict(self.aliases)
            for action in body["actions"]:
                for kind, what in action.items():
                    if kind == "create_alias":
                        if what["alias_name"] in self.collections:
                            taken = what["alias_name"]
                            raise RefusedError(409, f"Wrong input: Collection `{taken}` already exists!")
                        if what["collection_name"] not in self.collections:
                            raise RefusedError(404, f"Not found: Collection `{what['collection_name']}` doesn't exist!")
                        new[what["alias_name"]] = what["collection_name"]
                    elif kind == "delete_alias":
                        new.pop(what["alias_name"], None)
                    elif kind == "rename_alias":
                        new[what["new_alias_name"]] = new.pop(what["old_alias_name"])
            self.save_aliases(new)
        return True

    def save_aliases(self, aliases: dict[str, str]) -> None:
        self.aliases = aliases
        temporary = self.folder / "aliases.tmp"
        temporary.write_text(json.dumps(aliases), "utf-8")
        temporary.replace(self.folder / "aliases.json")

    def create_index(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        schema = body["field_schema"]
        kind = schema if isinstance(schema, str) else schema["type"]
        done = collection.update(
            edge.UpdateOperation.create_field_index(
                body["field_name"], getattr(edge.PayloadSchemaType, kind.capitalize())
            )
        )
        collection.indexed()[body["field_name"]] = kind
        collection.save()
        return done

    def upsert(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        for point in body["points"]:
            for vector, values in point["vector"].items():
                check_dimension(collection, vector, values)
        points = [
            edge.Point(id=point["id"], vector=point["vector"], payload=point.get("payload") or {})
            for point in body["points"]
        ]
        return collection.update(edge.UpdateOperation.upsert_points(points))

    def delete(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        if body.get("points") == []:
            raise RefusedError(400, "Bad request: Empty update request")
        if "points" in body:
            return collection.update(edge.UpdateOperation.delete_points(body["points"]))
        return collection.update(edge.UpdateOperation.delete_points_by_filter(collection.filter(body)))

    def set_payload(self, name: str, body: Json) -> Json:
        return self.open(name).update(edge.UpdateOperation.set_payload(body["points"], body["payload"]))

    def retrieve(self, name: str, body: Json) -> Json:
        records = self.open(name).shard.retrieve(
            body["ids"], with_payload=body.get("with_payload", True), with_vector=body.get("with_vector", False)
        )
        return [record_json(record) for record in records]

    def count(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        request = edge.CountRequest(exact=body.get("exact", True), filter=collection.filter(body))
        return {"count": collection.shard.count(request)}

    def scroll(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        request = edge.ScrollRequest(
            offset=body.get("offset"),
            limit=body.get("limit") or 10,
            filter=collection.filter(body),
            with_payload=body.get("with_payload", True),
            with_vector=body.get("with_vector") or False,
        )
        records, offset = collection.shard.scroll(request)
        after = None if offset is None else (offset if isinstance(offset, int) else str(offset))
        return {"points": [record_json(record) for record in records], "next_page_offset": after}

    def query(self, name: str, body: Json) -> Json:
        collection = self.open(name)
        query = body["query"]
        vector = query.get("nearest") if isinstance(query, dict) else query
        if not isinstance(vector, list):
            raise RefusedError(501, f"a query of {query!r} is not in the double")
        check_dimension(collection, body.get("using") or "", vector)
        params = body.get("params") or {}
        quantization = params.get("quantization")
        request = edge.QueryRequest(
            limit=body.get("limit") or 10,
            query=edge.Query.Nearest(vector, using=body.get("using") or ""),
            filter=collection.filter(body),
            with_payload=body.get("with_payload") or False,
            with_vector=body.get("with_vector") or False,
            params=edge.SearchParams(
                hnsw_ef=params.get("hnsw_ef"),
                exact=params.get("exact") or False,
                quantization=edge.QuantizationSearchParams(**quantization) if quantization else None,
            ),
        )
        return {
            "points": [
                {**record_json(hit), "version": 0, "score": hit.score} for hit in collection.shard.query(request)
            ]
        }

    def query_batch(self, name: str, body: Json) -> Json:
        return [self.query(name, search) for search in body["searches"]]


def check_dimension(collection: Collection, name: str, values: list[float]) -> None:
    size = collection.config["vectors"][name]["size"]
    if len(values) != size:
        raise RefusedError(
            400, f"Wrong input: Vector dimension error: expected dim: {size}, got {len(values)} for vector '{name}'"
        )


def edge_config(config: Json) -> Any:
    """The engine's configuration for that of a collection."""
    vectors = {
        name: edge.EdgeVectorParams(
            size=given["size"],
            distance=getattr(edge.Distance, given["distance"]),
            datatype=getattr(edge.VectorStorageDatatype, (given.get("datatype") or "float32").capitalize()),
        )
        for name, given in config["vectors"].items()
    }
    scalar = (config.get("quantization_config") or {}).get("scalar")
    quantization = scalar and edge.ScalarQuantizationConfig(edge.ScalarType.Int8, scalar.get("quantile"))
    return edge.EdgeConfig(vectors=vectors, quantization_config=quantization or None)


def filter_keys(given: Json) -> Iterator[str]:
    """Every field that a filter looks at."""
    for clause in ("must", "should", "must_not"):
        for condition in as_list(given.get(clause)):
            if "key" in condition:
                yield condition["key"]
            yield from filter_keys(condition)


def edge_filter(given: Json) -> Any:
    clauses = {
        clause: [edge_condition(condition) for condition in as_list(given[clause])]
        for clause in ("must", "should", "must_not")
        if given.get(clause)
    }
    return edge.Filter(**clauses)


def edge_condition(given: Json) -> Any:
    if "key" not in given:
        if "has_id" in given:
            return edge.HasIdCondition(set(given["has_id"]))
        return edge_filter(given)
    key = given["key"]
    if given.get("geo_bounding_box"):
        corners = given["geo_bounding_box"]
        return edge.FieldCondition(
            key=key, geo_bounding_box=edge.GeoBoundingBox(place(corners["top_left"]), place(corners["bottom_right"]))
        )
    if given.get("geo_polygon"):
        ring = [place(point) for point in given["geo_polygon"]["exterior"]["points"]]
        return edge.FieldCondition(key=key, geo_polygon=edge.GeoPolygon(exterior=ring))
    if given.get("range"):
        limits = {bound: given["range"].get(bound) for bound in ("gte", "lte", "gt", "lt")}
        dated = any(isinstance(limit, str) for limit in limits.values())
        kind = edge.RangeDateTime if dated else edge.RangeFloat
        return edge.FieldCondition(key=key, range=kind(**limits))
    if given.get("match"):
        match = given["match"]
        chosen = edge.MatchAny(match["any"]) if "any" in match else edge.MatchValue(match["value"])
        return edge.FieldCondition(key=key, match=chosen)
    raise RefusedError(501, f"a condition of {given!r} is not in the double")


def place(given: Json) -> Any:
    return edge.GeoPoint(given["lon"], given["lat"])


def as_list(given: Json) -> list[Json]:
    return given if isinstance(given, list) else [] if given is None else [given]


def record_json(record: Any) -> Json:
    vector = record.vector
    return {
        "id": record.id if isinstance(record.id, int) else str(record.id),
        "payload": record.payload,
        "vector": vector if vector is None or isinstance(vector, list | dict) else dict(vector),
    }


class Handler(BaseHTTPRequestHandler):
    """HTTP around `Server`."""

    protocol_version = "HTTP/1.1"
    # head and body of an answer leave at once: sent apart, the second waits 40 ms for the first to be acknowledged
    wbufsize = -1
    disable_nagle_algorithm = True
    server_: Server
    keys: Keys

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = urlsplit(self.path).path.rstrip("/")
        try:
            if path in ("/healthz", "/livez", "/readyz"):  # open to all, as on a server
                return self.send(200, {"status": "ok"})
            if path == "":
                return self.send(200, {"title": "qdrant - vector search engine (double)", "version": VERSION})
            bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            access = self.keys.access(self.headers.get("api-key") or bearer)
            if length > LIMIT:
                raise RefusedError(400, f"JSON payload ({length} bytes) is larger than allowed (limit: {LIMIT} bytes).")
            result = self.server_.answer(self.command, path, json.loads(body) if body else {}, access)
        except TextError as refusal:
            return self.send_bytes(refusal.status, "text/plain", str(refusal).encode())
        except RefusedError as refusal:
            return self.send(refusal.status, {"status": {"error": str(refusal)}, "time": 0.0})
        except Exception as error:  # noqa: BLE001 - a server answers 500 and lives on
            return self.send(500, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0})
        return self.send(200, {"result": result, "status": "ok", "time": 0.0})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def send(self, status: int, answer: Json) -> None:
        self.send_bytes(status, "application/json", json.dumps(answer).encode())

    def send_bytes(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, port: str) -> None:
    Handler.server_, Handler.keys = Server(Path(folder)), Keys(dict(os.environ))
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
