"""The spans that edits found most often: repeated runs, discarded lines. Their number, hosts and text.

Spans are one if they have the same number of their stage (``group``), else if their text is the same, and where it is
not stored their reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import UsageError
from refinery.inspect.outcomes import cut_fields
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.inspect.rows import pieces
from refinery.kernels import parse_url, string_hashes
from refinery.root.receipts import SIDES

Groups = npt.NDArray[np.uint64]


@dataclass
class Repeat:
    """A span: how often it was found, bytes of all copies together, hosts of the documents, and the text of one copy.

    ``text`` is None where the stage left the spans in their texts, or stores no texts; ``reason`` is that of the span.
    """

    stage: str
    group: int
    copies: int
    bytes: int = 0
    hosts: Counter[str] = field(default_factory=Counter)
    text: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Repeats:
    """Spans in all, how many different ones, and those found most often."""

    spans: int
    distinct: int
    most: tuple[Repeat, ...]


def spans(path: str, stage: str | None = None, count: int = 20) -> Repeats:
    """Return the ``count`` spans found most often by the stages of the root at ``path``, or by one.

    Memory is 8 bytes a span. Raises UsageError where no such stage finds spans, StorageError for a damaged file.
    """
    reader = open_root(path)
    chosen = _stages(reader, stage)
    counted = [(entry, *np.unique(_all(reader, entry), return_counts=True)) for entry in chosen]
    most = [one for entry, groups, counts in counted for one in _most(entry.name, groups, counts, count)]
    most = sorted(most, key=lambda one: (-one.copies, one.stage, one.group))[:count]
    for entry in chosen:
        _look_up(reader, entry, {one.group: one for one in most if one.stage == entry.name})
    sums = [(int(counts.sum()), len(groups)) for _, groups, counts in counted]
    return Repeats(sum(total for total, _ in sums), sum(distinct for _, distinct in sums), tuple(most))


def _stages(reader: RootReader, name: str | None) -> list[StageEntry]:
    fields_of = {step.name: cut_fields(step.stage) for step in reader.pipeline.steps}
    made = [entry for entry in reader.stages if fields_of[entry.name] and name in (None, entry.name)]
    if not made:
        if name is not None:
            reader.stage(name)  # raises where there is none of this name
        finding = [stage for stage, fields in fields_of.items() if fields]
        which = f"stage {name!r} finds" if name else "the finished stages find"
        raise UsageError(f"{which} no spans", hint=f"stages of this root with spans: {', '.join(finding) or 'none'}")
    return made


def _most(stage: str, groups: Groups, counts: npt.NDArray[np.int64], count: int) -> list[Repeat]:
    order = np.lexsort((groups, -counts))[:count]
    return [Repeat(stage, int(groups[at]), int(counts[at])) for at in order]


def _all(reader: RootReader, entry: StageEntry) -> Groups:
    groups = [_groups(spans_) for _, spans_ in _batches(reader, entry)]
    return np.concatenate([np.empty(0, np.uint64), *groups])


def _look_up(reader: RootReader, entry: StageEntry, wanted: dict[int, Repeat]) -> None:
    """Fill in what is not known from counting."""
    sought = np.array(sorted(wanted), np.uint64)
    for urls, lists in _batches(reader, entry):
        rows = np.flatnonzero(np.isin(_groups(lists), sought))
        groups = _groups(lists)[rows].tolist()
        for group, span, url in zip(groups, lists.take(pa.array(rows)).to_pylist(), urls(rows), strict=True):
            one = wanted[group]
            one.bytes += span["length"]
            one.hosts[parse_url(url).host] += 1
            one.text = one.text or span["text"]
            one.reason = one.reason or span["reason"]


def _batches(reader: RootReader, entry: StageEntry) -> Iterator[tuple[_Urls, pa.StructArray]]:
    """All spans of a stage, with the URLs of their documents."""
    step = next(step for step in reader.pipeline.steps if step.name == entry.name)
    for name in cut_fields(step.stage):
        for piece in pieces(reader, entry, SIDES, ["url", f"{step.column}.{name}"]):
            lists = pc.struct_field(piece.batch.column(step.column), name)
            yield _Urls(piece.batch, lists), lists.flatten()


class _Urls:
    """The URL of the document that a span is of, for spans by number."""

    def __init__(self, batch: pa.RecordBatch, lists: pa.ListArray) -> None:
        self._urls = batch.column("url") if "url" in batch.schema.names else pa.nulls(len(batch), pa.string())
        self._parents = pc.list_parent_indices(lists)

    def __call__(self, spans_: npt.NDArray[np.int64]) -> Sequence[str | None]:
        urls: list[str | None] = self._urls.take(self._parents.take(pa.array(spans_))).to_pylist()
        return urls


def _groups(values: pa.StructArray) -> Groups:
    names = {values.type.field(i).name for i in range(values.type.num_fields)}
    groups: Groups = (values.field("group") if "group" in names else string_hashes(_names(values))).to_numpy()
    return groups


def _names(values: pa.StructArray) -> pa.StringArray:
    return pc.coalesce(values.field("text"), values.field("reason"))
