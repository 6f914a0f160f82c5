"""The lookups from which plans of one root are computed, remembered from one plan to the next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property

from refinery.planner.inputs import Inputs, Recorded
from refinery.planner.plan import Plan
from refinery.planner.segments import Layout
from refinery.planner.selection import Selection
from refinery.planner.walk import make_plan
from refinery.recipe import Pipeline
from refinery.root.receipt_cache import ReceiptCache
from refinery.root.receipts import Receipt
from refinery.root.reference import ReferencePart, reference_parts
from refinery.root.root import Root
from refinery.stage.global_stage import Global


@dataclass(frozen=True)
class Planner:
    """Plans one root. A run adds the receipts that it commits and the parts that it goes on without."""

    root: Root
    layout: Layout
    inputs: Inputs
    receipts: ReceiptCache
    references: dict[int, list[ReferencePart]] = field(default_factory=dict)
    """Parts of other roots, by the position of the global stage that compares with them."""
    left_out: set[tuple[int, int]] = field(default_factory=set)
    """Parts that failed, by the first step of the segment and their number."""

    @classmethod
    def of(
        cls, pipeline: Pipeline, root: Root, selection: Selection = Selection(), inputs: Inputs | None = None
    ) -> Planner:
        """Begin without any lookup. Raises UsageError for a selection or a recipe that cannot run."""
        layout = Layout.of(pipeline, selection)
        return cls(root, layout, inputs or Inputs(pipeline), ReceiptCache(root, layout.folders))

    def plan(self) -> Plan:
        """Plan the selected stages and parts."""
        return self._plan(self.layout, None)

    def full_plan(self) -> Plan:
        """Plan all stages and parts. Remote files that are not selected are not looked at."""
        recorded = self._recorded if self.layout.selection.partial else None
        return self._plan(self._whole, recorded)

    def refreshed(self) -> Planner:
        """Look up receipts and references again, for other runs may have committed some."""
        return replace(self, receipts=ReceiptCache(self.root, self.layout.folders), references={})

    def commit(self, receipts: Iterable[Receipt]) -> None:
        """Add receipts that a task has committed."""
        for receipt in receipts:
            self.receipts.add(self._folder(receipt), receipt)

    def restore(self, receipts: Iterable[Receipt]) -> bool:
        """Write receipts of a task once more. Return False if one with other content ids was in place of one."""
        equal = True
        for receipt in receipts:
            folder = self._folder(receipt)
            there = self.root.receipt(folder, receipt.key)
            equal &= there is None or there.contents == receipt.contents
            self.root.commit(folder, receipt)
        return equal

    def withdraw(self, receipts: Iterable[Receipt]) -> None:
        """Delete receipts that a task has committed."""
        for receipt in receipts:
            self.root.withdraw(self._folder(receipt), receipt.key)

    def _folder(self, receipt: Receipt) -> str:
        return self.layout.folders[self.layout.position(receipt.stage)]

    @cached_property
    def _whole(self) -> Layout:
        return Layout.of(self.layout.pipeline)

    def _plan(self, layout: Layout, recorded: Recorded | None) -> Plan:
        self.receipts.fetch()
        for position, step in enumerate(layout.steps[: layout.last + 1]):
            if isinstance(step.stage, Global) and position not in self.references:
                self.references[position] = reference_parts(step.stage)
        parts = self.inputs.parts(layout.selection, recorded)
        return make_plan(layout, parts, self.receipts, self.references, self.left_out)

    def _recorded(self) -> dict[int, set[str]]:
        """Content ids of the input files by part, as the source's receipts record them."""
        return self.receipts.made_from(self.layout.folders[0], self.layout.identities[0])
