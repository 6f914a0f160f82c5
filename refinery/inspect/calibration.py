"""Thresholds of one language, derived from documents of a root, with the evidence behind them. Changes no root.

The documents are measured again by the stages of the root's recipe. Those that a rule removes that is not calibrated
do not count, nor do outliers, so junk in the sample hardly moves a threshold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from refinery.errors import UsageError
from refinery.inspect.calibrated import (
    CalibratedField,
    SampleMetrics,
    calibrated_fields,
    measure,
    measure_with_words,
    significant,
)
from refinery.inspect.common_words import WordCounts
from refinery.inspect.language_sample import language_sample
from refinery.inspect.reader import RootReader, open_root
from refinery.inspect.replay import step_runs
from refinery.inspect.robust import Derived, Mask, derive, ordinary
from refinery.inspect.writing import direction_of, scripts_of
from refinery.stage.documents import Docs
from refinery.stage.language_file import (
    CalibrationEvidence,
    LanguageEvidence,
    LanguageFile,
    ThresholdEvidence,
    WordsEvidence,
)
from refinery.task.tasks import StepRun

LEAST = 3
"""Documents from which a threshold is derived at least."""


def calibrate(
    path: str, code: str, *, urls: Collection[str] | None = None, given: LanguageFile | None = None
) -> LanguageFile:
    """Derive the thresholds of the language ``code`` from its documents in the root at ``path``.

    ``urls`` selects documents; ``given`` is a file of the language, whose name and words are kept. Without words they
    are derived as well. Raises UsageError where too few documents can be used, or nothing is to calibrate.
    """
    reader = open_root(path)
    sample = language_sample(reader, code, urls)
    runs = _ruled(reader, sample.position)
    fields = [field for run in runs for field in calibrated_fields(run)]
    if not fields:
        raise UsageError("no stage of the root has thresholds to calibrate", hint="add quality to the recipe")
    docs, measured = sample.docs, measure(runs, sample.docs, fields)
    _check_enough(measured.passes, code)
    file = _described(reader.head.dataset, code, docs.filter(_arrow(measured.passes)), given)
    if any(run.step.stage.words_field for run in runs):
        derived = file.evidence.words is not None and file.evidence.words.of_sample
        again = _cross_fitted if derived else _with_words
        measured = again(runs, docs, measured, fields, code, file)
    return _with_thresholds(file, fields, measured, _sample(reader, code, urls))


def _sample(reader: RootReader, code: str, urls: Collection[str] | None) -> str:
    """Return the evidence of the documents: names of the dataset and its inputs, without their folders."""
    inputs = ", ".join(pattern.rpartition("/")[2] for pattern in reader.pipeline.inputs)
    chosen = "" if urls is None else f", of {len(urls)} selected URLs"
    return f"{reader.head.dataset} ({inputs}): documents identified as {code}{chosen}"


def _ruled(reader: RootReader, position: int) -> list[StepRun]:
    """Return the steps from a position to the last one with rules."""
    runs = step_runs(reader.pipeline)
    last = max(number for number, run in enumerate(runs) if run.step.stage.rules())
    return runs[position : last + 1]


def _check_enough(passes: Mask, code: str) -> None:
    if passes.sum() < LEAST:
        raise UsageError(
            f"{passes.sum()} of {len(passes)} documents identified as {code} pass the rules that are not calibrated; "
            f"expected at least {LEAST}",
            hint="run the recipe on more pages of the language",
        )


def _described(dataset: str, code: str, docs: Docs, given: LanguageFile | None) -> LanguageFile:
    """Return the file of the language without thresholds: what was given, and the rest from the documents."""
    texts = docs.texts()
    file = given or LanguageFile(
        name=code,
        iso639_3=code if len(code) == 3 else "und",
        scripts=scripts_of(texts),
        direction=direction_of(texts),
    )
    words = file.evidence.words
    if not file.common_words or (words and words.of_sample):
        counts = _counts(texts)
        words = WordsEvidence(sources=(f"word counts of {dataset}",), documents=counts.texts, of_sample=True)
        file = file.model_copy(update={"common_words": counts.common()})
    return file.model_copy(update={"thresholds": {}, "evidence": LanguageEvidence(words=words)})


def _counts(texts: Sequence[str]) -> WordCounts:
    counts = WordCounts()
    counts.add(texts)
    return counts


def _with_words(
    runs: Sequence[StepRun],
    docs: Docs,
    measured: SampleMetrics,
    fields: Sequence[CalibratedField],
    code: str,
    file: LanguageFile,
) -> SampleMetrics:
    """Measure with the words of the file, which need not be those of the recipe's table."""
    return SampleMetrics(measure_with_words(runs, docs, fields, code, file).values, measured.passes)


def _cross_fitted(
    runs: Sequence[StepRun],
    docs: Docs,
    measured: SampleMetrics,
    fields: Sequence[CalibratedField],
    code: str,
    file: LanguageFile,
) -> SampleMetrics:
    """Measure each half of the documents with the words of the other: words of a text's own are too common in it."""
    half = np.cumsum(measured.passes) % 2 == 1  # they are in the order of their hashes
    values = measured.values.copy()
    for mask in (half, ~half):
        counts = _counts(docs.filter(_arrow(~mask & measured.passes)).texts())
        words = file.model_copy(update={"common_words": counts.common()})
        values[mask] = measure_with_words(runs, docs.filter(_arrow(mask)), fields, code, words).values
    return SampleMetrics(values, measured.passes)


def _with_thresholds(
    file: LanguageFile, fields: Sequence[CalibratedField], measured: SampleMetrics, sample: str
) -> LanguageFile:
    """Return the file with a threshold for each field that has been measured in enough documents."""
    signs = np.array([field.sign for field in fields], dtype=np.float64)
    used = measured.passes.copy()
    used[used] = ordinary(measured.values[used], signs)
    thresholds: defaultdict[str, dict[str, float]] = defaultdict(dict)
    figures: defaultdict[str, dict[str, ThresholdEvidence]] = defaultdict(dict)
    keeps = np.ones(len(used), dtype=bool)
    for column, field in zip((measured.values * signs).T, fields, strict=True):
        values = column[used & ~np.isnan(column)]
        if len(values) >= LEAST:
            derived = derive(values, field.multiple)
            number = field.value(field.sign * derived.threshold)
            violated = column < field.sign * number
            keeps &= ~violated
            thresholds[field.step][field.field] = number
            figures[field.step][field.field] = _figures(field, derived, float(violated.mean()))
    calibration = CalibrationEvidence(
        sample=sample,
        documents=len(used),
        removed=int((~measured.passes).sum()),
        outliers=int((measured.passes & ~used).sum()),
        keeps=round(float(keeps[used].mean()), 4),
    )
    evidence = file.evidence.model_copy(update={"calibration": calibration, "thresholds": dict(figures)})
    return file.model_copy(update={"thresholds": dict(thresholds), "evidence": evidence})


def _figures(field: CalibratedField, derived: Derived, removes: float) -> ThresholdEvidence:
    low, high = sorted(field.value(field.sign * end) for end in derived.interval)
    return ThresholdEvidence(
        metric=field.rule.metric,
        median=significant(field.sign * derived.median),
        quantile=significant(field.sign * derived.quantile),
        multiple=field.multiple,
        interval=(low, high),
        removes=round(removes, 4),
    )


def _arrow(mask: Mask) -> pa.BooleanArray:
    return pa.array(mask, pa.bool_())
