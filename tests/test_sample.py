"""The sample holds what its manifest says, is the same everywhere, and contains nothing of anybody's site."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import zlib
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import fasttext
import pyarrow as pa
import pytest
from warcio.archiveiterator import ArchiveIterator

from refinery.assets import Asset
from refinery.demo import sample
from refinery.demo.archive import member
from refinery.demo.chance import SeededRandom
from refinery.demo.prose import data, english, foreign, languages
from refinery.demo.sample import BLOCKLIST, MANIFEST
from refinery.errors import UsageError
from refinery.stage.documents import Docs
from refinery.stages.url import CURATED, Url
from tests.conftest import REPOSITORY

PAGES = 400


class Made:
    """The default sample and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = sample(str(folder))
        self.records = {name: members((folder / name).read_bytes()) for name in self.manifest["files"]}
        every = [parsed(record) for records in self.records.values() for record in records]
        self.responses = {fields["WARC-Record-ID"]: block for fields, block in every if "WARC-Record-ID" in fields}
        self.documents = self.manifest["documents"]

    def of(self, kind: str) -> list[dict[str, str]]:
        return [entry for entry in self.documents if entry["kind"] == kind]

    def payload(self, entry: dict[str, str]) -> bytes:
        return self.responses[entry["id"]].partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("sample"))


def members(data: bytes) -> list[bytes]:
    """What the whole gzip members of a file hold; bytes between them are passed over."""
    found = []
    while (start := data.find(b"\x1f\x8b\x08")) >= 0:
        inflate = zlib.decompressobj(31)
        record = inflate.decompress(data[start:])
        if not inflate.eof:
            break
        found.append(record)
        data = inflate.unused_data
    return found


def parsed(record: bytes) -> tuple[dict[str, str], bytes]:
    head, _, block = record.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    return dict(line.split(": ", 1) for line in lines[1:]), block.removesuffix(b"\r\n\r\n")


# ------------------------------------------------------------------------------------------------------- determinism


def test_same_bytes_in_any_process(made: Made, tmp_path: Path) -> None:
    """The same arguments give the same bytes, whatever the hash seed, the time zone and the process."""
    tool = [sys.executable, str(REPOSITORY / "tools" / "make_sample.py"), "--out", str(tmp_path)]
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(tool, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["planted"] == made.manifest["planted"]
    names = sorted(path.name for path in made.folder.iterdir())
    assert names == sorted([*made.manifest["files"], BLOCKLIST, MANIFEST])
    for name in names:
        assert (made.folder / name).read_bytes() == (tmp_path / name).read_bytes()


def test_seed_pages_and_files(tmp_path: Path) -> None:
    """Another seed gives other pages; any number of files holds them all; too few pages are an error."""
    one, two = sample(str(tmp_path / "1"), 100, 1, 1), sample(str(tmp_path / "2"), 100, 3, 2)
    assert (len(one["files"]), len(two["files"])) == (1, 3)
    assert len(one["documents"]) == len(two["documents"]) == 100
    assert one["planted"] == two["planted"]
    assert all(count >= 1 for count in one["planted"].values())
    assert [d["url"] for d in one["documents"]] != [d["url"] for d in two["documents"]]
    for pages, files in ((99, 1), (100, 0)):
        with pytest.raises(UsageError):
            sample(str(tmp_path / "3"), pages, files)
    assert not (tmp_path / "3").exists()


def test_gzip_members_are_sound() -> None:
    """A member is what gzip reads, and holds no time."""
    for content in (b"", b"text", bytes(range(256)) * 1000):
        assert gzip.decompress(member(content)) == content
        assert member(content)[4:8] == bytes(4)


# ------------------------------------------------------------------------------------------------------- the archives


def test_counts(made: Made) -> None:
    """The manifest counts every page once, every record of every file, and the bytes of the files."""
    planted = Counter(entry["kind"] for entry in made.documents)
    assert planted | {"garbage between records": 1} == made.manifest["planted"]
    assert sum(planted.values()) == PAGES
    for name, file in made.manifest["files"].items():
        types = Counter(parsed(record)[0]["WARC-Type"] for record in made.records[name])
        cut = {entry["file"] for entry in made.of("truncated")} == {name}
        assert types + Counter(response=int(cut)) == file["records"]
        assert (made.folder / name).stat().st_size == file["bytes"]
    assert json.loads((made.folder / MANIFEST).read_text("utf-8")) == made.manifest


def test_another_reader_agrees(made: Made) -> None:
    """The library warcio reads the same records from files without garbage and finds the digests right."""
    wrong = {"length too long", "length too short", "truncated"}
    # warcio takes the digest of a payload before the transfer coding is taken off, the standard after.
    wrong |= {"chunked", "gzip chunked"}
    kinds = {entry["id"]: entry["kind"] for entry in made.documents}
    for name, file in made.manifest["files"].items():
        if name == "sample-00001.warc.gz":
            continue
        types: Counter[str] = Counter()
        with (made.folder / name).open("rb") as stream:
            for record in ArchiveIterator(stream, check_digests=True):
                record.raw_stream.read()
                types[record.rec_type] += 1
                if record.rec_type == "response" and record.digest_checker.passed is False:
                    assert kinds[record.rec_headers.get_header("WARC-Record-ID")] in wrong
        assert types == file["records"]


def test_records_are_laid_out_as_in_common_crawl(made: Made) -> None:
    """A file opens with warcinfo; a capture is request, response and metadata, tied by their identifiers."""
    for records in made.records.values():
        fields = [parsed(record)[0] for record in records]
        assert fields[0]["WARC-Type"] == "warcinfo"
        ids = [f["WARC-Record-ID"] for f in fields if "WARC-Record-ID" in f]
        assert len(ids) == len(set(ids))
        for response, metadata in pairwise(fields):
            if metadata["WARC-Type"] == "metadata":
                assert response["WARC-Type"] == "response"
                assert metadata["WARC-Concurrent-To"] == response.get("WARC-Record-ID", metadata["WARC-Concurrent-To"])


def test_faults(made: Made) -> None:
    """Each kind of broken record is broken in that way."""
    by_url = {f.get("WARC-Target-URI"): (f, b) for rs in made.records.values() for f, b in map(parsed, rs)
              if f["WARC-Type"] == "response"}  # fmt: skip
    surplus = {"length too long": 700, "length too short": -200}
    for kind, lie in surplus.items():
        fields, block = by_url[made.of(kind)[0]["url"]]
        assert int(fields["Content-Length"]) == len(block) + lie
    assert "WARC-Record-ID" not in by_url[made.of("no record id")[0]["url"]][0]
    assert made.of("no target uri")[0]["url"] not in by_url
    assert made.of("truncated")[0]["id"] not in made.responses
    assert (made.folder / "sample-00003.warc.gz").read_bytes()[-8:-4] != b"\0\0\0\0"


# ---------------------------------------------------------------------------------------------------------- the pages


def test_addresses(made: Made) -> None:
    """No page has another's URL, and hosts are reserved names or the curated sources: nobody's site is accused."""
    urls = [entry["url"] for entry in made.documents]
    assert len(set(urls)) == len(urls)
    for url in urls:
        host = re.sub(r":\d+$", "", url.split("/")[2])
        assert host.endswith(".example") or any(host == c or host.endswith(f".{c}") for c in CURATED)


def test_stage_url_removes_what_was_planted_for_it(made: Made) -> None:
    """With the list beside the sample, stage ``url`` removes what was planted for it, for its reason, and no more."""
    stage = Url(blocklists=(str(made.folder / BLOCKLIST),))
    documents = made.documents
    values = stage.measure(Docs(pa.RecordBatch.from_pydict({"url": [d["url"] for d in documents]})))
    types = {m.name: m.type for m in Url.metrics}
    reasons: list[str | None] = [None] * len(documents)
    for rule in reversed(stage.rules()):
        violated = rule.violated(pa.array(values[rule.metric], types[rule.metric])).to_pylist()
        reasons = [rule.id if bad else reason for bad, reason in zip(violated, reasons, strict=True)]
    named = {"strict word", "hard word", "soft words", "blocked domain", "curated source"}
    for entry, reason in zip(documents, reasons, strict=True):
        assert reason == (entry["kind"].replace(" ", "_") if entry["kind"] in named else None), entry


def test_copies(made: Made) -> None:
    """An exact copy has its original's bytes under another address; a near copy differs in one to four words."""
    by_url = {entry["url"]: entry for entry in made.documents}
    for entry in made.of("exact copy"):
        assert made.payload(entry) == made.payload(by_url[entry["of"]])
    for entry in made.of("near copy"):
        mine, its = (re.findall(r"(?m)^<p>(.+)</p>$", made.payload(e).decode()) for e in (entry, by_url[entry["of"]]))
        mine, its = (" ".join(texts).split() for texts in (mine, its))
        assert 1 <= sum(a != b for a, b in zip(mine, its, strict=True)) <= 4


def test_shared_paragraphs(made: Made) -> None:
    """Each shared paragraph is longer than 50 words and stands in many pages."""
    for notice in data("texts")["notices"]:
        assert len(notice.split()) > 60
        assert sum(notice.encode() in made.payload(entry) for entry in made.of("shared paragraph")) >= 10


def test_charsets(made: Made) -> None:
    """Pages are written in the charset they say, but for those planted to lie."""
    for kind in ("latin-1", "gb18030", "shift_jis", "windows-1251"):
        for entry in made.of(kind):
            declared = re.search(rb'charset="?([\w-]+)', made.responses[entry["id"]])
            assert declared is not None
            made.payload(entry).decode(declared[1].decode())
            with pytest.raises(UnicodeDecodeError):
                made.payload(entry).decode("utf-8")
    assert made.payload(made.of("byte order mark")[0]).startswith(b"\xef\xbb\xbf")
    lying = {b"charset=utf-8" in made.responses[e["id"]]: made.payload(e) for e in made.of("wrong charset")}
    assert "naïve".encode() in lying[False]
    assert "naïve".encode("cp1252") in lying[True]


def test_codings(made: Made) -> None:
    """Content and transfer codings are in the stored bytes."""
    page = b"</html>"
    assert all(page in gzip.decompress(made.payload(e)).lower() for e in made.of("gzip"))
    assert all(page in zlib.decompress(made.payload(e)).lower() for e in made.of("deflate"))
    assert all(made.payload(e).endswith(b"\r\n0\r\n\r\n") for e in made.of("chunked") + made.of("gzip chunked"))
    assert all(page in made.payload(e).lower() for e in made.of("false gzip"))


def test_hostile_pages(made: Made) -> None:
    """One page is 20,000 elements deep, one larger than 2 MB, one has NUL bytes."""
    assert made.payload(made.of("deep")[0]).count(b"<div>") >= 20_000
    assert len(made.payload(made.of("large")[0])) > 2_000_000
    assert b"\0" in made.payload(made.of("nul")[0])


# --------------------------------------------------------------------------------------------------------- the texts


@pytest.fixture(scope="module")
def identify() -> Any:
    model = fasttext.load_model(Asset("lid.176.ftz").path())

    def top(text: str) -> tuple[str, float]:
        labels, scores = model.predict(text)
        return labels[0].removeprefix("__label__"), float(scores[0])

    return top


def test_languages_are_recognised(identify: Any) -> None:
    """Every article is identified as its language with a score of at least 0.65."""
    for language in languages():
        for seed in range(5):
            article = foreign(language, SeededRandom(seed))
            label, score = identify(" ".join(article.paragraphs))
            assert (label, score > 0.65) == (language, True)
    for _, article in zip(range(200), english(200), strict=False):
        label, score = identify(" ".join(article.paragraphs))
        assert (label, score > 0.65) == ("en", True), article


def test_no_paragraph_comes_twice() -> None:
    """Two hundred and fifty articles, about what the default sample takes, share no paragraph."""
    articles = [article for _, article in zip(range(250), english(240), strict=False)]
    paragraphs = [paragraph for article in articles for paragraph in article.paragraphs]
    assert len(set(paragraphs)) == len(paragraphs)
