"""Files between rounds as the planner sees them: where the rows are, which ones, and how large they are."""

from __future__ import annotations

import msgspec

from refinery.root.receipts import Receipt
from refinery.task.tiers import SortedRun

KEY_BYTES = 16
"""Bytes of a keyed row in memory, where a receipt does not record them."""

REDUCED = "reduced"
"""Name in the receipts of what a range sends to all parts."""


class RoundFile(msgspec.Struct, frozen=True, gc=False):
    """Sorted rows of one part, or merged ones: the file, its content id, and the bytes of its rows in memory."""

    run: SortedRun
    content: str
    bytes: int

    @classmethod
    def merged(cls, receipt: Receipt, name: str, first: int) -> RoundFile:
        """Rows of several parts; of keyed ones, the ``first`` is the number of the first part."""
        run = SortedRun(first, receipt.files[name][0].path, merged=True, bytes=receipt.total(name))
        return cls(run, receipt.contents[name], _size(receipt, name))

    @classmethod
    def keyed(cls, part: int, receipt: Receipt, root: str = "") -> RoundFile:
        """Keyed rows of a part in a root, the task's own for an empty path."""
        run = SortedRun(part, receipt.files["keys"][0].path, root, bytes=receipt.total("keys"))
        return cls(run, receipt.contents["keys"], _size(receipt, "keys"))

    @property
    def label(self) -> str:
        """The file as an input of a task."""
        return self.content if self.run.merged else f"{self.run.number}:{self.content}"


def _size(receipt: Receipt, name: str) -> int:
    """Return the bytes of rows in memory."""
    return receipt.rows.get("bytes", receipt.rows[name] * KEY_BYTES)
