"""What a person should look at in a root: the one list of warnings, for ``run``, ``stats``, ``logs`` and the report.

It is a function of the root's manifests and merged counts, so that every command, on every machine, gives the same. Not
here: problems of single runs (``history``) and records that contradict each other (``books``, ``verification``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow.compute as pc

from refinery.errors import StorageError
from refinery.formatting import plural
from refinery.inspect.clusters import Retained, alarms_of
from refinery.inspect.groups import Counted
from refinery.inspect.holdings import Held, Holdings, open_root
from refinery.inspect.statistics import Statistics, stage_statistics
from refinery.recipe.languages import language_warnings
from refinery.recipe.pipeline import Pipeline, Settings, percent_of
from refinery.root.manifests import InputFault, InputFigures, Outlier
from refinery.stage.rules import ERROR, QUARANTINED
from refinery.statistics import NONE

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
class Warning:  # noqa: A001 - the word of the field; nothing here raises one
    """Something to look at, and the ``fix`` where one is known. ``topic`` is what shows more of it."""

    severity: Severity
    text: str
    fix: str = ""
    stage: str = ""
    topic: Topic = "stage"


def warnings(path: str) -> tuple[Warning, ...]:
    """Return the warnings about the root at ``path``. Raises UsageError, StorageError."""
    return warnings_of(open_root(path))


def warnings_of(holdings: Holdings) -> tuple[Warning, ...]:
    """Return the warnings about an open root, those about its inputs first, then by stage."""
    counts = [
        (held, stage_statistics(holdings.root.full(held.folder), held.manifest.statistics)) for held in holdings.stages
    ]
    allowed = allowed_share(holdings)
    inputs = [one for held, _ in counts[:1] for one in _inputs(held.name, held.manifest.inputs, allowed)]
    groups = Counted(holdings)
    vanishing = alarms_of(groups)
    stages = [one for held, its in counts for one in _stage(held, its, vanishing.get(held.name, ()))]
    return (
        *inputs,
        *_missing(holdings.stages),
        *stages,
        *_heavy_domains(groups, {held.name: its for held, its in counts}),
    )


def recipe_warnings(pipeline: Pipeline) -> tuple[Warning, ...]:
    """Return the warnings about a recipe that need no root: they come before a run, and are in its root afterwards."""
    return tuple(Warning("warning", one.text, one.fix, one.stage) for one in language_warnings(pipeline))


def allowed_share(holdings: Holdings) -> str:
    """Return the share of broken inputs that the root's recipe allows, as it is written. Raises StorageError."""
    written = holdings.head.recipe.get(LIMIT, Settings.model_fields[LIMIT].default)
    try:
        percent_of(written)
    except ValueError as error:
        path = holdings.root.full("HEAD.json")
        raise StorageError(f"{path}: {LIMIT}: {error}", hint="`refinery run` writes it again") from error
    return str(written)


# -------------------------------------------------------------------------------------------------------------- inputs


def too_many_broken(figures: InputFigures, allowed: str) -> bool:
    """Return True if a larger share of the input files is broken than is allowed."""
    return figures.broken * 100 > percent_of(allowed) * figures.files


def _inputs(stage: str, figures: InputFigures, allowed: str) -> Iterator[Warning]:
    if too_many_broken(figures, allowed):
        found = f"{figures.broken:,} of {plural(figures.files, 'input')} broken ({figures.broken / figures.files:.1%})"
        text = f"{stage}: {found}, more than {LIMIT}: {allowed}"
        yield Warning("error", text, "repair or leave out these files, or set max_broken_inputs in the recipe", stage)
    empty = [fault for fault in figures.faults if not fault.documents]
    broken = [fault for fault in figures.faults if fault.documents and fault.broken]
    damaged = [fault for fault in figures.faults if fault.documents and not fault.broken]
    yield from _faults(stage, empty, ("yields no document", "yield no document"), "warning")
    yield from _faults(stage, broken, ("is broken", "are broken"), "warning")
    yield from _faults(stage, damaged, ("has damaged records", "have damaged records"), "note")


def _faults(stage: str, faults: Sequence[InputFault], verbs: tuple[str, str], severity: Severity) -> Iterator[Warning]:
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
        yield Warning(severity, f"{stage}: {plural(number, 'input')} {verbs[number > 1]}{why}: {files}", fix, stage)


def _some(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


# -------------------------------------------------------------------------------------------------------------- stages


def _missing(stages: Sequence[Held]) -> Iterator[Warning]:
    """A warning for the stages that lack as many parts of as many."""
    lacking: dict[tuple[int, int], list[str]] = {}
    for held in stages:
        expected = held.manifest.expected
        lacking.setdefault((expected - len(held.manifest.parts), expected), []).append(held.name)
    for (missing, expected), names in lacking.items():
        if missing:
            text = f"{', '.join(names)}: {missing:,} of {plural(expected, 'part')} missing"
            yield Warning("warning", text, "run again to make them", names[0])


def _stage(held: Held, counts: Statistics, vanishing: Sequence[Retained]) -> Iterator[Warning]:
    manifest, name = held.manifest, held.name
    errors = sum(counts.reasons.get(reason, 0) for reason in (ERROR, QUARANTINED))
    if errors:
        yield Warning("warning", f"{name} failed on {plural(errors, 'document')}", "", name)
    for domain in vanishing[:NAMED]:
        text = f"{name} leaves {domain.kept:,} of {domain.documents:,} documents of {domain.name}"
        yield Warning("warning", text, "`refinery clusters` shows its duplicates", name, "duplicates")
    if held.position:
        yield from _removals(held, counts)
    yield from (Warning("warning", text, fix, name) for text, fix in manifest.unsuited)
    yield from (_outlier(name, outlier) for outlier in manifest.outliers)


def _removals(held: Held, counts: Statistics) -> Iterator[Warning]:
    given, removed = counts.documents["in"], counts.documents["removed"]
    ordered = sorted(counts.reasons.items(), key=lambda item: (-item[1], item[0]))
    if removed > GREEDY_STAGE * given or (ordered and ordered[0][1] > GREEDY_RULE * given):
        reasons = ", ".join(
            f"{rule} ({number / given:.0%})" for rule, number in ordered[:NAMED] if number > removed / 4
        )
        text = f"{held.name} removed {removed / given:.0%} of its input{f', mostly {reasons}' if reasons else ''}"
        yield Warning("warning", text, f"`refinery sample --stage {held.name} --removed` shows some", held.name)
    idle = [rule for rule in held.manifest.rules if rule not in counts.failing]
    if idle and given >= IDLE_DOCUMENTS:
        yield Warning("note", f"{held.name}: no document violates {', '.join(idle)}", "", held.name)


def _outlier(stage: str, outlier: Outlier) -> Warning:
    if outlier.measure == "kept":
        text = f"{stage}, part {outlier.part}: keeps {outlier.value:.0%}, all parts {outlier.usual:.0%}"
        return Warning("warning", text, "", stage)
    text = f"{stage}, part {outlier.part}: {outlier.value:,.0f} s, the median is {outlier.usual:,.0f} s"
    return Warning("note", text, "", stage)


def _heavy_domains(counted: Counted, counts: Mapping[str, Statistics]) -> Iterator[Warning]:
    """Those of the last stage at which documents have a domain."""
    known = counted.of("domain")
    if not known:
        return
    held, domains = known[-1]
    total = counts[held.name].tokens["kept"]
    heavy = domains.kept.filter(pc.greater(domains.kept["tokens"], HEAVY * total)).to_pylist()
    ordered = sorted((-row["tokens"], row["name"]) for row in heavy if row["name"] != NONE)
    if ordered:
        names = _some([f"{name} {-tokens / total:.1%}" for tokens, name in ordered])
        yield Warning("note", f"domains with more than 1 % of all tokens: {names}", "", topic="sources")
