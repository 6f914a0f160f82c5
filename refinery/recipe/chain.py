"""Finds columns and metrics that a stage reads and no stage before it provides.

Only names are compared, so that all gaps are found at once; ``refinery.recipe.columns`` has the exact types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refinery.errors import RefineryError
from refinery.recipe.pipeline import Step
from refinery.stage.documents import LANG, POINTER, TEXT, TOKENS, TRANSIENT
from refinery.stage.global_stage import begins_segment


def gaps(steps: Sequence[Step]) -> Iterator[tuple[int, str, str]]:
    """Yield number, message and fix for each step whose input is missing."""
    columns = [field.name for field in POINTER]
    dropped: dict[str, str] = {}
    for number, step in enumerate(steps):
        if begins_segment(step.stage):
            dropped |= dict.fromkeys(TRANSIENT.intersection(columns), step.name)
            columns = [name for name in columns if name not in TRANSIENT]
        for read in step.stage.wants():
            metric = "." in read
            if read not in (_metrics(steps[:number]) if metric else columns):
                fix = _metric_fix(read, steps[number:]) if metric else _column_fix(read, dropped, steps[number:])
                yield number, f"{step.name!r} reads {read!r}, which no stage before it provides", fix
        metrics = [step.column] if step.stage.metrics_type().num_fields else []
        lasting = [name for name in columns if name not in step.stage.outdates()]
        marks = [field.name for field in step.lost_marks(columns)]
        available = list(dict.fromkeys([*lasting, *_adds(step), *metrics, *marks]))
        try:
            columns = list(step.stage.selects(available))
        except RefineryError as error:
            yield number, error.message, error.hint
            columns = available
        dropped |= dict.fromkeys(set(available) - set(columns), step.name)


def _adds(step: Step) -> list[str]:
    names = [field.name for field in step.stage.added()]
    names += [TOKENS.name] if TEXT.name in names else []
    return [*names, LANG.name] if step.stage.language_metric else names


def _metrics(steps: Sequence[Step]) -> set[str]:
    return {f"{step.column}.{field.name}" for step in steps for field in step.stage.metrics_type()}


def _metric_fix(metric: str, later: Sequence[Step]) -> str:
    if metric in _metrics(later):
        return f"put {metric.partition('.')[0]!r} before it"
    return "no stage of this recipe measures it"


def _column_fix(column: str, dropped: dict[str, str], later: Sequence[Step]) -> str:
    if column in dropped:
        return f"{dropped[column]!r} drops it: put this stage before {dropped[column]!r}"
    makers = [step.name for step in later if column in _adds(step) and column not in step.stage.wants()]
    return f"put {makers[0]!r} before it" if makers else "no stage of this recipe adds it"
