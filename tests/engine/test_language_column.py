"""The column ``lang``: the language of each document, from the stage that identifies it to the last one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from refinery.recipe import Step, parse
from refinery.recipe.columns import flows
from refinery.stage.base import Filter
from refinery.stage.documents import LANG, Docs
from refinery.stage.rules import Metric, Rule
from tests.engine.roots import pipeline, quick, steps
from tests.engine.toy import Gather, Length, LineSource, Same, Upper


class Guess(Filter):
    """The language of a text is its first letter; that of long ones is not identified."""

    name: ClassVar = "guess"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("named", pa.string(), "label"),)
    language_metric: ClassVar = "named"

    unwanted: tuple[str, ...] = ("o",)

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("unwanted", "named", not_in=self.unwanted),)

    def measure(self, docs: Docs) -> dict[str, Sequence[str | None]]:
        return {"named": [None if len(text) > 18 else text[:1] for text in docs.texts()]}


def rows_of(root: Path, column: str) -> list[tuple[str, str | None, str | None]]:
    """Folder, ``lang`` and the metric of all rows of the stages that have it."""
    found = []
    for path in sorted(root.glob("*/*/*.parquet")):
        table = pq.read_table(path)
        if column in table.schema.names:
            named = pc.struct_field(table[column], "named").to_pylist()
            found += [
                (str(path.relative_to(root).parent), *row)
                for row in zip(table[LANG.name].to_pylist(), named, strict=True)
            ]
    return found


def test_each_row_from_identification_on_has_its_language(folder: Path) -> None:
    """Kept and removed rows of that stage and of all later ones; no earlier row has the column."""
    given = pipeline(folder, steps(LineSource(), Length(), Guess(), Upper(), Same(), Gather()))
    quick(given)
    root = folder / "root"
    rows = rows_of(root, "guess")
    assert {place for place, _, _ in rows} >= {"02-guess/kept", "02-guess/removed", "03-upper/kept", "05-gather/kept"}
    assert all(lang == named for _, lang, named in rows)
    assert {lang for _, lang, _ in rows} > {None, "o", "t"}
    assert LANG.name not in pq.read_schema(next((root / "01-words/kept").iterdir())).names


def test_the_last_identification_counts(folder: Path) -> None:
    """Of two stages that identify languages, later stages have the language of the second."""
    again = Step("again", Guess(unwanted=("t",)), use=f"{__name__}:Guess")
    given = pipeline(folder, (*steps(LineSource(), Guess(), Upper()), again))
    quick(given)
    assert all(lang == named for _, lang, named in rows_of(folder / "root", "again"))
    assert [flow.kept.names.count(LANG.name) for flow in flows(given.steps)] == [0, 1, 1, 1]


def test_the_export_has_the_language_as_a_plain_column() -> None:
    """By default, where a stage identifies it."""
    head = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, extract: {}, "
    assert "lang" in flows(parse(f"{head}language: {{}}, export: {{}}]", "r").steps)[-1].kept.names
    assert "lang" not in flows(parse(f"{head}export: {{}}]", "r").steps)[-1].kept.names
