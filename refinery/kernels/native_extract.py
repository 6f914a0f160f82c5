"""The main text of HTML pages, by the native extractor.

It has no readable twin (decision 010): trained weights define the text of a page. ``tools/train_extractor.py`` trains
them.
"""

from __future__ import annotations

import html.entities
from functools import cache
from importlib import resources

import pyarrow as pa
import xxhash

from refinery.kernels import _native
from refinery.kernels.reference.extract import MAIN_TEXT, Comments, Favour

HAS_EXTRACTOR = True

BETAS: dict[Favour, float] = {"precision": 0.55, "balance": 0.85, "recall": 1.4}
"""The F-score whose expectation is maximised; above 1 recall weighs more. Validation finds the best F1 at .85."""

WEIGHTS = "extractor.weights"


def main_texts(
    pages: pa.StringArray,
    urls: pa.StringArray,
    favour: Favour = "balance",
    *,
    paragraphs: bool = False,
    comments: Comments = "auto",
    structure: bool = False,
    links: bool = False,
) -> pa.RecordBatch:
    columns = _extractor().extract(pages, urls, (BETAS[favour], paragraphs, comments, structure, links))
    return pa.RecordBatch.from_arrays(columns, schema=MAIN_TEXT)


@cache
def extractor_versions() -> dict[str, str]:
    return {"weights": xxhash.xxh3_64_hexdigest(_weights()), "extractor": _native.EXTRACTOR}


def extractor(weights: bytes | None) -> _native.Extractor:
    """Return an extractor with other weights, or without weights, which only computes features.

    It receives Python's table of character references, so that there is one table. Raises ValueError for weights of
    another layout.
    """
    return _native.Extractor(sorted(html.entities.html5.items()), weights)


def _weights() -> bytes:
    return resources.files(__package__).joinpath(WEIGHTS).read_bytes()


@cache
def _extractor() -> _native.Extractor:
    return extractor(_weights())
