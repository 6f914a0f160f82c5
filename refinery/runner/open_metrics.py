"""Progress of runs as OpenMetrics text, for monitoring; also readable as Prometheus's older text format.

https://prometheus.io/docs/specs/om/open_metrics_spec/. There are no types or time stamps that the textfile collector of
node_exporter refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from refinery.runner.events import Event

STATES = ("running", "done", "failed", "interrupted", "drained")

Number = int | float
Values = dict[tuple[tuple[str, str], ...], Number]
"""Numbers by labels."""


class PhaseMetric(NamedTuple):
    """A metric of phases, by its name without ``_total``; values of phases with one title are added by ``total``."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    field: str
    """Of ``PhaseRecord``."""
    total: Callable[[Iterable[Number]], Number] = sum


PHASES = (
    PhaseMetric("refinery_tasks", "gauge", "Tasks of the phase.", "tasks"),
    PhaseMetric("refinery_running_tasks", "gauge", "Tasks that workers have.", "running"),
    PhaseMetric("refinery_done_tasks", "counter", "Tasks that succeeded.", "done"),
    PhaseMetric("refinery_failed_tasks", "counter", "Tasks that failed for good.", "failed"),
    PhaseMetric("refinery_retried_tasks", "counter", "Times that a task was begun again.", "retried"),
    PhaseMetric("refinery_task_seconds", "counter", "Time of workers with the tasks that ended.", "busy"),
    PhaseMetric("refinery_documents", "counter", "Documents into the first stage of the phase.", "documents"),
    PhaseMetric("refinery_input_bytes", "gauge", "Input of all tasks of the phase.", "bytes"),
    PhaseMetric("refinery_read_bytes", "counter", "Input of the tasks that ended.", "bytes_done"),
    PhaseMetric("refinery_written_bytes", "counter", "Rows that were written.", "bytes_written"),
    PhaseMetric("refinery_phase_seconds", "gauge", "Time that the phase took so far.", "seconds"),
    PhaseMetric("refinery_remaining_seconds", "gauge", "Estimated time to the end of the phase.", "eta"),
    PhaseMetric(
        "refinery_worker_peak_memory_bytes", "gauge", "Peak memory of a process with a task.", "peak_memory", max
    ),
)


def metrics_text(events: Iterable[Event], memory: int) -> str:
    """Return the metrics of runs by the latest event of each, and the ``memory`` of this process in bytes."""
    latest = [*events]
    driver: Values = {(): memory}
    families = [*_of_runs(latest), ("refinery_driver_memory_bytes", "Resident memory of the driver.", driver)]
    lines = [line for name, help_, values in families for line in _family(name, "gauge", help_, values)]
    for metric in PHASES:
        lines += _family(metric.name, metric.kind, metric.help, _by_phase(metric, latest))
    return "\n".join([*lines, "# EOF", ""])


def _of_runs(events: Sequence[Event]) -> Iterator[tuple[str, str, Values]]:
    info: Values = {}
    states: Values = {}
    updated: Values = {}
    for event in events:
        root = ("root", event.root)
        info[root, ("run", event.run)] = 1
        updated[root,] = round(event.time.timestamp(), 3)
        state = event.values["state"] if event.kind == "run_ended" else "running"
        for one in STATES:
            states[root, ("state", one)] = int(one == state)
    yield "refinery_run_info", "The run of a root: the name of its record.", info
    yield "refinery_run_state", "1 for the state of the run.", states
    yield "refinery_run_update_time_seconds", "Time of the last event, since the epoch.", updated


def _by_phase(metric: PhaseMetric, events: Sequence[Event]) -> Values:
    """Return the values of a metric, those of phases with one title added."""
    values: Values = {}
    for event in events:
        for title, phases in groupby(sorted(event.phases, key=lambda phase: phase.title), lambda phase: phase.title):
            known = [value for phase in phases if (value := getattr(phase, metric.field)) is not None]
            if known:
                values[("root", event.root), ("phase", title)] = metric.total(known)
    return values


def _family(name: str, kind: str, help_: str, values: Values) -> Iterator[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values.items():
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
        yield f"{name}{'_total' if kind == 'counter' else ''}{f'{{{inner}}}' if inner else ''} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
