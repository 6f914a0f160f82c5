"""The rounds of a global stage as tasks over the files of a root, each with the key of its inputs.

Nothing here performs a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from refinery.identity import identity, part_key, reduce_identity
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


@dataclass(frozen=True)
class _Keyed:
    """The sorted keyed rows of one part: the file, its content id and the bytes of its rows in memory."""

    run: SortedRun
    content: str
    bytes: int

    @property
    def input(self) -> str:
        return f"{self.run.number}:{self.content}"


@dataclass(frozen=True)
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
        inputs = tuple(keyed.input for keyed in self._keyed)
        runs = tuple(keyed.run for keyed in self._keyed)
        return [
            replace(
                self._task(operator, inputs, f"{operator.name} {low:x}-{high:x}", total // len(cuts)),
                number=number,
                low=low,
                high=high,
                runs=runs,
            )
            for number, (low, high) in enumerate(cuts)
        ]

    def at_once(self, operator: Round) -> list[RoundTask]:
        parts = self._parts_of(operator)
        inputs = [":".join([str(part.files.number), *part.contents]) for part in parts]
        inputs += [receipt.contents.get("reduced", "") for receipt in self._sent]
        size = sum(receipt.total("reduced") for receipt in self._sent)
        rows = sum(receipt.rows["reduced"] for receipt in self._sent)
        documents = sum(part.files.documents for part in parts)
        return [
            replace(
                self._task(operator, inputs, operator.name, size),
                sent=_paths(self._sent, "reduced"),
                parts=tuple(part.files for part in parts),
                memory=self._stage.needs(documents, rows),
            )
        ]

    def by_part(self, operator: Round) -> list[RoundTask]:
        parts = self._parts_of(operator)
        needs_memory = all(other.unit for other in self._stage.rounds())
        tasks = []
        for part in parts:
            number = part.files.number
            name = "reduced" if self._addressed else str(number)
            contents = [receipt.contents.get(name, "") for receipt in self._sent]
            size = sum(receipt.total(name) for receipt in self._sent) // (len(parts) if self._addressed else 1)
            inputs = [":".join([str(number), *part.contents[1:]]), *contents]
            task = replace(
                self._task(operator, inputs, operator.name, size),
                number=number,
                sent=_paths(self._sent, name),
                addressed=self._addressed,
                parts=(part.files,),
                memory=self._stage.needs(part.files.documents, size) if needs_memory else 0,
            )
            tasks.append(task)
        return tasks

    def _task(self, operator: Round, inputs: Sequence[str], keyed_by: str, size: int) -> RoundTask:
        made_by = reduce_identity(self._stage) if self._first and operator.kind == "reduce" else identity(self._stage)
        return RoundTask(
            root=self._root,
            stage=self._stage,
            round=operator,
            name=self._name,
            folder=self._folder,
            key=part_key(made_by, [keyed_by, *inputs]),
            inputs=tuple(inputs),
            bytes=size,
        )

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


def _paths(receipts: Sequence[Receipt], name: str) -> tuple[str, ...]:
    return tuple(file.path for file in chain.from_iterable(receipt.files.get(name, ()) for receipt in receipts))


def _mapped(part: ReferencePart) -> _Mapped:
    receipt = part.mapped
    mapped = MappedFiles(
        number=part.number,
        documents=receipt.rows["in"],
        keys=receipt.files["keys"][0].path,
        index=receipt.files["index"][0].path,
        root=part.root,
        verdict=part.verdict,
    )
    return _Mapped(
        mapped, (receipt.contents["keys"], receipt.contents["index"], *([part.content] if part.content else []))
    )


def _keyed(part: int, receipt: Receipt, root: str = "") -> _Keyed:
    size = receipt.rows.get("bytes", receipt.rows["keys"] * KEY_BYTES)
    return _Keyed(SortedRun(part, receipt.files["keys"][0].path, root), receipt.contents["keys"], size)
