"""Thresholds that a page can change: each with its limits, its value in the root, and the requested value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.fields import FieldInfo

from refinery.recipe import Step
from refinery.report import limits
from refinery.report.view import StageView, View
from refinery.stage.by_language import ByLanguage
from refinery.stage.global_stage import begins_segment, stores_metrics


@dataclass(frozen=True)
class Control:
    """A numeric threshold. ``low`` and ``high`` are the ends of its slider, within its limits."""

    key: str
    """The key of an override: ``stage.field``, or ``stage.language.field``."""
    field: str
    about: str
    now: str
    asked: str
    least: float | None
    most: float | None
    low: float
    high: float
    step: float
    whole: bool

    @property
    def changed(self) -> bool:
        """True if the requested value differs from the root's."""
        try:
            return float(self.asked) != float(self.now)
        except ValueError:
            return True

    @property
    def limits(self) -> str:
        """The allowed values of the field, as text."""
        least, most = self.least, self.most
        if least is not None and most is not None:
            return f"{least:g} to {most:g}"
        return f"at least {least:g}" if least is not None else f"at most {most:g}" if most is not None else ""


@dataclass(frozen=True)
class StageControls:
    """The thresholds of one stage."""

    stage: StageView
    controls: tuple[Control, ...]


def controls(view: View, asked: Mapping[str, str]) -> list[StageControls]:
    """Return the thresholds that can be changed without a run, by stage, with the requested values in ``asked``.

    With a ``language`` among these, they are the thresholds of that language. Excludes the source, whose input is not
    stored, and global stages whose thresholds need a run.
    """
    language = asked.get("language", "")
    stages = ((stage, stage.step.stage) for stage in view.stages[1:])
    rows = [view for view, stage in stages if stores_metrics(stage) or not begins_segment(stage)]
    every = [StageControls(stage, tuple(_controls(stage.step, asked, language))) for stage in rows]
    return [one for one in every if one.controls]


def _controls(step: Step, asked: Mapping[str, str], language: str) -> list[Control]:
    stage, prefix = step.stage, f"{step.name}."
    thresholds = stage.roles("threshold")
    if language:
        thresholds = frozenset(stage.language_fields() if isinstance(stage, ByLanguage) else ())
        stage = stage.in_language(language) if isinstance(stage, ByLanguage) else stage
        prefix += f"{language}."
    return [
        _control(prefix, name, getattr(stage, name), info, asked)
        for name, info in type(stage).model_fields.items()
        if name in thresholds and type(getattr(stage, name)) in (int, float)
    ]


def _control(prefix: str, name: str, value: float, info: FieldInfo, asked: Mapping[str, str]) -> Control:
    key, now, whole = f"{prefix}{name}", _written(value), isinstance(value, int)
    least, most = _limit(info, "ge", "gt"), _limit(info, "le", "lt")
    low = least if least is not None else min(0.0, 2 * float(value))
    high = most if most is not None else _high(float(value), low, whole=whole)
    return Control(
        key=key,
        field=name,
        about=info.description or "",
        now=now,
        asked=asked.get(key, "").strip() or now,
        least=least,
        most=most,
        low=low,
        high=high,
        step=max(1.0, _step(high - low)) if whole else _step(high - low),
        whole=whole,
    )


def _limit(info: FieldInfo, *names: str) -> float | None:
    """Return the tightest limit of a field under these names; exclusive limits are checked on request."""
    values: list[Any] = [getattr(one, name, None) for one in info.metadata for name in names]
    numbers = [float(one) for one in values if one is not None]
    if not numbers:
        return None
    return max(numbers) if "ge" in names else min(numbers)


def _high(value: float, low: float, *, whole: bool) -> float:
    """Return twice the value, or 1 for a share."""
    if whole:
        return max(2 * value, low + 10)
    return max(low + 1, 2 * value if value > 1 else 1)


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _step(width: float) -> float:
    """Return a power of ten that divides a width into at least ``SLIDER_STEPS``."""
    return float(10.0 ** math.floor(math.log10(width / limits.SLIDER_STEPS))) if width > 0 else 1.0
