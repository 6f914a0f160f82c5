"""Score a recipe in many languages: pages kept and removed, also with thresholds derived from other pages.

usage: python -m tools.bench.languages CORPUS RECIPE OUT [--until STAGE] [--fold path|source]

CORPUS is as in ``labelled``, its pages with ``source`` and ``source_path`` as well. OUT gets the root and the tables.

Without --fold the recipe is scored as it is. With it, thresholds and common words of each language are derived by
`refinery calibrate` from the pages of one fold, with their junk, and score the pages of the other; then the other way
round. Folds are halves of the source paths, by hash, or the largest source and all others. A language with too few
pages in a fold has the general thresholds there.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import xxhash

from tools.bench.labelled import Page, derive, read_pages, run_recipe, shares, show

LEAST = 8
"""Clean pages of a language in a fold from which thresholds are derived."""


def fold_of(pages: Sequence[Page], by: str) -> Callable[[Page], bool]:
    """Return the function that assigns a page to one of two folds."""
    if by == "source":
        largest = Counter(page["source"] for page in pages).most_common(1)[0][0]
        return lambda page: page["source"] == largest
    return lambda page: xxhash.xxh64_intdigest(f"{page['source']} {page['source_path']}".encode()) % 2 == 0


def by_language(pages: Iterable[Page]) -> dict[str, list[str]]:
    """Return the URLs of the languages that have clean pages enough."""
    urls: defaultdict[str, list[str]] = defaultdict(list)
    clean: Counter[str] = Counter()
    for page in pages:
        urls[page["lang"]].append(page["url"])
        clean[page["lang"]] += page["kind"] == "clean"
    return {code: urls[code] for code, count in clean.items() if count >= LEAST}


def main() -> None:
    """Score the recipe, then the folds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--until", default="lines")
    parser.add_argument("--fold", choices=["path", "source"])
    options = parser.parse_args()
    root, pages = options.out / "root", read_pages(options.corpus)
    kept = run_recipe(options.recipe, options.corpus, root, options.until)
    show("as it is", shares(pages, kept))
    if not options.fold:
        return
    fold = fold_of(pages, options.fold)
    tables = {side: options.out / f"table-{options.fold}-{side:d}" for side in (False, True)}
    for side, table in tables.items():
        derive(root, by_language(page for page in pages if fold(page) == side), table)
    found: set[str] = set()
    for side, table in tables.items():
        kept = run_recipe(options.recipe, options.corpus, root, options.until, table)
        others = [page for page in pages if fold(page) != side]
        show(f"thresholds from fold {side:d}", shares(others, kept))
        found.update(kept.intersection(page["url"] for page in others))
    show("both folds", shares(pages, found))


if __name__ == "__main__":
    main()
