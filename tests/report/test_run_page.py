"""The Run page tells what was planned and done and when, and a stage's page which of its rules fail together."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

import duckdb
import pytest

from refinery.inspect.reader import open_root
from refinery.inspect.runs import runs
from refinery.planner.selection import Selection
from refinery.report import build
from refinery.report.overlap import rules_of
from refinery.report.view import View, view
from refinery.report.work import _round_names, plan, times
from refinery.runner.timeline import SPANS
from refinery.stages.minhash import MinHash
from refinery.stages.quality import Quality
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that was made, and made again with another threshold."""
    made = make(tmp_path)
    quick(recipe(tmp_path, min_words=3))
    return made


def viewed(root: Path) -> View:
    return view(open_root(str(root)))


def test_rounds_have_the_names_of_their_form() -> None:
    """Receipts of rounds over key ranges are recognised by their kinds; repeated rounds are one."""
    flat = [[one for each in form for one in getattr(each, "rounds", (each,))] for form in MinHash().forms(0)]
    kinds = [[kind for kind, _ in groupby(one.kind for one in form)] for form in flat]
    one, ranges = (_round_names(MinHash(), found) for found in kinds)
    assert one == ["exclude", "reduce", "resolve", "gather", "choose", "conclude"]
    assert ranges[:5] == ["texts", "copies", "exclude", "reduce", "edges"]
    assert ranges[5:] == ["contract, spread, label", "gather", "choose", "conclude"]


def test_the_plan_has_every_stage_in_its_pass(root: Path) -> None:
    """Passes begin where documents of all parts are needed; parts are kept, re-applied or run; rounds name their methods."""
    found = viewed(root)
    passes = plan(found)
    assert [[node.name for node in each.nodes] for each in passes] == [
        ["lines-of-text", "words", "snip"],
        ["same", "upper"],
        ["gather"],
    ]
    assert [[one.name for one in each.rounds] for each in passes] == [[], ["map", "reduce", "resolve"], []]
    assert all(one.tasks for one in passes[1].rounds)
    for each in passes:
        for node in each.nodes:
            assert node.view is not None
            assert node.work is not None
            work = node.work
            assert work.current + work.reapplied + work.computed == node.view.totals.done
            assert work.waiting == 0
            files = sorted((root / f"{node.view.totals.position:02d}-{node.name}" / "kept").glob("*.parquet"))
            assert node.bytes == sum(file.stat().st_size for file in files) > 0
    assert {node.name for each in passes for node in each.nodes if node.work and node.work.reapplied} == {"words"}


def test_the_plan_of_a_root_that_is_half_made(tmp_path: Path) -> None:
    """Stages that are not reached are there, without figures; old records of runs tell of no work."""
    given = recipe(tmp_path)
    write_inputs(tmp_path / "in", LINES)
    quick(given, Selection(until="words"))
    nodes = [node for each in plan(viewed(Path(given.root))) for node in each.nodes]
    assert [node.view is not None for node in nodes] == [True, True, False, False, False, False]
    assert [node.work is not None for node in nodes] == [True, True, False, False, False, False]
    (record,) = (Path(given.root) / "runs").glob("*.json")
    reported = json.loads(record.read_bytes())
    del reported["stages"], reported["spans"]
    for phase in reported["phases"]:
        for name in ("begin", "busy", "ended", "slots", "longest"):
            del phase[name]
    record.write_text(json.dumps(reported))
    page = (Path(build(given.root).folder) / "run.html").read_text("utf-8")
    assert "not run yet" in page
    assert 'id="timeline"' not in page


def record(root: Path, **changes: Any) -> None:
    """A newest run, like the last one but for what is changed."""
    (reported, *_) = sorted((root / "runs").glob("*.json"), reverse=True)
    (root / "runs" / "99990101T000000-1.json").write_text(json.dumps({**json.loads(reported.read_bytes()), **changes}))


def phase(**changes: Any) -> dict[str, Any]:
    """A phase of 100 tasks at 80 places in a hundred seconds."""
    reported = {"title": "a → b", "tasks": 100, "bytes": 1, "done": 100, "failed": 0, "bytes_done": 1, "documents": 1}
    times = {"seconds": 100.0, "eta": 0.0, "begin": 0.0, "ended": 100, "busy": 800.0, "slots": 80, "longest": []}
    return {**reported, **times, **changes}


def test_stragglers_are_named(root: Path) -> None:
    """The longest first, wherever they were at work; not those that took a little longer, or no time to speak of."""
    long, other = [70, 5.0, 95.0, 0, 1, 0, "part 7"], [3, 0.0, 20.0, 0, 1, 0, "part 3"]
    short = [[0, 100.0, 100.2, 1, 1, 0, "part 1"]]
    phases = [
        phase(longest=[long, other, [1, 0, 9, 0, 1, 0, "part 5"]]),
        phase(begin=100.0, seconds=0.3, ended=2, busy=0.21, longest=short),
    ]
    record(root, phases=phases, spans=[other])
    found = times(viewed(root).runs[0])
    assert [(one.span.task, one.times) for one in found.stragglers] == [("part 7", 90 / 8), ("part 3", 20 / 8)]
    assert found.slots == 80
    assert found.used[0] == pytest.approx(800 / (100 * 80))
    assert "part 7" in str(found.chart)  # at a place whose spans are not kept
    page = (Path(build(str(root)).folder) / "run.html").read_text("utf-8")
    assert "the first 64 worker slots" in page


def test_what_ended_badly_is_drawn(root: Path) -> None:
    """In its own colour, over the span that it is part of."""
    bad = [0, 5.0, 5.1, 0, 1, 1, "part 9"]
    record(root, phases=[phase()], spans=[[0, 0.0, 90.0, 0, 50, 1, ""]], failed_spans=[bad])
    chart = str(times(viewed(root).runs[0]).chart)
    assert re.findall(r'aria-label="([^"]*)"[^>]* fill="var\(--(\w+)\)"', chart) == [
        ("50 tasks (a → b): 90.00 s from 0.00 s, 1 failed", "kept"),
        ("part 9 (a → b): 0.10 s from 5.00 s, 1 failed", "removed"),
    ]


def test_what_has_not_ended_is_drawn(root: Path) -> None:
    """In its own colour, from when it began to the run's last word; until now where the run is at work."""
    record(root, phases=[phase(seconds=9.0)], spans=[[1, 0.0, 2.0, 0, 1, 0, "part 1"]])
    assert times(viewed(root).runs[0]).seconds == 9.0
    record(root, phases=[phase(seconds=9.0)], spans=[], open_spans=[[0, 3.0, 9.0, 0, 1, 0, "part 2"]])
    (run, *_) = viewed(root).runs
    assert times(run).seconds == 9.0
    assert re.findall(r'aria-label="(part [^"]*)"[^>]* fill="var\(--(\w+)\)"', str(times(run).chart)) == [
        ("part 2 (a → b): 6.00 s from 3.00 s, not finished", "soft")
    ]
    spoke = run.record.model_copy(update={"updated": datetime.now(UTC) - timedelta(seconds=1000)})
    assert times(replace(run, state="running", record=spoke)).seconds >= 1009


@pytest.mark.slow
def test_the_times_of_a_large_run_are_a_small_page(root: Path) -> None:
    """As many spans as a record has, and many times that, which one of ours never has."""
    for count in (SPANS, 50 * SPANS):
        name = "minhash conclude, part 12345"
        spans = [[n % 64, n * 10.0, n * 10.0 + 9, 0, 1, int(n % 100 == 0), name] for n in range(count)]
        record(root, phases=[phase()], spans=spans)
        built = build(str(root))
        assert built.files["run.html"] < 395_000


def test_a_strangers_record_of_a_run_is_only_text(root: Path) -> None:
    """Names of tasks, phases and stages are shown as they are."""
    evil = "<script>alert(1)</script>\u202e\x1b[31m\"'&lt;"
    spans = [[10**9, 0.0, 5.0, 10**9, 10**9, 1, evil]]
    work = [{"stage": evil, "current": 1, "reapplied": 1, "computed": 1, "waiting": 1}]
    record(root, phases=[phase(title=evil, longest=spans)], spans=spans, open_spans=spans, stages=work)
    page = (Path(build(str(root)).folder) / "run.html").read_text("utf-8")
    assert page.count("<script") == 1
    assert "alert(1)" in page
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page)


# ------------------------------------------------------------------------------------------------------- rules together


def test_rules_that_fail_together_are_counted(tmp_path: Path) -> None:
    """Each cell is what the rows of the removed documents say."""
    words = ["the", "be", "to", "of", "and", "that", "have", "with", "#tag", "...", "a1", "x"]
    texts = [[" ".join(words[(n * k) % len(words)] for k in range(n % 17)) or "x" for n in range(60)]]
    write_inputs(tmp_path / "in", texts)
    given = pipeline(tmp_path, steps(LineSource(), Quality(min_words=9, max_hash_ratio=0.05)))
    quick(given)
    found = viewed(Path(given.root))
    stage = found.stages[1]
    removed = f"{given.root}/01-quality/removed/*.parquet"
    failed = [row[0] for row in duckdb.sql(f"select failed from '{removed}'").fetchall()]
    paired = {rule for rules in failed if len(rules) > 1 for rule in rules}
    matrix = rules_of(stage)
    assert len(paired) > 2
    assert [name for name, _ in matrix] == [rule.id for rule in Quality().rules() if rule.id in paired]
    names = [name for name, _ in matrix]
    for name, cells in matrix:
        mine = [rules for rules in failed if name in rules]
        for other, (count, share, _) in zip(names, cells, strict=True):
            assert count == sum(other in rules for rules in mine)
            assert share is None if other == name else share == pytest.approx(count / len(mine))
    page = (Path(build(given.root).folder) / stage.page).read_text("utf-8")
    table = page.partition('id="overlap"')[2].partition("</table>")[0]
    pairs = sum({one, other} <= set(rules) for rules in failed for one, other in combinations(names, 2))
    cells_ = [int(count) for count in re.findall(r'<td class="n heat\d">(\d+)', table)]
    assert sum(cells_) == 2 * pairs + sum(name in rules for rules in failed for name in names)


def test_the_record_that_is_drawn_is_the_newest(root: Path) -> None:
    """Of two runs, the second."""
    first, second = reversed(runs(open_root(str(root)).root))
    assert first.record.stages[0].computed
    assert second.record.stages[0].current
    assert plan(viewed(root))[0].nodes[0].work == second.record.stages[0]
