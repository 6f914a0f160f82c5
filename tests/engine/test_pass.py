"""The pass: batches through steps, with rules enforced or not, stages skipped, stored metrics, and sources that raise."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from refinery.recipe.columns import flows
from refinery.stage.base import Records, Watch
from refinery.stage.documents import Docs
from refinery.stage.rules import ERROR, QUARANTINED, Rule
from refinery.store import Store
from refinery.task.document_pass import SourceReader, process_batch
from refinery.task.hazards import Hazards
from refinery.task.measured import Measured, source_batch
from refinery.task.step import SkippedStep, StepProcessor
from refinery.task.tasks import ALL_ROWS, StepRows, StepRun, Unreadable
from tests.engine.roots import steps
from tests.engine.toy import Length, LineSource, Same, Upper, records

TEXTS = ["two words", "one", "this is poison", "three words here", ""]


def runs() -> list[StepRun]:
    """A source, a filter, a global stage and an edit."""
    recipe = steps(LineSource(), Length(), Same(), Upper())
    return [StepRun(step, flow) for step, flow in zip(recipe, flows(recipe), strict=True)]


def test_the_columns_of_a_step_are_unpickled_once() -> None:
    """In a worker they are one object for all tasks of a phase, equal to that of the driver."""
    for flow in flows(steps(LineSource(), Length(), Upper(), Same())):
        first, second = (pickle.loads(pickle.dumps(("a task", part, flow)))[-1] for part in range(2))
        assert first is second
        assert first == flow
        assert first is not flow


def batch(texts: list[str] = TEXTS) -> tuple[Docs, Measured]:
    """Documents as the source reads them."""
    return source_batch(runs()[0], records("a.txt", list(enumerate(texts)), 0))


def test_unenforced_rules_remove_nothing_and_verdicts_stay() -> None:
    """Without enforcement only documents that cannot be measured stop; what the rules find is the same."""
    docs, measured = batch()
    source, words, *_ = runs()
    (_, enforced) = process_batch(docs, measured, [StepProcessor(source), StepProcessor(words)])
    (first, free) = process_batch(
        docs, measured, [StepProcessor(source, enforce=False), StepProcessor(words, enforce=False)]
    )
    assert enforced.kept.texts() == ["two words", "three words here"]
    assert first.kept.texts() == TEXTS
    assert free.kept.texts() == ["two words", "one", "three words here", ""]
    assert free.verdict.first.to_pylist() == [None, "short", ERROR, None, "short"]
    assert enforced.verdict.first.to_pylist() == free.verdict.first.to_pylist()[:4]


def test_a_pass_ends_with_the_last_document() -> None:
    """Steps behind the one that removes all documents are not asked."""
    docs, measured = batch(["", ""])
    assert len(list(process_batch(docs, measured, map(StepProcessor, runs())))) == 1
    assert list(process_batch(docs.slice(0, 0), None, map(StepProcessor, runs()))) == []


def test_a_skipped_stage_passes_documents_on() -> None:
    """Without its verdict a global stage leaves rows and texts, and adds nulls where it would add columns."""
    docs, measured = batch(["two words", "again two"])
    source, words, same, upper = runs()
    chain = [StepProcessor(source), StepProcessor(words), SkippedStep(same), StepProcessor(upper)]
    *_, skipped, changed = process_batch(docs, measured, chain)
    assert skipped.kept.schema == same.flow.passed
    assert skipped.verdict.kept.to_pylist() == [True, True]
    assert skipped.kept.column("same").null_count == 2
    assert changed.kept.texts() == ["TWO WORDS", "AGAIN TWO"]


def read(texts: list[str]) -> Docs:
    """Documents as they enter the filter."""
    docs, measured = batch(texts)
    return StepProcessor(runs()[0], enforce=False).process(docs, measured).kept


def test_stored_trouble_stays() -> None:
    """Poison rows of a part change nothing for documents whose metrics are stored."""
    docs, words = read(TEXTS), runs()[1]
    verdict = StepProcessor(words).process(docs).verdict
    stored = Measured({}, verdict.metrics, verdict.trouble)
    again = StepProcessor(words, stored=lambda _: stored, hazards=Hazards(poison={1: "worker died"})).process(docs)
    assert again.verdict.first.to_pylist() == verdict.first.to_pylist() == [None, "short", ERROR, None, "short"]


@pytest.mark.parametrize("by", ["row", "id"])
def test_poison_is_never_measured(by: str) -> None:
    """By row or by id, the document is quarantined with its note, and the others are measured."""
    docs = read(["two words", "deadly words", "three words here"])
    identity = docs.column("id")[1].as_py()
    hazards = Hazards(poison={1: "died"}) if by == "row" else Hazards(poison_ids={identity: "died"})
    verdict = StepProcessor(runs()[1], hazards=hazards).process(docs).verdict
    assert verdict.first.to_pylist() == [None, QUARANTINED, None]
    assert verdict.trouble.note.to_pylist() == [None, "died", None]


class Broken(LineSource):
    """A source that raises on a line, unless it leaves the line out."""

    name: ClassVar = "broken"

    def rules(self) -> tuple[Rule, ...]:
        return ()

    def read(self, path: str, store: Store) -> Iterator[Records]:
        return self.read_watched(path, store, lambda _: True)

    def read_watched(self, path: str, store: Store, watch: Watch) -> Iterator[Records]:
        for number, line in enumerate(store.read(path).decode().splitlines()):
            if watch(number) and "bad" in line:
                raise ValueError("no such line")
            yield records(path, [(number, line)], 0)


def test_an_exception_of_a_source_is_traced_to_a_record(tmp_path: Path) -> None:
    """At first to the file, then, when the source is watched, to the row, which is then left out and quarantined."""
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("three\nbad\nfour\n")
    recipe = steps(Broken())
    run = StepRun(recipe[0], flows(recipe)[0])
    paths = [str(tmp_path / name) for name in ("a.txt", "b.txt")]

    def outcomes(hazards: Hazards) -> list[str | None]:
        reader, step = SourceReader(run, 10, hazards=hazards), StepProcessor(run, hazards=hazards)
        splits = (step.process(docs, measured) for docs, measured in reader.batches(paths))
        return [rule for split in splits for rule in split.verdict.first.to_pylist()]

    file, record = StepRows("broken", 0, ALL_ROWS), StepRows("broken", 3, 1)
    with pytest.raises(Unreadable, match="ValueError: no such line") as unwatched:
        outcomes(Hazards())
    with pytest.raises(Unreadable) as watched:
        outcomes(Hazards((file,)))
    assert (unwatched.value.rows, watched.value.rows) == (file, record)
    assert outcomes(Hazards((file, record), {3: "raised"})) == [None, None, None, QUARANTINED, None]


def test_an_exception_of_a_source_reaches_the_run_with_its_rows() -> None:
    """Pickling keeps the rows, and the cause is one line."""
    sent = pickle.loads(pickle.dumps(Unreadable("ValueError: no\nsuch", rows=StepRows("warc", 3, 1))))
    assert (sent.rows, sent.cause) == (StepRows("warc", 3, 1), "ended by Unreadable: ValueError: no such")
