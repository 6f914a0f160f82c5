"""Books and verification: they add up, they are sums, and whatever is damaged is found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import Refused, UsageError
from refinery.identity import Content
from refinery.inspect.contents import id_differences
from refinery.inspect.counts import RootCounts, read_counts
from refinery.inspect.file_counts import FileCounts, file_mismatches
from refinery.inspect.part_counts import mismatches
from refinery.inspect.recompute import chosen
from refinery.inspect.verification import Verification, verify
from refinery.planner.selection import Selection
from refinery.recipe import RecipeError, parse
from refinery.root.receipts import SIDES, Receipt
from refinery.root.statistics import LENGTHS, UNITS, Statistics, draw, merged
from refinery.stage.base import Edited
from refinery.statistics.audit import ENTRIES
from refinery.statistics.collect import GROUPS
from tests.engine import toy
from tests.engine.inline import Death
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import quick
from tests.engine.toy import Length, Upper

SHUFFLED = ["map/keys", "map/index", "reduce", "resolve"]


def first(root: Path, pattern: str) -> Path:
    """The first file with rows, where it is a Parquet, that matches."""
    for path in sorted(root.glob(pattern)):
        if path.suffix != ".parquet" or pq.read_metadata(path).num_rows:
            return path
    raise AssertionError(pattern)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change the JSON in a file, compressed or not."""
    packed = path.suffix == ".gz"
    value = json.loads(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    change(value)
    data = json.dumps(value).encode()
    path.write_bytes(gzip.compress(data) if packed else data)


def messages(found: Verification | RootCounts) -> str:
    """All findings, for searching."""
    return "\n".join(str(f) for f in (found.findings if isinstance(found, Verification) else found.problems))


# -------------------------------------------------------------------------------------------------------------- books


def test_every_line_of_every_file_is_counted_and_stages_follow_on_each_other(root: Path) -> None:
    """In of the first stage is every record; in of every other one is what the stage before it kept."""
    books = read_counts(str(root))
    assert books.reconciled, messages(books)
    assert [s.name for s in books.stages] == ["lines-of-text", "words", "snip", "same", "upper", "gather"]
    assert books.stages[0].counts.documents["in"] == sum(map(len, LINES))
    for before, after in zip(books.stages, books.stages[1:], strict=False):
        assert after.counts.documents["in"] == before.counts.documents["kept"]
    for stage in books.stages:
        assert sum(stage.counts.reasons.values()) == stage.counts.documents["removed"]
        assert stage.done == stage.expected


def test_reasons_are_those_of_the_lines(root: Path) -> None:
    """Comments and empty lines in the source; short, digits and errors in the filter; the rest further on."""
    lines = [line for file in LINES for line in file]
    reasons = {stage.name: stage.counts.reasons for stage in read_counts(str(root)).stages}
    comments = sum(line.startswith("#") for line in lines)
    assert reasons["lines-of-text"] == {"comment": comments, "empty": lines.count("")}
    assert reasons["words"] == {"error": 1, "short": 2, "digits": 1}
    assert reasons["snip"] == {"snipped": 1}
    assert reasons["same"] == {"duplicate": 2}


def test_the_books_of_all_parts_add_up_to_the_whole(root: Path) -> None:
    """Each part alone, added, is what the manifests say; stages that gather parts anew have other parts."""
    whole = {stage.name: stage.counts for stage in read_counts(str(root)).stages}
    parts = [read_counts(str(root), parts=[number]) for number in range(len(LINES))]
    assert all(part.reconciled for part in parts)
    for name, counts in whole.items():
        pieces = [stage.counts for part in parts for stage in part.stages if stage.name == name]
        assert name == "gather" or merged(pieces) == counts


def test_stages_are_selected_by_name(root: Path) -> None:
    """From, until, and a misspelt one."""
    names = [s.name for s in read_counts(str(root), first="snip", until="upper").stages]
    assert names == ["snip", "same", "upper"]
    with pytest.raises(UsageError, match="no stage 'wordz'") as error:
        read_counts(str(root), first="wordz")
    assert error.value.hint == "did you mean 'words'?"
    with pytest.raises(UsageError, match="comes after"):
        read_counts(str(root), first="upper", until="words")
    with pytest.raises(UsageError, match="none of the selected parts") as error:
        read_counts(str(root), parts=[99])
    assert error.value.hint == "parts are 0 to 4"


def test_a_folder_that_is_no_root_is_a_usage_error(tmp_path: Path) -> None:
    """Nothing there, or no head in it; nothing is made."""
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(UsageError, match="is no root of refinery"):
            read_counts(str(path))
    assert not list(tmp_path.iterdir())


def test_a_root_of_another_format_is_refused(copy: Path) -> None:
    """Its records may mean something else."""
    edit(copy / "HEAD.json", lambda head: head.update(format=99))
    with pytest.raises(Refused, match="format 99"):
        read_counts(str(copy))


def test_a_stopped_run_has_balanced_books(tmp_path: Path) -> None:
    """What is there adds up, though stages are missing."""
    path = str(make(tmp_path, root="whole").parent / "half")
    quick(recipe(tmp_path, root="half"), Selection(until="snip"))
    books = read_counts(path)
    assert books.reconciled
    assert [s.name for s in books.stages] == ["lines-of-text", "words", "snip"]
    assert verify(path).ok


@pytest.mark.parametrize("settings", [{"write": "last"}, {"keep_removed": "counts"}, {"keep_removed": "text"}])
def test_books_balance_whatever_is_written(tmp_path: Path, settings: dict[str, str]) -> None:
    """Rows that were never written are not missed."""
    path = str(make(tmp_path, **settings))
    assert read_counts(path).reconciled
    found = verify(path, 1.0)
    assert found.ok, messages(found)


Counts = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(1, 9), max_size=3)


def tallies(names: st.SearchStrategy[Any]) -> st.SearchStrategy[list[list[Any]]]:
    """Documents and tokens by name."""
    counts = st.dictionaries(names, st.tuples(st.integers(1, 9), st.integers(0, 99)), max_size=3)
    return counts.map(lambda found: [[name, *found[name]] for name in sorted(found)])


NAMED, BINNED = tallies(st.sampled_from(["a", "b", "c"])), tallies(st.integers(-1, 5))


def in_order(drawn: list[tuple[bytes, int]]) -> list[list[Any]]:
    """A sample as it is stored."""
    return [list(one) for one in draw((identity.hex(), part) for identity, part in drawn)]


SAMPLES = st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.integers(0, 3)), max_size=4).map(in_order)


@st.composite
def stored(take: st.DrawFn) -> dict[str, Any]:
    """Statistics of ``Length`` as they are stored, whether or not they add up."""
    sides = st.fixed_dictionaries({s: st.integers(0, 9) for s in ("in", "kept", "removed", "cut")})
    documents = st.fixed_dictionaries({s: st.integers(0, 9) for s in ("in", "kept", "removed", "edited")})
    scales = {metric.name: metric.scale for metric in Length.metrics}
    return {
        "documents": take(documents),
        **{unit: take(sides) for unit in UNITS},
        "rules": {entry: take(NAMED) for entry in ENTRIES},
        "overlap": take(Counts),
        "metrics": {n: {"scale": s, **{group: take(BINNED) for group in GROUPS}} for n, s in scales.items()},
        "lengths": {unit: {side: take(BINNED) for side in SIDES} for unit in LENGTHS},
        "samples": take(st.dictionaries(st.sampled_from(["kept", "short"]), SAMPLES, max_size=2)),
    }


def added(parts: list[Any]) -> Any:
    """The sum of JSON values: numbers add up, rows by name, mappings by key; a text stays."""
    first = parts[0]
    if isinstance(first, dict):
        return {key: added([part[key] for part in parts if key in part]) for part in parts for key in part}
    if isinstance(first, list):
        rows: dict[Any, list[int]] = {}
        for name, *counts in (row for part in parts for row in part):
            rows[name] = [a + b for a, b in zip(rows.get(name, [0, 0]), counts, strict=True)]
        return [[name, *rows[name]] for name in sorted(rows)]
    return first if isinstance(first, str) else sum(parts)


@given(st.lists(stored(), min_size=1, max_size=3))
@settings(max_examples=30)
def test_merged_statistics_are_sums(parts: list[dict[str, Any]]) -> None:
    """Every count of merged statistics is the sum of those of the parts; samples are drawn from all of them."""
    total = merged(Statistics.model_validate_json(json.dumps(part)) for part in parts).model_dump(mode="json")
    drawn: dict[str, list[tuple[bytes, int]]] = {}
    for part in parts:
        for name, some in part.pop("samples").items():
            drawn.setdefault(name, []).extend((bytes.fromhex(identity), number) for identity, number in some)
    assert total.pop("samples") == {name: in_order(some) for name, some in drawn.items()}
    assert total == added(parts)


@given(stored())
@settings(max_examples=30)
def test_an_imbalance_is_told_exactly_where_there_is_one(part: dict[str, Any]) -> None:
    """In = kept + removed, reasons = removed, and sizes likewise."""
    documents = part["documents"]
    sums = [documents["in"] == documents["kept"] + documents["removed"]]
    sums.append(sum(count for _, count, _ in part["rules"]["first"]) == documents["removed"])
    for unit in ("tokens", "characters", "bytes"):
        counts = part[unit]
        sums.append(counts["in"] == counts["kept"] + counts["removed"] + counts["cut"])
    assert len(list(mismatches(Statistics.model_validate(part)))) == sums.count(False)


# --------------------------------------------------------------------------------------------------------- verification


def test_a_sound_root_verifies_and_every_part_can_be_made_again(root: Path) -> None:
    """Nothing is found, everything is looked at, and nothing is written."""
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    found = verify(str(root), rerun=1.0)
    assert found.ok, messages(found)
    assert found.files == len(list(root.rglob("*.parquet")))
    assert found.receipts >= len(list(root.rglob("receipts/*.json")))
    gathered = len(list(root.glob("05-gather/receipts/*.json")))
    assert (
        found.recomputed == 2 * len(LINES) - 1 + gathered
    )  # the two parts without a document have one key after the source
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


FILES = ["00-*/kept", "01-words/removed", "02-snip/kept", "05-gather/kept", *(f"03-same/{name}" for name in SHUFFLED)]


@pytest.mark.parametrize("place", FILES)
def test_a_deleted_file_is_found(copy: Path, place: str) -> None:
    """The finding names it, and is the only one."""
    path = first(copy, f"{place}/*.parquet")
    path.unlink()
    found = verify(str(copy))
    assert [(f.file, f.message) for f in found.findings] == [(str(path.relative_to(copy)), "the file is not there")]


@pytest.mark.parametrize("place", FILES)
def test_a_truncated_file_is_found(copy: Path, place: str) -> None:
    """By its size already."""
    path = first(copy, f"{place}/*.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    (finding,) = verify(str(copy)).findings
    assert finding.file == str(path.relative_to(copy))
    assert "bytes, its receipt has" in finding.message
    assert finding.stage == place.partition("/")[0][3:].replace("*", "lines-of-text")


@pytest.mark.parametrize("place", ["02-snip/kept", pytest.param("03-same/map/keys", marks=pytest.mark.slow)])
def test_a_flipped_byte_is_found_or_no_row_is_another(copy: Path, place: str) -> None:
    """Wherever it is; only bytes that hold no row may differ unseen."""
    path = first(copy, f"{place}/*.parquet")
    data, rows = path.read_bytes(), pq.read_table(path)
    unseen = []
    for position in range(4, len(data), len(data) // 24):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        if verify(str(copy)).ok:
            assert pq.read_table(path).equals(rows)
            unseen.append(position)
    assert len(unseen) < 16


@pytest.mark.parametrize("place", FILES)
def test_a_removed_or_changed_row_is_found_though_the_size_is_right(copy: Path, place: str) -> None:
    """A careful hand may correct the size in the receipt; the content id gives it away."""
    path = first(copy, f"{place}/*.parquet")
    rows = pq.read_table(path)
    pq.write_table(rows.slice(1), path)
    name = str(path.relative_to(copy))

    def correct(receipt: Any) -> None:
        for refs in receipt["files"].values():
            for ref in refs:
                if ref["path"] == name:
                    ref.update(bytes=path.stat().st_size, rows=len(rows) - 1)

    for receipt in copy.glob(f"{name.partition('/')[0]}/receipts/*.json"):
        edit(receipt, correct)
    assert "not the rows that were written" in messages(verify(str(copy)))


@pytest.mark.parametrize(
    ("change", "reported"),
    [
        (lambda r: r["rows"].update(kept=r["rows"]["kept"] + 1), "≠ kept"),
        (
            lambda r: r["rows"].update({"in": r["rows"]["in"] + 1, "removed": r["rows"]["removed"] + 1}),
            "the receipt has",
        ),
        (lambda r: r["rows"].update(text=1), "bytes of text"),
        (lambda r: r["contents"].update(kept="0" * 32), "not the rows that were written"),
        (lambda r: r["contents"].update(removed="0" * 32), "not the rows that were written"),
        (lambda r: r.update(inputs=["0" * 32]), "is not of the inputs that it names"),
        (lambda r: r.update(part=7), "elsewhere"),
        (lambda r: r.update(stage="snip"), "is of another stage, 'snip'"),
        (lambda r: r["files"]["kept"][0].update(path="../../outside.parquet"), "no path below the root"),
        (lambda r: r.update(kind="nonsense"), "not a receipt of this version"),
    ],
)
def test_an_edited_receipt_is_found(copy: Path, change: Callable[[Any], None], reported: str) -> None:
    """Whatever in it says something about rows or files."""
    edit(first(copy, "01-words/receipts/*.json"), change)
    assert reported in messages(verify(str(copy)))


def test_lost_and_damaged_records_are_found(copy: Path) -> None:
    """Receipts, statistics, manifests and the head, each named."""
    first(copy, "01-words/receipts/*.json").unlink()
    first(copy, "02-snip/receipts/*.json").write_bytes(b"\xff")
    first(copy, "04-upper/stats/*.json.gz").write_bytes(gzip.compress(b"{}"))
    first(copy, "03-same/stats/*.json.gz").write_bytes(b"{}")
    said = messages(verify(str(copy)))
    for place in (
        "words, 01-words/receipts/",
        "snip, 02-snip/receipts/",
        "upper, part 0, 04-upper/stats/",
        "same, part 0, 03-",
    ):
        assert place in said
    first(copy, "03-same/manifest-*.json").write_text("[]")
    assert "03-same/manifest-" in messages(verify(str(copy)))
    (copy / "HEAD.json").write_text("")
    assert "HEAD.json" in messages(verify(str(copy)))


def test_statistics_that_are_not_of_the_rows_are_found(copy: Path) -> None:
    """A part's against its removed rows, a stage's against its parts'."""
    for path in copy.glob("01-words/stats/*.json.gz"):
        edit(path, lambda s: s["rules"].update(first=[["short", 99, 0]]))
    edit(first(copy, "04-upper/manifest-*.json"), lambda m: m["statistics"]["documents"].update(edited=99))
    said = messages(verify(str(copy)))
    assert "the reasons are not those of the statistics (short)" in said
    assert "upper, 04-upper/manifest-" in said
    assert not read_counts(str(copy)).reconciled


def test_documents_that_change_on_the_way_are_found(copy: Path, root: Path) -> None:
    """A part whose rows are sound but of other documents than the stage before kept."""
    kept = {path.name: path for path in copy.glob("02-snip/kept/*.parquet")}
    names = sorted(name for name, path in kept.items() if pq.read_metadata(path).num_rows)
    table = pq.read_table(kept[names[0]])
    ids = pa.array([bytes(16)] * len(table), pa.binary(16))
    pq.write_table(table.set_column(0, table.schema.field(0), ids), kept[names[0]])
    content = Content(table.schema)
    for batch in pq.read_table(kept[names[0]]).to_batches():
        content.update(batch)

    def forge(receipt: Any) -> None:
        ref = receipt["files"]["kept"][0]
        if ref["path"].endswith(names[0]):
            ref["bytes"] = kept[names[0]].stat().st_size
            receipt["contents"]["kept"] = content.id()

    for path in copy.glob("02-snip/receipts/*.json"):
        edit(path, forge)
    said = messages(verify(str(copy)))
    assert f"{len(table)} documents came out that did not go in" in said
    assert "which snip did not keep" in said
    assert verify(str(root)).ok


def test_a_rerun_finds_code_that_gives_other_rows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that agree with their receipts may still not be what the stages make now."""
    monkeypatch.setattr(Upper, "edit", lambda self, docs: Edited({"text": [t.lower() for t in docs.texts()]}))
    assert verify(str(root)).ok
    found = verify(str(root), rerun=1.0)
    assert {f.stage for f in found.findings} == {"upper"}
    assert "version" not in messages(found)
    assert verify(str(root), rerun=0.01).recomputed == 3  # one part of each segment
    monkeypatch.setattr(Upper, "version", 2)
    again = verify(str(root), rerun=1.0).findings
    assert {f.message.partition("; ")[2] for f in again} == {"upper had another version then"}


def test_a_rerun_that_cannot_be_is_told_in_a_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the recipe is what is wrong with it, too: without the recipe's lines and carets, with what would help."""
    with pytest.raises(RecipeError) as caught:
        parse("dataset: a/b", "HEAD.json")

    def refuse(holdings: object) -> None:
        raise caught.value

    monkeypatch.setattr("refinery.inspect.recompute._Recomputation", refuse)
    found = messages(verify(str(root), rerun=1.0))
    assert "\n" not in found
    assert all(f"{one.message} ({one.fix})" in found for one in caught.value.problems)


def test_a_rerun_says_where_its_input_was_changed(tmp_path: Path) -> None:
    """The archive is known by name, size and time of change."""
    path = make(tmp_path)
    (tmp_path / "in" / "0.txt").write_text("something else\n")
    assert "its input file is gone or was changed since" in messages(verify(str(path), rerun=1.0))


def test_a_rerun_does_not_try_what_killed_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the stored verdict for that document and makes the rest of the part again."""

    def die() -> None:
        raise Death(7)

    monkeypatch.setattr(toy, "die", die)
    monkeypatch.setattr("tests.engine.looked.LINES", (["one two three", "a deadly line", "four words are here"],))
    path = str(make(tmp_path))
    assert read_counts(path).stages[1].counts.reasons == {"quarantined": 1}
    found = verify(path, rerun=1.0)
    assert found.ok, messages(found)


def test_the_share_that_is_made_again_is_fixed_and_grows() -> None:
    """More of the same parts for a greater share, never none."""
    receipts = [_receipt(f"{number * 37 % 256:02x}" * 16) for number in range(100)]
    before: set[str] = set()
    for share in (0.001, 0.1, 0.5, 1.0):
        now = {receipt.key for receipt in chosen(receipts, share)}
        assert before <= now
        assert now
        before = now
    assert len(before) == 100
    assert chosen([], 1.0) == []


def _receipt(key: str) -> Receipt:
    return Receipt(kind="stage", stage="s", part=0, key=key, inputs=(), contents={}, rows={}, files={})


@given(
    st.lists(st.binary(min_size=16, max_size=16), max_size=5), st.lists(st.binary(min_size=16, max_size=16), max_size=5)
)
@settings(max_examples=30)
def test_ids_are_compared_as_often_as_they_are_there(came: list[bytes], more: list[bytes]) -> None:
    """What is added is extra, what is left out is lost, order does not matter."""
    left = pa.array(came, pa.binary(16))
    both = pa.array([*reversed(more), *came], pa.binary(16))
    assert id_differences([left], [both]) == (len(more), 0)
    assert id_differences([both], [left]) == (0, len(more))


def test_a_verdict_that_is_not_the_current_one_is_found(copy: Path) -> None:
    """A global stage's part and map must have been made from what is there."""
    for path in copy.glob("03-same/receipts/*.json"):
        if json.loads(path.read_bytes())["kind"] == "map":
            edit(path, lambda receipt: receipt.update(inputs=["0" * 32]))
    assert "names an input that does not exist any more" in messages(verify(str(copy)))


# --------------------------------------------------------------------------------------------------------- conservation


def test_the_records_of_each_file_are_followed_to_their_outcomes(root: Path) -> None:
    """As counted by hand: from the lines of the file to those that are left."""
    books = verify(str(root)).files_read
    assert [one.read for one in books] == [len(lines) for lines in LINES]
    assert [one.no_documents for one in books] == [sum(line.startswith("#") for line in lines) for lines in LINES]
    assert [Path(one.file).name for one in books] == [f"{number}.txt" for number in range(len(LINES))]
    assert all(one.reconciled for one in books)
    last = read_counts(str(root)).stages[-1].counts.documents
    assert sum(one.kept for one in books) == last["in"]
    for name in ("lines-of-text", "words", "snip", "same"):
        assert sum(one.removed[name] for one in books) == sum(
            stage.counts.documents["removed"] - (stage.position == 0) * sum(one.no_documents for one in books)
            for stage in read_counts(str(root)).stages
            if stage.name == name
        )


def test_a_file_that_is_gone_still_has_its_books(tmp_path: Path) -> None:
    """Only its name is not known any more."""
    path = make(tmp_path)
    (tmp_path / "in" / "0.txt").unlink()
    books = verify(str(path)).files_read
    assert [bool(one.file) for one in books] == [False] + [True] * (len(LINES) - 1)
    assert all(one.reconciled for one in books)


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4), st.integers(1, 5))
def test_books_that_do_not_balance_are_a_finding(counts: list[int], off: int) -> None:
    """In one direction or the other."""
    skipped, removed, more, kept = counts
    read = skipped + removed + more + kept
    books = FileCounts(3, "a.warc", read, skipped, {"warc": removed, "url": more}, kept, "url")
    assert list(file_mismatches(books)) == []
    for wrong in (read + off, read - off):
        (found,) = file_mismatches(replace(books, read=wrong))
        assert (found.stage, found.part, found.file) == ("url", 3, "a.warc")
