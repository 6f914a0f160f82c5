"""A finished root of toy stages to look at, with every kind of stage and of removal in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from refinery.kernels import SPANS
from refinery.recipe import Pipeline
from refinery.stage.base import Edit, Edited
from refinery.stage.documents import ID, TEXT, Docs
from refinery.stage.fields import threshold
from refinery.stage.round_input import MappedPart
from refinery.stage.rules import Metric, Rule
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Same, Upper

LINES = (
    ["one two three", "# a comment", "short", "", "the same text", "12 34 56", "four words are here", "tail off end"],
    ["# nothing", "# at all"],
    ["# nor here"],
    ["the same text", "another line of text", "The Same Text", "x", "one two three", "poison in it", "last of all end"],
    ["what is 😀 here, end", "end of it all", "a b c", "\x1b[31mred\x1b[0m words end", "nothing at all", "same again"],
)
"""Lines of the input files, two of which have no document; one line would steer a terminal."""


class Snip(Edit):
    """Cuts the last word off where it is ``end``; keeps texts of which enough is left."""

    name: ClassVar = "snip"
    version: ClassVar = 1
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (Metric("left", pa.uint64(), "log", "characters"),)
    evidence: ClassVar = (pa.field("cut", SPANS),)

    least: int = threshold(8)

    def rules(self) -> tuple[Rule, ...]:
        """Enough must be left."""
        return (Rule("snipped", "left", at_least=self.least),)

    def edit(self, docs: Docs) -> Edited:
        """The texts without a last ``end``."""
        texts = docs.texts()
        after = [text.removesuffix(" end") for text in texts]
        metrics = {
            "left": [len(text) for text in after],
            "cut": [_cut(*pair) for pair in zip(texts, after, strict=True)],
        }
        return Edited({"text": after}, metrics)


def _cut(before: str, after: str) -> list[dict[str, Any]]:
    size = len(before) - len(after)
    return [{"offset": len(after.encode()), "length": size, "reason": "end", "text": before[-size:]}] if size else []


class Copies(Same):
    """``Same``, with the id of the document that stays for its copies."""

    evidence: ClassVar = (pa.field("survivor", ID.type),)
    survivor_field: ClassVar = "survivor"

    def resolve(self, reduced: Iterator[pa.RecordBatch], parts: Sequence[MappedPart]) -> Iterator[pa.Table]:
        """The verdicts of ``Same`` and the smallest id of each text."""
        batches = list(reduced)
        ids = {part.number: part.index().column("id").to_pylist() for part in parts}
        rows = [row for batch in batches for row in zip(*(c.to_pylist() for c in batch.columns), strict=True)]
        least: dict[int, bytes] = {}
        for key, part, row in rows:
            least[key] = min(least.get(key, ids[part][row]), ids[part][row])
        survivors = {(part, row): least[key] for key, part, row in rows}
        for part, table in zip(parts, super().resolve(iter(batches), parts), strict=True):
            found = [survivors[part.number, row] for row in range(len(ids[part.number]))]
            yield table.append_column("survivor", pa.array(found, ID.type))

    def apply(self, docs: Docs, row: int, verdict: pa.Table) -> Edited:
        """The verdict's columns as metrics."""
        rows = verdict.slice(row, len(docs)).combine_chunks()
        return Edited({}, {name: rows.column(name) for name in rows.schema.names})


def recipe(folder: Path, *, min_words: int = 2, **settings: Any) -> Pipeline:
    """A source, a filter, two edits, a global stage and one that gathers, over ``folder/in``."""
    stages = (LineSource(), Length(min_words=min_words), Snip(), Copies(), Upper(), Gather())
    return pipeline(folder, steps(*stages), **settings)


def make(folder: Path, **settings: Any) -> Path:
    """Write the inputs and run the recipe; the root."""
    write_inputs(folder / "in", LINES)
    given = recipe(folder, **settings)
    report = quick(given)
    assert report.complete
    return Path(given.root)
