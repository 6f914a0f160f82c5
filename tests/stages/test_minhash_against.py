"""MinHash held against earlier roots: two steps are held against one step over everything, and against their metrics."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from refinery.errors import UsageError
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.planner.selection import Selection
from refinery.runner.run import run
from refinery.stage.documents import ID, Docs
from refinery.stages._clusters import Policy
from refinery.stages.minhash import MinHash
from refinery.testing import Past, documents, run_global
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Dated, LineSource
from tests.stages.globally import Metrics, spread
from tests.stages.test_minhash import naive
from tests.stages.test_minhash_verified import clusters_in

LOOSE = {"bands": 8, "rows": 2, "ngram": 2, "unit": "words"}
KINDS = {
    "plain": MinHash(**LOOSE),
    "verified": MinHash(**LOOSE | {"bands": 16, "rows": 1, "ngram": 1}, verify=True, sketch=64, min_similarity=0.6),
}
GONE = {"exact", "duplicate"}

lines = st.lists(st.sampled_from("abcdef"), max_size=8).map(" ".join)
crawls = st.lists(st.lists(lines, max_size=9), min_size=2, max_size=2)
policies = st.sampled_from(["random", "first", "newest", "longest"])
kinds = st.sampled_from(sorted(KINDS))


def crawled(crawl: Sequence[Sequence[str]]) -> list[Docs]:
    """The documents of each crawl, numbered and dated through."""
    firsts = [sum(map(len, crawl[:number])) for number in range(len(crawl))]
    return [documents(texts, first) for texts, first in zip(crawl, firsts, strict=True)]


def facts_of(stage: MinHash, docs: Docs, draw: random.Random, past: Sequence[Past] = ()) -> dict[bytes, Metrics]:
    """The metrics of the documents, spread over parts and batches at random."""
    parts = spread(docs, draw)
    found = {}
    for batches, edits in zip(parts, run_global(stage, parts, past), strict=True):
        for batch, edited in zip(batches, edits, strict=True):
            rows = pa.RecordBatch.from_arrays(list(edited.metrics.values()), names=list(edited.metrics)).to_pylist()
            found.update(zip(batch.column("id").to_pylist(), rows, strict=True))
    return found


def kept(metrics: dict[bytes, Metrics]) -> set[bytes]:
    return {name for name, metric in metrics.items() if metric["role"] not in GONE}


def decided_again(old: dict[bytes, Metrics], new: dict[bytes, Metrics]) -> set[bytes]:
    """The documents kept if all were decided again, by the metrics of the new documents."""
    superseded = {name for metric in new.values() for name in metric["supersedes"] or ()}
    instead = {name for name, metric in new.items() if metric["survivor"] in (metric["supersedes"] or ())}
    return (kept(old) | kept(new) | instead) - superseded


def without(metrics: Metrics, *names: str) -> Metrics:
    return {name: value for name, value in metrics.items() if name not in names}


@given(crawls, policies, kinds, st.randoms())
@settings(max_examples=120)
def test_two_steps_tell_what_one_step_keeps(
    crawl: list[list[str]], survivor: Policy, kind: str, draw: random.Random
) -> None:
    """Whatever the policy: old documents that are kept, new ones, and what they supersede are what one step keeps.

    No new document is kept whose cluster has an old one; every other is treated as if the old ones were not there.
    """
    stage = KINDS[kind].model_copy(update={"survivor": survivor})
    old, new = crawled(crawl)
    first = facts_of(stage, old, draw)
    against = stage.model_copy(update={"against": ("old",)})
    second = facts_of(against, new, draw, [Past(stage, spread(old, draw))])
    both = facts_of(stage, Docs(pa.concat_batches([old.batch, new.batch])), draw)
    assert decided_again(first, second) == kept(both)
    olds = {cluster: name for name, metric in both.items() if (cluster := metric["cluster"]) and name in first}
    for name, metric in second.items():
        met = both[name]["cluster"] in olds
        assert (metric["survivor"] in first) == met
        assert metric["survivor"] in kept(first) or not met
        assert not (met and metric["role"] not in GONE)
        assert [metric[part] for part in ("size", "cluster")] == [both[name][part] for part in ("size", "cluster")]
        if not met:
            assert metric == both[name]


@given(crawls, kinds, st.randoms())
@settings(max_examples=120)
def test_with_first_new_documents_are_told_what_one_step_tells_them(
    crawl: list[list[str]], kind: str, draw: random.Random
) -> None:
    """With ``first``, and old documents crawled before new ones, all metrics of new documents are those of one step.

    All old documents that are kept are so in one step as well, but those whose cluster a new document has joined to
    another one: these are named.
    """
    stage = KINDS[kind].model_copy(update={"survivor": "first"})
    old, new = crawled(crawl)
    first = facts_of(stage, old, draw)
    against = stage.model_copy(update={"against": ("old",)})
    second = facts_of(against, new, draw, [Past(stage, spread(old, draw))])
    both = facts_of(stage, Docs(pa.concat_batches([old.batch, new.batch])), draw)
    for name, metric in second.items():
        assert without(metric, "supersedes") == without(both[name], "supersedes")
    joined = {name for metric in second.values() for name in metric["supersedes"] or ()}
    assert (kept(first) | kept(second)) - kept(both) == joined
    clusters = [both[name]["cluster"] for name in kept(first) if name in joined or both[name]["cluster"] is not None]
    assert len(joined) == len(clusters) - len(set(clusters))


@given(st.lists(st.lists(lines, max_size=6), min_size=3, max_size=3), kinds, st.randoms())
@settings(max_examples=60)
def test_crawl_after_crawl(crawl: list[list[str]], kind: str, draw: random.Random) -> None:
    """Three crawls, each held against all before it: with ``first`` the third keeps what it keeps in one step."""
    stage = KINDS[kind].model_copy(update={"survivor": "first"})
    one, two, three = crawled(crawl)
    past = [Past(stage, spread(one, draw))]
    second = stage.model_copy(update={"against": ("one",)})
    past.append(Past(second, spread(two, draw), tuple(past)))
    third = stage.model_copy(update={"against": ("one", "two")})
    found = facts_of(third, three, draw, past)
    both = facts_of(stage, Docs(pa.concat_batches([one.batch, two.batch, three.batch])), draw)
    assert kept(found) == kept(both) & found.keys()
    for name, metric in found.items():
        assert (metric["role"] == "exact") == (both[name]["role"] == "exact")


@given(crawls, kinds, st.randoms())
@settings(max_examples=80)
def test_without_self_direct_matches_alone_count(crawl: list[list[str]], kind: str, draw: random.Random) -> None:
    """With ``within: false`` each new document has the outcome that it has alone."""
    stage = KINDS[kind]
    old, new = crawled(crawl)
    against = stage.model_copy(update={"against": ("old",), "within": False})
    past = [Past(stage, spread(old, draw))]
    found = facts_of(against, new, draw, past)
    for row, name in enumerate(new.column("id").to_pylist()):
        alone = facts_of(against.model_copy(update={"within": True}), new.slice(row, 1), draw, past)[name]
        assert (found[name]["role"] in GONE) == (alone["role"] in GONE)


@given(crawls, st.integers(2, 5), st.booleans(), st.randoms())
@settings(max_examples=60)
def test_split_clusters_and_earlier_roots(
    crawl: list[list[str]], largest: int, among: bool, draw: random.Random
) -> None:
    """With ``max_cluster`` no old document gives way, a copy of an old text goes, and clusters are parts of whole ones."""
    stage = KINDS["verified"].model_copy(update={"verify": False, "max_cluster": largest})
    old, new = crawled(crawl)
    against = stage.model_copy(update={"against": ("old",), "within": among})
    found = facts_of(against, new, draw, [Past(stage, spread(old, draw))])
    texts = {text for text in old.texts() if text.strip()}
    for text, name in zip(new.texts(), new.column("id").to_pylist(), strict=True):
        assert text not in texts or found[name]["role"] == "exact"
    whole = naive(stage, Docs(pa.concat_batches([old.batch, new.batch])))
    assert all(any(cluster <= one for one in whole) for cluster in clusters_in(found))


def test_what_is_told_of_a_document_that_joins_two() -> None:
    """A new document that matches two old clusters goes for the older survivor, and names the other one."""
    stage = MinHash(bands=40, rows=1, ngram=1, unit="words", survivor="first")
    left, right = [" ".join(f"{side}{i}" for i in range(20)) for side in "lr"]
    old, new = crawled([[left, left + " more", right], [f"{left} {right}", "alone"]])
    draw = random.Random(1)
    past = [Past(stage, spread(old, draw))]
    found = facts_of(stage.model_copy(update={"against": ("old",)}), new, draw, past)
    joining, alone = (found[name] for name in new.column("id").to_pylist())
    ids = old.column("id").to_pylist()
    assert (joining["role"], joining["size"], joining["cluster"]) == ("duplicate", 4, ids[0])
    assert (joining["survivor"], joining["supersedes"]) == (ids[0], [ids[2]])
    assert 0.3 < joining["similarity"] < 0.7
    assert alone["role"] == "unique"


def test_a_survivor_of_a_root_that_is_not_listed() -> None:
    """Where only the second of two roots is listed, its removed documents still stand for what the first has kept."""
    stage = MinHash(**LOOSE, survivor="first")
    one, two, three = crawled([["a b c d"], ["a b c d"], ["a b c d", "x y z"]])
    second = Past(stage.model_copy(update={"against": ("one",)}), [[two]], [Past(stage, [[one]])])
    third = stage.model_copy(update={"against": ("two",)})
    found = facts_of(third, three, random.Random(1), [second])
    removed, other = (found[name] for name in three.column("id").to_pylist())
    assert (removed["role"], removed["survivor"], removed["size"]) == ("exact", one.column("id")[0].as_py(), 3)
    assert (removed["similarity"], removed["supersedes"]) == (None, None)
    assert other["role"] == "unique"


@given(crawls, st.sampled_from(["first", "newest"]), kinds, st.booleans(), st.randoms())
@settings(max_examples=80)
def test_ids_of_earlier_documents_do_not_matter(
    crawl: list[list[str]], survivor: Policy, kind: str, among: bool, draw: random.Random
) -> None:
    """A new document with the id of a reference document has the outcome that it has with another id."""
    stage = KINDS[kind].model_copy(update={"survivor": survivor})
    old, new = crawled(crawl)
    against = stage.model_copy(update={"against": ("old",), "within": among})
    past = [Past(stage, spread(old, draw))]
    ids = new.column("id").to_pylist()
    same = [*old.column("id").to_pylist(), *ids][: len(ids)]
    renamed = new.with_columns({"id": pa.array(same, ID.type)}, [ID])
    found, own = facts_of(against, renamed, draw, past), facts_of(against, new, draw, past)
    for name, other in zip(ids, same, strict=True):
        for metric in ("role", "size", "similarity"):
            assert found[other][metric] == own[name][metric]


# ------------------------------------------------------------------------------------------------------ in whole runs


FOLDER = "02-minhash"
SHAPE = {"bands": 60, "rows": 2, "ngram": 2, "unit": "words", "survivor": "first"}
VERIFIED = {"verify": True, "sketch": 256}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files of 60 lines, crawled one after another: families of edited lines, copies, and lines of their own."""
    draw = random.Random(1)
    found = []
    for family in range(90):
        words = [f"{family}w{i}" for i in range(20)]
        for _ in range(draw.choice([1, 2, 3, 8])):
            edited = list(words)
            edited[draw.randrange(20)] = draw.choice(["x", words[0]])
            found.append(" ".join(edited))
    draw.shuffle(found)
    dated = [f"{second}|{line}" for second, line in enumerate(found[:240])]
    write_inputs(tmp_path / "in", [dated[start : start + 60] for start in range(0, 240, 60)])
    return tmp_path


def given_run(folder: Path, root: str, inputs: str, *, batch: int = 1000, workers: int = 1, **minhash: Any) -> Any:
    chosen = steps(LineSource(), Dated(), MinHash(**SHAPE | minhash))
    made = pipeline(folder, chosen, root=root, batch=batch, workers=workers)
    return made.model_copy(update={"inputs": (str(folder / "in" / inputs),)})


@pytest.mark.slow
@pytest.mark.parametrize("kind", [{}, VERIFIED], ids=["plain", "verified"])
def test_no_way_of_running_changes_the_result(folder: Path, kind: dict[str, Any]) -> None:
    """Budgets, batches, workers, and no text of the earlier root: the same rows, and those that one run keeps."""
    against = (str(folder / "old"),)
    quick(given_run(folder, "old", "[01].txt", **kind))
    quick(given_run(folder, "all", "*.txt", **kind))
    for texts in [*(folder / "old").glob("*/kept"), *(folder / "old").glob("*/removed")]:
        texts.rename(texts.with_suffix(".away"))
    quick(given_run(folder, "new", "[23].txt", against=against, **kind))
    new = RootContents(folder / "new")
    both = {
        row["id"]: row["minhash"]
        for side in ("kept", "removed")
        for row in RootContents(folder / "all").rows(FOLDER, side)
    }
    found = {row["id"]: row["minhash"] for side in ("kept", "removed") for row in new.rows(FOLDER, side)}
    for name, metrics in found.items():
        assert without(metrics, "supersedes") == without(both[name], "supersedes")
    assert sum(metrics["role"] in GONE for metrics in found.values()) > 40
    assert verify(str(folder / "new"), rerun=1).findings == ()
    quick(given_run(folder, "small", "[23].txt", against=against, memory=2**20, batch=7, **kind))
    run(given_run(folder, "two", "[23].txt", against=against, workers=2, **kind))
    for other in ("small", "two"):
        assert RootContents(folder / other).contents() == new.contents()
    assert quick(given_run(folder, "new", "[23].txt", against=against, **kind)).tasks == 0


def test_what_changes_is_made_again_and_no_more(folder: Path) -> None:
    """Another content of the earlier root makes all rounds again but the map, another ``self`` too, a policy less."""
    against = (str(folder / "old"),)
    quick(given_run(folder, "old", "0.txt"))

    def kinds_made(inputs: str = "3.txt", **minhash: Any) -> set[str]:
        before = (
            {r.key for r in RootContents(folder / "new").root.receipts_of(FOLDER)}
            if (folder / "new").exists()
            else set()
        )
        quick(given_run(folder, "new", inputs, against=against, **minhash))
        made = [r for r in RootContents(folder / "new").root.receipts_of(FOLDER) if r.key not in before]
        assert RootContents(folder / "new").contents() == fresh(folder, against, **minhash)
        return {receipt.kind for receipt in made}

    assert kinds_made() == {"map", "reduce", "round", "resolve", "stage"}
    assert "reduce" in kinds_made(within=False)
    assert "map" not in kinds_made(survivor="longest")
    quick(given_run(folder, "old", "[01].txt"))
    assert "map" not in kinds_made()


def fresh(folder: Path, against: tuple[str, ...], **minhash: Any) -> Any:
    """What a new root holds."""
    name = f"fresh-{len(list(folder.iterdir()))}"
    quick(given_run(folder, name, "3.txt", against=against, **minhash))
    return RootContents(folder / name).contents()


def test_roots_that_cannot_be_held_against(folder: Path) -> None:
    """Other settings are refused with both values, and so are a root without the stage and one that is not finished."""
    quick(given_run(folder, "old", "0.txt"))
    against = (str(folder / "old"),)
    for other, reported in (({"bands": 50}, "bands 60, not 50"), ({"seed": 2}, "seed 1, not 2")):
        with pytest.raises(
            UsageError, match=rf"{folder}/old is no reference for this recipe: its minhash has {reported}"
        ):
            quick(given_run(folder, "new", "3.txt", against=against, **other))
    quick(given_run(folder, "half", "*.txt"), Selection(until="dated"))
    with pytest.raises(UsageError, match="no stage 'minhash'"):
        quick(given_run(folder, "new", "3.txt", against=(str(folder / "half"),)))
    assert not (folder / "new" / "00-lines-of-text").exists()
    quick(given_run(folder, "new", "3.txt", against=against, survivor="longest", max_cluster=50))
    with pytest.raises(ValidationError, match="finds nothing"):
        MinHash(within=False)


def test_the_plan_counts_earlier_documents(folder: Path) -> None:
    """The estimated memory of the task that sees all edges includes the documents of reference roots."""
    quick(given_run(folder, "old", "[012].txt"))
    new = given_run(folder, "new", "3.txt", against=(str(folder / "old"),))
    quick(new, Selection(until="dated"))
    reported = plan(new).stages[2].memory
    assert reported == new.steps[2].stage.needs(240, 60)


def test_an_id_that_is_there_twice(folder: Path) -> None:
    """A record that the earlier root has read twice: the copy that it has kept stands for both."""
    stage = MinHash(**LOOSE, survivor="first")
    old = documents(["a b c", "a b c"]).with_columns({"id": pa.array([bytes(16)] * 2, ID.type)}, [ID])
    new = documents(["a b c"], 5)
    past = [Past(stage, [[old.slice(0, 1)], [old.slice(1)]])]
    (metrics,) = facts_of(stage.model_copy(update={"against": ("old",)}), new, random.Random(1), past).values()
    assert (metrics["role"], metrics["survivor"], metrics["size"], metrics["similarity"]) == (
        "exact",
        bytes(16),
        3,
        1.0,
    )
