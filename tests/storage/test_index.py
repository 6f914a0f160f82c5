"""Records that a query of an index chooses: those alone, each once, as a run over whole files has them."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from refinery.errors import RefineryError, StorageError, UsageError
from refinery.inspect.accounts import why
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.planner import index as planner_index
from refinery.planner.estimator import plan
from refinery.planner.inputs import Inputs
from refinery.planner.preflight import preflight
from refinery.recipe import Pipeline, parse
from refinery.recipe.columns import flows
from refinery.recipe.index_query import IndexQuery
from refinery.recipe.problems import located
from refinery.root.input_lists import list_content, read_list
from refinery.stage.documents import FILE_HEAD
from refinery.stages.warc import Warc
from refinery.store import LocalStore, S3Store, retry, s3_requests, spans, taken
from refinery.store.spans import merged
from refinery.task.document_pass import SourceReader
from refinery.task.hazards import Hazards
from refinery.task.reading import input_files, read_input
from refinery.task.tasks import ALL_ROWS, StepRows, StepRun
from tests.engine.roots import RootContents, all_kinds, quick
from tests.engine.test_crash import kill, running
from tests.stages.warc.archives import members, record
from tests.storage.conftest import fresh
from tests.storage.test_web import Handler, Site
from tools.faults import Faults
from tools.s3server import S3Server

CRAWL = "CC-MAIN-2024-10"
GERMAN = "content_languages like '%deu%' and fetch_status = 200"
LANGUAGES = ("eng", "deu", "fra,deu", None)
NAMES = ("crawl-data/a/one.warc.gz", "crawl-data/a/two.warc.gz", "crawl-data/b/three.warc.gz")

RECIPE = f"""
dataset: chosen
root: {{root}}
{{more}}inputs:
  crawl: {CRAWL}
  where: {{where}}
  index: {{index}}
  archives: {{archives}}
pipeline:
- warc:
"""


def body(chance: np.random.Generator) -> bytes:
    """A page of any size, which cannot be compressed to much less than half."""
    text = chance.integers(97, 123, int(chance.integers(10, 9_000)), np.uint8).tobytes()
    return b"<html><p>" + text + b"</p></html>"


def archive(seed: int, records: int = 60) -> tuple[bytes, list[tuple[int, int]]]:
    """An archive with requests between the responses, and the ranges of the responses."""
    chance = np.random.default_rng(seed)
    made = []
    for number in range(records):
        made += [record(1000 * seed + number, b"GET", kind="request"), record(1000 * seed + number, body(chance))]
    packed = [members([one]) for one in made]
    ends = np.cumsum([len(one) for one in packed]).tolist()
    return b"".join(packed), [(end - len(one), len(one)) for end, one in zip(ends, packed, strict=True)][1::2]


def index_rows(name: str, ranges: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Rows of an index for the responses of an archive."""
    return [
        {
            "url": f"http://example.org/{number}",
            "url_host_registered_domain": "example.org",
            "content_languages": LANGUAGES[(number * number // 7) % 4],
            "fetch_status": 200 if number % 9 else 404,
            "content_digest": f"{number:032}",
            "content_mime_detected": "text/html",
            "warc_filename": name,
            "warc_record_offset": offset,
            "warc_record_length": length,
            "warc_segment": "1",
        }
        for number, (offset, length) in enumerate(ranges)
    ]


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with archives, and an index of them that a crawl of another name shares."""
    folder = tmp_path_factory.mktemp("crawl")
    rows = []
    for seed, name in enumerate(NAMES, 1):
        data, ranges = archive(seed)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        rows += index_rows(name, ranges)
    rows.append(rows[5])  # an index may list a record twice
    for place, some in ((f"crawl={CRAWL}/subset=warc", rows), ("crawl=CC-MAIN-2023-50/subset=warc", rows[:3])):
        target = folder / "index" / place
        target.mkdir(parents=True)
        half = len(some) // 2
        for number, piece in enumerate((some[half:], some[:half])):
            pq.write_table(
                pa.Table.from_pylist(piece, schema=pa.Table.from_pylist(rows).schema), target / f"{number}.parquet"
            )
    return folder


def pipeline(root: Path | str, index: str, archives: str, where: str = GERMAN, more: str = "") -> Pipeline:
    """A recipe over the records of an index."""
    values = {"root": root, "more": more, "where": json.dumps(where), "index": index, "archives": archives}
    return parse(RECIPE.format(**values), "r.yaml")


def local(crawl: Path, root: Path, **changes: str) -> Pipeline:
    return pipeline(root, str(crawl / "index"), str(crawl), **changes)


def wanted(crawl: Path) -> dict[tuple[str, int, int], Any]:
    """The rows of a reading of whole files, without their folder, for the records that match ``GERMAN``."""
    rows = pq.read_table(crawl / "index" / f"crawl={CRAWL}", partitioning=None).to_pylist()
    chosen = {
        (r["warc_filename"].rpartition("/")[2], r["warc_record_offset"], r["warc_record_length"])
        for r in rows
        if "deu" in (r["content_languages"] or "") and r["fetch_status"] == 200
    }
    found: dict[tuple[str, int, int], Any] = {}
    for name in NAMES:
        for batch in Warc().read(str(crawl / name), LocalStore()):
            found |= by_pointer(pa.table({**batch.columns, **batch.metrics}))
    return {key: row for key, row in found.items() if key in chosen}


def by_pointer(table: pa.Table) -> dict[tuple[str, int, int], Any]:
    rows = [{**row, "warc": row["warc"].rpartition("/")[2]} for row in table.to_pylist()]
    keys = Counter((row["warc"], row["offset"], row["length"]) for row in rows)
    assert set(keys.values()) <= {1}
    return {(row["warc"], row["offset"], row["length"]): row for row in rows}


def read(lists: Sequence[str]) -> dict[tuple[str, int, int], Any]:
    """All rows of some input lists."""
    batches = [batch for path in lists for file in input_files(path) for batch in read_input(Warc(), file)]
    return by_pointer(pa.concat_tables([pa.table({**b.columns, **b.metrics}) for b in batches]))


def test_a_reading_by_pointers_equals_that_of_whole_files(crawl: Path, tmp_path: Path) -> None:
    """Each wanted record once, with the id, pointer, page and outcome of a reading of the whole archives."""
    inputs = Inputs(local(crawl, tmp_path / "root"))
    expected = wanted(crawl)
    assert len(expected) > 20
    assert read(inputs.paths()) == expected
    assert not (tmp_path / "root").exists()


def test_a_run_by_pointers(crawl: Path, tmp_path: Path) -> None:
    """Its ids are those of whole files; a second run does nothing; ``verify``, ``why`` and ``gc`` know its inputs."""
    recipe = local(crawl, tmp_path / "root", more="audit: 1\n")
    report = quick(recipe)
    assert report.complete
    contents = RootContents(tmp_path / "root")
    expected = wanted(crawl)
    rows = contents.rows("00-warc")
    assert {(r["id"], r["offset"], r["length"]) for r in rows} == {
        (r["id"], r["offset"], r["length"]) for r in expected.values()
    }
    assert len(rows) == len(expected)
    assert quick(recipe).tasks == 0
    checked = verify(str(tmp_path / "root"), 1.0)
    assert (checked.ok, checked.recomputed) == (True, 2)
    assert len(why(str(tmp_path / "root"), rows[0]["id"].hex(), recipe).documents) == 1
    assert not collect_garbage(str(tmp_path / "root")).files
    quick(local(crawl, tmp_path / "root", where="fetch_status = 200", more="audit: 1\n"))
    kinds = {file.kind for file in collect_garbage(str(tmp_path / "root"), delete=True).files}
    assert {"query", "input list"} <= kinds
    assert quick(local(crawl, tmp_path / "root", where="fetch_status = 200", more="audit: 1\n")).tasks == 0


def test_lists_depend_on_the_records_alone(crawl: Path, tmp_path: Path) -> None:
    """A query in other words has the same lists; a part has the archives of one folder."""
    first = Inputs(local(crawl, tmp_path / "one")).paths()
    other = Inputs(local(crawl, tmp_path / "two", where=f"{GERMAN} -- as before")).paths()
    assert [list_content(path) for path in first] == [list_content(path) for path in other]
    names = [[one.path.removeprefix(f"{crawl}/") for one in read_list(path)] for path in first]
    assert names == [list(NAMES[:2]), [NAMES[2]]]


def test_large_archives_are_parts_of_their_own(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives are put together only until they have the bytes of a part."""
    monkeypatch.setattr(planner_index, "PART_BYTES", 1000)
    assert len(Inputs(local(crawl, tmp_path / "root")).paths()) == len(NAMES)


class ResettingHandler(Handler):
    """Resets every tenth connection within the answer, and counts what it sends."""

    def answer(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        site: Any = self.server
        if status == 206:
            site.ranged += 1
            site.sent += len(data)
            if site.ranged % 10 == 5:
                super().answer(status, data[: len(data) // 2], (headers or {}) | {"Content-Length": str(len(data))})
                site.sent -= len(data) - len(data) // 2
                self.close_connection = True
                return
        super().answer(status, data, headers)


@pytest.fixture
def site(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A web server with the archives."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    running: Any = Site(("127.0.0.1", 0), ResettingHandler)
    running.moods, running.ranges, running.heads, running.ranged, running.sent = [], True, [], 0, 0
    running.files = {f"/{name}": (crawl / name).read_bytes() for name in NAMES}
    threading.Thread(target=running.serve_forever, daemon=True).start()
    fresh()
    yield running
    running.shutdown()
    running.server_close()
    fresh()


def test_a_web_server_that_resets_connections(
    crawl: Path, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly the wanted records, each once, with at most 1.1 times their bytes, and the requests of the plan."""
    monkeypatch.setattr(spans, "LONGEST", FILE_HEAD)
    inputs = Inputs(pipeline(tmp_path / "root", str(crawl / "index"), site.address))
    paths, lists = inputs.paths(), inputs.lists
    fresh()
    site.moods = [503, 429]
    assert read(paths) == wanted(crawl)
    retried = taken()["retried"]
    assert retried >= site.ranged // 10
    assert site.ranged + 2 - retried == sum(one.requests for one in lists)
    assert site.sent <= 1.1 * sum(one.bytes for one in lists) + FILE_HEAD * len(NAMES)


@pytest.mark.slow
def test_an_object_store_that_resets_connections(
    crawl: Path, bucket: str, server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Index, archives and root at ``s3://``, while a tenth of the requests fails: the same documents."""
    monkeypatch.setattr(s3_requests, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(retry, "LONGEST_WAIT", 0.1)
    store = S3Store()
    for path in sorted(crawl.rglob("*.*")):
        if path.is_file():
            store.put(f"{bucket}/{path.relative_to(crawl)}", path.read_bytes())
    faults = Faults(server.endpoint, 0.1, stall=0.5)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", faults.endpoint)
    fresh()
    inputs = Inputs(pipeline(f"{bucket}/root", f"{bucket}/index", bucket))
    inputs.keep()
    assert all(path.startswith(f"{bucket}/root/inputs/") for path in inputs.paths())
    assert read(inputs.paths()) == wanted(crawl)
    assert faults.total
    faults.close()


SCRIPT = """
import sys

from refinery.recipe import load
from refinery.runner.run import run

if __name__ == "__main__":
    run(load(f"{sys.argv[1]}/{sys.argv[2]}.yaml"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("until", ["inputs/list-*", "00-warc/receipts"])
def test_a_killed_run(crawl: Path, tmp_path: Path, until: str) -> None:
    """Killed while it writes lists or reads archives, a run ends the next time as an undisturbed one does."""
    (tmp_path / "script.py").write_text(SCRIPT)
    text = RECIPE.format(
        root=tmp_path / "root", more="", where=json.dumps(GERMAN), index=crawl / "index", archives=crawl
    )
    (tmp_path / "root.yaml").write_text(text)
    with running(tmp_path, "root", 1, until) as process:
        kill(process, "group")
    recipe = parse(text, "r.yaml")
    assert quick(recipe).complete
    quick(local(crawl, tmp_path / "other"))
    assert RootContents(tmp_path / "root").contents() == RootContents(tmp_path / "other").contents()
    assert not [file for file in collect_garbage(str(tmp_path / "root")).files if file.kind in {"query", "input list"}]


def test_the_plan_has_records_bytes_and_requests(crawl: Path, tmp_path: Path) -> None:
    """Those of all lists; the input is what will be fetched."""
    estimate = plan(local(crawl, tmp_path / "root"))
    expected = wanted(crawl)
    assert estimate.records is not None
    assert (estimate.records.records, estimate.records.archives) == (len(expected), len(NAMES))
    assert estimate.records.bytes == sum(length for _, _, length in expected)
    assert estimate.input_bytes == estimate.records.fetched
    assert estimate.records.requests >= len(NAMES)


@pytest.mark.parametrize(
    ("changes", "message", "place"),
    [
        ({"where": "fetch_state = 200"}, "fetch_state", "where"),
        ({"where": "fetch_status = = 200"}, "syntax error", "where"),
        ({"where": "url in (select content from read_text('/etc/hostname'))"}, "disabled", "where"),
        ({"where": "fetch_status = 999"}, "no record", "where"),
        ({"index": "/nowhere/index"}, "no Parquet file", "index"),
        ({"archives": "/nowhere"}, "No such file", "archives"),
    ],
)
def test_problems_have_a_place(crawl: Path, tmp_path: Path, changes: dict[str, str], message: str, place: str) -> None:
    """DuckDB's message, or that no record matches, at the key of the recipe."""
    values = {"index": str(crawl / "index"), "archives": str(crawl)} | changes
    (obstacle,) = preflight(pipeline(tmp_path / "root", **values)).obstacles
    assert message in obstacle.error.message
    assert obstacle.span is not None
    line = obstacle.span.text.content[: obstacle.span.start].rpartition("\n")[2]
    assert line.strip() == f"{place}:"
    assert located([(obstacle.error, obstacle.span)]).exit_code == 2


def test_an_index_needs_duckdb(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, the error names the extra."""
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(UsageError, match="DuckDB") as caught:
        Inputs(local(crawl, tmp_path / "root")).paths()
    assert "crawl-refinery[index]" in caught.value.hint


def test_a_source_must_read_chosen_records(crawl: Path, tmp_path: Path) -> None:
    """One that cannot is refused before a run."""
    recipe = local(crawl, tmp_path / "root").model_copy(update={"steps": all_kinds()})
    ((key, error),) = Inputs(recipe).problems()
    assert (key, "cannot read chosen records" in error.message) == ("inputs", True)


def test_an_index_of_other_archives(crawl: Path, tmp_path: Path) -> None:
    """An index without a column is refused; an archive that is shorter than its index is an error, not a part."""
    folder = tmp_path / "index"
    folder.mkdir()
    pq.write_table(pa.table({"crawl": [CRAWL], "warc_filename": ["x"]}), folder / "0.parquet")
    with pytest.raises(UsageError, match="no column warc_record_offset, warc_record_length"):
        Inputs(pipeline(tmp_path / "root", str(folder), str(crawl))).paths()
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((crawl / name).read_bytes()[:70_000])
    (path, *_) = Inputs(pipeline(tmp_path / "root", str(crawl / "index"), str(tmp_path))).paths()
    with pytest.raises(StorageError):
        read([path])


def test_a_deadly_record_is_left_out_by_its_number(crawl: Path, tmp_path: Path) -> None:
    """Rows are counted through all archives of a list."""
    recipe = local(crawl, tmp_path / "root")
    (path, *_) = Inputs(recipe).paths()
    rows = list(read([path]))
    first = sum(1 for name, _, _ in rows if name == "one.warc.gz")
    hazards = Hazards((StepRows("warc", 0, ALL_ROWS),), {first: "a note"})
    (flow,) = flows(recipe.steps)
    batches = SourceReader(StepRun(recipe.steps[0], flow), 1000, hazards=hazards).batches([path])
    outcomes = [
        outcome for _, measured in batches if measured for outcome in measured.metrics.field("outcome").to_pylist()
    ]
    assert [number for number, outcome in enumerate(outcomes) if outcome == "damaged"] == [first]
    assert len(outcomes) == len(rows)


def test_a_recipe_with_a_wrong_key(crawl: Path, tmp_path: Path) -> None:
    """The error names the key as it is written, and the nearest one."""
    with pytest.raises(RefineryError, match=r"unknown field 'inputs.wher'(.|\n)*did you mean 'where'"):
        parse(f"dataset: x\nroot: {tmp_path}\ninputs: {{crawl: {CRAWL}, wher: a}}\npipeline:\n- warc:\n", "r.yaml")


@pytest.mark.parametrize(
    ("index", "archives", "path"),
    [
        ("s3://crawls/index/table", "", "s3://crawls/a/b.warc.gz"),
        ("https://data.example.org/index/x.parquet", "", "https://data.example.org/a/b.warc.gz"),
        ("/data/index", "https://data.example.org/", "https://data.example.org/a/b.warc.gz"),
        ("/data/index", "", "/data/index/a/b.warc.gz"),
    ],
)
def test_where_archives_are(index: str, archives: str, path: str) -> None:
    """Below the bucket or host of the index, unless the recipe has another base."""
    assert IndexQuery(crawl=CRAWL, index=index, archives=archives).archive("a/b.warc.gz") == path


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 400)), min_size=1, max_size=9), st.integers(1, 200))
def test_spans_need_the_fewest_requests(made: list[tuple[int, int]], head: int) -> None:
    """All wanted bytes, at most a tenth more, and no choice of gaps has fewer spans."""
    lengths = np.array([length for _, length in made], np.int64)
    offsets = np.cumsum([gap for gap, _ in made]) + np.concatenate([[0], np.cumsum(lengths)[:-1]])
    found = merged(offsets.astype(np.int64), lengths, head)
    needed = {*range(head), *(b for o, n in zip(offsets, lengths, strict=True) for b in range(o, o + n))}
    fetched = [byte for start, stop in found for byte in range(start, stop)]
    assert len(set(fetched)) == len(fetched)
    assert needed <= set(fetched)
    waste = spans.WASTE * int(lengths.sum())
    assert len(fetched) - len(needed) <= waste
    gaps = np.maximum(offsets - np.maximum.accumulate([head, *(offsets + lengths)[:-1].tolist()]), 0).tolist()
    best = max(
        choice.bit_count()
        for choice in range(1 << len(gaps))
        if sum(gap for n, gap in enumerate(gaps) if choice >> n & 1) <= waste
    )
    assert len(found) == 1 + len(gaps) - best
