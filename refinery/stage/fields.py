"""Fields of a stage's configuration: thresholds, tuning, sizes and durations."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ByteSize, Field

Role = Literal["threshold", "tuning"]


def threshold(default: Any, *, calibrated: float | None = None, strictest: float | None = None, **kwargs: Any) -> Any:
    """A threshold of a rule: if it changes, rules are applied to stored metrics again, and nothing is measured.

    A ``calibrated`` one is derived for each language by `refinery calibrate`: this multiple of the 5 % quantile of the
    metric if the rule is ``at_least``, of the 95 % quantile if it is ``at_most``, and no stricter than ``strictest``.
    """
    extra: dict[str, Any] = {"role": "threshold"}
    extra |= {} if calibrated is None else {"calibrated": calibrated}
    extra |= {} if strictest is None else {"strictest": strictest}
    return Field(default, json_schema_extra=extra, **kwargs)


def tuning(default: Any, **kwargs: Any) -> Any:
    """A field that changes speed or memory, never the result; it stays out of the stage's identity."""
    return Field(default, json_schema_extra={"role": "tuning"}, **kwargs)


Size = Annotated[ByteSize, Field(description="bytes, with a unit: 64MiB, 1GB")]


def _proportion(value: object) -> object:
    if isinstance(value, str):
        try:
            return float(value.removesuffix("%")) / 100 if value.endswith("%") else value
        except ValueError:
            raise ValueError("expected a share of 100%: 30%, 0.5%") from None
    return value


_PERCENT = Annotated[str, Field(pattern=r"^[0-9.]+%$")]
Proportion = Annotated[float, BeforeValidator(_proportion, json_schema_input_type=float | _PERCENT), Field(ge=0, le=1)]
"""A share from 0 to 1, which a recipe may write in percent: 30%, 0.3."""


def _duration(value: object) -> object:
    units = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
    if isinstance(value, str):
        for unit, seconds in units.items():
            number = value.removesuffix(unit).strip()
            if number != value and number.replace(".", "", 1).isdigit():
                return timedelta(seconds=float(number) * seconds)
        raise ValueError("expected a number with a unit: 500ms, 30s, 2min, 1h")
    if isinstance(value, timedelta):
        return value
    raise ValueError("a duration needs a unit: 500ms, 30s, 2min, 1h")


_TIME = Annotated[str, Field(pattern=r"^[0-9.]+ *(ms|s|min|h)$")]
Duration = Annotated[timedelta, BeforeValidator(_duration, json_schema_input_type=_TIME)]
"""A span of time written with a unit: 500ms, 30s, 2min, 1h."""
