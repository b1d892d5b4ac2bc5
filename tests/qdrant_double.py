"""A double of a Qdrant server, for tests: its REST interface over the server's own engine, `qdrant-edge-py`.

    QDRANT__SERVICE__API_KEY=… python tests/qdrant_double.py FOLDER PORT

It is no Qdrant server. It answers what `qdrant-client` asks for the calls that this project makes, in the server's
words, from a folder that survives a kill:

    aliases.json                    name → collection
    <collection>/config.json        what the collection was made with
    <collection>/shard/             Edge's files

Like a server it refuses a wrong key, and, in strict mode, a filter on a field without a payload index. Unlike one it
builds its search graph only when the configuration changes, so its answers are exact; it has no cluster. What it does
not know is answered by 501, never by a guess. GROUNDCAST_TEST_QDRANT_URL puts a real server in its place.
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

VERSION = "1.15.0-double"
Json = Any


class RefusedError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


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
        """What `update_collection` may change: quantization, strict mode, graph."""
        for key, value in body.items():
            old = self.config.get(key)
            if key == "vectors":
                value = {name: old[name] | value.get(name, {}) for name in old}  # noqa: PLW2901
            self.config[key] = {**old, **value} if isinstance(old, dict) and key != "quantization_config" else value
        with self.lock:
            self.close()
            self.shard = edge.EdgeShard.load(str(self.folder / "shard"), edge_config(self.config))
            self.shard.optimize()
        self.save()

    def info(self) -> Json:
        found = self.shard.info()
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": found.indexed_vectors_count,
            "points_count": found.points_count,
            "segments_count": found.segments_count,
            "config": {
                "params": {"vectors": self.config["vectors"], "shard_number": 1, "replication_factor": 1},
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "quantization_config": self.config.get("quantization_config"),
                "strict_mode_config": self.config.get("strict_mode_config"),
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

    def __init__(self, folder: Path, api_key: str | None) -> None:
        self.folder = folder
        self.api_key = api_key
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

    def answer(self, method: str, path: str, body: Json) -> Json:
        for known, pattern, answer in self.routes:
            found = pattern.match(path)
            if known == method and found:
                return answer(**{key: unquote(value) for key, value in found.groupdict().items()}, body=body)
        raise RefusedError(501, f"{method} {path} is not in the double")

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
            if name in self.collections or name in self.aliases:
                raise RefusedError(409, f"Wrong input: Collection `{name}` already exists!")
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
                            raise RefusedError(409, f"Wrong input: `{what['alias_name']}` is a collection")
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
        points = [
            edge.Point(id=point["id"], vector=point["vector"], payload=point.get("payload") or {})
            for point in body["points"]
        ]
        return self.open(name).update(edge.UpdateOperation.upsert_points(points))

    def delete(self, name: str, body: Json) -> Json:
        collection = self.open(name)
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
    server_: Server

    def log_message(self, format: str, *arguments: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path.rstrip("/")
        try:
            if path in ("/healthz", "/livez", "/readyz"):  # open to all, as on a server
                return self.send(200, {"status": "ok"})
            if self.server_.api_key not in (None, self.headers.get("api-key")):
                raise RefusedError(401, "Must provide an API key or an Authorization bearer token")
            if path == "":
                return self.send(200, {"title": "qdrant - vector search engine (double)", "version": VERSION})
            result = self.server_.answer(self.command, path, json.loads(body) if body else {})
        except RefusedError as refusal:
            return self.send(refusal.status, {"status": {"error": str(refusal)}, "time": 0.0})
        except Exception as error:  # noqa: BLE001 - a server answers 500 and lives on
            return self.send(500, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0})
        return self.send(200, {"result": result, "status": "ok", "time": 0.0})

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def send(self, status: int, answer: Json) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(folder: str, port: str) -> None:
    Handler.server_ = Server(Path(folder), os.environ.get("QDRANT__SERVICE__API_KEY"))
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
