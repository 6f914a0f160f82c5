"""Which members of a group are alike, pair by pair, by their sketches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.uint64]


def alike(
    starts: Numbers,
    places: npt.NDArray[np.uint32],
    kinds: npt.NDArray[np.uint8],
    sketches: pa.FixedSizeBinaryArray,
    least: int,
) -> Numbers:
    """For each member of each group the first one of its group that it is alike, itself or over others of the group.

    A group lies from one of ``starts`` to the next. Two members are alike if ``least`` bytes of their sketches are
    equal; ``places`` tells which one each has. Members of one kind are compared if that is 0; of another, only those
    that have the same sketch are alike. The result is a member's number.
    """
    size = sketches.type.byte_width
    rows = np.frombuffer(sketches.buffers()[1], np.uint8)[sketches.offset * size :].reshape(-1, size)

    def near(a: int, b: int) -> bool:
        if kinds[a] == kinds[b] and (kinds[a] or places[a] == places[b]):
            return bool(places[a] == places[b])
        return int((rows[places[a]] == rows[places[b]]).sum()) >= least

    first = np.arange(len(places), dtype=np.uint64)
    for start, end in pairwise(starts.tolist()):
        left = list(range(start, end))
        while left:
            reached = [left.pop(0)]
            for member in reached:
                found = [other for other in left if near(member, other)]
                left = [other for other in left if other not in found]
                reached += found
            first[reached] = reached[0]
    return first
