"""The files of deploy/: checked by the tools that are made for it, and their very commands run as processes here."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import kubernetes_validate
import psycopg
import pytest
import yaml
from docker.utils.build import exclude_paths
from pydantic import SecretStr

from benchmarks import capacity
from ingest.catalog.backlog import backlog
from ingest.catalog.catalog import Catalog, Collection
from tests.conftest import ROOT, start_groundcast
from tests.services import PASSWORD, free_port, start_qdrant
from tools.sizes import asked_for

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MANIFESTS = [
    manifest
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text("utf-8"))
]
OURS = ("ui", "worker-cpu", "worker-gpu")


def tool(*command: object) -> None:
    """One of the tools that came with the packages has nothing to complain about."""
    name, *rest = map(str, command)
    ran = subprocess.run([Path(sys.executable).with_name(name), *rest], capture_output=True, text=True, cwd=ROOT)
    assert ran.returncode == 0, ran.stdout + ran.stderr


# -- the files -------------------------------------------------------------------------------------------------------


def test_the_tools_for_such_files_have_nothing_to_complain_about():
    tool("hadolint", DEPLOY / "Dockerfile")
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yml")
    tool("yamllint", "--strict", "-c", DEPLOY / "yamllint.yml", DEPLOY)


def stages() -> dict[str, str]:
    """Text of each stage of the Dockerfile by name."""
    found = re.split(r"^FROM .* AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


@pytest.mark.parametrize("target", OURS)
def test_an_image_runs_as_nobody_in_particular(target):
    users = re.findall(r"^USER (\S+)$", stages()[target], flags=re.MULTILINE)
    assert users == ["10001:10001"]
    assert SERVICES[target]["build"]["target"] == target and SERVICES[target]["cap_drop"] == ["ALL"]


def test_no_weights_go_into_an_image():
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    patterns = [rule for rule in rules if rule and not rule.startswith("#")]
    sent = {path for path in exclude_paths(ROOT, patterns) if (ROOT / path).is_file()}
    assert {"pyproject.toml", "constraints.txt", "trainer/embedder.py", "search_ui/app.py"} <= sent
    large = [path for path in sent if (ROOT / path).stat().st_size > 4_000_000]
    weights = [path for path in sent if Path(path).suffix in {".safetensors", ".ckpt", ".pt", ".pth", ".bin"}]
    assert weights == [] and large == []
    assert {Path(path).parts[0] for path in sent} <= {
        *("pyproject.toml", "setup.py", "constraints.txt", "README.md", "LICENSE"),
        *("trainer", "ingest", "workers", "search_ui", "groundcast"),
    }
    asked = re.findall(r"'(?:\.|groundcast)\[([\w,]+)\]'", DOCKERFILE)
    assert set(",".join(asked).split(",")) == {"places", "labels", "served", "films", "agents", "ingest"}, (
        "not [demo]: it has weights"
    )


def test_images_share_their_layers_and_the_app_is_without_torch():
    bases = {name: base for base, name in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)}
    assert (bases["ui"], bases["worker"], bases["worker-cpu"], bases["worker-gpu"]) == (
        "app",
        "app",
        "worker",
        "worker",
    )
    app = asked_for("groundcast", frozenset({"places", "labels", "served", "films", "agents"}))
    assert not {"torch", "torchvision", "open-clip-torch", "transformers"} & app
    assert (
        "'.[places,labels,served,films,agents]'" in stages()["build"]
        and "pip install" not in stages()["app"] + stages()["ui"]
    )


def test_a_secret_that_is_missing_stops_compose_and_none_has_a_default():
    text = (DEPLOY / "compose.yml").read_text("utf-8")
    used = re.findall(r"\$\{(\w+)([^}]*)\}", text)
    secrets = {name for name, _ in used if name.endswith(("PASSWORD", "KEY"))}
    assert {name for name, rest in used if name in secrets and not rest.startswith(":?")} == set()
    example = (DEPLOY / ".env.example").read_text("utf-8")
    assert {name for name, _ in used} == set(re.findall(r"^(\w+)=", example, flags=re.MULTILINE))
    assert all(f"\n{name}=\n" in example for name in secrets), "the example has no secret in it"


def test_every_service_that_others_wait_for_says_when_it_is_well():
    awaited = {name for service in SERVICES.values() for name in service.get("depends_on", {})}
    assert awaited == {"postgres", "redis", "qdrant", "prometheus"}
    assert [name for name, service in SERVICES.items() if "healthcheck" not in service] == ["flower"]


def test_the_manifests_are_what_kubernetes_takes():
    for manifest in MANIFESTS:
        if manifest["apiVersion"] not in ("keda.sh/v1alpha1", "kustomize.config.k8s.io/v1beta1"):
            kubernetes_validate.validate(manifest, "1.31", strict=True)
    kustomization = next(manifest for manifest in MANIFESTS if manifest["kind"] == "Kustomization")
    others = {file.name for file in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == others


def test_what_a_manifest_refers_to_is_there():
    example = (DEPLOY / "kubernetes" / "secrets.env.example").read_text("utf-8")
    keys, spare = (set(re.findall(rf"^{mark}(\w+)=", example, flags=re.MULTILINE)) for mark in ("", "# "))
    pods = [m["spec"]["template"]["spec"] for m in MANIFESTS if m["kind"] in ("Deployment", "StatefulSet")]
    asked = [
        {
            one["valueFrom"]["secretKeyRef"]["key"]: one["valueFrom"]["secretKeyRef"].get("optional", False)
            for one in env
        }
        for pod in pods
        if (env := [one for one in pod["containers"][0].get("env", []) if "valueFrom" in one])
    ]
    assert {key for pod in asked for key, optional in pod.items() if not optional} == keys
    own = [pod for pod in asked if "GROUNDCAST_DATABASE_URL" in pod]
    assert len(own) == 3 and all({key for key, optional in pod.items() if optional} == spare for pod in own)
    images = {one["name"] for one in MANIFESTS[[m["kind"] for m in MANIFESTS].index("Kustomization")]["images"]}
    assert {p["containers"][0]["image"] for p in pods if p["containers"][0]["image"].startswith("groundcast")} == images
    assert all(pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"] for pod in pods)
    scaled = [m for m in MANIFESTS if m["kind"] == "ScaledObject"]
    names = {m["metadata"]["name"] for m in MANIFESTS if m["kind"] == "Deployment"}
    assert {m["spec"]["scaleTargetRef"]["name"] for m in scaled} == {"worker-gpu", "worker-cpu"} <= names


def test_the_autoscaler_counts_what_waits_in_the_ledger(postgres):
    triggers = [trigger for m in MANIFESTS if m["kind"] == "ScaledObject" for trigger in m["spec"]["triggers"]]
    (query,) = {trigger["metadata"]["query"] for trigger in triggers}
    assert all(isinstance(value, str) for trigger in triggers for value in trigger["metadata"].values())
    with closing(Catalog(SecretStr(postgres.url))) as catalog:
        catalog.add_collection(Collection("c", "tiles", "m", 4, {}, datetime.now(UTC)))
        for job, count in (("queued", 3), ("paused", 2), ("inline", 1)):
            chunks = [(f"{job}-{number}", ["a"]) for number in range(count)]
            catalog.add_job(job, collection="c", source="s", spec={"job": job}, chunks=chunks, failures=[])
        for job in ("queued", "paused"):
            catalog.enqueue(job, priority=5)
        catalog.set_job_state("paused", "paused")
        catalog.finish_chunk("queued-0", state="done", done=1)
        with psycopg.connect(postgres.url) as connection:
            ((counted,),) = connection.execute(query.encode()).fetchall()
        assert counted == backlog(catalog).pending == 2


def test_the_capacity_table_is_the_programs_own():
    readme = (DEPLOY / "README.md").read_text("utf-8")
    rows = [capacity.needs(capacity.MEASURED, tiles, 512, 1500) for tiles in capacity.TILES]
    assert "\n".join(capacity.table(rows)) in readme
    for value in vars(capacity.MEASURED).values():
        assert f"{value:g}" in readme, "what was measured is told"
    for formula in capacity.FORMULAS.values():
        assert formula in readme


def test_a_tile_costs_what_the_capacity_table_says(tmp_path):
    archive_b, field_b, ledger_b = capacity.sizes(tmp_path, n=2_048, dim=512)
    said = capacity.MEASURED
    assert archive_b == pytest.approx(said.archive_b, rel=0.15)
    assert field_b == pytest.approx(said.field_b, rel=0.15)
    assert ledger_b == pytest.approx(said.ledger_b, rel=0.3)  # of so few rows the last pages are half empty


# -- the processes ---------------------------------------------------------------------------------------------------


def health(service: str, port: int) -> list[str]:
    """The command by which compose sees that a service is well, at another port."""
    kind, *command = (part.replace("$$", "$") for part in SERVICES[service]["healthcheck"]["test"])
    if kind == "CMD-SHELL":
        command = ["sh", "-c", *command]
    usual = {"ui": "8501", "worker-cpu": "9108", "qdrant": "6333"}.get(service, "")
    shifted = [part.replace("redis-cli", f"redis-cli -p {port}") for part in command]
    shifted = [part.replace(usual, str(port)) if usual else part for part in shifted]
    return [sys.executable if part == "python" else part for part in shifted]


def wait_until_well(service: str, port: int, **environment: str) -> None:
    deadline = time.monotonic() + 90
    while True:
        ran = subprocess.run(health(service, port), env=os.environ | environment, capture_output=True, text=True)
        if ran.returncode == 0:
            return
        assert time.monotonic() < deadline, (service, ran.stderr)
        time.sleep(0.3)


def command(stage: str) -> list[str]:
    """What an image runs after `groundcast`."""
    (words,) = re.findall(r"^CMD (\[.*\])$", stages()[stage], flags=re.MULTILINE)
    given: list[str] = yaml.safe_load(words)
    return given


def started_redis(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Redis as compose starts it, at another port and in another folder."""
    shell, option, script = (part.replace("$$", "$") for part in SERVICES["redis"]["command"])
    here = f"redis-server - --port {port} --dir {shlex.quote(str(folder))}"
    environment = os.environ | {"REDIS_PASSWORD": PASSWORD}
    script = script.replace("redis-server -", here)
    return subprocess.Popen([shell, option, script], env=environment, stdout=subprocess.DEVNULL, start_new_session=True)


TELLING_CONNECTIONS = """
import json, os, sys
def tell(event, given):
    if event == "socket.connect" and isinstance(given[1], tuple):
        os.write(2, (json.dumps({"asked": str(given[1][0])}) + "\\n").encode())
    elif event == "socket.getaddrinfo" and given[0]:
        os.write(2, (json.dumps({"asked": str(given[0])}) + "\\n").encode())
sys.addaudithook(tell)
from search_ui.cli import main
main()
"""


def test_the_app_of_the_image_is_found_well_by_the_very_commands_of_compose(tmp_path, postgres):
    redis_port, port = free_port(), free_port()
    with ExitStack() as stack:
        redis = started_redis(tmp_path, redis_port)
        stack.callback(redis.wait, 20)
        stack.callback(os.killpg, redis.pid, signal.SIGKILL)  # the shell would leave its server behind
        qdrant = start_qdrant(tmp_path / "qdrant")
        stack.callback(qdrant.stop)
        places = {"postgres:5432/groundcast": postgres.url.partition("@")[2]}
        places |= {"redis:6379": f"127.0.0.1:{redis_port}", "qdrant:6333": f"127.0.0.1:{qdrant.port}"}
        log = stack.enter_context((tmp_path / "ui.log").open("w"))
        with pytest.MonkeyPatch.context() as patch:
            for name, text in SERVICES["ui"]["environment"].items():
                value = re.sub(r"\$\{\w+:\?[^}]*\}", PASSWORD, text)
                patch.setenv(name, reduce(lambda said, pair: said.replace(*pair), places.items(), value))
            words = [word.replace("8501", str(port)) for word in command("ui")]
            program = (sys.executable, "-c", TELLING_CONNECTIONS)
            app = start_groundcast(tmp_path / "home", *words, program=program, stdout=log, stderr=log)
        stack.callback(app.wait, 60)
        stack.callback(app.terminate)
        wait_until_well("redis", redis_port, REDISCLI_AUTH=PASSWORD)
        wait_until_well("qdrant", qdrant.port)
        wait_until_well("ui", port)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            told = answer.read().decode()
        assert 'groundcast_chunks{state="pending"} 0.0' in told and 'groundcast_messages{queue="embed"} 0.0' in told
    lines = (tmp_path / "ui.log").read_text("utf-8")
    assert PASSWORD not in told + lines
    said = [json.loads(line) for line in lines.splitlines()]  # from the first to the last, as `jq` wants it
    asked = {line["asked"] for line in said if "asked" in line}
    assert asked and all(one.startswith("127.0.0.1") for one in asked), "nothing is asked of the internet"
