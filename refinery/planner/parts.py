"""Parts on their way through the segments of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refinery.identity import digest
from refinery.root.receipts import Receipt

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
    verdict: str = ""
    """Path of the verdict below the root."""
    poison: tuple[tuple[int, str], ...] = ()
    """Of a part with a verdict: see ``Receipt``."""
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
    return Part(
        number=part.number,
        paths=tuple(file.path for file in kept.files["kept"]),
        contents=(kept.contents["kept"], verdicts.contents[number]),
        bytes=kept.total("kept"),
        source=part.source,
        verdict=verdicts.files[number][0].path,
        poison=part.mapped.poison if part.mapped else (),
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


def partitioned(parts: Sequence[Part], partitions: int) -> list[list[Part]]:
    """The parts of each partition that has some, by a hash of their input files' paths."""
    chosen: dict[int, list[Part]] = {}
    for part in parts:
        chosen.setdefault(int(digest(part.source), 16) % partitions, []).append(part)
    return [chosen[number] for number in sorted(chosen)]
