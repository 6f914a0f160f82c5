"""The answers of a tokenizer are those for the whole text, whatever was asked before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

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


def cuts(chunks: Chunks, texts: Sequence[str]) -> list[list[int]]:
    """Ask until all keys are known."""
    while True:
        found, unknown = chunks.cuts(pa.array(texts, pa.string()))
        if not unknown:
            return found.to_pylist()
        chunks.learn(unknown, [tokens(key) for key in unknown])


def whole(text: str) -> Iterator[int]:
    """Yield the cuts of a text in bytes, each chunk taken on its own."""
    for chunk in re.finditer(r"\S+", text):
        at = len(text[: chunk.start()].encode())
        yield from (at + len(chunk[0][:cut].encode()) for cut in tokens(chunk[0]))


@given(first=TEXTS, second=TEXTS, forms=st.booleans())
def test_answers_do_not_depend_on_what_was_asked_before(first: list[str], second: list[str], forms: bool) -> None:
    """The cuts of a batch are those of the tokenizer for each chunk, also after another batch."""
    chunks = Chunks(EXCEPTIONS, forms=forms)
    for texts in (first, second):
        assert cuts(chunks, texts) == [list(whole(text)) for text in texts]


def test_words_of_one_form_are_asked_for_once() -> None:
    """Words that differ in their letters only are one question; exceptions and addresses are asked for themselves."""
    chunks = Chunks(EXCEPTIONS)
    _, unknown = chunks.cuts(pa.array(["(well-known, (self-made, Mr. www.a.org 45mm 1999, 2024,"]))
    assert unknown == ["(qqq-qqq,", "Mr.", "www.a.org", "45mm", "777,"]


def test_a_long_chunk_is_divided() -> None:
    """No key is longer than the limit, whatever the text."""
    text = "a@" * 1000
    _, unknown = Chunks(()).cuts(pa.array([text]))
    assert {len(key) for key in unknown} <= {reference.LONGEST, len(text) % reference.LONGEST}


def test_the_tokenizer_forgets_when_it_knows_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is bounded, and what was forgotten is asked for again."""
    monkeypatch.setattr(reference, "MOST_KEPT", 2)
    chunks = Chunks(())
    assert [cuts(chunks, [f"{letter}@b c@d e@f"]) for letter in "xyxy"] == [[[1, 2, 5, 6, 9, 10]]] * 4
