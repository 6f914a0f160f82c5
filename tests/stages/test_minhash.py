"""MinHash: who matches whom, clusters, and survivors."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.stage.documents import Docs
from refinery.stages._clusters import Policy
from refinery.stages.minhash import MinHash
from refinery.testing import documents
from tests.stages.globally import Metrics, by_id, rows_of, spread

SMALL = MinHash(bands=8, rows=2, ngram=2)

UNIQUE: Metrics = {
    "role": "unique",
    "size": 1,
    "similarity": None,
    "cluster": None,
    "survivor": None,
    "supersedes": None,
}


def article(seed: int, words: int = 200) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(10_000)}" for _ in range(words)]


# ------------------------------------------------------------------------------------------------------------- shape

# ---------------------------------------------------------------------------------------------------------- clusters


def jaccard(left: list[str], right: list[str]) -> float:
    a, b = ({tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in (left, right))
    return len(a & b) / len(a | b)


@pytest.mark.parametrize("unit", ["gpt2", "words"])
def test_near_duplicates_cluster_and_others_do_not(unit: str) -> None:
    """Of all pairs of documents, those above 0.9 and no others share a cluster; none is between 0.4 and 0.9."""
    bases = [article(seed) for seed in range(6)]
    edited = [[*base[:100], "changed", *base[101:]] for base in bases[:3]]
    half = [[*base[:100], *article(seed + 50, 100)] for seed, base in enumerate(bases[3:])]
    texts = [*bases, *edited, *half]
    metrics = by_id(MinHash(unit=unit), [[documents([" ".join(words) for words in texts])]])
    clusters = [metrics[i.to_bytes(16, "big")]["cluster"] for i in range(len(texts))]
    for i, left in enumerate(texts):
        for j, right in enumerate(texts[:i]):
            assert not 0.4 < jaccard(left, right) < 0.9
            together = clusters[i] is not None and clusters[i] == clusters[j]
            assert together == (jaccard(left, right) > 0.9), (i, j, jaccard(left, right))


def test_normalised_copies_cluster() -> None:
    """Case, accents, punctuation and white space make no difference."""
    metrics = by_id(MinHash(), [[documents(["Déjà vu: all over, again!"]), documents(["deja vu\nALL over again"], 1)]])
    (gone,) = (f for f in metrics.values() if f["role"] == "duplicate")
    assert gone["similarity"] == 1.0


def test_a_chain_is_one_cluster() -> None:
    """A matches B and B matches C: the three are one cluster, though A and C have little in common."""
    words = article(1, 400)
    chain = [" ".join(words[start : start + 200]) for start in range(0, 121, 10)]
    metrics = by_id(MinHash(), [[documents([text], i)] for i, text in enumerate(chain)])
    assert {f["size"] for f in metrics.values()} == {len(chain)}
    assert {f["cluster"] for f in metrics.values()} == {bytes(16)}
    assert jaccard(chain[0].split(), chain[-1].split()) < 0.3


def test_empty_documents_match_nothing() -> None:
    """Texts without a token (empty, null, only punctuation) are unique; a short one matches its copy only."""
    metrics = by_id(SMALL, [[documents(["", None, "?!", " ", "a", "A.", "b"])]])
    assert [f["role"] == "unique" for f in metrics.values()] == [True, True, True, True, False, False, True]
    assert metrics[bytes(16)] == UNIQUE


def test_equal_texts_without_a_token_are_copies() -> None:
    """Texts of punctuation alone have no shingle, but are equal or not like any others; empty ones match nothing."""
    metrics = by_id(SMALL, [[documents(["?!", "", "?!", "!?", ""])], [documents(["?!"], 5)]])
    roles = [f["role"] for f in metrics.values()]
    assert sorted(roles) == ["exact", "exact", "survivor", "unique", "unique", "unique"]
    assert [roles[i] for i in (1, 3, 4)] == ["unique"] * 3


def naive(stage: MinHash, docs: Docs) -> list[set[int]]:
    """Sets of rows that share a key, joined until none overlap."""
    mapped = stage.map(docs, 0).keys.to_pydict()
    holders: dict[int, set[int]] = {}
    for key, row in zip(mapped["key"], mapped["row"], strict=True):
        holders.setdefault(key, set()).add(row)
    clusters: list[set[int]] = []
    for rows in holders.values():
        joined = [cluster for cluster in clusters if cluster & rows]
        clusters = [cluster for cluster in clusters if not cluster & rows]
        clusters.append(rows.union(*joined))
    return clusters


GONE = {"exact", "duplicate"}
pages = st.lists(st.lists(st.sampled_from("abcdef"), max_size=8).map(" ".join), min_size=1, max_size=15)
policies = st.sampled_from(["random", "first", "newest", "longest"])


@given(pages, policies, st.randoms())
@settings(max_examples=60)
def test_any_spread_gives_the_clusters_of_all_pairs(texts: list[str], survivor: Policy, draw: random.Random) -> None:
    """Whatever the order, parts and batches, the clusters are those of a naive join, with one survivor each."""
    stage = SMALL.model_copy(update={"survivor": survivor})
    docs = documents(texts)
    metrics = by_id(stage, spread(docs, draw))
    for cluster in naive(stage, docs):
        members = sorted(row.to_bytes(16, "big") for row in cluster)
        survivors = {metrics[member]["survivor"] for member in members} - {None}
        of_text: dict[str, set[bytes]] = {}
        for member in members:
            of_text.setdefault(texts[int.from_bytes(member, "big")], set()).add(member)
        for copies in of_text.values():  # a copy goes as such, but for one that is a duplicate of another text
            others = [metrics[member]["role"] for member in copies if {member} != survivors]
            near = 0 if copies & survivors or len(members) == 1 else 1
            assert others.count("duplicate") == near
            assert others.count("exact") == len(others) - near - (len(members) == 1)
        for member in members:
            expected = {"unique"} if len(members) == 1 else {"survivor"} if {member} == survivors else GONE
            name = members[0] if len(members) > 1 else None
            assert metrics[member]["role"] in expected
            assert metrics[member]["size"] == len(members)
            assert (metrics[member]["similarity"] is None) == (expected != GONE)
            assert metrics[member]["cluster"] == name
        assert len(survivors) == (len(members) > 1)
        assert survivors <= set(members)
    assert metrics == by_id(stage, [[docs]])


# --------------------------------------------------------------------------------------------------------- verification

# --------------------------------------------------------------------------------------------------------- survivors


def test_rules_remove_copies_and_duplicates() -> None:
    """What the rules call violations are exact copies and duplicates, each with a reason of its own."""
    roles = pa.array(["unique", "survivor", "exact", "duplicate"])
    violated = {rule.id: rule.violated(roles).to_pylist() for rule in SMALL.rules()}
    assert violated == {"exact": [False, False, True, False], "duplicate": [False, False, False, True]}


def test_estimated_similarity() -> None:
    """Of 300 documents that share 70 % of their shingles with their survivor, the mean estimate is within .01 of it."""
    texts = [" ".join(words) for seed in range(300) for words in edited(seed)]
    stage = MinHash(bands=400, rows=4, ngram=1, unit="words")
    metrics = by_id(stage, [[documents(texts)]])
    found = [f["similarity"] for f in metrics.values() if f["role"] == "duplicate"]
    assert len(found) == 300
    assert abs(np.mean(found) - 0.7) < 0.01
    assert np.std(found) < 1.2 * (0.7 * 0.3 / 64) ** 0.5


def edited(seed: int) -> list[list[str]]:
    """Two texts of 85 distinct words each, 70 of which they share."""
    words = [f"{seed}w{i}" for i in range(100)]
    return [words[:85], words[:70] + words[85:]]


def test_odd_texts() -> None:
    """Long, empty and strange texts are documents like others: each matches its copy and nothing else."""
    texts = [
        "x" * 100_000,
        "word " * 20_000,
        "a\x00b",
        "\U0001f468\u200d\U0001f469" * 9,
        "\u05e9\u05dc " * 999,
        "e\u0301",
    ]
    metrics = rows_of(SMALL, [[documents(texts)], [documents(texts, len(texts))]])
    clusters = [metric["cluster"] for _, metric in metrics]
    assert clusters == [i.to_bytes(16, "big") for i in range(len(texts))] * 2


def test_no_documents() -> None:
    """A part without documents has an empty verdict."""
    assert by_id(SMALL, [[documents([])], [documents(["a"])]]) == {bytes(16): UNIQUE}


# ------------------------------------------------------------------------------------------------------------ by label


def labelled_documents(texts: list[str], labels: list[str | None]) -> Docs:
    docs = documents(texts)
    return docs.with_columns({"lang": pa.array(labels, pa.string())})


@given(
    pages,
    policies,
    st.sampled_from([{}, {"verify": True}, {"max_cluster": 2}]),
    st.lists(st.sampled_from(["de", "en", "", None]), min_size=15, max_size=15),
    st.randoms(),
)
def test_by_label_the_documents_of_each_are_deduplicated_as_if_alone(
    texts: list[str], survivor: Policy, kind: dict[str, Any], labels: list[str | None], draw: random.Random
) -> None:
    """Verdicts are those of a stage for each language; documents without one are a group of their own."""
    stage = MinHash(bands=8, rows=2, ngram=2, survivor=survivor, by="lang", **kind)
    alone = stage.model_copy(update={"by": None})
    docs = labelled_documents(texts, labels[: len(texts)])
    wanted: dict[bytes, Metrics] = {}
    for label in {label or "" for label in labels[: len(texts)]}:
        same = pa.array([(one or "") == label for one in labels[: len(texts)]])
        wanted |= by_id(alone, [[docs.filter(same)]])
    assert by_id(stage, spread(docs, draw)) == wanted


def test_without_labels_languages_are_compared() -> None:
    """Copies of a text that are identified as two languages are one document by default."""
    docs = labelled_documents(["one two three four"] * 2, ["hr", "bs"])
    assert sorted(metrics["role"] for metrics in by_id(SMALL, [[docs]]).values()) == ["exact", "survivor"]
    within = SMALL.model_copy(update={"by": "lang"})
    assert [metrics["role"] for metrics in by_id(within, [[docs]]).values()] == ["unique"] * 2
