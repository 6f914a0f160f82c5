"""Inputs that are broken or of another kind: a run through the command line warns of them, with the fix, and fails."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refinery.cli import execute
from refinery.recipe import parse
from refinery.root.root import Root
from refinery.store import LocalStore
from tests.engine.inline import InlineExecutor
from tests.engine.roots import quick
from tests.stages.test_wet import conversion
from tests.stages.warc.archives import members, record
from tests.stages.warc.test_odd import EXPECTED, counts

RECIPE = "dataset: d\ninputs: {inputs}\nroot: {root}\nexecutor: {{workers: 1}}\npipeline:\n  - {source}: {{}}\n"

GOOD = members([record(number) for number in range(1, 30)])
WET = members([conversion(number, b"some text") for number in range(1, 20)])

Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a recipe over files of these bytes: the exit code, and what it says as JSON."""
    monkeypatch.setattr("refinery.runner.run._executor", lambda given: InlineExecutor())

    def call(files: dict[str, bytes], *options: str, source: str = "warc") -> tuple[int, dict[str, Any]]:
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        recipe = tmp_path / "r.yaml"
        recipe.write_text(RECIPE.format(inputs=f"{tmp_path}/*.gz", root=tmp_path / "root", source=source))
        code = execute(["run", "-c", str(recipe), "--json", *options])
        return code, json.loads(capsys.readouterr().out)

    return call


def reported(found: dict[str, Any]) -> dict[str, str]:
    return {one["text"]: one["fix"] for one in found["warnings"] if one["severity"] != "note"}


def test_files_that_are_no_archives_and_one_that_is_cut_off(run: Run) -> None:
    """Exit code 1 and warnings with the fix, and the same again where there is nothing to do."""
    files = {f"{number}.warc.gz": b"no archive %d" % number for number in range(4)} | {"cut.warc.gz": GOOD[:-60]}
    code, found = run(files)
    assert code == 1
    assert reported(found) == {
        "warc: 5 of 5 inputs broken (100.0%), more than max_broken_inputs: 5%": "repair or leave out these files, "
        "or set max_broken_inputs in the recipe",
        "warc: 4 inputs yield no document (not_an_archive 4): 0.warc.gz, 1.warc.gz, 2.warc.gz and 1 more": "it is not an "
        "archive: correct `inputs`, or fetch it again if it should be one",
        "warc: 1 input is broken (cut_off 1): cut.warc.gz": "it ends too early: fetch it again",
    }
    again = run({})
    assert (again[0], again[1]["tasks"], reported(again[1])) == (1, 0, reported(found))
    assert run({}, "--set", "max_broken_inputs=100%")[0] == 0


@pytest.mark.parametrize(
    ("source", "data", "fix"),
    [
        ("warc", WET, "it contains text that was extracted already (WET): use the `wet` source"),
        ("wet", GOOD, "it contains pages (WARC): use the `warc` source, and `extract`"),
        (
            "warc",
            members([record(1, kind="metadata")]),
            "it contains metadata of pages alone (WAT): take the WARC files of the same crawl",
        ),
        (
            "warc",
            members([record(1, status="404 Not Found")]),
            "none of its records is an HTML page with status 200: remove it from the inputs",
        ),
    ],
)
def test_files_of_another_kind(run: Run, source: str, data: bytes, fix: str) -> None:
    """A file of which no record is a document says which source reads it."""
    code, found = run({"a.gz": data}, source=source)
    assert code == 1
    assert reported(found)[f"{source}: 1 input yields no document: a.gz"] == fix


def test_a_damaged_record_of_many_is_a_note(run: Run) -> None:
    """One record in two hundred that cannot be read breaks no file: exit code 0, and a note that names the file."""
    sound = members([record(number) for number in range(1, 200)])
    code, found = run({"a.warc.gz": sound + b"garbage" + members([record(200)])})
    assert code == 0
    assert not reported(found)
    assert found["warnings"][0]["text"] == "warc: 1 input has damaged records (unreadable 1): a.warc.gz"


DAMAGE = {"not_an_archive", "unreadable", "truncated", "cut_off", "damaged"}


def test_every_odd_archive_that_is_damaged_or_has_no_document_is_warned_of(corpus: Path, tmp_path: Path) -> None:
    """Of the genuine awkward archives, those and no others, with what is damaged in each."""
    text = RECIPE.format(inputs=corpus / "odd" / "*arc*", root=tmp_path / "root", source="warc")
    assert quick(parse(text, "r.yaml")).complete
    root = Root(str(tmp_path / "root"), LocalStore())
    head = root.head()
    assert head is not None
    figures = root.manifest(head.manifests["00-warc"]).inputs
    expected = {name: counts(line["outcomes"]) for name, line in EXPECTED.items() if "arc" in name}
    damage = {name: Counter({f: n for f, n in outcomes.items() if f in DAMAGE}) for name, outcomes in expected.items()}
    wanted = {name: damage[name] for name, outcomes in expected.items() if damage[name] or not outcomes["ok"]}
    assert {Path(fault.path).name: Counter(fault.damage) for fault in figures.faults} == wanted
    assert figures.files == len(expected)
    assert all(fault.remedy for fault in figures.faults)
