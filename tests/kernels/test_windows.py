"""Window hashes, the runs they mark, and the place of those in the original text."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import (
    byte_ranges,
    contains,
    mark_repeated,
    mix64,
    original_spans,
    window_hashes,
)
from refinery.kernels.reference import windows
from refinery.kernels.reference.ragged import span_lists

LISTS = pa.list_(pa.uint16())

documents = st.lists(st.lists(st.integers(0, 2), max_size=25), max_size=5)
sizes = st.integers(1, 6)


def hashes_of(tokens: list[list[int]], size: int) -> list[list[int]]:
    return list(window_hashes(pa.array(tokens, LISTS), size).to_pylist())


def runs_of(marked: list[bool]) -> list[tuple[int, int]]:
    found, at = [], 0
    for value, group in groupby(marked):
        length = len(list(group))
        if value:
            found.append((at, at + length))
        at += length
    return found


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=8))
def test_hash_is_the_documented_polynomial(values: list[int]) -> None:
    """The hash is the sum of m(t) B**(k-i) modulo 2**64, with m as documented."""

    def mixed(value: int) -> int:
        x = (value + windows._BASE) % 2**64
        x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD % 2**64
        x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 % 2**64
        return x ^ x >> 33

    expected = 0
    for value in values:
        expected = (expected * windows._BASE + mixed(value)) % 2**64
    assert hashes_of_wide(values) == [expected]
    assert mix64(np.array(values, np.uint64)).tolist() == [mixed(value) for value in values]


def hashes_of_wide(values: list[int]) -> list[int]:
    return list(window_hashes(pa.array([values], pa.list_(pa.uint64())), len(values))[0].as_py())


@given(documents, sizes)
@settings(max_examples=200)
def test_equal_hashes_mean_equal_windows(tokens: list[list[int]], size: int) -> None:
    """Two windows have one hash if and only if they have the same tokens, wherever they are."""
    seen: dict[int, tuple[int, ...]] = {}
    names: dict[tuple[int, ...], int] = {}
    for document, hashes in zip(tokens, hashes_of(tokens, size), strict=True):
        assert len(hashes) == max(0, len(document) - size + 1)
        for start, found in enumerate(hashes):
            window = tuple(document[start : start + size])
            assert seen.setdefault(found, window) == window
            assert names.setdefault(window, found) == found


def test_thue_morse_windows_differ() -> None:
    """The sequences that break polynomial hashes modulo 2**64 are apart at any size in use."""
    bits = [i.bit_count() % 2 for i in range(512)]
    for size in (32, 50, 64, 128, 256):
        windows_ = {tuple(bits[i : i + size]) for i in range(512 - size + 1)}
        assert len(set(hashes_of([bits], size)[0])) == len(windows_)


def test_random_hashes_fill_all_bits() -> None:
    """Each bit of the hashes is set half of the time, so equal key ranges hold equally many."""
    tokens = np.random.default_rng(1).integers(0, 50_000, 20_000).tolist()
    hashes = np.array(hashes_of([tokens], 50)[0], np.uint64)
    bits = (hashes[:, None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.02


@given(documents, sizes)
@settings(max_examples=200)
def test_marks_what_repeats(tokens: list[list[int]], size: int) -> None:
    """The marked runs are the positions inside some window that occurs twice."""
    counts = Counter(tuple(document[i : i + size]) for document in tokens for i in range(len(document) - size + 1))
    expected = []
    for document in tokens:
        marked = [False] * len(document)
        for i in range(len(document) - size + 1):
            if counts[tuple(document[i : i + size])] > 1:
                marked[i : i + size] = [True] * size
        expected.append(runs_of(marked))

    lists = pa.array(tokens, LISTS)
    keys, numbers = np.unique(window_hashes(lists, size).flatten().to_numpy(), return_counts=True)
    found = mark_repeated(lists, keys[numbers > 1], size).to_pylist()
    assert [[(run["start"], run["end"]) for run in runs] for runs in found] == expected


@given(st.lists(st.integers(0, 20), max_size=8), st.lists(st.integers(0, 20), max_size=8))
def test_contains_is_membership(among: list[int], values: list[int]) -> None:
    """A value is found if and only if it is there."""
    found = contains(np.array(sorted(among), np.uint64), np.array(values, np.uint64))
    assert found.tolist() == [value in among for value in values]


def spans_in(text: str, lengths: list[int], runs: list[tuple[int, int]], *, normalised: bool) -> list[str]:
    """The originals of runs of tokens, where token i has ``lengths[i]`` bytes of the normalised text."""
    ranges = byte_ranges(span_lists([np.array(runs, np.int64)]), pa.array([lengths], LISTS))
    found = original_spans(pa.array([text]), ranges, normalised=normalised)[0].as_py()
    return [text.encode()[span["start"] : span["end"]].decode() for span in found]


@pytest.mark.parametrize(
    ("text", "lengths", "run", "expected"),
    [
        ("Oh, (my) God!", [2, 3, 4], (1, 2), [" (my"]),  # the tokens are "oh", " my", " god"
        ("Oh, (my) God!", [2, 3, 4], (0, 3), ["Oh, (my) God"]),
        ("cafe\u0301 au lait", [4, 3, 5], (0, 1), ["cafe\u0301"]),
        ("漢字x", [1, 3, 2, 1], (1, 3), ["字"]),  # both ends inside 漢字: only whole characters go
        ("漢字x", [1, 3, 2, 1], (1, 2), []),
        ("각x", [3, 3, 3, 1], (0, 2), []),  # two of the three letters of a syllable
        ("각x", [3, 3, 3, 1], (1, 4), ["x"]),
    ],
)
def test_spans_of_the_original(text: str, lengths: list[int], run: tuple[int, int], expected: list[str]) -> None:
    """From the first character wholly in the first token to the last one in the last, with what was deleted between."""
    assert spans_in(text, lengths, [run], normalised=True) == expected


@given(st.text("aé漢\U0001f600 ", max_size=12), st.data())
@settings(max_examples=100)
def test_spans_of_unnormalised_text_are_its_whole_characters(text: str, data: st.DataObject) -> None:
    """A run that is cut anywhere covers exactly the characters all of whose bytes are in it."""
    size = len(text.encode())
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    inside, at = "", 0
    for character in text:
        width = len(character.encode())
        inside += character if start <= at and at + width <= end else ""
        at += width
    found = spans_in(text, [start, end - start, size - end], [(1, 2)], normalised=False)
    assert "".join(found) == inside


def test_slices() -> None:
    """A slice of a batch gives what its documents give alone."""
    tokens = pa.array([[1, 2, 1, 2], [3], [2, 1, 2, 1, 2]], LISTS)
    assert window_hashes(tokens.slice(2), 2).to_pylist() == hashes_of([[2, 1, 2, 1, 2]], 2)
    assert window_hashes(tokens.slice(0, 0), 2).to_pylist() == []


def test_refuses_null_lists() -> None:
    """A null list is a mistake of the caller."""
    with pytest.raises(ValueError, match="1 nulls"):
        window_hashes(pa.array([None, [1]], LISTS), 2)
