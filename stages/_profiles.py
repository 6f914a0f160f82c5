"""Named settings of MinHash, what each stores, and the chance with which it finds a pair of documents."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, comb
from typing import Any, Literal

from refinery import Explanation

Unit = Literal["gpt2", "words"]
Name = Literal["refinedweb", "dclm", "fineweb", "verified"]

SKETCH = 64
"""Bytes of a sketch that serves estimates only: a standard error of .05 at a similarity of .75."""

MIN_SIMILARITY = 0.725
"""Half way up the curve of RefinedWeb's 9,000 hashes lies .724."""


@dataclass(frozen=True)
class Profile:
    """A setting that has a name: ``bands`` of ``rows`` hashes of n-grams of ``ngram`` tokens, each a ``unit``.

    Where ``verify`` is set, pairs are joined only if their sketches of ``sketch`` bytes are similar.
    """

    bands: int
    rows: int
    unit: Unit
    ngram: int = 5
    verify: bool | None = None
    sketch: int | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of the stage that it sets."""
        return {name: value for name, value in asdict(self).items() if value is not None}


KEY_BYTES = 8 + 4
"""A key, and the row in the part that it is of."""

INDEX_BYTES = 16 + 8 + 4 + 8 + 8
"""Id, date, length, hashes of the pointer and of the text."""

AT = tuple(round(0.4 + step / 100, 2) for step in range(61))
"""Similarities at which a curve has values."""

PROFILES: dict[str, Profile] = {
    # Penedo et al. 2023, arXiv 2306.01116, G.3.1, after Lee et al. 2022, arXiv 2107.06499, A.1: 9,000 hashes of GPT-2
    # 5-grams of the normalised text (no punctuation, lower case, no accents). Section 3.3 has the shape reversed.
    "refinedweb": Profile(450, 20, "gpt2"),
    # Li et al. 2024, arXiv 2406.11794, L.1: 1,395 hashes that mimic the curve of 450 x 20.
    "dclm": Profile(93, 15, "gpt2"),
    # Penedo et al. 2024, arXiv 2406.17557, 3.4 and E.1: 112 hashes of word 5-grams. Words lie between white space here,
    # and numbers stay; FineWeb's code splits words by language and takes all numbers for one.
    "fineweb": Profile(14, 8, "words"),
    # Our own: a loose filter, then sketches (Li and König 2010, arXiv 0910.3349). Sharper than 9,000 hashes.
    "verified": Profile(28, 8, "words", verify=True, sketch=256),
}


def match_probability(similarity: float, bands: int, rows: int) -> float:
    """Return the chance that documents with this Jaccard similarity of n-grams match: 1 - (1 - s**rows)**bands."""
    return float(1 - (1 - similarity**rows) ** bands)


def enough_shared(min_similarity: float, sketch: int) -> int:
    """Return the fewest equal bytes of two sketches of this similarity: the inverse of ``similarities``."""
    return ceil(sketch * (255 * min_similarity + 1) / 256 - 1e-9)


def verified_probability(similarity: float, bands: int, rows: int, min_similarity: float, sketch: int) -> float:
    """Return the chance that such documents match and have similar sketches, two independent events."""
    shared = (255 * similarity + 1) / 256
    least = enough_shared(min_similarity, sketch)
    similar = sum(comb(sketch, k) * shared**k * (1 - shared) ** (sketch - k) for k in range(least, sketch + 1))
    return match_probability(similarity, bands, rows) * min(1.0, similar)


def probability(similarity: float, shape: Profile, min_similarity: float = MIN_SIMILARITY) -> float:
    """Return the chance that a pair of this similarity is found."""
    if shape.verify:
        return verified_probability(similarity, shape.bands, shape.rows, min_similarity, shape.sketch or SKETCH)
    return match_probability(similarity, shape.bands, shape.rows)


def curve(shape: Profile, min_similarity: float = MIN_SIMILARITY) -> tuple[float, ...]:
    """Return that chance at each similarity of ``AT``."""
    return tuple(probability(similarity, shape, min_similarity) for similarity in AT)


def stored_bytes(shape: Profile) -> int:
    """Return the bytes written of each document, before compression, which does not reduce hashes."""
    return sent_bytes(shape) + INDEX_BYTES + (shape.sketch or 0)


def sent_bytes(shape: Profile) -> int:
    """Return the bytes of each document that the rounds move."""
    return shape.bands * KEY_BYTES


def explanation(shape: Profile, name: str | None, min_similarity: float) -> Explanation:
    """Return a setting in figures, beside RefinedWeb's."""
    unit = "GPT-2 tokens" if shape.unit == "gpt2" else "words"
    title = name or f"{shape.bands} x {shape.rows}"
    middle = (1 / shape.bands) ** (1 / shape.rows)
    figures = {
        "shingles": f"{shape.ngram}-grams of {unit}",
        "hashes": f"{shape.bands * shape.rows:,} in {shape.bands} bands of {shape.rows} rows",
        "steepest near": f"{middle:.3f}, (1 / bands) ** (1 / rows)",
        "keys": f"{shape.bands * KEY_BYTES:,} bytes a document: {shape.bands} of 8 bytes, each with its row",
        "sketch": f"{shape.sketch} bytes a document, for estimates{' and verification' if shape.verify else ''}",
        "stored": f"{stored_bytes(shape):,} bytes a document, {INDEX_BYTES} of them to identify it",
    }
    if shape.verify:
        figures["verified"] = f"pairs whose sketches have a similarity of {min_similarity:g} or more"
    curves = {title: curve(shape, min_similarity)}
    if curves[title] != curve(PROFILES["refinedweb"]):
        curves["refinedweb"] = curve(PROFILES["refinedweb"])
    about = f"The chance that a pair of documents is found by {title}, by the Jaccard similarity of their shingles."
    return Explanation(about, figures, "similarity", AT, curves)
