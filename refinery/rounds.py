"""The rounds of a global stage as tasks: what each is made from, and the key that says so. Reads and does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refinery.config import Step
from refinery.identity import identity, map_identity, part_key
from refinery.part import Receipt
from refinery.shuffle import ranges
from refinery.stage import Global, Round
from refinery.survey import Part
from refinery.tasks import MappedFiles, PartTask, ReduceTask, ResolveTask, SortedRun

RoundTask = ReduceTask | ResolveTask | PartTask

KEY_BYTES = 16
"""Of a keyed row, where a receipt does not say how many bytes its rows take in memory."""


@dataclass(frozen=True)
class _Sorted:
    """Keyed rows of one part."""

    part: int
    path: str
    content: str
    bytes: int
    root: str


class Rounds:
    """Walks from the map of all parts to their verdicts, a round at a time: ``tasks``, then ``done``.

    The first round of the ranges is given the keyed rows of ``earlier`` parts as well: number, root, and the receipt of
    their map; the root is empty for this one.
    """

    def __init__(
        self,
        root: str,
        step: Step,
        folder: str,
        parts: Sequence[Part],
        earlier: Sequence[tuple[int, str, Receipt | None]],
    ) -> None:
        assert isinstance(step.stage, Global)
        self._root, self._stage, self._name, self._folder = root, step.stage, step.name, folder
        self._parts = parts
        self._maps = [part.mapped for part in parts if part.mapped is not None]
        found = [(part.number, "", part.mapped) for part in parts] + list(earlier)
        self._runs = [_sorted_rows(number, mapped, where) for number, where, mapped in found if mapped is not None]
        self._made: list[Receipt] = []
        self._mixed = False
        self._first = True

    def tasks(self, each: Round) -> list[RoundTask]:
        """All tasks of the round."""
        if each.scope == "ranges":
            return list(self._ranges(each))
        return [self._whole(each)] if each.scope == "whole" else list(self._of_parts(each))

    def done(self, each: Round, receipts: list[Receipt]) -> None:
        """The round's receipts, in the order of its tasks."""
        self._made, self._mixed, self._first = receipts, each.scope == "ranges", False
        if each.scope == "parts":
            self._runs = [
                _sorted_rows(part.number, receipt)
                for part, receipt in zip(self._parts, receipts, strict=True)
                if "keys" in receipt.files
            ]

    def verdicts(self) -> Iterator[tuple[Part, Receipt]]:
        """Each part, and the receipt that names its verdict."""
        for place, part in enumerate(self._parts):
            yield part, self._made[place if len(self._made) > 1 else 0]

    def _ranges(self, each: Round) -> Iterator[ReduceTask]:
        total = sum(run.bytes for run in self._runs)
        cuts = ranges(total, self._stage.memory)
        inputs = tuple(f"{run.part}:{run.content}" for run in self._runs)
        shaped = map_identity(self._stage) if self._first else identity(self._stage)
        for number, (low, high) in enumerate(cuts):
            yield ReduceTask(
                root=self._root,
                stage=self._stage,
                method=each.method,
                name=self._name,
                folder=self._folder,
                key=part_key(shaped, [f"{each.method} {low:x}-{high:x}", *inputs]),
                number=number,
                low=low,
                high=high,
                runs=tuple(SortedRun(run.part, run.path, run.root) for run in self._runs),
                inputs=inputs,
                bytes=total // len(cuts),
            )

    def _whole(self, each: Round) -> ResolveTask:
        inputs = [
            f"{part.number}:{mapped.contents['keys']}:{mapped.contents['index']}"
            for part, mapped in zip(self._parts, self._maps, strict=True)
        ]
        inputs += [receipt.contents.get("reduced", "") for receipt in self._made]
        rows = sum(receipt.rows["reduced"] for receipt in self._made)
        return ResolveTask(
            root=self._root,
            stage=self._stage,
            method=each.method,
            name=self._name,
            folder=self._folder,
            key=part_key(identity(self._stage), [each.method, *inputs]),
            reduced=tuple(file.path for receipt in self._made for file in receipt.files.get("reduced", ())),
            parts=tuple(self._mapped(place) for place in range(len(self._parts))),
            inputs=tuple(inputs),
            bytes=sum(receipt.total("reduced") for receipt in self._made),
            memory=self._stage.needs(sum(mapped.rows["in"] for mapped in self._maps), rows),
        )

    def _of_parts(self, each: Round) -> Iterator[PartTask]:
        last = each == self._stage.rounds()[-1]
        for place, part in enumerate(self._parts):
            number = str(part.number)
            if self._mixed:
                sent = tuple(file.path for receipt in self._made for file in receipt.files.get("reduced", ()))
                contents = [receipt.contents.get("reduced", "") for receipt in self._made]
                size = sum(receipt.total("reduced") for receipt in self._made) // len(self._parts)
            else:
                (whole,) = self._made
                sent, contents = tuple(file.path for file in whole.files[number]), [whole.contents[number]]
                size = whole.total(number)
            inputs = (f"{number}:{self._maps[place].contents['index']}", *contents)
            yield PartTask(
                root=self._root,
                stage=self._stage,
                method=each.method,
                name=self._name,
                folder=self._folder,
                key=part_key(identity(self._stage), [each.method, *inputs]),
                part=self._mapped(place),
                sent=sent,
                mixed=self._mixed,
                last=last,
                inputs=inputs,
                bytes=size,
            )

    def _mapped(self, place: int) -> MappedFiles:
        mapped = self._maps[place]
        number, files = self._parts[place].number, mapped.files
        return MappedFiles(number, mapped.rows["in"], files["keys"][0].path, files["index"][0].path)


def _sorted_rows(part: int, receipt: Receipt, root: str = "") -> _Sorted:
    size = receipt.rows.get("bytes", receipt.rows["keys"] * KEY_BYTES)
    return _Sorted(part, receipt.files["keys"][0].path, receipt.contents["keys"], size, root)
