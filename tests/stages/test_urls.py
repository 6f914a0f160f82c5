"""One document of each URL: what counts as one URL, which document stays, and that nothing else decides."""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings, strategies as st
from pydantic import ValidationError

import refinery
import refinery.stages.urls
from refinery.errors import UsageError
from refinery.identity import digest
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.planner.planner import Planner
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.root.reference import reference_parts
from refinery.root.root import Root
from refinery.stage.base import Edit, Edited, Filter, Values
from refinery.stage.documents import DATE, ID, TEXT, URL, Docs
from refinery.stage.rules import Metric, Rule
from refinery.stages.urls import Keep, Urls, canonical
from refinery.store import LocalStore
from refinery.task.perform import perform
from refinery.testing import documents
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Dated, Gather, LineSource, Same
from tests.stages.globally import Metrics, by_id, rows_of, spread

UNIQUE: Metrics = {"role": "unique", "size": 1, "survivor": None, "supersedes": None}


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
    metrics = by_id(Urls(), [[with_urls([None, "", "#a", None, "", "#a"])]])
    assert list(metrics.values()) == [UNIQUE] * 6


def test_equal_keys_are_not_equal_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs whose 64-bit keys collide are distinguished by the other half of their hash; none is removed for the other."""

    def colliding(texts: pa.StringArray) -> pa.Array:
        return pa.array([ord(text[7]) if text.endswith("#") else 5 for text in texts.to_pylist()], pa.uint64())

    monkeypatch.setattr(refinery.stages.urls, "string_hashes", colliding)
    monkeypatch.setattr(refinery.stages.urls, "_pointers", lambda docs: pa.array([0] * len(docs), pa.uint64()))
    metrics = by_id(Urls(), [[with_urls(["http://b/", "http://a/", "http://c/", "http://a/"])]])
    assert [f["role"] for f in metrics.values()] == ["unique", "duplicate", "unique", "survivor"]


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
            assert found[number.to_bytes(16, "big")] == {
                "role": role,
                "size": len(members),
                "survivor": survivor,
                "supersedes": None,
            }
    assert len(found) == len(crawl)


@pytest.mark.parametrize("keep", ["newest", "first", "longest"])
def test_one_record_read_twice(keep: Keep) -> None:
    """Of two documents with one id and date one stays; if their records differ, the same one in any order."""
    columns = {"id": pa.array([bytes(16)] * 2, ID.type), "date": pa.array([7, 7], DATE.type)}
    twice = with_urls(["http://a/"] * 2).with_columns(columns, [ID])
    kept = set()
    for parts in ([[twice]], [[twice.slice(1), twice.slice(0, 1)]], [[twice.slice(1)], [twice.slice(0, 1)]]):
        roles = [metrics["role"] for _, metrics in rows_of(Urls(keep=keep), parts)]
        assert sorted(roles) == ["duplicate", "survivor"]
        offsets = [offset for part in parts for batch in part for offset in batch.column("offset").to_pylist()]
        kept.add(offsets[roles.index("survivor")])
    assert len(kept) == 1


def test_many_copies_in_many_parts() -> None:
    """Thousands of documents of few URLs, in many parts and batches: one of each stays, with the number of all."""
    draw = np.random.default_rng(1)
    numbers = draw.integers(0, 7, 3000)
    docs = documents([""] * len(numbers)).with_columns({"url": pa.array([f"http://a/{n}" for n in numbers])})
    metrics = by_id(Urls(), [[docs.slice(start, 100), docs.slice(start + 100, 50)] for start in range(0, 3000, 150)])
    assert [f["role"] for f in metrics.values()].count("survivor") == 7
    assert sum(f["size"] for f in metrics.values() if f["role"] == "survivor") == 3000
    for number in range(7):
        newest = max(np.flatnonzero(numbers == number)).item()
        assert metrics[newest.to_bytes(16, "big")]["role"] == "survivor"


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
    assert by_id(Urls(), [[documents([])], [documents(["a"])]]) == {bytes(16): UNIQUE}


# ------------------------------------------------------------------------------------------------------- in a real run


class Addressed(Edit):
    """The first word is the URL, the others are the text."""

    name: ClassVar = "addressed"
    version: ClassVar = 1
    adds: ClassVar = (URL, TEXT)

    def edit(self, docs: Docs) -> Edited:
        words = [text.partition(" ") for text in docs.texts()]
        return Edited({"url": [url for url, _, _ in words], "text": [text for _, _, text in words]})


class Short(Filter):
    """Texts must have something in them."""

    name: ClassVar = "short"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("letters", pa.int64(), "count"),)

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("short", "letters", at_least=1),)

    def measure(self, docs: Docs) -> Values:
        return {"letters": [len(text) for text in docs.texts()]}


def crawl_of(folder: Path, root: str, parts: int = 1, **settings: Any) -> Pipeline:
    """Lines of text are documents of a URL; of equal texts one stays, and short texts go in the end."""
    chosen = steps(LineSource(), Addressed(), Urls(parts=parts), Same(), Short(), Gather())
    return pipeline(folder, chosen, root=root, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [1, 3])
def test_no_way_of_running_changes_the_result(tmp_path: Path, parts: int) -> None:
    """Batches, workers, a run in two halves, and phases that are lost and made again: the same contents everywhere."""
    draw = random.Random(3)
    lines = [f"http://a.org/{draw.randrange(40)} some text {draw.randrange(60)}" for _ in range(130)]
    write_inputs(tmp_path / "in", [lines[:50], [], lines[50:59], lines[59:]])
    quick(crawl_of(tmp_path, "one", parts))
    one = RootContents(tmp_path / "one")
    assert len({row["url"] for row in one.rows("05-gather")}) == len(one.rows("05-gather")) > 10
    assert {row["urls"]["survivor"] for row in one.rows("02-urls", "removed")} <= {
        row["id"] for row in one.rows("02-urls")
    }
    quick(crawl_of(tmp_path, "small", parts, batch=7))
    refinery.run(crawl_of(tmp_path, "many", parts, workers=2, batch=13))
    quick(crawl_of(tmp_path, "halves", parts), Selection(until="addressed"))
    quick(crawl_of(tmp_path, "halves", parts, batch=5))
    quick(crawl_of(tmp_path, "lost", parts))
    for receipt in sorted((tmp_path / "lost").glob("0[2-5]*/receipts/*.json"))[::3]:
        receipt.unlink()
    quick(crawl_of(tmp_path, "lost", parts, batch=3))
    for other in ("small", "many", "halves", "lost"):
        held = RootContents(tmp_path / other)
        assert (held.contents(), held.shuffle_contents()) == (one.contents(), one.shuffle_contents())
        assert verify(str(held.path), rerun=1.0).findings == ()


# --------------------------------------------------------------------------------------------------------- partitions

Line = tuple[int, int]


def one_partition_after_another(folder: Path, files: Sequence[Sequence[Line]], parts: int) -> set[bytes]:
    """The ids of what is kept, as RefinedWeb tells it: §3.3, with a list of the URLs that were kept."""
    groups: dict[int, list[tuple[bytes, Line]]] = {}
    for number, lines in enumerate(files):
        partition = int(digest(str(folder / "in" / f"{number}.txt")), 16) % parts
        rows = [(hashlib.md5(f"{number}.txt:{at}".encode()).digest(), line) for at, line in enumerate(lines)]
        groups.setdefault(partition, []).extend(rows)
    listed: set[int] = set()
    kept: set[bytes] = set()
    for partition in sorted(groups):
        of_url: dict[int, tuple[bytes, Line]] = {}
        for name, line in sorted(groups[partition]):
            if line[0] not in listed:
                of_url.setdefault(line[0], (name, line))
        of_text: dict[int, tuple[bytes, Line]] = {}
        for name, line in sorted(of_url.values()):
            of_text.setdefault(line[1], (name, line))
        left = [(name, line) for name, line in of_text.values() if line[1]]
        listed |= {line[0] for _, line in left}
        kept |= {name for name, _ in left}
    return kept


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=6), min_size=1, max_size=5),
    st.sampled_from([2, 3, 100]),
)
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_partitions_are_deduplicated_in_sequence(files: list[list[Line]], parts: int) -> None:
    """What is kept is what a list of kept URLs gives that grows from one partition to the next."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_inputs(
            folder / "in", [[f"http://a/{url} " + "long text " * text for url, text in lines] for lines in files]
        )
        quick(crawl_of(folder, "root", parts))
        held = RootContents(folder / "root")
        assert {row["id"] for row in held.rows("05-gather")} == one_partition_after_another(folder, files, parts)
        assert verify(str(held.path)).findings == ()


def test_a_partition_is_named_once_and_carried_to_its_end(tmp_path: Path) -> None:
    """No second stage may divide, none may gather in between, and a run cannot end between two partitions."""
    write_inputs(tmp_path / "in", [["http://a/1 some text"]])
    between = steps(LineSource(), Addressed(), Urls(parts=2), Gather(), Same())
    with pytest.raises(UsageError, match="'gather' cannot divide or gather the parts: 'urls' has divided them"):
        quick(pipeline(tmp_path, between))
    twice = tuple(replace(step, name=f"{step.name}{i}") for i, step in enumerate(steps(Urls(parts=2), Urls(parts=3))))
    with pytest.raises(UsageError, match="cannot divide"):
        quick(pipeline(tmp_path, (*steps(LineSource(), Addressed()), *twice)))
    for until in ("urls", "same"):
        with pytest.raises(UsageError, match="one partition after another goes from urls to short"):
            quick(crawl_of(tmp_path, "root", 2), Selection(until=until))
    quick(crawl_of(tmp_path, "root", 2), Selection(until="short"))
    assert plan(crawl_of(tmp_path, "root", 2)).stages[-1].todo == 1


def test_a_plan_counts_the_parts_of_partitions_to_come(tmp_path: Path) -> None:
    """Before, between and after: every stage has all parts to expect, and a run that failed midway says what is left."""
    write_inputs(tmp_path / "in", [[f"http://a/{i} some text {i}"] for i in range(5)])
    expected = [("lines-of-text", 5), ("addressed", 5), ("urls", 5), ("same", 5), ("short", 5)]
    assert [(stage.name, stage.todo) for stage in plan(crawl_of(tmp_path, "root", 3)).stages[:5]] == expected
    quick(crawl_of(tmp_path, "root", 3), Selection(until="addressed"))
    assert [(stage.name, stage.parts) for stage in plan(crawl_of(tmp_path, "root", 3)).stages[:5]] == expected
    planner = Planner.of(crawl_of(tmp_path, "root", 3), Root(str(tmp_path / "root"), LocalStore()))
    seen = set()
    while (following := planner.plan()).phase is not None:
        assert [state.expected for state in following.stages[:5]] == [5] * 5
        for task in following.phase.tasks:
            planner.commit(perform(task, lambda step, first, count: None))
        seen.add(sum(len(state.receipts) for state in following.stages[2:5]))
    assert len(seen) > 3  # the partitions were done one after another


def test_partitions_that_are_done_are_done(tmp_path: Path) -> None:
    """A second run does nothing; a new file is deduplicated in its partition, and earlier partitions stay as they are."""
    lines = [[f"http://a/{i % 7} some text {i % 11}" for i in range(start, start + 9)] for start in range(0, 45, 9)]
    write_inputs(tmp_path / "in", lines)
    quick(crawl_of(tmp_path, "root", 3))
    assert quick(crawl_of(tmp_path, "root", 3)).tasks == 0
    before = {receipt.key for receipt in RootContents(tmp_path / "root").receipts("04-short")}
    write_inputs(tmp_path / "in2", [])
    (tmp_path / "in" / "5.txt").write_text("http://a/2 some other text\n")
    quick(crawl_of(tmp_path, "root", 3))
    quick(crawl_of(tmp_path, "fresh", 3))
    assert RootContents(tmp_path / "root").contents() == RootContents(tmp_path / "fresh").contents()
    assert before & {receipt.key for receipt in RootContents(tmp_path / "root").receipts("04-short")}


# -------------------------------------------------------------------------------------------------------- earlier roots


def dated(folder: Path, root: str, inputs: str, **urls: Any) -> Pipeline:
    """Lines are of a URL and a date."""
    chosen = steps(LineSource(), Addressed(), Dated(), Urls(**urls))
    return pipeline(folder, chosen, root=root).model_copy(update={"inputs": (str(folder / "in" / inputs),)})


def write_crawls(folder: Path, crawls: Sequence[Sequence[int]]) -> None:
    """Each crawl is a file of URLs, all crawled later than those of the file before."""
    seconds = iter(range(10**6))
    write_inputs(folder / "in", [[f"http://a/{url} {next(seconds)}|text {url}" for url in crawl] for crawl in crawls])


crawls_of_urls = st.lists(st.lists(st.integers(0, 6), max_size=7), min_size=3, max_size=3)


@pytest.mark.slow
@given(crawls_of_urls)
@settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_crawl_after_crawl_keeps_what_one_run_keeps(crawls: list[list[int]]) -> None:
    """With ``first``, each crawl held against those before it keeps in all what a run over all of them keeps."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_crawls(folder, crawls)
        quick(dated(folder, "all", "*.txt", keep="first"))
        roots = [str(folder / str(number)) for number in range(3)]
        for number in range(3):
            quick(dated(folder, str(number), f"{number}.txt", keep="first", against=tuple(roots[:number])))
        each = [row["id"] for root in roots for row in RootContents(root).rows("03-urls")]
        assert sorted(each) == sorted(row["id"] for row in RootContents(folder / "all").rows("03-urls"))
        removed = {row["id"]: row["urls"] for root in roots for row in RootContents(root).rows("03-urls", "removed")}
        expected = {
            row["id"]: row["urls"]["survivor"] for row in RootContents(folder / "all").rows("03-urls", "removed")
        }
        assert {name: metrics["survivor"] for name, metrics in removed.items()} == expected
        assert all(metrics["supersedes"] is None for metrics in removed.values())
        assert verify(roots[2], rerun=1.0).findings == ()


@given(crawls_of_urls, st.booleans())
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_what_new_documents_would_supersede(crawls: list[list[int]], among: bool) -> None:
    """With ``newest`` the earlier document stays, and the newest of the new ones says that it would take its place."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_crawls(folder, crawls)
        quick(dated(folder, "old", "[01].txt"))
        quick(dated(folder, "new", "2.txt", against=(str(folder / "old"),), within=among))
        old = {row["url"]: row["id"] for row in RootContents(folder / "old").rows("03-urls")}
        new = RootContents(folder / "new")
        kept = [row["url"] for row in new.rows("03-urls")]
        wanted = [f"http://a/{url}" for url in crawls[2] if f"http://a/{url}" not in old]
        assert sorted(kept) == sorted(set(wanted) if among else wanted)
        last = {row["url"]: row["id"] for row in new.rows("02-dated")}
        for row in new.rows("03-urls", "removed"):
            if row["url"] in old:
                assert row["urls"]["survivor"] == old[row["url"]]
                newest = row["id"] == last[row["url"]]
                assert row["urls"]["supersedes"] == (old[row["url"]] if newest else None)
            else:
                assert (row["urls"]["survivor"], row["urls"]["supersedes"]) == (last[row["url"]], None)


def test_against_reads_no_text_and_sees_changes(tmp_path: Path) -> None:
    """Kept and removed rows of the earlier root are not touched; other content there makes the stage again, and no map."""
    write_crawls(tmp_path, [[1, 2, 3], [3, 4], [4, 5]])
    quick(dated(tmp_path, "old", "0.txt"))
    texts = [*(tmp_path / "old").glob("*/kept"), *(tmp_path / "old").glob("*/removed")]
    for folder in texts:
        folder.rename(folder.with_suffix(".away"))
    new = dated(tmp_path, "new", "2.txt", against=(str(tmp_path / "old"),))
    quick(new)
    assert [row["url"] for row in RootContents(tmp_path / "new").rows("03-urls")] == ["http://a/4", "http://a/5"]
    assert quick(new).tasks == 0
    for folder in texts:
        folder.with_suffix(".away").rename(folder)
    quick(dated(tmp_path, "old", "[01].txt"))
    before = set((tmp_path / "new" / "03-urls" / "map" / "keys").iterdir())
    quick(new)
    assert [row["url"] for row in RootContents(tmp_path / "new").rows("03-urls")] == ["http://a/5"]
    assert set((tmp_path / "new" / "03-urls" / "map" / "keys").iterdir()) == before


def test_a_reference_root_whose_parts_were_renumbered(tmp_path: Path) -> None:
    """A file that came in front of a part that was made before: each part still has its own verdict."""
    write_crawls(tmp_path, [[1, 1], [2, 3]])
    quick(dated(tmp_path, "old", "1.txt", keep="first"))
    quick(dated(tmp_path, "old", "[01].txt", keep="first"))
    quick(dated(tmp_path, "fresh", "[01].txt", keep="first"))
    old, fresh = (reference_parts(Urls(keep="first", against=(str(tmp_path / name),))) for name in ("old", "fresh"))
    assert [(part.number, part.mapped.contents, part.content) for part in old] == [
        (part.number, part.mapped.contents, part.content) for part in fresh
    ]
    assert len({part.content for part in old}) == 2


def test_roots_that_cannot_be_held_against(tmp_path: Path) -> None:
    """No root, another setting, an unfinished run, a root without the stage: refused before anything is done."""
    write_crawls(tmp_path, [[1, 2], [3]])
    with pytest.raises(UsageError, match="is no root"):
        quick(dated(tmp_path, "new", "1.txt", against=(str(tmp_path / "nowhere"),)))
    quick(dated(tmp_path, "old", "0.txt", keep="first"))
    with pytest.raises(UsageError, match="keep first, not newest"):
        quick(dated(tmp_path, "new", "1.txt", against=(str(tmp_path / "old"),)))
    quick(dated(tmp_path, "half", "*.txt"), Selection(until="dated"))
    with pytest.raises(UsageError, match="no stage 'urls'"):
        quick(dated(tmp_path, "new", "1.txt", against=(str(tmp_path / "half"),)))
    assert not (tmp_path / "new" / "00-lines-of-text").exists()
    with pytest.raises(ValidationError, match="finds nothing"):
        Urls(within=False)


def test_self_is_seen_when_it_changes(tmp_path: Path) -> None:
    """The same root with another ``self`` is what a new one is; its map is not made again."""
    write_crawls(tmp_path, [[1, 2], [2, 3, 3]])
    quick(dated(tmp_path, "old", "0.txt"))
    for among, expected in ((True, [3]), (False, [3, 3]), (True, [3])):
        quick(dated(tmp_path, "new", "1.txt", against=(str(tmp_path / "old"),), within=among))
        held = RootContents(tmp_path / "new")
        assert [row["url"] for row in held.rows("03-urls")] == [f"http://a/{url}" for url in expected]
        assert len([r for r in held.root.receipts_of("03-urls") if r.kind == "map"]) == 1


def test_partitions_and_earlier_roots_together(tmp_path: Path) -> None:
    """What an earlier root has is removed from every partition, and what one partition keeps from the next."""
    write_crawls(tmp_path, [[1, 2, 3], [3, 4, 5], [4, 5, 6], [5, 6, 7], [6, 7, 8]])
    quick(dated(tmp_path, "old", "0.txt"))
    quick(dated(tmp_path, "new", "[1-4].txt", against=(str(tmp_path / "old"),), parts=3))
    kept = [row["url"] for row in RootContents(tmp_path / "new").rows("03-urls")]
    assert sorted(kept) == [f"http://a/{number}" for number in (4, 5, 6, 7, 8)]
