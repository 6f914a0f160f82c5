"""Builds the file of robots rules from archives: the rules of each host for AI agents, as its robots.txt states them.

Common Crawl publishes the responses to robots.txt of each crawl as WARC files (``robotstxt.paths.gz``). Of each host
the latest response counts that settles the question: a file, or the answer that there is none. Sources: RFC 9309; for
preferences in these files draft-ietf-aipref-attach and https://contentsignals.org, for licences
https://rslstandard.org.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import NamedTuple, TypeVar
from urllib.parse import urljoin, urlsplit

from refinery import Store, store_for
from refinery.kernels import unpacked
from refinery.stages._rights.robots import AGENTS, PREFERENCES, host_of, is_for, write
from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.headers import HTTP_HEADER, Message, message, seconds
from refinery.stages._warc.inputs import ARCHIVES, archives
from refinery.stages._warc.pages import RESPONSE
from refinery.stages._warc.records import records

LARGEST = 512 * 1024
"""Bytes of a robots.txt that are read; RFC 9309 asks for 500 KiB at least."""

HOPS = 5
"""Redirects that are followed from host to host, as RFC 9309 asks."""

_NO_RULE = "Disallow:"
"""A line that ends the names of a group, and has no other effect."""

ABSENT = (404, 410)
REDIRECTS = (301, 302, 303, 307, 308)

_COMMENT = re.compile(r"#.*")
_FIELD = re.compile(r"\s*([a-z][a-z -]*?)\s*:\s*(.*?)\s*", re.IGNORECASE)
_BARE = re.compile(
    r"(user-agent|useragent|user agent|sitemaps?|site-map|host|crawl[- ]delay|request[- ]rate|visit[- ]time)"
    r"(?:\s+(.*))?",
    re.IGNORECASE,
)
"""A field without its colon, as the parser reads it."""

_RULE = re.compile(r"(?:allow|dis?s?all?l?[ao]w|diasllow)\b", re.IGNORECASE)
_USER_AGENT = {"user-agent", "useragent", "user agent"}
_SITE_WIDE = {"sitemap", "sitemaps", "site-map", "host"}
_IGNORED = {"crawl-delay", "crawl delay", "request-rate", "request rate", "visit-time", "visit time", "clean-param"}


class RobotsCapture(NamedTuple):
    """A response to a robots.txt, ordered by what counts more: later ones, of https, then any order that is certain."""

    date: int
    secure: bool
    rules: str


Kept = TypeVar("Kept", RobotsCapture, tuple[RobotsCapture, str])


def build(source: str, target: str) -> Mapping[str, int]:
    """Write the rules in all archives of ``source`` to ``target``; return the number of hosts and of responses.

    ``source`` is a path, a glob, a folder or a list of paths. Equal archives, in any order and number of files, produce
    equal bytes. Raises StorageError for files that cannot be read.
    """
    store = store_for(source)
    found: dict[str, RobotsCapture] = {}
    moved: dict[str, tuple[RobotsCapture, str]] = {}
    counts: Counter[str] = Counter()
    texts: dict[str, str] = {}  # equal files of many hosts are one object
    for path in archives(source, store, ARCHIVES):
        for url, date, response in _responses(path, store):
            host = host_of(url)
            if host is None or urlsplit(url).path != "/robots.txt":
                continue
            counts["responses"] += 1
            order = (date, url.startswith("https:"))
            if response.status in REDIRECTS:
                target_url = next(iter(response.values("location")), "")
                _keep(moved, host, (RobotsCapture(*order, ""), _joined(url, target_url)))
            elif response.status == 200 or response.status in ABSENT:
                rules = reduced(_text(response)) if response.status == 200 else ""
                _keep(found, host, RobotsCapture(*order, texts.setdefault(rules, rules)))
            else:
                counts["errors"] += 1
    resolved = {host: capture.rules for host, capture in found.items()}
    for host in moved:
        if (end := _end(host, found, moved)) is not None:
            resolved.setdefault(host, found[end].rules)
    write(target, resolved)
    return {**counts, "hosts": len(resolved)}


def reduced(text: str) -> str:
    """Return the lines of a robots.txt that matter to ``AGENTS``: their groups and the general one, and preferences.

    A line that is no known field is left in its group, for the parser.
    """
    kept: list[str] = []
    group: list[str] = []
    names: list[str] = []
    begun = False
    for raw in text.splitlines():
        line = _COMMENT.sub("", raw).strip()
        match = _BARE.fullmatch(line) or _FIELD.fullmatch(line)
        field = match[1].lower() if match else ""
        if not line or field in _SITE_WIDE or not (field or ":" in line or _RULE.match(line)):
            continue
        if field in _USER_AGENT:
            if begun:
                kept += _wanted(group, names)
                group, names, begun = [], [], False
            names.append((match[2] or "") if match else "")
        else:
            begun = True
            kept += [line] if field == "license" else []
            line = _NO_RULE if field in _IGNORED or field == "license" else line
        if [line] != group[-1:]:
            group.append(line)
    return "\n".join([*kept, *_wanted(group, names)])


def _wanted(group: list[str], names: list[str]) -> list[str]:
    """Return a group if it is for one of the agents, or contains lines before any user agent."""
    if not names:
        return [line for line in group if line.partition(":")[0].strip().lower() in PREFERENCES]
    return (
        [*group, *([] if group[-1] == _NO_RULE else [_NO_RULE])]
        if any(is_for(name, agent) for name in names for agent in AGENTS)
        else []
    )


def _responses(path: str, store: Store) -> Iterator[tuple[str, int, Message]]:
    with closing(store.stream(path)) as stream:
        for record in records(Blocks(stream, path), RESPONSE, LARGEST + HTTP_HEADER):
            response = message(record.body) if record.kind == RESPONSE and not record.flaw else None
            if response is not None:
                url = record.fields.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
                yield url, seconds(record.fields.get("warc-date", "")) or 0, response


def _text(response: Message) -> str:
    transfer, content = (response.fields.get(name, ()) for name in ("transfer-encoding", "content-encoding"))
    data = unpacked(response.payload, transfer, content, LARGEST).data[:LARGEST]
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\0", "")


def _keep(captures: dict[str, Kept], host: str, capture: Kept) -> None:
    """Keep the capture that counts more."""
    before = captures.get(host)
    captures[host] = capture if before is None else max(before, capture)


def _joined(url: str, target: str) -> str:
    try:
        return urljoin(url, target)
    except ValueError:
        return ""


def _end(
    host: str, captures: Mapping[str, RobotsCapture], moved: Mapping[str, tuple[RobotsCapture, str]]
) -> str | None:
    """Return the host at the end of a host's redirects; None if its rules are not known."""
    at: str | None = host
    for _ in range(HOPS):
        if at is None or at in captures or at not in moved:
            break
        at = host_of(moved[at][1])
    return at if at in captures else None
