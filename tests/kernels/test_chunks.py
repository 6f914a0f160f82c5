"""The answers of a tokenizer are those for the whole text, whatever was asked before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.kernels import Chunks
from refinery.kernels.reference import chunks as reference
from tools.strategies import CHUNKS

EXCEPTIONS = ("don't", "e.g.", "Mr.")
TEXTS = st.lists(st.lists(st.sampled_from(CHUNKS), max_size=8).map("".join), max_size=4)
_PART = re.compile(r"[A-Za-z]+(?:'s)?|[0-9]+(?:[.:][0-9]+)?|.", re.DOTALL)


def tokens(chunk: str) -> list[int]:
    """Begin a token at each mark and after it, but for the exceptions; return where, but for the first."""
    if chunk in EXCEPTIONS:
        return []
    return [part.start() for part in _PART.finditer(chunk)][1:]


def starts(chunks: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return where tokens start in the chunks with a newline, which is one as well, between any two."""
    found, begin = [], 0
    for chunk in chunks:
        found += [begin, *(begin + cut for cut in tokens(chunk)), begin + len(chunk)]
        begin += len(chunk) + 1
    return np.array(found[:-1], np.uint64)


def cuts(chunks: Chunks, texts: Sequence[str]) -> list[list[int]]:
    """Let it learn what it does not know; then it knows all."""
    batch = pa.array(texts, pa.string())
    _, unknown = chunks.cuts(batch)
    chunks.learn(unknown, starts(unknown))
    found, unknown = chunks.cuts(batch)
    assert unknown == []
    return found.to_pylist()


def whole(text: str) -> Iterator[int]:
    """Yield the cuts of a text in bytes, each chunk taken on its own."""
    for chunk in re.finditer(r"\S+", text):
        at = len(text[: chunk.start()].encode())
        yield from (at + len(chunk[0][:cut].encode()) for cut in tokens(chunk[0]))


@given(first=TEXTS, second=TEXTS)
def test_answers_do_not_depend_on_what_was_asked_before(first: list[str], second: list[str]) -> None:
    """The cuts of a batch are those of the tokenizer for each chunk, also after another batch."""
    chunks = Chunks()
    for texts in (first, second):
        assert cuts(chunks, texts) == [list(whole(text)) for text in texts]


def test_a_chunk_is_asked_for_once() -> None:
    """No chunk is asked for twice, in one text or in several batches."""
    chunks = Chunks()
    cuts(chunks, ["a, b a, e.g.", "b (a)"])
    _, unknown = chunks.cuts(pa.array(["(a) c a, c"]))
    assert unknown == ["c"]


def test_a_long_chunk_is_divided() -> None:
    """No chunk is longer than the limit, whatever the text."""
    text = "a@" * 1000
    _, unknown = Chunks().cuts(pa.array([text]))
    assert {len(chunk) for chunk in unknown} == {reference.LONGEST, len(text) % reference.LONGEST}


def test_the_tokenizer_forgets_between_batches_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of chunks in memory is bounded, except within a batch, which needs all of its own."""
    monkeypatch.setattr(reference, "MOST_KEPT", 2)
    chunks = Chunks()
    assert [cuts(chunks, [f"{letter}@b c@d e@f"]) for letter in "xyxy"] == [[[1, 2, 5, 6, 9, 10]]] * 4
    _, unknown = chunks.cuts(pa.array(["c@d"]))
    assert unknown == ["c@d"]
