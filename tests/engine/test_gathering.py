"""Small input files are put together into parts: with the rows of one file a part, and few parts change with a file."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import ByteSize

from refinery.errors import StorageError
from refinery.inspect.file_counts import file_counts
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.reader import open_root
from refinery.inspect.verification import verify
from refinery.planner.estimator import plan
from refinery.planner.gathering import FILE_BYTES, LEAST, MOST, boundaries
from refinery.planner.inputs import Inputs
from refinery.planner.preflight import preflight
from refinery.recipe import Pipeline, recipe_dict
from refinery.root.input_lists import list_content, read_list
from refinery.task.reading import input_files, read_input
from tests.engine.roots import RootContents, all_kinds, pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

USUAL = 4 * FILE_BYTES
"""Bytes of a part of about four small files."""

TEXTS = [[f"line {n} of file {f % 7}" for n in range(f % 5 + 1)] for f in range(12)]

SHORT = steps(LineSource(), Length())


def gathered(folder: Path, root: str = "root", **settings: Any) -> Pipeline:
    """A pipeline over ``folder/in`` that gathers small files."""
    return pipeline(folder, SHORT, root=root, gather_inputs=ByteSize(USUAL), **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with many small files."""
    write_inputs(tmp_path / "in", TEXTS)
    return tmp_path


def names(paths: list[str], sizes: dict[str, int], usual: int = USUAL) -> list[tuple[str, ...]]:
    """The files of each part."""
    paths = sorted(paths)
    return [tuple(paths[n] for n in part) for part in boundaries(paths, [sizes[path] for path in paths], usual)]


files = st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(0, 2 * USUAL), min_size=1, max_size=60)


@given(files)
def test_each_file_is_in_one_part(sizes: dict[str, int]) -> None:
    """In order; no part has more than the most bytes, none but the last and those before large files the fewest."""
    parts = names(list(sizes), sizes)
    assert [name for part in parts for name in part] == sorted(sizes)
    weights = [sum(max(sizes[name], FILE_BYTES) for name in part) for part in parts]
    assert all(weight <= MOST * USUAL or len(part) == 1 for weight, part in zip(weights, parts, strict=True))
    following = [sizes[after[0]] for _, after in pairwise(parts)]
    assert all(weight >= LEAST * USUAL or large >= USUAL for weight, large in zip(weights[:-1], following, strict=True))
    assert all(len(part) == 1 for part in parts if any(sizes[name] >= USUAL for name in part))


@given(files, st.text("abcdef", min_size=7, max_size=7), st.integers(0, 2 * USUAL))
def test_a_new_file_changes_no_part_far_before_it(sizes: dict[str, int], new: str, size: int) -> None:
    """And from the first boundary on that both have behind it, all are equal."""
    before, after = names(list(sizes), sizes), names([*sizes, new], sizes | {new: size})
    place = next(n for n, part in enumerate(after) if new in part)
    distance = 0
    for number in reversed(range(place)):
        assert distance <= MOST * USUAL or after[number] == before[number]
        distance += sum(max(sizes[name], FILE_BYTES) for name in after[number])
    ends = {part[-1] for part in before} & {part[-1] for part in after if part[-1] > new}
    if ends:
        assert [p for p in before if p[0] > min(ends)] == [p for p in after if p[0] > min(ends)]


def test_a_new_file_changes_few_parts() -> None:
    """One, and a second one now and then: over many folders and places not more than a fifth more."""
    changed = 0
    for seed in range(50):
        chance = random.Random(seed)
        sizes = {f"{chance.random():.9f}": int(FILE_BYTES * chance.lognormvariate(0, 0.8)) for _ in range(400)}
        before = names(list(sizes), sizes, 16 * USUAL)
        new = f"{chance.random():.9f}"
        changed += len(set(names([*sizes, new], sizes | {new: FILE_BYTES}, 16 * USUAL)) - set(before))
    assert changed <= 1.2 * 50


def test_rows_are_those_of_one_file_a_part(folder: Path) -> None:
    """Documents, ids, pointers and verdicts are equal; ``verify``, ``plan`` and ``gc`` read input lists."""
    recipe = pipeline(folder, all_kinds(), gather_inputs=ByteSize(USUAL), audit=2)
    report = quick(recipe)
    assert report.complete
    quick(pipeline(folder, all_kinds(), root="single", audit=2))
    root, single = RootContents(folder / "root"), RootContents(folder / "single")
    for stage in ("00-lines-of-text", "01-words", "03-same", "04-gather"):
        expected = sorted(single.rows(stage), key=lambda row: row["id"])
        assert sorted(root.rows(stage), key=lambda row: row["id"]) == expected
    assert 1 < len(root.receipts("00-lines-of-text")) < len(TEXTS)  # how many is by chance: by hashes of paths
    for counted, expected in zip(root.statistics().values(), single.statistics().values(), strict=True):
        assert {**counted, "samples": None} == {**expected, "samples": None}  # they name parts
    checked = verify(str(folder / "root"), 1.0)
    assert (checked.findings, checked.recomputed > 0) == ((), True)
    assert sum(one.files for one in file_counts(open_root(str(folder / "root")))) == len(TEXTS)
    assert quick(recipe).tasks == 0
    assert plan(recipe).files == len(TEXTS)
    assert not collect_garbage(str(folder / "root")).files


def test_a_new_file_computes_the_parts_anew_that_it_changes(folder: Path) -> None:
    """The source reads the files of few parts again, and ``gc`` deletes the lists that no part has any more."""
    quick(gathered(folder))
    before = {list_content(path) or path for path in Inputs(gathered(folder)).paths()}  # a part of one file has no list
    (folder / "in" / "4x.txt").write_text("a new file\n")
    after = {list_content(path) or path for path in Inputs(gathered(folder)).paths()}
    assert 1 <= len(after - before) <= 5  # which ones is by chance: by hashes of paths
    estimate = plan(gathered(folder))
    assert estimate.stages[0].todo == len(after - before)
    quick(gathered(folder))
    kinds = [file.kind for file in collect_garbage(str(folder / "root"), delete=True).files]
    assert kinds.count("input list") == sum(not path.endswith(".txt") for path in before - after)
    assert quick(gathered(folder)).tasks == 0
    assert verify(str(folder / "root"), 1.0).ok


def test_a_faulty_file_has_its_own_name(folder: Path) -> None:
    """A file without documents is reported as one broken file of all, by its path."""
    (folder / "in" / "10.txt").write_text("# nothing\n")
    quick(gathered(folder, max_broken_inputs="50%"))
    inputs = RootContents(folder / "root").manifests["00-lines-of-text"].inputs
    assert (inputs.files, inputs.broken) == (len(TEXTS), 1)
    (fault,) = inputs.faults
    assert (fault.path, fault.records, fault.documents) == (str(folder / "in" / "10.txt"), 1, 0)
    quick(pipeline(folder, SHORT, root="single", max_broken_inputs="50%"))
    (single,) = RootContents(folder / "single").manifests["00-lines-of-text"].inputs.faults
    assert single.model_copy(update={"part": fault.part}) == fault
    assert verify(str(folder / "root")).ok


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    """The error of the part has the path of the file."""
    recipe = gathered(folder)
    found = preflight(recipe)
    path = next(path for path in found.inputs.paths() if list_content(path))  # a part of one file has no list
    missing = next(iter(read_list(path))).path
    Path(missing).unlink()
    with pytest.raises(StorageError, match=missing):
        [batch for file in input_files(path) for batch in read_input(LineSource(), file)]


def test_one_file_is_no_list(folder: Path) -> None:
    """A large file is a part as it is without gathering, so that its results are used again."""
    (folder / "in" / "5.txt").write_text("a long line of text\n" * 40_000)
    paths = Inputs(gathered(folder)).paths()
    assert str(folder / "in" / "5.txt") in paths
    assert len(paths) < len(TEXTS)


def test_a_recipe_that_does_not_gather_is_as_before(folder: Path) -> None:
    """The key is recorded only where it is set."""
    assert "gather_inputs" not in recipe_dict(pipeline(folder))
    assert recipe_dict(gathered(folder))["gather_inputs"] == USUAL
