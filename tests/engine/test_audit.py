"""The shadow audit: every stage is asked of 1 document in N, and says what it says when it is run alone."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

import refinery
from refinery.cli import execute
from refinery.errors import StorageError
from refinery.inspect.counts import read_counts
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.recipe import Pipeline, Step
from refinery.root.statistics import AuditStatistics, id_hashes, merged_audit
from refinery.statistics.audit import AuditCounter
from tests.engine import toy
from tests.engine.inline import Death
from tests.engine.looked import LINES, Snip
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, Same, Upper

FIRST = Length(min_words=3)
AGAIN = Step("again", Length(min_words=4), use="tests.engine.toy:Length")
KINDS = (*steps(LineSource(), FIRST, Snip(least=9), Same()), AGAIN, *steps(Upper()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with inputs."""
    write_inputs(tmp_path / "in", LINES)
    return tmp_path


def recipe(folder: Path, one_in: int = 1, **settings: Any) -> Pipeline:
    """A filter, an edit that takes away from texts, a global stage, a filter of what is left, and one without rules."""
    return pipeline(folder, KINDS, audit=one_in, **settings)


def rows(root: Path) -> list[dict[str, Any]]:
    """What the audit wrote, in order of parts."""
    held = RootContents(root)
    receipts = held.root.receipts("00-lines-of-text", held.manifests["00-lines-of-text"].audit)
    paths = [root / file.path for receipt in receipts for file in receipt.files["audit"]]
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]


def reported(root: Path) -> dict[str, Any]:
    """The merged statistics."""
    audited = RootContents(root).manifests["00-lines-of-text"].audited
    return audited.model_dump(mode="json") if audited else {}


def removed(folder: Path, name: str, *alone: Step) -> dict[bytes, list[str]]:
    """What the last of some stages removes, and all rules that it names, in a run of them behind the source."""
    quick(pipeline(folder, (*steps(LineSource()), *alone), root=name))
    found = RootContents(folder / name).rows(f"{len(alone):02d}-{alone[-1].name}", "removed")
    return {row["id"]: [f"{alone[-1].name}.{rule}" for rule in row["failed"]] for row in found}


def test_each_stage_is_as_if_it_were_run_alone(folder: Path) -> None:
    """All rules that a document violates are those that each stage names when nothing is removed before it."""
    quick(recipe(folder))
    snip = Step("snip", Snip(least=0), use="tests.engine.looked:Snip")
    alone = (
        removed(folder, "a", *steps(FIRST)),
        removed(folder, "b", *steps(Snip(least=9))),
        removed(folder, "c", snip, AGAIN),
    )
    found = rows(folder / "root")
    assert {row["id"] for row in found} == {row["id"] for row in RootContents(folder / "root").rows("00-lines-of-text")}
    poisoned = [row["id"] for row in found if "words.error" in row["failed"]]
    assert len(poisoned) == 1  # it is not shown to the stages behind the one that cannot measure it
    for row in found:
        assert row["failed"] == [
            rule
            for stage in (alone[:1] if row["id"] in poisoned else alone)
            for rule in stage.get(row["id"], [])
        ]  # fmt: skip


def test_the_first_reason_is_the_stored_outcome(folder: Path) -> None:
    """Up to the first stage that looks at all documents, an audited document ends where its row does."""
    quick(recipe(folder))
    held = RootContents(folder / "root")
    outcomes = {row["id"]: None for row in held.rows("02-snip")}
    for stage in ("01-words", "02-snip"):
        outcomes |= {row["id"]: f"{stage[3:]}.{row['why']['rule']}" for row in held.rows(stage, "removed")}
    found = {row["id"]: next((rule for rule in row["failed"] if rule[:5] != "again"), None) for row in rows(held.path)}
    assert found == outcomes


def test_facts_are_stored_with_the_ids_of_chosen_documents(folder: Path) -> None:
    """Which documents is decided by a hash of the id; of a kept one the metrics are those of its rows."""
    quick(recipe(folder, 3))
    held = RootContents(folder / "root")
    every = held.rows("00-lines-of-text")
    hashes = id_hashes(pa.array([row["id"] for row in every], pa.binary(16))).tolist()
    chosen = {row["id"] for row, value in zip(every, hashes, strict=True) if value % 3 == 0}
    found = {row["id"]: row for row in rows(held.path)}
    assert set(found) == chosen
    assert 0 < len(chosen) < len(every)
    for kept in held.rows("02-snip"):
        if kept["id"] in found:
            assert (found[kept["id"]]["words"], found[kept["id"]]["snip"]) == (kept["words"], kept["snip"])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"workers": 2}, marks=pytest.mark.slow),
        {"batch": 1},
        {"batch": 2},
        {"write": "last"},
        {"keep_removed": "counts"},
    ],
    ids=str,
)
def test_nothing_depends_on_how_it_is_run(folder: Path, other: dict[str, Any]) -> None:
    """Not on workers and batches, nor on whether the rows of the source are stored."""
    quick(recipe(folder, 2))
    given = recipe(folder, 2, root="other", **other)
    if "workers" in other:
        refinery.run(given)
    else:
        quick(given)
    assert rows(folder / "other") == rows(folder / "root")
    assert reported(folder / "other") == reported(folder / "root")


def test_it_is_planned_and_made_again_where_a_stage_changes(folder: Path) -> None:
    """And only there; without it nothing is written, and `gc` takes what was."""
    given = recipe(folder, 2)
    assert plan(given).audit == len(LINES)
    assert quick(given).tasks
    assert plan(given).nothing_to_do
    assert quick(given).tasks == 0
    before = reported(folder / "root")
    moved = given.model_copy(update={"steps": (*KINDS[:2], *steps(Snip(least=12)), *KINDS[3:])})
    assert plan(moved).audit == len(LINES)
    quick(moved)
    assert reported(folder / "root") != before
    assert verify(str(folder / "root")).ok
    none = given.model_copy(update={"audit": 0})
    assert plan(none).audit == 0
    quick(none)
    assert read_counts(str(folder / "root")).audit is None
    collect_garbage(str(folder / "root"), delete=True)
    assert not list((folder / "root").glob("*/audit/*.parquet"))
    assert not list((folder / "root").glob("*/stats/audit-*"))


def test_a_selection_is_audited_when_it_reaches_the_last_rule(folder: Path) -> None:
    """A run of some stages leaves it to the run of all."""
    given = recipe(folder, 2)
    quick(given, refinery.Selection(until="snip"))
    assert reported(folder / "root") == {}
    quick(given, refinery.Selection(until="again"))
    assert reported(folder / "root")["documents"]["in"]


def test_a_document_that_only_the_audit_shows_to_a_deadly_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It kills the worker twice and is quarantined in the audit; the run goes on, and others are audited."""

    def die() -> NoReturn:
        raise Death(7)

    write_inputs(tmp_path / "in", [["one long line of it", "deadly", "another long line"]])
    monkeypatch.setattr(toy, "die", die)
    report = quick(pipeline(tmp_path, steps(LineSource(), Snip(least=9), Length()), audit=1))
    assert report.complete
    found = {tuple(row["failed"]) for row in rows(tmp_path / "root")}
    assert found == {(), ("snip.snipped", "words.quarantined")}


def test_damage_is_found(folder: Path) -> None:
    """Of its rows, of a part's counts, of the sum."""
    quick(recipe(folder, 1))
    root = folder / "root"
    (rows_file, *_) = sorted(root.glob("*/audit/*.parquet"))
    good = rows_file.read_bytes()
    rows_file.write_bytes(good[:-9])
    assert [finding.file for finding in verify(str(root)).findings] == [str(rows_file.relative_to(root))]
    rows_file.write_bytes(good)
    (counts, *_) = sorted(root.glob("*/stats/audit-*"))
    good = counts.read_bytes()
    counts.write_bytes(b"no gzip")
    assert [finding.file for finding in verify(str(root)).findings] == [str(counts.relative_to(root))]
    counts.write_bytes(good)
    manifest = next(root.glob("00-*/manifest-*.json"))
    data = json.loads(manifest.read_text())
    data["audited"]["documents"]["in"] += 1
    manifest.write_text(json.dumps(data))
    assert ["audit" in finding.message for finding in verify(str(root)).findings] == [True]


# ---------------------------------------------------------------------------------------------------------- statistics

RULES = ("a.x", "a.y", "b.x", "c.z")
documents = st.lists(
    st.tuples(st.lists(st.sampled_from(RULES), unique=True).map(sorted), st.integers(0, 9)), max_size=12
)
Documents = list[tuple[list[str], int]]


def counted(some: Documents) -> AuditStatistics:
    """The statistics of some documents."""
    counter = AuditCounter(1)
    counter.add([rules for rules, _ in some], [size for _, size in some])
    return counter.statistics()


@settings(max_examples=80)
@given(documents, documents)
def test_merging_is_counting_together(left: Documents, right: Documents) -> None:
    """In either order, through JSON as well."""
    a, b = counted(left), AuditStatistics.model_validate_json(counted(right).model_dump_json())
    assert merged_audit([a, b]) == merged_audit([b, a]) == counted(left + right)


@settings(max_examples=80)
@given(documents)
def test_counts_are_naive_counts(some: Documents) -> None:
    """Of rules and of stages: first, any, only; of pairs both."""
    found = counted(some).model_dump(mode="json")
    assert found["documents"] == {"in": len(some), "kept": sum(not rules for rules, _ in some)}
    assert found["tokens"] == {"in": sum(n for _, n in some), "kept": sum(n for rules, n in some if not rules)}
    stages = [(sorted({rule[0] for rule in rules}), size) for rules, size in some]
    for what, pairs, whole in (("rules", "overlap", some), ("stages", "pairs", stages)):
        for name in {name for names, _ in whole for name in names}:
            having = [(names, size) for names, size in whole if name in names]
            expected = {
                "any": having,
                "first": [one for one in having if one[0][0] == name],
                "only": [one for one in having if one[0] == [name]],
            }
            for entry, documents_ in expected.items():
                told_ = {row[0]: row[1:] for row in found[what][entry]}
                assert told_.get(name, [0, 0]) == [len(documents_), sum(size for _, size in documents_)]
        both: Counter[str] = Counter()
        for names, _ in whole:
            both.update(" & ".join(pair) for pair in combinations(names, 2))
        assert {row[0]: row[1] for row in found[pairs]} == both


# ------------------------------------------------------------------------------------------------------ the terminal


def test_stats_tell_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words the stages, with -v the rules and who overlaps, with --json all."""
    quick(recipe(folder, 1))
    root = str(folder / "root")
    assert execute(["stats", "--root", root]) == 0
    said = capsys.readouterr().out
    assert "1 document in 1 (19) passed through all row stages" in said
    assert "words.short" not in said
    assert execute(["stats", "--root", root, "-v"]) == 0
    assert "words.short" in capsys.readouterr().out
    assert execute(["stats", "--root", root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["audit"] == {**reported(folder / "root")}


@pytest.mark.parametrize(
    "data", [b"{}", b"[]", b"null", b'{"documents": 3}', b"nothing", b"[" * 100_000, b'{"documents":{"in":[]}}']
)
def test_statistics_that_are_no_statistics_are_named(folder: Path, data: bytes) -> None:
    """A run that has to merge damaged ones says which file it is, and made again from there the root is sound."""
    given = recipe(folder, 1)
    quick(given, refinery.Selection(parts=(0,)))
    path = next((folder / "root").glob("01-*/stats/part-*"))
    pack = zlib.compressobj(wbits=31)
    path.write_bytes(pack.compress(data) + pack.flush())
    with pytest.raises(StorageError, match=f"{path.name}: damaged statistics") as raised:
        quick(given)
    assert "--from" in raised.value.hint
    assert quick(given, refinery.Selection(first="words")).complete
    assert verify(str(folder / "root")).ok
