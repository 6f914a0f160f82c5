"""What CONTRIBUTING.md shows works as it is written there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pyarrow.compute as pc
import pytest

from refinery.stage.registry import import_class
from tests.conftest import REPOSITORY
from tests.stages.test_laws import PROSE, documents, process


def test_the_stage_of_the_example_removes_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one Python file that it shows is a stage: prose stays, a text without vowels goes for the rule."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "contributed.py").write_text(textwrap.dedent(block), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    stage = import_class("contributed:Vowels")()
    docs = documents([PROSE, "Xyz hgf 123 rtwk.", ""])
    (split,) = process(stage, docs, [len(docs)])
    assert split.kept.texts() == [PROSE]
    assert pc.struct_field(split.removed.column("why"), "rule").to_pylist() == ["few_vowels", "few_vowels"]
