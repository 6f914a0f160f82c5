"""The whole pipeline on the sample archive and on real archives: what is planted is found, and the books balance."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import refinery
from refinery import Docs, Filter, Metric, Rule, Values
from refinery.cli import execute
from refinery.demo import sample
from refinery.inspect.quarantine import quarantined
from refinery.kernels import SPANS, Page, parse_url, undo
from refinery.recipe import parse
from refinery.stages._warc.reading import Reading
from refinery.stages._warc.records import Record
from refinery.stages.extract import Extract
from refinery.stages.warc import Warc
from tests.conftest import REPOSITORY
from tests.stages.warc import archives

RECIPE = (REPOSITORY / "configs" / "tiny.yaml").read_text(encoding="utf-8")


class Deadly(Filter):
    """Ends its process on one page."""

    name: ClassVar = "deadly"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("characters", pa.int64(), "count"),)
    reads: ClassVar = ("html",)

    page: str

    def measure(self, docs: Docs) -> Values:
        if self.page in docs.column("url").to_pylist():
            os._exit(9)
        return {"characters": [len(page) for page in docs.column("html").to_pylist()]}


class Slow(Filter):
    """Says of long pages that they are slow, as an engine's sandbox does of those that it had to stop."""

    name: ClassVar = "slow"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("outcome", pa.string(), "label"),)
    quarantines: ClassVar = ("slow",)
    reads: ClassVar = ("html",)

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("slow", "outcome", not_in=("slow",)),)

    def measure(self, docs: Docs) -> Values:
        return {"outcome": ["slow" if len(page) > 1_000 else "ok" for page in docs.column("html").to_pylist()]}


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small sample crawl."""
    folder = tmp_path_factory.mktemp("crawl")
    sample(str(folder), pages=120, files=2, seed=3)
    return folder


@pytest.fixture(scope="module")
def root(crawl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample crawl refined by the recipe of ``make run``, with one worker."""
    folder = tmp_path_factory.mktemp("refined") / "root"
    refine(crawl, folder, "executor.workers=1")
    return folder


def refine(crawl: Path, root: Path, *overrides: str) -> None:
    """Run the small recipe and require that all of it was made."""
    found = [f"inputs={crawl}/*.warc.gz", f"url.blocklists=[{crawl}/blocked_domains.txt]", *overrides]
    report = refinery.run(parse(RECIPE, "tiny.yaml", found, str(root)))
    assert report.complete
    assert report.failures == ()


def rows(root: Path, stage: str, side: str) -> list[dict[str, Any]]:
    """All rows of one side of a stage."""
    files = sorted(root.glob(f"[0-9][0-9]-{stage}/{side}/*.parquet"))
    assert files
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


def contents(root: Path) -> dict[str, list[str]]:
    """The content ids of every stage."""
    found = {}
    for manifest in sorted(root.glob("*/manifest-*.json")):
        keys = json.loads(manifest.read_text())["parts"]
        receipts = [json.loads((manifest.parent / "receipts" / f"{key}.json").read_text()) for key in keys]
        found[manifest.parent.name] = [str(r["contents"]) for r in receipts]
    return found


def test_every_planted_kind_meets_its_outcome(crawl: Path, root: Path) -> None:
    """Pages that were planted to be removed are removed where they should be, and most articles stay."""
    planted = json.loads((crawl / "manifest.json").read_text())["documents"]
    outcomes: dict[str, Counter[str]] = {}
    ended = {row["url"]: row["why"]["stage"] for file in root.glob("*/removed/*.parquet") for row in removed(file)}
    for page in planted:
        outcomes.setdefault(page["kind"], Counter())[ended.get(page["url"], "export")] += 1
    for kind in ("blocked domain", "strict word", "hard word", "soft words", "curated source"):
        assert set(outcomes[kind]) == {"url"}, (kind, outcomes[kind])
    for kind in ("pdf", "image", "not found", "redirect"):
        assert set(outcomes[kind]) == {"warc"}, (kind, outcomes[kind])
    assert set(outcomes["other language"]) == {"language"}
    assert set(outcomes["innocent word"]).isdisjoint({"url"})
    for page in planted:
        if page["kind"] == "exact copy":
            assert "minhash" in {ended.get(page["url"]), ended.get(page["of"])}
    assert outcomes["article"]["export"] + outcomes["article"]["minhash"] >= 0.7 * outcomes["article"].total()


def removed(file: Path) -> Iterator[dict[str, Any]]:
    """Url and reason of the rows of a removed file."""
    yield from pq.ParquetFile(file).read(columns=["url", "why"]).to_pylist()


def test_books_balance(root: Path) -> None:
    """Statistics, receipts and files tell the same."""
    assert refinery.verify(str(root)).findings == ()


def test_edits_can_be_undone(root: Path) -> None:
    """The text before line-wise corrections and before substring cuts is rebuilt from the text after and the spans."""
    for stage, before, name in (("lines", "quality", "removed"), ("substring", "minhash", "repeats")):
        given = {row["id"]: row["text"] for row in rows(root, before, "kept")}
        kept = rows(root, stage, "kept")
        assert any(row[stage][name] for row in kept)
        texts = pa.array([row["text"] for row in kept], pa.string())
        spans = pa.array([row[stage][name] for row in kept], SPANS)
        assert undo(texts, spans).to_pylist() == [given[row["id"]] for row in kept]


def test_spans_are_counted(root: Path) -> None:
    """The spans found most often are those that counting all of them gives, with the hosts of their documents."""
    for stage, name in (("lines", "removed"), ("substring", "repeats")):
        counted: Counter[Any] = Counter()
        hosts: dict[Any, set[str]] = {}
        for row in (*rows(root, stage, "kept"), *rows(root, stage, "removed")):
            for span in row[stage][name]:
                group = span.get("group", span["text"])
                counted[group] += 1
                hosts.setdefault(group, set()).add(parse_url(row["url"]).host)
        found = refinery.spans(str(root), stage, 10_000)
        assert (found.spans, found.distinct) == (counted.total(), len(counted))
        assert [one.copies for one in found.most] == sorted(counted.values(), reverse=True)
        for one in found.most:
            group = one.group if one.group in counted else one.text
            assert (one.copies, set(one.hosts)) == (counted[group], hosts[group])


def test_workers_and_batches_leave_no_trace(crawl: Path, root: Path, tmp_path: Path) -> None:
    """Two workers with batches of seven give the content ids that one worker gave."""
    refine(crawl, tmp_path / "root", "executor.workers=2", "executor.batch=7")
    assert contents(tmp_path / "root") == contents(root)


def test_survivors_are_unique(root: Path) -> None:
    """Each cluster keeps one document, and every duplicate names a survivor that was kept."""
    kept = rows(root, "minhash", "kept")
    survivors = {row["id"] for row in kept if row["minhash"]["role"] == "survivor"}
    assert len({row["minhash"]["cluster"] for row in kept if row["id"] in survivors}) == len(survivors)
    assert {row["minhash"]["survivor"] for row in rows(root, "minhash", "removed")} <= survivors


@pytest.mark.slow
def test_a_page_that_kills_its_worker_is_quarantined_with_its_record(crawl: Path, tmp_path: Path) -> None:
    """The page is a removed row, its record is a file of its own, and all other pages go on."""
    planted = json.loads((crawl / "manifest.json").read_text())["documents"]
    url = next(page["url"] for page in planted if page["kind"] == "article")
    text = f"""
dataset: deadly
executor: {{workers: 1}}
inputs: {crawl}/*.warc.gz
root: {tmp_path}/root
pipeline:
  - warc: {{}}
  - deadly: {{use: "{__name__}:Deadly", page: "{url}"}}
"""
    refinery.run(parse(text, "deadly.yaml"))
    (gone,) = rows(tmp_path / "root", "deadly", "removed")
    assert (gone["url"], gone["why"]["rule"]) == (url, "quarantined")
    (record,) = (tmp_path / "root" / "quarantine").iterdir()
    assert url.encode() in gzip.decompress(record.read_bytes())
    (case,) = quarantined(f"{tmp_path}/root")
    assert (case.stage, case.document.url, case.rule, case.record) == (
        "deadly",
        url,
        "quarantined",
        f"quarantine/{record.name}",
    )
    again = text.replace(f"{tmp_path}/root", f"{tmp_path}/again").replace(f"{crawl}/*.warc.gz", str(record))
    refinery.run(parse(again, "deadly.yaml"))  # the record alone is the test case
    assert [row["why"]["rule"] for row in rows(tmp_path / "again", "deadly", "removed")] == ["quarantined"]
    assert refinery.verify(str(tmp_path / "root")).findings == ()


def test_a_page_that_an_engine_cannot_end_is_quarantined_with_its_record(tmp_path: Path) -> None:
    """It costs its own record alone."""
    slow = b"<table><tr><td>" * 3_000 + b"x"
    made = [archives.record(1), archives.record(2, slow), archives.record(3)]
    (tmp_path / "a.warc.gz").write_bytes(archives.members(made))
    recipe = f"""
dataset: slow
executor: {{workers: 1}}
inputs: {tmp_path}/a.warc.gz
root: {tmp_path}/root
pipeline:
  - warc: {{}}
  - slow: {{use: "{__name__}:Slow"}}
"""
    refinery.run(parse(recipe, "slow.yaml"))
    (case,) = quarantined(f"{tmp_path}/root")
    assert (case.stage, case.document.url, case.rule) == ("slow", "http://example.org/2", "slow")
    assert slow in gzip.decompress((tmp_path / "root" / case.record).read_bytes())
    assert [row["url"] for row in rows(tmp_path / "root", "slow", "kept")] == [
        "http://example.org/1",
        "http://example.org/3",
    ]
    assert Extract.quarantines == ("timeout", "memory", "crash")
    assert set(Extract.quarantines) <= {rule.id for rule in Extract().rules()}


@pytest.mark.slow
def test_a_page_that_is_too_much_for_trafilatura_costs_its_own_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its process is killed at the limit of memory; the pages around it have their texts, and the record is a case."""
    article = b"<html><body><article>" + b"<p>A committee met on Tuesday to discuss the old bridge again.</p>" * 9
    giant = b"<p>x" * 1_200_000
    made = [archives.record(1, article), archives.record(2, giant), archives.record(3, article)]
    (tmp_path / "a.warc.gz").write_bytes(archives.members(made))
    recipe = f"""
dataset: giant
inputs: {tmp_path}/a.warc.gz
root: {tmp_path}/root
pipeline:
  - warc: {{}}
  - extract: {{engine: trafilatura, memory: 256MiB}}
executor: {{workers: 1}}
"""
    (tmp_path / "giant.yaml").write_text(recipe)
    assert refinery.run(parse(recipe, "giant.yaml")).complete
    kept = rows(tmp_path / "root", "extract", "kept")
    assert [row["url"] for row in kept] == ["http://example.org/1", "http://example.org/3"]
    assert all("old bridge" in row["text"] for row in kept)
    (gone,) = rows(tmp_path / "root", "extract", "removed")
    assert (gone["url"], gone["why"]["rule"]) == ("http://example.org/2", "memory")
    (record,) = (tmp_path / "root" / "quarantine").iterdir()
    assert gzip.decompress(record.read_bytes()) == made[1]
    assert execute(["logs", "--root", str(tmp_path / "root"), "--quarantine"]) == 0
    said = capsys.readouterr().out
    assert "http://example.org/2" in said
    assert "extract: memory" in said
    assert f"quarantine/{record.name}" in said
    assert refinery.verify(str(tmp_path / "root")).ok


class Fragile(Warc):
    """Reads archives, dies of some records, and raises on others."""

    name: ClassVar = "fragile"

    def reading(self) -> Reading:
        ordinary = super().reading()

        def page(record: Record) -> Page:
            if b"deadly" in record.body:
                os._exit(7)
            if b"strange" in record.body:
                raise ValueError("no such\nthing")
            return ordinary.page(record)

        return dataclasses.replace(ordinary, page=page, runs=False)


def test_a_record_that_kills_the_worker_that_reads_it_is_quarantined(tmp_path: Path) -> None:
    """It is found record by record, and costs itself alone; nothing reads it again. So is one on which a source raises."""
    bodies = [b"<p>one", b"<p>deadly two", b"<p>three", b"<p>four", b"<p>strange five"]
    made = [archives.record(number, body) for number, body in enumerate(bodies)]
    (tmp_path / "a.warc.gz").write_bytes(archives.members(made))
    (tmp_path / "b.warc.gz").write_bytes(archives.members([archives.record(9, b"<p>nine")]))
    recipe = f"""
dataset: fragile
executor: {{workers: 1}}
inputs: {tmp_path}/*.warc.gz
root: {tmp_path}/root
pipeline:
  - fragile: {{use: "{__name__}:Fragile"}}
"""
    assert refinery.run(parse(recipe, "fragile.yaml")).complete
    root = tmp_path / "root"
    gone = rows(root, "fragile", "removed")
    assert [(row["url"], row["why"]["rule"], row["why"]["note"]) for row in gone] == [
        ("http://example.org/1", "quarantined", "worker ended with exit code 7"),
        ("http://example.org/4", "quarantined", "worker ended by Unreadable: ValueError: no such thing"),
    ]
    kept = [row["url"] for row in rows(root, "fragile", "kept")]
    assert kept == [f"http://example.org/{number}" for number in (0, 2, 3, 9)]
    cases = quarantined(str(root))
    assert [gzip.decompress((root / case.record).read_bytes()) for case in cases] == [made[1], made[4]]
    assert refinery.verify(str(root)).ok
    [reported] = refinery.verify(str(root), 1.0).findings
    assert "is not read again" in reported.message
    [account] = refinery.why(str(root), "http://example.org/1").documents
    assert account.stations[0].stored is not None and account.stations[0].stored.rule == "quarantined"
    assert "is not read again" in account.problem


ARCHIVES = """
dataset: archives
inputs: INPUTS
root: ROOT
pipeline:
  - warc: {}
"""


@pytest.mark.parametrize("folder", ["odd", "pages"])
def test_real_archives_are_accounted_for(corpus: Path, folder: str, tmp_path: Path) -> None:
    """Every record of every real archive has a outcome, and what is on disk is what the receipts say."""
    inputs = f"{corpus / folder}/*arc*"
    report = refinery.run(parse(ARCHIVES.replace("INPUTS", inputs).replace("ROOT", str(tmp_path / "root")), "archives"))
    assert report.failures == ()
    verified = refinery.verify(str(tmp_path / "root"))
    assert verified.findings == ()
