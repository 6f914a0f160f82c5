"""What pages print exists: recipes are valid, and keys, commands and files have the names that the product has."""

from __future__ import annotations

import pytest

from refinery.config import parse
from refinery.registry import STEP_KEYS
from tests.printed import PAGES, Block, blocks, read

RECIPES = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


@pytest.mark.parametrize("block", RECIPES, ids=lambda block: f"{block.page}:{block.line}")
def test_every_recipe_is_valid(block: Block) -> None:
    """A block of YAML is a whole recipe, or keys that are added to a small one."""
    keys = {line.partition(":")[0] for line in block.lines}
    small = {"dataset": "printed", "inputs": "crawl", "root": "root", "pipeline": "[{warc: {}}, {extract: {}}]"}
    missing = "".join(f"{key}: {value}\n" for key, value in small.items() if key not in keys)
    assert parse(block.text + missing, f"{block.page}:{block.line}").steps


def test_the_recipe_page_has_every_key_of_a_step() -> None:
    """Those that belong to the engine are written by hand."""
    page = read("docs/recipe.md")
    for key in STEP_KEYS:
        assert any(line.startswith(f"| `{key}` |") for line in page), key
