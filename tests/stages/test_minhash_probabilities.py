"""Bands and rows of MinHash: measured probabilities of a match are those of the published curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pydantic import ValidationError

from refinery.kernels import band_keys, similarities, sketches
from refinery.stages._profiles import MIN_SIMILARITY, PROFILES, Profile, enough_shared, match_probability, probability
from refinery.stages.minhash import MinHash

RECIPES = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))

# RefinedWeb's specification computes these; 3.8 of the design.
PUBLISHED = [
    (450, 20, {0.50: 0.0004, 0.60: 0.016, 0.65: 0.078, 0.70: 0.302, 0.75: 0.761, 0.80: 0.995, 0.85: 1.0, 0.90: 1.0}),
    (93, 15, {0.50: 0.0028, 0.60: 0.043, 0.65: 0.135, 0.70: 0.358, 0.75: 0.714, 0.80: 0.964, 0.85: 1.0, 0.90: 1.0}),
    (14, 8, {0.50: 0.053, 0.60: 0.211, 0.65: 0.365, 0.70: 0.565, 0.75: 0.772, 0.80: 0.924, 0.85: 0.988, 0.90: 1.0}),
    (20, 13, {0.50: 0.0024, 0.60: 0.026, 0.65: 0.071, 0.70: 0.177, 0.75: 0.382, 0.80: 0.677, 0.85: 0.924, 0.90: 0.997}),
]


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
