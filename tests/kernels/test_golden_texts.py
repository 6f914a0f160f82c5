"""The native extractor finds the same in the same page on every machine, in every build, in any batch and thread."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

from tools.golden_texts import FILE, golden, pages

REFRESH = "if this was meant, run: python -m tools.golden_texts"


def test_texts_are_those_of_the_machine_that_wrote_them_down() -> None:
    """Text, title, language, confidence to the last bit, and all other metrics."""
    written, found = json.loads(FILE.read_text("utf-8")), golden()
    assert found["weights"] == written["weights"], f"other weights; {REFRESH}"
    assert found["hashes"].keys() == written["hashes"].keys(), REFRESH
    for way, hashes in found["hashes"].items():
        known = written["hashes"][way]
        others = [name for name in hashes.keys() | known.keys() if hashes.get(name) != known.get(name)]
        assert not others, f"{len(others)} pages changed, {sorted(others)[:5]} …; {REFRESH}"


def test_texts_do_not_depend_on_threads_and_batches() -> None:
    """One batch in one thread, and single pages in eight at once."""
    named = dict(pages())
    urls = pa.array(["https://example.org/"] * len(named))
    whole = main_texts(pa.array(named.values()), urls)
    with ThreadPoolExecutor(8) as threads:
        alone = threads.map(lambda page: main_texts(pa.array([page]), urls.slice(0, 1)), named.values())
        assert pa.Table.from_batches(list(alone)).combine_chunks().to_batches()[0].equals(whole)
