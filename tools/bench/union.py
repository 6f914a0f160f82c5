"""Yield of two engines together: word F1, and pages and tokens that the filters of a recipe keep.

usage: python tools/bench/union.py FOLDER [--folds FOLDER] [--recipe FILE] [--roots FOLDER] [--set KEY=VALUE …]

FOLDER has WARC files with gold texts, as for extraction.py. The recipe runs with native and with trafilatura. Its row
stages, the last of which is ``lines``, decide on each page by itself, so what a union keeps follows from the two runs:
of each page the outcome with the engine whose text it has. ``either`` is the union of Li et al. (arXiv 2602.19548): all
pages that the filters keep with some engine. --folds scores native by weights that never saw the page's domain.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.dataset as ds

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from refinery.kernels import decoded
from refinery.recipe import load
from refinery.runner.run import run
from tools.bench.engines import native_engine
from tools.bench.gold import Capture, captures
from tools.extractor.scoring import score

ENGINES = ("native", "trafilatura")

LIMITS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Values of ``below``."""


Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Yield(NamedTuple):
    """By page: word F1 of the text (NaN without gold), its length, and the tokens that the filters keep."""

    f1: Floats
    chars: Integers
    tokens: Integers


def main() -> None:
    """Run the recipe with both engines, and print a row for each of them and each union."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=Path, help="weights by fold of a cross-validation on this folder's pages")
    parser.add_argument("--recipe", default="configs/refinedweb.yaml")
    parser.add_argument("--roots", type=Path, help="where to keep the outputs of the recipe; else they are temporary")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    pages = captures(arguments.folder)
    settings = [f"inputs={arguments.folder}/*.warc.gz", "write=every", *arguments.overrides]
    with tempfile.TemporaryDirectory() as temporary:
        roots = arguments.roots or Path(temporary)
        for engine in ENGINES:
            run(load(arguments.recipe, [*settings, f"extract.engine={engine}"], root=str(roots / engine)))
        reached = {url for part in ("kept", "removed") for url in _column(roots / "native", "extract", "url", part)}
        pages = [page for page in pages if page.url in reached]
        native, second = (measured(pages, roots / engine) for engine in ENGINES)
    first = native_engine(arguments.folds)
    own = [first(decoded(page.body, page.charset).utf8, page.url) for page in pages]
    confidence = np.array([np.nan if expected is None else expected for _, expected in own])
    native = native._replace(f1=scores(pages, [text for text, _ in own]))
    print(f"{len(pages)} pages\nengine        asked   taken     F1   kept    tokens")
    none, every = (np.full(len(pages), fill_value=value) for value in (False, True))
    show("native", none, native, second, none)
    show("trafilatura", every, native, second, every)
    for below in LIMITS:
        asked = (confidence < below) | (native.chars == 0)
        show(f"union, {below}", asked, native, second, asked & (second.chars > native.chars))
    only = (native.tokens == 0) & (second.tokens > 0)
    show("either", every, native, second, only)


def measured(pages: list[Capture], root: Path) -> Yield:
    """Return what became of each page in a root."""
    extracted, kept = _column(root, "extract", "text"), _column(root, "lines", "tokens")
    texts = [extracted.get(page.url, "") for page in pages]
    tokens = np.array([kept.get(page.url, 0) for page in pages])
    return Yield(scores(pages, texts), np.array([len(text) for text in texts]), tokens)


def _column(root: Path, stage: str, name: str, part: str = "kept") -> dict[str, Any]:
    (folder,) = root.glob(f"*-{stage}/{part}")
    rows = ds.dataset(folder).to_table(columns=sorted({"url", name}))
    return dict(zip(*(rows[column].to_pylist() for column in ("url", name)), strict=True))


def scores(pages: list[Capture], texts: list[str]) -> Floats:
    """Word F1 of each page, NaN where nobody looked."""
    pairs = zip(pages, texts, strict=True)
    return np.array([np.nan if page.gold is None else score(page.gold, text).f1 for page, text in pairs])


def show(name: str, asked: Flags, native: Yield, second: Yield, taken: Flags) -> None:
    """Print a row: shares of pages on which the second engine is asked and whose text is its, and the yield."""
    f1, _, tokens = (np.where(taken, theirs, ours) for ours, theirs in zip(native, second, strict=True))
    shares = f"{asked.mean():7.1%} {taken.mean():7.1%}"
    print(f"{name:12}{shares} {np.nanmean(f1):.4f} {(tokens > 0).sum():6,} {tokens.sum():9,}")


if __name__ == "__main__":
    main()
