"""Lines of many texts as flat columns, so that rules look at all lines of a batch at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import starts_group

BLANKS = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
"""All that ``str.strip`` takes away."""

Numbers = npt.NDArray[Any]


def split_lines(texts: pa.StringArray) -> tuple[pa.StringArray, Numbers]:
    """Return what lies between newlines in all texts, and the number of the text of each line; null has one line."""
    lines = pc.split_pattern(pc.fill_null(texts, ""), "\n")
    return lines.flatten(), pc.list_parent_indices(lines).to_numpy()


def per_text(parents: Numbers, texts: int, weights: Numbers | None = None) -> Numbers:
    """Return the number of lines of each text, or the sum of their weights, given the text of each line."""
    return np.bincount(parents, weights, texts)


def shares(part: Numbers, whole: Numbers) -> Numbers:
    """Return the quotients, 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole != 0)


def repeated(lines: pa.StringArray, parents: Numbers) -> npt.NDArray[np.bool_]:
    """Return True for each line that occurred before in its text."""
    codes = lines.dictionary_encode().indices.to_numpy().astype(np.uint64)
    keys = parents.astype(np.uint64) << np.uint64(32) | codes
    found = np.ones(len(lines), np.bool_)
    found[np.unique(keys, return_index=True)[1]] = False
    return found


def byte_pieces(data: pa.Buffer | None, starts: Numbers, ends: Numbers) -> pa.StringArray:
    """Return pieces of the bytes of texts, which are in order and do not overlap."""
    edges = np.append(np.column_stack([starts, ends]).ravel(), ends[-1:]).astype(np.int32)
    if len(edges) == 0:
        return pa.array([], pa.string())
    every = pa.StringArray.from_buffers(len(edges) - 1, pa.py_buffer(edges), data or pa.py_buffer(b""))
    return every.take(pa.array(np.arange(0, len(every), 2)))


def pieces(texts: pa.StringArray, ends: pa.ListArray) -> pa.StringArray:
    """Return what lies between the ends in texts without nulls, from the beginning of each, one after another."""
    _, offsets, data = texts.buffers()
    firsts = np.frombuffer(offsets or bytes(4), np.int32)[texts.offset : texts.offset + len(texts)].astype(np.int64)
    text = pc.list_parent_indices(ends).to_numpy()
    places = ends.flatten().to_numpy() + firsts[text]
    return byte_pieces(data, np.where(starts_group(text), firsts[text], np.append(0, places)[:-1]), places)
