"""Make the weights of the native extractor from pages with gold texts, and say how good they are.

usage: python tools/train_extractor.py FOLDER [--weights FILE] [--leave-out-sources] [--pages CACHE]

FOLDER holds WARC files and ``truth.jsonl.gz``, a line a page: url, gold_text, gold_kind, page_type, source_repo. Pages whose
gold_kind begins with "human" are used. Figures are from a cross-validation in five folds by registered domain: each
page is scored by weights that never saw its domain. Only then are the weights trained on all pages.

Features come from the native extractor itself. Needs lightgbm, which refinery does not.
"""

from __future__ import annotations

import argparse
import hashlib
import pickle
import struct
import sys
import unicodedata
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit
import gzip
import json

import lightgbm
import numpy as np
import pyarrow as pa
from publicsuffixlist import PublicSuffixList

from refinery.kernels import native_extract
from refinery.store import store_for
from stages.warc import Warc

FOLDS = 5
TREES = 160
SETTINGS = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}
MAGIC = b"refinery extractor 1\n"
LEAST = 0.3
"""What a block without words weighs when blocks are chosen, as in the native decoder."""

WORD = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\u3040-\u30ff]|[^\W_]+")


@dataclass
class Page:
    """A page with what training needs: a row of features, a label, and the number of words, for each block."""

    url: str
    kind: str
    source: str
    gold: str
    texts: list[str]
    features: np.ndarray
    labels: np.ndarray
    terms: np.ndarray

    @property
    def domain(self) -> str:
        """The registered domain."""
        host = urlsplit(self.url).hostname or ""
        return _suffixes().privatesuffix(host) or host

    @property
    def fold(self) -> int:
        """By domain, so that no domain is in two folds."""
        return int(hashlib.md5(self.domain.encode(), usedforsecurity=False).hexdigest(), 16) % FOLDS


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def words(text: str) -> list[str]:
    """Words as extractions are scored: runs of letters and digits, folded; a CJK character is one."""
    return WORD.findall(unicodedata.normalize("NFC", text).casefold())


def truths(folder: Path) -> dict[str, dict[str, str]]:
    """The pages with human gold texts, by URL."""
    with gzip.open(folder / "truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return {page["url"]: page for page in found if page["gold_kind"].startswith("human")}


def read(folder: Path) -> Iterator[Page]:
    """The pages of a folder that have a gold text."""
    wanted, extractor = truths(folder), native_extract.extractor(None)
    stage, store = Warc(), store_for(str(folder))
    for path in sorted(map(str, folder.glob("*.warc.gz"))):
        for batch in stage.read(path, store):
            for url, html in zip(batch.columns["url"].to_pylist(), batch.columns["html"].to_pylist(), strict=True):
                if html is not None and url in wanted:
                    yield page(wanted[url], html, extractor)


def page(truth: dict[str, str], html: str, extractor: object) -> Page:
    """A page from its HTML."""
    texts, terms, features, _ = extractor.blocks(html, truth["url"])
    return Page(
        truth["url"],
        truth.get("page_type") or "other",
        truth["source_repo"].split("/")[-1],
        truth["gold_text"],
        texts,
        np.asarray(pa.array(features)).reshape(len(texts), -1) if texts else np.empty((0, 0), np.float32),
        labels(texts, truth["gold_text"]),
        np.asarray(pa.array(terms)),
    )


def labels(texts: list[str], gold: str) -> np.ndarray:
    """Whether at least half of a block's word trigrams are in the gold text; a shorter block must be a line of it."""
    found = words(gold)
    grams = set(zip(found, found[1:], found[2:], strict=False))
    lines = {tuple(words(line)) for line in gold.splitlines()}

    def label(text: str) -> bool:
        block = words(text)
        own = set(zip(block, block[1:], block[2:], strict=False))
        return 2 * len(own & grams) >= len(own) if own else bool(block) and tuple(block) in lines

    return np.array([label(text) for text in texts], bool)


def weight(page: Page) -> np.ndarray:
    """Of its blocks in training: long blocks count more, and long pages not much more."""
    return np.sqrt(page.terms + 0.5) / max(1.0, float(np.sqrt(page.terms.sum())))


def train(pages: Iterable[Page], trees: int = TREES) -> lightgbm.Booster:
    """Boosted trees that tell main text by features."""
    used = [page for page in pages if page.texts]
    weights = np.concatenate([weight(page) for page in used])
    data = lightgbm.Dataset(
        np.concatenate([page.features for page in used]),
        np.concatenate([page.labels for page in used]).astype(np.int8),
        weight=weights / weights.mean(),
    )
    return lightgbm.train(SETTINGS, data, trees)


def decode(probability: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """The blocks with the best expected F1: the native decoder's twin."""
    mass = terms + LEAST
    order = np.argsort(-probability, kind="stable")
    hits, kept = np.cumsum((probability * mass)[order]), np.cumsum(mass[order])
    best = int(np.argmax(2 * hits / (kept + (probability * mass).sum())))
    chosen = np.zeros(len(probability), bool)
    chosen[order[: best + 1]] = True
    return chosen


def f1(overlap: int, found: int, wanted: int) -> float:
    """The harmonic mean of precision and recall."""
    return 2 * overlap / (found + wanted) if found + wanted else 1.0


def scores(gold: str, text: str) -> tuple[float, float, float, float]:
    """Word F1, precision, recall, and F1 of sets of four words in a row."""
    g, t = words(gold), words(text)
    bag = sum((Counter(g) & Counter(t)).values())
    shingles = [{tuple(w[i : i + 4]) for i in range(max(1, len(w) - 3))} if w else set() for w in (g, t)]
    common = len(shingles[0] & shingles[1])
    return (
        f1(bag, len(t), len(g)),
        bag / len(t) if t else 0.0,
        bag / len(g) if g else 0.0,
        f1(common, len(shingles[1]), len(shingles[0])),
    )


def evaluate(pages: list[Page], booster: lightgbm.Booster) -> Iterator[tuple[Page, tuple[float, ...]]]:
    """The scores of pages."""
    for page in pages:
        kept: list[str] = []
        if page.texts:
            chosen = decode(booster.predict(page.features, num_threads=1), page.terms)
            kept = [text for text, is_chosen in zip(page.texts, chosen, strict=True) if is_chosen]
        yield page, scores(page.gold, "\n".join(kept))


def report(rows: Iterable[tuple[Page, tuple[float, ...]]]) -> None:
    """Print the means by group."""
    groups: defaultdict[str, list[tuple[float, ...]]] = defaultdict(list)
    for page, row in rows:
        for group in ("all", page.kind, page.source):
            groups[group].append(row)
    print(f"{'group':46} {'pages':>5} {'word F1':>8} {'P':>7} {'R':>7} {'shingles':>8}")
    for group, found in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        print(f"{group:46} {len(found):5d} " + " ".join(f"{np.mean(column):8.4f}" for column in zip(*found, strict=True)))


def cross_validate(pages: list[Page]) -> None:
    """Print the scores of all pages, each by weights that never saw its domain."""
    rows = []
    for fold in range(FOLDS):
        booster = train(page for page in pages if page.fold != fold)
        rows += evaluate([page for page in pages if page.fold == fold], booster)
    report(rows)


def leave_sources_out(pages: list[Page]) -> None:
    """Print the scores of each source by weights that never saw it."""
    rows = []
    for source in sorted({page.source for page in pages}):
        booster = train(page for page in pages if page.source != source)
        rows += evaluate([page for page in pages if page.source == source], booster)
    report(rows)


def packed(booster: lightgbm.Booster, digest: int) -> bytes:
    """The weights file: see ``native/src/extract/model.rs``."""
    trees = [_tree(tree["tree_structure"]) for tree in booster.dump_model()["tree_info"]]
    head = MAGIC + struct.pack("<QfH", digest, 0.0, len(trees))
    return head + b"".join(struct.pack("<H", len(tree)) + b"".join(struct.pack("<fHH", *row) for row in tree) for tree in trees)


def _tree(root: dict[str, object]) -> list[tuple[float, int, int]]:
    """Rows of threshold or value, feature, and place of the left child, next to which is the right one."""
    rows: list[tuple[float, int, int]] = [(0.0, 0, 0)]
    queue = [(0, root)]
    for at, node in queue:
        if "leaf_value" in node:
            rows[at] = (node["leaf_value"], 0, 0)
            continue
        rows[at] = (_below(node["threshold"]), node["split_feature"], len(rows))
        queue += [(len(rows), node["left_child"]), (len(rows) + 1, node["right_child"])]
        rows += [(0.0, 0, 0)] * 2
    return rows


def _below(threshold: float) -> np.float32:
    """The greatest single that is not above a double: for singles both divide alike."""
    single = np.float32(threshold)
    return single if float(single) <= threshold else np.nextafter(single, np.float32(-np.inf))


def main() -> None:
    """Validate, train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("refinery/kernels", native_extract.WEIGHTS))
    parser.add_argument("--leave-out-sources", action="store_true")
    parser.add_argument("--skip-validation", action="store_true")
    arguments = parser.parse_args()
    pages = sorted(read(arguments.folder), key=lambda page: page.url)
    print(f"{len(pages)} pages, {sum(len(page.texts) for page in pages)} blocks", file=sys.stderr)
    if not arguments.skip_validation:
        cross_validate(pages)
    if arguments.leave_out_sources:
        leave_sources_out(pages)
    _, digest = native_extract.extractor(None).feature_names()
    arguments.weights.write_bytes(packed(train(pages), digest))


if __name__ == "__main__":
    main()
