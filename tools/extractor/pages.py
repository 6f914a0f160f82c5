"""Pages with gold texts, cut into blocks by the native extractor, each block with its label."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from publicsuffixlist import PublicSuffixList

from refinery.kernels.native_extract import extractor
from refinery.stages.warc import Warc
from refinery.store import store_for
from tools.extractor.scoring import words

FOLDS = 5

GRAM = 3
"""Words in a row by which a block is found in a gold text."""


@dataclass(frozen=True)
class Page:
    """A page; texts, terms, tokens and labels are those of its blocks."""

    url: str
    html: str
    kind: str
    source: str
    gold: str
    texts: list[str]
    terms: npt.NDArray[np.int64]
    text_tokens: list[list[int]]
    path_tokens: list[list[int]]
    labels: npt.NDArray[np.bool_]

    @property
    def groups(self) -> tuple[str, ...]:
        """Those that its score counts in."""
        return ("all", self.kind, self.source)

    @property
    def domain(self) -> str:
        """The registered domain."""
        return domain_of(self.url)

    @property
    def fold(self) -> int:
        """By domain, so that no domain is in two folds."""
        return fold_of(self.url)


def domain_of(url: str) -> str:
    """The registered domain of a URL; its host where there is none."""
    host = urlsplit(url).hostname or ""
    return _suffixes().privatesuffix(host) or host


def fold_of(url: str) -> int:
    """The fold of a page, by its domain, so that no domain is in two folds."""
    return int(hashlib.md5(domain_of(url).encode(), usedforsecurity=False).hexdigest(), 16) % FOLDS


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def read(folder: Path) -> list[Page]:
    """The pages of a folder's WARC files that have a human gold text in its ``truth.jsonl.gz``, by URL."""
    return sorted(_read(folder), key=lambda page: page.url)


def _read(folder: Path) -> Iterator[Page]:
    wanted = _truths(folder)
    stage, store = Warc(), store_for(str(folder))
    for path in sorted(map(str, folder.glob("*.warc.gz"))):
        for batch in stage.read(path, store):
            columns = (batch.columns[name].to_pylist() for name in ("url", "html"))
            for url, html in zip(*columns, strict=True):
                if html is not None and url in wanted:
                    yield _page(wanted[url], html)


def _truths(folder: Path) -> dict[str, dict[str, Any]]:
    with gzip.open(folder / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return {page["url"]: page for page in found if page["gold_kind"].startswith("human")}


def _page(truth: dict[str, Any], html: str) -> Page:
    texts, terms, text_tokens, path_tokens = _extractor().blocks(html, truth["url"])
    return Page(
        truth["url"],
        html,
        truth.get("page_type") or "other",
        truth["source_repo"].split("/")[-1],
        truth["gold_text"],
        texts,
        np.array(terms, np.int64),
        text_tokens,
        path_tokens,
        labels(texts, truth["gold_text"]),
    )


@cache
def _extractor() -> Any:
    return extractor(None)


def labels(texts: list[str], gold: str) -> npt.NDArray[np.bool_]:
    """Whether blocks are of the gold text: at least half of a block's word trigrams are in it.

    A shorter block is if it makes a trigram of the gold text with the words around it, as cells of a table do; or if it
    is a line of the gold text next to a block that is of it: a heading is, the same word in a menu is not.
    """
    found = words(gold)
    grams = set(zip(found, found[1:], found[2:], strict=False))
    lines = {tuple(words(line)) for line in gold.splitlines()}
    blocks = [words(text) for text in texts]
    page = [word for block in blocks for word in block]
    shared = [gram in grams for gram in zip(page, page[1:], page[2:], strict=False)]
    ends = np.cumsum([len(block) for block in blocks])

    def alone(block: list[str]) -> bool:
        own = set(zip(block, block[1:], block[2:], strict=False))
        return 2 * len(own & grams) >= len(own) if own else bool(block) and tuple(block) in lines

    likely = [alone(block) for block in blocks]

    def label(at: int) -> bool:
        size, end = len(blocks[at]), int(ends[at])
        if not 0 < size < GRAM:
            return likely[at]
        around = shared[max(0, end - GRAM) : end - size + 1]
        return any(around) or (likely[at] and any(likely[max(0, at - 1) : at] + likely[at + 1 : at + 2]))

    return np.array([label(at) for at in range(len(blocks))], np.bool_)


def weights(pages: list[Page]) -> npt.NDArray[np.float64]:
    """Of all blocks in training: long ones count more, and those of long pages not much more."""
    made = [np.sqrt(page.terms + 0.5) / max(1.0, float(np.sqrt(page.terms.sum()))) for page in pages]
    every = np.concatenate(made)
    return np.asarray(every / every.mean(), np.float64)
