"""Exact substring deduplication against brute force."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from refinery.assets import Asset
from refinery.docs import Docs
from refinery.kernels import normalise, token_ids, token_lengths, undo
from refinery.testing import documents, run_global
from stages.substring import Substring

MERGES = Asset("gpt2.bpe").path()
LENGTHS = token_lengths(MERGES).tolist()

Span = tuple[int, int]


# ------------------------------------------------------------------------------------------------------------ oracle


def units_of(text: str, *, normalised: bool) -> list[tuple[str, int, int]]:
    """What each least piece that can be cut is normalised to, and its bytes in the text; one character at a time."""
    units: list[tuple[str, int, int]] = []
    at, attached = 0, False
    for character in text:
        start, at = at, at + len(character.encode())
        piece = normalise(pa.array([f"x{character}x"]))[0].as_py()[1:-1] if normalised else character
        category = unicodedata.category(character)
        if piece or not normalised:
            if piece == " " and normalised and units and units[-1][0] == " ":
                units[-1] = (" ", units[-1][1], at)
            else:
                units.append((piece, start, at))
            attached = True
        elif category.startswith("P"):
            attached = False
        elif attached:
            units[-1] = (*units[-1][:2], at)
    if normalised:
        units = units[bool(units and units[0][0] == " ") :]
        units = units[: len(units) - bool(units and units[-1][0] == " ")]
    return units


def brute_force(texts: Sequence[str], size: int, *, normalised: bool) -> list[list[Span]]:
    """Compare all windows of tokens as tuples; cut every unit all of whose bytes lie in a repeated window."""
    units = [units_of(text, normalised=normalised) for text in texts]
    tokens = token_ids(pa.array(["".join(unit[0] for unit in each) for each in units], pa.string()), MERGES).to_pylist()
    counts = Counter(tuple(ids[i : i + size]) for ids in tokens for i in range(len(ids) - size + 1))
    found = []
    for each, ids in zip(units, tokens, strict=True):
        marked = [False] * len(ids)
        for i in range(len(ids) - size + 1):
            if counts[tuple(ids[i : i + size])] > 1:
                marked[i : i + size] = [True] * size
        marked_bytes = [mark for mark, token in zip(marked, ids, strict=True) for _ in range(LENGTHS[token])]
        wholly = []
        for piece, start, end in each:
            width = len(piece.encode())
            wholly.append((all(marked_bytes[:width]), start, end))
            del marked_bytes[:width]
        assert not marked_bytes
        groups = [(gone, list(group)) for gone, group in groupby(wholly, itemgetter(0))]
        found.append([(group[0][1], group[-1][2]) for gone, group in groups if gone])
    return found


# ------------------------------------------------------------------------------------------------------------ driver


def facts_of(stage: Substring, parts: Sequence[Sequence[Docs]]) -> list[dict[str, Any]]:
    """Facts and new text of each document, in order."""
    rows = []
    for edits in run_global(stage, parts):
        for edited in edits:
            assert pa.struct([(name, values.type) for name, values in edited.facts.items()]) == stage.facts()
            values = {**edited.facts, **edited.columns}
            rows += pa.RecordBatch.from_arrays(list(values.values()), names=list(values)).to_pylist()
    return rows


def spans_of(facts: dict[str, Any]) -> list[Span]:
    return [(span["offset"], span["offset"] + span["length"]) for span in facts["removed"]]


def in_parts(texts: Sequence[str], draw: random.Random) -> list[list[Docs]]:
    """The documents in order, in parts and batches of any size."""
    parts: list[list[Docs]] = []
    at = 0
    while at < len(texts) or not parts:
        size = draw.randint(1, max(1, len(texts) - at))
        batch = documents(texts[at : at + size], at)
        at += size
        if parts and draw.random() < 0.5:
            parts[-1].append(batch)
        else:
            parts.append([batch])
    return parts


# -------------------------------------------------------------------------------------------------------------- laws

few = st.text("ab .", max_size=30)
odd = st.text(st.sampled_from("a\u0301\u00e9\u6f22\u5b57\U0001f600\u200d\uac01 \n.,-\u00df\u0130x"), max_size=30)
periodic = st.builds(
    lambda unit, times, tail: unit * times + tail, st.text("ab ", min_size=1, max_size=4), st.integers(1, 9), few
)
planted = st.builds(
    lambda a, shared, b: a + shared + b, few, st.just(" one Two, thr\u00e9e \u6f22\u5b57 four-five"), few
)
streams = st.lists(st.one_of(few, odd, periodic, planted), max_size=6)


@given(streams, st.integers(1, 6), st.sampled_from([Substring(), Substring(normalise=False)]), st.randoms())
@example(["a a a a a"], 4, Substring(), random.Random(1))
@example(["\U0001f600" * 9], 3, Substring(), random.Random(1))
@settings(max_examples=200)
def test_cuts_what_brute_force_cuts(texts: list[str], size: int, stage: Substring, draw: random.Random) -> None:
    """For small alphabets, periodic runs and planted repeats, in any parts, the spans are those of the definition."""
    found = facts_of(stage.model_copy(update={"min_tokens": size}), in_parts(texts, draw))
    assert [spans_of(facts) for facts in found] == brute_force(texts, size, normalised=stage.normalise)


@given(streams, st.integers(1, 6))
@settings(max_examples=60)
def test_nothing_is_lost(texts: list[str], size: int) -> None:
    """Bytes in are bytes kept and bytes cut, and the removed spans give the text before."""
    found = facts_of(Substring(min_tokens=size), [[documents(texts)]])
    after = pa.array([facts["text"] for facts in found], pa.string())
    removed = pa.array([facts["removed"] for facts in found], Substring.evidence[0].type)
    assert undo(after, removed).to_pylist() == texts
    for text, facts in zip(texts, found, strict=True):
        before = len(text.encode())
        assert before == len(facts["text"].encode()) + facts["cut"]
        assert facts["cut"] == sum(span["length"] for span in facts["removed"])
        assert facts["spans"] == len(facts["removed"])
        assert facts["share"] == (facts["cut"] / before if before else 0)
        assert facts["chars_left"] == len(facts["text"].strip())


@given(streams, st.integers(1, 6), st.randoms())
@settings(max_examples=40)
def test_order_and_parts_do_not_matter(texts: list[str], size: int, draw: random.Random) -> None:
    """A document is cut the same wherever it is."""
    stage = Substring(min_tokens=size)
    order = draw.sample(range(len(texts)), len(texts))
    expected = facts_of(stage, [[documents(texts)]])
    shuffled = facts_of(stage, in_parts([texts[i] for i in order], draw))
    assert shuffled == [expected[i] for i in order]


# ---------------------------------------------------------------------------------------------------------- examples


def words(seed: int, count: int) -> str:
    """Made-up words that begin with one letter, another one for the next seed."""
    draw = random.Random(seed)
    return " ".join(f"{chr(97 + seed % 26)}{draw.randrange(1000)}" for _ in range(count))


def test_every_copy_goes() -> None:
    """A shared paragraph is cut from all documents that have it, and what is around it stays."""
    shared = words(0, 60)
    texts = [f"{words(i, 40)}\n\n{shared}\n\n{words(i + 60, 40)}" for i in range(1, 4)]
    for i, facts in enumerate(facts_of(Substring(), [[documents([text], i)] for i, text in enumerate(texts)])):
        (span,) = facts["removed"]
        assert span["text"].strip() == shared
        assert facts["text"] == texts[i].replace(span["text"], "")
        assert span["reason"] == "repeated"


def test_fifty_tokens_and_not_forty_nine() -> None:
    """A repeat of exactly min_tokens tokens is cut; one token less stays."""
    for count, spans in ((50, 1), (49, 0)):
        shared = " ".join(chr(97 + i % 26) for i in range(count))
        assert len(token_ids(pa.array([f" {shared}"]), MERGES)[0]) == count
        texts = [f"one {shared} and {words(1, 30)}", f"two {shared} or {words(2, 30)}"]
        assert [facts["spans"] for facts in facts_of(Substring(), [[documents(texts)]])] == [spans, spans]


def test_documents_are_not_joined() -> None:
    """A window never reaches from one document into the next, whatever follows it."""
    texts = ["a b c", "d e f", "a b c d e f"]
    found = facts_of(Substring(min_tokens=4), [[documents(texts)]])
    assert [facts["spans"] for facts in found] == [0, 0, 0]


def test_overlapping_copies_in_one_document() -> None:
    """A run of one word repeats itself as soon as two windows of it fit, and then goes as a whole."""
    for count, left in ((50, "start" + " word" * 50), (51, "start")):
        (facts,) = facts_of(Substring(min_tokens=50), [[documents(["start" + " word" * count])]])
        assert facts["text"] == left


def test_too_little_left() -> None:
    """Fewer than twenty characters left is a violation, white space at the ends not counted, with or without a cut."""
    stage = Substring(min_tokens=3)
    (rule,) = stage.rules()
    texts = ["a b c d e f", "x" * 19 + " " * 9, "x" * 20, "", "a b c d e f" + " y" * 12]
    found = facts_of(stage, [[documents(texts)]])
    left = pa.array([facts["chars_left"] for facts in found])
    assert rule.violated(left).to_pylist() == [True, True, False, True, True]
    assert stage.roles("bound") == {"min_chars"}


def test_null_text_is_empty() -> None:
    """A document without text has nothing to cut."""
    (facts,) = facts_of(Substring(), [[documents([None])]])
    assert (facts["text"], facts["chars_left"], facts["removed"]) == ("", 0, [])


def test_odd_texts() -> None:
    """Long and strange texts that occur twice are cut whole, up to punctuation at their ends."""
    texts = [
        "x" * 100_000,
        "word " * 20_000 + ".",
        "\U0001f468\u200d\U0001f469" * 9,
        "\u05e9\u05dc " * 999,
        "e\u0301" * 99,
    ]
    found = facts_of(Substring(min_tokens=5), [[documents(texts)], [documents(texts)]])
    assert [facts["text"].strip(" .") for facts in found] == [""] * len(found)


def test_no_documents() -> None:
    """A part may be empty."""
    assert len(facts_of(Substring(min_tokens=1), [[documents([])], [documents(["a"])]])) == 1


def test_second_scan_finds_new_repeats_only() -> None:
    """No window that was found before cutting is left, but where a cut made two pieces meet."""
    draw = random.Random(1)
    shared = [words(1000 + i, 30) for i in range(20)]
    texts = []
    for i in range(60):
        pieces = [words(i * 10 + j, draw.randrange(5, 60)) for j in range(4)]
        pieces[draw.randrange(4)] += " " + draw.choice(shared)
        texts.append("\n\n".join(pieces))
    stage = Substring(min_tokens=20)
    first = facts_of(stage, [[documents(texts)]])
    cut = {span["text"].strip() for facts in first for span in facts["removed"]}
    kept = "\x00".join(facts["text"] for facts in first)
    assert sum(facts["spans"] for facts in first) >= 50
    assert not any(text in kept for text in cut)
    assert [facts["spans"] for facts in facts_of(stage, [[documents([facts["text"] for facts in first])]])] == [0] * 60


def test_many_copies_are_linear() -> None:
    """Two thousand copies of one page are cut one by one, not pair by pair."""
    found = facts_of(Substring(), [[documents([words(1, 100)] * 2000)]])
    assert {facts["chars_left"] for facts in found} == {0}
