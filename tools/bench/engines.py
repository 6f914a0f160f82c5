"""The engines that ``extraction.py`` compares: each a function from a page in UTF-8 and its URL to the main text.

The settings are those of the stage ``extract``: no reader comments for trafilatura, whose ``fast`` leaves out its
second and third opinions, and no texts of images for resiliparse.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import trafilatura
from resiliparse.extract.html2text import extract_plain_text

from refinery.kernels import main_texts
from refinery.kernels.native_extract import BETAS, extractor
from tools.extractor.pages import FOLDS, fold_of

Engine = Callable[[bytes, str], str]


def engines(folds: Path | None) -> dict[str, Engine]:
    """By name. ``folds`` has weights of a cross-validation, which ``native`` then takes by the page's domain.

    Raises FileNotFoundError where there are none.
    """
    logging.disable(logging.CRITICAL)
    return {
        "native": validated(folds) if folds else native,
        "trafilatura": partial(by_trafilatura, fast=False),
        "trafilatura fast": partial(by_trafilatura, fast=True),
        "resiliparse": by_resiliparse,
    }


def native(page: bytes, url: str) -> str:
    """By the weights that refinery has."""
    return main_texts(_strings(page), pa.array([url]))["text"][0].as_py()  # type: ignore[no-any-return]


def validated(folder: Path) -> Engine:
    """By weights that never saw the page's registered domain."""
    found = [extractor(Path(folder, f"{fold}.weights").read_bytes()) for fold in range(FOLDS)]

    def run(page: bytes, url: str) -> str:
        options = (BETAS["balance"], False, "auto", False, False)
        columns = found[fold_of(url)].extract(_strings(page), pa.array([url]), options)
        return pa.array(columns[0])[0].as_py()  # type: ignore[no-any-return]

    return run


def by_trafilatura(page: bytes, url: str, *, fast: bool) -> str:
    """Trafilatura's plain text."""
    del url
    return trafilatura.extract(page.decode(), include_comments=False, fast=fast) or ""


def by_resiliparse(page: bytes, url: str) -> str:
    """The plain text of resiliparse's main content."""
    del url
    return extract_plain_text(page.decode(), main_content=True, alt_texts=False)


def _strings(page: bytes) -> pa.StringArray:
    return pa.array([page], pa.binary()).view(pa.string())
