"""Laws of the native URL metrics: every value is that of the readable twin, and lists lie in memory once."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings, strategies as st

from refinery.kernels.reference import urls as twin
from refinery.kernels.reference.blocklist import BLOCKLIST, Blocklist, build_blocklist
from refinery.kernels.reference.urls import UrlRules
from refinery.stages._url import blocklist
from refinery.stages._url.suffixes import suffixes
from tests.kernels.natives import native
from tools.parity import same
from tools.strategies import HOSTS, NO_URL_RULES, URL_PIECES, URL_RULES, blocklist_of


def assert_parity(urls: pa.StringArray, rules: UrlRules = URL_RULES) -> None:
    same(native.url_metrics(urls, rules), twin.url_metrics(urls, rules))


@pytest.mark.parametrize(
    "urls",
    [
        [f"http://{host}/" for host in HOSTS],
        [f"http://a.example/{piece}" for piece in URL_PIECES],
        [None, "", " ", "http://", "http:///", "http://:80", "http://u@/", "http:/a.example", "http://a.example#/porn"],
        [f"http://{host}/porn//#x" for host in ("a.example", "b.a.example", "x.a.example", "com", "b.example")],
    ],
)
def test_odd_urls_are_measured_as_by_the_twin(urls: list[str | None]) -> None:
    """Every kind of host, every odd piece of a path, and what is no URL."""
    assert_parity(pa.array(urls, pa.string()))
    assert_parity(pa.array(urls, pa.string()), NO_URL_RULES)


FEW_WORDS = (frozenset({"com"}), ("news", "sex"), ("blog", "the"), ("a", "of"))


def test_every_code_point_in_a_url() -> None:
    """Each code point between words, as it is and percent-encoded: its lower case and class are the interpreter's."""
    codes = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    rows = [codes[start : start + 64] for start in range(0, 0x3000, 64)]
    rows += [codes[start : start + 1024] for start in range(0x3000, len(codes), 1024)]
    plain = [f"http://a.example/{'/'.join(f'porn{c}é' for c in row)}" for row in rows]
    encoded = [
        "http://a.example/" + "/".join("".join(f"%{byte:02x}" for byte in f"{c}sexg".encode()) for c in row)
        for row in rows[:200]
    ]
    assert_parity(pa.array(plain + encoded))
    letters = UrlRules(
        (), frozenset(), (), tuple(sorted({c.lower() for c in codes[:0x2000]})), (), frozenset(), frozenset()
    )
    assert_parity(pa.array([f"http://a.example/{'/'.join(row)}" for row in rows[:200]]), letters)


def test_real_urls_are_measured_as_by_the_twin(corpus: Path) -> None:
    """The addresses of real pages, and as many hosts of theirs that are listed."""
    with gzip.open(corpus / "pages" / "manifest.jsonl.gz", "rt", encoding="utf-8") as stream:
        urls = [json.loads(line)["url"] for line in stream]
    hosts = [host for url in urls[::3] for host in twin.domains(twin.parse_url(url).host, suffixes())]
    rules = UrlRules((blocklist_of(dict.fromkeys(hosts, "real")),), *FEW_WORDS, frozenset(), suffixes())
    assert_parity(pa.array(urls), rules)
    assert_parity(pa.array(urls))


@pytest.mark.parametrize(
    "filler", ["a", "a-", "%41", "%", "\0", "é", "//", "sexg", "porn/", "@", ":", ".", "Σ", "[", "%25"]
)
def test_a_huge_url_is_measured(filler: str) -> None:
    """One thing repeated, in the host and behind it, is measured as by the twin."""
    much = filler * (200_000 // len(filler))
    assert_parity(pa.array([f"http://a.example/{much}", f"http://{much}/", much]))


def test_only_the_entry_itself_is_found() -> None:
    """Another string with the hash of an entry is not listed: strings decide, not hashes."""
    entries, probe = pa.array(["other.example", "third.example"], pa.large_string()), "a.example"
    hashes = pa.array([xxhash.xxh3_64_intdigest(probe.encode())] * 2, pa.uint64())
    forged = UrlRules(
        (build_blocklist(entries, hashes, pa.array([0, 0], pa.int8()), ["x"]),), *FEW_WORDS, frozenset(), suffixes()
    )
    assert_parity(pa.array([f"http://{probe}/"]), forged)
    assert native.url_metrics(pa.array([f"http://{probe}/"]), forged)["domain"].to_pylist() == ["none"]


NUMBERS = st.integers(0, 2**32 - 1) | st.integers(0, 4)


@given(st.lists(NUMBERS, min_size=3, max_size=3), st.lists(st.integers(-(2**63), 2**63 - 1) | NUMBERS, min_size=2))
@settings(max_examples=200, deadline=None)
def test_in_a_damaged_list_a_look_up_ends(first: list[int], inner: list[int]) -> None:
    """Whatever a file says of where buckets and entries begin, nothing outside of it is read; a wrong end is refused."""
    tags = pa.array([xxhash.xxh3_64_intdigest(b"a.example") & 0xFFFFFFFF] * 3, pa.uint32())
    kinds = pa.DictionaryArray.from_arrays(pa.array([0, 0, 0], pa.int8()), ["x"])

    def damaged(end: int) -> Blocklist:
        offsets = pa.array([0, *inner[:2], end], pa.int64()).buffers()[1]
        entries = pa.Array.from_buffers(pa.large_string(), 3, [None, offsets, pa.py_buffer(b"a.example")])
        return Blocklist(
            pa.RecordBatch.from_arrays([pa.array(first, pa.uint32()), tags, entries, kinds], schema=BLOCKLIST)
        )

    rules = UrlRules((damaged(9),), *FEW_WORDS, frozenset(), suffixes())
    native.url_metrics(pa.array(["http://a.example/"]), rules)
    for end in (-1, 10):
        with pytest.raises(ValueError, match="offset"):
            damaged(end)


def test_what_is_no_url_is_refused() -> None:
    """Bytes that are not UTF-8, surrogates among them, and other types raise errors of Python, never a panic."""
    for data in (b"\xff\xfe", b"\xed\xa0\x80"):
        offsets = pa.array([0, len(data)], pa.int32()).buffers()[1]
        broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)])
        for kernel in (native, twin):
            with pytest.raises(ValueError, match=r"utf-8|text 0"):
                kernel.url_metrics(broken, URL_RULES)
    with pytest.raises(TypeError):
        native.url_metrics(pa.array([1]), URL_RULES)


LOOK = """
import sys, pyarrow as pa
from refinery.kernels import UrlRules, url_metrics
from refinery.stages._url import blocklist
rules = UrlRules((blocklist.load(sys.argv[1]),), frozenset(), (), (), (), frozenset(), frozenset())
metrics = url_metrics(pa.array([f"http://{number}.example/" for number in range(0, 400_000, 3)]), rules)
assert set(metrics["domain"].to_pylist()) == {"x"}
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what memory is shared")
def test_processes_share_a_list(tmp_path: Path) -> None:
    """Two processes that search a list hold its pages once: none is of their own, and each counts for half."""
    path = tmp_path / "list.arrow"
    entries = pa.array([f"{number}.example" for number in range(400_000)], pa.large_string())
    blocklist.write(str(path), blocklist.make(entries, pa.array([0] * len(entries), pa.int8()), ["x"]))
    with ExitStack() as stack:
        command = [sys.executable, "-c", LOOK, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        workers = [stack.enter_context(subprocess.Popen(command, text=True, **pipes)) for _ in range(2)]
        assert [worker.stdout.readline() for worker in workers if worker.stdout] == ["ready\n"] * 2
        maps = [psutil.Process(worker.pid).memory_maps() for worker in workers]
        for worker in workers:
            worker.communicate("go\n")
    mapped = [region for regions in maps for region in regions if region.path == str(path)]
    assert len(mapped) == 2
    for region in mapped:
        assert region.private_dirty == 0
        assert region.rss > path.stat().st_size // 2
        assert region.pss < region.rss * 0.6
