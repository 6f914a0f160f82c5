"""Stage ``decontaminate``: finds questions, answers and passages of benchmarks, and removes, cuts or marks them.

Items are found although some words differ, options are in another order, numerals are spelled otherwise, or the answer
stands apart. The kernel ``Benchmarks`` states how. It reads texts only, so it is an ordinary later step: with another
benchmark only the stage's own output is computed again, from stored texts.
"""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, field_validator

from refinery import STRUCTURE, TEXT, Asset, Docs, Edit, Edited, Metric, Rule, threshold
from refinery.kernels import UNICODE, Benchmarks
from refinery.stages._decontaminate.items import Items, load
from refinery.stages._decontaminate.matches import CONTAMINATED, FOUND, matches_of, measured
from refinery.stages._languages import common_words, words_digest

Action = Literal["remove", "cut", "mark"]

FLOOR = 0.3
"""The kernel returns no lighter matches."""


class ItemFields(BaseModel):
    """The fields of the JSON objects of items: a name, or several, for each text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: tuple[str, ...] = ("question",)
    passage: tuple[str, ...] = ("passage",)
    answer: tuple[str, ...] = ("answer",)

    @field_validator("question", "passage", "answer", mode="before")
    @classmethod
    def _several(cls, given: Any) -> Any:
        """Take one name for a list of one."""
        return tuple([given] if isinstance(given, str) else given) if isinstance(given, str | list) else given


class Decontaminate(Edit):
    """Find items of benchmarks in texts.

    The score of an item is the share of its words that a text has, weighted by their rarity in the benchmarks, and less
    in proportion if this weight, times the share, is less than four words of its own: short common phrases do not
    count. Of rows with one question the one whose answer is there is reported.

    ``found`` lists the items, best first. ``spans`` are their places in the text before, with benchmark and item as
    reason and the benchmark as category, so that a cut can be undone.
    """

    name: ClassVar = "decontaminate"
    version: ClassVar = 2
    source: ClassVar = "own; as AI2's decon, https://github.com/allenai/decon"
    uses: ClassVar = (STRUCTURE.name,)
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("score", help="of the best item: its overlap, less if it has little weight; 0 below .3"),
        Metric("overlap", help="share of the best item's weight that is in the text"),
        Metric("items", pa.uint32(), "count", "items", "items with a score above min_score"),
        Metric("matched", pa.uint64(), "log", "bytes", "bytes of the text in them"),
        Metric("chars_left", pa.uint32(), "log", "characters", "characters outside, without white space at the ends"),
        Metric("benchmark", pa.string(), "label", help="benchmark of the best item"),
        Metric("item", pa.string(), "label", help="the best item: benchmark and `doc_id`, or the number of its line"),
    )
    evidence: ClassVar = (pa.field("found", FOUND), pa.field("spans", CONTAMINATED))

    benchmarks: tuple[Asset, ...] = Field(
        min_length=1, description="files of items, or patterns of their paths: .jsonl, .jsonl.gz, .jsonl.zst"
    )
    fields: ItemFields = Field(
        ItemFields(),
        description="fields of the items with question, passage and answer: a name or a list each",
    )
    action: Action = Field("remove", description="remove documents, cut the items out of them, or only record them")
    max_score: float = threshold(
        0.5, ge=FLOOR, le=1, description="of remove: a document with an item of a higher score is removed"
    )
    min_score: float = Field(0.5, ge=FLOOR, le=1, description="items of a higher score are in `spans`, and are cut")
    min_chars: int = threshold(20, ge=0, description="of cut: a document with fewer characters left is removed")

    @field_validator("benchmarks", mode="before")
    @classmethod
    def _expanded(cls, given: Any) -> Any:
        """Replace patterns by the files that match them, sorted."""
        if not isinstance(given, str | list | tuple):
            return given
        return tuple(path for pattern in ([given] if isinstance(given, str) else given) for path in _files(pattern))

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines and weighs words, and the names of files, which name benchmarks."""
        names = "\n".join(os.path.basename(path) for path in self.benchmarks)
        return {
            "unicode": UNICODE,
            "common_words": words_digest(),
            "names": hashlib.sha256(names.encode()).hexdigest()[:16],
        }

    def added(self) -> tuple[pa.Field, ...]:
        """Return the text only if items are cut out of it."""
        return self.adds if self.action == "cut" else ()

    def rules(self) -> tuple[Rule, ...]:
        """Return the rule of the action."""
        if self.action == "remove":
            return (Rule("contaminated", "score", "An item of a benchmark is in it.", at_most=self.max_score),)
        if self.action == "cut":
            return (Rule("too_short", "chars_left", "Little but items of benchmarks.", at_least=self.min_chars),)
        return ()

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the items of a file. Raises AssetError where a line is none."""
        del name
        load((asset,), (asset.digest(),), **self._names())

    def prepared(self) -> tuple[Items, Benchmarks]:
        """Return the items, and what finds them. Raises AssetError."""
        digests = tuple(asset.digest() for asset in self.benchmarks)
        return _prepared(self.benchmarks, digests, tuple(self._names().items()))

    def edit(self, docs: Docs) -> Edited:
        """Find the items in the texts of a batch."""
        items, kernel = self.prepared()
        texts = docs.column(TEXT.name)
        found = matches_of(kernel.matches(texts), items)
        metrics = measured(texts, found, self.min_score, cut=self.action == "cut")
        text = metrics.pop(TEXT.name)
        return Edited({TEXT.name: text} if self.action == "cut" else {}, metrics)

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """Return the ranges of the best item."""
        del metric
        items, kernel = self.prepared()
        found = matches_of(kernel.matches(pa.array([text])), items)
        data = text.encode()
        for one in found.get(0, ())[:1]:
            yield from ((len(data[:start].decode()), len(data[:end].decode())) for start, end in one.ranges)

    def _names(self) -> dict[str, tuple[str, ...]]:
        return {"question": self.fields.question, "passage": self.fields.passage, "answer": self.fields.answer}


@lru_cache(maxsize=2)
def _prepared(
    files: tuple[Asset, ...], digests: tuple[str, ...], names: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[Items, Benchmarks]:
    items = load(files, digests, **dict(names))
    return items, items.prepared([word for words in common_words().values() for word in words])


def _files(pattern: Any) -> list[str]:
    if not isinstance(pattern, str) or not glob.has_magic(pattern):
        return [pattern]
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise ValueError(f"no file matches {pattern}")
    return found
