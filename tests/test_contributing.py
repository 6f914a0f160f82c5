"""The examples of CONTRIBUTING.md work as they are written there."""

from __future__ import annotations

import re
import sys
import textwrap
from types import ModuleType

import pyarrow.compute as pc
import pytest

from tests.conftest import REPOSITORY
from tests.stages.test_laws import PROSE, documents, process


def example(language: str) -> str:
    """Return the one indented code block of a language."""
    text = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"   ```{language}\n(.*?)   ```", text, re.DOTALL)
    return textwrap.dedent(block)


@pytest.fixture(autouse=True)
def vowels(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stage of the page as the module ``stages.vowels``."""
    module = ModuleType("refinery.stages.vowels")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(example("python"), vars(module))
    return module


def test_the_stage_of_the_example_removes_what_it_says(vowels: ModuleType) -> None:
    """Prose stays; a text without vowels is removed by the rule."""
    docs = documents([PROSE, "Xyz hgf 123 rtwk.", ""])
    (split,) = process(vowels.Vowels(), docs, [len(docs)])
    assert split.kept.texts() == [PROSE]
    assert pc.struct_field(split.removed.column("why"), "rule").to_pylist() == ["few_vowels", "few_vowels"]


def test_the_test_of_the_example_passes() -> None:
    """It is run as pytest would, beside the stage."""
    names: dict[str, object] = {}
    exec(example("text"), names)
    tests = [value for name, value in names.items() if name.startswith("test_") and callable(value)]
    assert len(tests) == 1
    tests[0]()
