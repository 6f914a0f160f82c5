"""The stages and parts that a run is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EveryNth:
    """Every ``step``-th part, from ``first`` on: the parts of one of ``step`` jobs that do all parts together."""

    first: int
    step: int


@dataclass(frozen=True)
class Selection:
    """The stages from ``first`` to ``until`` and the parts that are chosen; None for all.

    ``force`` runs the chosen stages again even if they are up to date, and so does ``first``.
    """

    first: str | None = None
    until: str | None = None
    parts: tuple[int, ...] | EveryNth | None = None
    share: float | None = None
    """A fixed share of the parts, between 0 and 1 (at least one part)."""
    force: bool = False

    @property
    def partial(self) -> bool:
        """True if some parts are left out, so that no global stage can run."""
        return self.parts is not None or self.share is not None

    @property
    def forced(self) -> bool:
        """True if the chosen stages run again even if they are up to date."""
        return self.force or self.first is not None

    @property
    def shared(self) -> bool:
        """True if other runs may use the root at once: parts are added, each by a receipt, and none is replaced."""
        return self.partial and not self.forced
