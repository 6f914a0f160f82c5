"""Engines that find the main text, on the same pages: how good, and how fast.

usage: python tools/bench/extraction.py FOLDER [--folds FOLDER] [--limit N] [--report FILE]

FOLDER has WARC files with gold texts (tools/bench/gold.py says in which files). The engines take turns page by page, in
one process on one core, each beginning with the bytes of the page, which all have decoded by refinery. Scores are means
over the pages that people found the text of. The last line is JSON.

The weights of ``native`` may have been trained on FOLDER. Then its score says little of other pages, unless --folds
gives it those of ``tools/train_extractor.py --folds``: each page is scored by weights that never saw its domain.

--report writes the pages on which the engines differ most, side by side: for your eyes, as it quotes the pages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from refinery.kernels import decoded, extractor_versions
from tools.bench.differences import report
from tools.bench.engines import Engine, engines
from tools.bench.gold import Capture, captures
from tools.extractor.scoring import Score, score, words

SMALLEST = 10
"""Groups of fewer pages are not shown."""

WARM = 5
"""Pages that each engine has before it is timed."""

Texts = dict[str, list[str]]
Figures = dict[str, Any]


def main() -> None:
    """Run the engines and print their scores, their times, and JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--folds", type=Path, help="weights by fold of a cross-validation on this folder's pages")
    parser.add_argument("--limit", type=int, help="take so many pages only, spread over all")
    parser.add_argument("--report", type=Path, help="an HTML file to write the largest differences to")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    pages = captures(arguments.folder)
    pages = pages[:: max(1, len(pages) // arguments.limit)] if arguments.limit else pages
    kind = weights_used(arguments.folds)
    print(f"{len(pages)} pages of {sum(len(page.body) for page in pages) / len(pages):,.0f} bytes; native: {kind}")
    texts, seconds = run(engines(arguments.folds), pages)
    judged = [at for at, page in enumerate(pages) if page.gold is not None]
    scores = {name: [score(pages[at].gold or "", found[at]) for at in judged] for name, found in texts.items()}
    quality = by_group([pages[at] for at in judged], scores)
    show_quality(quality)
    snippets = {name: snippets_of(pages, found) for name, found in texts.items()}
    times = {name: times_of(name, seconds) for name in seconds}
    show_rest(snippets, times, texts)
    if arguments.report:
        arguments.report.write_text(report([pages[at] for at in judged], at_pages(texts, judged), scores), "utf-8")
    print(json.dumps(summary(pages, kind, quality, snippets, times)))


def weights_used(folds: Path | None) -> str:
    """Which weights ``native`` is scored by, in words."""
    if folds:
        return f"cross-validated, weights of {folds.name} that never saw the page's registered domain"
    weights = extractor_versions()["weights"]
    return f"the weights that refinery has ({weights}), which saw these pages if this is the folder of their training"


def run(rivals: dict[str, Engine], pages: Sequence[Capture]) -> tuple[Texts, dict[str, list[float]]]:
    """The texts of all pages, and the seconds of CPU that each took, by engine."""
    for page in pages[:WARM]:
        for engine in rivals.values():
            timed(engine, page)
    texts: Texts = {name: [] for name in rivals}
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    names = list(rivals)
    for at, page in enumerate(pages):
        shift = at % len(names)
        for name in names[shift:] + names[:shift]:
            text, taken = timed(rivals[name], page)
            texts[name].append(text)
            seconds[name].append(taken)
    return texts, seconds


def timed(engine: Engine, page: Capture) -> tuple[str, float]:
    """The text of a page, and the seconds of CPU from its bytes to it."""
    started = time.process_time()
    text = engine(decoded(page.body, page.charset).utf8, page.url)
    return text, time.process_time() - started


def at_pages(texts: Texts, chosen: Sequence[int]) -> Texts:
    """The texts of some pages."""
    return {name: [found[at] for at in chosen] for name, found in texts.items()}


def by_group(pages: Sequence[Capture], scores: dict[str, list[Score]]) -> dict[str, Figures]:
    """Mean scores of each engine in each group, and the group's size."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for at, page in enumerate(pages):
        for group in page.groups:
            members[group].append(at)
    shown = {group: inside for group, inside in members.items() if len(inside) >= SMALLEST}
    order = sorted(shown, key=lambda group: (group.split()[0], -len(shown[group]), group))
    return {
        group: {"pages": len(shown[group])}
        | {name: _means([found[at] for at in shown[group]]) for name, found in scores.items()}
        for group in order
    }


def _means(scores: list[Score]) -> dict[str, float]:
    means = np.array(scores).mean(axis=0)
    return {name: round(float(mean), 4) for name, mean in zip(Score._fields, means, strict=True)}


def snippets_of(pages: Sequence[Capture], texts: Sequence[str]) -> dict[str, float]:
    """The share of required strings that are in the texts, and of forbidden ones that are not."""
    there, absent = [], []
    for page, text in zip(pages, texts, strict=True):
        found = " ".join(words(text))
        there += [" ".join(words(string)) in found for string in page.required]
        absent += [" ".join(words(string)) not in found for string in page.forbidden]
    return {
        "with": round(sum(there) / max(1, len(there)), 4),
        "without": round(sum(absent) / max(1, len(absent)), 4),
        "required": len(there),
        "forbidden": len(absent),
    }


def times_of(name: str, seconds: dict[str, list[float]]) -> dict[str, float]:
    """Milliseconds a page, and how many times those of ``native`` their sum is."""
    taken = np.array(seconds[name]) * 1000
    return {
        "mean": round(float(taken.mean()), 3),
        "median": round(float(np.median(taken)), 3),
        "p99": round(float(np.percentile(taken, 99)), 2),
        "ratio": round(float(taken.sum() / (sum(seconds["native"]) * 1000)), 2),
    }


def show_quality(quality: dict[str, Figures]) -> None:
    """The table of word F1 and shingle F1."""
    names = [name for name in next(iter(quality.values()), {}) if name != "pages"]
    print("\n" + f"{'word F1, shingle F1':44} pages" + "".join(f"{name:>18}" for name in names))
    for group, row in quality.items():
        cells = (f"{row[name]['f1']:.3f}  {row[name]['shingle_f1']:.3f}" for name in names)
        print(f"{group:44} {row['pages']:5d}" + "".join(f"{cell:>18}" for cell in cells))


def show_rest(snippets: dict[str, Figures], times: dict[str, Figures], texts: Texts) -> None:
    """The table of snippets, empty texts and times."""
    print(f"\n{'engine':18}{'with':>8}{'without':>9}{'empty':>7}   ms/page: mean  median     p99   × native")
    for name, taken in times.items():
        found = snippets[name]
        empty = sum(not text.strip() for text in texts[name])
        shares = f"{found['with']:8.3f}{found['without']:9.3f}{empty:7d}"
        print(f"{name:18}{shares}{taken['mean']:16.2f}{taken['median']:8.2f}{taken['p99']:8.1f}{taken['ratio']:10.1f}")


def summary(pages: Sequence[Capture], kind: str, *tables: Figures) -> Figures:
    """All figures, and what they are of."""
    of = {name: metadata.version(name) for name in ("trafilatura", "lxml", "resiliparse")}
    metrics = {"pages": len(pages), "bytes": sum(len(page.body) for page in pages), "python": platform.python_version()}
    return metrics | of | {"native": kind} | dict(zip(("scores", "snippets", "milliseconds"), tables, strict=True))


if __name__ == "__main__":
    main()
