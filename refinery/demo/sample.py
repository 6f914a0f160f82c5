"""Writes the sample: WARC files of made-up pages, a list of domains to block, and a manifest of what was planted."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

from refinery.demo.archive import Capture, member, warcinfo
from refinery.demo.chance import digest
from refinery.demo.planting import Page, planted
from refinery.demo.prose import data
from refinery.errors import UsageError
from refinery.store import store_for

BLOCKLIST = "blocked_domains.txt"
MANIFEST = "manifest.json"
_LIES = {"length too long": 700, "length too short": -200}
_WITHOUT = {"no record id": "WARC-Record-ID", "no target uri": "WARC-Target-URI"}


def sample(out: str, pages: int = 400, files: int = 4, seed: int = 1) -> dict[str, Any]:
    """Write ``files`` WARC files with ``pages`` pages into the folder ``out``; returns the manifest.

    The same arguments give the same bytes on the same version of Python, whose documentation the texts come from.
    Raises UsageError where the pages are too few to hold one of each kind, StorageError where they cannot be written.
    """
    if files < 1:
        raise UsageError(f"{files} files cannot hold a sample", hint="take at least 1")
    every = planted(seed, pages)
    last = [page for page in every if page.fault == "truncated"]
    others = [page for page in every if page.fault != "truncated"]
    store = store_for(out)
    written, documents, number = {}, [], 0
    for place in range(files):
        name = f"sample-{place:05}.warc.gz"
        mine = others[place::files] + (last if place == files - 1 else [])
        captures = [Capture(page.url, number + i, seed, name) for i, page in enumerate(mine)]
        number += len(mine)
        members, types = _members(name, seed, captures, mine, garbage=place == min(1, files - 1))
        store.put(os.path.join(out, name), b"".join(members))
        written[name] = {"bytes": sum(map(len, members)), "records": dict(sorted(types.items()))}
        documents += [_entry(page, capture) for page, capture in zip(mine, captures, strict=True)]
    manifest = {
        "seed": seed,
        "pages": pages,
        "python": platform.python_version(),
        "files": written,
        "planted": dict(sorted(Counter(page.kind for page in every).items())) | {"garbage between records": 1},
        "documents": documents,
    }
    domains = data("texts")["blocklist"]["domains"]
    store.put(os.path.join(out, BLOCKLIST), "".join(f"{domain}\n" for domain in domains).encode())
    store.put(os.path.join(out, MANIFEST), json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    return manifest


def _members(
    name: str, seed: int, captures: Sequence[Capture], pages: Sequence[Page], *, garbage: bool
) -> tuple[list[bytes], Counter[str]]:
    """The gzip members of one file, and how many records of each type they hold."""
    members = [member(warcinfo(name, seed))]
    types = Counter(warcinfo=1)
    for place, (page, capture) in enumerate(zip(pages, captures, strict=True)):
        response = member(_response(page, capture))
        if page.fault == "truncated":
            members += [member(capture.request()), response[: len(response) * 2 // 3]]
            types.update(("request", "response"))
            continue
        members += [member(capture.request()), response, member(capture.metadata())]
        types.update(("request", "response", "metadata"))
        if place == len(pages) // 2:
            members += [member(capture.revisit()), member(capture.lookup())]
            types.update(("revisit", "response"))
            members += [digest(seed, "garbage") * 5] if garbage else []
    return members, types


def _response(page: Page, capture: Capture) -> bytes:
    without = (_WITHOUT[page.fault],) if page.fault in _WITHOUT else ()
    return capture.response(page.answer, _LIES.get(page.fault, 0), without)


def _entry(page: Page, capture: Capture) -> dict[str, str]:
    entry = {"kind": page.kind, "url": page.url, "file": capture.file, "id": capture.id("response")}
    return entry | ({"of": page.of} if page.of else {})
