"""What is answered about a root of the real stages is what a run makes: other thresholds, other roots, any document."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from publicsuffixlist import PublicSuffixList

import refinery
from refinery.demo import sample
from refinery.inspect.groups import survival
from refinery.recipe import parse
from tests.conftest import REPOSITORY

RECIPE = (REPOSITORY / "configs" / "tiny.yaml").read_text(encoding="utf-8")
ALL = 10**6


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small sample crawl."""
    folder = tmp_path_factory.mktemp("crawl")
    sample(str(folder), pages=160, files=2, seed=5)
    return folder


@pytest.fixture(scope="module")
def refined(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample crawl refined by the recipe of ``make run``, texts of removed documents not stored."""
    folder = tmp_path_factory.mktemp("refined") / "root"
    refine(crawl, folder)
    return folder


def refine(crawl: Path, root: Path, *overrides: str) -> None:
    """Run the small recipe and require that all of it was made."""
    found = [f"inputs={crawl}/*.warc.gz", f"url.blocklists=[{crawl}/blocked_domains.txt]", "executor.workers=1"]
    assert refinery.run(parse(RECIPE, "tiny.yaml", [*found, *overrides], str(root))).complete


def rows(root: Path, stage: str, side: str) -> list[dict[str, Any]]:
    """All current rows of one side of a stage."""
    head = json.loads((root / "HEAD.json").read_text())
    folder = next(name for name in head["folders"] if name.endswith(f"-{stage}"))
    manifest = json.loads((root / head["manifests"][folder]).read_text())
    receipts = [json.loads((root / folder / "receipts" / f"{key}.json").read_text()) for key in manifest["parts"]]
    files = [root / file["path"] for receipt in receipts for file in receipt["files"][side]]
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides",
    [
        ["quality.min_words=90"],
        ["quality.min_words=10", "quality.min_stop_words=0", "quality.max_hash_ratio=1"],
        ["repetition.max_duplicate_5_gram=1", "repetition.max_top_2_gram=0.05", "lines.max_removed=0.2"],
        ["language.keep=[en, de, fr]"],
        ["url.curated=false", "url.soft_limit=0", "quality.min_words=60"],
    ],
    ids=" ".join,
)
def test_other_bounds_give_what_a_run_gives(crawl: Path, refined: Path, tmp_path: Path, overrides: list[str]) -> None:
    """Every row stage behind the threshold, documents and tokens, and each flip; `diff` of the two roots agrees."""
    found = refinery.what_if(str(refined), overrides, ALL)
    other = tmp_path / "root"
    shutil.copytree(refined, other)
    refine(crawl, other, *overrides)
    for stage in found.stages:
        kept = rows(other, stage.stage, "kept")
        assert stage.after.kept == len(kept)
        assert stage.after.given == len(kept) + len(rows(other, stage.stage, "removed"))
        assert stage.after.tokens == (sum(row["tokens"] for row in kept) if "tokens" in kept[0] else None)
    last = found.stages[-1].stage
    assert last == "lines"
    before, after = ({row["id"].hex() for row in rows(root, last, "kept")} for root in (refined, other))
    assert {flip.document.id for flip in found.lost.samples} == before - after
    assert {flip.document.id for flip in found.gained.samples} == after - before
    assert before != after
    outcomes = refinery.diff(str(refined), str(other), ALL)
    moved = {one.document.id for movement in outcomes.outcome_changes for one in movement.samples}
    assert before - after <= moved | {row["id"].hex() for row in rows(other, "minhash", "removed")}


def test_any_document_has_its_stored_verdict(refined: Path) -> None:
    """`why` replays documents drawn by chance, kept and removed, and comes to what is stored at every row stage."""
    urls = sorted({row["url"] for side in ("kept", "removed") for row in rows(refined, "warc", side)} - {None})
    for url in random.Random(8).sample(urls, 25):
        accounts = refinery.why(str(refined), url).documents
        assert accounts
        for account in accounts:
            assert account.problem == ""
            assert account.same


SUFFIXES = PublicSuffixList(only_icann=True)


def _domain(url: str) -> str:
    host = (url.split("/") + [""] * 2)[2].partition(":")[0].lower() if "//" in url else ""
    return SUFFIXES.privatesuffix(host) or host


GROUPS = {"domain": "domain(url)", "language": "coalesce(language.lang, '')", "month": "strftime(date, '%Y-%m')"}


def _counts(root: Path, kind: str, stage: str) -> dict[tuple[str, str], int]:
    """Documents of a stage by group and outcome, over its Parquet; nothing where it does not store the group."""
    found: dict[tuple[str, str], int] = {}
    with duckdb.connect() as database:
        database.create_function("domain", _domain, ["VARCHAR"], "VARCHAR")
        for side, outcome in (("kept", "'kept'"), ("removed", "why.rule")):
            files = list(root.glob(f"[0-9][0-9]-{stage}/{side}/*.parquet"))
            if files and (kind != "language" or "language" in pq.read_schema(files[0]).names):
                query = f"select {GROUPS[kind]}, {outcome}, count(*) from '{files[0].parent}/*.parquet' group by 1, 2"
                found |= {(group or "", reason): count for group, reason, count in database.execute(query).fetchall()}
    return found


def survives_as_stored(root: Path) -> None:
    """``stats --by`` has for every group, stage and reason the count of the rows."""
    for kind in GROUPS:
        reported = survival(str(root), kind)
        assert reported.others is None
        assert reported.stages
        for place, stage in enumerate(reported.stages):
            stored = _counts(root, kind, stage)
            counts = [
                (one.name, {"kept": one.stages[place].kept, **one.stages[place].removed}) for one in reported.groups
            ]
            mine = {(name, reason): count.documents for name, found in counts for reason, count in found.items()}
            assert not stored or stored == {key: count for key, count in mine.items() if count}


def test_survival_is_what_duckdb_counts(refined: Path) -> None:
    """By domain, language and month, of the sample crawl."""
    survives_as_stored(refined)


@pytest.mark.slow
def test_survival_of_real_pages_is_what_duckdb_counts(corpus: Path, tmp_path: Path) -> None:
    """By domain, language and month, of real pages."""
    overrides = [f"inputs={corpus}/pages/dev-0000[01].warc.gz", "url.blocklists=[]", "executor.workers=1"]
    assert refinery.run(parse(RECIPE, "tiny.yaml", overrides, str(tmp_path / "root"))).complete
    survives_as_stored(tmp_path / "root")
