"""From archives to the text of pages, with ``contests.py``: the source stage, and what others would do.

All read the real pages of the corpus, about 170 KB each; without the corpus there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, BinaryIO
from unittest.mock import patch

import pyarrow as pa

from refinery.kernels.reference import charset, pages, payload
from refinery.stages import warc
from refinery.stages._warc import pages as stage_pages, reading
from refinery.store import LocalStore
from tools.bench.documents import Documents

MOST = 1 << 24
JUDGED = ("outcome", "payload", "charset", "charset_found", "digest", "note")


def archives(given: Documents) -> list[str]:
    """The paths of the archives. Raises ImportError where there is no corpus."""
    if given.corpus is None:
        raise ImportError("the corpus of real pages is not beside the checkout")
    return sorted(str(path) for path in (given.corpus / "pages").glob("*.warc.gz"))


def page_count(given: Documents) -> int:
    """Pages in the archives; 1 where there are none."""
    return int(stage(archives(given)).num_rows) if given.corpus else 1


def native(given: Documents) -> Callable[[], pa.Table]:
    """The stage with the native kernel."""
    from refinery.kernels import native_pages as kernels

    return partial(_patched, archives(given), kernels.PageRows, kernels.unpacked, kernels.decoded)


def twin(given: Documents) -> Callable[[], pa.Table]:
    """The stage with its own reader alone."""
    return partial(_patched, archives(given), pages.PageRows, payload.unpacked, charset.decoded)


def _patched(files: list[str], rows: type[pages.PageRows], unpacked: Any, decoded: Any) -> pa.Table:
    with ExitStack() as stack:
        stack.enter_context(patch.object(reading, "PageRows", rows))
        stack.enter_context(patch.object(stage_pages, "unpacked", unpacked))
        stack.enter_context(patch.object(stage_pages, "decoded", decoded))
        return stage(files)


def stage(files: list[str]) -> pa.Table:
    """What the stage says of every response; the pages themselves are made and let go."""
    store = LocalStore()
    batches = (batch for path in files for batch in warc.Warc().read(path, store))
    metrics = [pa.table({name: batch.metrics[name] for name in JUDGED}) for batch in batches]
    return pa.concat_tables(metrics)


def fastwarc(given: Documents) -> Callable[[], int]:
    """The bodies of responses as strings: the decoder of resiliparse, and its detector where no charset is named."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    def bodies(stream: BinaryIO) -> Iterator[tuple[bytes, str | None]]:
        for record in ArchiveIterator(stream, record_types=WarcRecordType.response):
            yield record.reader.read(), record.http_charset

    return partial(_read, archives(given), bodies)


def warcio(given: Documents) -> Callable[[], int]:
    """The same by warcio, which undoes codings of bodies too."""
    from warcio.archiveiterator import ArchiveIterator

    def bodies(stream: BinaryIO) -> Iterator[tuple[bytes, str | None]]:
        for record in ArchiveIterator(stream):
            if record.rec_type == "response":
                yield record.content_stream().read(), None

    return partial(_read, archives(given), bodies)


def _read(files: list[str], bodies: Callable[[BinaryIO], Iterator[tuple[bytes, str | None]]]) -> int:
    from resiliparse.parse.encoding import bytes_to_str, detect_encoding

    characters = 0
    for path in files:
        with open(path, "rb") as stream:
            for body, named in bodies(stream):
                characters += len(bytes_to_str(body, named or detect_encoding(body) or "utf-8"))
    return characters
