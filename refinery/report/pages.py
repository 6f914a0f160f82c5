"""The static pages of one root, or of several compared with the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refinery.errors import UsageError
from refinery.inspect.difference import diff
from refinery.inspect.reader import RootReader, open_root
from refinery.report.documents import duplicates, samples
from refinery.report.frame import Writer
from refinery.report.overlap import overlap, rules_of
from refinery.report.sides import names_of, sides
from refinery.report.texts import texts
from refinery.report.view import StageView, View, columns, view
from refinery.runner.timeline import SLOTS
from refinery.store import store_for

try:
    from refinery.report.figures import chances, funnel, metric_figures, part_figure, top_rows
    from refinery.report.scores import scores
    from refinery.report.work import plan, times
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"the dashboard needs the package {error.name}", hint="pip install 'refinery[dashboard]'"
    ) from error


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


def pages(holdings: RootReader, against: Sequence[str] = (), *, served: bool = False) -> dict[str, str]:
    """Every page by its file name; where ``served``, with links to the pages that only a server can make."""
    found = view(holdings)
    if not found.stages:
        raise UsageError(f"{holdings.root.path}: no stage is made yet", hint="`refinery run` makes them")
    names = names_of([holdings.root.path, *against])
    write = Writer(found, names, served=served)
    made = {"index.html": write("overview", "index.html", funnel=funnel(found), top=top_rows(found))}
    for stage in found.stages:
        made |= _stage_pages(write, found, stage)
    made["duplicates.html"] = write("duplicates", "duplicates.html", found=duplicates(holdings), chances=chances(found))
    if found.counts.audit:
        audit = overlap(found.counts.audit, found.stages, holdings.head.folders[0])
        made["audit.html"] = write("audit", "audit.html", audit=audit)
    made["sources.html"] = write("sources", "sources.html", scores=scores(found))
    newest = found.runs[0] if found.runs else None
    made["run.html"] = write(
        "run", "run.html", plan=plan(found), newest=newest, times=times(newest) if newest else None, rows=SLOTS
    )
    made["dictionary.html"] = write("dictionary", "dictionary.html", columns=_columns(found))
    if against:
        made |= _comparisons(write, holdings, against)
    made["card.md"] = write("card", "card.md", suffix="md")
    return made


def _stage_pages(write: Writer, found: View, stage: StageView) -> dict[str, str]:
    figures, parts = metric_figures(stage), part_figure(stage)
    shown = samples(found.holdings, found.holdings.stage(stage.name), stage.counts)
    return {
        stage.page: write("stage", stage.page, stage=stage, figures=figures, times=parts, matrix=rules_of(stage)),
        stage.samples: write("samples", stage.samples, stage=stage, documents=shown),
    }


def _comparisons(write: Writer, holdings: RootReader, against: Sequence[str]) -> dict[str, str]:
    """The pages of other roots beside this one."""
    path = holdings.root.path
    made = {"compare.html": write("sides", "compare.html", sides=sides([path, *against]))}
    for number, other in enumerate(against, 1):
        name = f"compare-{number}.html"
        made[name] = write("compare", name, other=number, difference=diff(path, other))
        name = f"texts-{number}.html"
        made[name] = write("texts", name, other=number, texts=texts(holdings, open_root(other)))
    return made


def _columns(found: View) -> list[tuple[StageView, Any]]:
    return [(stage, columns(found.holdings, stage.totals.position)) for stage in found.stages]
