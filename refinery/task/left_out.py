"""Documents of a task's input that were taken down after the stage before had kept them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from refinery.errors import PartFailed
from refinery.root.receipts import Receipt, TakenRows


@dataclass(frozen=True)
class LeftOut:
    """The rows of an input of ``documents`` that takedowns took out, one after the other; ``taken`` is empty for none.

    A verdict has a row for each document that was mapped, before or after some of the takedowns.
    """

    documents: int = 0
    taken: tuple[TakenRows, ...] = ()

    @classmethod
    def of(cls, kept: Receipt) -> LeftOut:
        """Return those of the kept rows of a receipt."""
        return cls(kept.rows["kept"], kept.taken_down["kept"].taken) if "kept" in kept.taken_down else cls()

    def verdict(self, verdict: pa.Table) -> pa.Table:
        """Return a verdict's rows for the documents that are left. Raises PartFailed for one of other documents."""
        places = self._left(verdict.num_rows)
        return verdict if places is None else verdict.take(pa.array(places)).combine_chunks()

    def poison(self, rows: tuple[tuple[int, str], ...], mapped: int) -> tuple[tuple[int, str], ...]:
        """Return poisonous rows among ``mapped`` documents by their numbers among those that are left."""
        places = self._left(mapped)
        if places is None:
            return rows
        number = {int(place): row for row, place in enumerate(places)}
        return tuple((number[row], note) for row, note in rows if row in number)

    def _left(self, mapped: int) -> np.ndarray | None:
        """Return the numbers that the documents that are left had among ``mapped`` ones, None if they are the same."""
        documents = self.documents
        for number, one in enumerate(self.taken):
            if documents == mapped:
                places = np.arange(documents)
                for later in self.taken[number:]:
                    places = np.delete(places, later.rows)
                return places
            documents -= len(one.rows)
        if self.taken and documents != mapped:
            raise PartFailed(
                f"a verdict of {mapped} documents is not that of {documents}, of which some were taken down",
                hint="a verdict has one row a document; run again with --from the stage that made it",
            )
        return None


NOTHING = LeftOut()
