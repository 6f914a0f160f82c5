"""Documents that several roots keep, and those that one of them alone keeps.

The outcome of a document in a root is that the root keeps it in the end, or the stage and rule that removed it. Recipes
may have different stages: the end of each is its last stage whose rows are stored with ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from refinery.inspect.reader import RootReader
from refinery.inspect.rows import Document
from refinery.inspect.stored_outcomes import (
    ABSENT,
    KEPT,
    Key,
    OutcomeReader,
    columns_of,
    documents_of,
    rows_until,
    shares_of,
    unstored,
)


@dataclass(frozen=True)
class RootPair:
    """Documents that both of two roots keep, and those that one of them keeps. Roots are numbers in their order."""

    left: int
    right: int
    both: int
    left_only: int
    right_only: int

    @property
    def share(self) -> float:
        """Of the documents that either keeps, the share that both keep."""
        either = self.both + self.left_only + self.right_only
        return self.both / either if either else 1.0


@dataclass(frozen=True)
class SoleDocument:
    """A document that one root alone keeps, and its outcome in each: ``kept``, ``absent``, or ``stage rule``."""

    document: Document
    outcomes: tuple[str, ...]


@dataclass(frozen=True)
class SoleKeeper:
    """Documents that one root alone keeps; their outcomes in each of the others, the commonest first; some of them."""

    root: int
    documents: int
    outcomes: tuple[tuple[tuple[str, int], ...], ...]
    samples: tuple[SoleDocument, ...]


@dataclass(frozen=True)
class Agreement:
    """Documents that roots keep after the stages ``until``; with a ``note``, why they were not compared.

    ``kept_by`` has the documents that no root keeps, that one keeps, two, and so on.
    """

    until: tuple[str, ...]
    note: str
    documents: int = 0
    kept: tuple[int, ...] = ()
    kept_by: tuple[int, ...] = ()
    pairs: tuple[RootPair, ...] = ()
    sole: tuple[SoleKeeper, ...] = ()


def agreement(roots: Sequence[RootReader], count: int) -> Agreement:
    """Compare what roots keep, with ``count`` samples of the documents that one alone keeps."""
    lasts = []
    for reader in roots:
        last = next((entry for entry in reversed(reader.stages) if "id" in columns_of(reader, entry)), None)
        if last is None:
            return Agreement((), f"{reader.root.path} has no stage whose rows are stored with ids")
        lasts.append(last)
    until = tuple(last.name for last in lasts)
    note = next(filter(None, map(unstored, roots, lasts)), "")
    if note:
        return Agreement(until, note)
    offsets = all("offset" in columns_of(reader, last) for reader, last in zip(roots, lasts, strict=True))
    readers = [
        OutcomeReader(reader, list(rows_until(reader, last)), offsets)
        for reader, last in zip(roots, lasts, strict=True)
    ]
    return _Counted(readers, count).agreement(until)


class _Counted:
    """Counts documents by the roots that keep them."""

    def __init__(self, readers: Sequence[OutcomeReader], count: int) -> None:
        self._readers, self._count = readers, count
        self._keepers: Counter[tuple[bool, ...]] = Counter()
        self._outcomes = [[Counter[str]() for _ in readers] for _ in readers]
        self._samples: list[list[tuple[Key, tuple[str, ...]]]] = [[] for _ in readers]
        shares = shares_of(reader.rows for reader in readers)
        for share in range(shares):
            self._add([dict(reader.outcomes(share, shares)) for reader in readers])

    def _add(self, by_root: Sequence[dict[Key, str]]) -> None:
        for key in set().union(*by_root):
            outcomes = tuple(one.get(key, ABSENT) for one in by_root)
            keepers = tuple(outcome == KEPT for outcome in outcomes)
            self._keepers[keepers] += 1
            if sum(keepers) == 1:
                root = keepers.index(True)
                for counter, outcome in zip(self._outcomes[root], outcomes, strict=True):
                    counter[outcome] += 1
                self._samples[root].append((key, outcomes))
        self._samples = [sorted(samples)[: self._count] for samples in self._samples]

    def agreement(self, until: tuple[str, ...]) -> Agreement:
        """Return what was counted."""
        numbers = range(len(self._readers))
        kept_by: Counter[int] = Counter()
        for keepers, documents in self._keepers.items():
            kept_by[sum(keepers)] += documents
        return Agreement(
            until,
            "",
            documents=self._keepers.total(),
            kept=tuple(self._kept(n) for n in numbers),
            kept_by=tuple(kept_by[n] for n in range(len(numbers) + 1)),
            pairs=tuple(self._pair(*pair) for pair in combinations(numbers, 2)),
            sole=tuple(self._sole()),
        )

    def _kept(self, *roots: int) -> int:
        """The number of documents that all of these roots keep."""
        return sum(documents for keepers, documents in self._keepers.items() if all(keepers[n] for n in roots))

    def _pair(self, left: int, right: int) -> RootPair:
        both = self._kept(left, right)
        return RootPair(left, right, both, self._kept(left) - both, self._kept(right) - both)

    def _sole(self) -> Iterator[SoleKeeper]:
        documents = documents_of(self._readers, {key for samples in self._samples for key, _ in samples})
        for root, samples in enumerate(self._samples):
            counters = self._outcomes[root]
            yield SoleKeeper(
                root,
                counters[root].total(),
                tuple(() if n == root else _commonest(counter) for n, counter in enumerate(counters)),
                tuple(SoleDocument(documents[key], outcomes) for key, outcomes in samples),
            )


def _commonest(counter: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counter.items(), key=lambda item: (-item[1], item[0])))
