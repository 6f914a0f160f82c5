"""Rows that ranges send to parts, merged by groups of parts, so that a task for a part opens one file and not all.

A range file has rows of all parts. A merge takes the rows of a group of parts from many files and writes one file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt

from refinery.planner import tiers
from refinery.planner.round_files import RoundFile
from refinery.task.shuffle import SHARE
from refinery.task.tasks import MappedFiles

OPENINGS = 100_000
"""Files that the tasks of a round may open in all before these are merged. Results and keys do not depend on it."""


@dataclass(frozen=True)
class PartGroup:
    """Parts whose numbers follow one another, and the files with their rows in order. Files may have rows of others."""

    parts: Sequence[MappedFiles]
    files: Sequence[RoundFile]

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last number."""
        return self.parts[0].number, self.parts[-1].number

    @cached_property
    def documents(self) -> int:
        """Documents of the parts, at least one of each."""
        return sum(max(1, part.documents) for part in self.parts)

    @cached_property
    def read(self) -> tuple[tuple[str, ...], int]:
        """The paths of the files, and their bytes."""
        return tuple(file.run.path for file in self.files), sum(file.run.bytes for file in self.files)

    def divided(self, count: int) -> Iterator[PartGroup]:
        """Divide the parts into about ``count`` groups, of one part or at most that share of the documents."""
        limit = -(-self.documents // count)
        start = size = 0
        for place, part in enumerate(self.parts):
            if size and size + part.documents > limit:
                yield PartGroup(self.parts[start:place], self.files)
                start, size = place, 0
            size += max(1, part.documents)
        yield PartGroup(self.parts[start:], self.files)


@dataclass(frozen=True)
class GroupMerge:
    """Files of which the rows of a group of parts, and about so many bytes, are written to one."""

    group: PartGroup
    bytes: int


class Transposition:
    """The groups of parts of a round, and the files that the tasks for their parts read."""

    def __init__(self, parts: Sequence[MappedFiles], files: Sequence[RoundFile], memory: int) -> None:
        by_number = sorted(parts, key=lambda part: part.number)
        self.groups = [PartGroup(by_number, files)] if parts else []
        self._parts, self._memory = len(parts), memory

    def merges(self) -> list[GroupMerge]:
        """Return the next merges; none where tasks open few files, each at most ``FAN_IN``."""
        return [merge for _, pieces in self._divided() for merge in pieces if isinstance(merge, GroupMerge)]

    def merge(self, files: Iterator[RoundFile]) -> None:
        """Read the files that these merges wrote."""
        self.groups = [
            PartGroup(parts, [next(files) if isinstance(one, GroupMerge) else one for one in pieces])
            for parts, pieces in self._divided()
        ]

    def read(self, part: int) -> tuple[tuple[str, ...], int]:
        """Return the files that a part reads, and their bytes."""
        place = bisect_right(self.groups, part, key=lambda group: group.parts[0].number)
        return self.groups[place - 1].read

    def _divided(self) -> Iterator[tuple[Sequence[MappedFiles], list[GroupMerge | RoundFile]]]:
        """Yield parts of the next groups, with the merges of their files, or files that stay."""
        openings = sum(len(group.parts) * len(group.files) for group in self.groups)
        most = max((len(group.files) for group in self.groups), default=0)
        if openings <= OPENINGS and most <= tiers.FAN_IN:
            return
        for group in self.groups:
            merged_to = -(-len(group.files) // tiers.FAN_IN)
            for some in group.divided(self._count(group, merged_to)):
                share = some.documents / group.documents
                yield some.parts, [_piece(some, files, share) for files in tiers.groups(group.files, 1, tiers.FAN_IN)]

    def _count(self, group: PartGroup, merged_to: int) -> int:
        """Return the number of groups that a group becomes: the rows of a merge take a share of its memory.

        What is merged once more need not be more groups than that.
        """
        size = sum(file.bytes for file in group.files)
        least = -(-size * SHARE // (self._memory * merged_to))
        wanted = 1 if merged_to > 1 else group_count(self._parts) // len(self.groups)
        return max(1, least, wanted)


def group_count(parts: int) -> int:
    """Return the number of groups of parts: as many as a group has parts."""
    return isqrt(parts)


def _piece(group: PartGroup, files: Sequence[RoundFile], share: float) -> GroupMerge | RoundFile:
    if len(files) == 1:
        return files[0]
    return GroupMerge(PartGroup(group.parts, files), round(sum(file.run.bytes for file in files) * share))
