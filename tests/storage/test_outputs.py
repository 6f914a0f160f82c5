"""Outputs of a root at s3://: superseded ones are moved by the store, and a data set reads the current ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import refinery
from refinery.inspect.reader import open_root
from refinery.inspect.verification import verify
from refinery.recipe import Pipeline
from refinery.stages.export import Export
from refinery.store import S3Store, s3_parts, taken
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.test_partitions import Labelled
from tests.engine.toy import Gather, Length, LineSource, Same

STORE = S3Store()


def recipe(folder: Path, root: str, min_words: int = 2) -> Pipeline:
    """Every kind of stage over three local files."""
    kinds = steps(LineSource(), Length(min_words=min_words), Same(), Gather())
    return pipeline(folder, kinds).model_copy(update={"root": root})


def globbed(root: str) -> set[str]:
    """Every Parquet file in ``kept`` and ``removed`` of the stages."""
    patterns = (f"{root}/{folder}/{side}/*" for folder in STORE.folders(root) for side in ("kept", "removed"))
    return {path for pattern in patterns for path in STORE.list(pattern)}


def named(root: str) -> set[str]:
    """Those that the head leads to."""
    opened = refinery.open(root)
    return {path for name in opened.stages for side in ("kept", "removed") for path in opened.stage(name).files(side)}


def test_after_a_changed_threshold_globs_read_the_new_rows(bucket: str, tmp_path: Path) -> None:
    """Nothing is downloaded to move what is superseded, and going back makes nothing again."""
    write_inputs(tmp_path / "in")
    root = f"{bucket}/root"
    quick(recipe(tmp_path, root))
    first = globbed(root)
    assert first == named(root)
    quick(recipe(tmp_path, root, min_words=4))
    assert globbed(root) == named(root) != first
    assert verify(root).ok
    assert quick(recipe(tmp_path, root)).tasks == 0
    assert globbed(root) == named(root) == first
    rows = refinery.open(root).stage("gather").dataset().to_table()
    assert len(rows) == open_root(root).stage("gather").manifest.statistics.documents["kept"] > 0
    assert "superseded" in STORE.folders(root)
    assert STORE.folders(f"{root}/none") == []


def test_partitions_are_folders_of_a_bucket(bucket: str, tmp_path: Path) -> None:
    """Labels of any characters are keys; they appear and go with the setting, and each reader finds all rows."""
    texts = [f"{label}|text {number}" for number, label in enumerate(["de", "a b", "50%+/=ü", "", "de"])]
    write_inputs(tmp_path / "in", [texts])
    root = f"{bucket}/root"

    def recipe_by(column: str | None) -> Pipeline:
        export = Export(columns=("id", "text", "lang"), partition_by=column)
        return pipeline(tmp_path, steps(LineSource(), Labelled(), export)).model_copy(update={"root": root})

    quick(recipe_by("lang"))
    files = refinery.open(root).stage("export").files()
    assert sorted({path.split("/")[-2] for path in files}) == [
        "by_lang=50%25%2B%2F%3D%C3%BC",
        "by_lang=a%20b",
        "by_lang=de",
        "by_lang=no_label",
    ]
    assert STORE.list(f"{root}/02-export/kept/**/*.parquet") == files
    assert verify(root, rerun=1.0).ok
    rows = refinery.open(root).stage("export").dataset().to_table().to_pylist()
    assert sorted(row["text"] for row in rows) == sorted(texts)
    assert all(row["text"].startswith(f"{row['lang']}|") for row in rows)
    quick(recipe_by(None))
    assert STORE.list(f"{root}/02-export/kept/**/*.parquet") == refinery.open(root).stage("export").files()
    assert quick(recipe_by("lang")).tasks == 0
    assert refinery.open(root).stage("export").files() == files
    assert verify(root).ok


def test_large_objects_are_copied_in_parts(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One request copies so many bytes at most."""
    monkeypatch.setattr(s3_parts, "COPIED_AT_ONCE", 5 << 20)
    data = os.urandom(11 << 20)
    STORE.put(f"{bucket}/a", data)
    taken()
    STORE.copy(f"{bucket}/a", f"{bucket}/sub/b")
    assert taken().get("read", 0) < len(data)
    assert STORE.find(f"{bucket}/sub/b") == data
    STORE.put(f"{bucket}/small", b"x")
    STORE.copy(f"{bucket}/small", f"{bucket}/sub/b")
    assert STORE.find(f"{bucket}/sub/b") == b"x"
