"""The engines that ``extraction.py`` compares: each a function from a page in UTF-8 and its URL to the main text.

The settings are those of the stage ``extract``: no reader comments for trafilatura, whose ``fast`` leaves out its
second and third opinions, and no texts of images for resiliparse. ``union`` is native with trafilatura, as by default.
Other packages are compared where they are installed, as their documentation says to use them: readability, jusText, and
two that convert the whole page, html-to-markdown and inscriptis.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import trafilatura
from resiliparse.extract.html2text import extract_plain_text

from refinery.kernels import MAIN_TEXT, main_texts
from refinery.kernels.native_extract import BETAS, extractor
from refinery.stages.extract import Extract
from tools.extractor.pages import FOLDS, fold_of

Engine = Callable[[bytes, str], str]
Native = Callable[[bytes, str], tuple[str, float | None]]
"""The native engine: a text, and the F1 that it expects of it."""

BELOW = Extract.model_fields["below"].default


def engines(folds: Path | None) -> dict[str, Engine]:
    """By name. ``folds`` has weights of a cross-validation, which ``native`` then takes by the page's domain.

    Raises FileNotFoundError where there are none.
    """
    logging.disable(logging.CRITICAL)
    first = native_engine(folds)
    return {
        "native": lambda page, url: first(page, url)[0],
        "trafilatura": partial(by_trafilatura, fast=False),
        "trafilatura fast": partial(by_trafilatura, fast=True),
        "resiliparse": by_resiliparse,
        "union": partial(by_union, first),
        **{name: engine for name, (module, engine) in OTHERS.items() if importlib.util.find_spec(module)},
    }


def native_engine(folds: Path | None) -> Native:
    """The native engine by weights that never saw the page's registered domain, or by those that refinery has."""
    if not folds:
        return lambda page, url: _confident(main_texts(_strings(page), pa.array([url])))
    found = [extractor(Path(folds, f"{fold}.weights").read_bytes()) for fold in range(FOLDS)]

    def run(page: bytes, url: str) -> tuple[str, float | None]:
        options = (BETAS["balance"], False, "auto", False, False)
        columns = found[fold_of(url)].extract(_strings(page), pa.array([url]), options)
        return _confident(pa.RecordBatch.from_arrays(columns, schema=MAIN_TEXT))

    return run


def _confident(extracted: pa.RecordBatch) -> tuple[str, float | None]:
    return extracted["text"][0].as_py(), extracted["confidence"][0].as_py()


def by_union(first: Native, page: bytes, url: str) -> str:
    """The native text, or where native expects little of it that of trafilatura, if it is longer."""
    text, confidence = first(page, url)
    if text and (confidence is None or confidence >= BELOW):
        return text
    return max(text, by_trafilatura(page, url, fast=False), key=len)


def by_trafilatura(page: bytes, url: str, *, fast: bool) -> str:
    """Trafilatura's plain text."""
    del url
    return trafilatura.extract(page.decode(), include_comments=False, fast=fast) or ""


def by_resiliparse(page: bytes, url: str) -> str:
    """The plain text of resiliparse's main content."""
    del url
    return extract_plain_text(page.decode(), main_content=True, alt_texts=False)


def by_readability(page: bytes, url: str) -> str:
    """The text of the HTML that readability-lxml keeps."""
    from readability import Document
    from readability.readability import Unparseable

    del url
    try:
        kept = Document(page.decode()).summary(html_partial=True)
    except Unparseable:
        return ""
    return extract_plain_text(kept)


def by_justext(page: bytes, url: str) -> str:
    """The paragraphs that jusText keeps with its English stop words; it does not detect the language."""
    import justext
    from lxml.etree import ParserError

    del url
    try:
        paragraphs = justext.justext(page, justext.get_stoplist("English"), encoding="utf-8")
    except ParserError:
        return ""
    return "\n".join(one.text for one in paragraphs if not one.is_boilerplate)


def by_html_to_markdown(page: bytes, url: str) -> str:
    """The whole page as Markdown."""
    from html_to_markdown import convert

    del url
    return str(convert(page.decode()).content or "")


def by_inscriptis(page: bytes, url: str) -> str:
    """The whole page as text."""
    from inscriptis import get_text

    del url
    return str(get_text(page.decode()))


OTHERS: dict[str, tuple[str, Engine]] = {
    "readability": ("readability", by_readability),
    "jusText": ("justext", by_justext),
    "html-to-markdown": ("html_to_markdown", by_html_to_markdown),
    "inscriptis": ("inscriptis", by_inscriptis),
}


def _strings(page: bytes) -> pa.StringArray:
    return pa.array([page], pa.binary()).view(pa.string())
