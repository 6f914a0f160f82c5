"""What docs/global-stages.md shows works as it is written there."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest

from refinery.demo import sample
from refinery.recipe.reader import parse
from refinery.stage.global_stage import Global
from refinery.stage.registry import import_class
from refinery.testing import documents, run_global
from tests.conftest import REPOSITORY
from tests.engine.roots import RootContents, quick

RECIPE = """
dataset: headlines
inputs: "demo/*.warc.gz"
root: root
max_broken_inputs: 100%
pipeline:
  - warc: {}
  - extract: {}
  - headlines: {use: "headlines:Headlines"}
"""


@pytest.fixture
def headlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Global:
    """The stage on the page, in a module of that name."""
    text = (REPOSITORY / "docs" / "global-stages.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert block.count("\n") < 60
    (tmp_path / "headlines.py").write_text(block, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    stage = import_class("headlines:Headlines")()
    assert isinstance(stage, Global)
    return stage


def test_the_example_keeps_the_first_of_each_line(headlines: Global) -> None:
    """The first document of a line is one in a lower part or row; other lines and the batches do not count."""
    parts = [[documents(["a\nx", "b"]), documents(["a"], 2)], [documents(["b\ny", "c"], 3)], [documents([], 5)]]
    roles = [
        pa.concat_arrays([edited.metrics["role"] for edited in batches]).to_pylist()
        for batches in run_global(headlines, parts)
    ]
    assert roles == [["first", "first", "repeated"], ["repeated", "first"], []]


def test_a_run_of_the_example_on_the_sample(headlines: Global) -> None:
    """Of the sample's documents, one of each first line is kept, and the others are removed for the rule."""
    sample("demo")
    assert quick(parse(RECIPE, "recipe.yaml")).complete
    held = RootContents(Path("root"))
    before = [row["text"].partition("\n")[0] for row in held.rows("01-extract")]
    after = [row["text"].partition("\n")[0] for row in held.rows("02-headlines")]
    removed = held.rows("02-headlines", "removed")
    assert sorted(after) == sorted(set(before))
    assert len(before) > len(after)
    assert {row["why"]["rule"] for row in removed} == {"repeated"}
    assert len(removed) == len(before) - len(after)
