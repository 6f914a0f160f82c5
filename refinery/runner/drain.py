"""Graceful end of a run after SIGTERM, by which a scheduler announces that it takes the machine away.

Signals may come at any moment of the main thread. The first SIGTERM only sets a flag, by which the loop of the run
begins no other task; the alarm and other signals raise KeyboardInterrupt, as Ctrl-C does.
"""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

from refinery.formatting import plural

LIMIT = 60.0
"""Seconds after SIGTERM in which tasks may end. The run is to be over after 90, and ends workers and records then."""

REPEAT = 1.0
"""Seconds after the first SIGTERM in which others are the same one: ``timeout`` signals its child and its group."""

AGAIN = "run the same command again"


class Drained(KeyboardInterrupt):
    """A run ended early after SIGTERM. The message has what became of its tasks."""


class Drain:
    """SIGTERM as a request to end runs soon. Where it is not entered, nothing is requested."""

    def __init__(self) -> None:
        self._since = 0.0
        self._before: list[tuple[signal.Signals, Any]] = []
        self.requested = self.expired = False

    def __enter__(self) -> Self:
        """Receive SIGTERM, and SIGALRM when the tasks that are under way have had ``LIMIT`` seconds."""
        handlers = ((signal.SIGTERM, self._request), (signal.SIGALRM, self._expire))
        self._before = [(one, signal.signal(one, handler)) for one, handler in handlers]
        _entered.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave signals to those who received them before."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        _entered.remove(self)
        for one, handler in self._before:
            signal.signal(one, handler or signal.SIG_DFL)

    def _request(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if not self.requested:
            self.requested, self._since = True, time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, LIMIT)
        elif time.monotonic() - self._since > REPEAT:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    def _expire(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.expired = True
        raise Drained(f"drained after SIGTERM and {LIMIT:.0f} s; {AGAIN}")  # the loop knows more, if it is there

    def ended(self, done: int, abandoned: int) -> Drained:
        """Return the end of a run that did some tasks, while others were under way. No alarm disturbs what follows."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        left = f", {plural(abandoned, 'task')} abandoned after {LIMIT:.0f} s" if abandoned else ", none abandoned"
        return Drained(f"drained after SIGTERM: {plural(done, 'task')} done{left}; {AGAIN}")


_entered: list[Drain] = []
"""Signals are those of the process, so no function passes this on."""


def entered() -> Drain:
    """Return the drain of this process, one that is never requested if there is none."""
    return _entered[-1] if _entered else Drain()
