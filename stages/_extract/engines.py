"""The extraction engines: functions that load a library and return ``html -> text``.

They run in a sandbox (``stages._extract.child``), which limits time and memory and handles crashes. The text of a page
does not depend on the pages before it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

Engine = Callable[[str], str]
Favour = Literal["balance", "precision", "recall"]
Comments = Literal["auto", "keep", "drop"]

LIBRARIES = {"trafilatura": ("trafilatura", "lxml", "justext"), "resiliparse": ("resiliparse",)}
"""The distributions that shape an engine's text."""


def trafilatura(favour: Favour, comments: Comments) -> Engine:
    """Return an engine for the main content with tables, and with readers' comments only if they are to be kept.

    trafilatura's own deduplication stays off. Its cache outlives a page, so a text would depend on the pages before it;
    and with one cache per page it lost .007 word F1 and emptied 20 of 2,226 pages, because the library extracts a page
    several times and counts its own repetitions.
    """
    from trafilatura import extract  # imported late: a child only loads its own engine

    logging.disable(logging.CRITICAL)
    precision, recall = favour == "precision", favour == "recall"

    def run(html: str) -> str:
        return extract(html, include_comments=comments == "keep", favor_precision=precision, favor_recall=recall) or ""

    return run


def resiliparse(comments: Comments) -> Engine:
    """Return an engine for the main content without the alternative texts of images.

    Readers' comments are kept unless they are to be dropped: the library's switch also drops the threads of forums.
    """
    from resiliparse.extract.html2text import extract_plain_text  # as above

    def run(html: str) -> str:
        return extract_plain_text(html, main_content=True, alt_texts=False, comments=comments != "drop")

    return run
