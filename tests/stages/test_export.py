"""The stage ``export``: which columns it writes."""

from __future__ import annotations

import pytest

from refinery.recipe import RecipeError, from_dict, parse, recipe_dict
from refinery.recipe.columns import flows

HEAD = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, url: {}, "


@pytest.mark.parametrize(
    "steps", ["export: {}", "extract: {}, export: {columns: [id, text]}", "export: {columns: [url]}"]
)
def test_a_recipe_is_what_a_root_writes_down_of_it(steps: str) -> None:
    """The default columns that no stage gives are left out, also where they are written out."""
    pipeline = parse(f"{HEAD}{steps}]", "r")
    assert from_dict(recipe_dict(pipeline), "r").steps == pipeline.steps


def test_a_column_that_is_asked_for_must_be_there() -> None:
    """Text, before it is extracted, is not."""
    with pytest.raises(RecipeError, match="export has no column text"):
        parse(f"{HEAD}export: {{columns: [id, text]}}]", "r")


def test_pages_are_not_stored_so_that_a_stage_that_needs_all_parts_is_not_given_them() -> None:
    export = flows(parse(f"{HEAD}export: {{}}]", "r").steps)[-1]
    assert "html" not in export.given.names + export.kept.names
    with pytest.raises(RecipeError, match="export has no column html"):
        parse(f"{HEAD}export: {{columns: [id, html]}}]", "r")
    with pytest.raises(RecipeError, match="'extract' reads 'html', which no stage before it provides"):
        parse(f"{HEAD}urls: {{}}, extract: {{}}]", "r")


def test_a_column_is_written_once() -> None:
    """A file with two columns of one name could be read by nobody."""
    with pytest.raises(RecipeError, match="text is listed twice"):
        parse(f"{HEAD}extract: {{}}, export: {{columns: [text, id, text]}}]", "r")


def test_nothing_follows_the_export() -> None:
    """A stage behind it would not count in the files that training reads."""
    with pytest.raises(RecipeError, match="'url2' comes after 'export', which must be last"):
        parse(f"{HEAD}export: {{}}, url: {{as: url2}}]", "r")
