"""The thresholds that a recipe can calibrate, and their metrics measured again on a sample, whatever rules decide."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from refinery.inspect.robust import Floats, Mask
from refinery.stage.base import Stage
from refinery.stage.by_language import ByLanguage
from refinery.stage.documents import Docs
from refinery.stage.global_stage import Global
from refinery.stage.language_file import LanguageFile
from refinery.stage.rules import Rule
from refinery.store import LocalStore
from refinery.task.document_pass import process_batch
from refinery.task.step import SkippedStep, StepProcessor
from refinery.task.tasks import StepRun

BATCH = 256
"""Documents that are measured at once."""

DIGITS = 3
"""Significant digits of a threshold."""


@dataclass(frozen=True)
class CalibratedField:
    """A threshold to derive: the field of a step, the rule that it moves, and its multiple of a quantile."""

    step: str
    field: str
    rule: Rule
    multiple: float
    least: float = -math.inf
    most: float = math.inf
    """Limits of the field, and of how strict it may be."""
    whole: bool = False

    @property
    def sign(self) -> int:
        """1, or -1 for an upper threshold: values times this are low where they are bad."""
        return 1 if self.rule.at_least is not None else -1

    @property
    def id(self) -> str:
        """The rule, named with its step."""
        return f"{self.step}.{self.rule.id}"

    def value(self, threshold: float) -> float:
        """Return a threshold as the field takes it: within its limits, with few digits."""
        within = min(max(threshold, self.least), self.most)
        return round(within) if self.whole else significant(within)


@dataclass(frozen=True)
class SampleMetrics:
    """``values`` of the calibrated metrics, a column a field; ``passes`` is True where no other rule is violated.

    Rules on the language itself do not count.
    """

    values: Floats
    passes: Mask


def significant(number: float) -> float:
    """Return a number with ``DIGITS`` significant digits."""
    return float(f"{number:.{DIGITS}g}")


def calibrated_fields(run: StepRun) -> Iterator[CalibratedField]:
    """Yield the calibrated fields of a step, each with the rule whose threshold is another if the field is."""
    stage = run.step.stage
    if isinstance(stage, ByLanguage):
        for field, multiple in type(stage).calibrated().items():
            moved = stage.model_copy(update={field: getattr(stage, field) + 1})
            for rule, other in zip(stage.rules(), moved.rules(), strict=True):
                if rule.number != other.number:
                    yield CalibratedField(run.step.name, field, rule, multiple, *_limits(stage, field, rule))


def _limits(stage: Stage, field: str, rule: Rule) -> tuple[float, float, bool]:
    info = type(stage).model_fields[field]
    least: list[float] = [limit for one in info.metadata if (limit := getattr(one, "ge", None)) is not None]
    most: list[float] = [limit for one in info.metadata if (limit := getattr(one, "le", None)) is not None]
    strictest = type(stage).strictest().get(field)
    if strictest is not None:
        (least if rule.at_least is None else most).append(strictest)
    return max(least, default=-math.inf), min(most, default=math.inf), info.annotation is int


def measure(runs: Sequence[StepRun], docs: Docs, fields: Sequence[CalibratedField]) -> SampleMetrics:
    """Measure documents with row stages, without enforcing rules; global stages are skipped."""
    own = {field.id for field in fields} | {rule for run in runs for rule in _of_languages(run)}
    values, passes = np.full((len(docs), len(fields)), np.nan), np.zeros(len(docs), dtype=bool)
    for start in range(0, len(docs), BATCH):
        steps = [SkippedStep(run) if _is_global(run) else StepProcessor(run, enforce=False) for run in runs]
        rows = np.arange(start, min(start + BATCH, len(docs)))
        passes[rows] = True
        for run, split in zip(runs, process_batch(docs.slice(start, BATCH), None, steps), strict=False):
            for column, field in enumerate(fields):
                if field.step == run.step.name:
                    values[rows, column] = _floats(pc.struct_field(split.verdict.metrics, field.rule.metric))
            names = split.verdict.failed.to_pylist()
            passes[rows] &= np.array([all(f"{run.step.name}.{rule}" in own for rule in failed) for failed in names])
            rows = rows[np.asarray(split.verdict.measured.to_numpy(zero_copy_only=False), dtype=bool)]
    return SampleMetrics(values, passes)


def measure_with_words(
    runs: Sequence[StepRun], docs: Docs, fields: Sequence[CalibratedField], code: str, file: LanguageFile
) -> SampleMetrics:
    """Measure documents as if the common words of the language ``code`` were those of ``file``."""
    with tempfile.TemporaryDirectory() as folder:
        LocalStore().put(f"{folder}/{code}.toml", file.to_toml().encode())
        return measure([_with_table(run, folder) for run in runs], docs, fields)


def _of_languages(run: StepRun) -> Iterator[str]:
    """Yield the rules on the language itself: a recipe need not keep a language that is calibrated."""
    stage = run.step.stage
    yield from (f"{run.step.name}.{rule.id}" for rule in stage.rules() if rule.metric == stage.language_metric)


def _with_table(run: StepRun, folder: str) -> StepRun:
    name = run.step.stage.words_field
    stage: Stage = run.step.stage.model_copy(update={name: folder}) if name else run.step.stage
    return replace(run, step=replace(run.step, stage=stage))


def _is_global(run: StepRun) -> bool:
    return isinstance(run.step.stage, Global)


def _floats(values: pa.Array) -> Floats:
    return np.asarray(pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
