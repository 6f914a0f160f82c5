"""Blocklists: files of millions of domains and pages, searched without loading them.

A built list is an Arrow IPC file with one batch of ``build_blocklist``. It is memory-mapped, so that all processes of
a machine share it. An entry with a slash is a page, any other a host. A text file with one entry per line works as
well, for short lists. Not here: building lists from their sources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa

from refinery import AssetError
from refinery.kernels import BLOCKLIST, Blocklist, build_blocklist, parse_url, string_hashes
from refinery.stages._url import words

NO_CATEGORY = "listed"
"""Category of entries without one in their source."""

_MAGIC = b"ARROW1"
_REBUILD = "build it again: refinery assets get NAME"
_CHUNK = 1_000_000


def load(path: str) -> Blocklist:
    """Open the list in a built file or a text file, once per process. Raises AssetError for other files."""
    state = os.stat(path)
    return _load(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=32)
def _load(path: str, size: int, mtime_ns: int) -> Blocklist:
    del size, mtime_ns  # part of the cache key only
    with open(path, "rb") as stream:
        built = stream.read(len(_MAGIC)) == _MAGIC
    return _open_built(path) if built else _read_text(path)


def _open_built(path: str) -> Blocklist:
    try:
        file = pa.ipc.open_file(pa.memory_map(path))
        return Blocklist(file.get_batch(0))
    except (ValueError, OSError) as error:
        raise AssetError(f"{path}: not a built blocklist of this version: {error}", hint=_REBUILD) from error


def write(path: str, entries: Blocklist) -> None:
    """Write a list in the format of ``load``."""
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, BLOCKLIST) as writer:
        writer.write_batch(entries.batch)


def _read_text(path: str) -> Blocklist:
    lines = [(number, line) for number, line in enumerate(words.entries(path), 1) if line]
    parsed = [(number, line, canonical_entry(line)) for number, line in lines]
    wrong = [(number, line) for number, line, entry in parsed if not entry]
    if wrong:
        number, line = wrong[0]
        more = f" ({len(wrong):,} lines are wrong; this is the first)" if len(wrong) > 1 else ""
        raise AssetError(f"{path}:{number}: {line[:60]!r} is not a domain or URL{more}", hint=_fix(line))
    entries = pa.array([entry for _, _, entry in parsed], pa.large_string())
    return make(entries, pa.array([0] * len(parsed), pa.int8()), [NO_CATEGORY])


def _fix(line: str) -> str:
    """Return the fix for a line that is not an entry."""
    if line.count(":") > 1 and canonical_entry(f"[{line}]"):
        return f"write an IPv6 address in brackets: [{line}]"
    if canonical_entry(line.lstrip("*.")):
        return f"write {line.lstrip('*.')}: a domain includes its subdomains"
    return "write one domain or URL per line; # starts a comment"


def make(entries: pa.LargeStringArray, codes: pa.Int8Array, categories: Sequence[str]) -> Blocklist:
    """Return the list of canonical ``entries``, each once, with the category of the smallest of its ``codes``."""
    chunks = [entries.slice(start, _CHUNK).cast(pa.string()) for start in range(0, len(entries), _CHUNK)]
    hashes = pa.concat_arrays([pa.array([], pa.uint64()), *map(string_hashes, chunks)])
    return build_blocklist(entries, hashes, codes, categories)


def canonical_entry(text: str) -> str:
    """Return the canonical form of a domain or page, with or without scheme; "" for other text.

    A root page counts as its domain: people who copy ``https://example.com/`` mean the site.
    """
    return page_entry(text).removesuffix("/")


def page_entry(text: str) -> str:
    """Return the canonical form of a page, with or without scheme; "" for other text."""
    page = parse_url(text if "://" in text else f"http://{text}").page
    return "" if re.search(r"\s", page) else page
