"""Events as JSON, one object a line, for programs that collect logs."""

from __future__ import annotations

import json

from refinery.runner.events import Event


def log_line(event: Event) -> str:
    """Return an event as a line of ASCII with a newline. Fields that it has no value for are left out."""
    fields = {
        "time": f"{event.time:%Y-%m-%dT%H:%M:%S}.{event.time.microsecond // 1000:03d}Z",
        "level": event.level,
        "event": event.kind,
        "run": event.run,
        "phase": event.phase.title if event.phase else "",
        "stage": event.stage,
        "part": event.part,
        "attempt": event.attempt or None,
        "task": event.task,
        "message": event.message,
    }
    known = {name: value for name, value in fields.items() if value not in ("", None)}
    return json.dumps({**known, **event.values}) + "\n"
