"""Score thresholds that `refinery calibrate` derives for languages that no table has.

usage: python tools/bench/withheld.py CORPUS RECIPE OUT [--until STAGE] [--junk .2] [--langs de,zu]

CORPUS is a folder with WARC files of clean pages and junk, and ``docs.jsonl.gz`` with ``url``, ``lang`` and ``kind``.
Every language is calibrated from half of its clean pages, drawn by a hash of the URL, and junk, a fifth of the
sample. Then the recipe is run with these files alone. OUT gets the table, the roots, and ``corpus``: the list of the
other half and of all junk, by which the second root, ``scored``, is scored.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xxhash

from refinery import Pipeline, RefineryError, Selection, load, run
from refinery.inspect.calibration import calibrate
from refinery.stage.by_language import FIELD, ByLanguage


def read_rows(corpus: Path) -> list[dict[str, Any]]:
    """Return the pages of the corpus, without their texts."""
    with gzip.open(corpus / "docs.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def samples(rows: list[dict[str, Any]], junk: float) -> dict[str, frozenset[str]]:
    """Return the URLs of the sample of each language: half of its clean pages, and a share of junk."""
    pages: defaultdict[tuple[str, bool], list[str]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: xxhash.xxh64_intdigest(row["url"].encode())):
        pages[row["lang"], row["kind"] == "clean"].append(row["url"])
    halves = {code: urls[::2] for (code, clean), urls in pages.items() if clean}
    bad = {code: pages[code, False][: round(len(half) * junk / (1 - junk))] for code, half in halves.items()}
    return {code: frozenset([*half, *bad[code]]) for code, half in halves.items()}


def with_table(pipeline: Pipeline, folder: Path) -> Iterator[str]:
    """Yield the overrides by which all stages take thresholds and common words from a folder."""
    for step in pipeline.steps:
        if isinstance(step.stage, ByLanguage):
            yield f"{step.name}.{FIELD}={folder}"
        if step.stage.words_field:
            yield f"{step.name}.{step.stage.words_field}={folder}"


def main() -> None:
    """Run, calibrate every language, and run again with the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--until", default="lines")
    parser.add_argument("--junk", type=float, default=0.2, help="share of a sample (default %(default)s)")
    parser.add_argument("--langs", default="", help="calibrate only these, with commas between them")
    options = parser.parse_args()
    corpus, out, until = options.corpus.resolve(), options.out.resolve(), Selection(until=options.until)
    base, table = str(out / "base"), out / "table"
    settings = [f"inputs={corpus}/*.warc.gz", "write=every"]
    run(load(options.recipe, overrides=settings, root=base), until)
    rows, urls = read_rows(corpus), samples(read_rows(corpus), options.junk)
    for code in options.langs.split(",") if options.langs else sorted(urls):
        try:
            file = calibrate(base, code, urls=urls[code])
        except RefineryError as error:
            print(f"{code}: {error.message}")
            continue
        table.mkdir(parents=True, exist_ok=True)
        (table / f"{code}.toml").write_text(file.to_toml(), encoding="utf-8")
    pipeline = load(options.recipe, overrides=settings, root=str(out / "scored"))
    run(load(options.recipe, overrides=[*settings, *with_table(pipeline, table)], root=str(out / "scored")), until)
    (out / "corpus").mkdir(exist_ok=True)
    with gzip.open(out / "corpus" / "docs.jsonl.gz", "wt", encoding="utf-8") as stream:
        scored = (row for row in rows if row["kind"] != "clean" or row["url"] not in urls[row["lang"]])
        stream.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in scored)
    print(f"score {out / 'scored'} by {out / 'corpus'}")


if __name__ == "__main__":
    main()
