"""The one list of warnings: a function of the root, the same after every run, in every order and in every command."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from refinery.cli import execute
from refinery.inspect.reader import open_root
from refinery.inspect.summaries import summary
from refinery.inspect.verification import verify
from refinery.inspect.warning_list import too_many_broken, warnings
from refinery.planner.selection import Selection
from refinery.report.view import view
from refinery.root.manifests import InputFault, InputFigures
from refinery.stage.base import Records
from refinery.stage.rules import Rule
from refinery.store import Store
from tests.engine.roots import RootContents, pipeline, quick, steps, write_inputs
from tests.engine.toy import Gather, Length, LineSource, Upper

WORDS = [f"line {number} has words" for number in range(200)]


class Torn(LineSource):
    """Lines of ``~`` are damaged records, a line of ``!`` is the end of a file that is cut off."""

    name: ClassVar = "torn"

    def rules(self) -> tuple[Rule, ...]:
        torn = Rule("torn", "outcome", not_in=("torn",), damage="record")
        return (*super().rules(), torn, Rule("cut", "outcome", not_in=("cut",), damage="end"))

    def read(self, path: str, store: Store) -> Iterator[Records]:
        for found in super().read(path, store):
            outcomes = {"~": "torn", "!": "cut"}
            read = [
                outcomes.get(text, outcome)
                for text, outcome in zip(found.columns["text"], found.metrics["outcome"], strict=True)
            ]
            yield Records(found.columns, {"outcome": read}, found.skipped)

    def remedy(self, counts: Mapping[str, int], documents: int) -> str:
        if counts.get("comment") and not documents:
            return "use another source"
        return "fetch it again" if counts.get("cut") else ""


FILES: tuple[list[str], ...] = (
    WORDS,
    ["# nothing", "# at all"],  # yields no document
    [*WORDS[:20], "!"],  # cut off
    [*WORDS, "~"],  # damaged, in fewer than one record of a hundred
    [*WORDS[:30], "~"],  # damaged in more
    [],
)
KINDS = steps(Torn(batch=100), Length(), Upper(), Gather(shard=100_000))


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    """A folder with inputs of all kinds of damage."""
    write_inputs(tmp_path / "in", FILES)
    return tmp_path


def reported(root: Path) -> list[tuple[str, str, str]]:
    return [(one.severity, one.text, one.fix) for one in warnings(str(root)) if one.stage == "torn"]


def test_broken_inputs_are_counted_and_come_with_their_fix(torn: Path) -> None:
    """No document, cut off, or damaged in many records: broken. Damaged in few: noted. Each by the fix of its source."""
    quick(pipeline(torn, KINDS))
    figures = RootContents(torn / "root").manifests["00-torn"].inputs
    assert figures.files == len(FILES)
    assert [(Path(one.path).name, one.broken, one.damage) for one in figures.faults] == [
        ("1.txt", True, {}),
        ("2.txt", True, {"cut": 1}),
        ("3.txt", False, {"torn": 1}),
        ("4.txt", True, {"torn": 1}),
        ("5.txt", True, {}),
    ]
    assert reported(torn / "root") == [
        (
            "error",
            "torn: 4 of 6 inputs broken (66.7%), more than max_broken_inputs: 5%",
            "repair or leave out these files, or set max_broken_inputs in the recipe",
        ),
        ("warning", "torn: 1 input yields no document: 5.txt", ""),
        ("warning", "torn: 1 input yields no document: 1.txt", "use another source"),
        ("warning", "torn: 1 input is broken (torn 1): 4.txt", ""),
        ("warning", "torn: 1 input is broken (cut 1): 2.txt", "fetch it again"),
        ("note", "torn: 1 input has damaged records (torn 1): 3.txt", ""),
    ]


def test_warnings_are_those_of_the_root_however_it_was_made(torn: Path) -> None:
    """By one run or part by part, in batches of any size, after a second run, and after a file was made again."""
    quick(pipeline(torn, KINDS))
    expected = warnings(str(torn / "root"))
    assert len(expected) > 6
    for numbers in ((4, 5), (0, 2, 3)):
        quick(pipeline(torn, KINDS, root="parts", batch=30), Selection(parts=numbers))
    quick(pipeline(torn, KINDS, root="parts", batch=30))
    assert warnings(str(torn / "parts")) == expected
    assert quick(pipeline(torn, KINDS)).tasks == 0
    assert warnings(str(torn / "root")) == expected
    (torn / "root" / RootContents(torn / "root").receipts("00-torn")[2].files["removed"][0].path).unlink()
    assert quick(pipeline(torn, KINDS)).tasks == 1
    assert warnings(str(torn / "root")) == expected


def test_every_command_gives_the_same_warnings(torn: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``stats``, ``status``, ``logs``, ``verify`` and the report have one list, and ``verify`` finds nothing wrong."""
    quick(pipeline(torn, KINDS))
    root = str(torn / "root")
    expected = [one.text for one in warnings(root)]
    for verb in ("stats", "status", "logs", "verify"):
        assert execute([verb, "--root", root, "--json"]) == 0
        assert [one["text"] for one in json.loads(capsys.readouterr().out)["warnings"]] == expected
        assert execute([verb, "--root", root]) == 0
        assert f"{len(expected)} warnings" in capsys.readouterr().out
    assert verify(root).ok
    pages = view(open_root(root))
    assert [one.text for one in pages.warnings] == expected
    assert {pages.page_of(one) for one in pages.warnings} == {"stage-00-torn.html", "sources.html"}


def test_a_share_that_is_allowed_is_not_exceeded_by_itself() -> None:
    """1 of 20 is 5 %, and no more than that; 1 of 19 is. No input at all is no share."""

    def figures(broken: int, files: int) -> InputFigures:
        fault = InputFault(path="a", part=0, records=1, documents=0, damage={}, broken=True, remedy="")
        return InputFigures(files=files, faults=(fault,) * broken)

    assert not too_many_broken(figures(1, 20), "5%")
    assert too_many_broken(figures(1, 19), "5%")
    assert not too_many_broken(figures(29, 100), "29%")  # as floats, .29 * 100 is less than 29
    assert too_many_broken(figures(91, 90_000), "0.1%")
    assert not too_many_broken(figures(90, 90_000), "0.1%")
    assert too_many_broken(figures(1, 90_000), "0%")
    assert not too_many_broken(figures(5, 5), "100%")
    assert not too_many_broken(figures(0, 0), "0%")


def test_a_stage_that_removes_much_is_named_with_its_rules(tmp_path: Path) -> None:
    """A share of more than half, or a rule of more than 30 %, with the rules that remove the most."""
    write_inputs(tmp_path / "in", [["two words", *["short"] * 7, "1 2", "another one"]])
    quick(pipeline(tmp_path, steps(LineSource(), Length(), Gather())))
    texts = {one.text for one in warnings(str(tmp_path / "root"))}
    assert "words removed 80% of its input, mostly short (70%)" in texts


def test_parts_that_are_missing_are_one_warning(torn: Path) -> None:
    """Stages that lack the same parts are named together."""
    quick(pipeline(torn, KINDS), Selection(parts=(0, 2)))
    texts = [one.text for one in warnings(str(torn / "root"))]
    assert [text for text in texts if "missing" in text] == ["torn, words, upper: 4 of 6 parts missing"]


def test_the_summary_is_that_of_the_last_stage(torn: Path) -> None:
    """Documents and tokens of the last stage that is made, of those that the source found, and the folder of its rows."""
    quick(pipeline(torn, KINDS), Selection(until="words"))
    before = summary(str(torn / "root"))
    assert before is not None
    assert (before.stage, before.documents, before.folder) == ("words", before.read, f"{torn}/root/01-words/kept")
    quick(pipeline(torn, KINDS))
    after = summary(str(torn / "root"))
    assert after is not None
    assert (after.stage, after.read) == ("gather", sum(text.startswith("line") for texts in FILES for text in texts))
    assert after.too_many_broken
    assert after.files == len(list(Path(after.folder).glob("*.parquet")))


def test_verify_holds_the_list_of_broken_inputs_against_the_parts(torn: Path) -> None:
    """A manifest that hides an input without documents is found."""
    quick(pipeline(torn, KINDS))
    held = RootContents(torn / "root")
    path = torn / "root" / held.head.manifests["00-torn"]
    manifest = json.loads(path.read_bytes())
    manifest["inputs"]["faults"].pop(0)
    path.write_text(json.dumps(manifest))
    (finding,) = verify(str(torn / "root")).findings
    assert "without a document" in finding.message
