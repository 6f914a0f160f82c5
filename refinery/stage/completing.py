"""Sources that complete a recipe before a run, by what they find in its inputs, as ``mix`` computes its draws."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from refinery.stage.base import Source, Stage
from refinery.stage.ordered import Ordered


class CompletingSource(Source):
    """A source whose fields, and those of an ``Ordered`` stage, depend on the inputs. A recipe does not set them."""

    derived: ClassVar[frozenset[str]]
    """The fields that ``completed`` fills in."""

    @abstractmethod
    def completed(self, inputs: Sequence[str], stages: Sequence[Stage]) -> Sequence[Stage]:
        """Return the stages of a recipe, itself included, with the fields that depend on the ``inputs``."""

    def inputs_table(self) -> tuple[tuple[str, ...], ...]:
        """Return a table of what a completed source reads of its inputs, for people; the first row has the columns."""
        return ()


def derived_of(stage: Stage) -> frozenset[str]:
    """Return the fields of a stage that are filled in before a run."""
    return stage.derived if isinstance(stage, CompletingSource | Ordered) else frozenset()


def inputs_table(source: Source) -> tuple[tuple[str, ...], ...]:
    """Return the table of what a source reads of its inputs; none where it has no such table."""
    return source.inputs_table() if isinstance(source, CompletingSource) else ()
