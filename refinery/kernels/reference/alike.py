"""Which members of a group are alike, pair by pair, by their sketches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.uint64]


def alike(starts: Numbers, places: npt.NDArray[np.uint32], sketches: pa.FixedSizeBinaryArray, least: int) -> Numbers:
    """For each member of each group the first one of its group that it is alike, itself or over others of the group.

    A group lies from one of ``starts`` to the next. Two members are alike if ``least`` bytes of their sketches are
    equal, or if they have the same sketch; ``places`` tells which one each has. The result is a member's number.
    """
    size = sketches.type.byte_width
    rows = np.frombuffer(sketches.buffers()[1], np.uint8)[sketches.offset * size :].reshape(-1, size)
    first = np.arange(len(places), dtype=np.uint64)
    for start, end in pairwise(starts.tolist()):
        left = list(range(start, end))
        while left:
            reached = [left.pop(0)]
            for member in reached:
                near = [
                    other
                    for other in left
                    if places[other] == places[member] or (rows[places[other]] == rows[places[member]]).sum() >= least
                ]
                left = [other for other in left if other not in near]
                reached += near
            first[reached] = reached[0]
    return first
