"""The extraction engines: functions that load a library and return ``html -> text``, or the text and its marks.

They run in a sandbox (``refinery.stages._extract.child``), which limits time and memory and handles crashes. The text
of a page does not depend on the pages before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Literal

from refinery.stages._extract.body import Mark, marks_of
from refinery.stages._extract.child import Extracted

Engine = Callable[[str], Extracted]
Favour = Literal["balance", "precision", "recall"]
Comments = Literal["auto", "keep", "drop"]

LIBRARIES = {"trafilatura": ("trafilatura", "lxml", "justext"), "resiliparse": ("resiliparse",)}
"""The distributions that shape an engine's text."""


def trafilatura(favour: Favour, comments: Comments, structure: bool) -> Engine:
    """Return an engine for the main content with tables, and with readers' comments only if they are to be kept.

    ``structure`` adds the marks of its tree. With emphasis in it, trafilatura chooses another text on one page of
    seven, which then has the marks of the tree without. Trees with links or images differ more often.

    trafilatura's own deduplication stays off. Its cache outlives a page, so a text would depend on the pages before it;
    and with one cache per page it lost .007 word F1 and emptied 20 of 2,226 pages, because the library extracts a page
    several times and counts its own repetitions.
    """
    from trafilatura import bare_extraction, extract  # imported late: a child only loads its own engine
    from trafilatura.settings import Document

    logging.disable(logging.CRITICAL)
    options: dict[str, Any] = {
        "include_comments": comments == "keep",
        "favor_precision": favour == "precision",
        "favor_recall": favour == "recall",
    }

    def marks(html: str, text: str) -> list[Mark] | None:
        for emphasis in (True, False):
            page = bare_extraction(html, output_format="txt", include_formatting=emphasis, **options)
            found = marks_of((page.body, page.commentsbody), text) if isinstance(page, Document) else None
            if found is not None:
                return found
        return None

    def run(html: str) -> Extracted:
        text = extract(html, **options) or ""
        return (text, marks(html, text)) if structure and text else text

    return run


def resiliparse(comments: Comments) -> Engine:
    """Return an engine for the main content without the alternative texts of images.

    Readers' comments are kept unless they are to be dropped: the library's switch also drops the threads of forums.
    """
    from resiliparse.extract.html2text import extract_plain_text  # as above

    def run(html: str) -> str:
        return extract_plain_text(html, main_content=True, alt_texts=False, comments=comments != "drop")

    return run
