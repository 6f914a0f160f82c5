"""The stages and parts that a run is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """The stages from ``first`` to ``until`` and the numbers of the ``parts``; None for all.

    ``force`` runs the chosen stages again even if they are up to date, and so does ``first``.
    """

    first: str | None = None
    until: str | None = None
    parts: tuple[int, ...] | range | None = None
    """``range(3, 10**6, 100)`` has the parts of job 3 of 100 jobs that share a root."""
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
