"""The report of a run in one root."""

from __future__ import annotations

from dataclasses import dataclass

from refinery.formatting import plural
from refinery.html import paragraph
from refinery.planner.amounts import RunAmounts
from refinery.recipe import Setting


@dataclass(frozen=True)
class RunReport:
    """The phases and tasks that a run did, the parts that failed, and True if every stage is complete."""

    phases: int
    tasks: int
    failures: tuple[str, ...]
    complete: bool
    blocked: str
    failures_allowed: bool = True
    """True if the run went on without the parts that failed, if any."""
    manifests_updated: bool = True
    """True if the manifests are up to date; not while other runs share the root: the last of them updates them."""
    missing_files: tuple[str, ...] = ()
    """Files below the root that receipts name and that were gone or had another size: their parts ran again."""
    changed_settings: tuple[Setting, ...] = ()
    """Values of the recipe that differ from those the root had before."""
    reused: tuple[str, ...] = ()
    """Stages whose results differ from those before and were all there already, from another recipe."""
    amounts: RunAmounts | None = None
    """Amounts that the run took, beside their estimates; None if it had nothing to do."""

    def _repr_html_(self) -> str:
        end = "complete" if self.complete else f"not complete {self.blocked}"
        return paragraph(f"{plural(self.tasks, 'task')} done, {end}") + "".join(map(paragraph, self.failures))
