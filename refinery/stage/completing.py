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


def derived_of(stage: Stage) -> frozenset[str]:
    """Return the fields of a stage that are filled in before a run."""
    return stage.derived if isinstance(stage, CompletingSource | Ordered) else frozenset()
