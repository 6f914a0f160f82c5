"""Static pages of one root, or of several roots compared with the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from refinery.errors import UsageError
from refinery.inspect.comparison import compare, names_of
from refinery.inspect.difference import diff
from refinery.inspect.quality_scores import SHARES
from refinery.inspect.reader import RootReader, open_root
from refinery.report import limits
from refinery.report.by_group import by_stage
from refinery.report.documents import duplicates, samples
from refinery.report.frame import Writer
from refinery.report.language_rules import language_settings, removals_by_language
from refinery.report.overlap import matrix_of, overlap, rules_of
from refinery.report.spans import span_counts
from refinery.report.texts import texts
from refinery.report.view import StageView, View, columns, view
from refinery.runner.timeline import SLOTS
from refinery.store import store_for

try:
    from refinery.report.figures import chances, funnel, metric_figures, part_figure, top_rows
    from refinery.report.quality import quality
    from refinery.report.scores import scores
    from refinery.report.work import plan, times
except ModuleNotFoundError as error:  # the extra is not installed
    raise UsageError(
        f"the report needs the package {error.name}", hint="pip install 'crawl-refinery[dashboard]'"
    ) from error


@dataclass(frozen=True)
class Built:
    """The pages that were written: the folder, and the bytes of each file in it."""

    folder: str
    files: Mapping[str, int]


def build(path: str, out: str = "", against: Sequence[str] = ()) -> Built:
    """Write the report of the root at ``path`` into the folder ``out`` (its own ``report``), compared with other roots.

    Raises UsageError where there is no root or no stage has results, StorageError for damaged records.
    """
    reader = open_root(path)
    folder = (out or f"{reader.root.path}/report").rstrip("/")
    store = store_for(folder)
    files: dict[str, int] = {}
    for name, text in pages(reader, against).items():
        data = text.encode(errors="backslashreplace")
        store.put(f"{folder}/{name}", data)
        files[name] = len(data)
    return Built(folder, files)


def pages(reader: RootReader, against: Sequence[str] = (), *, served: bool = False) -> dict[str, str]:
    """Return every page by its file name; if ``served``, with links to the pages that only the server has."""
    root_view = view(reader)
    if not root_view.stages:
        raise UsageError(f"{reader.root.path}: no stage has run yet", hint="run `refinery run` first")
    names = names_of([reader.root.path, *against])
    write = Writer(root_view, names, served=served)
    made = {"index.html": write("overview", "index.html", funnel=funnel(root_view), top=top_rows(root_view))}
    for stage in root_view.stages:
        made |= _stage_pages(write, root_view, stage)
    made["duplicates.html"] = write(
        "duplicates", "duplicates.html", found=duplicates(reader), chances=chances(root_view)
    )
    if root_view.counts.audit:
        audit = overlap(root_view.counts.audit, root_view.stages, reader.head.folders[0])
        made["audit.html"] = write("audit", "audit.html", audit=audit)
    removals = by_stage(root_view.survival["language"])
    made["sources.html"] = write("sources", "sources.html", scores=scores(root_view), removals=removals)
    if root_view.has_scores:
        found, pairs = quality(root_view)
        made["quality.html"] = write("quality", "quality.html", scores=found, pairs=pairs, shares=SHARES)
    newest = root_view.runs[0] if root_view.runs else None
    made["run.html"] = write(
        "run", "run.html", plan=plan(root_view), newest=newest, times=times(newest) if newest else None, rows=SLOTS
    )
    stages = [(stage, columns(root_view.reader, stage.totals.position)) for stage in root_view.stages]
    made["dictionary.html"] = write("dictionary", "dictionary.html", columns=stages)
    if against:
        made |= _comparisons(write, reader, against)
    made["card.md"] = write("card", "card.md", suffix="md")
    return made


def _stage_pages(write: Writer, root_view: View, stage: StageView) -> dict[str, str]:
    figures, parts = metric_figures(stage, root_view.languages), part_figure(stage)
    rules, own = removals_by_language(root_view, stage), language_settings(stage)
    entry = root_view.reader.stage(stage.name)
    examples = samples(root_view.reader, entry, stage.counts)
    return {
        stage.page: write(
            "stage",
            stage.page,
            stage=stage,
            figures=figures,
            times=parts,
            matrix=rules_of(stage),
            by_language=rules,
            own=own,
            spans=span_counts(root_view.reader, entry),
        ),
        stage.samples: write("samples", stage.samples, stage=stage, documents=examples),
    }


def _comparisons(write: Writer, reader: RootReader, against: Sequence[str]) -> dict[str, str]:
    """Return the pages that compare other roots with this one."""
    path = reader.root.path
    made = {"compare.html": write("sides", "compare.html", **_side_by_side([path, *against]))}
    for number, other in enumerate(against, 1):
        name = f"compare-{number}.html"
        made[name] = write("compare", name, other=number, difference=diff(path, other))
        name = f"texts-{number}.html"
        made[name] = write("texts", name, other=number, texts=texts(reader, open_root(other)))
    return made


def _side_by_side(paths: Sequence[str]) -> dict[str, Any]:
    """Return the values of the page that has all roots side by side."""
    sides = compare(paths, limits.SOLE_KEPT)
    alone = {name: (kept, 0) for name, kept in zip(sides.names, sides.agreement.kept, strict=False)}
    both = {
        " & ".join(sorted((sides.names[pair.left], sides.names[pair.right]))): (pair.both, 0)
        for pair in sides.agreement.pairs
    }
    return {"sides": sides, "matrix": matrix_of(list(alone), alone, both)}
