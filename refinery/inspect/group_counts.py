"""Counts of the documents of a root by domain, suffix, language or month, as the parts of each stage have stored them.

A count is exact, or it is the least and ``most`` is the most that it can be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from refinery.errors import StorageError
from refinery.inspect.reader import RootReader, StageEntry
from refinery.statistics.group_files import merge, read_merged
from refinery.statistics.groups import KEPT, largest_error
from refinery.statistics.origins import NONE

Pair = tuple[int, int]
"""Documents and tokens."""


@dataclass(frozen=True)
class Count:
    """Documents and tokens: exactly, or at least so many and at ``most`` as many."""

    documents: int = 0
    tokens: int = 0
    most: Pair | None = None

    def __add__(self, other: Count) -> Count:
        both = Count(self.documents + other.documents, self.tokens + other.tokens)
        return both if self.most is other.most is None else both.upto(_plus(self.upper, other.upper))

    @property
    def upper(self) -> Pair:
        """The most that it can be."""
        return self.most or (self.documents, self.tokens)

    def upto(self, most: Pair) -> Count:
        """Return the same with an upper bound, which is left out where it is the count itself."""
        exact = most == (self.documents, self.tokens)
        return Count(self.documents, self.tokens, None if exact else most)


class Counted:
    """The counts of some stages and parts of a root; each stage's are read once."""

    def __init__(
        self, reader: RootReader, stages: Sequence[StageEntry] | None = None, parts: Sequence[int] | None = None
    ) -> None:
        self.reader = reader
        self.stages = reader.stages if stages is None else stages
        self._parts = parts
        self._tables: dict[str, pa.Table] = {}

    def summary(self, entry: StageEntry, kind: str) -> KindCounts:
        """The counts of one kind at one stage."""
        if entry.name not in self._tables:
            self._tables[entry.name] = _table(self.reader, entry, self._parts)
        table = self._tables[entry.name]
        return KindCounts(table.filter(pc.equal(table["kind"], kind)))

    def of(self, kind: str) -> list[tuple[StageEntry, KindCounts]]:
        """The stages with their counts of one kind, from the first on at which a document has a name of it."""
        counts = [(entry, self.summary(entry, kind)) for entry in self.stages]
        known = next((place for place, (_, one) in enumerate(counts) if one.is_known), len(counts))
        return counts[known:]


def _table(reader: RootReader, entry: StageEntry, parts: Sequence[int] | None) -> pa.Table:
    manifest = entry.manifest
    if parts is None:
        merged = None
        with contextlib.suppress(StorageError):  # the parts have what a damaged file had; `verify` reports it
            merged = read_merged(reader.root, entry.folder, manifest.identity, manifest.parts)
        return merge(reader.root, reader.receipts(entry)) if merged is None else merged
    wanted = set(parts)
    return merge(reader.root, [receipt for receipt in reader.receipts(entry) if receipt.part in wanted])


class KindCounts:
    """The counts of one kind at one stage."""

    def __init__(self, counts: pa.Table) -> None:
        nameless = pc.is_null(counts["name"])
        self._largest_error = largest_error(counts)
        self._named = counts.filter(pc.invert(nameless))
        rows = counts.filter(nameless).to_pylist()
        self.others = {r["outcome"]: (r["documents"], r["tokens"]) for r in rows if r["outcome"] is not None}

    @property
    def is_known(self) -> bool:
        """True if a document has a name of this kind."""
        return bool(self.others or pc.any(pc.not_equal(self._named["name"], NONE)).as_py())

    @property
    def names(self) -> pa.Table:
        """``name`` and ``documents`` that came to the stage, those left out excluded."""
        return _sums(self._named.filter(pc.is_valid(self._named["outcome"])))

    @property
    def kept(self) -> pa.Table:
        """``name``, and the ``documents`` and ``tokens`` that were kept."""
        return _sums(self._named.filter(pc.equal(self._named["outcome"], KEPT)))

    @property
    def total(self) -> Count:
        """Documents and tokens of all names that were kept."""
        kept = self.kept
        sums = [int(pc.sum(kept[unit]).as_py() or 0) for unit in ("documents", "tokens")]
        return Count(*_plus((sums[0], sums[1]), self.others.get(KEPT, (0, 0))))

    def counts(self, names: pa.Array) -> dict[str, dict[str, Count]]:
        """The counts of some names, by outcome."""
        sure: dict[str, dict[str, Pair]] = {name: {} for name in names.to_pylist()}
        lacking = dict.fromkeys(sure, self._largest_error)
        for row in self._named.filter(pc.is_in(self._named["name"], value_set=names)).to_pylist():
            pair = row["documents"], row["tokens"]
            if row["outcome"] is None:
                lacking[row["name"]] = _minus(self._largest_error, pair)
            else:
                sure[row["name"]][row["outcome"]] = pair
        return {name: self._estimated(pairs, lacking[name]) for name, pairs in sure.items()}

    def _estimated(self, pairs: Mapping[str, Pair], lacking: Pair) -> dict[str, Count]:
        counts = {}
        for outcome in sorted({*pairs, *(self.others if lacking != (0, 0) else ())}):
            pair, others = pairs.get(outcome, (0, 0)), self.others.get(outcome, (0, 0))
            most = _plus(pair, (min(lacking[0], others[0]), min(lacking[1], others[1])))
            counts[outcome] = Count(*pair).upto(most)
        return counts


def _sums(rows: pa.Table) -> pa.Table:
    sums = rows.group_by("name", use_threads=False).aggregate([("documents", "sum"), ("tokens", "sum")])
    return sums.rename_columns({"documents_sum": "documents", "tokens_sum": "tokens"})


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]
