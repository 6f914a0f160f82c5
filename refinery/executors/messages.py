"""Warnings and log records of a worker's tasks, which it reports with the outcome. They are also printed, as before."""

from __future__ import annotations

import logging
import time
import warnings
from typing import Any

from refinery.executors import Logged

MOST, LONGEST = 20, 500
"""Messages of a task that are reported, and characters of each."""


class Messages(logging.Handler):
    """Collects what is logged in this process at the level of the root logger, and warnings, until they are taken."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logged: list[Logged] = []
        self._more = 0
        self._show = warnings.showwarning
        warnings.showwarning = self._warned
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record, and print it if no other handler does."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit: the handler that prints reports it
            message = str(record.msg)
        self._add(Logged(record.created, record.levelname.lower(), record.name, message))
        if logging.lastResort and logging.getLogger().handlers == [self]:
            logging.lastResort.handle(record)

    def _warned(self, message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        self._add(Logged(time.time(), "warning", "py.warnings", f"{category.__name__}: {message}"))
        self._show(message, category, *place, **options)

    def _add(self, logged: Logged) -> None:
        if len(self._logged) < MOST:
            self._logged.append(logged._replace(message=logged.message[:LONGEST]))
        else:
            self._more += 1

    def taken(self) -> tuple[Logged, ...]:
        """Return the messages since the last call."""
        more = [Logged(time.time(), "warning", __name__, f"{self._more:,} more messages")] if self._more else []
        logged = (*self._logged, *more)
        self._logged, self._more = [], 0
        return logged
