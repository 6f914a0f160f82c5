"""Which files a pattern names."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from refinery.errors import StorageError, UsageError
from refinery.stages._warc.inputs import ARCHIVES, TEXT_ARCHIVES, archives
from refinery.store import LocalStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Archives, and files that are none."""
    for name in ("b.warc.gz", "a.warc", "deep/c.warc.gz", "deep/d.arc", "e.warc.zst", "notes.txt", "truth.jsonl.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def found(pattern: str, folder: Path) -> list[str]:
    """The paths, relative to the folder."""
    return [str(Path(path).relative_to(folder)) for path in archives(pattern, LocalStore(), ARCHIVES)]


def test_a_path_names_itself_whatever_it_is_called(folder: Path) -> None:
    assert found(str(folder / "b.warc.gz"), folder) == ["b.warc.gz"]
    assert found(str(folder / "truth.jsonl.gz"), folder) == ["truth.jsonl.gz"]


def test_a_glob_names_what_matches_it(folder: Path) -> None:
    assert found(f"{folder}/*.gz", folder) == ["b.warc.gz", "truth.jsonl.gz"]
    assert found(f"{folder}/**/*.warc.gz", folder) == ["b.warc.gz", "deep/c.warc.gz"]


def test_a_folder_names_the_archives_below_it_sorted(folder: Path) -> None:
    assert found(str(folder), folder) == ["a.warc", "b.warc.gz", "deep/c.warc.gz", "deep/d.arc", "e.warc.zst"]


@pytest.mark.parametrize("name", ["warc.paths", "warc.paths.gz", "list.txt"])
def test_a_list_names_its_lines_relative_to_its_folder(folder: Path, name: str) -> None:
    text = f"deep/c.warc.gz\r\n\n  a.warc\n{folder}/b.warc.gz\na.warc\n".encode()
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert found(str(folder / name), folder) == ["a.warc", "b.warc.gz", "deep/c.warc.gz"]


def test_a_listed_file_that_is_missing_is_named_with_its_line(folder: Path) -> None:
    (folder / "warc.paths").write_text("a.warc\n\nnone.warc\n")
    with pytest.raises(StorageError, match=r"warc\.paths:3: .*none\.warc: no such file") as caught:
        archives(str(folder / "warc.paths"), LocalStore(), ARCHIVES)
    assert caught.value.hint


def test_what_is_no_file_is_not_read_and_a_link_to_nowhere_is_an_error(folder: Path) -> None:
    expected = found(str(folder), folder)
    os.mkfifo(folder / "pipe.warc")
    (folder / "null.warc").symlink_to(os.devnull)
    (folder / "folder.warc.gz").mkdir()
    assert found(str(folder), folder) == expected
    for pattern in ("pipe.warc", "null.warc", "folder.warc.gz", "p*.warc"):
        with pytest.raises(StorageError, match="no input file"):
            archives(str(folder / pattern), LocalStore(), ARCHIVES)
    (folder / "nowhere.warc").symlink_to("none")
    assert set(found(str(folder), folder)) == {*expected, "nowhere.warc"}
    with pytest.raises(StorageError, match="No such file"):
        LocalStore().stats([str(folder / "nowhere.warc")])


def test_a_file_whose_name_is_no_text_is_an_error_that_shows_it(tmp_path: Path) -> None:
    with os.fdopen(os.open(os.fsencode(tmp_path) + b"/a\xff.warc", os.O_CREAT | os.O_WRONLY), "wb") as file:
        file.write(b"WARC/1.0\r\n")
    with pytest.raises(StorageError, match=r"a\\udcff\.warc': the file's name is not UTF-8") as caught:
        archives(str(tmp_path), LocalStore(), ARCHIVES)
    assert caught.value.hint


@pytest.mark.parametrize("pattern", ["none.warc.gz", "*.none", "none.paths", "deep/nothing"])
def test_a_pattern_that_names_nothing_is_an_error_with_a_hint(folder: Path, pattern: str) -> None:
    with pytest.raises(StorageError, match=r"no input file") as caught:
        archives(str(folder / pattern), LocalStore(), ARCHIVES)
    assert caught.value.hint


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xff\xfe"])
def test_a_list_without_paths_is_an_error(folder: Path, data: bytes) -> None:
    (folder / "warc.paths").write_bytes(data)
    with pytest.raises(StorageError, match=r"warc\.paths: "):
        archives(str(folder / "warc.paths"), LocalStore(), ARCHIVES)


def test_a_list_that_only_claims_to_be_gzip_is_an_error(folder: Path) -> None:
    (folder / "warc.paths.gz").write_bytes(b"a.warc\n")
    with pytest.raises(StorageError, match="not a list of paths"):
        archives(str(folder / "warc.paths.gz"), LocalStore(), ARCHIVES)


def test_an_empty_pattern_is_a_mistake_in_the_recipe() -> None:
    with pytest.raises(UsageError):
        archives(" ", LocalStore(), ARCHIVES)


def test_a_source_of_text_takes_other_endings_from_a_folder(tmp_path: Path) -> None:
    for name in ("a.warc.gz", "b.warc.wet.gz", "c.wet", "d.warc.wat.gz"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in archives(str(tmp_path), LocalStore(), TEXT_ARCHIVES)] == [
        "b.warc.wet.gz",
        "c.wet",
    ]


class Listing(LocalStore):
    """A list at some address, whose lines name files that nobody looks for."""

    def __init__(self, text: str) -> None:
        self.text = text

    def list(self, pattern: str) -> list[str]:
        return [pattern]

    def read(self, path: str, offset: int = 0, length: int | None = None) -> bytes:
        return gzip.compress(self.text.encode())


@pytest.mark.parametrize(
    ("listing", "line", "expected"),
    [
        (
            "s3://commoncrawl/crawl-data/CC/warc.paths.gz",
            "crawl-data/CC/x.warc.gz",
            "s3://commoncrawl/crawl-data/CC/x.warc.gz",
        ),
        (
            "https://data.example/crawl-data/CC/warc.paths.gz",
            "crawl-data/CC/x.gz",
            "https://data.example/crawl-data/CC/x.gz",
        ),
        ("s3://bucket/lists/warc.paths.gz", "part/x.warc.gz", "s3://bucket/lists/part/x.warc.gz"),
        ("s3://bucket/warc.paths.gz", "x.warc.gz", "s3://bucket/x.warc.gz"),
        ("https://host/lists/warc.paths.gz", "/root/x.warc.gz", "https://host/root/x.warc.gz"),
        ("s3://bucket/lists/warc.paths.gz", "https://host/x.warc.gz", "https://host/x.warc.gz"),
    ],
)
def test_a_list_at_a_remote_address(listing: str, line: str, expected: str) -> None:
    """Common Crawl's lists count from the bucket or host, others from their folder; none names local files."""
    assert archives(listing, Listing(f"{line}\n"), ARCHIVES) == [expected]


@pytest.mark.parametrize("prefix", ["https://data.example", "https://data.example/"])
def test_a_list_with_a_prefix(prefix: str) -> None:
    """Wherever the list is; whole addresses in it stay as they are."""
    text = "crawl-data/x.warc.gz\ns3://b/y.warc.gz\n"
    expected = ["https://data.example/crawl-data/x.warc.gz", "s3://b/y.warc.gz"]
    assert archives("warc.paths.gz", Listing(text), ARCHIVES, prefix) == expected
