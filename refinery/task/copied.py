"""The output of a step that another pipeline of the same task has with the same rows: its files are copied."""

from __future__ import annotations

from typing import Protocol

from refinery.root.receipts import Receipt, named_files
from refinery.root.root import Root
from refinery.task.commit import committed
from refinery.task.tasks import SegmentTask


class StepOutputFiles(Protocol):
    """The output of one step, and what it wrote."""

    receipt: Receipt | None
    content: str
    quarantined: list[str]

    def commit(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]: ...

    def abort(self) -> None: ...


class CopiedOutput:
    """The output of one step, equal to ``original``, which is that of another root and is committed before."""

    def __init__(self, root: Root, task: SegmentTask, place: int, source: Root, original: StepOutputFiles) -> None:
        self._root, self._force, self._output = root, task.force, task.outputs[place]
        self._source, self._original = source, original
        self.receipt: Receipt | None = None
        self.content = ""
        self.quarantined: list[str] = []

    def commit(self, inputs: tuple[str, ...]) -> tuple[str, Receipt | None]:
        """Copy the files and commit the receipt, unless it is there. Returns what the original's commit did."""
        del inputs
        receipt, folder = self._original.receipt, self._output.folder
        assert receipt is not None  # of a step that is only computed in passing nothing is copied
        self.content, self.quarantined = self._original.content, self._original.quarantined
        self.receipt = committed(self._root, folder, receipt.key, force=self._force, with_files=self._output.write)
        if self.receipt is None:
            for path in [*(path for path, _ in named_files(receipt)), *self.quarantined]:
                self._root.store.copy(self._source.full(path), self._root.full(path))
            self._root.commit(folder, receipt)
            self.receipt = receipt
        return self.content, self.receipt

    def abort(self) -> None:
        """Nothing is unfinished."""


def equal_outputs(task: SegmentTask, other: SegmentTask) -> int:
    """Return how many steps, from the first one on, have the same rows and files in both of two joint tasks."""
    if (task.part, task.force) != (other.part, other.force):
        return 0
    count = 0
    for mine, its, run, same in zip(task.outputs, other.outputs, task.steps, other.steps, strict=False):
        if mine != its or not mine.commit or run.stored or same.stored:
            break
        count += 1
    return count
