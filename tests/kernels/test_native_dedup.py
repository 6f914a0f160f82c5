"""The native kernels of deduplication give what their twins give, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refinery.kernels.reference import cuts, minhash, normalise, repeats, unionfind, units, windows

pytest.importorskip("refinery.kernels._native", reason="the native kernels are not built", exc_type=ImportError)

from refinery.kernels import native_dedup as native

ODD = (
    "\u0301\u0344\u20e3\u200d\ufe0f\u0323\u302e\U0001d165\u0915\u094d\u093f"  # marks, joiners, vowel signs
    "\u0130\u00df\u1e9e\ufb01\uac01\u1100\u1161\u03a3\u03c2\u00e9\u212b\u2260"  # letters that change their length
    "\u0000\u001c\u0085\u00a0\u3000\u2028 \n\t_-'.\u00bf\u037e\U0001f468\U0001f3fd$+<eAB"
)

WIDTHS = {pa.uint8(): 2**8, pa.uint16(): 2**16, pa.uint32(): 2**32, pa.uint64(): 2**64}

texts = st.lists(
    st.none() | st.text() | st.text(" \t\x1c\x1f\x85\xa0\u1680\u2003\u2028\u205f\u3000\u200baé漢"), max_size=5
)
numbers = st.integers(0, 9) | st.integers(0, 2**64 - 1)
columns = st.lists(numbers, max_size=40).map(lambda values: np.array(values, np.uint64))


@st.composite
def lists(draw: st.DrawFn, *types: pa.DataType) -> pa.ListArray:
    """Lists of unsigned integers, now and then a slice of a larger array."""
    type_ = draw(st.sampled_from(types or tuple(WIDTHS)))
    values = st.integers(0, 2) | st.integers(0, WIDTHS[type_] - 1)
    rows = draw(st.lists(st.lists(values, max_size=25), max_size=5))
    start = draw(st.integers(0, len(rows)))
    return pa.array(rows, pa.list_(type_)).slice(start, draw(st.integers(0, len(rows))))


def same(found: pa.Array, expected: pa.Array) -> None:
    found.validate(full=True)
    assert found.type == expected.type
    assert found.equals(expected)


def same_numbers(found: Sequence[Any], expected: Sequence[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        assert one.tolist() == other.tolist()


@given(texts)
def test_hashes_of_strings_and_words(rows: list[str | None]) -> None:
    """Strings and words have the hashes of the twin, null and all kinds of white space included, in slices too."""
    for array in (pa.array(rows, pa.string()), pa.array(["a b", *rows], pa.string()).slice(1)):
        same(native.string_hashes(array), minhash.string_hashes(array))
        same(native.word_ids(array), minhash.word_ids(array))
        same(native.word_sizes(array), units.word_sizes(array))


def test_every_character_is_white_space_or_not() -> None:
    """Each code point cuts words, or does not, as in Python."""
    array = pa.array(["".join(f"a{chr(code)}b" for code in range(0x110000) if not 0xD800 <= code < 0xE000)])
    same(native.word_ids(array), minhash.word_ids(array))
    same(native.word_sizes(array), units.word_sizes(array))


@given(texts | st.lists(st.text(ODD, max_size=40), max_size=4))
@settings(max_examples=300)
def test_normalised_text(rows: list[str | None]) -> None:
    """Texts are normalised as by the twin, null and slices included."""
    for array in (pa.array(rows, pa.string()), pa.array(["É ", *rows], pa.string()).slice(1)):
        same(native.normalise(array), normalise.normalise(array))


def test_every_character_is_normalised() -> None:
    """Each code point is normalised as by the twin, at the start, inside and at the end of a text."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    codes = [code for code in codes if code < 0x33000 or code % 997 == 0 or 0xE0000 <= code < 0xE0200]
    some = [code for code in codes if code < 0x500 or code % 23 == 0]
    for array in (pa.array([*map(chr, some)]), pa.array(["".join(f"a{chr(code)} {chr(code)}" for code in codes)])):
        same(native.normalise(array), normalise.normalise(array))


@given(lists(), st.integers(1, 30))
def test_window_hashes(tokens: pa.ListArray, size: int) -> None:
    """Windows have the hashes of the twin, for tokens of any width."""
    same(native.window_hashes(tokens, size), windows.window_hashes(tokens, size))


@given(lists(), st.integers(1, 30))
def test_shingles(tokens: pa.ListArray, size: int) -> None:
    """Sets of shingles are those of the twin, those of short documents included."""
    same(native.shingles(tokens, size), minhash.shingles(tokens, size))


@given(lists(pa.uint32()), st.integers(1, 12), st.integers(1, 21), st.integers(0, 3))
@settings(max_examples=50)
def test_band_keys(sets: pa.ListArray, bands: int, rows: int, seed: int) -> None:
    """Keys are those of the twin, however many hash functions fill registers."""
    same(native.band_keys(sets, bands, rows, seed), minhash.band_keys(sets, bands, rows, seed))


@pytest.mark.parametrize(("bands", "rows"), [(450, 20), (14, 8), (1, 300)])
def test_band_keys_of_large_sets(bands: int, rows: int) -> None:
    """The settings in use give the keys of the twin, for sets of more members than are swept at once too."""
    draw = np.random.default_rng(3)
    sets = pa.array([draw.integers(0, 2**32, size, np.uint32) for size in (1, 332, 5_000)], pa.list_(pa.uint32()))
    same(native.band_keys(sets, bands, rows, 1), minhash.band_keys(sets, bands, rows, 1))


@given(columns, columns)
def test_membership_and_mixing(some: np.ndarray[Any, Any], values: np.ndarray[Any, Any]) -> None:
    """Membership and the 64-bit bijection are those of the twins, for even and uneven numbers."""
    among = np.sort(np.concatenate([some, values[::2]]))
    for sought in (values, values[:1], np.concatenate([values] * 20)):
        same_numbers((native.contains(among, sought),), (windows.contains(among, sought),))
    same_numbers((native.mix64(values),), (windows.mix64(values),))


@given(lists(), columns, st.integers(1, 9))
def test_marks(given_: pa.ListArray, others: np.ndarray[Any, Any], size: int) -> None:
    """Runs are those of the twin, whichever windows repeat."""
    hashes = windows.window_hashes(given_, size).flatten().to_numpy()
    for among in (np.unique(np.concatenate([others, hashes[::3]])), others[:0]):
        same(native.mark_repeated(given_, among, size), windows.mark_repeated(given_, among, size))


@given(lists(), columns, st.integers(0, 3), st.integers(1, 9))
def test_marks_of_copies(given_: pa.ListArray, others: np.ndarray[Any, Any], row: int, size: int) -> None:
    """Runs that go, and those that stay, are the twin's, whichever document keeps a window."""
    hashes = windows.window_hashes(given_, size).flatten().to_numpy()
    repeated = np.unique(np.concatenate([others, hashes[::2]]))
    keepers = (repeated % np.uint64(7)).astype(np.uint32)
    keepers[::5] = windows.ELSEWHERE
    found = native.mark_copies(given_, repeated, keepers, row, size)
    for one, other in zip(found, windows.mark_copies(given_, repeated, keepers, row, size), strict=True):
        same(one, other)


@st.composite
def runs_in_texts(draw: st.DrawFn) -> tuple[pa.ListArray, pa.ListArray, pa.StringArray]:
    """Runs of tokens that are arbitrary pieces of bytes, the sizes of these, and the texts."""
    some = pa.array(draw(st.lists(st.text(ODD, max_size=20), max_size=4)), pa.string())
    sizes = [len(text.encode()) for text in normalise.normalise(some).to_pylist()]
    tokens = [draw(st.lists(st.integers(0, 6), max_size=size + 2)) for size in sizes]
    places = [sorted(draw(st.lists(st.integers(0, len(ids)), max_size=8))) for ids in tokens]
    runs = [[{"start": a, "end": b} for a, b in zip(ends[::2], ends[1::2], strict=False)] for ends in places]
    type_ = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))
    width = draw(st.sampled_from([pa.uint8(), pa.uint16(), pa.uint64()]))
    return pa.array(runs, type_), pa.array(tokens, pa.list_(width)), some


@given(runs_in_texts(), st.integers(0, 2))
@settings(max_examples=300)
def test_spans(given: tuple[pa.ListArray, pa.ListArray, pa.StringArray], skip: int) -> None:
    """Runs lie in the original where the twin says, whether tokens end inside characters or not, in slices too."""
    runs, sizes, some = (column.slice(skip) for column in given)
    ranges = native.byte_ranges(runs, sizes)
    same(ranges, windows.byte_ranges(runs, sizes))
    for normalised in (True, False):
        spans = native.original_spans(some, ranges, normalised=normalised)
        same(spans, windows.original_spans(some, ranges, normalised=normalised))
    if all(a["end"] <= b["start"] for row in spans.to_pylist() for a, b in pairwise(row)):
        for one, other in zip(native.take_out(some, spans), cuts.take_out(some, spans), strict=True):
            same(one, other)


@given(columns, st.integers(0, 63))
def test_order_and_repetitions(values: np.ndarray[Any, Any], bits: int) -> None:
    """Order, counts and repetitions are those of the twins, whether numbers are near or far from each other."""
    for given_ in (values, values >> np.uint64(bits), np.concatenate([values, values[::2]])):
        same_numbers((native.order_of(given_),), (repeats.order_of(given_),))
        same_numbers((native.at_most_twice([given_]),), (repeats.at_most_twice([given_]),))
        same_numbers((native.repeated(given_),), (repeats.repeated(given_),))


@given(st.lists(columns, max_size=5), st.integers(0, 63))
def test_what_recurs_in_runs(some: list[np.ndarray[Any, Any]], bits: int) -> None:
    """Numbers that are there more than once are those of the twin, in ascending runs and out of order."""
    runs = [np.sort(run >> np.uint64(bits)) for run in some]
    for given_ in ([], runs, [*runs, *runs[:1]], some):
        same_numbers(native.recurs(given_), repeats.recurs(given_))
        same_numbers((native.at_most_twice(given_),), (repeats.at_most_twice(given_),))


@pytest.mark.parametrize("shape", ["even", "few", "equal", "ascending", "descending", "clumps", "same leading bits"])
def test_order_of_many(shape: str) -> None:
    """Many numbers are in the twin's order in little more than linear time, whatever was done to their bits."""
    draw = np.random.default_rng(5)
    count = 300_000
    even = draw.integers(0, 2**64, count, np.uint64)
    values = {
        "even": even,
        "few": even % np.uint64(7),
        "equal": even * np.uint64(0),
        "ascending": np.sort(even),
        "descending": np.sort(even)[::-1],
        "clumps": (even % np.uint64(5)) << np.uint64(40) | even >> np.uint64(44),
        "same leading bits": np.append(even >> np.uint64(30), np.uint64(2**64 - 1)),
    }[shape]
    began = time.process_time()
    order = native.order_of(values)
    assert time.process_time() - began < 1
    same_numbers((order,), (repeats.order_of(values),))
    same_numbers((native.repeated(values),), (repeats.repeated(values),))
    runs = [np.sort(run) for run in np.array_split(values, 9)]
    began = time.process_time()
    again = native.recurs(runs)
    assert time.process_time() - began < 1
    same_numbers(again, repeats.recurs(runs))


@given(st.lists(st.tuples(numbers, numbers), max_size=40), st.integers(1, 9))
def test_components(pairs: list[tuple[int, int]], limit: int) -> None:
    """Components and forests are those of the twin."""
    a, b = (np.array([pair[side] for pair in pairs], np.uint64) for side in (0, 1))
    same_numbers(native.components(a, b), unionfind.components(a, b))
    same_numbers(native.spanning_forest(a, b), unionfind.spanning_forest(a, b))
    stream = [(a[i : i + 4], b[i : i + 4]) for i in range(0, len(a), 4)]
    same_numbers(native.forest_of(stream, limit), unionfind.forest_of(stream, limit))


def test_a_huge_document() -> None:
    """Documents of a million tokens, of few or many kinds, are as in the twin and take no more than linear time."""
    for kinds in (1, 2, 50_000):
        tokens = pa.array([np.random.default_rng(kinds).integers(0, kinds, 1_000_000, np.uint16)])
        began = time.process_time()
        hashes, sets = native.window_hashes(tokens, 50), native.shingles(tokens, 5)
        marks = native.mark_repeated(tokens, np.unique(hashes.flatten().to_numpy()[::7]), 50)
        assert time.process_time() - began < 5
        same(hashes, windows.window_hashes(tokens, 50))
        same(sets, minhash.shingles(tokens, 5))
        same(marks, windows.mark_repeated(tokens, np.unique(hashes.flatten().to_numpy()[::7]), 50))


NULL_LIST = pa.array([[1], None], pa.list_(pa.uint64()))
NULL_NUMBER = pa.array([[1, None]], pa.list_(pa.uint64()))
SOME = pa.array([[1, 2]], pa.list_(pa.uint64()))
NOT_UTF8 = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\3\0\0\0"), pa.py_buffer(b"a\xffb"))
ONE = np.ones(1, np.uint64)
LENGTHS = np.ones(3, np.uint16)
TEXT = pa.array(["abc"])


def runs_of(start: int, end: int | None) -> pa.ListArray:
    type_ = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))
    return pa.array([[{"start": start, "end": end}]], type_)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: native.window_hashes(NULL_LIST, 2), ValueError),
        (lambda: native.shingles(NULL_LIST, 2), ValueError),
        (lambda: native.window_hashes(NULL_NUMBER, 2), ValueError),
        (lambda: native.mark_repeated(NULL_LIST, ONE, 2), ValueError),
        (lambda: native.mark_copies(NULL_LIST, ONE, np.zeros(1, np.uint32), 0, 2), ValueError),
        (lambda: native.mark_copies(SOME.cast(pa.list_(pa.uint64())), ONE, np.zeros(2, np.uint32), 0, 2), ValueError),
        (lambda: native.window_hashes(SOME, 0), ValueError),
        (lambda: native.window_hashes(SOME, -1), OverflowError),
        (lambda: native.window_hashes(pa.array([["a"]]), 2), TypeError),
        (lambda: native.window_hashes(pa.array(["a"]), 2), TypeError),
        (lambda: native.word_ids(pa.array(["a"], pa.large_string())), TypeError),
        (lambda: native.string_hashes(pa.array([1])), TypeError),
        (lambda: native.normalise(pa.array([b"a"])), TypeError),
        (lambda: native.normalise(NOT_UTF8), ValueError),
        (lambda: native.band_keys(SOME, 2, 2, 1), TypeError),
        (lambda: native.band_keys(SOME.cast(pa.list_(pa.uint32())), 0, 2, 1), ValueError),
        (lambda: native.contains(np.array([2, 1, 0], np.uint64), ONE), ValueError),
        (lambda: native.components(ONE, ONE[:0]), ValueError),
        (lambda: native.byte_ranges(runs_of(0, 3), SOME), ValueError),
        (lambda: native.byte_ranges(runs_of(2**64 - 1, 2), SOME), ValueError),
        (lambda: native.byte_ranges(runs_of(0, 1), SOME[:0]), ValueError),
        (lambda: native.byte_ranges(runs_of(0, None), SOME), ValueError),
        (lambda: native.original_spans(NOT_UTF8, runs_of(0, 1), normalised=True), ValueError),
        (lambda: native.original_spans(TEXT[:0], runs_of(0, 1), normalised=True), ValueError),
        (lambda: native.original_spans(TEXT, runs_of(0, None), normalised=False), ValueError),
        (lambda: native.original_spans(TEXT, SOME, normalised=False), TypeError),
        (lambda: native.take_out(TEXT, runs_of(1, 4)), ValueError),
        (lambda: native.take_out(TEXT, runs_of(2, 1)), ValueError),
        (lambda: native.take_out(pa.array(["\u00e9"]), runs_of(1, 2)), ValueError),
        (lambda: native.take_out(TEXT[:0], runs_of(0, 1)), ValueError),
    ],
)
def test_wrong_inputs_are_refused(call: Callable[[], Any], error: type[Exception]) -> None:
    """What a kernel cannot take raises an ordinary exception: it never panics."""
    with pytest.raises(error):
        call()
