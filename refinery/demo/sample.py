"""Writes the sample: WARC files of synthetic pages, a list of domains to block, and a manifest of the pages."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Sequence
from typing import Any

from refinery.demo.archive import Capture, member, warcinfo
from refinery.demo.chance import digest
from refinery.demo.kinds import planted
from refinery.demo.planting import SamplePage
from refinery.demo.prose import data
from refinery.errors import UsageError
from refinery.store import store_for

BLOCKLIST = "blocked_domains.txt"
MANIFEST = "manifest.json"
_EXCESS = {"length too long": 700, "length too short": -200}
_WITHOUT = {"no record id": "WARC-Record-ID", "no target uri": "WARC-Target-URI"}


def sample(out: str, pages: int = 400, files: int = 4, seed: int = 1) -> dict[str, Any]:
    """Write ``files`` WARC files with ``pages`` pages into the folder ``out``; return the manifest.

    Equal arguments produce equal bytes with equal versions of Python, whose documentation is the source of the texts.
    Raises UsageError if the pages are too few for one of each kind, StorageError if they cannot be written.
    """
    if files < 1:
        raise UsageError(f"a sample cannot have {files} files", hint="use at least 1")
    everything = planted(seed, pages)
    last = [page for page in everything if page.fault == "truncated"]
    others = [page for page in everything if page.fault != "truncated"]
    store = store_for(out)
    written, documents, number = {}, [], 0
    for index in range(files):
        name = f"sample-{index:05}.warc.gz"
        mine = others[index::files] + (last if index == files - 1 else [])
        captures = [Capture(page.url, number + i, seed, name) for i, page in enumerate(mine)]
        number += len(mine)
        members, types = _members(name, seed, captures, mine, garbage=index == min(1, files - 1))
        store.put(os.path.join(out, name), b"".join(members))
        written[name] = {"bytes": sum(map(len, members)), "records": dict(sorted(types.items()))}
        documents += [_entry(page, capture) for page, capture in zip(mine, captures, strict=True)]
    manifest = {
        "seed": seed,
        "pages": pages,
        "python": platform.python_version(),
        "files": written,
        "planted": dict(sorted(Counter(page.kind for page in everything).items())) | {"garbage between records": 1},
        "documents": documents,
    }
    domains = data("texts")["blocklist"]["domains"]
    store.put(os.path.join(out, BLOCKLIST), "".join(f"{domain}\n" for domain in domains).encode())
    store.put(os.path.join(out, MANIFEST), json.dumps(manifest, indent=1, ensure_ascii=False).encode())
    return manifest


def _members(
    name: str, seed: int, captures: Sequence[Capture], pages: Sequence[SamplePage], *, garbage: bool
) -> tuple[list[bytes], Counter[str]]:
    """Return the gzip members of one file, and the number of records by type."""
    members = [member(warcinfo(name, seed))]
    types = Counter(warcinfo=1)
    for index, (page, capture) in enumerate(zip(pages, captures, strict=True)):
        response = member(_response(page, capture))
        if page.fault == "truncated":
            members += [member(capture.request()), response[: len(response) * 2 // 3]]
            types.update(("request", "response"))
            continue
        members += [member(capture.request()), response, member(capture.metadata())]
        types.update(("request", "response", "metadata"))
        if index == len(pages) // 2:
            members += [member(capture.revisit()), member(capture.lookup())]
            types.update(("revisit", "response"))
            members += [digest(seed, "garbage") * 5] if garbage else []
    return members, types


def _response(page: SamplePage, capture: Capture) -> bytes:
    without = (_WITHOUT[page.fault],) if page.fault in _WITHOUT else ()
    return capture.response(page.answer, _EXCESS.get(page.fault, 0), without)


def _entry(page: SamplePage, capture: Capture) -> dict[str, str]:
    entry = {"kind": page.kind, "url": page.url, "file": capture.file, "id": capture.id("response")}
    return entry | ({"of": page.of} if page.of else {})
