"""Stages with fields of all kinds, and recipes of them, for the tests of recipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest
from pydantic import BaseModel, Field, model_validator

from refinery.assets import Asset
from refinery.recipe import Problem, RecipeError, parse
from refinery.stage.base import Edit, Edited, Filter, Records, Source
from refinery.stage.documents import HTML, TEXT, Docs
from refinery.stage.fields import Duration, Size, threshold, tuning
from refinery.stage.rules import Metric, Rule
from refinery.store import Store

HERE = __name__


class Pages(Source):
    """A source of HTML."""

    name: ClassVar = "pages"
    version: ClassVar = 1
    adds: ClassVar = (HTML,)

    def list_inputs(self, pattern: str, store: Store) -> list[str]:
        return store.list(pattern)

    def read(self, path: str, store: Store) -> Iterator[Records]:
        raise NotImplementedError

    def read_one(self, path: str, offset: int, length: int, store: Store) -> Records:
        raise NotImplementedError


class Main(Edit):
    """HTML to text."""

    name: ClassVar = "main"
    version: ClassVar = 1
    reads: ClassVar = ("html",)
    adds: ClassVar = (TEXT,)
    drops: ClassVar = ("html",)

    timeout: Duration = timedelta(seconds=1)
    memory: Size = Size(64 << 20)

    def edit(self, docs: Docs) -> Edited:
        raise NotImplementedError


class Inner(BaseModel):
    """A nested model."""

    depth: int = 1


class Judge(Filter):
    """All kinds of fields."""

    name: ClassVar = "judge"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("words", pa.uint32(), "count"),)

    keep: tuple[str, ...] = ("en",)
    min_words: int = threshold(50, ge=0)
    max_words: int | None = threshold(None)
    score: float = Field(0.5, ge=0, le=1)
    mode: Literal["fast", "slow"] = "fast"
    strict: bool = False
    lists: tuple[Asset, ...] = ()
    weights: dict[str, float] = Field(default_factory=dict)
    limit: int | None = None
    inner: Inner = Inner()
    threads: int = tuning(1)

    def rules(self) -> tuple[Rule, ...]:
        most = () if self.max_words is None else (Rule("many", "words", at_most=self.max_words),)
        return (Rule("few", "words", at_least=self.min_words), *most)

    @model_validator(mode="after")
    def _must_fit(self) -> Judge:
        if self.limit is not None and self.limit < self.min_words:
            raise ValueError("limit is below min_words")
        return self

    def measure(self, docs: Docs) -> dict[str, Any]:
        raise NotImplementedError


class End(Edit):
    """The end of a pipeline."""

    name: ClassVar = "end"
    version: ClassVar = 1
    last: ClassVar = True

    def edit(self, docs: Docs) -> Edited:
        raise NotImplementedError


class After(Filter):
    """Reads a metric of an earlier stage."""

    name: ClassVar = "after"
    version: ClassVar = 1
    reads: ClassVar = ("text", "judge.words")

    def measure(self, docs: Docs) -> dict[str, Any]:
        raise NotImplementedError


HEAD = "dataset: d\ninputs: a/*.gz\nroot: r\n"
PAGES = f"  - pages: {{use: '{HERE}:Pages'}}\n"
MAIN = f"  - main: {{use: '{HERE}:Main'}}\n"
GOOD = f"{HEAD}pipeline:\n{PAGES}{MAIN}"


def judge(fields: str) -> str:
    """A recipe whose last step is a Judge with these fields."""
    return f"{GOOD}  - judge: {{use: '{HERE}:Judge', {fields}}}\n"


def problems(text: str, overrides: Sequence[str] = (), root: str | None = None) -> tuple[Problem, ...]:
    """The problems of a recipe, which must have some."""
    with pytest.raises(RecipeError) as caught:
        parse(text, "recipe.yaml", overrides, root)
    assert caught.value.exit_code == 2
    return caught.value.problems


def marked(text: str) -> tuple[str, int, int]:
    """A text without its ⟦marks⟧, and the position and length of what they enclose."""
    start = text.index("⟦")
    end = text.index("⟧") - 1
    return text.replace("⟦", "").replace("⟧", ""), start, end - start
