"""Spans of sentences against a naive reading of documents one after another."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from refinery.kernels import normalise, undo
from refinery.kernels.reference.sentences import sentence_ends
from refinery.stage.documents import Docs
from refinery.stages._sentences import ends_of as sentence_places
from refinery.stages._terminals import TERMINALS
from refinery.stages.sentences import Sentences
from refinery.testing import Past, documents, run_global

Span = tuple[int, int]

SENTENCES = ["One.", "Two is it.", "two, is IT!", "Three?", "A b.", "- .", "日本。", "e\u0301t\u00e9."]
TEXTS = st.lists(
    st.tuples(st.sampled_from(SENTENCES), st.sampled_from([" ", " ", "\n", "  "])).map("".join), max_size=9
).map("".join)
STAGES = st.builds(Sentences, words=st.just("whitespace"), span=st.integers(1, 3), normalise=st.booleans())


def ends_of(text: str) -> list[int]:
    ends: list[int] = sentence_ends(pa.array([text]), TERMINALS)[0].as_py()
    return ends


def naive(stage: Sentences, texts: Sequence[str], dates: Sequence[int], seen: set[Any] | None = None) -> list[str]:
    """The texts after cuts, which go from the first document to the last and remember each span."""
    seen = set() if seen is None else seen
    after = list(texts)
    for place in sorted(range(len(texts)), key=dates.__getitem__):
        data, ends = texts[place].encode(), ends_of(texts[place])
        found = [data[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
        names = [normalise(pa.array([each]))[0].as_py() if stage.normalise else each.strip() for each in found]
        gone: set[int] = set()
        for at in range(len(names) - stage.span + 1):
            window = tuple(names[at : at + stage.span])
            if any(window):
                gone |= set(range(at, at + stage.span)) if window in seen else set()
                seen.add(window)
        rest = "".join(each for at, each in enumerate([*found, data[(ends or [0])[-1] :].decode()]) if at not in gone)
        after[place] = rest.lstrip() if 0 in gone else rest
    return after


def dated(texts: Sequence[str], dates: Sequence[int], first: int = 0) -> Docs:
    batch = documents(texts, first).batch
    field = batch.schema.field("date")
    column = pa.array([1000 * date for date in dates], field.type)
    return Docs(batch.set_column(batch.schema.get_field_index("date"), field, column))


def in_parts(texts: Sequence[str], dates: Sequence[int], draw: random.Random) -> list[list[Docs]]:
    """The documents in order, in parts and batches of any size."""
    parts: list[list[Docs]] = []
    at = 0
    while at < len(texts) or not parts:
        size = draw.randint(1, max(1, len(texts) - at))
        batch = dated(texts[at : at + size], dates[at : at + size], at)
        at += size
        if parts and draw.random() < 0.5:
            parts[-1].append(batch)
        else:
            parts.append([batch])
    return parts


def rows_of(stage: Sentences, parts: Sequence[Sequence[Docs]], past: Sequence[Past] = ()) -> list[dict[str, Any]]:
    rows = []
    for edits in run_global(stage, parts, past):
        for edited in edits:
            assert pa.struct([(name, values.type) for name, values in edited.metrics.items()]) == stage.metrics_type()
            values = {**edited.metrics, **edited.columns}
            rows += pa.RecordBatch.from_arrays(list(values.values()), names=list(values)).to_pylist()
    return rows


@given(st.lists(TEXTS, max_size=6), STAGES, st.randoms())
@example(["One. Two. Three. Four.", "Zero. One. Two. Three.", "Two. Three. Four. Five."], Sentences(), random.Random(1))
@settings(max_examples=300)
def test_cuts_as_a_naive_reading(texts: list[str], stage: Sentences, draw: random.Random) -> None:
    """In any parts and batches, with any dates, texts are those of the definition, and cuts can be undone."""
    dates = draw.sample(range(len(texts)), len(texts))
    found = rows_of(stage, in_parts(texts, dates, draw))
    assert [row["text"] for row in found] == naive(stage, texts, dates)
    after, removed = pa.array([row["text"] for row in found], pa.string()), [row["removed"] for row in found]
    assert undo(after, pa.array(removed, stage.evidence[0].type)).to_pylist() == texts


@given(st.lists(TEXTS, max_size=6), STAGES, st.randoms())
def test_order_and_parts_do_not_matter(texts: list[str], stage: Sentences, draw: random.Random) -> None:
    """Documents of one second are cut the same wherever they are, by a fixed random order."""
    whole = dated(texts, [7] * len(texts))
    expected = rows_of(stage, [[whole]])
    order = draw.sample(range(len(texts)), len(texts))
    shuffled = Docs(whole.batch.take(pa.array(order, pa.int64())))
    middle = draw.randint(0, len(texts))
    parts = [[shuffled.slice(0, middle)], [shuffled.slice(middle)]]
    assert rows_of(stage, parts) == [expected[place] for place in order]


@given(st.lists(TEXTS, max_size=4), st.lists(TEXTS, max_size=4), STAGES)
def test_reference_roots(old: list[str], new: list[str], stage: Sentences) -> None:
    """Spans of a reference root are first copies; within: false compares with nothing else."""
    against = stage.model_copy(update={"against": ("before",)})
    past = [Past(stage, [[dated(old, range(len(old)))]])]
    seen: set[Any] = set()
    naive(stage, old, range(len(old)), seen)
    batch = [[dated(new, range(len(new)))]]
    assert [row["text"] for row in rows_of(against, batch, past)] == naive(stage, new, range(len(new)), set(seen))
    only = against.model_copy(update={"within": False})
    alone = [naive(stage, [text], [0], set(seen))[0] for text in new]
    found = [row["text"] for row in rows_of(only, batch, past)]
    assert all(len(one) >= len(other) for one, other in zip(found, alone, strict=True))
    if not old:
        assert found == new


def test_what_is_left_is_counted_where_something_was_cut() -> None:
    """Documents without a cut have no counts, so that short ones stay."""
    stage = Sentences(min_words=4, min_sentences=1)
    texts = ["Aa one. Bb two. Cc three.", "Aa one. Bb two. Cc three. Dd is the fourth."]
    first, second = rows_of(stage, [[dated(texts, [1, 2])]])
    assert (first["removed_sentences"], first["words_left"], first["sentences_left"]) == (0, None, None)
    assert (second["removed_sentences"], second["words_left"], second["sentences_left"]) == (3, 4, 1)
    assert second["text"] == "Dd is the fourth."
    assert [span["reason"] for span in second["removed"]] == ["repeated"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", 3),
        ('He said "no." Then he left.', 2),
        ("Wait... no", 1),
        ("J. R. Smith of the U.S. army came. He won.", 2),
        ("It costs 3.50 euros. And more?!", 2),
        ("これは文です。次の文。", 1),
        ("One (two.) three", 2),
        ("No mark", 1),
        ("First\nsecond", 1),
        ("First.\n\nsecond", 2),
        ("", 0),
        (" \n", 0),
        ("One. - Two.", 2),
    ],
)
def test_sentences(text: str, expected: int) -> None:
    """Punctuation at the end of a word ends a sentence; ellipses, initials and numbers do not."""
    assert len(ends_of(text)) == expected


def test_tokens_end_sentences() -> None:
    """Of words that are tokens only one that is an end itself ends a sentence, as in spaCy's sentencizer."""
    text, cuts = "Mr. A left . B", pa.array([[]], pa.list_(pa.uint32()))
    assert sentence_ends(pa.array([text]), ".", cuts, tokens=True).to_pylist() == [[12, 14]]
    assert sentence_ends(pa.array(["Stop.Go"]), ".", pa.array([[4, 5]], cuts.type), tokens=True).to_pylist() == [[5, 7]]


def test_lines_end_sentences() -> None:
    """If wanted, a newline ends a sentence."""
    assert sentence_ends(pa.array(["a b\ncc. d\n"]), ".", lines=True).to_pylist() == [[3, 7, 9]]


@pytest.mark.parametrize("language", ["en", "de", "hi", "xx"])
@given(
    pieces=st.lists(
        st.sampled_from([*SENTENCES, "Mr. ", " ", "\n\n", "e.g.", "?!", "\u2026)", "।", "՞", "\u1735"]), max_size=9
    )
)
def test_sentences_of_spacy_are_those_of_its_sentencizer(language: str, pieces: list[str]) -> None:
    """Where words are spaCy's, its sentencizer decides where sentences end, white space aside."""
    spacy = pytest.importorskip("spacy", reason="needs spaCy")
    text = "".join(pieces)
    data = text.encode()
    ends = sentence_places(documents([text]).with_columns({"lang": pa.array([language])}), "spacy")[0].as_py()
    found = [data[start:end].decode().strip() for start, end in pairwise([0, *ends])]
    pipeline = sentencizer(spacy, language)
    assert found == [each for sent in pipeline(text).sents if (each := sent.text.strip())]


@cache
def sentencizer(spacy: Any, language: str) -> Any:
    pipeline = spacy.blank(language)
    pipeline.add_pipe("sentencizer")
    return pipeline
