"""The extraction engines: each a function that loads a library and returns ``html -> text``.

They run in a sandbox (``stages._extract.child``), so nothing here guards against time, memory or crashes. An engine
keeps no state from page to page that could show in its output.
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
    """Plain text of the main content, tables in, reader comments out unless they are to be kept.

    trafilatura's own de-duplication stays off. Its cache outlives a page, so a text would depend on the pages before
    it; and with a cache for each page it lost .007 word F1 and emptied 20 of 2,226 pages, because the library extracts
    a page several times and counts its own repetitions.
    """
    from trafilatura import extract  # not on top: a child loads only the engine it runs

    logging.disable(logging.CRITICAL)
    precision, recall = favour == "precision", favour == "recall"

    def run(html: str) -> str:
        return extract(html, include_comments=comments == "keep", favor_precision=precision, favor_recall=recall) or ""

    return run


def resiliparse(comments: Comments) -> Engine:
    """Plain text of the main content, without the alternative texts of images.

    Reader comments stay in unless they are to be dropped: the switch also drops the threads of forums.
    """
    from resiliparse.extract.html2text import extract_plain_text  # as above

    def run(html: str) -> str:
        return extract_plain_text(html, main_content=True, alt_texts=False, comments=comments != "drop")

    return run
