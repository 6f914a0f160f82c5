"""Presets: names, types and values are those of the released datasets."""

from __future__ import annotations

import pyarrow as pa
import pytest

from refinery.recipe import RecipeError, parse
from refinery.recipe.columns import flows
from refinery.stages._formats.presets import PRESETS
from refinery.stages.export import Export
from tests.stages.formats.batches import page

HEAD = "dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, url: {}, extract: {structure: true}, "


def row(preset: str, **options: object) -> dict[str, object]:
    """The columns of one page, in order."""
    stage = Export.model_validate({"preset": preset, **options})
    docs = page("Text", structure=[{"kind": "image", "value": "https://example.org/a.png", "label": "A"}])
    columns = stage.edit(docs).columns
    selected = stage.selects([*docs.schema.names, *columns])
    assert [pa.array(columns[name]).type for name in selected] == [f.type for f in stage.added() if f.name in selected]
    return {name: columns[name][0].as_py() for name in selected}


def test_refinedweb_has_the_columns_that_were_released() -> None:
    got = row("refinedweb")
    assert list(got) == ["content", "url", "timestamp", "dump", "segment", "image_urls"]
    assert str(got.pop("timestamp")) == "2019-08-20 11:00:36"
    assert got == {
        "content": "Text",
        "url": "https://example.org/ä?a=1",
        "dump": "CC-MAIN-2019-35",
        "segment": "1566027315321.52",
        "image_urls": [["https://example.org/a.png", "A"]],
    }


def test_dolma_has_its_mandatory_fields_and_where_the_document_is_from() -> None:
    got = row("dolma")
    assert list(got) == ["id", "text", "source", "created", "metadata"]
    assert len(str(got["id"])) == 32
    assert got["created"] == "2019-08-20T11:00:36.000Z"
    assert isinstance(got["metadata"], dict)
    assert got["metadata"]["lang"] == "en"


def test_dclm_names_the_headers_of_the_archive() -> None:
    metadata = {"WARC-Target-URI": "https://example.org/ä?a=1", "WARC-Date": "2019-08-20T11:00:36Z"}
    assert row("dclm") == {"text": "Text", "url": "https://example.org/ä?a=1", "metadata": metadata}


@pytest.mark.parametrize("warc", ["CC-MAIN-20190822-00000.warc.gz", "/data/x.warc.gz"])
def test_an_archive_outside_of_the_layout_of_common_crawl_has_no_crawl(warc: str) -> None:
    columns = Export(preset="refinedweb").edit(page("Text", warc=warc)).columns
    assert columns["dump"].to_pylist() == columns["segment"].to_pylist() == [None]
    assert columns["image_urls"].to_pylist() == [[]]


def test_images_are_unknown_without_structure() -> None:
    columns = Export(preset="refinedweb").edit(page("Text").without(["structure"])).columns
    assert columns["image_urls"].to_pylist() == [None]


def test_a_preset_has_the_rendered_text() -> None:
    mark = {"kind": "heading", "start": 0, "end": 4, "number": 1}
    columns = Export(preset="refinedweb", text="markdown").edit(page("Text", structure=[mark])).columns
    assert columns["content"].to_pylist() == ["# Text"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_schema_of_the_files_is_known_before_a_run(preset: str) -> None:
    fields = [column.field for column in PRESETS[preset]]
    assert flows(parse(f"{HEAD}export: {{preset: {preset}}}]", "r").steps)[-1].kept == pa.schema(fields)


def test_ids_can_be_hexadecimal() -> None:
    export = Export(ids="hex")
    assert export.edit(page("Text")).columns["id"].to_pylist() == [page("Text").column("id")[0].as_py().hex()]
    assert flows(parse(f"{HEAD}export: {{ids: hex}}]", "r").steps)[-1].kept.field("id").type == pa.string()


def test_a_preset_and_columns_exclude_each_other() -> None:
    with pytest.raises(RecipeError, match="preset: dclm has columns of its own"):
        parse(f"{HEAD}export: {{preset: dclm, columns: [text]}}]", "r")


def test_a_preset_needs_its_columns() -> None:
    with pytest.raises(RecipeError, match="reads 'text', which no stage before it provides"):
        parse("dataset: d\ninputs: a/*.gz\nroot: r\npipeline: [warc: {}, export: {preset: dclm}]", "r")
