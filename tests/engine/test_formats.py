"""Every format has the same bytes however a run gets there: by any number of workers, or killed and resumed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refinery import Asset, Size
from refinery.recipe import Pipeline
from refinery.runner.run import run_together
from refinery.stages.export import Export
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.test_crash import States, every_state, same
from tests.engine.toy import LineSource
from tests.stages.formats import vocabularies

FORMS: dict[str, dict[str, Any]] = {
    "parquet": {},
    "jsonl": {"format": "jsonl"},
    "megatron": {"format": "megatron"},
    "npy": {"format": "npy"},
    "mds": {"format": "mds"},
    "webdataset": {"format": "webdataset"},
    "packed": {"format": "parquet", "pack": 16},
}
COLUMNS = {"columns": ("id", "text")}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Documents in several inputs, and a tokenizer; small, for the matrix copies them."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as place:
        write_inputs(Path(place) / "in", [[f"text {part} {row} {'ä' * row}" for row in range(6)] for part in range(3)])
        vocabularies.bytes_bpe(Path(place) / "tokenizer.json", "<|endoftext|>")
        yield Path(place)


def recipe(folder: Path, form: str, *, root: str = "root", workers: int = 1, batch: int = 4) -> Pipeline:
    """A recipe whose export has several shards, each of several documents."""
    columns = {} if form in ("megatron", "npy", "packed") else COLUMNS
    tokens = {"tokenizer": Asset(str(folder / "tokenizer.json"))} if form != "jsonl" else {}
    export = Export(**{**columns, **tokens, **FORMS[form], "layout": "files", "shard": Size(90)})
    return pipeline(folder, steps(LineSource(), export), root=root, workers=workers, batch=batch)


def dataset(root: Path) -> dict[str, bytes]:
    """The files of the folder ``dataset``."""
    place = root / "dataset"
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_workers_leave_no_trace(folder: Path) -> None:
    """One, two or three of them, with batches of any size."""
    expected = {}
    for form in FORMS:
        quick(recipe(folder, form, root=f"{form}-0", batch=1000))
        expected[form] = dataset(folder / f"{form}-0")
        assert len(expected[form]) > 3
    for workers in (1, 2, 3):
        run_together([recipe(folder, form, root=f"{form}-{workers}", workers=workers) for form in FORMS])
        assert {form: dataset(folder / f"{form}-{workers}") for form in FORMS} == expected


@pytest.mark.parametrize(
    ("form", "step"), [("megatron", 12), *(pytest.param(form, 2, marks=pytest.mark.slow) for form in FORMS)]
)
def test_a_kill_at_every_write_leaves_no_trace(folder: Path, form: str, step: int) -> None:
    """From the state before every change of a file of the export, the next run ends as an undisturbed one.

    In every state, a folder with a manifest is complete.
    """
    given = recipe(folder, form)
    quick(pipeline(folder, given.steps[:1]))
    states = States(folder / "root", folder / "states")
    with every_state(states):
        quick(given)
    expected, whole = RootContents(folder / "root"), dataset(folder / "root")
    assert len(states.paths) > 30
    for path, what in zip(states.paths[::-step], states.before[::-step], strict=True):
        assert not (path / "dataset" / "manifest.json").exists() or dataset(path) == whole, what
        quick(given.model_copy(update={"root": str(path)}))
        assert dataset(path) == whole, what
        assert same(RootContents(path), expected), what
