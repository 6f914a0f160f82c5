"""``why``: one document's way through the stages never contradicts itself, and its text is shown with what was cut."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from refinery.cli import execute
from refinery.inspect.accounts import why
from refinery.inspect.evidence import Mark
from refinery.inspect.outcomes import Cut, StageOutcome
from refinery.inspect.reader import open_root
from refinery.inspect.texts import Passed, marked_texts
from refinery.recipe import from_dict, recipe_dict
from tests.engine.looked import LINES, Snip, recipe
from tests.engine.roots import RootContents, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource

URLS = [f"file://{n}.txt#{p}" for n, lines in enumerate(LINES) for p, line in enumerate(lines) if line[:1] != "#"]


def reported(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> str:
    """The standard output of ``refinery why``, or its errors where it does not end with 0."""
    assert execute(["why", *map(str, words)]) == code
    out, err = capsys.readouterr()
    return err if code else out


def other_recipe(root: Path, path: Path, **least: int) -> Path:
    """A recipe file as the root's own, but for thresholds of stages."""
    head = dict(open_root(str(root)).head.recipe)
    fields = {"words": "min_words", "snip": "least"}
    head["pipeline"] = [
        {name: {**body, **({fields[name]: least[name]} if name in least else {})} for name, body in step.items()}
        for step in head["pipeline"]
    ]
    path.write_text(json.dumps({**head, "root": str(root)}), encoding="utf-8")
    return path


def without(text: str, marks: Sequence[Mark]) -> str:
    """The characters of a text that no mark covers."""
    gone = {n for mark in marks for n in range(mark.start, mark.end)}
    assert sum(mark.end - mark.start for mark in marks) == len(gone)
    return "".join(c for n, c in enumerate(text) if n not in gone)


@pytest.mark.parametrize("url", URLS)
def test_nothing_is_said_to_happen_behind_a_removal(root: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """After the stage that removed a document, each one is not reached, and what it would do has its condition."""
    [account] = why(str(root), url).documents
    removed = next((n for n, one in enumerate(account.stations) if one.stored and one.stored.rule), 99)
    for place, station in enumerate(account.stations):
        before = {one.stage for one in account.stations[:place]}
        assert (station.stored is not None) == (place <= removed)
        assert set(station.assuming) <= before
        assert (account.stations[removed].stage in station.assuming) if place > removed else not station.assuming
    out = reported(capsys, url, "--root", root)
    lines = {
        line.split()[0]: line.split(maxsplit=1)[1] for line in out.splitlines() if re.match(r"  [a-z-]+ {2,}\S", line)
    }
    for station in account.stations[removed + 1 :]:
        assert lines[station.stage].startswith("not reached; ")


def test_all_that_stand_in_the_way_are_named(root: Path) -> None:
    """The stages that would have removed it as well, and those that are not replayed."""
    [account] = why(str(root), "file://0.txt#2").documents
    assumed = {station.stage: station.assuming for station in account.stations}
    assert assumed["snip"] == ("words",)
    assert assumed["gather"] == ("words", "snip", "same")


def test_stages_without_rows_are_reached_where_a_later_one_has_some(tmp_path: Path) -> None:
    """A global stage whose rows are not written has kept what a later stage has."""
    write_inputs(tmp_path / "in", LINES)
    given = recipe(tmp_path, write="last")
    quick(given)
    [account] = why(given.root, "file://0.txt#6").documents
    assert [station.assuming for station in account.stations] == [()] * 6


def test_values_thresholds_and_verdict_are_of_one_recipe(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is stored and what another recipe gives stand under each other, each whole and under its name."""
    path = other_recipe(root, tmp_path / "other.yaml", snip=50)
    out = reported(capsys, "file://0.txt#6", "-c", path)
    stored, again = re.search(
        rf"snip +stored: (.*?)\n +with {re.escape(str(path))}: (.*?)\n  same", out, re.DOTALL
    ).groups()  # type: ignore[union-attr]
    assert re.fullmatch(r"kept\n +left 19 characters \(≥ 8\)", stored)
    assert re.match(r"REMOVED snipped\n +left 19 characters \(≥ 50 ✗\)", again)
    assert re.search(r"upper +stored: kept\n +with \S+: not reached; had snip kept it: kept", out)
    assert out.count("  stored: ") == out.count(f"  with {path}: ")
    assert "replay disagrees with the stored result" in out


def test_a_recipe_that_changes_nothing_shows_nothing_twice(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one that moves a threshold without changing the verdict shows both thresholds."""
    path = other_recipe(root, tmp_path / "other.yaml")
    assert reported(capsys, "file://0.txt#6", "-c", path) == reported(capsys, "file://0.txt#6", "--root", root)
    out = reported(capsys, "file://0.txt#6", "-c", other_recipe(root, path, words=3))
    assert re.search(r"words +stored: kept\n.*≥ 2.*\n +with \S+: kept\n.*≥ 3", out)


def test_a_stage_that_the_recipe_lacks_is_told_as_it_is_stored(root: Path) -> None:
    """So a removal by it is not lost."""
    stored = from_dict(open_root(str(root)).head.recipe, str(root))
    without = stored.model_copy(update={"steps": tuple(step for step in stored.steps if step.name != "words")})
    assert "words" not in str(recipe_dict(without)["pipeline"])
    [account] = why(str(root), "file://0.txt#2", without).documents
    words = account.stations[1]
    assert (words.stage, words.stored and words.stored.rule, words.replayed) == ("words", "short", None)


# ---------------------------------------------------------------------------------------------------------------- text


@pytest.mark.parametrize("url", URLS)
def test_the_text_is_that_of_the_input_with_its_cuts(root: Path, url: str) -> None:
    """What is not marked as cut is what the stage that cuts left of it; a stage that rewrites it adds its own text."""
    number, _, place = url.removeprefix("file://").partition(".txt#")
    line = LINES[int(number)][int(place)]
    [account] = why(str(root), url).documents
    first, *later = account.texts
    left = without(first.text, [mark for mark in first.marks if mark.cut])
    cut = any(station.stored and station.stored.cut for station in account.stations)
    assert first.text == line
    assert left == (line.removesuffix(" end") if cut else line)
    survived = next((one.stored for one in account.stations if one.stage == "upper"), None)
    assert [one.text for one in later] == ([left.upper()] if survived and left.upper() != left else [])


def test_cuts_are_marked_in_the_text(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe as well; JSON has the text and the places."""
    out = reported(capsys, "file://4.txt#0", "--root", root)
    assert "  │ what is 😀 here,[- end-]\n" in out
    assert "1 cut in [-…-]" in out
    text = json.loads(reported(capsys, "file://4.txt#0", "--root", root, "--json"))["documents"][0]["texts"][0]
    [mark] = text["marks"]
    assert text["text"][mark["start"] : mark["end"]] == " end"
    assert (mark["reason"], mark["cut"]) == ("snip: end", True)


def test_a_long_text_is_shown_in_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first 1,000 characters, and with -v all."""
    write_inputs(tmp_path / "in", [[f"{'word ' * 400}\x1b[31m end"]])
    given = recipe(tmp_path)
    quick(given.model_copy(update={"steps": given.steps[:4]}))
    out = reported(capsys, "file://0.txt#0", "--root", given.root)
    assert "… (1,009 characters more, with 1 more cut; -v shows all)" in out
    every = reported(capsys, "file://0.txt#0", "--root", given.root, "-v")
    assert r"word \x1b[31m[- end-]" in every


@given(
    st.text(alphabet="ab€\n", min_size=1, max_size=60), st.lists(st.lists(st.integers(0, 59), max_size=6), max_size=3)
)
def test_cuts_of_several_stages_are_marked_where_the_first_text_has_them(text: str, stages: list[list[int]]) -> None:
    """What the stages left is the text without the marks, however their cuts lie in what was left before."""
    way = [Passed("lines", LineSource(), StageOutcome("kept", "", (), "", (), ()), text)]
    left = text
    for number, places in enumerate(stages):
        cuts = [
            Cut(len(left[:p].encode()), len(left[p].encode()), "x", left[p])
            for p in sorted(set(places))
            if p < len(left)
        ]
        left = "".join(c for p, c in enumerate(left) if p not in places)
        way.append(Passed(str(number), Snip(), StageOutcome("kept", "", (), "", (), tuple(cuts)), left))
    [found] = marked_texts(way)
    assert found.text == text
    assert without(text, found.marks) == left


# --------------------------------------------------------------------------------------------------------- id prefixes


def test_the_beginning_of_an_id_is_enough(root: Path) -> None:
    """With a UUID's dashes or without; the whole account is the same."""
    ids = [row["id"].hex() for row in RootContents(root).rows("00-lines-of-text")]
    for one in ids[:4]:
        length = next(n for n in range(4, 32) if sum(other.startswith(one[:n]) for other in ids) == 1)
        whole = why(str(root), one)
        assert whole.documents
        for text in (one[:length], one[:31], one[:20].upper(), f"{one[:8]}-{one[8:12]}-", f"{one[:8]}-{one[8:10]}"):
            assert why(str(root), text) == whole


def test_an_ambiguous_beginning_lists_the_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their URLs, and how many there are; exit code 1."""
    write_inputs(tmp_path / "in", [[f"text {n}" for n in range(700)]])
    given = recipe(tmp_path)
    quick(given.model_copy(update={"steps": steps(LineSource(batch=1000), Length())}))
    ids = sorted(row["id"].hex() for row in RootContents(given.root).rows("00-lines-of-text"))
    first = next(a[:4] for a, b in pairwise(ids) if a[:4] == b[:4])
    wanted = [one for one in ids if one.startswith(first)]
    found = why(given.root, first)
    assert (found.documents, found.matching) == ((), len(wanted))
    assert [one.id for one in found.candidates] == wanted
    out = reported(capsys, first, "--root", given.root, code=1)
    assert f"{len(wanted)} document ids start with {first}" in out
    assert all(f"  {one}  file://0.txt#" in out for one in wanted)
    assert execute(["why", first, "--root", given.root, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["matching"] == len(wanted)
