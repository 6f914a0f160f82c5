"""Ranges in many texts from several passes over them: the union of all, without the ranges that any pass spares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.kernels import at_most_twice, order_of

RANGES = pa.list_(pa.struct([("start", pa.uint64()), ("end", pa.uint64())]))
"""Ranges of a text in bytes, in order; they do not touch."""

_TEXT = np.uint64(40)
"""The bits of a place among all texts below the number of the text."""

Places = npt.NDArray[np.uint64]


def none_of(texts: int) -> pa.ListArray:
    """Return no range, for each of so many texts."""
    return pa.array([[]] * texts, RANGES)


def united(gone: Sequence[pa.ListArray], kept: Sequence[pa.ListArray]) -> tuple[pa.ListArray, pa.ListArray]:
    """Return the ranges in any of ``gone`` and none of ``kept``, and the ranges in any of ``kept``."""
    if len(gone) == 1:
        return gone[0], kept[0]
    texts, stay = len(gone[0]), _union(kept)
    return _lists(_less(_union(gone), stay), texts), _lists(stay, texts)


def _union(lists: Sequence[pa.ListArray]) -> tuple[Places, Places]:
    """Return starts and ends of the ranges of all texts, one text behind another; those that touch are one."""
    places = [_places(each) for each in lists]
    starts, ends = (np.concatenate([each[side] for each in places]) for side in (0, 1))
    order = order_of(starts)
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    new = np.append(True, starts[1:] > ends[:-1])[: len(starts)]
    last = np.append(new[1:], True)[: len(ends)]
    return starts[new], ends[last]


def _less(gone: tuple[Places, Places], kept: tuple[Places, Places]) -> tuple[Places, Places]:
    edges = at_most_twice([*gone, *kept])
    inside = _covers(gone, edges) & ~_covers(kept, edges)
    changes = np.diff(inside, prepend=False)
    return edges[changes & inside], edges[changes & ~inside]


def _covers(ranges: tuple[Places, Places], places: Places) -> npt.NDArray[np.bool_]:
    starts, ends = (np.searchsorted(side, places, side="right") for side in ranges)
    covered: npt.NDArray[np.bool_] = starts > ends
    return covered


def _places(lists: pa.ListArray) -> tuple[Places, Places]:
    values = lists.flatten()
    text = pc.list_parent_indices(lists).to_numpy().astype(np.uint64) << _TEXT
    return text | values.field("start").to_numpy(), text | values.field("end").to_numpy()


def _lists(ranges: tuple[Places, Places], texts: int) -> pa.ListArray:
    offsets = np.searchsorted(ranges[0] >> _TEXT, np.arange(texts + 1, dtype=np.uint64))
    below = (np.uint64(1) << _TEXT) - np.uint64(1)
    columns = [pa.array(side & below) for side in ranges]
    values = pa.StructArray.from_arrays(columns, fields=list(RANGES.value_type))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values)
