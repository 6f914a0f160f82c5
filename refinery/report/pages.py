"""The static pages of one root, or of several held against the first."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

from refinery.errors import UsageError
from refinery.inspect.difference import diff
from refinery.inspect.evidence import marked
from refinery.inspect.holdings import Holdings, open_root
from refinery.report.documents import duplicates, samples
from refinery.report.overlap import overlap, rules_of
from refinery.report.sides import sides
from refinery.report.view import StageView, View, columns, view
from refinery.shown import ending, rest, safe, safe_lines, shortened, size
from refinery.store import store_for
from refinery.timeline import PLACES

try:
    import jinja2

    from refinery.report.figures import by_label, chances, funnel, metric_figures, part_figure, share, top_rows
    from refinery.report.scores import scores
    from refinery.report.work import plan, times
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"the dashboard needs the package {error.name}", hint="pip install 'refinery[dashboard]'"
    ) from error

TEXT = 3_000
"""Characters of a text that a page shows."""


@dataclass(frozen=True)
class Built:
    """The pages that were written: the folder, and the bytes of each file in it."""

    folder: str
    files: Mapping[str, int]


def build(path: str, out: str = "", against: Sequence[str] = ()) -> Built:
    """Write the report of the root at ``path`` into the folder ``out`` (its own ``report``), compared with other roots.

    Raises UsageError where there is no root or nothing is made, StorageError for damaged records.
    """
    holdings = open_root(path)
    folder = (out or f"{holdings.root.path}/report").rstrip("/")
    store = store_for(folder)
    files: dict[str, int] = {}
    for name, text in pages(holdings, against).items():
        data = text.encode(errors="backslashreplace")
        store.put(f"{folder}/{name}", data)
        files[name] = len(data)
    return Built(folder, files)


def pages(holdings: Holdings, against: Sequence[str] = (), served: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Every page by its file name. ``served`` are links to what only a server can answer."""
    found = view(holdings)
    if not found.stages:
        raise UsageError(f"{holdings.root.path}: no stage is made yet", hint="`refinery run` makes them")
    links = [*served, *links_of(found, against)]
    write = Writer(found, links, policy("'self'") if served else policy())
    made = {
        "index.html": write(
            "overview", "index.html", funnel=funnel(found), top=top_rows(found), languages=_languages(found)
        )
    }
    for stage in found.stages:
        figures, parts = metric_figures(stage), part_figure(stage)
        made[stage.page] = write("stage", stage.page, stage=stage, figures=figures, times=parts, matrix=rules_of(stage))
        held = holdings.stage(stage.name)
        shown = samples(holdings, held, stage.counts)
        made[stage.samples] = write("samples", stage.samples, stage=stage, documents=shown)
    made["duplicates.html"] = write("duplicates", "duplicates.html", found=duplicates(holdings), chances=chances(found))
    if found.books.audit:
        audit = overlap(found.books.audit, found.stages, holdings.head.folders[0])
        made["audit.html"] = write("audit", "audit.html", audit=audit)
    made["sources.html"] = write("sources", "sources.html", languages=_languages(found), scores=scores(found))
    newest = found.runs[0] if found.runs else None
    made["run.html"] = write(
        "run", "run.html", plan=plan(found), newest=newest, times=times(newest) if newest else None, rows=PLACES
    )
    made["dictionary.html"] = write("dictionary", "dictionary.html", columns=_columns(found))
    if against:
        made["compare.html"] = write("sides", "compare.html", sides=sides([holdings.root.path, *against]))
    for number, other in enumerate(against, 1):
        name = f"compare-{number}.html"
        made[name] = write("compare", name, difference=diff(holdings.root.path, other))
    made["card.md"] = write("card", "card.md", suffix="md", languages=_languages(found))
    return made


def links_of(found: View, against: Sequence[str]) -> list[tuple[str, str]]:
    """The pages that every page leads to, by file and title."""
    links = [("index.html", "Overview"), *((stage.page, stage.name) for stage in found.stages)]
    links += [
        (found.last.samples, "Samples"),
        ("duplicates.html", "Duplicates"),
        ("sources.html", "Sources and languages"),
    ]
    links += [("audit.html", "Shadow audit")] if found.books.audit else []
    links += [("run.html", "Run"), ("dictionary.html", "Data dictionary")]
    links += [("compare.html", "Side by side")] if against else []
    return links + [(f"compare-{number}.html", f"Against {path}") for number, path in enumerate(against, 1)]


def _columns(found: View) -> list[tuple[StageView, Any]]:
    return [(stage, columns(found.holdings, stage.books.position)) for stage in found.stages]


def _languages(found: View) -> list[tuple[StageView, Any]]:
    """Metrics that are labels of languages, with the stage that measures them."""
    return [(s, m) for s in found.stages for m in s.metrics if m.metric.scale == "label" and m.metric.name == "lang"]


class Writer:
    """Templates with what all pages share."""

    def __init__(self, found: View, links: Sequence[tuple[str, str]], allowed: str) -> None:
        self._common = {"view": found, "links": links, "style": _file("style.css"), "script": _file("script.js")}
        self._common["policy"] = allowed
        self._common["now"] = _updated(found)

    def __call__(self, template: str, page: str, suffix: str = "html", **values: Any) -> str:
        return environment().get_template(f"{template}.{suffix}").render(**self._common, page=page, **values)


def _updated(found: View) -> str:
    """When the newest run wrote last: a report of the same root is the same report."""
    newest = max((run.record.updated for run in found.runs), default=None)
    return f"{newest.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(newest, datetime) else "–"


@cache
def _file(name: str) -> str:
    return resources.files("refinery.report").joinpath("templates", name).read_text("utf-8")


def policy(forms: str = "'none'") -> str:
    """The content security policy of the pages: their own style and script by hash, and nothing from anywhere."""
    style, script = (_hash(_file(name)) for name in ("style.css", "script.js"))
    own = f"style-src '{style}'; script-src '{script}'; img-src data:"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action {forms}"


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def environment() -> jinja2.Environment:
    """The templates; whatever is put into a page is escaped, in every template but the card's, which is no HTML."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("refinery.report", "templates"),
        autoescape=jinja2.select_autoescape(("html",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": lambda value: f"{value:,}",
        "size": size,
        "by_label": by_label,
        "share": share,
        "s": ending,
        "line": lambda text: shortened(safe(str(text)), 300),
        "marked": lambda shown: marked(shown.text, shown.marks, TEXT),
        "plainly": lambda text: safe_lines(str(text)),
        "more": lambda text: f"… ({rest(text, TEXT)})" if len(text) > TEXT else "",
        "value": _value,
        "plain": lambda text: safe(str(text)).replace("|", "\\|").replace("`", "'").replace("<", "‹").replace(">", "›"),
    }
    return made


def _value(value: Any) -> str:
    """A fact in a few words."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return shortened(safe(str(value)), 120)
