"""The laws that every registered row stage keeps, whatever it computes."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from refinery import testing
from refinery.identity import Content, identity, measure_identity
from refinery.inspect.outcomes import cut_fields
from refinery.kernels import undo
from refinery.recipe import RecipeError, Step, parse, plain
from refinery.recipe.columns import Flow, flows
from refinery.stage.base import Edit, Edited, Filter, Stage
from refinery.stage.documents import POINTER, Docs, metrics_column
from refinery.stage.registry import names, stage_class
from refinery.task.measured import measured_from
from refinery.task.removed import removed_rows
from refinery.task.step import StepProcessor
from refinery.task.tasks import StepRun

ODD = [
    "",
    " ",
    "x",
    "\n\n\n",
    "a\x00b",
    "word " * 20_000,
    "x" * 100_000,
    "שלום עולם " * 30,
    "👩‍👩‍👧‍👦🏳️‍🌈" * 50,
    "e\u0301\u200d\ufeff\ufffe",
    "The quick brown fox.\r\nIt jumps\u2028over\u0085lines\x0c…",
    "line\n" * 1_000,
    "Read more...\n3 likes\nHOME\n" * 10,
]

PROSE = (
    "The committee of the town met to discuss the new bridge that people have wanted for years. "
    "It was said that the work would take two summers and cost more than anyone had thought, and so it did."
)

FOREIGN = "Die Stadt liegt an einem Fluss, und die Leute gehen am Abend gern am Ufer spazieren. "


def row_stages() -> list[type[Stage]]:
    """Every registered filter and edit."""
    return [cls for name in names() if issubclass(cls := stage_class(name), Filter | Edit)]


def documents(texts: Sequence[str]) -> Docs:
    """Documents with every column that a stage may read."""
    clean = [t.encode("utf-8", "ignore").decode() for t in texts]
    columns = {
        "url": pa.array([f"https://host{i % 7}.example.org/{i}?q={t[:20]!r}" for i, t in enumerate(clean)]),
        "html": pa.array([f"<html><body><article><p>{t}</p><p>{PROSE}</p></article></body></html>" for t in clean]),
        "tokens": pa.array([0] * len(clean), pa.uint32()),
        "lang": pa.array(["en"] * len(clean)),
    }
    return testing.documents(clean).with_columns(columns)


def step_run(stage: Stage, given: pa.Schema) -> StepRun:
    """A step as a worker gets it, with the flow that the engine derives."""
    source = type("Given", (Stage,), {"name": "given", "version": 1, "adds": tuple(given)[len(POINTER) :]})()
    flow: Flow = flows([Step("given", source), Step(stage.name, stage)])[1]
    return StepRun(Step(stage.name, stage), flow)


class Rows(NamedTuple):
    """A batch after a stage."""

    kept: Docs
    removed: pa.RecordBatch


def process(stage: Stage, docs: Docs, sizes: Sequence[int]) -> list[Rows]:
    """The batch cut into pieces of these sizes, processed by the stage."""
    step = StepProcessor(step_run(stage, docs.schema))
    found, start = [], 0
    for size in sizes:
        split = step.process(docs.slice(start, size))
        found.append(Rows(split.kept, removed_rows(step.run, split, "text")))
        start += size
    return found


def content(splits: Sequence[Rows]) -> tuple[str, str]:
    """Content ids of the kept and the removed rows."""
    kept, removed = Content(splits[0].kept.schema), Content(splits[0].removed.schema)
    for split in splits:
        kept.update(split.kept.batch)
        removed.update(split.removed)
    return kept.id(), removed.id()


REQUIRED: dict[str, dict[str, Any]] = {
    "score": {"model": "languages.ftz", "label": ("en",), "min": 0.9},
    "pii": {"store_values": True, "max_items": 1},
    "decontaminate": {"benchmarks": str(Path(__file__).with_name("items.jsonl")), "action": "cut"},
}
"""Fields without a default, and those with which a stage removes documents and its edits can be undone."""


def example(cls: type[Stage]) -> Stage:
    """A stage with its default configuration."""
    return cls.model_validate(REQUIRED.get(cls.name, {}))


@pytest.fixture(params=row_stages(), ids=lambda cls: str(cls.name))
def stage(request: pytest.FixtureRequest) -> Stage:
    """Each registered row stage with its default configuration."""
    return example(request.param)


ORDINARY = [
    f"{PROSE * 3}\n3 likes",
    PROSE,
    f"{PROSE}\n{PROSE}",
    *(f"{PROSE} Number {i} of many." for i in range(5)),
    f"{PROSE}\n{FOREIGN}",
    f"{PROSE}\n{FOREIGN * 4}",
    f"{PROSE} Write to joe@corp.example.org.",
    f"{PROSE} Write to joe@corp.example.org or jim@corp.example.org.",
]


def test_rows_in_are_kept_or_removed(stage: Stage) -> None:
    """Every document is kept or removed, none both, and the order stays."""
    docs = documents(ODD + ORDINARY)
    (split,) = process(stage, docs, [len(docs)])
    kept = split.kept.column("id").to_pylist() if "id" in split.kept.schema.names else []
    removed = split.removed.column("id").to_pylist()
    ids = docs.column("id").to_pylist()
    assert sorted(kept + removed) == ids
    assert kept == [i for i in ids if i in set(kept)]
    assert removed == [i for i in ids if i in set(removed)]


def test_batches_leave_no_trace(stage: Stage) -> None:
    """One batch of n documents gives what n batches of one give, and what any other split gives."""
    docs = documents(ODD + ORDINARY)
    whole = content(process(stage, docs, [len(docs)]))
    assert content(process(stage, docs, [1] * len(docs))) == whole
    assert content(process(stage, docs, [3, 0, len(docs) - 3])) == whole


def test_rows_tell_the_text_that_came(stage: Stage) -> None:
    """Kept or removed, a row's text with the spans put back that were cut out of it is the text before."""
    docs = documents(ODD + ORDINARY)
    before = dict(zip(docs.column("id").to_pylist(), docs.texts(), strict=True))
    (split,) = process(stage, docs, [len(docs)])
    for batch in (split.kept.batch, split.removed) if cut_fields(stage) else ():
        for name in cut_fields(stage):
            spans = pc.struct_field(batch.column(metrics_column(stage.name)), name)
            assert sum(pc.list_value_length(spans).to_pylist()), "some text is cut on either side"
            texts = undo(batch.column("text"), spans).to_pylist()
            assert texts == [before[one] for one in batch.column("id").to_pylist()]


def test_odd_text_raises_nothing(stage: Stage) -> None:
    """No odd text makes a stage raise: each is kept, or removed by a rule."""
    (split,) = process(stage, documents(ODD), [len(ODD)])
    reasons = pc.struct_field(split.removed.column("why"), "rule").to_pylist()
    assert "error" not in reasons, pc.struct_field(split.removed.column("why"), "note").to_pylist()


def test_verdicts_are_true(stage: Stage) -> None:
    """Removed documents violate the threshold they are said to violate; kept ones violate none."""
    docs = documents(ODD + ORDINARY)
    (split,) = process(stage, docs, [len(docs)])
    for rule in stage.rules():
        column = metrics_column(stage.name)
        if column in split.kept.schema.names:
            assert not pc.any(rule.violated(split.kept.column(f"{column}.{rule.metric}"))).as_py()
        first = pc.equal(pc.struct_field(split.removed.column("why"), "rule"), rule.id)
        values = pc.struct_field(split.removed.column(column), rule.metric).filter(first)
        assert pc.all(rule.violated(values), min_count=0).as_py()


@given(texts=st.lists(st.text(max_size=200), min_size=1, max_size=6))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_any_split(stage: Stage, texts: list[str]) -> None:
    """No text raises, and splitting a batch changes nothing."""
    docs = documents(texts)
    together = process(stage, docs, [len(docs)])
    assert content(together) == content(process(stage, docs, [1] * len(docs)))
    assert "error" not in pc.struct_field(together[0].removed.column("why"), "rule").to_pylist()


def test_a_second_pass_removes_nothing(stage: Stage) -> None:
    """What a stage kept, it keeps: it is run on its own output, without the metrics of the first pass."""
    if stage.drops or stage.name == "export":
        pytest.skip("the stage ends columns that it reads")
    docs = documents(ODD + ORDINARY)
    (first,) = process(stage, docs, [len(docs)])
    again = Docs(first.kept.batch.select(docs.schema.names))
    (second,) = process(stage, again, [len(again)])
    assert len(second.removed) == 0
    assert second.kept.column("text") == again.column("text")


def test_stages_can_be_sent_to_workers(stage: Stage) -> None:
    """A stage survives pickling, and is the same stage."""
    again = pickle.loads(pickle.dumps(stage))
    assert again == stage
    assert identity(again) == identity(stage)


def test_configuration_round_trip(stage: Stage) -> None:
    """A recipe with the written configuration makes the same stage."""
    written = {name: plain(getattr(stage, name)) for name in type(stage).model_fields}
    assert type(stage).model_validate(written) == stage


def test_bounds_are_no_part_of_measuring(stage: Stage) -> None:
    """Declared thresholds change the identity of the verdicts and not that of the metrics."""
    for name in stage.roles("threshold"):
        value = getattr(stage, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            moved = stage.model_copy(update={name: value + 1})
            assert identity(moved) != identity(stage)
            assert measure_identity(moved) == measure_identity(stage)


def test_results_depend_on_declared_columns_alone(stage: Stage) -> None:
    """Columns and metrics are the same without the columns that the stage neither reads nor uses."""
    docs = documents(ODD[:6] + ORDINARY)
    declared = {*(field.name for field in POINTER), *stage.wants(), *stage.uses}
    alone = docs.without([name for name in docs.schema.names if name not in declared])

    def results(given: Docs) -> pa.RecordBatch:
        made = stage.edit(given) if isinstance(stage, Edit) else Edited({}, stage.measure(given))
        return measured_from(stage, made.columns, made.metrics, len(given)).batch()

    assert results(alone).equals(results(docs))


HASHES = """
import sys
from tests.stages.test_laws import ODD, ORDINARY, process, content, documents, example, row_stages
for cls in row_stages():
    docs = documents(ODD + ORDINARY)
    print(cls.name, content(process(example(cls), docs, [len(docs)])))
"""


def test_the_hash_seed_leaves_no_trace() -> None:
    """Processes with other hash seeds give the same rows."""

    def output(seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", HASHES], capture_output=True, text=True, env=environment, check=True
        )
        return done.stdout

    assert output("1") == output("2")


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, "", "x", [], [[]], [1], ["x"], {}, {"x": []})


@pytest.mark.parametrize("name", names())
def test_languages_and_survivors_are_declared(name: str) -> None:
    """The language metric and the survivor field of a stage are among its metrics and its evidence."""
    stage = stage_class(name)
    assert not stage.language_metric or stage.language_metric in [metric.name for metric in stage.metrics]
    assert not stage.survivor_field or stage.survivor_field in [one.name for one in stage.evidence]


@pytest.mark.parametrize("name", names())
def test_a_field_takes_a_value_or_refuses_it(name: str) -> None:
    """Whatever a recipe says of it: no validator meets a value that it does not expect."""
    refused = 0
    for field in stage_class(name).model_fields:
        for value in WRONG:
            recipe = {"dataset": "d", "inputs": "in", "root": "root", "pipeline": [{name: {field: value}}]}
            try:
                parse(json.dumps(recipe), "recipe.yaml")
            except RecipeError as error:
                refused += 1
                assert "recipe.yaml" in error.message
    assert refused
