"""Score a recipe in many languages: pages kept and removed, also with thresholds derived from other pages.

usage: python tools/bench/languages.py CORPUS RECIPE OUT [--until STAGE] [--fold path|source]

CORPUS is a folder with WARC files of clean pages and junk, and ``docs.jsonl.gz`` with ``url``, ``lang``, ``kind``
(``clean``, or a kind of junk), ``source`` and ``source_path``. OUT gets the root and the tables.

Without --fold the recipe is scored as it is. With it, thresholds and common words of each language are derived by
`refinery calibrate` from the pages of one fold, with their junk, and score the pages of the other; then the other way
round. Folds are halves of the source paths, by hash, or the largest source and all others. A language with too few
pages in a fold has the general thresholds there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xxhash

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import refinery
from refinery import RefineryError, Selection, load, run
from refinery.inspect.calibration import calibrate
from tools.bench.withheld import with_table

LEAST = 8
"""Clean pages of a language in a fold from which thresholds are derived."""

Page = Mapping[str, Any]
Shares = Mapping[str, Mapping[str, float]]


def read_pages(corpus: Path) -> list[Page]:
    """Return the pages of the corpus, without their texts."""
    with gzip.open(corpus / "docs.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [{key: value for key, value in json.loads(line).items() if key != "text"} for line in stream]


def fold_of(pages: Sequence[Page], by: str) -> Callable[[Page], bool]:
    """Return the function that assigns a page to one of two folds."""
    if by == "source":
        largest = Counter(page["source"] for page in pages).most_common(1)[0][0]
        return lambda page: page["source"] == largest
    return lambda page: xxhash.xxh64_intdigest(f"{page['source']} {page['source_path']}".encode()) % 2 == 0


def kept_urls(root: str, stage: str) -> frozenset[str]:
    """Return the URLs that a stage of a root kept."""
    return frozenset(refinery.open(root).stage(stage).dataset().to_table(columns=["url"])["url"].to_pylist())


def derive(root: str, pages: Iterable[Page], table: Path) -> None:
    """Write the thresholds and words of all languages that have pages enough."""
    urls: defaultdict[str, list[str]] = defaultdict(list)
    clean: Counter[str] = Counter()
    for page in pages:
        urls[page["lang"]].append(page["url"])
        clean[page["lang"]] += page["kind"] == "clean"
    table.mkdir(parents=True, exist_ok=True)
    for code in sorted(code for code, count in clean.items() if count >= LEAST):
        try:
            text = calibrate(root, code, urls=frozenset(urls[code])).to_toml()
        except RefineryError as error:
            print(f"{code}: {error.message}")
            continue
        (table / f"{code}.toml").write_text(text, encoding="utf-8")


def shares(pages: Iterable[Page], kept: Collection[str]) -> Shares:
    """Return by language and kind the share of clean pages that are kept, and of junk that is removed."""
    right: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for page in pages:
        right[page["lang"], page["kind"]].append((page["url"] in kept) == (page["kind"] == "clean"))
    table: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for (code, kind), values in right.items():
        table[code][kind] = sum(values) / len(values)
    return table


def mean(values: Iterable[float]) -> float:
    """Return the mean, 0 of nothing."""
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def show(title: str, table: Shares) -> None:
    """Print the means over languages, by kind, and the languages with less than .93 kept or .90 removed."""
    removed = {code: mean(v for k, v in row.items() if k != "clean") for code, row in table.items() if len(row) > 1}
    kept = {code: row["clean"] for code, row in table.items() if "clean" in row}
    kinds = sorted({kind for row in table.values() for kind in row} - {"clean"})
    print(f"{title}: {len(table)} languages, kept {mean(kept.values()):.3f}, removed {mean(removed.values()):.3f}")
    means = {kind: mean(row[kind] for row in table.values() if kind in row) for kind in kinds}
    print("  removed by kind: " + ", ".join(f"{kind} {share:.3f}" for kind, share in means.items()))
    print("  kept below .93: " + ", ".join(f"{code} {share:.2f}" for code, share in kept.items() if share < 0.93))
    print("  removed below .90: " + ", ".join(f"{code} {share:.2f}" for code, share in removed.items() if share < 0.90))


def main() -> None:
    """Score the recipe, then the folds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--until", default="lines")
    parser.add_argument("--fold", choices=["path", "source"])
    options = parser.parse_args()
    root, until = str(options.out / "root"), Selection(until=options.until)
    settings = [f"inputs={options.corpus.resolve()}/*.warc.gz", "write=every"]
    pipeline = load(options.recipe, overrides=settings, root=root)
    run(pipeline, until)
    pages = read_pages(options.corpus)
    kept = kept_urls(root, options.until)
    show("as it is", shares(pages, kept))
    if not options.fold:
        return
    fold = fold_of(pages, options.fold)
    tables = {side: options.out / f"table-{options.fold}-{side:d}" for side in (False, True)}
    for side, table in tables.items():
        derive(root, (page for page in pages if fold(page) == side), table)
    found: set[str] = set()
    for side, table in tables.items():
        run(load(options.recipe, overrides=[*settings, *with_table(pipeline, table)], root=root), until)
        others = [page for page in pages if fold(page) != side]
        kept = kept_urls(root, options.until)
        show(f"thresholds from fold {side:d}", shares(others, kept))
        found.update(kept.intersection(page["url"] for page in others))
    show("both folds", shares(pages, found))


if __name__ == "__main__":
    main()
