"""Similar members of groups, compared pair by pair by their sketches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.uint64]


def first_similar(
    starts: Numbers,
    places: npt.NDArray[np.uint32],
    kinds: npt.NDArray[np.uint8],
    sketches: pa.FixedSizeBinaryArray,
    least: int,
) -> Numbers:
    """Return for each member the first member of its group that it is similar to, directly or through other members.

    ``starts`` are the first member of each group, and an end. Two members are similar if at least ``least`` bytes of
    their sketches are equal; ``places`` are the places of their sketches. Members of kind 0 are compared with each
    other, members of another kind only with those of other kinds; those with the same sketch are always similar. The
    result is a member's number.
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
