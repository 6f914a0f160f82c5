"""Score thresholds that `refinery calibrate` derives for languages that no table has.

usage: python -m tools.bench.withheld CORPUS RECIPE OUT [--until STAGE] [--junk .2] [--langs de,zu]

CORPUS is as in ``labelled``. Every language is calibrated from half of its clean pages, drawn by a hash of the URL, and
junk, a fifth of the sample. Then the recipe is run with these files alone, and scored by the other half and all junk.
OUT gets the table and the roots.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import xxhash

from tools.bench.labelled import Page, derive, read_pages, run_recipe, shares, show


def samples(pages: Sequence[Page], junk: float) -> dict[str, frozenset[str]]:
    """Return the URLs of the sample of each language: half of its clean pages, and a share of junk."""
    urls: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
    for page in sorted(pages, key=lambda page: xxhash.xxh64_intdigest(page["url"].encode())):
        urls[page["lang"], page["kind"] == "clean"].append(page["url"])
    halves = {code: found[::2] for (code, clean), found in urls.items() if clean}
    bad = {code: urls[code, False][: round(len(half) * junk / (1 - junk))] for code, half in halves.items()}
    return {code: frozenset([*half, *bad[code]]) for code, half in halves.items()}


def main() -> None:
    """Run, calibrate every language, and run again with the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--until", default="lines")
    parser.add_argument("--junk", type=float, default=0.2, help="share of a sample (default %(default)s)")
    parser.add_argument("--langs", default="", help="calibrate and score only these, with commas between them")
    options = parser.parse_args()
    base, table, pages = options.out / "base", options.out / "table", read_pages(options.corpus)
    run_recipe(options.recipe, options.corpus, base, options.until)
    urls = samples(pages, options.junk)
    if options.langs:
        urls = {code: urls[code] for code in options.langs.split(",")}
    derive(base, urls, table)
    kept = run_recipe(options.recipe, options.corpus, options.out / "scored", options.until, table)
    pages = [page for page in pages if page["lang"] in urls]
    scored = [page for page in pages if page["kind"] != "clean" or page["url"] not in urls[page["lang"]]]
    show("withheld", shares(scored, kept))


if __name__ == "__main__":
    main()
