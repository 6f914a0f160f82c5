"""The measurements that estimates scale: the costs of finished parts, beside the sizes of all input files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import or_

import pyarrow as pa
import pyarrow.compute as pc

from refinery.planner.cost import Cost, Target, uncertainty
from refinery.planner.inputs import file_content
from refinery.planner.planner import Planner
from refinery.root.manifests import StageManifest
from refinery.root.receipt_cache import ReceiptCache
from refinery.root.receipt_sequence import amounts_of, briefs_of
from refinery.root.receipts import Receipt


@dataclass(frozen=True)
class Measurements:
    """The finished parts of each selected stage, by its position, and the ``files`` of ``bytes`` of input in all."""

    files: int
    bytes: int
    inputs: Mapping[int, int]
    """Bytes of the input file of each finished part, where the file is still among the inputs."""
    documents: int
    """Records of the finished parts of the source."""
    taken: Mapping[int, tuple[float, int]]
    """Seconds and bytes written of each finished part, by all stages before one that gathers."""
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
        inputs, documents = dict[int, int](), 0
        for one in briefs_of(receipts[0][0]):
            documents += max(0, one.given)
            if one.inputs[0] in sizes:
                inputs[one.part] = sizes[one.inputs[0]]
        layout = planner.layout
        steps = layout.steps[: layout.last + 1]
        gathered = tuple(accumulate((step.stage.shard_bytes() is not None for step in steps), or_))
        taken = {part: [0.0, 0] for part in inputs}
        costs = [
            _cost(inputs, amounts_of(parts), amounts_of(others), taken, gathered=g)
            for (parts, others), g in zip(receipts, gathered, strict=True)
        ]
        return cls(
            len(paths),
            sum(stat.size for stat in stats),
            inputs,
            documents=documents,
            taken={part: (seconds, int(written)) for part, (seconds, written) in taken.items()},
            costs=tuple(costs),
            gathered=gathered,
        )

    def whole(self, position: int, target: Target | None = None) -> Cost | None:
        """The cost of all parts of a stage, finished or not; those of a ``target`` if there is one."""
        cost = self.costs[position]
        return cost and cost.times(cost.factor(target or Target(bytes=self.bytes, files=self.files)))

    def errors(self, of: int) -> tuple[float | None, float | None]:
        """The uncertainty of seconds and of bytes written for ``of`` parts."""
        sizes = list(self.inputs.values())
        seconds, written = ([taken[which] for taken in self.taken.values()] for which in (0, 1))
        return uncertainty(sizes, seconds, of), uncertainty(sizes, written, of)


def _receipts(
    receipts: ReceiptCache, folder: str, manifest: StageManifest | None
) -> tuple[Sequence[Receipt], Sequence[Receipt]]:
    """The receipts of a stage's parts, and those of its shuffle and audit."""
    if manifest is None:
        return (), ()
    others = receipts.named(folder, manifest.shuffle + manifest.audit)
    return receipts.named(folder, manifest.parts), others


def _cost(
    inputs: Mapping[int, int],
    parts: pa.Table,
    others: pa.Table,
    taken: Mapping[int, list[float]],
    *,
    gathered: bool,
) -> Cost | None:
    """The cost of a stage's finished parts; gathered ones stand for all parts of the source that are finished.

    Parts whose input file is not among the inputs any more, so that its size is not known, are left out. What the
    others took is added to ``taken``.
    """
    if inputs and not gathered:
        known = pa.array(inputs, pa.int64())
        parts = parts.filter(pc.is_in(parts["part"], known))
        of_parts = pc.is_in(others["kind"], pa.array(["map", "audit"]))
        others = others.filter(pc.or_(pc.invert(of_parts), pc.is_in(others["part"], known)))
    numbers = set(inputs if gathered else parts["part"].to_pylist())
    if not gathered:
        for part, seconds, written in zip(*(parts[name].to_pylist() for name in _TAKEN), strict=True):
            if part in taken:
                taken[part][0] += seconds
                taken[part][1] += written
    if not numbers or not len(parts):
        return None
    return Cost.of(len(numbers), sum(inputs.get(number, 0) for number in numbers), parts, others)


_TAKEN = ("part", "seconds", "bytes")
