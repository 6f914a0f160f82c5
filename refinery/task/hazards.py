"""Documents that kill the worker that measures them: those known, and those suspected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from refinery.stage.documents import Docs
from refinery.stage.rules import QUARANTINED, Trouble
from refinery.task.tasks import Poison, StepRows


@dataclass(frozen=True)
class Hazards:
    """Documents of a step's input that are processed alone (``suspects``), or not at all (``poison``, with a note)."""

    suspects: tuple[StepRows, ...] = ()
    poison: Mapping[int, str] = field(default_factory=dict)
    """By row of the part."""
    poison_ids: Mapping[bytes, str] = field(default_factory=dict)
    """By document id, where rows are not known."""

    @classmethod
    def of(cls, step: str, suspects: Iterable[StepRows], poison: Iterable[Poison]) -> Hazards:
        """Return those of one step of a task."""
        return cls(tuple(s for s in suspects if s.step == step), {p.row: p.note for p in poison if p.step == step})

    def among(self, docs: Docs, row: int) -> bool:
        """True if the batch, whose first document is ``row`` of the part, has one that must be processed alone."""
        spans = [(s.first, s.count) for s in self.suspects] + [(p, 1) for p in self.poison]
        return any(first < row + len(docs) and row < first + count for first, count in spans) or any(
            identity in self.poison_ids for identity in (docs.column("id").to_pylist() if self.poison_ids else ())
        )

    def note(self, docs: Docs, row: int) -> str | None:
        """Return the note on a single document that must not be processed; None for any other."""
        if self.poison_ids:
            return self.poison_ids.get(docs.column("id")[0].as_py())
        return self.poison.get(row)

    def trouble(self, row: int, rows: int) -> Trouble:
        """Return the trouble of a source's next rows: the records that it must not read."""
        notes = [self.poison.get(number) for number in range(row, row + rows)]
        rules = [None if note is None else QUARANTINED for note in notes]
        return Trouble(pa.array(rules, pa.string()), pa.array(notes, pa.string()))


NO_HAZARDS = Hazards()
