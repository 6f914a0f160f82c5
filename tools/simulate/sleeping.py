"""A task that sleeps, in a module that the workers of a cluster import."""

from __future__ import annotations

import time
from pathlib import Path

from refinery.task.tasks import ProgressMarker


def rest(task: tuple[str, float, str], mark: ProgressMarker) -> float:
    """Sleep, after a line in a file that counts the attempts."""
    del mark
    name, seconds, folder = task
    with Path(folder, "attempts").open("a", encoding="utf-8") as stream:
        stream.write(f"{name}\n")
    time.sleep(seconds)
    return seconds
