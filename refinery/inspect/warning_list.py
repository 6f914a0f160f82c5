"""The warnings about a root: one list for ``run``, ``stats``, ``logs`` and the report.

It is a function of the root's manifests and merged counts, so every command on every machine prints the same. Not here:
problems of single runs (``runs``) and records that contradict each other (``counts``, ``verification``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow.compute as pc

from refinery.errors import StorageError
from refinery.formatting import plural
from refinery.inspect.clusters import Retained, vanishing_domains_of
from refinery.inspect.group_counts import Counted
from refinery.inspect.reader import RootReader, StageEntry, open_root
from refinery.recipe.languages import language_warnings
from refinery.recipe.pipeline import Pipeline, Settings, percent_of
from refinery.root.manifests import InputFault, InputFigures, Outlier
from refinery.stage.rules import ERROR, QUARANTINED
from refinery.statistics.origins import NONE

LIMIT = "max_broken_inputs"
"""The key of the recipe that limits the share of broken inputs."""

Severity = Literal["error", "warning", "note"]
Topic = Literal["stage", "duplicates", "sources"]

GREEDY_STAGE, GREEDY_RULE = 0.50, 0.30
"""A stage that removes a larger share of its input is warned of, and so is one with such a rule."""

IDLE_DOCUMENTS = 1_000
"""Documents of a stage from which on a rule that none violates is noted."""

HEAVY = 0.01
"""Share of all tokens above which a domain is noted."""

NAMED = 3
"""Files, domains and rules that a warning names."""


@dataclass(frozen=True)
class RootWarning:
    """Something to look at, and the ``fix`` where one is known. ``topic`` is what shows more of it."""

    severity: Severity
    text: str
    fix: str = ""
    stage: str = ""
    topic: Topic = "stage"


def warnings(path: str) -> tuple[RootWarning, ...]:
    """Return the warnings about the root at ``path``. Raises UsageError, StorageError."""
    return warnings_of(open_root(path))


def warnings_of(reader: RootReader) -> tuple[RootWarning, ...]:
    """Return the warnings about an open root, those about its inputs first, then by stage."""
    allowed = allowed_share(reader)
    inputs = [one for entry in reader.stages[:1] for one in _inputs(entry.name, entry.manifest.inputs, allowed)]
    groups = Counted(reader)
    vanishing = vanishing_domains_of(groups)
    stages = [one for entry in reader.stages for one in _stage(entry, vanishing.get(entry.name, ()))]
    return (*inputs, *_missing(reader.stages), *stages, *_heavy_domains(groups))


def recipe_warnings(pipeline: Pipeline) -> tuple[RootWarning, ...]:
    """Return the warnings about a recipe that need no root: they come before a run, and are in its root afterwards."""
    return tuple(RootWarning("warning", one.text, one.fix, one.stage) for one in language_warnings(pipeline))


def allowed_share(reader: RootReader) -> str:
    """Return the share of broken inputs that the root's recipe allows, as it is written. Raises StorageError."""
    written = reader.head.recipe.get(LIMIT, Settings.model_fields[LIMIT].default)
    try:
        percent_of(written)
    except ValueError as error:
        path = reader.root.full("HEAD.json")
        raise StorageError(f"{path}: {LIMIT}: {error}", hint="`refinery run` writes it again") from error
    return str(written)


# -------------------------------------------------------------------------------------------------------------- inputs


def too_many_broken(figures: InputFigures, allowed: str) -> bool:
    """Return True if a larger share of the input files is broken than is allowed."""
    return figures.broken * 100 > percent_of(allowed) * figures.files


def _inputs(stage: str, figures: InputFigures, allowed: str) -> Iterator[RootWarning]:
    if too_many_broken(figures, allowed):
        found = f"{figures.broken:,} of {plural(figures.files, 'input')} broken ({figures.broken / figures.files:.1%})"
        text = f"{stage}: {found}, more than {LIMIT}: {allowed}"
        yield RootWarning(
            "error", text, "repair or leave out these files, or set max_broken_inputs in the recipe", stage
        )
    empty = [fault for fault in figures.faults if not fault.documents]
    broken = [fault for fault in figures.faults if fault.documents and fault.broken]
    damaged = [fault for fault in figures.faults if fault.documents and not fault.broken]
    yield from _faults(stage, empty, ("yields no document", "yield no document"), "warning")
    yield from _faults(stage, broken, ("is broken", "are broken"), "warning")
    yield from _faults(stage, damaged, ("has damaged records", "have damaged records"), "note")


def _faults(
    stage: str, faults: Sequence[InputFault], verbs: tuple[str, str], severity: Severity
) -> Iterator[RootWarning]:
    """A warning for each fix, that of most files first."""
    fixes = Counter(fault.remedy for fault in faults)
    for fix, number in sorted(fixes.items(), key=lambda item: (-item[1], item[0])):
        mine = [fault for fault in faults if fault.remedy == fix]
        reasons: Counter[str] = Counter()
        for fault in mine:
            reasons.update(fault.damage)
        counted = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(NAMED))
        why = f" ({counted})" if counted else ""
        files = _some([fault.path.rpartition("/")[2] or f"part {fault.part}" for fault in mine])
        yield RootWarning(severity, f"{stage}: {plural(number, 'input')} {verbs[number > 1]}{why}: {files}", fix, stage)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


# -------------------------------------------------------------------------------------------------------------- stages


def _missing(stages: Sequence[StageEntry]) -> Iterator[RootWarning]:
    """A warning for the stages that lack as many parts of as many."""
    lacking: dict[tuple[int, int], list[str]] = {}
    for entry in stages:
        expected = entry.manifest.expected
        lacking.setdefault((expected - len(entry.manifest.parts), expected), []).append(entry.name)
    for (missing, expected), names in lacking.items():
        if missing:
            text = f"{', '.join(names)}: {missing:,} of {plural(expected, 'part')} missing"
            yield RootWarning("warning", text, "run again to compute them", names[0])


def _stage(entry: StageEntry, vanishing: Sequence[Retained]) -> Iterator[RootWarning]:
    manifest, name = entry.manifest, entry.name
    errors = sum(manifest.statistics.reasons.get(reason, 0) for reason in (ERROR, QUARANTINED))
    if errors:
        yield RootWarning("warning", f"{name} failed on {plural(errors, 'document')}", "", name)
    for domain in vanishing[:NAMED]:
        text = f"{name} leaves {domain.kept:,} of {domain.documents:,} documents of {domain.name}"
        yield RootWarning("warning", text, "`refinery clusters` shows its duplicates", name, "duplicates")
    if entry.position:
        yield from _removals(entry)
    yield from (RootWarning("warning", text, fix, name) for text, fix in manifest.language_warnings)
    yield from (_outlier(name, outlier) for outlier in manifest.outliers)


def _removals(entry: StageEntry) -> Iterator[RootWarning]:
    counts = entry.manifest.statistics
    given, removed = counts.documents["in"], counts.documents["removed"]
    ordered = sorted(counts.reasons.items(), key=lambda item: (-item[1], item[0]))
    if removed > GREEDY_STAGE * given or (ordered and ordered[0][1] > GREEDY_RULE * given):
        reasons = ", ".join(
            f"{rule} ({number / given:.0%})" for rule, number in ordered[:NAMED] if number > removed / 4
        )
        text = f"{entry.name} removed {removed / given:.0%} of its input{f', mostly {reasons}' if reasons else ''}"
        yield RootWarning("warning", text, f"`refinery sample --stage {entry.name} --removed` shows some", entry.name)
    idle = [rule for rule in entry.manifest.rules if rule not in counts.failing]
    if idle and given >= IDLE_DOCUMENTS:
        yield RootWarning("note", f"{entry.name}: no document violates {', '.join(idle)}", "", entry.name)


def _outlier(stage: str, outlier: Outlier) -> RootWarning:
    if outlier.measure == "kept":
        text = f"{stage}, part {outlier.part}: keeps {outlier.value:.0%}, all parts {outlier.usual:.0%}"
        return RootWarning("warning", text, "", stage)
    text = f"{stage}, part {outlier.part}: {outlier.value:,.0f} s, the median is {outlier.usual:,.0f} s"
    return RootWarning("note", text, "", stage)


def _heavy_domains(counted: Counted) -> Iterator[RootWarning]:
    """Those of the last stage at which documents have a domain."""
    known = counted.of("domain")
    if not known:
        return
    entry, domains = known[-1]
    total = entry.manifest.statistics.tokens["kept"]
    heavy = domains.kept.filter(pc.greater(domains.kept["tokens"], HEAVY * total)).to_pylist()
    ordered = sorted((-row["tokens"], row["name"]) for row in heavy if row["name"] != NONE)
    if ordered:
        names = _some([f"{name} {-tokens / total:.1%}" for tokens, name in ordered])
        yield RootWarning("note", f"domains with more than 1 % of all tokens: {names}", "", topic="sources")
