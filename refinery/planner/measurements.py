"""The measurements that estimates scale: the costs of finished parts, beside the sizes of all input files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from operator import or_

from refinery.planner.cost import Cost, Target, uncertainty
from refinery.planner.inputs import file_content
from refinery.planner.planner import Planner
from refinery.root.manifests import StageManifest
from refinery.root.receipt_cache import ReceiptCache
from refinery.root.receipts import Receipt


@dataclass(frozen=True)
class Measurements:
    """The finished parts of each selected stage, by its position, and the ``files`` of ``bytes`` of input in all."""

    files: int
    bytes: int
    inputs: Mapping[int, int]
    """Bytes of the input file of each finished part, where the file is still among the inputs."""
    receipts: tuple[tuple[Receipt, ...], ...]
    """Of the finished parts of each stage."""
    costs: tuple[Cost | None, ...]
    """None for a stage without finished parts."""
    gathered: tuple[bool, ...]
    """True for a stage whose parts are not those of the source any more, but gathered from them."""

    @classmethod
    def of(cls, planner: Planner, manifests: Mapping[str, StageManifest]) -> Measurements:
        """Look at the input files and read the receipts of the current manifests. Raises StorageError."""
        paths = planner.inputs.counted(planner.layout.selection)
        stats = planner.inputs.stats(paths)
        sizes = {file_content(path, stat): stat.size for path, stat in zip(paths, stats, strict=True)}
        folders = planner.layout.folders[: planner.layout.last + 1]
        receipts = [_receipts(planner.receipts, folder, manifests.get(folder)) for folder in folders]
        inputs = {r.part: sizes[r.inputs[0]] for r in receipts[0][0] if r.inputs[0] in sizes}
        layout = planner.layout
        steps = layout.steps[: layout.last + 1]
        gathered = tuple(accumulate((step.stage.shard_bytes() is not None for step in steps), or_))
        return cls(
            len(paths),
            sum(stat.size for stat in stats),
            inputs,
            receipts=tuple(parts for parts, _ in receipts),
            costs=tuple(_cost(inputs, *pair, gathered=g) for pair, g in zip(receipts, gathered, strict=True)),
            gathered=gathered,
        )

    def whole(self, position: int, target: Target | None = None) -> Cost | None:
        """The cost of all parts of a stage, finished or not; those of a ``target`` if there is one."""
        cost = self.costs[position]
        return cost and cost.times(cost.factor(target or Target(bytes=self.bytes, files=self.files)))

    def errors(self, of: int) -> tuple[float | None, float | None]:
        """The uncertainty of seconds and of bytes written for ``of`` parts, from all stages before one that gathers."""
        seconds: dict[int, float] = dict.fromkeys(self.inputs, 0.0)
        written: dict[int, float] = dict.fromkeys(self.inputs, 0.0)
        for receipts, gathered in zip(self.receipts, self.gathered, strict=True):
            for receipt in receipts if not gathered else ():
                if receipt.part in seconds:
                    seconds[receipt.part] += receipt.seconds
                    written[receipt.part] += sum(receipt.total(name) for name in receipt.files)
        sizes = list(self.inputs.values())
        return uncertainty(sizes, list(seconds.values()), of), uncertainty(sizes, list(written.values()), of)


def _receipts(
    receipts: ReceiptCache, folder: str, manifest: StageManifest | None
) -> tuple[tuple[Receipt, ...], tuple[Receipt, ...]]:
    """The receipts of a stage's parts, and those of its shuffle and audit."""
    if manifest is None:
        return (), ()
    others = receipts.named(folder, [*manifest.shuffle, *manifest.audit])
    return tuple(receipts.named(folder, manifest.parts)), tuple(others)


def _cost(
    inputs: Mapping[int, int], parts: tuple[Receipt, ...], others: tuple[Receipt, ...], *, gathered: bool
) -> Cost | None:
    """The cost of a stage's finished parts; gathered ones stand for all parts of the source that are finished.

    Parts whose input file is not among the inputs any more, so that its size is not known, are left out.
    """
    if inputs and not gathered:
        parts = tuple(receipt for receipt in parts if receipt.part in inputs)
        others = tuple(r for r in others if r.part in inputs or r.kind not in ("map", "audit"))
    numbers = set(inputs) if gathered else {receipt.part for receipt in parts}
    if not numbers or not parts:
        return None
    return Cost.of(len(numbers), sum(inputs.get(number, 0) for number in numbers), parts, others)
