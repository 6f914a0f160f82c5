"""The source stage ``wet``: extracted text, each record with one outcome, and a recipe that begins with it."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import refinery
from refinery.errors import UsageError
from refinery.recipe import parse
from refinery.stage.documents import POINTER, TEXT
from refinery.stages._warc.texts import OUTCOMES
from refinery.stages.wet import Wet
from refinery.store import LocalStore
from tests.stages.test_warc import digests
from tests.stages.warc.archives import LAYOUTS, raw, record

STORE = LocalStore()
TEXTS = ["One line.\nAnother one.", "Grüße, мир, 漢字.", "the third " * 50]


def conversion(number: int, text: bytes, *fields: str) -> bytes:
    """A record as Common Crawl's WET files have them."""
    given = [name.partition(":")[0] for name in fields]
    needed = {
        "WARC-Type": "conversion",
        "WARC-Target-URI": f"http://example.org/{number}",
        "WARC-Date": "2024-03-01T12:00:00Z",
        "WARC-Record-ID": f"<urn:uuid:00000000-0000-0000-0000-{number:012}>",
        "Content-Type": "text/plain",
        "Content-Length": str(len(text)),
    }
    return raw(*fields, *(f"{name}: {value}" for name, value in needed.items() if name not in given), body=text)


INFO = raw("WARC-Type: warcinfo", "WARC-Filename: a.warc.wet.gz", "Content-Length: 4", body=b"a: b")
MADE = [INFO, *(conversion(number, text.encode()) for number, text in enumerate(TEXTS))]


def read(path: Path, data: bytes, stage: Wet | None = None) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The rows of a file, columns and metrics in one, and what was skipped."""
    path.write_bytes(data)
    found, skipped = [], Counter[str]()
    for batch in (stage or Wet()).read(str(path), STORE):
        found += pa.table({**batch.columns, **batch.metrics}).to_pylist()
        skipped.update(batch.skipped)
    return found, skipped


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_the_texts_of_an_archive_are_read_however_they_are_packed(
    tmp_path: Path, layout: Callable[[Sequence[bytes]], bytes]
) -> None:
    path = tmp_path / "a.warc.wet.gz"
    found, skipped = read(path, layout(MADE))
    assert [row["text"] for row in found] == TEXTS
    assert [row["url"] for row in found] == [f"http://example.org/{number}" for number in range(3)]
    assert [row["record_id"] for row in found] == [None, (1).to_bytes(16), (2).to_bytes(16)]  # no UUID is all zeros
    assert len({row["id"] for row in found}) == 3
    assert {row["outcome"] for row in found} == {"ok"}
    assert skipped == {"warcinfo": 1}
    for row in found:
        batch = Wet().read_one(str(path), row["offset"], row["length"], STORE)
        assert pa.table({**batch.columns, **batch.metrics}).to_pylist() == [row]


FATE_OF = {
    "text": (conversion(1, b"text"), "ok"),
    "text without a type": (conversion(1, b"text").replace(b"Content-Type: text/plain\r\n", b""), "ok"),
    "text with a few broken bytes": (conversion(1, "Grüße an alle, und überall. ".encode() * 5 + b"\xfc"), "ok"),
    "another conversion": (conversion(1, b"{}", "Content-Type: application/json"), "media_type"),
    "a large text": (conversion(1, b"text " * 30_000), "too_large"),
    "no text": (conversion(1, bytes(range(128, 256)) * 9), "encoding"),
    "blank": (conversion(1, b" \r\n\0"), "empty"),
    "empty": (conversion(1, b""), "empty"),
    "cut off": (conversion(1, b"some text that is cut off")[:-12], "cut_off"),
    "its end missing": (gzip.compress(conversion(1, b"some text that is cut off")[:-12]), "truncated"),
    "no address": (conversion(1, b"text", "WARC-Target-URI: "), "no_url"),
    "a part": (conversion(1, b"text", "WARC-Segment-Number: 1"), "segmented"),
    "another text than its digest's": (
        conversion(1, b"text", f"WARC-Block-Digest: {digests('sha1', b'')[0]}"),
        "digest",
    ),
    "no type": (raw("Content-Length: 0"), "unreadable"),
    "a checksum that fails": (gzip.compress(conversion(1, b"text"))[:-6] + b"\0\0\4\0\0\0", "damaged"),
    "no archive": (b"PK\x03\x04", "not_an_archive"),
}


@pytest.mark.parametrize("case", FATE_OF)
def test_a_record_has_one_outcome_and_only_documents_have_text(tmp_path: Path, case: str) -> None:
    data, outcome = FATE_OF[case]
    found, skipped = read(tmp_path / "a.wet", data, Wet(max_text=65_536, check_digests=True))
    assert [row["outcome"] for row in found] == [outcome]
    assert not skipped
    assert (found[0]["text"] is not None) == (found[0]["digest"] is not None) == (outcome == "ok")


def test_every_outcome_but_ok_has_a_rule_that_removes_just_its_records() -> None:
    outcomes = pa.array(["ok", *(outcome for outcome, _ in OUTCOMES)])
    removed = [rule.violated(outcomes).to_pylist().index(True) for rule in Wet().rules()]
    assert removed == list(range(1, len(OUTCOMES) + 1))
    assert {outcome for _, outcome in FATE_OF.values()} == set(outcomes.to_pylist())


def test_pages_are_counted_and_no_documents(tmp_path: Path) -> None:
    assert read(tmp_path / "a.warc", record(1) + record(2, kind="metadata")) == ([], {"response": 1, "metadata": 1})


def test_columns_and_facts_have_their_declared_types(tmp_path: Path) -> None:
    (tmp_path / "a.wet").write_bytes(b"".join(MADE))
    (batch,) = Wet().read(str(tmp_path / "a.wet"), STORE)
    assert {name: column.type for name, column in batch.columns.items()} == {f.name: f.type for f in (*POINTER, TEXT)}
    assert {name: column.type for name, column in batch.metrics.items()} == {f.name: f.type for f in Wet.metrics_type()}


RECIPE = """
dataset: texts
inputs: "{folder}/*.wet.gz"
root: "{folder}/root"
pipeline:
  - wet: {{}}
  - quality: {{min_words: 3}}
  - export: {{}}
executor: {{workers: 1}}
"""


def test_a_recipe_may_begin_with_text(tmp_path: Path) -> None:
    (tmp_path / "a.warc.wet.gz").write_bytes(b"".join(gzip.compress(one) for one in MADE))
    report = refinery.run(parse(RECIPE.format(folder=tmp_path), "recipe"))
    assert report.complete
    books = refinery.read_counts(str(tmp_path / "root"))
    assert books.reconciled
    counts = books.stages[0].counts.documents
    assert (counts["in"], counts["kept"]) == (4, 3)
    assert refinery.verify(str(tmp_path / "root"), 1.0).ok


def test_text_needs_no_extraction() -> None:
    with pytest.raises(UsageError, match="html"):
        parse(RECIPE.replace("  - quality", "  - extract: {{}}\n  - quality").format(folder="x"), "recipe")
