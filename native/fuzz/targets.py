"""What is fuzzed: each native kernel gives what its twin gives, for whatever can be read out of any bytes.

To add a kernel, write a function of ``Reader`` and put it into ``KERNELS``. ``KERNELS`` in the environment names those
to run; each input's first byte chooses one of them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable

os.environ["REFINERY_KERNELS"] = "reference"  # the facades are imported one by one, whatever is installed

import numpy as np
import pyarrow as pa

from refinery.assets import Asset
from refinery.kernels import native_dedup, native_extract, native_langid, native_text
from refinery.kernels.reference import langid, linewise, minhash, normalise, text, unionfind, windows

WIDTHS = (np.uint8, np.uint16, np.uint32, np.uint64)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with", "οδός", "straße", "i̇", "")
RULES = linewise.LineRules(
    start=("share this", "by"),
    end=("read more", "…"),
    anywhere=("sign up for", "© all rights", "straße"),
    counted=("comments", "likes", "ΟΔΌΣ"),
    short_line=6,
)
MODEL = Asset("lid.176.ftz").path()
NOT_SHOWN = re.compile(r"[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\ufeff]|[ \t]\n|\s\Z|\A\n")
ROW, NULL = b"\xff", b"\xfe"
"""Bytes that no UTF-8 text has: between texts, and instead of one."""


class Reader:
    """Reads numbers and texts out of bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def number(self, limit: int) -> int:
        """A number below ``limit``, of one byte."""
        first, self._data = self._data[:1] or b"\0", self._data[1:]
        return first[0] % limit

    def bytes(self) -> bytes:
        """All that is left."""
        rest, self._data = self._data, b""
        return rest

    def texts(self) -> pa.StringArray:
        """All that is left, as texts; now and then a slice."""
        start = self.number(3)
        rows = [None if row == NULL else row.decode("utf-8", "replace") for row in self.bytes().split(ROW)]
        return pa.array(rows, pa.string()).slice(start)

    def tokens(self) -> pa.ListArray:
        """All that is left, as lists of unsigned integers of some width, now and then a slice."""
        start, width = self.number(3), WIDTHS[self.number(4)]
        rows = [
            np.frombuffer(row[: len(row) // width(0).nbytes * width(0).nbytes], width) for row in self._data.split(ROW)
        ]
        return pa.array(rows, pa.list_(pa.from_numpy_dtype(width))).slice(start)

    def numbers(self) -> np.ndarray:
        """All that is left, as integers of 64 bits, most of them small."""
        return np.frombuffer(self.bytes(), np.uint8).astype(np.uint64) ** 7


def statistics(given: Reader) -> None:
    """Text statistics."""
    texts = given.texts()
    same(native_text.text_statistics(texts), text.text_statistics(texts))


def stop_words(given: Reader) -> None:
    """Words that are wanted."""
    texts = given.texts()
    same(native_text.distinct_words(texts, STOP_WORDS), text.distinct_words(texts, STOP_WORDS))


def lines(given: Reader) -> None:
    """Line-wise corrections."""
    texts = given.texts()
    same(native_text.correct_lines(texts, RULES), linewise.correct_lines(texts, RULES))


def languages(given: Reader) -> None:
    """The language of texts."""
    texts = given.texts()
    for found, expected in zip(
        native_langid.identify_languages(texts, MODEL), langid.identify_languages(texts, MODEL), strict=True
    ):
        same(found, expected)


def pages(given: Reader) -> None:
    """The main text of pages, which has no twin: it is clean, and the same alone and in company."""
    favour = ("balance", "precision", "recall")[given.number(3)]
    pages = given.texts()
    urls = pa.nulls(len(pages), pa.string())
    found = native_extract.main_texts(pages, urls, favour)
    found.validate(full=True)
    for row, made in enumerate(found["text"].to_pylist()):
        assert not NOT_SHOWN.search(made), repr(made)
        assert unicodedata.is_normalized("NFC", made), repr(made)
        alone = native_extract.main_texts(pages.slice(row, 1), urls.slice(row, 1), favour)
        assert alone.equals(found.slice(row, 1)), f"row {row} is not the same alone"


def normalised(given: Reader) -> None:
    """Normalised texts, and where each piece was."""
    texts = given.texts()
    same(native_dedup.normalise(texts), normalise.normalise(texts))
    same(native_dedup.alignment(texts), normalise.alignment(texts))
    same(native_dedup.characters(texts), normalise.characters(texts))


def words(given: Reader) -> None:
    """Hashes of words and of whole texts."""
    texts = given.texts()
    same(native_dedup.word_ids(texts), minhash.word_ids(texts))
    same(native_dedup.string_hashes(texts), minhash.string_hashes(texts))


def signatures(given: Reader) -> None:
    """Shingles and keys of bands."""
    size, bands, rows, seed = 1 + given.number(9), 1 + given.number(20), 1 + given.number(30), given.number(5)
    sets = native_dedup.shingles(tokens := given.tokens(), size)
    same(sets, minhash.shingles(tokens, size))
    same(native_dedup.band_keys(sets, bands, rows, seed), minhash.band_keys(sets, bands, rows, seed))


def repeats(given: Reader) -> None:
    """Windows, and where they repeat."""
    size, every = 1 + given.number(60), 1 + given.number(4)
    tokens = given.tokens()
    hashes = native_dedup.window_hashes(tokens, size)
    same(hashes, windows.window_hashes(tokens, size))
    repeated = np.unique(hashes.flatten().to_numpy())[::every].copy()
    same(native_dedup.mark_repeated(hashes, repeated, size), windows.mark_repeated(hashes, repeated, size))


def graphs(given: Reader) -> None:
    """Components and their spanning forests."""
    nodes = given.numbers()
    a, b = nodes[: len(nodes) // 2], nodes[len(nodes) // 2 :][: len(nodes) // 2]
    for native, twin in (
        (native_dedup.components, unionfind.components),
        (native_dedup.spanning_forest, unionfind.spanning_forest),
    ):
        for found, expected in zip(native(a, b), twin(a, b), strict=True):
            same(found, expected)
    same(native_dedup.contains(np.unique(a), b), windows.contains(np.unique(a), b))


KERNELS: dict[str, Callable[[Reader], None]] = {
    "graphs": graphs,
    "languages": languages,
    "lines": lines,
    "normalised": normalised,
    "pages": pages,
    "repeats": repeats,
    "signatures": signatures,
    "statistics": statistics,
    "stop_words": stop_words,
    "words": words,
}

CHOSEN = [KERNELS[name] for name in os.environ.get("KERNELS", ",".join(KERNELS)).split(",")]


def target(data: bytes) -> bool:
    """Hold one kernel against its twin. Raises AssertionError where they differ."""
    reader = Reader(data)
    CHOSEN[reader.number(len(CHOSEN))](reader)
    return True


def same(found: pa.Array | pa.RecordBatch | np.ndarray, expected: pa.Array | pa.RecordBatch | np.ndarray) -> None:
    """Both are equal, and the arrays of Arrow are well formed."""
    if isinstance(found, np.ndarray):
        assert found.tolist() == expected.tolist()
    else:
        found.validate(full=True)
        assert found.equals(expected), f"{found} is not {expected}"
