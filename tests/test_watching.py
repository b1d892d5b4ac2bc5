"""A worker that is watched: with Redis and a Qdrant server it embeds a new version, and tells what it does."""

import contextlib
import io
import json
import os
import re
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families
from qdrant_client import QdrantClient

from ingest.catalog.backlog import backlog
from ingest.catalog.catalog import Catalog, Collection
from ingest.catalog.leases import Leases
from ingest.index.on_server import connect
from ingest.jobs.verify import verify
from ingest.settings import load_settings
from search_ui.cli import main
from search_ui.routes.health import Metrics
from tests.conftest import ROOT, TINY_CLIP, make_raster, start_groundcast
from tests.services import PASSWORD, free_port, start_qdrant, start_redis
from tests.test_deploy import command, wait_until_well
from trainer.errors import SettingsError
from trainer.weights.zoo import add_open_clip
from workers.metrics import FOLDER, QueueCollector, serve
from workers.queue_statistics import queue_statistics

GRAFANA = ROOT / "deploy" / "grafana" / "groundcast.json"


@dataclass(frozen=True)
class Watched:
    """What was printed, told and logged, and what the Qdrant server held after each step."""

    upgraded: Any
    metrics: str
    log: list[str]
    aliases: list[dict[str, str]]
    counts: list[int]
    left: list[str]
    agree: bool

    def values(self, name: str, *labels: str) -> list[float]:
        """Of a metric's samples with these values of labels."""
        samples = [one for family in text_string_to_metric_families(self.metrics) for one in family.samples]
        return [one.value for one in samples if one.name == name and set(labels) <= set(one.labels.values())]


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> Iterator[Watched]:
    """`town` gets another model by one worker, goes back to the first, and the other version is dropped."""
    folder = tmp_path_factory.mktemp("watched")
    home, port = folder / "home", free_port()
    ingest = ["ingest", make_raster(folder / "town.tif", width=400, height=300), "--collection", "town"]
    for seed, name in enumerate(("old", "new")):
        add_open_clip(folder / name, TINY_CLIP, random_seed=seed)
        run(home, "model", "add", name, "--checkpoint", folder / name)
    run(home, *ingest, "--tile-size-m", 20, "--model", "old")
    prompts = folder / "prompts.txt"
    prompts.write_text("a market\n", "utf-8")
    redis, qdrant = start_redis(folder / "redis"), start_qdrant(folder / "qdrant")
    values = {
        "redis_url": redis.url,
        "qdrant_url": qdrant.url,
        "qdrant_api_key": qdrant.api_key,
        "qdrant_prefix": "team",
        "metrics_port": port,
        "log": "json",
    }
    (home / "settings.toml").write_text("\n".join(f"{k} = {json.dumps(v)}" for k, v in values.items()), "utf-8")
    with (folder / "log").open("w") as log, closing(connect(load_settings(home))) as client:
        worker = start_groundcast(home, *command("worker"), stdout=log, stderr=log)
        try:
            wait_until_well("worker-cpu", port)
            upgrade = ["upgrade", "town", "--model", "new", "--prompts", prompts, "--queue", "--json"]
            upgraded = run(home, "collection", *upgrade)
            aliases, counts = [named(client)], [client.count("team-town").count]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                told = answer.read().decode()
        finally:
            worker.terminate()
            worker.wait(60)
        settings = load_settings(home)
        with closing(Catalog(settings.catalog_at)) as catalog:
            agree = not verify(settings, catalog, catalog.collection("town@2")).problems
        run(home, "collection", "rollback", "town")
        aliases, counts = [*aliases, named(client)], [*counts, client.count("team-town").count]
        run(home, "collection", "drop", "town", "--version", 2)
        left = [found.name for found in client.get_collections().collections]
    lines = (folder / "log").read_text("utf-8").splitlines()
    yield Watched(json.loads(upgraded), told, lines, aliases, counts, left, agree)
    for server in (redis, qdrant):
        server.stop()


def run(home: Path, *command: object) -> str:
    """The command line in this process; what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as exit_:
        main(["--home", str(home), *map(str, command)])
    assert exit_.value.code == 0
    return printed.getvalue()


def named(client: QdrantClient) -> dict[str, str]:
    return {alias.alias_name: alias.collection_name for alias in client.get_aliases().aliases}


def test_workers_embed_the_new_version_and_the_alias_on_the_server_follows(watched):
    (job,) = watched.upgraded["jobs"]
    assert watched.upgraded["in_service"] == "town@2" and (job["job"]["queued"], job["job"]["state"]) == (True, "done")
    assert watched.agree, "ledger, archive and index of the new version"
    assert watched.aliases == [{"team-town": "team-town@2"}, {"team-town": "team-town@1"}], (
        "after the upgrade, after the rollback"
    )
    assert watched.counts == [job["job"]["done"]] * 2, "the index of the old one was filled from the archive"
    assert watched.left == ["team-town@1"]


def test_a_worker_tells_what_it_did_and_what_waits(watched):
    (job,) = watched.upgraded["jobs"]
    assert watched.values("groundcast_items_total", "town@2") == [job["job"]["done"]]
    assert {
        stage: watched.values("groundcast_stage_seconds_total", stage)[0] > 0 for stage in ("read", "embed", "write")
    }
    assert sum(watched.values("groundcast_task_seconds_count", "town@2")) >= 1
    assert sum(watched.values("groundcast_skipped_total")) == sum(job["job"]["skipped"].values())
    assert watched.values("groundcast_chunks", "leased") and watched.values("groundcast_messages", "embed")
    assert PASSWORD not in watched.metrics


def test_a_line_of_the_log_has_job_chunk_and_seconds_as_fields(watched):
    lines = [json.loads(line) for line in watched.log]  # from the first to the last
    (job,) = watched.upgraded["jobs"]
    chunks = [line for line in lines if line["logger"] == "ingest.jobs.writer" and "chunk" in line]
    assert {line["job"] for line in chunks} == {job["job"]["id"]} and len(chunks) == job["job"]["chunks"]
    assert all(line["seconds"] >= 0 and line["level"] == "INFO" and line["time"] for line in chunks)
    assert PASSWORD not in "".join(watched.log)


def test_a_port_that_is_taken_is_told(watched, monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    with socket.create_server(("0.0.0.0", 0)) as other, pytest.raises(SettingsError, match="a port of its own"):
        serve(other.getsockname()[1], lambda: None)
    assert FOLDER not in os.environ


def test_the_backlog_is_of_queued_jobs_that_run(tmp_path):
    with closing(Catalog(tmp_path / "catalog.sqlite")) as catalog:
        assert vars(backlog(catalog)) == dict.fromkeys(
            ("pending", "leased", "archived", "oldest_s", "idle_s", "workers"), 0
        )
        catalog.add_collection(Collection("c", "tiles", "m", 4, {}, datetime.now(UTC)))
        chunks = [(f"j-00000{number}", ["a"]) for number in range(3)]
        catalog.add_job("j", collection="c", source="s", spec={}, chunks=chunks, failures=[])
        assert backlog(catalog).pending == 0, "an inline job is nothing for workers"
        catalog.enqueue("j", priority=5)
        (taken,) = Leases(catalog, "w", lease_s=60).take("j", first="j-000000")
        catalog.finish_chunk("j-000002", state="archived", done=1)
        found = backlog(catalog)
        assert (found.pending, found.leased, found.archived, found.workers) == (2, 1, 1, 1) and taken.key == "j-000000"
        assert 0 <= found.idle_s <= 60 and 0 <= found.oldest_s <= 60
        catalog.set_job_state("j", "paused")
        assert backlog(catalog).pending == 0


def test_every_metric_of_the_dashboard_exists_and_every_expression_is_promql(watched, tmp_path):
    with closing(Catalog(tmp_path / "catalog.sqlite")) as catalog:
        app = Metrics()
        app.registry.register(QueueCollector(lambda: queue_statistics(load_settings(tmp_path), catalog)))
        app.count("/api/search", 200, 0.1)
        app.tiles("town", 1)
        exposed = app.text().decode()
    known = {"groundcast_failed_total", "groundcast_gpu_memory_bytes"}  # nothing failed above, and there was no GPU
    for text in (watched.metrics, exposed):
        known |= {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    dashboard = json.loads(GRAFANA.read_text("utf-8"))
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(asked) >= 10
    for expression in asked:
        promql_parser.parse(expression.replace("$__rate_interval", "5m"))
        names = set(re.findall(r"groundcast_\w+", expression))
        assert names and names <= known, expression
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"] if panel["type"] != "row"} == {"${datasource}"}
