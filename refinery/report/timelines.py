"""The timeline of a run: the tasks of each worker slot, and the starts of phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from markupsafe import Markup

from refinery.report.charts import Spec, category, draw, layer, quantity

LONG = 860
"""Width of a timeline."""

KINDS = {"even": "var(--kept)", "odd": "var(--other)", "failed": "var(--removed)", "running": "var(--soft)"}
"""Kind of a span → its colour."""


@dataclass(frozen=True)
class Bar:
    """Time in which a worker slot was busy. ``kind`` is a key of ``KINDS``: ``even`` and ``odd`` alternate by phase."""

    slot: int
    begin: float
    end: float
    kind: str
    label: str


def timeline(spans: Sequence[Bar], phases: Sequence[float], whole: float, about: str) -> Markup:
    """Draw a row per worker slot, a bar per span, and a numbered line where a phase starts."""
    height = max(5.0, min(18.0, 420 / len({span.slot for span in spans})))
    x_scale = {"domain": [0, whole], "nice": False}
    least = {kind: (3 if kind == "failed" else 1) * whole / LONG for kind in KINDS}
    bars = layer(
        [{**asdict(span), "end": max(span.end, span.begin + least[span.kind])} for span in spans],
        {"type": "bar", "height": {"band": 0.8}},
        {
            "y": {
                "field": "slot",
                "type": "ordinal",
                "axis": {"title": "worker slot", "labels": False, "ticks": False},
            },
            "x": quantity(
                "begin", {"title": "seconds since the start of the run", "grid": False, "tickCount": 10}, x_scale
            ),
            "x2": {"field": "end"},
            "color": category("kind", KINDS),
            "description": {"field": "label"},
        },
    )
    layers = [bars, *_phase_starts(phases, whole, x_scale)]
    return draw({"width": LONG, "height": {"step": height}, "layer": layers}, about)


def _phase_starts(phases: Sequence[float], whole: float, x_scale: Spec) -> list[Spec]:
    """Draw a numbered line where a phase starts, except phases that start just after the previous one."""
    starts: list[Spec] = []
    for number, begin in enumerate(phases, 1):
        if not starts or begin - starts[-1]["begin"] > 0.02 * whole:
            starts.append({"begin": begin, "number": str(number)})
    x = {"field": "begin", "type": "quantitative", "scale": x_scale}
    rule = {"type": "rule", "color": "var(--soft)", "strokeDash": [2, 3], "aria": False}
    text = {"type": "text", "color": "var(--soft)", "fontSize": 11, "align": "left", "dx": 2, "aria": False}
    text |= {"font": "system-ui, sans-serif", "baseline": "bottom"}
    return [
        layer(starts, rule, {"x": x}),
        layer(starts, text, {"x": x, "y": {"value": -2}, "text": {"field": "number"}}),
    ]
