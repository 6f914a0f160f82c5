"""The structure of a text on its way through the stages: rendered, moved with cuts, and spared by them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR, MARKS, render, undo, undo_marks
from refinery.recipe import RecipeError, Step, parse
from refinery.recipe.columns import flows
from refinery.stage.base import Stage
from refinery.stage.documents import STRUCTURE, TEXT, TOKENS, Docs
from refinery.stages.c4 import C4
from refinery.stages.export import Export
from refinery.stages.extract import Extract
from refinery.stages.lines import Lines
from refinery.stages.substring import Substring
from refinery.task.step import StepProcessor
from refinery.task.tasks import StepRun
from refinery.testing import documents, run_global

Marks = list[dict[str, Any]]
PAGE = "Title\nSome words of prose stand here.\n}\nREAD MORE\nEND\nMore words of prose stand here.\nx"


def mark(text: str, inside: str, kind: str, depth: int = 0, **fields: object) -> dict[str, Any]:
    """Return a mark over the first place of a piece of a text."""
    start = len(text[: text.index(inside)].encode())
    return {"start": start, "end": start + len(inside.encode()), "depth": depth, "kind": kind, **fields}


def marked(text: str, marks: Marks) -> Docs:
    """Return one document with a structure."""
    batch = documents([text]).with_columns({TOKENS.name: pa.array([0], TOKENS.type)})
    return batch.with_columns({STRUCTURE.name: pa.array([marks], MARKS)}, [STRUCTURE])


def processed(stage: Stage, docs: Docs) -> Docs:
    """Return the documents that a stage keeps, as the engine passes them on."""
    source = type("Given", (Stage,), {"name": "given", "version": 1, "adds": (TEXT, TOKENS, STRUCTURE)})()
    flow = flows([Step("given", source), Step(stage.name, stage)])[-1]
    return StepProcessor(StepRun(Step(stage.name, stage), flow)).process(docs).kept


MARKED = [
    mark(PAGE, "Title", "heading", number=1),
    mark(PAGE, "}\nREAD MORE\nEND", "list"),
    mark(PAGE, "}", "item", 1),
    mark(PAGE, "READ MORE", "item", 1),
    mark(PAGE, "READ", "strong", 2),
    mark(PAGE, "END", "item", 1),
    mark(PAGE, "x", "formula", value="x"),
]


def test_marks_follow_lines_and_can_be_had_back() -> None:
    """Headings, items and all that lines takes out are unmarked, a formula stays; undoing restores text and marks."""
    given = marked(PAGE, MARKED)
    kept = processed(Lines(max_removed=1), given)
    assert kept.texts() == ["Some words of prose stand here.\nMore words of prose stand here.\nx"]
    (structure,) = kept.column(STRUCTURE.name).to_pylist()
    assert [(found["kind"], found["start"]) for found in structure] == [("formula", 64)]
    removed, lost = kept.column("lines.removed"), kept.column("lines_marks")
    assert undo(kept.column("text"), removed).to_pylist() == [PAGE]
    assert undo_marks(kept.column(STRUCTURE.name), removed, lost).to_pylist() == given.column("structure").to_pylist()


def test_lines_leaves_code_tables_and_formulas_alone() -> None:
    """`lines` leaves tables, code and formulas of the structure alone, like the spans of the column `protected`."""
    for kind in ("code", "table", "formula"):
        kept = processed(Lines(max_removed=1), marked(PAGE, [mark(PAGE, "}\nREAD MORE\nEND", kind)]))
        assert "}\nREAD MORE\nEND" in kept.texts()[0]


class Shout(Lines):
    """Changes texts in a way that is in no evidence."""

    name = "shout"
    evidence = ()


def test_a_structure_ends_where_nobody_can_follow() -> None:
    """A stage that changes texts without evidence of its cuts ends the structure."""
    source = type("Given", (Stage,), {"name": "given", "version": 1, "adds": (TEXT, TOKENS, STRUCTURE)})()
    passed = flows([Step("given", source), Step("shout", Shout())])[-1].passed
    assert STRUCTURE.name not in passed.names


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native engine is not built")
def test_extract_marks_the_text_that_it_returns() -> None:
    """With ``structure`` a heading of the page is marked, at the same text as without."""
    words = "Enough words of plain prose to be the main text of a page, one sentence after another. " * 5
    page = f"<html><body><h1>Some title</h1><p>{words}</p></body></html>"
    docs = documents([""]).with_columns({"html": pa.array([page])})
    plain, marked = (Extract(engine="native", structure=structure).edit(docs) for structure in (False, True))
    assert marked.columns["text"].to_pylist() == plain.columns["text"].to_pylist()
    assert [mark["kind"] for mark in marked.columns["structure"].to_pylist()[0]] == ["heading"]
    assert "structure" not in plain.columns


COPIED = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


@pytest.mark.parametrize("kind", ["table", "code", "formula", "list"])
@pytest.mark.parametrize("cut_objects", [False, True])
def test_a_cut_leaves_no_half_object(kind: str, *, cut_objects: bool) -> None:
    """A table, code block or formula of which a part is repeated stays, unless parts are to be cut; a list does not."""
    text = f"{COPIED} and this is of one page alone"
    stage = Substring(unit="words", min_tokens=5, min_chars=0, cut_objects=cut_objects)
    docs = documents([text, COPIED])
    whole = mark(text, "eleven twelve thirteen fourteen and this is of one", kind)
    docs = docs.with_columns({STRUCTURE.name: pa.array([[whole], None], MARKS)}, [STRUCTURE])
    ((edited,),) = run_global(stage, [[docs]])
    left = edited.columns["text"].to_pylist()[0].strip()
    spared = kind != "list" and not cut_objects
    assert left == ("eleven twelve thirteen fourteen " if spared else "") + "and this is of one page alone"


def test_an_object_that_is_repeated_goes_as_a_whole() -> None:
    """A table of which all is repeated is cut out with what is around it."""
    text = f"{COPIED} and this is of one page alone"
    docs = documents([text, COPIED])
    marks = pa.array([[mark(text, "three four five", "table")], None], MARKS)
    stage = Substring(unit="words", min_tokens=5, min_chars=0)
    ((edited,),) = run_global(stage, [[docs.with_columns({STRUCTURE.name: marks}, [STRUCTURE])]])
    assert edited.columns["text"].to_pylist()[0].strip() == "and this is of one page alone"


HEAD = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, "


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_export_renders_the_text(form: str) -> None:
    """The column text has the rendering, and tokens stay those of the plain text."""
    given = marked(PAGE, MARKED)
    kept = processed(Export(text=form, columns=("text", "tokens")), given)
    assert kept.column("text").to_pylist() == render(given.column("text"), given.column("structure"), form).to_pylist()
    assert kept.column("tokens").to_pylist() == [0]


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_export_writes_the_structure_of_the_plain_text() -> None:
    """The structure is a column as any other beside the plain text, and is refused beside another form of it."""
    given = marked(PAGE, MARKED)
    assert processed(Export(columns=("text", "structure")), given).schema.names == ["text", "structure"]
    with pytest.raises(RecipeError, match="the marks in structure are places in the plain text"):
        parse(f"{HEAD}extract: {{structure: true}}, export: {{text: html, columns: [text, structure]}}]", "r")


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_a_rendering_needs_a_structure() -> None:
    """Without marks there is nothing to render: the recipe is refused, with the setting that adds them."""
    with pytest.raises(RecipeError, match="text: markdown needs the column structure") as refused:
        parse(f"{HEAD}extract: {{}}, export: {{text: markdown}}]", "r")
    assert "extract: {structure: true}" in str(refused.value)
    parse(f"{HEAD}extract: {{structure: true}}, export: {{text: markdown}}]", "r")


def test_marks_follow_c4() -> None:
    """Marks of lines that go are gone, those of others move and lose white space; undoing restores text and marks."""
    text = "Menu\n  A sentence with words.[1] \nAnother one of them."
    marks = [
        mark(text, "Menu", "heading", number=1),
        mark(text, "  A sentence with words.[1] ", "quote"),
        mark(text, "[1]", "link", 1, value="https://example.org/"),
        mark(text, "Another", "strong"),
    ]
    given = marked(text, marks)
    kept = processed(C4(min_sentences=0), given)
    after = kept.column("text")[0].as_py()
    assert after == "A sentence with words.\nAnother one of them."
    moved = [
        (found["kind"], after.encode()[found["start"] : found["end"]]) for found in kept.column("structure")[0].as_py()
    ]
    assert moved == [("quote", b"A sentence with words."), ("strong", b"Another")]
    cut = kept.column("c4.removed")
    assert undo(kept.column("text"), cut).to_pylist() == [text]
    assert (
        undo_marks(kept.column("structure"), cut, kept.column("c4_marks")).to_pylist()
        == given.column("structure").to_pylist()
    )
