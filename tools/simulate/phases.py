"""The times of a simulated phase, and what its wall time was spent on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class PhaseTimes:
    """One phase of a run: from ``begin``, with ``planning`` seconds before its first task, to ``end``."""

    kind: str
    begin: float
    planning: float = 0.0
    end: float = 0.0
    handed_out: float = 0.0
    """When the driver handed out the last task, or one that it began again."""
    done: int = 0
    deaths: int = 0
    """Attempts whose death the runner took note of."""
    repeats: int = 0
    """Attempts that were lost with their node, and begun again without the runner."""
    losses: int = 0
    stragglers: int = 0
    lost: float = 0.0
    """Seconds of attempts that died or were lost."""
    store: float = 0.0
    """Seconds of attempts for requests."""
    gets: float = 0.0
    puts: float = 0.0
    refused: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Begin and end of each attempt."""

    def send(self, gets: float, puts: float, refused: float) -> None:
        """Count the requests of an attempt."""
        self.gets += gets
        self.puts += puts
        self.refused += refused

    @property
    def wall(self) -> float:
        """Seconds from begin to end."""
        return max(self.end, self.begin + self.planning) - self.begin

    @property
    def busy(self) -> float:
        """Seconds of all attempts."""
        return sum(end - began for began, end in self.spans)

    @property
    def longest(self) -> float:
        """Seconds of the longest attempt."""
        return max((end - began for began, end in self.spans), default=0.0)

    def shares(self, cores: int) -> dict[str, float]:
        """Divide the wall time by what it was spent on, with so many cores.

        ``work`` would be all of it if every core had computed all the time. Tasks waited for the ``store``. In the rest
        cores were idle: while the driver was ``planning``; while it did not hand out tasks fast enough (``driver``);
        after the last task was handed out (``stragglers``); or since there were ``few tasks``, less than cores.
        """
        tail = sum(max(0.0, end - max(began, self.handed_out)) for began, end in self.spans)
        after = max(0.0, self.end - self.handed_out)
        before = max(0.0, self.wall - self.planning - after)
        few = self.done < cores
        idle_before, idle_after = before - (self.busy - tail) / cores, after - tail / cores
        waited = idle_before + idle_after
        return {
            "work": (self.busy - self.store) / cores,
            "store": self.store / cores,
            "planning": self.planning,
            "few tasks": waited if few else 0.0,
            "driver": 0.0 if few else idle_before,
            "stragglers": 0.0 if few else idle_after,
        }
