"""Pages with what should be found in them, for ``extraction.py``: bodies, gold texts, and strings in and out.

A folder has WARC files, ``truth.jsonl.gz`` (a line a page: url, gold_text, gold_kind, page_type, source_repo, lang) and
maybe ``snippets.jsonl.gz`` (url, gold_with, gold_without).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warcio.archiveiterator import ArchiveIterator

from refinery.kernels import header_label


@dataclass(frozen=True)
class Capture:
    """A page as it came: its bytes, their codings undone, and the charset its header names.

    ``gold`` is the text that people found, None where nobody looked. ``required`` and ``forbidden`` are parts of the
    page that are and are not main text.
    """

    url: str
    body: bytes
    charset: str
    gold: str | None
    groups: tuple[str, ...]
    required: tuple[str, ...]
    forbidden: tuple[str, ...]


def captures(folder: Path) -> list[Capture]:
    """All responses in the folder's WARC files, by file and place; of a URL that is there twice, the first."""
    truths = {line["url"]: line for line in _lines(folder / "truth.jsonl.gz") if line["gold_kind"].startswith("human")}
    snippets = {line["url"]: line for line in _lines(folder / "snippets.jsonl.gz")}
    found: dict[str, Capture] = {}
    for url, body, charset in responses(folder):
        truth, strings = truths.get(url), snippets.get(url, {})
        required, forbidden = (tuple(strings.get(key) or ()) for key in ("gold_with", "gold_without"))
        groups = _groups(truth) if truth else ()
        gold = truth["gold_text"] if truth else None
        found.setdefault(url, Capture(url, body, charset, gold, groups, required, forbidden))
    return list(found.values())


def _groups(truth: dict[str, Any]) -> tuple[str, ...]:
    kind, source, lang = truth.get("page_type"), truth["source_repo"].split("/")[-1], truth.get("lang")
    return ("all", f"type {kind or '?'}", f"source {source}", f"lang {lang or '?'}")


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def responses(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Yield URL, body and the charset in the header of each response in the folder's WARC files."""
    for path in sorted(folder.glob("*.warc.gz")):
        with path.open("rb") as stream:
            for record in ArchiveIterator(stream):
                if record.rec_type == "response" and record.http_headers:
                    label = header_label(record.http_headers.get_header("Content-Type") or "")
                    yield record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read(), label
