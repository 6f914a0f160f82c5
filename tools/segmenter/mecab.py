"""Words of a MeCab dictionary: its ``sys.dic`` is a double array over UTF-8 bytes with lists of tokens."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

HEADER = 72
TOKEN = np.dtype(
    [("left", "<u2"), ("right", "<u2"), ("class", "<u2"), ("cost", "<i2"), ("feature", "<u4"), ("compound", "<u4")]
)


class Entry(NamedTuple):
    """A word with the cost and the part of speech of its cheapest reading."""

    word: str
    cost: int
    speech: str


def entries(path: str) -> Iterator[Entry]:
    """Yield the words of a dictionary."""
    with open(path, "rb") as file:
        data = file.read()
    array, tokens = struct.unpack_from("<24xII", data)
    units = np.frombuffer(data, "<i4", array // 4, HEADER).reshape(-1, 2)
    listed = np.frombuffer(data, TOKEN, tokens // TOKEN.itemsize, HEADER + array)
    features = HEADER + array + tokens
    for word, value in _leaves(units[:, 0].astype(np.int64), units[:, 1].astype(np.int64)):
        some = listed[value >> 8 :][: value & 255]
        best = some[some["cost"].argmin()]
        start = features + int(best["feature"])
        speech = data[start : data.index(b",", start)].decode()
        yield Entry(word.decode(errors="ignore"), int(best["cost"]), speech)


def _leaves(base: np.ndarray, check: np.ndarray) -> Iterator[tuple[bytes, int]]:
    """Yield the strings of a double array with their values: byte b of base p leads to p + b + 1, a leaf is at p."""
    used = np.nonzero(check)[0]
    used = used[np.argsort(check[used], kind="stable")]
    parents, first = np.unique(check[used], return_index=True)
    edges = np.append(first, len(used))
    number = {int(parent): at for at, parent in enumerate(parents)}
    open_nodes = [(int(base[0]), b"")]
    while open_nodes:
        parent, word = open_nodes.pop()
        at = number.get(parent)
        if at is None:
            continue
        for child in used[edges[at] : edges[at + 1]].tolist():
            if child == parent:
                if base[child] < 0:
                    yield word, -int(base[child]) - 1
            else:
                open_nodes.append((int(base[child]), word + bytes([child - parent - 1])))
