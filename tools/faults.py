"""A proxy that does to S3 requests what networks and busy stores do: refuses, resets, cuts, stalls, mixes up tags.

It stands between a client and a server, and injects faults at a rate, drawn from a seed. What it hands on unharmed, it
hands on as it is.
"""

from __future__ import annotations

import http.client
import random
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_ANY = ("busy", "error", "drop", "lost")
KINDS = {
    "GET": (*_ANY, "reset", "cut", "short", "stall", "tag"),
    "PUT": (*_ANY, "tag", "upload"),
    "HEAD": (*_ANY, "tag"),
}
"""What is done to requests of a method, in turn; to others, the first four.

``busy`` and ``error`` are answers; ``drop`` and ``lost`` hang up before the request, or after it, was handed on;
``reset``, ``cut``, ``short`` and ``stall`` spoil an answer's body; ``tag`` its ETag; ``upload`` breaks a request off.
"""

BURST = 4
"""Requests that are refused in a row."""


class Faults:
    """A running proxy in front of the server at ``target``; ``injected`` counts what it did.

    With ``only`` it injects faults of that kind alone, which all methods must have.
    """

    def __init__(self, target: str, rate: float, seed: int = 1, *, stall: float = 10.0, only: str = "") -> None:
        self.target = urlsplit(target).netloc
        self.rate = rate
        self.stall = stall
        self.only = only
        self.injected: Counter[str] = Counter()
        self.requests = 0
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._lock = threading.Lock()
        self._burst = 0
        self._turn: Counter[str] = Counter()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.faults = self
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def draw(self, method: str) -> str:
        """The fault for the next request, "" for none."""
        with self._lock:
            self.requests += 1
            if self._burst:
                self._burst -= 1
                return "busy"
            if self._chance.random() >= self.rate:
                return ""
            kinds = (self.only,) if self.only else KINDS.get(method, _ANY)
            kind = kinds[self._turn[method] % len(kinds)]
            self._turn[method] += 1
            self._burst = self._chance.randrange(BURST) if kind == "busy" else 0
            return kind

    def done(self, kind: str) -> None:
        """Count a fault that was really injected."""
        with self._lock:
            self.injected[kind] += 1

    def share(self) -> float:
        """How much of a body is let through."""
        with self._lock:
            return self._chance.random()

    @property
    def total(self) -> int:
        """All faults injected."""
        return sum(self.injected.values())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    faults: Faults

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up: that is what this is about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        """Say nothing."""

    def _any(self) -> None:
        faults = self.server.faults
        kind = faults.draw(self.command)
        size = int(self.headers.get("Content-Length") or 0)
        if kind == "upload" and size:
            faults.done(kind)
            self.rfile.read(int(size * faults.share()))
            self._hang_up()
            return
        body = self.rfile.read(size)
        if kind in {"busy", "error"}:
            faults.done(kind)
            self._refuse(*((503, "SlowDown") if kind == "busy" else (500, "InternalError")))
            return
        if kind == "drop":
            faults.done(kind)
            self._hang_up()
            return
        status, headers, data = self._asked(body)
        if kind == "lost":
            faults.done(kind)
            self._hang_up()
            return
        self._answer(kind, status, headers, data)

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _any  # noqa: N815 - their names there

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the server says."""
        upstream = http.client.HTTPConnection(self.server.faults.target, timeout=60)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                upstream.putheader(name, value)
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except OSError:
            return 502, [], b""
        finally:
            upstream.close()

    def _answer(self, kind: str, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        faults = self.server.faults
        keep = len(data)
        if kind in {"reset", "cut", "short", "stall"} and len(data) > 1:
            faults.done(kind)
            keep = int((len(data) - 1) * faults.share())
        else:
            kind = kind if kind == "tag" else ""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() in {"content-length", "transfer-encoding", "connection"}:
                continue
            if kind == "tag" and name.lower() == "etag":
                faults.done(kind)
                value = f'"{random.getrandbits(128):032x}"'  # noqa: PLW2901 - as wrong as any
            self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", str(len(data)))
        self.send_header(
            "Content-Length", length if self.command == "HEAD" else str(keep if kind == "short" else len(data))
        )
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(data[:keep])
        if kind == "stall":
            self.wfile.flush()
            time.sleep(faults.stall)
            self.wfile.write(data[keep:])
        elif kind == "reset":
            self._hang_up()
        elif kind == "cut":
            self.close_connection = True

    def _refuse(self, status: int, code: str) -> None:
        data = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _hang_up(self) -> None:
        """Close the connection with a reset, as a crash of the other side does."""
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
