"""What identifies a document: one id in a root, the same wherever its archive lies, and no mark of its content."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import UsageError
from refinery.inspect.accounts import why
from refinery.inspect.difference import diff
from refinery.inspect.verification import verify
from refinery.planner.inputs import Inputs, distinct
from refinery.planner.preflight import preflight
from refinery.recipe import Pipeline
from refinery.stage.base import Edit, Edited
from refinery.stage.documents import TEXT, Docs
from refinery.stage.global_stage import Global
from refinery.stages.minhash import MinHash
from refinery.stages.substring import Substring
from refinery.stages.urls import Urls
from refinery.stages.warc import Warc
from refinery.store import LocalStore
from tests.engine.roots import RootContents, pipeline, quick, steps
from tests.stages.warc.archives import members, one_member, plain, record

PAGES = 12
FOLDER = "02-"


class Bare(Edit):
    """The page is the text."""

    name: ClassVar = "bare"
    version: ClassVar = 1
    reads: ClassVar = ("html",)
    adds: ClassVar = (TEXT,)

    def edit(self, docs: Docs) -> Edited:
        return Edited({"text": docs.column("html")})


def crawl(first_id: int = 1) -> list[bytes]:
    """Records of pages of 80 words that have no five in common; the ids are those from some number on."""
    draw = random.Random(1)
    texts = [" ".join(f"w{draw.randrange(10**6)}" for _ in range(80)) for _ in range(PAGES)]
    names = [{"WARC-Record-ID": f"<urn:uuid:{UUID(int=first_id + number)}>"} for number in range(PAGES)]
    return [record(n, text.encode(), fields=name) for n, (text, name) in enumerate(zip(texts, names, strict=True))]


def write(path: Path, data: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def given_run(folder: Path, root: str, stage: Global, *inputs: str) -> Pipeline:
    return pipeline(folder, steps(Warc(), Bare(), stage), root=root, inputs=inputs)


def rows(folder: Path, root: str, stage: Global, side: Any = "kept") -> list[dict[str, Any]]:
    return RootContents(folder / root).rows(f"{FOLDER}{stage.name}", side)


KINDS: dict[str, Global] = {
    **{profile: MinHash(profile=profile) for profile in ("fineweb", "verified")},
    "refinedweb": MinHash(),
    "urls": Urls(),
    "substring": Substring(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_against_a_root_that_is_made_of_it_keeps_nothing(tmp_path: Path, kind: str) -> None:
    """Whatever ids its records have, and even where the very same file is read again."""
    stage = KINDS[kind]
    old = write(tmp_path / "old" / "a.warc.gz", members(crawl()))
    quick(given_run(tmp_path, "past", stage, old))
    assert len(rows(tmp_path, "past", stage)) == PAGES
    against = stage.model_copy(update={"against": (str(tmp_path / "past"),)})
    for root, first_id, among in (("same", 1, True), ("other", 1_000, False)):
        path = old if root == "same" else write(tmp_path / "in" / "a.warc.gz", members(crawl(first_id)))
        quick(given_run(tmp_path, root, against.model_copy(update={"within": among}), path))
        assert rows(tmp_path, root, stage) == []
        gone = rows(tmp_path, root, stage, "removed")
        assert len(gone) == PAGES
        assert root == "other" or not any(row[stage.name].get("supersedes") for row in gone)


def test_why_does_not_take_a_survivor_of_another_root_for_the_document_itself(tmp_path: Path) -> None:
    stage = KINDS["verified"]
    path = write(tmp_path / "a.warc.gz", members(crawl()))
    quick(given_run(tmp_path, "past", stage, path))
    quick(given_run(tmp_path, "new", stage.model_copy(update={"against": (str(tmp_path / "past"),)}), path))
    (account,) = why(str(tmp_path / "new"), "http://example.org/3").documents
    assert account.stations[2].related == ()
    (same,) = why(str(tmp_path / "new"), f"<urn:uuid:{UUID(int=4)}>").documents
    assert same.document == account.document


def test_records_that_come_again_in_another_file_are_duplicates(tmp_path: Path) -> None:
    """Each has an id of its own, one of each pair is kept, and no document is its own survivor."""
    stage = KINDS["verified"]
    made = crawl()
    both = [write(tmp_path / "a.warc.gz", members(made)), write(tmp_path / "b.warc.gz", members(made[::-1]))]
    quick(given_run(tmp_path, "root", stage, *both))
    kept, gone = (rows(tmp_path, "root", stage, side) for side in ("kept", "removed"))
    assert (len(kept), len(gone)) == (PAGES, PAGES)
    ids = {row["id"] for row in kept}
    assert len(ids | {row["id"] for row in gone}) == 2 * PAGES
    assert {row["url"] for row in kept} == {row["url"] for row in gone}
    for row in gone:
        assert row["minhash"]["survivor"] in ids
    assert verify(str(tmp_path / "root"), rerun=2).findings == ()


def test_a_file_is_read_once_however_often_it_is_listed(tmp_path: Path) -> None:
    """By a glob and a path, by two spellings, through a link to its folder; ``check`` says how many were left out."""
    path = write(tmp_path / "in" / "a.warc.gz", members(crawl()))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    inputs = [path, f"{tmp_path}/in/*.warc.gz", f"{tmp_path}/in/../in/a.warc.gz", f"{tmp_path}/link/a.warc.gz"]
    found = given_run(tmp_path, "root", KINDS["verified"], *inputs)
    assert Inputs(found).paths() == [path]
    quick(found)
    assert len(rows(tmp_path, "root", KINDS["verified"])) == PAGES
    looked = preflight(found)
    assert (looked.obstacles, looked.inputs.paths(), looked.inputs.repeated) == ((), [path], 2)


def test_a_copy_of_a_file_is_refused(tmp_path: Path) -> None:
    """Files of one name that begin alike are named in an error, before anything is read; others may share a name."""
    made = crawl()
    first = write(tmp_path / "a" / "x.warc.gz", members(made))
    copied = write(tmp_path / "b" / "x.warc.gz", members(made))
    other = write(tmp_path / "c" / "x.warc.gz", members(made[1:]))
    with pytest.raises(UsageError, match=f"{first} and {copied} have one name") as raised:
        quick(given_run(tmp_path, "root", KINDS["verified"], first, other, copied))
    assert "leave one out" in raised.value.hint
    (obstacle,) = preflight(given_run(tmp_path, "root", KINDS["verified"], first, other, copied)).obstacles
    assert obstacle.error.message == raised.value.message
    quick(given_run(tmp_path, "root", KINDS["verified"], first, other))
    assert len(rows(tmp_path, "root", KINDS["verified"])) == PAGES


def test_a_moved_archive_gives_the_same_documents(tmp_path: Path) -> None:
    """Roots made of an archive at two places have the same ids, so their difference is none; more files change none."""
    stage = KINDS["verified"]
    here = write(tmp_path / "here" / "a.warc.gz", members(crawl()))
    there = write(tmp_path / "there" / "a.warc.gz", members(crawl()))
    more = write(tmp_path / "there" / "0.warc.gz", members([record(77, b"<p>another page</p>")]))
    for root, inputs in (("left", [here]), ("right", [there]), ("more", [more, there])):
        quick(given_run(tmp_path, root, stage, *inputs))
    assert diff(str(tmp_path / "left"), str(tmp_path / "right")).outcome_changes == ()
    (added,) = diff(str(tmp_path / "left"), str(tmp_path / "more")).outcome_changes
    assert (added.left, added.right, added.documents) == ("absent", "kept", 1)


POOL = [record(number % 3 + 1, bytes([97 + number % 5])) for number in range(6)]
files = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["x.warc", "y.warc"])),
    st.tuples(
        st.lists(st.sampled_from(POOL), max_size=5), st.sampled_from([plain, members, one_member]), st.booleans()
    ),
    max_size=4,
)


@given(files)
@settings(max_examples=150)
def test_ids_are_unique_in_a_root_whatever_its_files_have_in_common(made: dict[Any, Any]) -> None:
    """Records may come again in a file and in others, under the same or another name: or the files are refused."""
    with TemporaryDirectory() as folder:
        for (place, name), (chosen, layout, cut) in made.items():
            data = layout(chosen)
            write(Path(folder) / place / name, data[: len(data) // 2] if cut else data)
        paths = [f"{folder}/{place}/{name}" for place, name in made]
        accepted, copies = distinct(paths)
        if copies:
            by_name = [(name, Path(path).read_bytes()) for (_, name), path in zip(made, paths, strict=True)]
            assert len(set(by_name)) < len(by_name)
            return
        batches = [batch for path in accepted for batch in Warc().read(path, LocalStore())]
        ids = [one for batch in batches for one in batch.columns["id"].to_pylist()]
        assert accepted == paths
        assert len(set(ids)) == len(ids)
