"""The native kernels of deduplication give what their twins give, bit for bit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from refinery.kernels.reference import minhash, normalise, repeats, units, windows
from tests.kernels.natives import native
from tools.parity import same


def test_every_character_is_white_space_or_not() -> None:
    """Each code point cuts words, or does not, as in Python."""
    array = pa.array(["".join(f"a{chr(code)}b" for code in range(0x110000) if not 0xD800 <= code < 0xE000)])
    same(native.word_ids(array), minhash.word_ids(array))
    same(native.word_sizes(array), units.word_sizes(array))


def test_every_character_is_normalised() -> None:
    """Each code point is normalised as by the twin, at the start, inside and at the end of a text."""
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    codes = [code for code in codes if code < 0x33000 or code % 997 == 0 or 0xE0000 <= code < 0xE0200]
    some = [code for code in codes if code < 0x500 or code % 23 == 0]
    for array in (pa.array([*map(chr, some)]), pa.array(["".join(f"a{chr(code)} {chr(code)}" for code in codes)])):
        same(native.normalise(array), normalise.normalise(array))


@pytest.mark.parametrize(("bands", "rows"), [(450, 20), (14, 8), (1, 300)])
def test_band_keys_of_large_sets(bands: int, rows: int) -> None:
    """The settings in use give the keys of the twin, for sets of more members than are swept at once too."""
    draw = np.random.default_rng(3)
    sets = pa.array([draw.integers(0, 2**32, size, np.uint32) for size in (1, 332, 5_000)], pa.list_(pa.uint32()))
    same(native.band_keys(sets, bands, rows, 1), minhash.band_keys(sets, bands, rows, 1))


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
    same(order, repeats.order_of(values))
    same(native.repeated(values), repeats.repeated(values))
    runs = [np.sort(run) for run in np.array_split(values, 9)]
    began = time.process_time()
    again = native.duplicated(runs)
    assert time.process_time() - began < 1
    same(again, repeats.duplicated(runs))


@pytest.mark.slow
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
