"""One document of each URL: what counts as one URL, which document stays, and that nothing else decides."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import refinery
import stages.urls
from refinery.config import Pipeline
from refinery.docs import DATE, ID, URL, Docs
from refinery.stage import Edit, Edited
from refinery.survey import Selection
from refinery.testing import documents, run_global
from stages.urls import Keep, Urls, canonical
from tests.engine.roots import Held, pipeline, quick, steps, write_inputs
from tests.engine.toy import LineSource

Facts = dict[str, Any]


class Page(NamedTuple):
    """A crawled page; ``spelling`` is what may differ between URLs that are one: case, fragment."""

    scheme: str
    user: str
    host: str
    rest: str
    spelling: tuple[bool, bool, str | None]
    date: int | None
    text: str | None

    @property
    def url(self) -> str:
        big_scheme, big_host, fragment = self.spelling
        scheme = self.scheme.upper() if big_scheme else self.scheme
        host = self.host.upper() if big_host else self.host
        return f"{scheme}://{self.user}{host}{self.rest}" + ("" if fragment is None else f"#{fragment}")


pages = st.builds(
    Page,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "", "Me:pw@", "me:pw@"]),
    st.sampled_from(["a.org", "b.org:80"]),
    st.sampled_from(["", "/", "/p", "/P", "/p?q=1", "/p?Q=1", "?x@y/Z", "/é\n"]),
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, "", "f", "A#b"])),
    st.none() | st.integers(-3, 3),
    st.none() | st.text("ab", max_size=3),
)


def crawled(crawl: Sequence[Page]) -> Docs:
    docs = documents([page.text for page in crawl])
    dates = pa.array([page.date for page in crawl], DATE.type)
    return docs.with_columns({"url": pa.array([page.url for page in crawl], pa.string()), "date": dates})


def with_urls(urls: Sequence[str | None]) -> Docs:
    return documents([""] * len(urls)).with_columns({"url": pa.array(urls, pa.string())})


def rows_of(stage: Urls, parts: Sequence[Sequence[Docs]]) -> list[tuple[bytes, Facts]]:
    """Id and facts of each document, in order."""
    found = []
    for batches, edits in zip(parts, run_global(stage, parts), strict=True):
        for docs, edited in zip(batches, edits, strict=True):
            assert edited.columns == {}
            assert pa.struct([(name, values.type) for name, values in edited.facts.items()]) == stage.facts()
            facts = pa.RecordBatch.from_arrays(list(edited.facts.values()), names=list(edited.facts)).to_pylist()
            found += list(zip(docs.column("id").to_pylist(), facts, strict=True))
    return found


def by_id(stage: Urls, parts: Sequence[Sequence[Docs]]) -> dict[bytes, Facts]:
    return dict(rows_of(stage, parts))


def spread(docs: Docs, draw: random.Random) -> list[list[Docs]]:
    """The documents in another order, in other parts and batches."""
    order = draw.sample(range(len(docs)), len(docs))
    shuffled = Docs(docs.batch.take(pa.array(order, pa.int64())))
    parts: list[list[Docs]] = [[shuffled.slice(0, 0)]]
    while len(shuffled):
        size = draw.randint(1, len(shuffled))
        batch, shuffled = shuffled.slice(0, size), shuffled.slice(size)
        if draw.random() < 0.5:
            parts[-1].append(batch)
        else:
            parts.append([batch])
    return parts


# ----------------------------------------------------------------------------------------------------- what is one URL


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTPS://Example.ORG/Path?Query=A", "https://example.org/Path?Query=A"),
        ("http://example.org/#part", "http://example.org/"),
        ("http://example.org/?a#b#c", "http://example.org/?a"),
        ("http://User:Secret@Example.org:80/", "http://User:Secret@example.org:80/"),
        ("http://Example.org?Me@Home", "http://example.org?Me@Home"),
        ("//Example.org/A", "//example.org/A"),
        ("URN:ISBN:X#f", "urn:ISBN:X"),
        ("Relative/Path", "Relative/Path"),
        ("http:", "http:"),
        ("http://a/b\nC\tD", "http://a/b\nC\tD"),
        ("http://É.Org/É", "http://É.org/É"),
        ("#f", ""),
        ("", ""),
        (None, None),
    ],
)
def test_canonical(url: str | None, expected: str | None) -> None:
    """Scheme and host lose their case, the fragment goes, and all else is as it was."""
    assert canonical(pa.array([url], pa.string())).to_pylist() == [expected]


def test_query_strings_and_paths_count() -> None:
    """Pages that differ in a query string, a path, a slash, a scheme or a port are of different URLs."""
    urls = [
        "http://a/",
        "http://a",
        "http://a/?",
        "http://a/?b",
        "http://a/?B",
        "https://a/",
        "http://a:80/",
        "http://a/x",
    ]
    assert {f["role"] for f in by_id(Urls(), [[with_urls(urls)]]).values()} == {"unique"}


def test_documents_without_a_url_are_kept() -> None:
    """Null and empty URLs, and those that are only a fragment, are of no URL."""
    facts = by_id(Urls(), [[with_urls([None, "", "#a", None, "", "#a"])]])
    assert list(facts.values()) == [{"role": "unique", "size": 1, "survivor": None}] * 6


def test_equal_keys_are_not_equal_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs whose 64-bit keys collide are told apart by the other half of their hash; none is removed for the other."""

    def colliding(texts: pa.StringArray) -> pa.Array:
        return pa.array([ord(text[7]) if text.endswith("#") else 5 for text in texts.to_pylist()], pa.uint64())

    monkeypatch.setattr(stages.urls, "string_hashes", colliding)
    monkeypatch.setattr(stages.urls, "_pointers", lambda docs: pa.array([0] * len(docs), pa.uint64()))
    facts = by_id(Urls(), [[with_urls(["http://b/", "http://a/", "http://c/", "http://a/"])]])
    assert [f["role"] for f in facts.values()] == ["unique", "duplicate", "unique", "survivor"]


# ------------------------------------------------------------------------------------------------------- which one stays


def preferred(keep: Keep, page: Page, number: int) -> tuple[int, ...]:
    """A sort key of which the smallest stays, naively: then the smallest id."""
    if keep == "longest":
        return (-len(page.text or ""), number)
    if page.date is None:
        return (1, 0, number)
    return (0, page.date if keep == "first" else -page.date, number)


@given(st.lists(pages, max_size=20), st.sampled_from(["newest", "first", "longest"]), st.randoms())
@settings(max_examples=150)
def test_any_spread_keeps_what_a_naive_grouping_keeps(crawl: list[Page], keep: Keep, draw: random.Random) -> None:
    """Whatever the order, parts and batches, each URL keeps the document that the policy names, and names it."""
    stage = Urls(keep=keep)
    found = by_id(stage, spread(crawled(crawl), draw))
    groups: dict[tuple[str, ...], list[int]] = {}
    for number, page in enumerate(crawl):
        groups.setdefault(page[:4], []).append(number)
    for members in groups.values():
        best = min(members, key=lambda number: preferred(keep, crawl[number], number))
        for number in members:
            role = "unique" if len(members) == 1 else "survivor" if number == best else "duplicate"
            survivor = None if len(members) == 1 else best.to_bytes(16, "big")
            assert found[number.to_bytes(16, "big")] == {"role": role, "size": len(members), "survivor": survivor}
    assert len(found) == len(crawl)


@pytest.mark.parametrize("keep", ["newest", "first", "longest"])
def test_one_record_read_twice(keep: Keep) -> None:
    """Of two documents with one id and date one stays; if their records differ, the same one in any order."""
    columns = {"id": pa.array([bytes(16)] * 2, ID.type), "date": pa.array([7, 7], DATE.type)}
    twice = with_urls(["http://a/"] * 2).with_columns(columns, [ID])
    kept = set()
    for parts in ([[twice]], [[twice.slice(1), twice.slice(0, 1)]], [[twice.slice(1)], [twice.slice(0, 1)]]):
        roles = [facts["role"] for _, facts in rows_of(Urls(keep=keep), parts)]
        assert sorted(roles) == ["duplicate", "survivor"]
        offsets = [offset for part in parts for batch in part for offset in batch.column("offset").to_pylist()]
        kept.add(offsets[roles.index("survivor")])
    assert len(kept) == 1


def test_many_copies_in_many_parts() -> None:
    """Thousands of documents of few URLs, in many parts and batches: one of each stays, with the number of all."""
    draw = np.random.default_rng(1)
    numbers = draw.integers(0, 7, 3000)
    docs = documents([""] * len(numbers)).with_columns({"url": pa.array([f"http://a/{n}" for n in numbers])})
    facts = by_id(Urls(), [[docs.slice(start, 100), docs.slice(start + 100, 50)] for start in range(0, 3000, 150)])
    assert [f["role"] for f in facts.values()].count("survivor") == 7
    assert sum(f["size"] for f in facts.values() if f["role"] == "survivor") == 3000
    for number in range(7):
        newest = max(np.flatnonzero(numbers == number)).item()
        assert facts[newest.to_bytes(16, "big")]["role"] == "survivor"


def test_rule_removes_the_duplicates() -> None:
    """What the rule calls a violation are the duplicates, no others."""
    (rule,) = Urls().rules()
    assert rule.violated(pa.array(["unique", "survivor", "duplicate"])).to_pylist() == [False, False, True]


def test_no_other_policy() -> None:
    """A policy that does not exist is refused."""
    with pytest.raises(ValidationError, match="newest"):
        Urls(keep="random")


def test_no_documents() -> None:
    """A part without documents has an empty verdict."""
    assert by_id(Urls(), [[documents([])], [documents(["a"])]]) == {
        bytes(16): {"role": "unique", "size": 1, "survivor": None}
    }


# ------------------------------------------------------------------------------------------------------- in a real run


class Addressed(Edit):
    """The URL of each document is its text."""

    name: ClassVar = "addressed"
    version: ClassVar = 1
    adds: ClassVar = (URL,)

    def edit(self, docs: Docs) -> Edited:
        return Edited({"url": docs.column("text")})


def crawl_of(folder: Path, root: str, **settings: Any) -> Pipeline:
    return pipeline(folder, steps(LineSource(), Addressed(), Urls()), root=root, **settings)


def test_no_way_of_running_changes_the_result(tmp_path: Path) -> None:
    """Batches, workers, a run in two halves, and phases that are lost and made again: the same contents everywhere."""
    draw = random.Random(3)
    write_inputs(
        tmp_path / "in", [[f"http://a.org/{draw.randrange(40)}" for _ in range(size)] for size in (50, 0, 9, 70)]
    )
    quick(crawl_of(tmp_path, "one"))
    one = Held(tmp_path / "one")
    assert len(one.rows("02-urls")) == len(set(one.texts("00-lines-of-text")))
    ids = {row["id"] for row in one.rows("02-urls")}
    assert {row["urls"]["survivor"] for row in one.rows("02-urls", "removed")} <= ids
    quick(crawl_of(tmp_path, "small", batch=7))
    refinery.run(crawl_of(tmp_path, "many", workers=2, batch=13))
    quick(crawl_of(tmp_path, "halves"), Selection(until="addressed"))
    quick(crawl_of(tmp_path, "halves", batch=5))
    quick(crawl_of(tmp_path, "lost"))
    for receipt in sorted((tmp_path / "lost" / "02-urls" / "receipts").glob("*.json"))[::2]:
        receipt.unlink()
    quick(crawl_of(tmp_path, "lost", batch=3))
    for other in ("small", "many", "halves", "lost"):
        assert (Held(tmp_path / other).contents(), Held(tmp_path / other).shuffle_contents()) == (
            one.contents(),
            one.shuffle_contents(),
        )
