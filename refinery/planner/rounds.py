"""The rounds of a global stage as tasks over the files of a root, each with the key of its inputs.

Nothing here performs a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from refinery.identity import CommonContents, reduce_identity, rounds_identity
from refinery.planner.parts import Part
from refinery.recipe import Step
from refinery.root.receipts import Receipt
from refinery.root.reference import ReferencePart
from refinery.stage.global_stage import Global
from refinery.stage.rounds import Reduce, Round
from refinery.task.shuffle import ranges
from refinery.task.tasks import MappedFiles, RoundTask, SortedRun

KEY_BYTES = 16
"""Bytes of a keyed row in memory, where a receipt does not record them."""


@dataclass(frozen=True, slots=True)
class _Keyed:
    """The sorted keyed rows of one part: the file, its content id and the bytes of its rows in memory."""

    run: SortedRun
    content: str
    bytes: int


@dataclass(frozen=True, slots=True)
class _Mapped:
    """The map output of a part, with the verdict of a reference part, and the content ids of these files."""

    files: MappedFiles
    contents: tuple[str, ...]


class FileShuffle:
    """The state between rounds as receipts: see ``refinery.stage.rounds.Shuffle``.

    Reference parts come after all others.
    """

    def __init__(
        self, root: str, step: Step, folder: str, parts: Sequence[Part], reference: Sequence[ReferencePart]
    ) -> None:
        assert isinstance(step.stage, Global)
        self._root, self._stage, self._name, self._folder = root, step.stage, step.name, folder
        self._identity, self._first_identity = rounds_identity(step.stage), reduce_identity(step.stage)
        self._parts = parts
        new = [ReferencePart(part.number, "", part.mapped) for part in parts if part.mapped is not None]
        self._mapped = [_mapped(part) for part in [*new, *reference]]
        self._keyed = [_keyed(part.number, part.mapped, part.root) for part in [*new, *reference]]
        self._sent: Sequence[Receipt] = ()
        self._addressed = False
        self._first = True
        self._verdicts: dict[str, Receipt] = {}

    # ---------------------------------------------------------------------------------------------------------- tasks

    def by_range(self, operator: Reduce) -> list[RoundTask]:
        total = sum(keyed.bytes for keyed in self._keyed)
        cuts = ranges(total, self._stage.memory)
        inputs = CommonContents(f"{keyed.run.number}:{keyed.content}" for keyed in self._keyed)
        runs = tuple(keyed.run for keyed in self._keyed)
        share: dict[str, Any] = {"bytes": total // len(cuts), "runs": runs}
        return [
            self._task(operator, f"{operator.name} {low:x}-{high:x}", (), inputs, number=n, low=low, high=high, **share)
            for n, (low, high) in enumerate(cuts)
        ]

    def at_once(self, operator: Round) -> list[RoundTask]:
        mapped = self._parts_of(operator)
        parts = tuple(part.files for part in mapped)
        paths, contents, size = self._sent_as("reduced")
        given = [":".join([str(part.files.number), *part.contents]) for part in mapped]
        inputs = CommonContents([*given, *contents.ids])
        rows = sum(receipt.rows["reduced"] for receipt in self._sent)
        memory = self._stage.needs(sum(part.documents for part in parts), rows)
        return [self._task(operator, operator.name, (), inputs, bytes=size, sent=paths, parts=parts, memory=memory)]

    def by_part(self, operator: Round) -> list[RoundTask]:
        mapped = self._parts_of(operator)
        needs_memory = all(other.unit for other in self._stage.rounds())
        reduced = self._sent_as("reduced") if self._addressed else None
        tasks = []
        for part in mapped:
            number, documents = part.files.number, part.files.documents
            paths, contents, size = reduced or self._sent_as(str(number))
            size = size // len(mapped) if reduced else size
            own = (":".join([str(number), *part.contents[1:]]),)
            memory = self._stage.needs(documents, size) if needs_memory else 0
            share: dict[str, Any] = {
                "number": number,
                "sent": paths,
                "addressed": self._addressed,
                "parts": (part.files,),
            }
            tasks.append(self._task(operator, operator.name, own, contents, bytes=size, memory=memory, **share))
        return tasks

    def _task(
        self, operator: Round, keyed_by: str, own: tuple[str, ...], common: CommonContents, **share: Any
    ) -> RoundTask:
        made_by = self._first_identity if self._first and operator.kind == "reduce" else self._identity
        key = common.key(made_by, [keyed_by, *own])
        owner: dict[str, Any] = {"root": self._root, "stage": self._stage, "name": self._name, "folder": self._folder}
        return RoundTask(round=operator, key=key, inputs=(*own, common.id), **owner, **share)

    def _sent_as(self, name: str) -> tuple[tuple[str, ...], CommonContents, int]:
        """Return paths, content ids and bytes of what was sent under a name in the receipts."""
        paths = tuple(file.path for receipt in self._sent for file in receipt.files.get(name, ()))
        contents = CommonContents(receipt.contents.get(name, "") for receipt in self._sent)
        return paths, contents, sum(receipt.total(name) for receipt in self._sent)

    def _parts_of(self, operator: Round) -> list[_Mapped]:
        return self._mapped[: len(self._parts)] if operator.final else self._mapped

    # -------------------------------------------------------------------------------------------------------- results

    def exclude(self, results: Sequence[Receipt]) -> None:
        (made,) = results
        for place, (part, keyed) in enumerate(zip(self._mapped, self._keyed, strict=True)):
            name = str(part.files.number)
            path, content = made.files[name][0].path, made.contents[name]
            self._mapped[place] = _Mapped(replace(part.files, excluded=path), (*part.contents, content))
            run = replace(keyed.run, excluded=path)
            self._keyed[place] = _Keyed(run, f"{keyed.content}:{content}", keyed.bytes)

    def send(self, results: Sequence[Receipt], *, addressed: bool) -> None:
        self._sent, self._addressed, self._first = results, addressed, False

    def rekey(self, results: Sequence[Receipt]) -> None:
        self._keyed = [_keyed(part.files.number, made) for part, made in zip(self._mapped, results, strict=True)]

    def conclude(self, results: Sequence[Receipt]) -> None:
        self._verdicts = {name: receipt for receipt in results for name in receipt.files}

    def verdicts(self) -> Iterator[tuple[Part, Receipt]]:
        """Yield each part with the receipt of its verdict."""
        return ((part, self._verdicts[str(part.number)]) for part in self._parts)


def _mapped(part: ReferencePart) -> _Mapped:
    documents, index = part.mapped.rows["in"], part.mapped.files["index"][0].path
    contents = (part.mapped.contents["keys"], part.mapped.contents["index"], *([part.content] if part.content else []))
    return _Mapped(MappedFiles(part.number, documents, index, part.root, part.verdict), contents)


def _keyed(part: int, receipt: Receipt, root: str = "") -> _Keyed:
    size = receipt.rows.get("bytes", receipt.rows["keys"] * KEY_BYTES)
    return _Keyed(SortedRun(part, receipt.files["keys"][0].path, root), receipt.contents["keys"], size)
