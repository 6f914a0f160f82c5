"""The shadow audit of the real stages: each of them, run alone behind the extraction, removes what the audit says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import refinery
from refinery.demo import sample
from refinery.recipe import parse

HEAD = "dataset: demo\nroot: r\nexecutor: {workers: 1}\nwrite: every\n"
STAGES = {
    "url": "{blocklists: [%s/blocked_domains.txt]}",
    "extract": "{}",
    "language": "{keep: [en], min_score: 0.65}",
    "repetition": "{}",
    "quality": "{min_words: 50}",
    "lines": "{max_removed: 0.05}",
}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small sample crawl."""
    folder = tmp_path_factory.mktemp("crawl")
    sample(str(folder), pages=160, files=2, seed=7)
    return folder


def refine(crawl: Path, root: Path, names: list[str], audit: int = 0) -> Path:
    """Run some of the stages behind the source."""
    steps = "".join(f"  - {name}: {STAGES[name].replace('%s', str(crawl))}\n" for name in names)
    text = f"{HEAD}inputs: {crawl}/*.warc.gz\naudit: {audit}\npipeline:\n  - warc: {{}}\n{steps}"
    assert refinery.run(parse(text, "recipe.yaml", [], str(root))).complete
    return root


def rows(root: Path, folder: str, side: str) -> list[dict[str, Any]]:
    """The rows of all files of a side, which are those of one run."""
    return [row for path in sorted(root.glob(f"{folder}/{side}/*")) for row in pq.ParquetFile(path).read().to_pylist()]


@pytest.mark.slow
def test_each_stage_alone_removes_what_the_audit_says(crawl: Path, tmp_path: Path) -> None:
    """Every document and every rule; the lines are cut last, so no stage reads what another one cut."""
    whole = refine(crawl, tmp_path / "whole", list(STAGES), audit=1)
    found = {row["id"]: row["failed"] for row in rows(whole, "00-warc", "audit")}
    assert len(found) == len(rows(whole, "00-warc", "kept"))
    overlapping = 0
    for name in STAGES:
        before = [] if name in ("url", "extract") else ["extract"]
        root = refine(crawl, tmp_path / name, [*before, name])
        gone = {row["id"]: row["failed"] for row in rows(root, f"{len(before) + 1:02d}-{name}", "removed")}
        reported = {
            key: [r.partition(".")[2] for r in rules if r.startswith(f"{name}.")] for key, rules in found.items()
        }
        if before:  # what has no text does not come to it here, and does in the audit
            reported = {key: rules for key, rules in reported.items() if "extract.empty" not in found[key]}
        assert gone == {key: rules for key, rules in reported.items() if rules}, name
        overlapping += sum(len({rule.partition(".")[0] for rule in found[key]}) > 1 for key in gone)
    assert overlapping > 10
    counts = json.loads(next(whole.glob("00-warc/manifest-*.json")).read_text())["audited"]["stages"]["any"]
    assert {name for name, _, _ in counts} == set(STAGES)
