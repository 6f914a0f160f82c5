"""The rounds of a global stage as tasks: what each is made from, and the key that says so. Reads and does nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from refinery.identity import identity, part_key, reduce_identity
from refinery.planner.state import Part
from refinery.recipe import Step
from refinery.root.receipts import Receipt
from refinery.root.reference import EarlierPart
from refinery.stage.global_stage import Global, Round
from refinery.task.shuffle import ranges
from refinery.task.tasks import MappedFiles, PartTask, ReduceTask, ResolveTask, SortedRun

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
    aside: str = ""


@dataclass(frozen=True)
class _Mapped:
    """The map's output of a part, its verdict if it is an earlier one, and the content ids of all that."""

    files: MappedFiles
    contents: tuple[str, ...]


class Rounds:
    """Walks from the map of all parts to their verdicts, a round at a time: ``tasks``, then ``done``.

    Earlier parts, of other roots or of this one, come after all others in every round but the last.
    """

    def __init__(
        self, root: str, step: Step, folder: str, parts: Sequence[Part], earlier: Sequence[EarlierPart]
    ) -> None:
        assert isinstance(step.stage, Global)
        self._root, self._stage, self._name, self._folder = root, step.stage, step.name, folder
        self._parts = parts
        new = [EarlierPart(part.number, "", part.mapped) for part in parts if part.mapped is not None]
        self._mapped = [_mapped(part) for part in [*new, *earlier]]
        self._runs = [_sorted_rows(part.number, part.mapped, part.root) for part in [*new, *earlier]]
        self._made: list[Receipt] = []
        self._mixed = False
        self._first = True

    def tasks(self, each: Round) -> Sequence[ReduceTask | ResolveTask | PartTask]:
        """All tasks of the round."""
        if each.scope == "ranges":
            return list(self._ranges(each))
        return [self._whole(each)] if each.scope == "whole" else list(self._of_parts(each))

    def done(self, each: Round, receipts: list[Receipt]) -> None:
        """The round's receipts, in the order of its tasks."""
        if self._first and each.scope == "whole":
            self._set_aside(*receipts)
            return
        self._made, self._mixed, self._first = receipts, each.scope == "ranges", False
        if each.scope == "parts":
            self._runs = [
                _sorted_rows(part.files.number, receipt)
                for part, receipt in zip(self._parts_of(each), receipts, strict=True)
                if "keys" in receipt.files
            ]

    def _set_aside(self, made: Receipt) -> None:
        """Parts, and their rows, are from here on what they are with that."""
        names = [str(part.files.number) for part in self._mapped]
        paths = [made.files[name][0].path for name in names]
        contents = [made.contents[name] for name in names]
        self._mapped = [
            replace(part, files=replace(part.files, aside=path), contents=(*part.contents, content))
            for part, path, content in zip(self._mapped, paths, contents, strict=True)
        ]
        self._runs = [
            replace(run, aside=path, content=f"{run.content}:{content}")
            for run, path, content in zip(self._runs, paths, contents, strict=True)
        ]

    def verdicts(self) -> Iterator[tuple[Part, Receipt]]:
        """Each part, and the receipt that names its verdict."""
        for place, part in enumerate(self._parts):
            yield part, self._made[place if len(self._made) > 1 else 0]

    def _ranges(self, each: Round) -> Iterator[ReduceTask]:
        total = sum(run.bytes for run in self._runs)
        cuts = ranges(total, self._stage.memory)
        inputs = tuple(f"{run.part}:{run.content}" for run in self._runs)
        shaped = reduce_identity(self._stage) if self._first else identity(self._stage)
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
                runs=tuple(SortedRun(run.part, run.path, run.root, run.aside) for run in self._runs),
                inputs=inputs,
                bytes=total // len(cuts),
                streamed=each.streamed,
            )

    def _whole(self, each: Round) -> ResolveTask:
        parts = self._parts_of(each)
        inputs = [":".join([str(part.files.number), *part.contents]) for part in parts]
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
            parts=tuple(part.files for part in parts),
            inputs=tuple(inputs),
            bytes=sum(receipt.total("reduced") for receipt in self._made),
            memory=self._stage.needs(sum(part.files.documents for part in parts), rows),
        )

    def _of_parts(self, each: Round) -> Iterator[PartTask]:
        parts = self._parts_of(each)
        whole = any(other.scope == "whole" for other in self._stage.rounds())
        for part in parts:
            number = str(part.files.number)
            if self._mixed:
                sent = tuple(file.path for receipt in self._made for file in receipt.files.get("reduced", ()))
                contents = [receipt.contents.get("reduced", "") for receipt in self._made]
                size = sum(receipt.total("reduced") for receipt in self._made) // len(parts)
            else:
                (made,) = self._made
                sent, contents = tuple(file.path for file in made.files[number]), [made.contents[number]]
                size = made.total(number)
            inputs = (":".join([number, *part.contents[1:]]), *contents)
            yield PartTask(
                root=self._root,
                stage=self._stage,
                method=each.method,
                name=self._name,
                folder=self._folder,
                key=part_key(identity(self._stage), [each.method, *inputs]),
                part=part.files,
                sent=sent,
                mixed=self._mixed,
                last=self._is_last(each),
                inputs=inputs,
                bytes=size,
                streamed=each.streamed,
                memory=0 if whole else self._stage.needs(part.files.documents, size),
            )

    def _parts_of(self, each: Round) -> list[_Mapped]:
        return self._mapped[: len(self._parts)] if self._is_last(each) else self._mapped

    def _is_last(self, each: Round) -> bool:
        return each == self._stage.rounds()[-1]


def _mapped(part: EarlierPart) -> _Mapped:
    files, contents = part.mapped.files, part.mapped.contents
    found = MappedFiles(
        number=part.number,
        documents=part.mapped.rows["in"],
        keys=files["keys"][0].path,
        index=files["index"][0].path,
        root=part.root,
        verdict=part.verdict,
    )
    return _Mapped(found, (contents["keys"], contents["index"], *([part.content] if part.content else [])))


def _sorted_rows(part: int, receipt: Receipt, root: str = "") -> _Sorted:
    size = receipt.rows.get("bytes", receipt.rows["keys"] * KEY_BYTES)
    return _Sorted(part, receipt.files["keys"][0].path, receipt.contents["keys"], size, root)
