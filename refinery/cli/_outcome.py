"""Closing summary of ``run``: tasks done, documents kept, the output folder, warnings, and the next commands."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from refinery.cli._output import columns, percent
from refinery.cli._reading import WARNINGS, warning_lines
from refinery.formatting import plural, safe, shortened
from refinery.inspect import RootWarning, Summary, summary, warnings
from refinery.recipe import written
from refinery.runner.run import RunReport

FAILURES = 10
"""Failed parts that are shown."""

SETTINGS, VALUE = 4, 60
"""Values of the recipe that changed and are shown, and characters of each."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run and the root that it leaves; no summary where no stage is made, or other runs are to enter the results."""

    root: str
    report: RunReport
    summary: Summary | None
    warnings: tuple[RootWarning, ...]

    @property
    def too_many_broken(self) -> bool:
        """True if more of the inputs are broken than the recipe allows."""
        return self.summary is not None and self.summary.too_many_broken


def outcome(report: RunReport, root: str) -> Outcome:
    """Look at the root behind a run. Raises StorageError."""
    if not report.entered:
        return Outcome(root, report, None, ())
    return Outcome(root, report, summary(root), warnings(root))


def outcome_json(found: Outcome, earlier: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The outcome for programs, with the warnings that came ``earlier`` and are not in the root."""
    warned = [dataclasses.asdict(warning) for warning in found.warnings]
    return {
        **dataclasses.asdict(found.report),
        "root": found.root,
        "summary": found.summary and dataclasses.asdict(found.summary),
        "warnings": [*(one for one in earlier if one not in warned), *warned],
    }


def outcome_text(found: Outcome, place: str) -> str:
    """The outcome for people; ``place`` are the options that name the same root."""
    warned = warning_lines(found.warnings, WARNINGS, f"`refinery logs{place}`")
    if not found.report.allowed:
        return "\n".join([_failed(found), *warned])
    lines = [*_done(found), *(_kept(found.root, found.summary) if found.summary else []), *warned]
    return "\n".join([*lines, *(_next(place) if found.summary else [])])


def _failed(found: Outcome) -> str:
    failures = found.report.failures
    shown = "".join(f"\n  {safe(failure)}" for failure in failures[:FAILURES])
    details = f"`refinery logs --root {found.root} -v` has the details"
    return f"{plural(len(failures), 'part')} failed:{shown}\n{details}"


def _done(found: Outcome) -> Iterator[str]:
    report, root = found.report, found.root
    reused = f"{plural(len(report.reused), 'stage')} taken from earlier results" if report.reused else ""
    if report.tasks:
        yield f"done: {plural(report.tasks, 'task')} in {plural(report.phases, 'phase')} → {root}"
        if reused:
            yield f"switched to {_settings(report)}: {reused}"
    elif reused:
        yield f"switched to {_settings(report)}: {reused}, nothing to make → {root}"
    else:
        changed = f"; the recipe has changed to {_settings(report)}" if report.switched else ""
        yield f"nothing to do: {root} is up to date{changed}"
    if report.lost:
        yield f"made again: {plural(len(report.lost), 'file')}, gone or of another size; `refinery logs` names them"
    if report.blocked:
        yield report.blocked
    if not report.entered:
        yield "other runs share this root: the last of them enters what all have made"
    if report.failures:
        yield f"all that follows lacks what failed. {_failed(found)}"


def _settings(report: RunReport) -> str:
    """Values that changed; those of stages that only one of the recipes has are left out, for the list names these."""
    both = [one for one in report.switched if one.left is not None and one.right is not None] or report.switched
    shown = [f"{one.name}={safe(shortened(_value(one.right), VALUE))}" for one in both]
    more = len(shown) - SETTINGS
    return ", ".join([*shown[:SETTINGS], *([f"{more:,} more"] if more > 0 else [])])


def _value(value: Any) -> str:
    return "(none)" if value is None else written(value)


def _kept(root: str, kept: Summary) -> Iterator[str]:
    documents = f"{kept.documents:,} of {plural(kept.found, 'document')} ({percent(kept.documents, kept.found)})"
    tokens = f"{kept.tokens:,} of {plural(kept.tokens_found, 'token')} ({percent(kept.tokens, kept.tokens_found)})"
    rows = [("kept", f"{documents}, {tokens}" if kept.tokens_found else documents)]
    if kept.folder:
        query = _quoted(f"from '{kept.folder}/*.parquet' limit 5")
        opened = f"refinery.open({root!r}).stage({kept.stage!r}).dataset()"
        rows += [("output", f"{kept.folder} ({plural(kept.files, 'Parquet file')})")]
        rows += [("DuckDB", f"duckdb -c {query}"), ("Python", opened)]
    yield columns([(name, safe(value)) for name, value in rows])


def _quoted(query: str) -> str:
    """The query for a shell: in double quotes, where these leave it as it is."""
    return shlex.quote(query) if re.search(r'["$`\\!]', query) else f'"{query}"'


def _next(place: str) -> Iterator[str]:
    yield "next:"
    yield columns(
        [
            (f"refinery stats{place}", "what each stage keeps, and why the others go"),
            (f"refinery sample --removed{place}", "some removed documents, what they were removed for marked"),
            (f"refinery report{place}", "all of it as pages"),
        ]
    )
