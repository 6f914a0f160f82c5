"""Pages with labels of language and kind: a recipe run over them, thresholds derived from some, and its scores.

A corpus is a folder with WARC files of clean pages and junk, and ``docs.jsonl.gz`` with ``url``, ``lang`` and ``kind``:
``clean``, or a kind of junk.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import refinery
from refinery import Pipeline, RefineryError, Selection, load, run
from refinery.inspect.calibration import calibrate
from refinery.stage.by_language import FIELD, ByLanguage

Page = Mapping[str, Any]
Shares = Mapping[str, Mapping[str, float]]


def read_pages(corpus: Path) -> list[Page]:
    """Return the pages of the corpus, without their texts."""
    with gzip.open(corpus / "docs.jsonl.gz", "rt", encoding="utf-8") as stream:
        return [{key: value for key, value in json.loads(line).items() if key != "text"} for line in stream]


def run_recipe(recipe: str, corpus: Path, root: Path, until: str, table: Path | None = None) -> frozenset[str]:
    """Run a recipe over the corpus, with the thresholds of a table, and return the URLs that a stage kept."""
    settings = [f"inputs={corpus.resolve()}/*.warc.gz", "write=every"]
    pipeline = load(recipe, overrides=settings, root=str(root))
    if table is not None:
        pipeline = load(recipe, overrides=[*settings, *_with_table(pipeline, table)], root=str(root))
    run(pipeline, Selection(until=until))
    kept = refinery.open(str(root)).stage(until).dataset().to_table(columns=["url"])
    return frozenset(kept["url"].to_pylist())


def _with_table(pipeline: Pipeline, folder: Path) -> Iterator[str]:
    """Yield the overrides by which all stages take thresholds and common words from a folder."""
    for step in pipeline.steps:
        if isinstance(step.stage, ByLanguage):
            yield f"{step.name}.{FIELD}={folder.resolve()}"
        if step.stage.words_field:
            yield f"{step.name}.{step.stage.words_field}={folder.resolve()}"


def derive(root: Path, urls: Mapping[str, Collection[str]], table: Path) -> None:
    """Write the thresholds and words of each language, derived from these pages of a root."""
    table.mkdir(parents=True, exist_ok=True)
    for code in sorted(urls):
        try:
            text = calibrate(str(root), code, urls=frozenset(urls[code])).to_toml()
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
