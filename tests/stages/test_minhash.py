"""MinHash: who matches whom, clusters, and survivors."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings, strategies as st
from pydantic import ValidationError

from refinery.errors import UsageError
from refinery.kernels import band_keys, similarities, sketches
from refinery.recipe import Step
from refinery.recipe.columns import flows
from refinery.stage.base import Stage
from refinery.stage.documents import Docs
from refinery.stages import _copies
from refinery.stages._clusters import Policy
from refinery.stages._copies import EXCLUDED, SORTED_BYTES
from refinery.stages._profiles import MIN_SIMILARITY, PROFILES, Profile, enough_shared, match_probability, probability
from refinery.stages._resolving import EDGES
from refinery.stages.minhash import KEYS, MinHash
from refinery.testing import MemoryPart, documents
from tests.stages.globally import Metrics, by_id, rows_of, spread

RECIPES = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))
SMALL = MinHash(bands=8, rows=2, ngram=2)

# RefinedWeb's specification computes these; 3.8 of the design.
PUBLISHED = [
    (450, 20, {0.50: 0.0004, 0.60: 0.016, 0.65: 0.078, 0.70: 0.302, 0.75: 0.761, 0.80: 0.995, 0.85: 1.0, 0.90: 1.0}),
    (93, 15, {0.50: 0.0028, 0.60: 0.043, 0.65: 0.135, 0.70: 0.358, 0.75: 0.714, 0.80: 0.964, 0.85: 1.0, 0.90: 1.0}),
    (14, 8, {0.50: 0.053, 0.60: 0.211, 0.65: 0.365, 0.70: 0.565, 0.75: 0.772, 0.80: 0.924, 0.85: 0.988, 0.90: 1.0}),
    (20, 13, {0.50: 0.0024, 0.60: 0.026, 0.65: 0.071, 0.70: 0.177, 0.75: 0.382, 0.80: 0.677, 0.85: 0.924, 0.90: 0.997}),
]

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


@pytest.mark.parametrize(("bands", "rows", "table"), PUBLISHED)
def test_published_probabilities(bands: int, rows: int, table: dict[float, float]) -> None:
    """The table of match probabilities is reproduced to its last digit."""
    for similarity, expected in table.items():
        digits = 4 if expected < 0.01 else 3
        assert round(match_probability(similarity, bands, rows), digits) == expected


def test_default_is_the_appendix_and_not_section_3_3() -> None:
    """The default is 450 bands of 20; 20 bands of 450 would find next to nothing, and is refused."""
    assert (MinHash().bands, MinHash().rows) == (450, 20)
    with pytest.raises(ValidationError, match="450 bands of 20 rows"):
        MinHash(bands=20, rows=450)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_no_recipe_has_the_shape_reversed(recipe: Path) -> None:
    """Every recipe in the repository has a shape that finds near-duplicates."""
    steps = yaml.safe_load(recipe.read_text(encoding="utf-8"))["pipeline"]
    for fields in (step["minhash"] or {} for step in steps if "minhash" in step):
        stage = MinHash(**{name: value for name, value in fields.items() if name in MinHash.model_fields})
        assert match_probability(0.95, stage.bands, stage.rows) > 0.9


SIMILARITIES = [0.50, 0.55, 0.60, 0.65, 0.70, 0.75, 0.80, 0.85, 0.90, 0.95]


@pytest.mark.parametrize("name", list(PROFILES))
def test_measured_matches_follow_the_curve(name: str) -> None:
    """Of pairs of sets with exactly this similarity the share found is P(s) within .015, for verified ones .02.

    So many pairs are drawn that the threshold is at least 3.3 standard errors of a share.
    """
    shape, union = PROFILES[name], 20
    draw = np.random.default_rng(1)
    for similarity in SIMILARITIES:
        chance = probability(similarity, shape)
        pairs = max(1_000, round(chance * (1 - chance) * (3.3 / 0.015) ** 2))
        both = round(similarity * union)
        assert both / union == similarity
        alone = (union - both + 1) // 2
        hashes = draw.integers(0, 2**32, (pairs, union), dtype=np.uint32)
        left = hashes[:, : both + alone]
        right = np.concatenate([hashes[:, :both], hashes[:, both + alone :]], axis=1)
        found = (_keys(left, shape) == _keys(right, shape)).any(axis=1)
        if shape.verify:
            found &= similarities(_sketches(left, 256), _sketches(right, 256)) >= MIN_SIMILARITY - 1e-6
        assert abs(found.mean() - chance) < (0.02 if shape.verify else 0.015), similarity


def test_verified_is_as_published() -> None:
    """The curve of the verified profile, as it was measured in design, within .02."""
    measured = {0.60: 0.000, 0.65: 0.005, 0.70: 0.164, 0.74: 0.672, 0.76: 0.872, 0.80: 0.992}
    for similarity, expected in measured.items():
        assert abs(probability(similarity, PROFILES["verified"]) - expected) < 0.02


def test_as_many_bytes_as_the_similarity_takes() -> None:
    """The fewest shared bytes that are enough are the fewest of which the estimate reaches the threshold."""
    for size in (16, 64, 100, 256):
        for threshold in (0.01, 0.5, 0.725, 0.9, 1.0):
            least = enough_shared(threshold, size)
            reported = [(256 * shared / size - 1) / 255 for shared in (least - 1, least)]
            assert reported[0] < threshold <= reported[1] + 1e-9


def _keys(sets: np.ndarray[Any, Any], shape: Profile) -> np.ndarray[Any, Any]:
    lists = pa.array(list(sets), pa.list_(pa.uint32()))
    keys: np.ndarray[Any, Any] = band_keys(lists, shape.bands, shape.rows, 1).flatten().to_numpy()
    return keys.reshape(len(sets), shape.bands)


def _sketches(sets: np.ndarray[Any, Any], size: int) -> np.ndarray[Any, Any]:
    found = sketches(pa.array(list(sets), pa.list_(pa.uint32())), size, 1)
    return np.frombuffer(found.buffers()[1], np.uint8).reshape(len(sets), size)


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


LOOSE = MinHash(bands=16, rows=1, ngram=1, unit="words", verify=True, sketch=256, min_similarity=0.6)


def sketch_of(stage: MinHash, text: str) -> np.ndarray[Any, Any]:
    found = stage.map(documents([text]), 0).index.column("sketch")
    return np.frombuffer(found.buffers()[1], np.uint8)


def all_verified(stage: MinHash, docs: Docs) -> list[set[int]]:
    """Rows joined over every pair that shares a key and whose sketches are alike."""
    mapped = stage.map(docs, 0).keys.to_pydict()
    holders: dict[int, set[int]] = {}
    for key, row in zip(mapped["key"], mapped["row"], strict=True):
        holders.setdefault(key, set()).add(row)
    reported = [sketch_of(stage, text) for text in docs.texts()]
    clusters = [{row} for row in sorted(set().union(*holders.values()))]
    for rows in holders.values():
        for a in rows:
            for b in rows:
                alike = similarities(reported[a][None], reported[b][None])[0] >= stage.min_similarity - 1e-6
                one = next(cluster for cluster in clusters if a in cluster)
                if alike and b not in one:
                    other = next(cluster for cluster in clusters if b in cluster)
                    clusters = [c for c in clusters if c is not one and c is not other] + [one | other]
    return clusters


def clusters_in(metrics: dict[bytes, Metrics]) -> list[set[int]]:
    """The rows of each cluster of two or more."""
    found: dict[bytes, set[int]] = {}
    for member, metric in metrics.items():
        if metric["cluster"] is not None:
            found.setdefault(metric["cluster"], set()).add(int.from_bytes(member, "big"))
    return sorted(found.values(), key=min)


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), min_size=1, max_size=12), st.randoms())
@settings(max_examples=60)
def test_verified_clusters_are_those_of_all_pairs(texts: list[str], draw: random.Random) -> None:
    """However they are spread, documents are together if a chain of verified pairs that share keys joins them."""
    docs = documents(texts)
    expected = sorted((cluster for cluster in all_verified(LOOSE, docs) if len(cluster) > 1), key=min)
    metrics = by_id(LOOSE, spread(docs, draw))
    assert clusters_in(metrics) == expected
    assert metrics == by_id(LOOSE, [[docs]])
    for metric in metrics.values():
        assert (metric["role"] == "unique") == (metric["cluster"] is None) == (metric["size"] == 1)


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8).map(" ".join), min_size=1, max_size=12),
    st.integers(2, 6),
    st.randoms(),
)
@settings(max_examples=60)
def test_large_clusters_are_split_by_verification(texts: list[str], largest: int, draw: random.Random) -> None:
    """Clusters up to ``max_cluster`` are as without it; in larger ones only verified pairs stay together."""
    docs = documents(texts)
    stage = LOOSE.model_copy(update={"verify": False, "max_cluster": largest})
    whole = naive(stage, docs)
    parts = all_verified(stage, docs)
    expected = [cluster for cluster in whole if len(cluster) <= largest]
    expected += [part for part in parts for cluster in whole if part <= cluster and len(cluster) > largest]
    metrics = by_id(stage, spread(docs, draw))
    assert clusters_in(metrics) == sorted((cluster for cluster in expected if len(cluster) > 1), key=min)
    assert metrics == by_id(stage, [[docs]])


def test_verification_is_asked_for_once() -> None:
    """Where all pairs are verified there is nothing left to split by."""
    with pytest.raises(ValidationError, match="all pairs are verified"):
        MinHash(profile="verified", max_cluster=100)


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join), min_size=2, max_size=15), st.randoms())
@settings(max_examples=40)
def test_edges_count_in_any_order(texts: list[str], draw: random.Random) -> None:
    """Edges that come in another order, turned round or twice make the same clusters, split ones too."""
    docs = documents(texts)
    for stage in (SMALL, LOOSE.model_copy(update={"verify": False, "max_cluster": 3})):
        mapped = stage.map(docs, 0)
        part = MemoryPart(0, len(docs), pa.Table.from_batches([mapped.index]), pa.Table.from_batches([mapped.keys]))
        part = part.without(EXCLUDED.empty_table())
        keys, rows = mapped.keys.to_pydict().values()
        pairs = [
            (a, b, draw.random() < 0.5)
            for x, a in zip(keys, rows, strict=True)
            for y, b in zip(keys, rows, strict=True)
            if x == y and a < b
        ]
        (expected,) = stage.resolve([_edges_of(pairs)], [part])
        others = [
            (b, a, sure) if draw.random() < 0.5 else (a, b, sure)
            for a, b, sure in pairs
            for _ in range(draw.randint(1, 2))
        ]
        draw.shuffle(others)
        cut = draw.randint(0, len(others))
        (found,) = stage.resolve([_edges_of(others[:cut]), _edges_of(others[cut:])], [part])
        assert found.equals(expected)


@given(
    st.lists(st.lists(st.sampled_from(["", "a", "b c", "c b", "B c"]), max_size=6), min_size=1, max_size=4),
    st.booleans(),
)
def test_of_equal_texts_the_first_takes_part(parts: list[list[str]], new: bool) -> None:
    """The others are excluded, whatever the passes in which they are looked for; texts without characters are not."""
    mapped = [SMALL.map(documents(texts), 0) for texts in parts]
    held = [
        MemoryPart(at, len(m.index), pa.Table.from_batches([m.index]), KEYS.empty_table())
        for at, m in enumerate(mapped)
    ]
    numbered = list(enumerate(text for texts in parts for text in texts))
    first = {text: number for number, text in reversed(numbered) if text}
    wanted = [(number, first[text]) for number, text in numbered if text and number != first[text]]
    for passes in (1, 3):
        made = list(_copies.copies(held, max(1, len(numbered) * SORTED_BYTES // passes), new=new, reference=True))
        starts = np.cumsum([0, *map(len, parts)]).tolist()
        found = [
            (start + row["row"], starts[row["leader"] >> 32] + row["leader"] % 2**32)
            for start, table in zip(starts, made, strict=False)
            for row in table.to_pylist()
        ]
        assert found == (wanted if new else [])


def _edges_of(pairs: list[tuple[int, int, bool]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([pair[at] for pair in pairs], field.type) for at, field in enumerate(EDGES)], schema=EDGES
    )


def test_a_long_chain_is_one_cluster() -> None:
    """2,000 documents, each like the next one and like few others, are one cluster, whatever its ends have in common."""
    words = [f"w{i}" for i in range(2_000 + 60)]
    texts = [" ".join(words[start : start + 60]) for start in range(2_000)]
    metrics = by_id(MinHash(bands=20, rows=4, ngram=1, unit="words"), [[documents(texts)]])
    assert {metric["size"] for metric in metrics.values()} == {2_000}


# --------------------------------------------------------------------------------------------------------- survivors


def survivor_of(stage: MinHash, texts: list[str]) -> int:
    (survivor,) = {f["survivor"] for f in by_id(stage, [[documents(texts)]]).values()}
    return int.from_bytes(survivor, "big")


def test_policies() -> None:
    """First and newest are by date, longest has the most characters; random is none of them but the same for a seed."""
    texts = ["a b c d", "A B C D!", "a, b, c, d ......", "a b c d"]
    assert survivor_of(MinHash(bands=8, rows=2, survivor="first"), texts) == 0
    assert survivor_of(MinHash(bands=8, rows=2, survivor="newest"), texts) == 3
    assert survivor_of(MinHash(bands=8, rows=2, survivor="longest"), texts) == 2
    seeds = [survivor_of(MinHash(bands=8, rows=2, seed=seed), texts) for seed in range(200)]
    assert seeds == [survivor_of(MinHash(bands=8, rows=2, seed=seed), texts) for seed in range(200)]
    assert all(30 < count < 75 for count in Counter(seeds).values())
    assert set(seeds) == {0, 1, 2, 3}


@pytest.mark.parametrize("survivor", ["first", "newest"])
def test_a_document_without_a_date_is_last(survivor: Policy) -> None:
    """A null date neither comes first nor is new."""
    docs = documents(["a b c", "a b c"])
    undated = docs.with_columns({"date": pa.array([None, -5], docs.schema.field("date").type)})
    metrics = by_id(SMALL.model_copy(update={"survivor": survivor}), [[undated]])
    assert [f["role"] for f in metrics.values()] == ["exact", "survivor"]


numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(numbers, min_size=2, max_size=6), st.randoms())
@settings(max_examples=60)
def test_the_best_has_the_highest_value(values: list[float | None], draw: random.Random) -> None:
    """Of copies that one survives whose value is highest; where none has a value, one survives all the same."""
    stage = SMALL.model_copy(update={"survivor": "best", "best": "language.score"})
    docs = documents(["a b c"] * len(values))
    scores = pa.StructArray.from_arrays([pa.array(values, pa.float32(), from_pandas=False)], ["score"])
    parts = spread(docs.with_columns({"language": scores}), draw)
    (survivor,) = {f["survivor"] for f in by_id(stage, parts).values()}
    known = [value for value in values if value is not None and not np.isnan(value)]
    if known:
        assert values[int.from_bytes(survivor, "big")] == max(known)


def test_a_fact_that_is_not_measured_is_no_best() -> None:
    """The columns of a recipe are checked for the metric that tells the best, and the two fields go together."""
    stage = MinHash(survivor="best", best="language.score")
    docs = documents(["a"])
    given = type("Given", (Stage,), {"name": "given", "version": 1, "adds": tuple(docs.schema)[6:]})()
    with pytest.raises(UsageError, match=r"language\.score"):
        flows([Step("given", given), Step("minhash", stage)])
    for fields in ({"survivor": "best"}, {"best": "language.score"}):
        with pytest.raises(ValidationError, match="go together"):
            MinHash(**fields)


def test_profiles() -> None:
    """A profile sets its fields and takes no other value for them; what it does not set stays free."""
    shapes = {
        "refinedweb": (450, 20, "gpt2"),
        "dclm": (93, 15, "gpt2"),
        "fineweb": (14, 8, "words"),
        "verified": (28, 8, "words"),
    }
    assert shapes.keys() == PROFILES.keys()
    for name, shape in shapes.items():
        stage = MinHash(profile=name, seed=7, survivor="longest")
        assert (stage.bands, stage.rows, stage.unit) == shape
        assert (stage.ngram, stage.seed, stage.survivor) == (5, 7, "longest")
        assert MinHash(**stage.model_dump()) == stage
    with pytest.raises(ValidationError, match="profile fineweb has rows 8, not 9"):
        MinHash(profile="fineweb", rows=9)
    with pytest.raises(ValidationError, match="profile"):
        MinHash(profile="finewob")


@pytest.mark.parametrize("survivor", ["random", "first", "newest", "longest"])
def test_one_record_read_twice(survivor: Policy) -> None:
    """Two documents with one id are a cluster with one survivor; if their records differ, the same one in any order."""
    stage = SMALL.model_copy(update={"survivor": survivor})
    docs = documents(["a b c", "a b c"], 7)
    same_id = pa.array([bytes(16)] * 2, pa.binary(16))
    same_date = docs.column("date").take(pa.array([0, 0]))
    twice = docs.with_columns({"id": same_id, "date": same_date}, [docs.schema.field("id")])
    kept = set()
    for parts in ([[twice]], [[twice.slice(1), twice.slice(0, 1)]], [[twice.slice(1)], [twice.slice(0, 1)]]):
        roles = [metrics["role"] for _, metrics in rows_of(stage, parts)]
        assert sorted(roles) == ["exact", "survivor"]
        offsets = [offset for part in parts for batch in part for offset in batch.column("offset").to_pylist()]
        kept.add(offsets[roles.index("survivor")])
    assert len(kept) == 1


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
