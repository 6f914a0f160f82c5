"""Structure in whole runs: from archives to Markdown, through all stages that cut something out of texts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import refinery
from refinery.cli import execute
from refinery.kernels import HAS_EXTRACTOR, undo, undo_marks
from refinery.recipe import parse
from tests.stages.warc import archives

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

RECIPE = """
dataset: "structured"
inputs: "{folder}/*.warc.gz"
root: "{folder}/root"
pipeline:
  - warc: {{}}
  - extract: {{structure: true}}
  - lines: {{max_removed: 1}}
  - urls: {{}}
  - substring: {{min_tokens: 25, unit: words, keep: none, align: word}}
  - export: {{text: markdown}}
executor: {{kind: local, workers: 1}}
"""
SHARED = (
    "Every bridge of the valley was measured twice before the river rose again in the spring of that year, "
    "and what was measured is in this list for all who have to cross it with a loaded cart."
)
PAGE = """<html><head><title>Bridge {n}</title></head><body><article><h1>Bridge number {n}</h1>
<p>The bridge with the number {n} stands where the <b>old road {n}</b> meets the river; more is at https://example.org/{n} for all {n}.</p>
<p>{shared}</p>
<ul><li>{n} arches of stone.<li>It was built by {n} masons and their helpers.</ul>
<pre><code class="language-python">def arch_{n}(x):
    return x ** {n}</code></pre>
<p>6 likes</p>
<table><tr><th>year<th>carts<tr><td>190{n}<td>{n}00</table>
<p>The load it carries is <math><semantics><mi>x</mi><annotation encoding="application/x-tex">x_{n}^2</annotation></semantics></math> carts, which
was counted for the number {n} alone by the keeper of the toll.</p></article></body></html>"""
MARKDOWN = """# Bridge number {n}

The bridge with the number {n} stands where the **old road {n}** meets the river; more is at for all {n}.

- {n} arches of stone.
- It was built by {n} masons and their helpers.

```python
def arch_{n}(x):
    return x ** {n}
```

| year | carts |
| --- | --- |
| 190{n} | {n}00 |

The load it carries is $x_{n}^2$ carts, which was counted for the number {n} alone by the keeper of the toll."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an archive of similar pages, and the root of a run over it."""
    folder = tmp_path_factory.mktemp("structured")
    pages = [PAGE.format(n=number, shared=SHARED).encode() for number in range(2, 6)]
    records = [archives.record(number, page) for number, page in enumerate(pages)]
    (folder / "pages.warc.gz").write_bytes(archives.members(records))
    report = refinery.run(parse(RECIPE.format(folder=folder), "structured.yaml"))
    assert report.complete
    return folder


def kept(folder: Path, stage: str) -> pa.Table:
    """Return what a stage kept."""
    (found,) = (folder / "root").rglob(f"*-{stage}/kept")
    return pq.read_table(found).combine_chunks()


def test_markdown_is_that_of_the_pages_without_what_was_cut(folder: Path) -> None:
    """Code, tables, formulas, lists and emphasis are where they were; the copied paragraph and junk lines are gone."""
    texts = dict(zip(*(kept(folder, "export")[name].to_pylist() for name in ("url", "text")), strict=True))
    expected = {f"http://example.org/{number}": MARKDOWN.format(n=number + 2) for number in range(4)}
    assert texts == expected


def test_cuts_can_be_undone_with_their_marks(folder: Path) -> None:
    """From the output of each stage that cuts, the texts and marks before it are restored."""
    for stage, cuts, before in (("substring", "repeats", "urls"), ("lines", "removed", "extract")):
        after, given = kept(folder, stage), kept(folder, before)
        spans = after[stage].combine_chunks().field(cuts)
        texts, marks = (after[name].combine_chunks() for name in ("text", "structure"))
        assert undo(texts, spans).to_pylist() == given["text"].to_pylist()
        restored = undo_marks(marks, spans, after[f"{stage}_marks"].combine_chunks())
        assert restored.to_pylist() == given["structure"].to_pylist()


def test_why_and_sample_print_the_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Below the plain text, as Markdown."""
    for command in (("why", "http://example.org/1"), ("sample", "--stage", "extract", "-n", "9")):
        assert execute([command[0], "--root", str(folder / "root"), *command[1:], "-v"]) == 0
        printed = capsys.readouterr().out
        assert "with its structure:" in printed
        assert "│ | 1903 | 300 |" in printed
