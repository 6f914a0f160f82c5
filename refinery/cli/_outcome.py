"""Final summary of ``run``: tasks, documents kept, output folder, warnings and next commands."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refinery.cli._amounts import amounts_line
from refinery.cli._errors import DRAINED, INTERRUPTED
from refinery.cli._output import columns, numbers, percent
from refinery.cli._reading import WARNINGS, warning_lines
from refinery.errors import RefineryError
from refinery.formatting import plural, safe, shortened
from refinery.inspect.summaries import Summary, summary
from refinery.inspect.warning_list import RootWarning, warnings
from refinery.recipe import written
from refinery.runner.drain import Drained
from refinery.runner.events import Event
from refinery.runner.report import RunReport

FAILURES = 10
"""Failed parts that are printed."""

SETTINGS, VALUE = 4, 60
"""Changed recipe values that are printed, and characters of each."""


PREVIEW = 160
"""Characters of a document that are printed."""

_SUMS = ("done", "failed", "retried", "bytes_done", "bytes_written")
_PHASE_FIELDS = {"title", "tasks", "bytes", "documents", "seconds", "busy", "peak_memory", *_SUMS}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run and its root. ``summary`` is None if no stage has run, or if another run will update the manifests."""

    root: str
    report: RunReport
    summary: Summary | None
    warnings: tuple[RootWarning, ...]

    @property
    def exit_code(self) -> int:
        """1 if parts failed or too many inputs are broken, else 0."""
        return int(not self.report.failures_allowed or self.too_many_broken)

    @property
    def too_many_broken(self) -> bool:
        """True if more inputs are broken than the recipe allows."""
        return self.summary is not None and self.summary.too_many_broken


def outcome(report: RunReport, root: str) -> Outcome:
    """Read the root after a run. Raises StorageError."""
    if not report.manifests_updated:
        return Outcome(root, report, None, ())
    return Outcome(root, report, summary(root), warnings(root))


def outcome_json(
    result: Outcome, recipe_warnings: Sequence[Mapping[str, Any]], latest: Mapping[str, Event]
) -> dict[str, Any]:
    """Return the outcome as JSON values; ``recipe_warnings`` are those that the root does not contain."""
    warned = [dataclasses.asdict(warning) for warning in result.warnings]
    return {
        **dataclasses.asdict(result.report),
        "exit_code": result.exit_code,
        "root": result.root,
        "run": run_json(latest[result.root]) if result.root in latest else None,
        "summary": result.summary and dataclasses.asdict(result.summary),
        "warnings": [*(one for one in recipe_warnings if one not in warned), *warned],
    }


def failure_json(error: RefineryError | KeyboardInterrupt, latest: Mapping[str, Event]) -> dict[str, Any]:
    """Return the error that ended runs as JSON values, with the progress of each."""
    if isinstance(error, RefineryError):
        code, message, hint = error.exit_code, error.message, error.hint
    elif isinstance(error, Drained):
        code, message, hint = DRAINED, str(error), ""
    else:
        code, message, hint = INTERRUPTED, "interrupted", ""
    return {
        "exit_code": code,
        "error": message,
        "hint": hint,
        "runs": [{"root": root, "run": run_json(event)} for root, event in latest.items()],
    }


def run_json(event: Event) -> dict[str, Any]:
    """Return a run after its last event as JSON values: state, seconds, and counts in all and by phase."""
    phases = [phase.model_dump(include=_PHASE_FIELDS) for phase in event.phases]
    return {
        "id": event.run,
        **event.values,
        **{name: sum(phase[name] for phase in phases) for name in _SUMS},
        "peak_memory": max((phase["peak_memory"] for phase in phases), default=0),
        "phases": phases,
    }


def outcome_text(result: Outcome, options: str) -> str:
    """Return the outcome as text; ``options`` select the same root in another command."""
    warned = warning_lines(result.warnings, WARNINGS, f"`refinery logs{options}`")
    if not result.report.failures_allowed:
        return "\n".join([_failed(result), *warned])
    lines = [*_done(result), *(_kept(result.root, result.summary) if result.summary else []), *warned]
    return "\n".join([*lines, *(_next(options) if result.summary else [])])


def _failed(result: Outcome) -> str:
    failures = result.report.failures
    lines = "".join(f"\n  {safe(failure)}" for failure in failures[:FAILURES])
    details = f"hint: `refinery logs --root {result.root} -v` prints the details"
    return f"{plural(len(failures), 'part')} failed:{lines}\n{details}"


def _done(result: Outcome) -> Iterator[str]:
    report, root = result.report, result.root
    reused = f"reused the results of {plural(len(report.reused), 'stage')}" if report.reused else ""
    if report.tasks:
        yield f"done: {plural(report.tasks, 'task')} in {plural(report.phases, 'phase')} → {root}"
        if reused:
            yield f"recipe changed to {_settings(report)}: {reused}"
    elif reused:
        yield f"recipe changed to {_settings(report)}: {reused}, nothing to compute → {root}"
    else:
        changed = f"; the recipe changed to {_settings(report)}" if report.changed_settings else ""
        yield f"nothing to do: {root} is up to date{changed}"
    if report.missing_files:
        files = plural(len(report.missing_files), "file")
        yield f"recomputed {files} that were missing or changed size; see `refinery logs`"
    if report.amounts:
        yield amounts_line(report.amounts)
    if report.blocked:
        yield report.blocked
    if not report.manifests_updated:
        yield "other runs share this root: the last one to finish updates the manifests"
    if report.failures:
        yield f"later stages lack the failed parts. {_failed(result)}"


def _settings(report: RunReport) -> str:
    """Return the changed values, without those of stages that only one of the two recipes has."""
    both = [
        one for one in report.changed_settings if one.left is not None and one.right is not None
    ] or report.changed_settings
    values = [f"{one.name}={safe(shortened(_value(one.right), VALUE))}" for one in both]
    more = len(values) - SETTINGS
    return ", ".join([*values[:SETTINGS], *([f"{more:,} more"] if more > 0 else [])])


def _value(value: Any) -> str:
    return "(none)" if value is None else written(value)


def _kept(root: str, kept: Summary) -> Iterator[str]:
    documents = f"{kept.documents:,} of {plural(kept.read, 'document')} ({percent(kept.documents, kept.read)})"
    tokens = f"{kept.tokens:,} of {plural(kept.tokens_read, 'token')} ({percent(kept.tokens, kept.tokens_read)})"
    rows = [("kept", f"{documents}, {tokens}" if kept.tokens_read else documents)]
    if kept.folder:
        rows += [("output", f"{kept.folder} ({plural(kept.files, 'Parquet file' if kept.pattern else 'file')})")]
    if kept.dataset:
        rows += [("dataset", kept.dataset)]
    if kept.pattern and kept.folder:
        query = _quoted(f"from '{kept.folder}/{kept.pattern}' limit 5")
        opened = f"refinery.open({root!r}).stage({kept.stage!r}).dataset()"
        rows += [("DuckDB", f"duckdb -c {query}"), ("Python", opened)]
    rows += [(f"document {number}", _one_line(text)) for number, text in enumerate(kept.previews, 1)]
    yield from numbers(kept.inputs_table)
    yield columns([(name, safe(value)) for name, value in rows])


def _one_line(text: str) -> str:
    """Return a preview on one line, its beginning and its end."""
    line = " ".join(text.split())
    return line if len(line) <= PREVIEW else f"{line[: PREVIEW // 2]} […] {line[-PREVIEW // 2 :]}"


def _quoted(query: str) -> str:
    """Quote the query for a shell, with double quotes if these do not change it."""
    return shlex.quote(query) if re.search(r'["$`\\!]', query) else f'"{query}"'


def _next(options: str) -> Iterator[str]:
    yield "next:"
    yield columns(
        [
            (f"refinery stats{options}", "show what each stage kept, and the removal reasons"),
            (f"refinery sample --removed{options}", "show removed documents, with the cause highlighted"),
            (f"refinery report{options}", "write an HTML report"),
        ]
    )
