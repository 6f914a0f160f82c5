"""The rounds of a global stage as far as their receipts reach: what is done, and the tasks that are missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from refinery.planner.plan import Phase
from refinery.planner.rounds import FileShuffle
from refinery.root.keys import Keys
from refinery.root.receipt_index import ROWS
from refinery.root.receipts import Receipt, lean
from refinery.stage.rounds import Round, Rounds, in_turn
from refinery.task.tasks import RoundTask
from refinery.task.tiers import TierTask

Find = Callable[[Sequence[str]], Iterator[Receipt | None]]
"""Looks up the receipts of keys."""


@dataclass
class RoundWalk:
    """One walk through one form of the rounds of a stage. ``phase`` is None once it has reached the verdicts."""

    shuffle: FileShuffle
    find: Find
    keys: Keys = field(default_factory=Keys)
    """Of the receipts that were found, those of merges included."""
    phase: Phase | None = None

    def through(self, name: str, rounds: Rounds) -> RoundWalk:
        """Go on to the first round that is not done. ``name`` is that of the step."""
        for operator in in_turn(rounds, self.shuffle):
            missing = self._round(operator)
            if missing is not None:
                self.phase = replace(missing, title=f"{name} {missing.title}")
                break
        return self

    def _round(self, operator: Round) -> Phase | None:
        """Take the receipts of a round, or return its tasks that are missing."""
        merges = self._merged(operator)
        tasks, missing, receipts = iter(operator.tasks(self.shuffle)), list[RoundTask](), list[Receipt]()
        while some := [*islice(tasks, ROWS)]:  # of all parts only those that are missing are in memory
            found = self.find([task.key for task in some])
            for task, receipt in zip(some, found, strict=True):
                if receipt is None:
                    missing.append(task)
                elif not missing:
                    receipts.append(lean(receipt))
        if missing:  # only then the merged files are needed
            return Phase("merge" if merges else operator.name, merges or tuple(missing))
        self.keys += Keys(receipt.key for receipt in receipts)
        operator.pass_on(self.shuffle, receipts)
        return None

    def _merged(self, operator: Round) -> tuple[TierTask, ...]:
        """Merge the files that the tasks of a round read, tier after tier; return the tasks that are missing for it."""
        while tasks := self.shuffle.merges(operator):
            receipts = dict(zip((task.key for task in tasks), self.find([task.key for task in tasks]), strict=True))
            committed = [receipt for receipt in receipts.values() if receipt is not None]
            self.keys += Keys(receipt.key for receipt in committed)
            if len(committed) < len(tasks):
                return tuple(task for task in tasks if receipts[task.key] is None)
            self.shuffle.merge(operator, committed)
        return ()
