"""The fields of global stages that compare documents with those of reference roots."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from refinery import Global


class AgainstRoots(Global):
    """Compares new documents with those of other roots, and with each other unless ``within`` is false."""

    reduce_fields: ClassVar = ("within",)

    against: tuple[str, ...] = Field((), description="reference roots, whose documents count as first copies")
    within: bool = Field(default=True, description="find duplicates among the new documents as well")

    @model_validator(mode="after")
    def _compares_something(self) -> Self:
        if not self.within and not self.against:
            raise ValueError("within: false finds nothing without against: [ROOT, …]")
        return self

    def reference_roots(self) -> tuple[str, ...]:
        """Return ``against``."""
        return self.against
