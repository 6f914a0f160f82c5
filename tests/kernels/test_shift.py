"""Marks after cuts: they are a tree over the text that is left, and what they were can be restored."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings

from refinery.kernels import MARKS, SPANS, objects, render, shift_marks, spared, undo, undo_marks
from tools.marked import cut_texts

Given = dict[str, Any]


def after(given: Given) -> pa.StringArray:
    """Return the texts without their cuts."""
    return pa.array([_after(text, cuts or ()) for text, cuts in _rows(given)], pa.string())


def _rows(given: Given) -> list[tuple[str | None, list[dict[str, Any]] | None]]:
    return list(zip(given["texts"].to_pylist(), given["cuts"].to_pylist(), strict=True))


def _after(text: str | None, cuts: list[dict[str, Any]]) -> str | None:
    if text is None:
        return None
    out, at, data = b"", 0, text.encode()
    for cut in cuts:
        if cut["text"] is not None and cut["cut"] is not False:
            out += data[at : cut["offset"]] + (cut["replacement"] or "").encode()
            at = cut["offset"] + cut["length"]
    return (out + data[at:]).decode()


@given(cut_texts())
@settings(max_examples=200, deadline=None)
def test_marks_are_a_tree_after_cuts(given: Given) -> None:
    """Marks after any cuts lie in the text that is left, and nest: they can be rendered."""
    marks, _ = shift_marks(given["structure"], given["cuts"])
    marks.validate(full=True)
    assert render(after(given), marks, "plain").to_pylist() == after(given).to_pylist()
    assert len(render(after(given), marks, "markdown")) == len(marks)


@given(cut_texts())
@settings(max_examples=200, deadline=None)
def test_text_and_marks_can_be_restored(given: Given) -> None:
    """Undoing cuts restores the text and all marks, those that were lost among them."""
    marks, lost = shift_marks(given["structure"], given["cuts"])
    assert undo(after(given), given["cuts"]).to_pylist() == given["texts"].to_pylist()
    assert undo_marks(marks, given["cuts"], lost).to_pylist() == given["structure"].to_pylist()


@given(cut_texts())
@settings(max_examples=200, deadline=None)
def test_a_mark_goes_only_with_its_text(given: Given) -> None:
    """A mark of which some text is left is there and covers all of that; one without any of its text is not."""
    marks, _ = shift_marks(given["structure"], given["cuts"])
    for before, left, (text, cuts) in zip(given["structure"].to_pylist(), marks.to_pylist(), _rows(given), strict=True):
        cut = [c for c in cuts or () if c["text"] is not None and c["cut"] is not False and not c["replacement"]]
        if any(c["replacement"] for c in cuts or ()):
            continue
        gone = {at for c in cut for at in range(c["offset"], c["offset"] + c["length"])}
        full = [mark for mark in before or () if mark["start"] < mark["end"]]
        sizes = [len(set(range(mark["start"], mark["end"])) - gone) for mark in full]
        assert sorted(filter(None, sizes)) == sorted(filter(None, (mark["end"] - mark["start"] for mark in left or ())))
        assert text is not None or not left


def marks_of(*rows: tuple[int, int, int, str]) -> pa.ListArray:
    """Return a structure of one text."""
    return pa.array([[dict(zip(("start", "end", "depth", "kind"), row, strict=True)) for row in rows]], MARKS)


def left(structure: pa.ListArray, offset: int, length: int) -> list[tuple[int, int, int, str]]:
    """Return the marks after one cut."""
    cuts = pa.array([[{"offset": offset, "length": length, "reason": "", "text": "x" * length}]], SPANS)
    found = shift_marks(structure, cuts)[0].to_pylist()[0]
    return [(mark["start"], mark["end"], mark["depth"], mark["kind"]) for mark in found]


def test_what_becomes_of_marks() -> None:
    """Marks before a cut stay, those in it go with their children, those around it shrink, those behind it move."""
    structure = marks_of(
        (0, 4, 0, "heading"), (5, 20, 0, "list"), (5, 10, 1, "item"), (6, 7, 2, "link"), (11, 20, 1, "item")
    )
    assert left(structure, 5, 6) == [(0, 4, 0, "heading"), (5, 14, 0, "list"), (5, 14, 1, "item")]
    assert left(structure, 2, 7) == [(0, 2, 0, "heading"), (2, 13, 0, "list"), (2, 3, 1, "item"), (4, 13, 1, "item")]
    assert left(structure, 21, 5) == left(structure, 0, 0)


def test_a_cell_without_its_text_keeps_its_column() -> None:
    """A cell whose text is cut stays as an empty one; with all of the row it goes."""
    row = marks_of((0, 9, 0, "table"), (0, 4, 1, "row"), (0, 1, 2, "cell"), (2, 4, 2, "cell"), (5, 9, 1, "row"))
    assert left(row, 0, 2)[1:4] == [(0, 2, 1, "row"), (0, 0, 2, "cell"), (0, 2, 2, "cell")]
    assert left(row, 0, 5) == [(0, 4, 0, "table"), (0, 4, 1, "row")]


def test_an_image_goes_with_what_is_around_it() -> None:
    """A mark without text goes where both of its sides are cut out at once, and stays at the end of a cut."""
    assert left(marks_of((3, 3, 0, "image")), 2, 3) == []
    assert left(marks_of((3, 3, 0, "image")), 3, 2) == [(3, 3, 0, "image")]
    assert left(marks_of((3, 3, 0, "image")), 1, 2) == [(1, 1, 0, "image")]


def test_objects_are_spared_as_a_whole() -> None:
    """A range that covers a part of an object loses what it shares with it; one that covers all of it does not."""
    structure = marks_of(
        (0, 5, 0, "table"), (1, 2, 1, "formula"), (6, 9, 0, "code"), (10, 10, 0, "formula"), (11, 14, 0, "list")
    )
    kept = objects(structure)
    assert [tuple(span.values()) for span in kept.to_pylist()[0]] == [(0, 5, "table"), (6, 9, "code")]
    ranges = pa.array(
        [[{"start": 3, "end": 9}, {"start": 12, "end": 13}]],
        pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())])),
    )
    assert [tuple(span.values()) for span in spared(ranges, kept).to_pylist()[0]] == [(5, 9), (12, 13)]


def test_cuts_out_of_order_are_refused() -> None:
    """A cut that begins before the end of the last one is an error that names it."""
    cut = {"offset": 3, "length": 2, "reason": "", "text": "ab"}
    with pytest.raises(ValueError, match="cut at byte 3 begins before byte 5"):
        shift_marks(marks_of((0, 9, 0, "code")), pa.array([[cut, cut]], SPANS))
