"""Draws of a mixture: the number of copies of each document of a source, exact to one document in tokens.

Documents are drawn in the order of a hash: an epoch has all, a part of an epoch those whose hash is below a cut.
Nothing here reads files; hashes and tokens come in batches, twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from refinery import UsageError

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]

Batches = Callable[[], Iterator[tuple[Hashes, Counts]]]
"""Returns hashes and tokens of all documents of a source, batch by batch; tokens are times its repetitions."""

BITS = 16
"""Tokens are counted by so many bits of the hash first: memory does not grow with the documents."""


TABLE = ("source", "share of tokens", "tokens", "epochs", "documents of the source")
"""The columns of the table of a mixture."""


def table(mixture: Mapping[str, Mapping[str, int]]) -> list[tuple[str, ...]]:
    """Return what a mixture has for training of each source, see ``TABLE``."""
    total = sum(draw["tokens"] for draw in mixture.values())
    return [
        (
            name,
            f"{draw['tokens'] / total if total else 0:.2%}",
            f"{draw['tokens']:,}",
            f"{draw['tokens'] / draw['of_tokens'] if draw['of_tokens'] else 0:.3f}",
            f"{draw['documents']:,}",
        )
        for name, draw in sorted(mixture.items())
    ]


@dataclass(frozen=True)
class Draw:
    """A source in a mixture: each document ``epochs`` times, and once more if its hash is below ``cut``.

    ``tokens`` are all of them.
    """

    epochs: int
    cut: int
    tokens: int

    def copies(self, hashes: Hashes) -> Counts:
        """Return how often each document is in the mixture, without its own repetitions."""
        more = hashes <= np.uint64(self.cut - 1) if self.cut else np.zeros(len(hashes), np.bool_)
        return self.epochs + more.astype(np.int64)


def targets(weights: Mapping[str, float], tokens: int) -> dict[str, int]:
    """Return the tokens of each source by its weight; they add up. Raises UsageError for weights without a sum."""
    total = sum(weights.values())
    if not total > 0 or any(weight < 0 for weight in weights.values()):
        raise UsageError(
            "the weights of a mixture are numbers from 0 on, and not all of them 0",
            hint="set a weight above 0 for some source, and leave out the others",
        )
    shares = {name: tokens * weight / total for name, weight in weights.items()}
    found = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (found[name] - shares[name], name))
    for name in by_remainder[: tokens - sum(found.values())]:
        found[name] += 1
    return found


def draw(batches: Batches, target: int) -> Draw:
    """Return the draw whose tokens are nearest to ``target``. Raises UsageError for a source without tokens."""
    totals = np.zeros(1 << BITS, np.int64)
    for hashes, tokens in batches():
        np.add.at(totals, (hashes >> np.uint64(64 - BITS)).astype(np.int64), tokens)
    epoch = int(totals.sum())
    if not epoch:
        if target:
            raise UsageError(
                f"{target:,} tokens are wanted of a source that has none", hint="leave that source out of the mixture"
            )
        return Draw(0, 0, 0)
    epochs, rest = divmod(target, epoch)
    sums = np.cumsum(totals)
    bucket = int(np.searchsorted(sums, rest, side="right"))  # the first one that is not taken as a whole
    before = int(sums[bucket - 1]) if bucket else 0
    hashes, tokens = _in_bucket(batches, bucket)
    ends = before + np.concatenate([[0], np.cumsum(tokens)])
    count = int(np.argmin(np.abs(ends - rest)))
    cut = int(hashes[count]) if count < len(hashes) else bucket + 1 << 64 - BITS
    return Draw(epochs, cut, epochs * epoch + int(ends[count]))


def _in_bucket(batches: Batches, bucket: int) -> tuple[Hashes, Counts]:
    """Return the hashes of a bucket, sorted and distinct, with the tokens of each."""
    found = [(np.empty(0, np.uint64), np.empty(0, np.int64))]
    for hashes, tokens in batches():
        inside = hashes >> np.uint64(64 - BITS) == np.uint64(bucket)
        found.append((hashes[inside], tokens[inside]))
    distinct, place = np.unique(np.concatenate([h for h, _ in found]), return_inverse=True)
    totals = np.zeros(len(distinct), np.int64)
    np.add.at(totals, place, np.concatenate([t for _, t in found]))
    return distinct, totals
