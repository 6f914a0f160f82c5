"""The plan of a run as data: the state of each stage, and the tasks that can be done next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from refinery.formatting import plural
from refinery.root.receipts import Receipt
from refinery.task.tasks import Task

Action = Literal["keep", "reapply", "run"]
"""Of a stage: all parts are current, rules are applied to stored metrics again, or some parts run."""


@dataclass(frozen=True)
class Phase:
    """Tasks that can be done now, in any order."""

    title: str
    tasks: tuple[Task, ...]
    segment: int = 0
    """Position of the first step of the segment that the tasks belong to, if they take parts through one."""

    @property
    def memory(self) -> int:
        """Bytes that any of its tasks takes at most; 0 if not known."""
        return max((task.memory for task in self.tasks), default=0)

    def __str__(self) -> str:
        return f"{self.title} ({plural(len(self.tasks), 'task')})"


@dataclass(frozen=True, repr=False)
class StageState:
    """One stage in a plan: the current receipts of its parts, and how many parts it has in all.

    Of the other parts, the metrics of ``reapplied`` ones are stored, so that only rules are applied again.
    """

    name: str
    expected: int
    receipts: Sequence[Receipt] = ()
    """They need not be in memory, see ``refinery.root.receipt_sequence``."""
    shuffle: Sequence[Receipt] = ()
    """Of its map and its rounds."""
    audit: Sequence[Receipt] = ()
    """Of the source: those of the shadow audit."""
    reapplied: int = 0

    @property
    def waiting(self) -> int:
        """The number of parts without a current receipt."""
        return self.expected - len(self.receipts)

    @property
    def complete(self) -> bool:
        """True if every part has its receipt."""
        return self.expected > 0 and not self.waiting

    def __repr__(self) -> str:
        reapplied = f" ({self.reapplied:,} from stored metrics)" if self.reapplied else ""
        return f"{self.name} {len(self.receipts):,}/{self.expected:,}{reapplied}"


@dataclass(frozen=True, repr=False)
class Plan:
    """The state of each stage, and the tasks of the next phase: None if nothing can be done.

    ``blocked`` is the reason if nothing can be done although stages after the selected ones are not complete.
    """

    stages: tuple[StageState, ...]
    phase: Phase | None
    blocked: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Input files by their content ids."""

    @property
    def complete(self) -> bool:
        """True if no task is left and every stage that the plan reaches has all its receipts."""
        return self.phase is None and all(stage.complete for stage in self.stages if stage.expected)

    def __repr__(self) -> str:
        end = f"stops: {self.blocked}" if self.blocked else "complete" if self.complete else "not complete"
        return f"<Plan {', '.join(map(repr, self.stages))}; {f'next: {self.phase}' if self.phase else end}>"

    def __str__(self) -> str:
        end = f"stops: {self.blocked}" if self.blocked else "nothing to do"
        return "\n".join([*map(repr, self.stages), f"next: {self.phase}" if self.phase else end])
