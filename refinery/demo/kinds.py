"""The kinds of pages in the sample, their shares, and their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from refinery.demo.chance import SeededRandom
from refinery.demo.planting import Planter, SamplePage
from refinery.errors import UsageError

SHARE_BASE = 400
LEAST = 100
"""Number of pages in the smallest sample."""

SHARES: dict[str, tuple[int, Callable[[Planter, str, int], SamplePage]]] = {
    "article": (0, Planter.original),
    "shared paragraph": (40, Planter.with_notices),
    "exact copy": (20, Planter.exact_copy),
    "near copy": (24, Planter.near_copy),
    "other language": (42, Planter.foreign),
    "strict word": (3, Planter.at),
    "hard word": (3, Planter.at),
    "soft words": (3, Planter.at),
    "blocked domain": (4, Planter.at),
    "curated source": (8, Planter.at),
    "innocent word": (4, Planter.at),
    "short": (16, Planter.short),
    "repetitive": (8, Planter.repetitive),
    "counters": (12, Planter.counters),
    "shouting": (8, Planter.shouting),
    "hashtags": (4, Planter.hashtags),
    "bullets": (4, Planter.bullets),
    "links": (6, Planter.links),
    "no text": (2, Planter.no_text),
    "pdf": (4, Planter.other),
    "image": (3, Planter.other),
    "json": (2, Planter.other),
    "plain text": (1, Planter.other),
    "mislabelled pdf": (1, Planter.other),
    "not found": (6, Planter.status),
    "server error": (2, Planter.status),
    "redirect": (6, Planter.status),
    "empty": (3, Planter.status),
    "latin-1": (3, Planter.charset),
    "gb18030": (3, Planter.charset),
    "shift_jis": (3, Planter.charset),
    "windows-1251": (2, Planter.charset),
    "charset in page": (2, Planter.charset),
    "no charset": (2, Planter.charset),
    "wrong charset": (2, Planter.charset),
    "byte order mark": (1, Planter.charset),
    "xhtml": (2, Planter.media_type),
    "no media type": (2, Planter.media_type),
    "gzip": (4, Planter.coding),
    "chunked": (4, Planter.coding),
    "gzip chunked": (2, Planter.coding),
    "deflate": (1, Planter.coding),
    "false gzip": (1, Planter.coding),
    "deep": (1, Planter.hostile),
    "large": (1, Planter.hostile),
    "nul": (1, Planter.hostile),
    "tag soup": (1, Planter.hostile),
    "length too long": (1, Planter.faulty),
    "length too short": (1, Planter.faulty),
    "no record id": (1, Planter.faulty),
    "no target uri": (1, Planter.faulty),
    "truncated": (1, Planter.faulty),
}
"""Pages of each kind among ``SHARE_BASE``, at least one; the rest are articles."""


def counts(pages: int) -> dict[str, int]:
    """Return the number of pages of each kind in a sample. Raises UsageError if there are too few."""
    if pages < LEAST:
        raise UsageError(f"{pages} pages are too few for one of each kind", hint=f"use at least {LEAST}")
    planned = {kind: max(1, share * pages // SHARE_BASE) for kind, (share, _) in SHARES.items()}
    planned["truncated"] = 1
    return planned | {"article": pages - sum(planned.values()) + planned["article"]}


def planted(seed: int, pages: int) -> Sequence[SamplePage]:
    """Return all pages in the order of the crawl. Raises UsageError if there are too few."""
    planter = Planter(seed)
    ordered = [SHARES[kind][1](planter, kind, n) for kind, count in counts(pages).items() for n in range(count)]
    return SeededRandom(seed, "order").shuffled(_with_unique_urls(ordered))


def _with_unique_urls(pages: Sequence[SamplePage]) -> list[SamplePage]:
    seen: set[str] = set()
    unique = []
    for number, page in enumerate(pages):
        duplicate = page.url in seen
        unique.append(
            replace(page, url=f"{page.url}{'&' if '?' in page.url else '?'}v={number}") if duplicate else page
        )
        seen.add(page.url)
    return unique
