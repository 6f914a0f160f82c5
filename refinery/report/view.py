"""What the pages show of a root, from its records alone: manifests, merged statistics, receipts of parts.

Reads no Parquet; documents are the business of ``refinery.report.documents``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from refinery.inspect.counts import RootCounts, StageCounts, counts_of
from refinery.inspect.groups import Counted, Survival, survival_of
from refinery.inspect.reader import RootReader, StageEntry
from refinery.inspect.runs import RunStatus, runs
from refinery.inspect.warning_list import RootWarning, warnings_of
from refinery.recipe import Step, written
from refinery.recipe.columns import flows
from refinery.recipe.describe import describe, summary
from refinery.root.receipts import Receipt
from refinery.root.statistics import MetricCounts, Statistics, Tally
from refinery.stage.rules import Metric, Rule
from refinery.statistics.groups import KINDS

Pair = tuple[int, int]
"""Documents and tokens."""

SLOWEST = 5
SHOWN = 50
"""Groups of a kind that are shown."""
HEAVIEST = 20


@dataclass(frozen=True)
class RuleView:
    """A rule, or a kind of record that is no document: what it removed first, at all, and alone."""

    id: str
    metric: str
    threshold: str
    because: str
    first: Pair
    any: Pair
    only: Pair


@dataclass(frozen=True)
class MetricView:
    """A metric with what was counted of it and the rules about it."""

    metric: Metric
    counts: MetricCounts
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class PartView:
    """A part's work: documents in and kept, seconds, and the memory of the process that made it.

    Records that are no documents do not count as ``given``: a file need not have any.
    """

    number: int
    given: int
    kept: int
    seconds: float
    memory: int


@dataclass(frozen=True)
class StageView:
    """One stage."""

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
    """Percent of the input that RefinedWeb had left behind this step."""

    @property
    def name(self) -> str:
        """The step's name."""
        return self.totals.name

    @property
    def counts(self) -> Statistics:
        """What was counted."""
        return self.totals.counts

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"stage-{self.totals.position:02d}-{self.name}.html"

    @property
    def samples(self) -> str:
        """The file of its samples."""
        return f"samples-{self.totals.position:02d}-{self.name}.html"

    @property
    def slowest(self) -> list[PartView]:
        """The parts that took longest."""
        return sorted(self.parts, key=lambda part: (-part.seconds, part.number))[:SLOWEST]

    @property
    def memory(self) -> int:
        """Bytes of the largest process."""
        return max((part.memory for part in self.parts), default=0)


@dataclass(frozen=True)
class View:
    """All of a root that the pages show without reading rows."""

    path: str
    holdings: RootReader
    counts: RootCounts
    stages: tuple[StageView, ...]
    runs: tuple[RunStatus, ...]
    survival: Mapping[str, Survival]
    """By domain, suffix, language and month: the groups of which most documents were found."""
    heavy: Survival
    """The domains of which most tokens are kept."""
    warnings: tuple[RootWarning, ...]

    @property
    def dataset(self) -> str:
        """The dataset's name."""
        return self.holdings.head.dataset

    @property
    def first(self) -> StageView:
        """The source."""
        return self.stages[0]

    @property
    def last(self) -> StageView:
        """The last stage that is made."""
        return self.stages[-1]

    def page_of(self, warning: RootWarning) -> str:
        """The file of the page that shows more of what is warned of."""
        if warning.topic != "stage":
            return f"{warning.topic}.html"
        return next((stage.page for stage in self.stages if stage.name == warning.stage), "run.html")

    @property
    def tokens_from(self) -> StageView | None:
        """The first stage that has texts."""
        return next((stage for stage in self.stages if stage.counts.tokens.get("kept")), None)


def view(holdings: RootReader) -> View:
    """Gather a root. Raises UsageError where stages' code is not there, StorageError for damaged records."""
    counts = counts_of(holdings)
    found = tuple(_stage(holdings, stage) for stage in counts.stages)
    counted = Counted(holdings)
    survival = {kind: survival_of(counted, kind, count=SHOWN) for kind in KINDS}
    heavy = survival_of(counted, "domain", count=HEAVIEST, order="kept")
    warnings = warnings_of(holdings)
    return View(holdings.root.path, holdings, counts, found, tuple(runs(holdings.root)), survival, heavy, warnings)


@cache
def _reference() -> dict[str, float]:
    data = resources.files("refinery.report").joinpath("refinedweb.toml").read_text("utf-8")
    found: dict[str, float] = tomllib.loads(data)["kept"]
    return found


def _stage(holdings: RootReader, totals: StageCounts) -> StageView:
    step = holdings.pipeline.steps[totals.position]
    held = holdings.stage(totals.name)
    rules = step.stage.rules()
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
        version=held.manifest.version,
        settings=tuple((name, written(getattr(step.stage, name))) for name in type(step.stage).model_fields),
        rules=tuple(_rules(rules, counts)),
        metrics=metrics,
        parts=tuple(_parts(holdings, held)),
        reference=_reference().get(step.stage.name),
    )


def _rules(rules: Sequence[Rule], counts: Statistics) -> list[RuleView]:
    entries = [_by_name(tally) for tally in (counts.rules.first, counts.rules.any, counts.rules.only)]
    none = (0, 0)
    known = {rule.id: rule for rule in rules}
    found = []
    for name in dict.fromkeys([*known, *entries[0], *entries[1]]):
        rule = known.get(name)
        told = (rule.metric, rule.threshold, rule.because) if rule else ("", "", "")
        found.append(RuleView(name, *told, *(entry.get(name, none) for entry in entries)))
    return sorted(found, key=lambda one: (-one.first[0], -one.any[0]))


def _by_name(tally: Tally) -> dict[str, Pair]:
    return {str(name): (documents, tokens) for name, documents, tokens in tally}


def _parts(holdings: RootReader, held: StageEntry) -> list[PartView]:
    return [
        PartView(r.part, _documents(r), r.rows.get("kept", 0), r.seconds, r.peak_memory)
        for r in holdings.load(held).made
    ]


def _documents(receipt: Receipt) -> int:
    return receipt.rows.get("in", 0) - receipt.rows.get("skipped", 0)


# ----------------------------------------------------------------------------------------------------- data dictionary


@dataclass(frozen=True)
class Column:
    """A column of a stage's files: where it comes from and what it means."""

    name: str
    type: str
    about: str


def columns(holdings: RootReader, position: int) -> list[Column]:
    """The columns of a stage's kept rows, with each metric of its own on a line."""
    step = holdings.pipeline.steps[position]
    found = []
    for field in flows(holdings.pipeline.steps)[position].kept:
        if field.name == step.column:
            declared = describe(type(step.stage))
            told = {m["name"]: ", ".join(t for t in (m["unit"], m["help"]) if t) for m in declared["metrics"]}
            found += [
                Column(f"{field.name}.{metric.name}", str(metric.type), told.get(metric.name, "evidence"))
                for metric in field.type
            ]
        else:
            found.append(
                Column(field.name, str(field.type), _CORE.get(field.name, "metrics and evidence of that stage"))
            )
    return found


_CORE: dict[str, Any] = {
    "id": "unique in a root: a hash of the input file's name, its first 64 KiB and the record's offset",
    "url": "the address that was fetched",
    "date": "when it was fetched",
    "warc": "the archive that holds the record",
    "offset": "where the record begins in it, bytes",
    "length": "bytes of the record in it",
    "text": "the text",
    "protected": "spans of the text, in bytes, that line-wise corrections leave alone",
    "tokens": "GPT-2 tokens of the text",
}
