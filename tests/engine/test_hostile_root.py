"""A root that someone else wrote: its records cannot lead out of it, and damaged ones are errors and nothing worse."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from refinery.cli import execute
from refinery.errors import RefineryError, StorageError
from refinery.inspect.counts import read_counts
from refinery.inspect.garbage import collect_garbage
from refinery.inspect.verification import verify
from refinery.root.manifests import Head
from refinery.root.receipts import FileRef, Receipt
from tests.engine.looked import make, recipe
from tests.engine.roots import quick

OUTSIDE = ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/.", "..", ".", "a\\..\\b", "a\0b", "a\nb", "/", "a/"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_out_of_the_root_is_no_path(path: str) -> None:
    """In no record that names files."""
    receipt = {
        "kind": "stage",
        "stage": "x",
        "part": 0,
        "key": "00",
        "inputs": [],
        "contents": {},
        "rows": {},
        "files": {},
    }
    head = {"format": 1, "dataset": "x", "recipe": {}, "folders": [], "manifests": {}, "code": {}}
    msgspec.convert(receipt, Receipt)
    Head(**head)
    for model, values in (
        (FileRef, {"path": path, "rows": 0, "bytes": 0}),
        (Receipt, {**receipt, "statistics": path}),
        (Receipt, {**receipt, "key": path}),
        (Receipt, {**receipt, "files": {"kept": [{"path": path, "rows": 0, "bytes": 0}]}}),
        (Head, {**head, "folders": [path]}),
        (Head, {**head, "manifests": {"00-x": path}}),
        (Head, {**head, "manifests": {path: "00-x/manifest.json"}}),
    ):
        with pytest.raises(ValueError, match=r"no path below the root|names nothing in a folder"):
            Head(**values) if model is Head else msgspec.convert(values, model)


def edit(path: Path, change: Callable[[Any], None]) -> None:
    """Change the JSON in a file."""
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))


def test_a_receipt_that_leads_out_of_the_root_is_refused_and_nothing_there_is_touched(tmp_path: Path) -> None:
    """By those who read it, by gc, and by a run."""
    copy = make(tmp_path)
    outside = tmp_path / "outside.parquet"
    kept = next(copy.glob("01-words/kept/part-00000-*.parquet"))
    outside.write_bytes(kept.read_bytes())
    receipt = next(path for path in copy.glob("01-words/receipts/*.json") if kept.name[11:19] in path.name)
    edit(receipt, lambda value: value["files"]["kept"][0].update(path="../outside.parquet"))
    found = verify(str(copy))
    assert any("no path below the root" in finding.message for finding in found.findings)
    with pytest.raises(StorageError, match="no path below the root"):
        collect_garbage(str(copy), delete=True)
    with pytest.raises(StorageError, match="no path below the root"):
        quick(recipe(tmp_path))
    assert outside.exists()


def test_gc_does_not_follow_a_link_out_of_the_root(copy: Path) -> None:
    """What a stray link leads to stays; the link goes."""
    outside = copy.parent / "outside"
    outside.mkdir()
    (outside / "part-00000-aaaaaaaa.parquet").write_bytes(b"x")
    (copy / "01-words" / "removed" / "part-09999-bbbbbbbb.parquet").symlink_to(outside / "part-00000-aaaaaaaa.parquet")
    (copy / "09-stage").mkdir()
    (copy / "09-stage" / "kept").symlink_to(outside)
    collect_garbage(str(copy), delete=True)
    assert (outside / "part-00000-aaaaaaaa.parquet").exists()
    assert not (copy / "01-words" / "removed" / "part-09999-bbbbbbbb.parquet").is_symlink()


BESIDE = {"why": ["file://0.txt#2"], "diff": [], "sample": [], "spans": [], "what-if": ["--set", "words.min_words=3"]}
LOOKS = ["stats", "verify", "status", "logs", "gc", "report", *BESIDE]


@pytest.fixture
def stranger(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root whose recipe names a module that can be imported, and leaves a file when it is."""
    (copy.parent / "strange.py").write_text(
        "import pathlib\nfrom tests.engine.toy import Length\npathlib.Path(__file__).with_suffix('.ran').touch()\n"
    )
    monkeypatch.syspath_prepend(str(copy.parent))
    monkeypatch.delitem(sys.modules, "strange", raising=False)
    edit(copy / "HEAD.json", lambda head: head["recipe"]["pipeline"][1]["words"].update(use="strange:Length"))
    return copy


@pytest.mark.parametrize("verb", LOOKS)
def test_looking_at_a_root_runs_no_code_that_it_names(
    stranger: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is asked. Verbs that need the stages' code say in one line whose consent is missing."""
    roots = [str(stranger)] * 2 if verb == "diff" else ["--root", str(stranger)]
    also = ["--out", str(stranger.parent / "out")] if verb == "report" else []
    also += ["--rerun-sample", "100%"] if verb == "verify" else []
    code = execute([verb, *BESIDE.get(verb, ()), *roots, *also])
    said = "".join(capsys.readouterr())
    assert "strange" not in sys.modules
    assert not (stranger.parent / "strange.ran").exists()
    assert "Traceback" not in said
    if verb in ("why", "what-if", "report"):
        assert code == 2
        assert "a root's recipe names code, strange:Length" in said
        assert "-c FILE" in said


def test_what_the_users_recipe_names_the_roots_recipe_may_name(
    stranger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """-c is the consent: it imports the class, which is looked up then."""
    recipe = stranger.parent / "mine.yaml"
    steps = json.loads((stranger / "HEAD.json").read_text())["recipe"]["pipeline"]
    recipe.write_text(json.dumps({"dataset": "toy", "inputs": "none", "root": str(stranger), "pipeline": steps}))
    assert execute(["why", "file://0.txt#0", "-c", str(recipe)]) == 0
    assert "one two three" not in capsys.readouterr().err
    assert (stranger.parent / "strange.ran").exists()
    sys.modules.pop("strange")


RECORDS = [
    "HEAD.json",
    "01-words/manifest-*.json",
    "01-words/receipts/*.json",
    "03-same/receipts/*.json",
    "01-words/stats/*.gz",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(OUTSIDE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value within is."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


@pytest.mark.parametrize("place", RECORDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 20), VALUES, st.booleans())
def test_a_record_with_any_value_in_it_is_read_or_refused(
    copy: Path, place: str, at: int, put: Any, whole: bool
) -> None:
    """An error is one of the engine's own, with a message for people."""
    path = sorted(copy.glob(place))[at % len(sorted(copy.glob(place)))]
    before = path.read_bytes()
    packed = path.suffix == ".gz"
    try:
        value = json.loads(gzip.decompress(before) if packed else before)
        chosen = places(value)[at % len(places(value))]
        if not chosen or whole:
            value = put
        else:
            inner = value
            for key in chosen[:-1]:
                inner = inner[key]
            inner[chosen[-1]] = put
        text = json.dumps(value).encode()
        path.write_bytes(gzip.compress(text) if packed else text)
        for look in (verify, read_counts, lambda root: collect_garbage(root, delete=False)):
            try:
                look(str(copy))
            except RefineryError as error:
                assert error.message
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("place", RECORDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1 << 20), st.integers(0, 60), st.binary(max_size=8))
def test_a_damaged_record_is_read_or_refused(copy: Path, place: str, at: int, cut: int, put: bytes) -> None:
    """Whatever bytes it has."""
    path = min(copy.glob(place))
    before = path.read_bytes()
    try:
        at %= len(before)
        path.write_bytes(before[:at] + put + before[at + cut :])
        for look in (verify, read_counts):
            try:
                look(str(copy))
            except RefineryError as error:
                assert error.message
    finally:
        path.write_bytes(before)


def test_names_from_a_crawl_stay_file_names(copy: Path) -> None:
    """Nothing in a root is named by what a crawl says but by numbers, keys and the stages' names."""
    assert all(os.sep not in path.name and path.name.isascii() for path in copy.rglob("*"))
