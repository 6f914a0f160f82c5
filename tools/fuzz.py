"""Fuzzes the readers of other people's files with any bytes: they return, or raise one of the engine's errors.

usage: python tools/fuzz.py archive|payload|recipe|record SECONDS CORPUS

New inputs are added to the folder CORPUS; put real files there first (``record`` writes some itself). Needs
atheris, which follows the branches of Python; kernels are fuzzed by ``make fuzz``. Ends at the first input that breaks
a law, and keeps it beside CORPUS.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

# The folder of a script is on the path, but not the one that the package ``tools`` is in.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
os.environ["REFINERY_KERNELS"] = "reference"  # atheris follows Python code only

import atheris

with atheris.instrument_imports(include=["refinery"]):
    import refinery
    from refinery.demo import sample
    from refinery.demo.kinds import LEAST
    from refinery.inspect.reader import open_root
    from refinery.kernels.reference import charset, payload
    from refinery.recipe import from_dict, recipe_dict
    from refinery.recipe.reader import parse_untrusted
    from refinery.stages.warc import Warc
    from refinery.stages.wet import Wet
    from refinery.store import LocalStore

MOST = 1 << 16
SOURCES = (Warc(max_payload=MOST), Warc(max_payload=MOST, check_digests=True), Wet(max_text=MOST))
CODINGS = ("gzip", "deflate", "br", "zstd", "identity", "chunked", "x-gzip, br", "")
RECIPE = """
dataset: fuzz
inputs: "{folder}/crawl/*"
root: "{folder}/root"
pipeline: [warc: {{}}, url: {{}}, extract: {{}}, lines: {{}}, minhash: {{}}, export: {{}}]
executor: {{workers: 1}}
"""
LOOKS = (refinery.read_counts, refinery.collect_garbage, refinery.status, refinery.problems)


class Memory(LocalStore):
    """One file."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def open(self, path: str) -> BinaryIO:
        """Open the file, under any name."""
        del path
        return BytesIO(self._data)


def archive(data: bytes) -> None:
    """Every row is inside the file, and a page with bytes of its own is read again at its pointer."""
    source, store = SOURCES[data[0] % len(SOURCES)], Memory(data[1:])
    for records in source.read("a", store):
        text = source.adds[0].name
        found = (cast(Any, records.columns[name]).to_pylist() for name in ("offset", "length", "id", text))
        for offset, length, who, page in zip(*found, strict=True):
            assert length == 0 or offset + length < len(data), (offset, length)
            if length and page is not None:
                again = source.read_one("a", offset, length, store)
                assert cast(Any, again.columns["id"]).to_pylist() == [who], (offset, length)


def codings(data: bytes) -> None:
    """A payload, and its text, are within the limit."""
    transfer, content = (CODINGS[byte % len(CODINGS)].split(", ") for byte in data[:2].ljust(2, b"\0"))
    found = payload.unpacked(data[2:], transfer, content, MOST)
    assert found.too_large or len(found.data) <= MOST, len(found.data)
    charset.decoded(found.data, "")


def recipe(data: bytes) -> None:
    """A recipe is refused with its place, or equals its stored form."""
    try:
        pipeline = parse_untrusted(data.decode("utf-8", "replace"), "r")
    except refinery.RefineryError:
        return
    assert from_dict(recipe_dict(pipeline), pipeline.root).steps == pipeline.steps


class Record:
    """A finished root in which one record is replaced."""

    def __init__(self, corpus: Path) -> None:
        self._folder = Path(tempfile.mkdtemp())
        sample(str(self._folder / "crawl"), pages=LEAST, files=1, seed=0)
        (self._folder / "r.yaml").write_text(RECIPE.format(folder=self._folder))
        assert refinery.run(refinery.load(str(self._folder / "r.yaml"))).complete
        self._root = self._folder / "root"
        patterns = ("HEAD.json", "*-extract/manifest*", "*-extract/receipts/*", "*-minhash/receipts/*", "runs/*")
        self._places = [path for pattern in patterns for path in sorted(self._root.glob(pattern))]
        for number, path in enumerate(self._places):
            (corpus / f"record-{number}").write_bytes(bytes([number]) + path.read_bytes())

    def __call__(self, data: bytes) -> None:
        """Readers of the root report the damage, or succeed."""
        path = self._places[data[0] % len(self._places)]
        before = path.read_bytes()
        path.write_bytes(data[1:])
        try:
            for look in (*LOOKS, lambda root: open_root(root).pipeline):
                with suppress(refinery.RefineryError):
                    look(str(self._root))
        finally:
            path.write_bytes(before)

    def close(self) -> None:
        """Remove the root."""
        shutil.rmtree(self._folder)


def main() -> None:
    """Run one target until its time is up."""
    name, seconds, corpus = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    corpus.mkdir(parents=True, exist_ok=True)
    plain = {"archive": archive, "payload": codings, "recipe": recipe}
    target = plain[name] if name in plain else Record(corpus)
    limits = (f"-max_total_time={seconds}", "-max_len=20000", "-timeout=20", "-rss_limit_mb=2048")
    arguments = [sys.argv[0], str(corpus), f"-artifact_prefix={corpus}-", *limits]
    atheris.Setup(arguments, lambda data: target(data) if data else None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
