"""Parts on their way through the segments of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from refinery.identity import digest
from refinery.root.receipts import Receipt
from refinery.stage.ordered import Ordered
from refinery.task.left_out import NOTHING, LeftOut
from refinery.task.ordered import UNITS
from refinery.task.ranks import Ranks

PARTITIONED_SHARDS = 16
"""Files' worth of text that is gathered where each label has files of its own: a label with a sixteenth fills one."""


@dataclass(frozen=True)
class Part:
    """One part in a segment: its input there, and the current receipts of the segment's steps."""

    number: int
    paths: tuple[str, ...]
    """Its input files, or Parquet files below the root."""
    contents: tuple[str, ...]
    """Content ids of the input, and of the verdict where the segment begins with a global stage."""
    bytes: int
    source: str = ""
    """Its input file, or the first of them."""
    ranks: Ranks | None = None
    """Its documents, where ``paths`` are the sorted runs of all parts."""
    verdict: str = ""
    """Path of the verdict below the root."""
    poison: tuple[tuple[int, str], ...] = ()
    """Of a part with a verdict: see ``Receipt``."""
    left_out: LeftOut = NOTHING
    """Of a part with a verdict."""
    receipts: tuple[Receipt, ...] = ()
    """Of the segment's steps, from the first one on."""
    mapped: Receipt | None = None
    """Of the map at the end of the segment."""
    missing: int | None = None
    """Position of the first step without a receipt; behind the last one where only the map has none."""
    stored: tuple[str, ...] = ()
    """Files whose stored metrics the missing step can use instead of measuring."""

    @property
    def reached(self) -> tuple[str, ...]:
        """Content ids of the input of the missing step."""
        return (self.receipts[-1].contents["kept"],) if self.receipts else self.contents


def with_verdict(part: Part, verdicts: Receipt) -> Part:
    """A part where it enters the segment that begins with a global stage."""
    number, kept = str(part.number), part.receipts[-1]
    left_out = LeftOut.of(kept)
    return Part(
        number=part.number,
        paths=tuple(file.path for file in kept.files["kept"]),
        contents=(kept.contents["kept"], verdicts.contents[number]),
        bytes=kept.total("kept"),
        source=part.source,
        verdict=verdicts.files[number][0].path,
        poison=left_out.poison(part.mapped.poison, part.mapped.rows["in"]) if part.mapped else (),
        left_out=left_out,
    )


def gathered(parts: Iterable[Part], shard: int) -> list[Part]:
    """Put consecutive parts together until they have ``shard`` bytes of text."""
    groups: list[list[Part]] = []
    size = shard
    for part in parts:
        if size >= shard:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += part.receipts[-1].rows["text"]
    return [_shard(number, group) for number, group in enumerate(groups)]


def _shard(number: int, parts: Sequence[Part]) -> Part:
    kept = [part.receipts[-1] for part in parts]
    return Part(
        number,
        paths=tuple(file.path for receipt in kept for file in receipt.files["kept"]),
        contents=tuple(receipt.contents["kept"] for receipt in kept),
        bytes=sum(receipt.total("kept") for receipt in kept),
        source=parts[0].source,
    )


def in_order(parts: Iterable[Part], stage: Ordered, shard: int) -> list[Part]:
    """Divide the documents of all parts, sorted, into parts of equal numbers of documents.

    Each is a shard of about as many bytes of the stage's ``shard_column``.
    """
    kept = [(part.receipts[-1], part.mapped) for part in parts if part.mapped is not None]
    runs = [run for _, run in kept]
    paths = tuple(file.path for run in runs for file in run.files["keys"])
    contents = tuple(receipt.contents["kept"] for receipt, _ in kept)
    total = max(1, sum(run.rows["in"] for run in runs))
    found: list[Part] = []
    for split in stage.splits():
        documents, text, tokens = (sum(run.rows[f"{split.name} {unit}"] for run in runs) for unit in UNITS)
        count = max(1, min(documents, -(-stage.shard_estimate(documents, text, tokens) // shard)))
        cuts = [documents * number // count for number in range(count + 1)] if documents or not found else []
        for first, last in pairwise(cuts):
            memory, files = (size * (last - first) // total for size in _sizes(runs))
            ranks = Ranks(split.name, split.low, split.high, first, last, documents, memory)
            found.append(Part(len(found), paths, (*contents, ranks.content), files, ranks=ranks))
    return found


def ranks_of(receipt: Receipt, runs: Sequence[Receipt], stage: Ordered) -> Ranks:
    """Return the ranks of the documents of a part that was made from ``runs``. Raises KeyError for other runs."""
    assert receipt.ranks is not None
    first, last = receipt.ranks.start, receipt.ranks.stop
    memory, _ = _sizes(runs)
    share = memory * (last - first) // max(1, sum(run.rows["in"] for run in runs))
    for split in stage.splits():
        documents = sum(run.rows[f"{split.name} documents"] for run in runs)
        ranks = Ranks(split.name, split.low, split.high, first, last, documents, share)
        if ranks.content == receipt.inputs[-1]:
            return ranks
    raise KeyError(receipt.inputs[-1])


def _sizes(runs: Iterable[Receipt]) -> tuple[int, int]:
    """Return the bytes of runs in memory and in files."""
    pairs = [(run.rows["bytes"], run.total("keys")) for run in runs]
    return sum(memory for memory, _ in pairs), sum(files for _, files in pairs)


def partitioned(parts: Sequence[Part], partitions: int) -> list[list[Part]]:
    """The parts of each partition that has some, by a hash of their input files' paths."""
    chosen: dict[int, list[Part]] = {}
    for part in parts:
        chosen.setdefault(int(digest(part.source), 16) % partitions, []).append(part)
    return [chosen[number] for number in sorted(chosen)]
