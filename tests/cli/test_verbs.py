"""Output and errors of init, check, explain, stages and assets, and of the project's recipes."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest

from refinery.assets import catalogue
from refinery.cli import execute
from refinery.cli.init import starter
from refinery.errors import did_you_mean
from refinery.recipe import load, parse
from refinery.stage.registry import names
from tests.conftest import REPOSITORY
from tests.engine.roots import all_kinds, pipeline, quick, write_inputs


@pytest.mark.slow
def test_a_demo_can_be_made_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first two commands of a newcomer; the second init overwrites nothing."""
    monkeypatch.chdir(tmp_path)
    assert execute(["init", "--demo", "de mo[1]"]) == 0
    assert execute(["check"]) == 0
    assert "refinery.yaml: ok" in capsys.readouterr().out
    recipe = Path("refinery.yaml").read_bytes()
    assert execute(["init"]) == 2
    assert "refinery.yaml already exists\nhint: choose another name, or pass --force" in capsys.readouterr().err
    assert execute(["init", "other.yaml", "--demo", "de mo[1]"]) == 2
    assert not Path("other.yaml").exists()
    assert execute(["init", "--force", "--demo", "de mo[1]", "--json"]) == 0
    assert Path("refinery.yaml").read_bytes() == recipe
    made = json.loads(capsys.readouterr().out)
    assert made["recipe"] == "refinery.yaml"
    assert sorted(made["archives"]) == sorted(str(path) for path in Path("de mo[1]").glob("*.warc.gz"))


def test_check_tells_all_that_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inputs and assets, each with the fix, exit code 3; as JSON too."""
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(starter())
    assert execute(["check", "-c", "r.yaml", "--set", "url.hard_words=no/such.txt", "--json"]) == 3
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert not report["ok"]
    assert [problem["message"].partition(":")[0] for problem in report["problems"]] == [
        "crawl/*.warc.gz",
        "url.hard_words",
    ]
    assert "2 problems." in said.err


def test_check_shows_the_problems_of_a_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With place and caret, exit code 2; as JSON with line and column."""
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text("dataset: d\ninputs: x\nroot: r\npipeline:\n  - wacr: {}\n")
    assert execute(["check", "-c", "r.yaml"]) == 2
    assert capsys.readouterr().err == (
        "r.yaml:5:5  unknown stage 'wacr'\n    5 │   - wacr: {}\n      │     ^^^^ did you mean 'warc'?\n1 problem.\n"
    )
    assert execute(["check", "-c", "r.yaml", "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("r.yaml", 5, 5)


def test_check_names_a_recipe_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the two ways on."""
    monkeypatch.chdir(tmp_path)
    assert execute(["check"]) == 2
    assert "error: refinery.yaml: no such recipe\nhint: pass one with -c FILE" in capsys.readouterr().err


def test_explain_minhash(capsys: pytest.CaptureFixture[str]) -> None:
    """The curve of a setting as table and chart, what it stores, and one clear error for what is no setting."""
    assert execute(["explain", "minhash", "profile=fineweb"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["0.75", "0.772", "0.761"] for line in shown)
    assert any("bytes a document" in line for line in shown)
    chart = [line.partition("┤")[2] for line in shown if "┤" in line]
    columns_of = [[row[place] for row in chart if len(row) > place and row[place] == "●"] for place in range(61)]
    assert all(len(marks) == 1 for marks in columns_of)
    assert execute(["explain", "minhash", "bands=93", "rows=15", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert round(found["curves"]["93 x 15"][found["at"].index(0.7)], 3) == 0.358
    for given, said in (
        (["minhash", "bands=20", "rows=450"], "450 bands of 20"),
        (["minhash", "band=20"], "unknown field 'minhash.band'"),
        (["minhash", "bands"], "FIELD=VALUE"),
        (["minhash", "bands=14", "bands=15"], "'bands' is set twice"),
        (["minhash", "bands=[1"], "not valid YAML"),
        (
            ["minhash", "bands=many"],
            "minhash.bands is 'many'\n      │ bands=many\n      │       ^^^^ expected a whole number",
        ),
        (["minhash", "bands=0"], "expected at least 1"),
        (["minhash", "unit=letters"], "expected 'gpt2' or 'words'"),
        (["quality"], "no explanation in numbers"),
    ):
        assert execute(["explain", *given]) == 2
        shown = capsys.readouterr().err
        assert said in shown
        assert "Input should" not in shown


CONTRADICTIONS = {
    ("sample", "--kept", "--removed"): "--kept and --removed exclude each other",
    ("sample", "--metric", "words", "--min", "100", "--max", "50"): "--min 100 is above --max 50",
    ("sample", "--metric", "words", "--min", "nan"): "--min nan is no number",
    ("sample", "--min", "1"): "--min and --max need a metric",
    ("sample", "--kept", "--rule", "too_short"): "no kept document violates 'too_short'",
    ("plan", "--only", "words", "--from", "words"): "--only cannot be combined with --from or --until",
    ("run", "--parts", "0", "--sample", "1%"): "--parts and --sample exclude each other",
    ("run", "--parts", "5-3"): "5-3 is not a range of numbers",
    ("run", "--parts", "0-99999999999"): "0-99999999999 is not a range of numbers below",
    ("run", "--address", "auto"): "add --executor ray",
    ("plan", "--only", "nope"): "the recipe has no stage 'nope'",
    ("plan", "--from", "upper", "--until", "words"): "--from upper comes after --until words",
    ("stats", "--only", "nope"): "the root has no stage 'nope'",
    ("sample", "--stage", "upper", "--rule", "x"): "stage 'upper' has no rule 'x'",
    ("report", "--serve", "--out", "pages"): "--out has no effect with --serve",
    ("report", "--port", "8081"): "--port has no effect without --serve",
    ("report", "--host", "::1"): "--host has no effect without --serve",
}


@pytest.mark.parametrize("arguments", CONTRADICTIONS, ids=" ".join)
def test_options_that_contradict_are_refused_with_a_hint(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is about the option that was given, and ends with exit code 2 before anything is done."""
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path / "in")
    quick(pipeline(tmp_path))
    steps = "".join(f"  - {s.stage.name}: {{use: '{s.use}'}}\n" for s in all_kinds())
    Path("refinery.yaml").write_text(f"dataset: toy\ninputs: in/*.txt\nroot: root\npipeline:\n{steps}")
    assert execute(list(arguments)) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert CONTRADICTIONS[arguments] in error
    assert hint.startswith("hint: ")
    assert len(hint) > len("hint: choose one of ")


def test_every_error_has_a_hint() -> None:
    """Whoever raises an error that its user can mend tells how."""
    kinds = {"UsageError", "StorageError", "AssetError", "Refused", "PartFailed"}
    bare = []
    for path in [*REPOSITORY.glob("refinery/**/*.py"), *REPOSITORY.glob("stages/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                hints = [keyword.value for keyword in node.keywords if keyword.arg == "hint"]
                if not hints or (isinstance(hints[0], ast.Constant) and not hints[0].value):
                    bare.append(f"{path}:{node.lineno}")
    assert not bare


@pytest.mark.parametrize(
    ("known", "hint"), [([], "none"), (["few"], "choose one of few"), (["words"], "did you mean 'words'?")]
)
def test_a_hint_of_names_is_never_an_empty_list(known: list[str], hint: str) -> None:
    """Where there are no names, it says something else."""
    assert did_you_mean("wrods", known, "none") == hint


def test_stages_lists_all_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    """For people and as JSON."""
    assert execute(["stages"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(names())
    assert execute(["stages", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["stages"]] == list(names())
    assert execute(["stages", "quality"]) == 0
    shown = capsys.readouterr().out
    assert "min_words" in shown
    assert "threshold" in shown
    assert execute(["stages", "quality", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert next(field for field in described["fields"] if field["name"] == "min_words")["default"] == 50
    assert execute(["stages", "qualty"]) == 2
    assert "did you mean 'quality'?" in capsys.readouterr().err


def test_assets_lists_all_and_gets_one(capsys: pytest.CaptureFixture[str]) -> None:
    """An asset inside an installed package is only checked."""
    for arguments in (["assets"], ["assets", "list"]):
        assert execute([*arguments, "-q"]) == 0
        assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == sorted(catalogue())
    assert execute(["assets", "list", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["assets"]] == sorted(catalogue())
    assert execute(["assets", "get", "lines.en"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    assert execute(["assets", "get", "lines.em"]) == 3
    assert "lines.en" in capsys.readouterr().err


# --------------------------------------------------------------------------------------------------------------- recipes


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_a_recipe_of_the_project_is_valid(path: Path) -> None:
    """Each of them is a complete file."""
    assert load(str(path)).steps


def test_the_tiny_recipe_is_what_init_writes_for_a_demo() -> None:
    """So that ``make run`` and a newcomer see the same."""
    assert (REPOSITORY / "configs" / "tiny.yaml").read_text(encoding="utf-8") == starter("demo")


def test_the_faithful_recipe_has_the_papers_figures() -> None:
    """RefinedWeb's appendix, where the recipe names them."""
    stages = {
        step.name: step.stage.model_dump() for step in load(str(REPOSITORY / "configs" / "refinedweb.yaml")).steps
    }
    assert list(stages) == [
        "warc", "url", "extract", "language", "repetition", "quality", "lines", "urls", "minhash", "substring",
        "export",
    ]  # fmt: skip
    assert (stages["minhash"]["bands"], stages["minhash"]["rows"], stages["minhash"]["ngram"]) == (450, 20, 5)
    assert (stages["language"]["keep"], stages["language"]["min_score"]) == (("en",), 0.65)
    assert stages["substring"]["min_tokens"] == 50
    assert stages["extract"]["engine"] == "trafilatura"
    assert stages["lines"]["max_removed"] == 0.05


@pytest.mark.parametrize("folder", ["a", "a b", "a'b", 'a"b', "[x]", "no", "é", "", "a\\b", "/x"])
def test_a_starter_recipe_is_valid_for_any_folder(folder: str) -> None:
    """Whatever the name needs in YAML, and in a glob pattern."""
    pipeline = parse(starter(folder), "r")
    assert pipeline.root == os.path.join(folder, "root")
