"""The rounds of a global stage as tasks over the files of a root, each with the key of its inputs.

Nothing here performs a task.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count, groupby
from typing import Any

import msgspec
from msgspec import structs

from refinery.identity import CommonContents, part_key, reduce_identity, rounds_identity
from refinery.planner import tiers
from refinery.planner.parts import Part
from refinery.planner.round_files import REDUCED, RoundFile
from refinery.planner.transposition import GroupMerge, Transposition
from refinery.recipe import Step
from refinery.root.receipts import Receipt
from refinery.root.reference import ReferencePart
from refinery.stage.addresses import is_reference
from refinery.stage.global_stage import Global
from refinery.stage.rounds import Reduce, Round
from refinery.task.shuffle import ranges
from refinery.task.tasks import MappedFiles, RoundTask
from refinery.task.tiers import Order, TierTask


class _Mapped(msgspec.Struct, frozen=True, gc=False):
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
        self._of_map = [RoundFile.keyed(part.number, part.mapped, part.root) for part in [*new, *reference]]
        self._keyed: Sequence[RoundFile] = self._of_map
        self._runs: Sequence[RoundFile] = self._keyed
        """The files that tasks read: those of ``_keyed``, or the fewer ones that tiers have merged them to."""
        self._sent: Sequence[Receipt] = ()
        self._reduced: Sequence[RoundFile] = ()
        """Likewise what ranges sent to all parts, for tasks that have all of them."""
        self._transposition: Transposition | None = None
        """Likewise for tasks that have a part each."""
        self._addressed = False
        self._first = True
        self._verdicts: dict[str, Receipt] = {}

    # ---------------------------------------------------------------------------------------------------------- tasks

    def by_range(self, operator: Reduce) -> list[RoundTask]:
        total = sum(keyed.bytes for keyed in self._keyed)
        cuts = ranges(total, self._stage.memory)
        inputs = CommonContents(keyed.label for keyed in self._keyed)
        runs = tuple(file.run for file in self._runs)
        share: dict[str, Any] = {"bytes": total // len(cuts), "runs": runs}
        return [
            self._task(operator, f"{operator.name} {low:x}-{high:x}", (), inputs, number=n, low=low, high=high, **share)
            for n, (low, high) in enumerate(cuts)
        ]

    def at_once(self, operator: Round) -> list[RoundTask]:
        mapped = self._parts_of(operator)
        parts = tuple(part.files for part in mapped)
        paths, contents, size = self._sent_as(REDUCED)
        given = [":".join([str(part.files.number), *part.contents]) for part in mapped]
        inputs = CommonContents([*given, *contents.ids])
        rows = sum(receipt.rows["reduced"] for receipt in self._sent)
        memory = self._stage.needs(sum(part.documents for part in parts), rows)
        share: dict[str, Any] = {"sent": paths, "sent_bytes": size, "parts": parts}
        return [self._task(operator, operator.name, (), inputs, bytes=size, memory=memory, **share)]

    def by_part(self, operator: Round) -> Iterator[RoundTask]:
        mapped = self._parts_of(operator)
        needs_memory = all(other.unit for other in self._stage.rounds())
        reduced = self._sent_as(REDUCED) if self._addressed else None
        transposed = self._transposed(operator)
        for part in mapped:
            number, documents = part.files.number, part.files.documents
            paths, contents, size = reduced or self._sent_as(str(number))
            total = size
            if reduced:
                (paths, total), size = transposed.read(number), size // len(mapped)
            own = (":".join([str(number), *part.contents[1:]]),)
            memory = self._stage.needs(documents, size) if needs_memory else 0
            share: dict[str, Any] = {
                "number": number,
                "sent": paths,
                "sent_bytes": total,
                "addressed": self._addressed,
                "parts": (part.files,),
            }
            yield self._task(operator, operator.name, own, contents, bytes=size, memory=memory, **share)

    def _task(
        self, operator: Round, keyed_by: str, own: tuple[str, ...], common: CommonContents, **share: Any
    ) -> RoundTask:
        made_by = self._first_identity if self._first and operator.kind == "reduce" else self._identity
        key = common.key(made_by, [keyed_by, *own])
        owner: dict[str, Any] = {"root": self._root, "stage": self._stage, "name": self._name, "folder": self._folder}
        return RoundTask(round=operator, key=key, inputs=(*own, common.id), **owner, **share)

    def _sent_as(self, name: str) -> tuple[tuple[str, ...], CommonContents, int]:
        """Return paths, content ids and bytes of what was sent under a name in the receipts."""
        if name == REDUCED:
            paths = tuple(file.run.path for file in self._reduced)
        else:
            paths = tuple(file.path for receipt in self._sent for file in receipt.files.get(name, ()))
        contents = CommonContents(receipt.contents.get(name, "") for receipt in self._sent)
        return paths, contents, sum(receipt.total(name) for receipt in self._sent)

    def _parts_of(self, operator: Round) -> list[_Mapped]:
        return self._mapped[: len(self._parts)] if operator.final else self._mapped

    # ---------------------------------------------------------------------------------------------------------- tiers

    def merges(self, operator: Round) -> list[TierTask]:
        """Return the tasks that merge the files that every task of a round reads; none where they are few enough."""
        if operator.unit == "part":
            return [*map(self._group_merge, count(), self._transposed(operator).merges())]
        order: Order = "key" if isinstance(operator, Reduce) else "file"
        some = [group for group in self._groups(operator) if len(group) > 1]
        return [self._merge(order, number, group) for number, group in enumerate(some)]

    def merge(self, operator: Round, results: Sequence[Receipt]) -> None:
        """Read the files that ``merges`` made instead of those that they were made from."""
        if operator.unit == "part":
            self._transposed(operator).merge(RoundFile.merged(receipt, REDUCED, 0) for receipt in results)
            return
        made, files = iter(results), list[RoundFile]()
        name = "keys" if isinstance(operator, Reduce) else REDUCED
        for group in self._groups(operator):
            files.append(group[0] if len(group) == 1 else RoundFile.merged(next(made), name, group[0].run.number))
        if isinstance(operator, Reduce):
            self._runs = files
        else:
            self._reduced = files

    def _transposed(self, operator: Round) -> Transposition:
        if self._transposition is None:
            parts = [part.files for part in self._parts_of(operator)]
            self._transposition = Transposition(parts, self._reduced, self._stage.memory)
        return self._transposition

    def _groups(self, operator: Round) -> list[Sequence[RoundFile]]:
        """The files that go into one; no parts of the dataset together with reference parts."""
        files = self._runs if isinstance(operator, Reduce) else self._reduced
        fan_in = max(2, tiers.FAN_IN // (2 if any(file.run.excluded for file in files) else 1))
        if len(files) <= fan_in:
            return []
        kinds = [list(kind) for _, kind in groupby(files, lambda file: is_reference(file.run.number))]
        shares = [max(1, fan_in * len(kind) // len(files)) for kind in kinds]
        return [group for kind, most in zip(kinds, shares, strict=True) for group in tiers.groups(kind, most, fan_in)]

    def _merge(self, order: Order, number: int, files: Sequence[RoundFile]) -> TierTask:
        inputs = tuple(file.label for file in files)
        key, size = part_key(f"merge by {order}", inputs), sum(file.run.bytes for file in files)
        return self._tier(files, order=order, number=number, key=key, inputs=inputs, bytes=size)

    def _group_merge(self, number: int, merge: GroupMerge) -> TierTask:
        first, last = merge.group.span
        own, contents = (f"parts {first}-{last}",), CommonContents(file.label for file in merge.group.files)
        share: dict[str, Any] = {"number": number, "parts": (first, last), "bytes": merge.bytes}
        key = contents.key("merge by part", own)
        return self._tier(merge.group.files, order="part", key=key, inputs=(*own, contents.id), **share)

    def _tier(self, files: Sequence[RoundFile], **share: Any) -> TierTask:
        runs = tuple(file.run for file in files)
        return TierTask(root=self._root, stage=self._stage, name=self._name, folder=self._folder, runs=runs, **share)

    # -------------------------------------------------------------------------------------------------------- results

    def exclude(self, results: Sequence[Receipt]) -> None:
        made = {name: receipt for receipt in results for name in receipt.files}
        keyed = list[RoundFile]()
        for place, (part, file) in enumerate(zip(self._mapped, self._of_map, strict=True)):
            name = str(part.files.number)
            path, content = made[name].files[name][0].path, made[name].contents[name]
            self._mapped[place] = _Mapped(replace(part.files, excluded=path), (*part.contents, content))
            run = replace(file.run, excluded=path)
            keyed.append(structs.replace(file, run=run, content=f"{file.content}:{content}"))
        self._keyed = self._runs = keyed
        self._sent, self._reduced, self._addressed, self._first = (), (), False, True
        self._transposition = None

    def send(self, results: Sequence[Receipt], *, addressed: bool) -> None:
        self._sent, self._addressed, self._first, self._transposition = results, addressed, False, None
        self._reduced = [RoundFile.merged(receipt, REDUCED, 0) for receipt in results if REDUCED in receipt.files]

    def rekey(self, results: Sequence[Receipt]) -> None:
        self._keyed = [
            RoundFile.keyed(part.files.number, made) for part, made in zip(self._mapped, results, strict=True)
        ]
        self._runs, self._first = self._keyed, False

    def regroup(self, results: Sequence[Receipt]) -> None:
        self._keyed = self._runs = [RoundFile.merged(one, REDUCED, 0) for one in results if REDUCED in one.files]
        self._first = False

    @property
    def keyed(self) -> object:
        return tuple(file.content for file in self._keyed)

    def conclude(self, results: Sequence[Receipt]) -> None:
        self._verdicts = {name: receipt for receipt in results for name in receipt.files}

    def verdicts(self) -> Iterator[tuple[Part, Receipt]]:
        """Yield each part with the receipt of its verdict."""
        return ((part, self._verdicts[str(part.number)]) for part in self._parts)


def _mapped(part: ReferencePart) -> _Mapped:
    documents, index = part.mapped.rows["in"], part.mapped.files["index"][0].path
    contents = (part.mapped.contents["keys"], part.mapped.contents["index"], *([part.content] if part.content else []))
    return _Mapped(MappedFiles(part.number, documents, index, part.root, part.verdict), contents)
