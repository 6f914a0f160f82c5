"""The rules of robots.txt files by host: a file of them, and the agents that may not fetch an address.

The file is Arrow IPC, sorted by host, and memory-mapped, so that all processes of a machine share it. The parser
protego decides which group is for an agent and which rule for an address.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from protego import Protego

from refinery import AssetError

AGENTS = (
    *("AI2Bot", "Amazonbot", "Applebot-Extended", "Bytespider", "CCBot", "ChatGPT-User", "Claude-Web", "ClaudeBot"),
    *("Diffbot", "FacebookBot", "GPTBot", "Google-CloudVertexBot", "Google-Extended", "ImagesiftBot"),
    *("Meta-ExternalAgent", "Meta-ExternalFetcher", "OAI-SearchBot", "PanguBot", "PerplexityBot", "Timpibot", "YouBot"),
    *("anthropic-ai", "cohere-ai", "cohere-training-data-crawler", "img2dataset", "omgili", "omgilibot"),
)
"""Agents whose rules a file has, as their operators document them."""

TRAINING = (
    *("AI2Bot", "Amazonbot", "Applebot-Extended", "Bytespider", "CCBot", "ClaudeBot", "Diffbot", "FacebookBot"),
    *("GPTBot", "Google-Extended", "Meta-ExternalAgent", "PerplexityBot", "anthropic-ai", "cohere-ai"),
)
"""Agents that gather texts for training, or whose name stands for that."""

PREFERENCES = ("content-usage", "content-signal")

_FORMAT = "refinery robots 1"
_SCHEMA = pa.schema({"host": pa.large_string(), "rules": pa.dictionary(pa.int32(), pa.large_string())})
_USER_AGENT = re.compile(r"^[ \t]*user[- ]?agent[ \t]*:?[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_PREFERENCE = re.compile(r"[ \t]*(content-usage|content-signal)[ \t]*:[ \t]*([^/\s].*)", re.IGNORECASE)
_LICENCE = re.compile(r"^[ \t]*license[ \t]*:[ \t]*(\S+)", re.IGNORECASE | re.MULTILINE)
_PORTS = {"http": 80, "https": 443}


def host_of(url: str) -> str | None:
    """Return the host of an address with a port that is not the scheme's own; None for other addresses."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").removesuffix(".")
    try:
        host = host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return None
    if not host or parts.scheme not in _PORTS:
        return None
    return host if port in {None, _PORTS[parts.scheme]} else f"{host}:{port}"


def is_for(name: str, agent: str) -> bool:
    """Return True unless a group with this name is certainly not for an agent."""
    return name == "*" or name.replace("*", "").strip().lower() in agent.lower()


def write(path: str, rules: Mapping[str, str]) -> None:
    """Write the rules of hosts in the format of ``load``."""
    hosts = sorted(rules)
    texts = sorted(set(rules.values()))
    places = {text: number for number, text in enumerate(texts)}
    codes = pa.array([places[rules[host]] for host in hosts], pa.int32())
    coded = pa.DictionaryArray.from_arrays(codes, pa.array(texts, pa.large_string()))
    schema = _SCHEMA.with_metadata({"format": _FORMAT, "agents": "\n".join(AGENTS)})
    batch = pa.RecordBatch.from_arrays([pa.array(hosts, pa.large_string()), coded], schema=schema)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


def load(path: str) -> RobotsRules:
    """Open a file of rules, once per process. Raises AssetError for other files."""
    state = os.stat(path)
    return _load(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=8)
def _load(path: str, size: int, mtime_ns: int) -> RobotsRules:
    del size, mtime_ns  # part of the cache key only
    hint = "build it: refinery assets get robots --source ARCHIVES"
    try:
        file = pa.ipc.open_file(pa.memory_map(path))
        about, batch = file.schema.metadata or {}, file.get_batch(0)
    except (ValueError, OSError) as error:
        raise AssetError(f"{path}: not a file of robots rules: {error}", hint=hint) from error
    if about.get(b"format") != _FORMAT.encode():
        raise AssetError(f"{path}: not a file of robots rules of this version", hint=hint)
    return RobotsRules(batch, about[b"agents"].decode().split("\n"))


class RobotsRules:
    """Rules of hosts, with the ``agents`` that they are about."""

    def __init__(self, batch: pa.RecordBatch, agents: Sequence[str]) -> None:
        self.agents = frozenset(agents)
        self._hosts = batch.column(0)
        self._codes = batch.column(1).indices
        self._texts = batch.column(1).dictionary
        self._row = lru_cache(maxsize=100_000)(self._search)
        self._host = lru_cache(maxsize=4096)(self._parse)

    def rules_of(self, url: str) -> HostRules | None:
        """Return the rules for an address; None where the host's file is not known."""
        host = host_of(url)
        row = None if host is None else self._row(host)
        return None if row is None else self._host(self._codes[row].as_py())

    def _search(self, host: str) -> int | None:
        row = bisect_left(range(len(self._hosts)), host, key=lambda place: self._hosts[place].as_py())
        return row if row < len(self._hosts) and self._hosts[row].as_py() == host else None

    def _parse(self, code: int) -> HostRules:
        return HostRules(self._texts[code].as_py())


class HostRules:
    """The rules of one robots.txt."""

    def __init__(self, text: str) -> None:
        self._parsed: Any = Protego.parse(text)
        self._names = [name for name in _USER_AGENT.findall(text) if name != "*"]
        self.preferences = [match[2] for match in _general_preferences(text)]
        self.licences = _LICENCE.findall(text)

    def blocked(self, url: str, agents: Sequence[str]) -> list[str]:
        """Return the agents that may not fetch an address."""
        named = {agent for agent in agents if any(is_for(name, agent) for name in self._names)}
        others = [agent for agent in agents if agent not in named]
        general = bool(others) and not self._parsed.can_fetch(url, others[0])
        return [a for a in agents if (not self._parsed.can_fetch(url, a) if a in named else general)]


def _general_preferences(text: str) -> Iterator[re.Match[str]]:
    """Yield preferences of the group for all agents, or of no group, that are about all addresses."""
    general, fresh = True, False
    for line in text.splitlines():
        if agent := _USER_AGENT.fullmatch(line):
            general = agent[1] == "*" or (general and fresh)
            fresh = True
            continue
        fresh = False
        match = _PREFERENCE.fullmatch(line)
        if match and general:
            yield match
