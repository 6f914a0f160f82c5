"""Finding every row of documents, and the lists of documents that `find` and `takedown` read."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from refinery.errors import UsageError
from refinery.inspect.find import find
from refinery.root.document_list import DocumentList, UrlPattern
from tests.engine.roots import RootContents


@pytest.mark.parametrize(
    ("entry", "yes", "no"),
    [
        (
            "example.org",
            [
                "http://example.org",
                "https://a.example.org:8080/x",
                "http://u@EXAMPLE.org?q",
                "http://ex%61mple.org./",
                "www.example.org/x",
            ],
            ["http://x.org/example.org", "http://anexample.org/"],
        ),
        ("domain:localhost", ["http://localhost/x"], ["http://localhost.x/"]),
        (
            "bücher.example",
            ["http://xn--bcher-kva.example/", "http://www.BÜCHER.example/a"],
            ["http://bucher.example/"],
        ),
        (
            "https://Example.org/a",
            ["http://example.org/a", "https://EXAMPLE.org/a#b"],
            ["http://example.org/a/", "http://example.org/A", "ftp://example.org/a"],
        ),
        ("http://example.org", ["https://example.org/"], ["https://example.org/a"]),
        (
            "example.org/a*",
            ["http://example.org/a", "http://example.org/a/b?c"],
            ["http://example.org/b", "http://x.example.org/a"],
        ),
        ("*.example.org/*/b", ["http://x.example.org/a/b"], ["http://example.org/a/b", "http://x.example.org/a/b/"]),
        ("*://example.*", ["http://example.org/", "https://example.com/x"], ["http://an-example.org/"]),
    ],
)
def test_entries_match_urls(entry: str, yes: list[str], no: list[str]) -> None:
    """Domains with their subdomains, URLs whatever their scheme and the case of their host, patterns as a whole."""
    listed = DocumentList.parse(["# a comment", "", f"  {entry}\n"])
    urls = pa.record_batch([pa.array([*yes, *no, None])], names=["url"])
    assert listed.matches(urls) == [entry] * len(yes) + [None] * (len(no) + 1)


@given(st.text("ab*", min_size=1, max_size=8).filter(lambda text: "*" in text), st.text("ab\n", max_size=12))
def test_a_pattern_matches_as_a_whole(pattern: str, text: str) -> None:
    """As a regular expression does in which * is any characters."""
    naive = re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)
    assert UrlPattern(tuple(pattern.split("*"))).matches(text) == bool(naive.fullmatch(text))


def test_a_pattern_of_many_stars_takes_linear_time() -> None:
    """On a long URL that nearly matches, a regular expression with backtracking does not end."""
    assert not UrlPattern(tuple(("*a" * 50 + "*b").split("*"))).matches("a" * 1_000_000)


def test_ids_match_in_every_form() -> None:
    """Sixteen bytes or hexadecimal digits, whatever the form in the list; identifiers of others are no ids."""
    listed = DocumentList.parse(["00112233-4455-6677-8899-AABBCCDDEEFF", "id:" + "1" * 32])
    digits = ["00112233445566778899aabbccddeeff", "2" * 32]
    known = pa.record_batch([pa.array([bytes.fromhex(one) for one in digits], pa.binary(16))], names=["id"])
    assert listed.mask(known).to_pylist() == [True, False]
    assert listed.mask(pa.record_batch([pa.array(digits)], names=["id"])).to_pylist() == [True, False]
    assert listed.mask(pa.record_batch([pa.array(["<urn:uuid:1>"])], names=["id"])).to_pylist() == [False]


@pytest.mark.parametrize("line", ["*", "http://*", "word", "id:12", "two words.org", "domain:a/b", "://"])
def test_a_line_that_is_no_entry_is_refused(line: str) -> None:
    """With its number, so that no list takes more or less than it says."""
    with pytest.raises(UsageError, match="line 2: "):
        DocumentList.parse(["example.org", line])


def test_found_rows_are_where_find_says(root: Path) -> None:
    """Every row of a document, kept or removed, by its number in its file; a snippet leads to the rows without it."""
    found = find(str(root), text="tail off end")
    assert [(row.stage, row.side) for row in found.rows][:4] == [
        ("lines-of-text", "kept"), ("words", "kept"), ("snip", "kept"), ("same", "kept"),
    ]  # fmt: skip
    assert found.not_searched == ()
    for row in found.rows:
        stored = pq.read_table(root / row.file).to_pylist()[row.row]
        assert (stored["id"].hex(), stored["url"]) == (row.id, row.url)
    every = [row for folder in RootContents(root).manifests for row in RootContents(root).rows(folder)]
    assert sum(row["id"].hex() == found.documents[0] for row in every) == len(found.rows)
    assert find(str(root), found.documents) == found


def test_removed_rows_have_their_reason(root: Path) -> None:
    """As the stage has recorded it."""
    assert [(row.stage, row.rule) for row in find(str(root), text="12 34 56").rows] == [
        ("lines-of-text", ""),
        ("words", "digits"),
    ]


def test_nothing_to_look_for_is_refused(root: Path) -> None:
    """And what is not there is not found."""
    with pytest.raises(UsageError, match="nothing to look for"):
        find(str(root))
    assert find(str(root), ["example.org"]).rows == ()
