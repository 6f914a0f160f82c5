"""Manifests, which merge the receipts of a stage, and the head, which names the current ones."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from refinery.root.keys import Keys
from refinery.root.receipts import Below, Name
from refinery.root.statistics import AuditStatistics, Statistics


class InputFault(BaseModel):
    """An input file that yields no document, or is damaged; ``damage`` counts its damaged records by reason.

    ``broken`` is False where so few records are damaged that the file as a whole is not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    part: int
    records: int
    documents: int
    damage: dict[str, int]
    broken: bool
    remedy: str
    """The fix, as the source returns it; "" for none."""


class InputFigures(BaseModel):
    """The number of input files of a source, and those that yield no document or are damaged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: int = 0
    faults: tuple[InputFault, ...] = ()

    @property
    def broken(self) -> int:
        """Return how many files are broken as a whole."""
        return sum(fault.broken for fault in self.faults)


class Outlier(BaseModel):
    """A part that differs from the others of its stage: its ``value`` of a measure, and what is ``usual``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: int
    measure: Literal["kept", "seconds"]
    value: float
    usual: float


class StageManifest(BaseModel):
    """All current receipts of one stage, and its merged statistics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    kind: str
    """Name of the stage's class in the registry."""
    identity: str
    measure: str
    """Measure identity of a filter, by which stored metrics are found again; empty for other stages."""
    version: int
    configuration: dict[str, Any]
    libraries: dict[str, str]
    expected: int
    """Parts that the stage will have, as far as is known; those without a receipt are missing."""
    parts: Keys
    """Keys of the receipts, in part order."""
    shuffle: Keys
    """Keys of the map, reduce and resolve receipts of a global stage."""
    statistics: Statistics
    audit: Keys = Keys()
    """Of the source: keys of the receipts of the shadow audit, in part order."""
    audited: AuditStatistics | None = None
    """Counts of the audit, merged; None where there is none."""
    rules: tuple[str, ...] = ()
    """Ids of its rules."""
    inputs: InputFigures = InputFigures()
    """Of the source: its input files."""
    outliers: tuple[Outlier, ...] = ()
    """Some parts that differ from the others."""
    language_warnings: tuple[tuple[str, str], ...] = ()
    """The lists and rules of the stage that do not suit all languages the recipe keeps, each with the fix."""

    @property
    def complete(self) -> bool:
        """True if every part has a receipt."""
        return len(self.parts) == self.expected


class Head(BaseModel):
    """``HEAD.json``: the recipe and the current manifests. It marks a folder as a root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    dataset: str
    recipe: dict[str, Any]
    folders: tuple[Name, ...]
    """The stages' folders below the root, in order."""
    manifests: dict[Name, Below]
    """Path of each stage's current manifest below the root."""
    code: dict[str, str]
    """The code digest under which each stage's results are accepted."""
    outputs_current: bool = False
    """True if every file that a run wrote into ``kept`` and ``removed`` is one that the manifests lead to.

    False while a run is at work, and after one that was interrupted: a glob may then read outdated rows as well.
    """
