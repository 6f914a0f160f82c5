"""The rows of the first parts of a stage as columns of numbers: languages, tokens and metrics of its documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.orders import Floats, Numbers
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.rows import Spot, pieces
from refinery.root.receipts import SIDES, Receipt
from refinery.root.statistics import id_hashes
from refinery.stage.documents import LANG, TOKENS, URL, Docs
from refinery.statistics.origins import domains

DOCUMENTS = 100_000
"""Documents of which no further part is read."""


def first_parts(receipts: Sequence[Receipt], most: int) -> list[Receipt]:
    """Return the first parts with rows: at most so many, and enough for ``DOCUMENTS``."""
    chosen: list[Receipt] = []
    for receipt in receipts:
        if sum(one.rows.get("in", 0) for one in chosen) >= DOCUMENTS or len(chosen) >= most:
            break
        if receipt.files:
            chosen.append(receipt)
    return chosen


class ScoreRows:
    """The documents of some parts of a stage, kept and removed, with ``metrics`` named as ``stage.metric``."""

    def __init__(
        self, reader: RootReader, entry: StageEntry, receipts: Sequence[Receipt], metrics: Sequence[str]
    ) -> None:
        self.entry, self.parts, self.metrics = entry, len(receipts), tuple(metrics)
        names = ("id", URL.name, LANG.name, TOKENS.name, *metrics)
        self._pieces = [piece for piece in pieces(reader, entry, SIDES, names, receipts) if len(piece.batch)]
        batches = [piece.batch for piece in self._pieces]
        self._starts = np.cumsum([0, *map(len, batches)])
        self.kept = np.repeat(np.array([piece.side == SIDES[0] for piece in self._pieces], bool), np.diff(self._starts))
        self.hashes = _joined((id_hashes(batch.column("id")) for batch in batches), np.uint64)
        self.tokens = _joined((_floats(batch, TOKENS.name, 0) for batch in batches), np.float64)
        codes = pa.chunked_array(list(map(_languages, batches)), pa.string()).combine_chunks().dictionary_encode()
        self.names: list[str] = codes.dictionary.to_pylist()
        self.languages: Numbers = codes.indices.to_numpy().astype(np.int64)

    def __len__(self) -> int:
        return int(self._starts[-1])

    def metric(self, name: str) -> Floats:
        """Return the values of a metric, NaN for none."""
        return _joined((_floats(piece.batch, name, np.nan) for piece in self._pieces), np.float64)

    def domains(self) -> pa.DictionaryArray:
        """Return the registered domain of each document, "" for none."""
        found = [domains(batch.column(URL.name)) for batch in (piece.batch for piece in self._pieces)]
        return pa.chunked_array(found, pa.string()).combine_chunks().dictionary_encode()

    def spot(self, row: int) -> Spot:
        """Return the position of a row in the files."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        return self._pieces[number].spot(row - int(self._starts[number]))


def _joined(arrays: Iterable[Numbers], kind: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *arrays])


def _languages(batch: pa.RecordBatch) -> pa.StringArray:
    return pc.fill_null(Docs(batch).languages(), "")


def _floats(batch: pa.RecordBatch, name: str, missing: float) -> Floats:
    if name.partition(".")[0] not in batch.schema.names:
        return np.full(len(batch), missing)
    values: Floats = pc.fill_null(pc.cast(Docs(batch).column(name), pa.float64(), safe=False), missing).to_numpy(
        zero_copy_only=False
    )
    return values
