"""Genuine awkward archives: what each holds, looked at one by one, and that no other reader finds more in it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from refinery.stages._warc.blocks import Blocks
from refinery.stages._warc.records import NO_ARCHIVE, UNREADABLE, records
from refinery.stages.warc import Warc
from refinery.store import LocalStore
from tests.stages.test_warc import read, read_one_equals

STORE = LocalStore()
TABLE = Path(__file__).with_name("odd.tsv")
"""A line a file: the outcomes of its rows, and its records that are no documents, by type."""


def counts(text: str) -> Counter[str]:
    """``ok=2, status=1`` as counts."""
    pairs = (pair.split("=") for pair in text.split(", ") if pair)
    return Counter({name: int(number) for name, number in pairs})


with TABLE.open(encoding="utf-8") as lines:
    EXPECTED = {line["file"]: line for line in csv.DictReader(lines, delimiter="\t")}


def test_the_table_has_all_files(corpus: Path) -> None:
    there = {path.name for path in (corpus / "odd").iterdir()} - {"MANIFEST.tsv"}
    assert there == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_every_record_of_an_odd_archive_has_the_outcome_that_it_should(corpus: Path, name: str) -> None:
    found, skipped = read(corpus / "odd" / name)
    assert Counter(row["outcome"] for row in found) == counts(EXPECTED[name]["outcomes"])
    assert skipped == counts(EXPECTED[name]["counted"])
    assert all(
        row["note"]
        for row in found
        if row["outcome"] in ("unreadable", "truncated", "cut_off", "damaged", "not_an_archive")
    )
    read_one_equals(corpus / "odd" / name, found[:20])


def by_warcio(path: Path) -> Counter[str]:
    """The records that warcio reads to their end before it gives up, by type."""
    found: Counter[str] = Counter()
    with path.open("rb") as stream:
        try:
            for record in ArchiveIterator(stream, no_record_parse=True):
                record.raw_stream.read()
                kind = (record.rec_type or "").lower()
                found["filedesc" if kind == "arc_header" else kind] += 1
        except Exception:  # noqa: BLE001  it raises all kinds of errors on such files; what it read until then counts
            return found
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_no_odd_archive_hides_a_record_that_warcio_reads(corpus: Path, name: str) -> None:
    """Where a header has no type or no end, the stretch that is reported stands for what warcio calls a record."""
    path = corpus / "odd" / name
    theirs = by_warcio(path)
    with path.open("rb") as stream:
        found = list(records(Blocks(stream, name), "response", 0))
    ours = Counter(one.kind for one in found)
    reported = sum(one.flaw in (UNREADABLE, NO_ARCHIVE) for one in found)
    assert sum((theirs - ours).values()) <= reported
    assert ours["response"] >= theirs["response"]
    assert len(found) >= theirs.total()
    rows = sum(len(batch.columns["id"]) + sum(batch.skipped.values()) for batch in Warc().read(str(path), STORE))
    assert rows == len(found)
