"""The view of a root for the pages, from its records alone: manifests, merged statistics and receipts.

Reads no Parquet; ``refinery.report.documents`` does.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from refinery.inspect.counts import RootCounts, StageCounts, counts_of
from refinery.inspect.group_counts import Counted
from refinery.inspect.groups import Survival, survival_of
from refinery.inspect.reader import RootReader
from refinery.inspect.runs import RunStatus, runs
from refinery.inspect.warning_list import RootWarning, warnings_of
from refinery.recipe import Step, written
from refinery.recipe.columns import flows
from refinery.recipe.describe import describe, summary
from refinery.report import limits
from refinery.root.receipts import Receipt
from refinery.root.statistics import MetricCounts, Statistics
from refinery.stage.by_language import FIELD
from refinery.stage.rules import Metric, Rule
from refinery.statistics.groups import KINDS

Pair = tuple[int, int]
"""Documents and tokens."""


@dataclass(frozen=True)
class RuleView:
    """A rule, or a kind of record without a document: what it removed as first rule, violated, and alone removed."""

    id: str
    metric: str
    threshold: str
    because: str
    languages: int
    """Languages with another threshold."""
    first: Pair
    any: Pair
    only: Pair


@dataclass(frozen=True)
class MetricView:
    """A metric with its counts and its rules."""

    metric: Metric
    counts: MetricCounts
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class PartView:
    """A part's work: documents in and kept, seconds, and memory of its process.

    ``given`` excludes records without a document.
    """

    number: int
    given: int
    kept: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class StageView:
    """A stage of the root, with its statistics."""

    totals: StageCounts
    step: Step
    about: str
    source: str
    version: int
    settings: tuple[tuple[str, str], ...]
    rules: tuple[RuleView, ...]
    metrics: tuple[MetricView, ...]
    parts: tuple[PartView, ...]
    reference: float | None
    """Percent of its input that RefinedWeb kept after this step."""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.totals.name

    @property
    def counts(self) -> Statistics:
        """The merged statistics of the stage."""
        return self.totals.counts

    @property
    def page(self) -> str:
        """The file name of its page."""
        return f"stage-{self.totals.position:02d}-{self.name}.html"

    @property
    def samples(self) -> str:
        """The file name of its examples."""
        return f"samples-{self.totals.position:02d}-{self.name}.html"

    @property
    def slowest(self) -> list[PartView]:
        """The slowest parts."""
        return sorted(self.parts, key=lambda part: (-part.seconds, part.number))[: limits.SLOWEST_PARTS]

    @property
    def memory(self) -> int:
        """Bytes of the largest process."""
        return max((part.memory for part in self.parts), default=0)


@dataclass(frozen=True)
class View:
    """Everything that the pages show of a root without reading rows."""

    path: str
    reader: RootReader
    counts: RootCounts
    stages: tuple[StageView, ...]
    runs: tuple[RunStatus, ...]
    survival: Mapping[str, Survival]
    """The largest groups by domain, suffix, language and month."""
    heavy: Survival
    """The domains with most kept tokens."""
    warnings: tuple[RootWarning, ...]

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages with most documents, whose thresholds are named."""
        return tuple(group.name for group in self.survival["language"].groups[: limits.NAMED_LANGUAGES])

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.reader.head.dataset

    @property
    def first(self) -> StageView:
        """The source."""
        return self.stages[0]

    @property
    def last(self) -> StageView:
        """The last stage that has run."""
        return self.stages[-1]

    @property
    def has_scores(self) -> bool:
        """True if a stage that has run declares scores of quality."""
        return any(stage.step.stage.quality_scores() for stage in self.stages)

    def page_of(self, warning: RootWarning) -> str:
        """Return the file name of the page about a warning."""
        if warning.topic != "stage":
            return f"{warning.topic}.html"
        return next((stage.page for stage in self.stages if stage.name == warning.stage), "run.html")


def view(reader: RootReader) -> View:
    """Read a root. Raises UsageError if the code of a stage is missing, StorageError for damaged records."""
    counts = counts_of(reader)
    found = tuple(_stage(reader, stage) for stage in counts.stages)
    counted = Counted(reader)
    survival = {kind: survival_of(counted, kind, count=limits.GROUPS) for kind in KINDS}
    heavy = survival_of(counted, "domain", count=limits.HEAVIEST_DOMAINS, order="kept")
    warnings = warnings_of(reader)
    return View(reader.root.path, reader, counts, found, tuple(runs(reader.root)), survival, heavy, warnings)


@cache
def _reference() -> dict[str, float]:
    data = resources.files("refinery.report").joinpath("refinedweb.toml").read_text("utf-8")
    found: dict[str, float] = tomllib.loads(data)["kept"]
    return found


def _stage(reader: RootReader, totals: StageCounts) -> StageView:
    step = reader.pipeline.steps[totals.position]
    entry = reader.stage(totals.name)
    rules = step.stage.applied_rules()
    counts = totals.counts
    metrics = tuple(
        MetricView(metric, counts.metrics[metric.name], tuple(r for r in rules if r.metric == metric.name))
        for metric in step.stage.metrics
        if metric.name in counts.metrics
    )
    return StageView(
        totals=totals,
        step=step,
        about=summary(type(step.stage)),
        source=step.stage.source,
        version=entry.manifest.version,
        settings=tuple(
            (name, written(getattr(step.stage, name))) for name in type(step.stage).model_fields if name != FIELD
        ),
        rules=tuple(_rules(rules, counts)),
        metrics=metrics,
        parts=tuple(_part(receipt) for receipt in reader.load(entry).parts),
        reference=_reference().get(step.stage.name),
    )


def _rules(rules: Sequence[Rule], counts: Statistics) -> list[RuleView]:
    tallies = (counts.rules.first, counts.rules.any, counts.rules.only)
    entries = [{str(name): (documents, tokens) for name, documents, tokens in tally} for tally in tallies]
    none = (0, 0)
    known = {rule.id: rule for rule in rules}
    found = []
    for name in dict.fromkeys([*known, *entries[0], *entries[1]]):
        rule = known.get(name)
        description = (rule.metric, rule.threshold, rule.because, len(rule.by_language)) if rule else ("", "", "", 0)
        found.append(RuleView(name, *description, *(entry.get(name, none) for entry in entries)))
    return sorted(found, key=lambda one: (-one.first[0], -one.any[0]))


def _part(receipt: Receipt) -> PartView:
    rows = receipt.rows
    documents = rows.get("in", 0) - rows.get("skipped", 0)
    return PartView(receipt.part, documents, rows.get("kept", 0), receipt.seconds, receipt.peak_memory)


# ----------------------------------------------------------------------------------------------------- data dictionary


@dataclass(frozen=True)
class Column:
    """A column of a stage's files: name, type and meaning."""

    name: str
    type: str
    about: str


def columns(reader: RootReader, position: int) -> list[Column]:
    """Return the columns of a stage's kept rows, with a row for each of its metrics."""
    step = reader.pipeline.steps[position]
    found = []
    for field in flows(reader.pipeline.steps)[position].kept:
        if field.name == step.column:
            declared = describe(type(step.stage))
            meanings = {m["name"]: ", ".join(t for t in (m["unit"], m["help"]) if t) for m in declared["metrics"]}
            found += [
                Column(f"{field.name}.{metric.name}", str(metric.type), meanings.get(metric.name, "evidence"))
                for metric in field.type
            ]
        else:
            found.append(
                Column(field.name, str(field.type), _CORE.get(field.name, "metrics and evidence of that stage"))
            )
    return found


_CORE: dict[str, Any] = {
    "id": "unique in a root: a hash of the input file's name, its first 64 KiB and the record's offset",
    "url": "the URL that was fetched",
    "date": "the time of the capture",
    "warc": "the archive that contains the record",
    "offset": "byte offset of the record in the archive",
    "length": "bytes of the record in the archive",
    "lang": "the language, as the last stage that identifies it names it",
    "text": "the text",
    "protected": "spans of the text, in bytes, that line-wise corrections do not change",
    "structure": "headings, lists, code, tables, formulas and images of the text, as marks over it",
    "tokens": "GPT-2 tokens of the text",
}
