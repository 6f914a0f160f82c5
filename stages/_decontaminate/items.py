"""Items of benchmarks from JSON lines: questions with their passages and answers, in groups."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from refinery import Asset, AssetError
from refinery.kernels import Benchmarks

ROLES = ("question", "passage", "answer")
"""The texts of an item, in the order of the kernel's numbers."""

KEY, ITEM = "eval_key", "doc_id"

_LINES = "benchmarks are JSON lines, an object each: .jsonl, .jsonl.gz or .jsonl.zst"
_FIELDS = "name the fields of its items with `fields`"
_LARGEST_LINE = 1 << 26


@dataclass
class Items:
    """The texts of items in the order of their groups, and the names of both."""

    texts: list[str] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    benchmarks: list[str] = field(default_factory=list)
    firsts: list[str] = field(default_factory=list)
    """Of each group the item that stands for it: the first with a correct answer, else the first."""

    def prepared(self, common: Sequence[str]) -> Benchmarks:
        """Return the items as the kernel that finds them."""
        kinds, groups = np.array(self.kinds, np.uint8), np.array(self.groups, np.uint32)
        return Benchmarks(pa.array(self.texts, pa.string()), kinds, groups, common)


@lru_cache(maxsize=4)
def load(
    files: tuple[Asset, ...],
    digests: tuple[str, ...],
    *,
    question: tuple[str, ...],
    passage: tuple[str, ...],
    answer: tuple[str, ...],
) -> Items:
    """Return the items of files. Raises AssetError where a line is no item, or a file has none."""
    del digests  # part of the cache key only
    names = {"question": question, "passage": passage, "answer": answer}
    groups: dict[tuple[str, str, str], list[tuple[str, bool, list[str]]]] = {}
    for asset in files:
        number = 0
        for number, row in rows(asset):
            place = f"{asset}:{number}"
            texts = {role: [*_texts(row, names[role], place)] for role in ROLES}
            if not any(texts.values()):
                fields = ", ".join(name for each in names.values() for name in each)
                raise AssetError(f"{place}: none of the fields {fields}", hint=_FIELDS)
            key = str(row.get(KEY) or os.path.basename(asset).partition(".")[0])
            group = key, "\n".join(texts["question"]), "\n".join(texts["passage"])
            item = str(row.get(ITEM, number))
            groups.setdefault(group, []).append((item, row.get("is_correct") is True, texts["answer"]))
        if not number:
            raise AssetError(f"{asset}: no items", hint=_LINES)
    return _items(groups)


def rows(asset: Asset) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of a file of JSON lines, with the numbers of their lines. Raises AssetError."""
    path = asset.path()
    number = 0
    try:
        with pa.input_stream(path, compression="detect") as stream:
            for number, line in enumerate(_lines(stream), 1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise AssetError(f"{path}:{number}: no object", hint=_LINES)
                    yield number, row
    except (OSError, EOFError, ValueError, RecursionError) as error:
        raise AssetError(f"{path}: after line {number}: {error}", hint=_LINES) from error


def _lines(stream: Any) -> Iterator[bytes]:
    """Yield the lines of a stream. Raises ValueError for one that is too long."""
    rest = b""
    while chunk := stream.read(1 << 20):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > _LARGEST_LINE:
            raise ValueError(f"a line of more than {_LARGEST_LINE} bytes")
    if rest:
        yield rest


def _texts(row: Mapping[str, Any], names: Sequence[str], place: str) -> Iterator[str]:
    """Yield the texts of fields: strings, numbers, or lists of them."""
    for name in names:
        value = row.get(name)
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str | int | float | None):
                raise AssetError(f"{place}: the field {name} is no text", hint=_FIELDS)
            if one is not None and str(one).strip():
                yield str(one)


def _items(groups: Mapping[tuple[str, str, str], Sequence[tuple[str, bool, list[str]]]]) -> Items:
    found = Items()
    for number, ((key, question, passage), some) in enumerate(groups.items()):
        first = next((item for item, is_correct, _ in some if is_correct), some[0][0])
        found.benchmarks.append(key)
        found.firsts.append(first)
        texts = [(0, question, first), (1, passage, first)]
        texts += [(2, answer, item) for item, _, answers in some for answer in answers]
        for kind, text, item in texts:
            if text:
                found.texts.append(text)
                found.kinds.append(kind)
                found.groups.append(number)
                found.items.append(item)
    return found
