"""Parts on their way through the segments of a pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from refinery.identity import digest, part_key
from refinery.planner import tiers
from refinery.root.input_lists import list_content
from refinery.root.receipts import Receipt
from refinery.stage.base import Stage
from refinery.stage.ordered import Ordered, OrderRange
from refinery.task.left_out import NOTHING, LeftOut
from refinery.task.order_runs import UNITS
from refinery.task.ranks import MergeTask, RankRange, Ranks

PARTITIONED_SHARDS = 16
"""Files' worth of text that is gathered where each label has files of its own: a label with a sixteenth fills one."""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """The rows that a segment kept of a part, as the next one takes them: a fifth of their receipt's memory."""

    paths: tuple[str, ...]
    content: str
    bytes: int
    text: int
    left_out: LeftOut

    @classmethod
    def of(cls, receipt: Receipt) -> Kept:
        """Return those of a receipt."""
        return cls(
            tuple(file.path for file in receipt.files.get("kept", ())),
            receipt.contents["kept"],
            receipt.total("kept"),
            receipt.rows.get("text", 0),
            LeftOut.of(receipt) if receipt.taken_down else NOTHING,
        )


class Part(msgspec.Struct, frozen=True, gc=False):
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
    """Of the segment's steps before the missing one; none if no step is missing."""
    kept: Kept | None = None
    """Of the last step, if no step is missing."""
    mapped: Receipt | None = None
    """Of the map at the end of the segment."""
    missing: int | None = None
    """Position of the first step without a receipt; behind the last one where only the map has none."""
    stored: tuple[str, ...] = ()
    """Files whose stored metrics the missing step can use instead of measuring."""

    @property
    def last(self) -> Kept:
        """The rows that the last step kept of a part that lacks none."""
        assert self.kept is not None
        return self.kept

    @property
    def reached(self) -> tuple[str, ...]:
        """Content ids of the input of the missing step."""
        return (self.receipts[-1].contents["kept"],) if self.receipts else self.contents


def with_verdict(part: Part, verdicts: Receipt) -> Part:
    """A part where it enters the segment that begins with a global stage."""
    number, kept = str(part.number), part.last
    return Part(
        number=part.number,
        paths=kept.paths,
        contents=(kept.content, verdicts.contents[number]),
        bytes=kept.bytes,
        source=part.source,
        verdict=verdicts.files[number][0].path,
        poison=kept.left_out.poison(part.mapped.poison, part.mapped.rows["in"]) if part.mapped else (),
        left_out=kept.left_out,
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
        size += part.last.text
    return [_shard(number, group) for number, group in enumerate(groups)]


def _shard(number: int, parts: Sequence[Part]) -> Part:
    kept = [part.last for part in parts]
    return Part(
        number,
        paths=tuple(path for one in kept for path in one.paths),
        contents=tuple(one.content for one in kept),
        bytes=sum(one.bytes for one in kept),
        source=parts[0].source,
    )


def in_order(parts: Iterable[Part], runs: Sequence[Receipt], stage: Ordered, shard: int) -> list[Part]:
    """Divide the documents of all parts, which are in sorted ``runs``, into parts of equal numbers of documents.

    Each is a shard of about as many bytes of the stage's ``shard_column``.
    """
    paths = tuple(file.path for run in runs for file in run.files["keys"])
    contents = tuple(part.last.content for part in parts if part.mapped is not None)
    found: list[Part] = []
    for ranks, files in _shards(runs, stage, shard):
        found.append(Part(len(found), paths, (*contents, ranks.content), files, ranks=ranks))
    return found


def merges(runs: Sequence[Receipt], root: str, stage: Ordered, name: str, folder: str, tier: int) -> list[MergeTask]:
    """Return the tasks that merge runs to fewer and larger ones; none where a shard can read all of them."""
    if len(runs) <= tiers.FAN_IN:
        return []
    tasks = []
    for number, some in enumerate(tiers.groups(runs, tiers.FAN_IN, tiers.FAN_IN)):
        contents = tuple(run.contents["keys"] for run in some)
        rows = Counter[str]()
        for run in some:
            rows.update(run.rows)
        paths = tuple(file.path for run in some for file in run.files["keys"])
        size, key = sum(run.total("keys") for run in some), part_key("merge", contents)
        tasks.append(MergeTask(root, stage, name, folder, key, contents, number, paths, dict(rows), size, tier))
    return tasks


def _shards(runs: Sequence[Receipt], stage: Ordered, shard: int) -> Iterator[tuple[Ranks, int]]:
    """Yield the ranks of each shard, split by split, and the bytes of their files."""
    total = max(1, sum(run.rows["in"] for run in runs))
    splits: dict[str, list[OrderRange]] = {}
    for order in stage.splits():
        splits.setdefault(order.name, []).append(order)
    for number, (name, orders) in enumerate(splits.items()):
        documents, text, tokens = (sum(_count(runs, order, unit) for order in orders) for unit in UNITS)
        if not documents and number:
            continue
        counts = [tuple(_count([run], order, UNITS[0]) for run in runs) for order in orders]
        count = max(1, min(documents, -(-stage.shard_estimate(documents, text, tokens) // shard)))
        for place in range(count):
            ranges = tuple(_share(*pair, place, count) for pair in zip(orders, counts, strict=True))
            memory, files = (size * sum(one.last - one.first for one in ranges) // total for size in _sizes(runs))
            yield Ranks(name, ranges, memory), files


def _count(runs: Iterable[Receipt], order: OrderRange, unit: str) -> int:
    return sum(run.rows[f"{order.label} {unit}"] for run in runs)


def _share(order: OrderRange, runs: tuple[int, ...], place: int, count: int) -> RankRange:
    """Return the ranks of share ``place`` of ``count`` equal ones of the documents of all runs."""
    documents = sum(runs)
    first, last = (documents * (place + more) // count for more in (0, 1))
    return RankRange(order.low, order.high, first, last, documents, runs)


def shard_bytes(stage: Stage) -> int:
    """Return the bytes of text that a part of a stage that gathers has."""
    return (PARTITIONED_SHARDS if stage.partition_column() else 1) * (stage.shard_bytes() or 0)


def sorted_runs(shuffle: Iterable[Receipt]) -> list[Receipt]:
    """Return the receipts of the runs that shards are read from: of those that many were merged to, if they were."""
    return first_and_last_runs(shuffle)[1]


def first_and_last_runs(shuffle: Iterable[Receipt]) -> tuple[list[Receipt], list[Receipt]]:
    """Return the receipts of the runs of all parts, and of those that are left after all merges, tier after tier."""
    first: list[Receipt] = []
    left: dict[int, Receipt] = {}
    places: dict[str, list[int]] = {}
    for place, one in enumerate(one for one in shuffle if one.kind == "map"):
        if all(map(places.get, one.inputs)):
            for content in one.inputs:
                del left[places[content].pop(0)]
        else:
            first.append(one)
        left[place] = one
        places.setdefault(one.contents["keys"], []).append(place)
    return first, [*left.values()]


def ranks_of(receipt: Receipt, runs: Sequence[Receipt], stage: Ordered) -> Ranks:
    """Return the ranks of the documents of a part that was made from ``runs``. Raises KeyError for other runs."""
    for ranks, _ in _shards(runs, stage, shard_bytes(stage)):
        if ranks.content == receipt.inputs[-1]:
            return ranks
    raise KeyError(receipt.inputs[-1])


def _sizes(runs: Iterable[Receipt]) -> tuple[int, int]:
    """Return the bytes of runs in memory and in files."""
    pairs = [(run.rows["bytes"], run.total("keys")) for run in runs]
    return sum(memory for memory, _ in pairs), sum(files for _, files in pairs)


def partitioned(parts: Sequence[Part], partitions: int) -> list[list[Part]]:
    """The parts of each partition that has some, by a hash of their input files' paths, or content ids of lists."""
    chosen: dict[int, list[Part]] = {}
    for part in parts:
        chosen.setdefault(int(digest(list_content(part.source) or part.source), 16) % partitions, []).append(part)
    return [chosen[number] for number in sorted(chosen)]
