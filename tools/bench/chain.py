"""FineWeb's chain as datatrove runs it, for ``pipeline.py``: from WARC files to JSON lines.

Needs datatrove (``pip install datatrove[io,processing]``), which refinery does not depend on. Settings are those of its
``examples/fineweb.py``, but for the time a page may take: it has enough, so that a busy machine loses none. Removed
documents are not written. The lists and models are those that datatrove or refinery carries: nothing is got from the
network.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from refinery.assets import Asset

SECONDS = 60.0
"""For the main text of a page."""


def datatrove_seconds(inputs: list[str], folder: str, steps: Collection[str] = ("c4", "fineweb")) -> tuple[float, int]:
    """Seconds of CPU, of its children too, and the documents written to a folder. Files are read in their order.

    C4's rules and FineWeb's own are applied if they are among the ``steps`` of the recipe that it is compared with.
    Raises ImportError where datatrove is not installed.
    """
    started = _used()
    kept = sum(1 for path in inputs for _ in _written(Path(path).resolve(), folder, steps))
    multiprocessing.active_children()  # waits for those that ended, so that their time is known
    return _used() - started, kept


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _written(path: Path, folder: str, steps: Collection[str]) -> Any:
    from datatrove.pipeline import filters
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter
    from datatrove.utils import lid
    from tldextract import TLDExtract

    lid.cached_asset_path_or_download = lambda *_, **__: os.fspath(Asset("lid.176.ftz").path())
    urls = filters.URLFilter()
    urls.tldextractor = TLDExtract(suffix_list_urls=())
    chain = [
        WarcReader(str(path.parent), glob_pattern=path.name, default_metadata={"dump": "bench"}),
        urls,
        Trafilatura(favour_precision=True, timeout=SECONDS),
        filters.LanguageFilter(),
        filters.GopherRepetitionFilter(),
        filters.GopherQualityFilter(),
        *([filters.C4QualityFilter(filter_no_terminal_punct=False)] if "c4" in steps else []),
        *([filters.FineWebQualityFilter()] if "fineweb" in steps else []),
        JsonlWriter(folder, output_filename=f"{path.name}.${{rank}}.jsonl.gz"),
    ]
    documents: Any = None
    for step in chain:
        documents = step.run(documents, 0, 1)
    return documents
