"""A Ray cluster on this machine, whose raylets can be killed: a head without CPUs, and nodes with one CPU each."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

START_SECONDS = 60.0
"""Timeout until a node has its raylet."""

_RAY = str(Path(sys.executable).with_name("ray"))


class Raylets:
    """The cluster: its ``address``, and the program ``ray start`` of each node, the head first."""

    def __init__(self, nodes: int) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.address = f"127.0.0.1:{server.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        self.nodes = [self._start("--head", f"--port={port}", "--num-cpus=0", "--include-dashboard=false")]
        for _ in range(nodes):
            self.add()

    def add(self) -> None:
        """Add a node, and wait for its raylet."""
        self.nodes.append(self._start(f"--address={self.address}", "--num-cpus=1"))

    def kill(self, number: int) -> None:
        """Kill the raylet of a node, 1 for the first after the head, and wait until the node is gone."""
        node = self.nodes.pop(number)
        found = raylet(node)
        if found is not None:
            found.kill()
        node.wait(START_SECONDS)

    def _start(self, *options: str) -> psutil.Popen:
        command = [_RAY, "start", "--block", "--disable-usage-stats", *options]
        node = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while raylet(node) is None:
            if time.monotonic() > deadline or node.poll() is not None:
                raise RuntimeError(f"ray start {' '.join(options)}: no raylet after {START_SECONDS:.0f} s")
            time.sleep(0.2)
        time.sleep(3)  # it registers itself
        return node

    def __enter__(self) -> Self:
        """Return the cluster."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all nodes, the head last."""
        for node in reversed(self.nodes):
            below = node.children(recursive=True)
            node.terminate()
            for process in psutil.wait_procs([node, *below], timeout=20)[1]:
                with suppress(psutil.NoSuchProcess):
                    process.kill()


def raylet(node: psutil.Popen) -> psutil.Process | None:
    """Return the raylet of a node, None while there is none."""
    with suppress(psutil.NoSuchProcess):
        for process in node.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if process.name() == "raylet":
                    return process
    return None
