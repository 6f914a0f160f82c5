"""What a run refuses before its first task: ``check`` and ``plan`` refuse it as well, at its place in the recipe."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from refinery.cli import execute
from refinery.errors import RefineryError, Refused
from refinery.planner.compatibility import refuse_foreign
from refinery.planner.preflight import assets_of, preflight
from refinery.recipe import RecipeError, parse
from refinery.root.root import Root
from refinery.stage import registry
from refinery.stage.global_stage import Global
from refinery.stages.urls import Urls
from refinery.store import LocalStore
from tests.engine.roots import pipeline, quick, steps
from tests.engine.test_registry import REQUIRED
from tests.engine.toy import LineSource

STEPS = ("url", "extract", "language", "repetition", "quality", "lines", "urls", "minhash", "substring", "export")
RECIPE = "dataset: d\ninputs: in/*.warc.gz\nroot: root\npipeline:\n  - warc\n" + "".join(
    f"  - {name}\n" for name in STEPS
)

REFUSED: dict[str, tuple[Sequence[str], int, str, str]] = {
    "a blocklist with a bare IPv6 address": (
        ["url.blocklists=[./bad.txt]"],
        3,
        "url.blocklists[0]: ./bad.txt:2: '2001:db8::1' is not a domain or URL",
        "[2001:db8::1]",
    ),
    "a minimum above its maximum": (
        ["quality.min_words=500", "quality.max_words=10"],
        2,
        "contradict each other",
        "no document",
    ),
    "a column twice": (["export.columns=[text, text]"], 2, "export.columns", "text is listed twice"),
    "a column that is not there": (["export.columns=[id, words]"], 2, "export has no column words", "there are id"),
    "a root of an unknown kind": (["root=gs://bucket/root"], 2, "gs:// paths are not supported", "s3://"),
    "a root of a web server": (["root=https://localhost/root"], 2, "web servers are read-only", "local root"),
    "a root that is a file": (["root=bad.txt"], 2, "bad.txt is a file", "use a folder"),
    "a root below a file": (["root=bad.txt/root"], 3, "bad.txt/root: Not a directory", "can write to"),
    "a root where nothing can be written": (["root=/proc/root"], 3, "/proc/root", "can write to"),
    "a folder of other files": (["root=in"], 4, "in is no root of refinery (no HEAD.json)", "new or empty folder"),
    "a reference root that is missing": (["minhash.against=[none]"], 2, "minhash: none is no root", "finished runs"),
    "the root as its own reference": (["urls.against=./root"], 2, "./root is the root of this recipe", "other roots"),
    "too large a budget": (
        ["executor.memory=1GiB", "substring.memory=1GiB"],
        4,
        "substring: a task takes at least 1.3 GB of memory",
        "substring memory: 816MiB",
    ),
    "too little memory for any budget": (["executor.memory=100MiB"], 4, "substring: a task", "raise executor.memory"),
    "a label as the best": (["minhash.survivor=best", "minhash.best=language.lang"], 2, "is no number", "an order"),
    "a partition within another": (["urls.parts=2", "minhash.max_cluster=1"], 2, "max_cluster is 1", "at least 2"),
    "no input": (["inputs=none/*.warc.gz"], 3, "none/*.warc.gz: no input file there", "check the path"),
    "a missing asset": (["lines.phrases=./none.toml"], 3, "lines.phrases: asset ./none.toml: no such file", "the path"),
}


def raising(error: Exception) -> Any:
    """A function that raises ``error``."""

    def function(*arguments: object) -> None:
        raise error

    return function


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe, an input file and a file that is no asset."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    Path("in/a.warc.gz").write_bytes(b"")
    Path("bad.txt").write_text("example.org\n2001:db8::1\n")
    Path("r.yaml").write_text(RECIPE)
    return tmp_path


@pytest.mark.parametrize("case", REFUSED)
def test_check_plan_and_run_refuse_the_same_before_anything_is_made(
    here: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """With the same exit code and text, which has place, message and fix; nothing is written."""
    overrides, code, message, fix = REFUSED[case]
    before = sorted(here.rglob("*"))
    reported = []
    for verb in ("check", "plan", "run"):
        assert execute([verb, "-c", "r.yaml", *(part for o in overrides for part in ("--set", o))]) == code, verb
        reported.append(capsys.readouterr().err)
    assert reported[0] == reported[1] == reported[2]
    assert message in reported[0]
    assert fix in reported[0]
    assert reported[0].startswith(("--set  ", "r.yaml:"))
    assert sorted(here.rglob("*")) == before


def test_all_obstacles_are_shown_at_once_in_the_order_of_the_recipe(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With line and column, the highest exit code, and the same as JSON."""
    del here
    text = (
        RECIPE.replace("in/*", "none/*")
        .replace("root: root", "root: in")
        .replace("- url\n", "- url: {allow: x, hard_words: ./bad.txt}\n")
    )
    Path("r.yaml").write_text(text)
    assert execute(["check", "-c", "r.yaml", "--json"]) == 4
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.err.splitlines() if line.startswith("r.yaml")] == [
        "r.yaml:2:9",
        "r.yaml:3:7",
        "r.yaml:6:33",
    ]
    problems = json.loads(said.out)["problems"]
    assert [(problem["line"], problem["column"]) for problem in problems] == [(2, 9), (3, 7), (6, 33)]
    assert all(problem["message"] and problem["fix"] for problem in problems)


def test_partitions_within_partitions_are_refused_at_the_pipeline(here: Path) -> None:
    """A wrong order of stages is reported at their list."""
    del here
    text = RECIPE.replace("- urls\n", "- urls: {parts: 2}\n  - urls: {as: again, parts: 2}\n")
    (obstacle,) = preflight(parse(text, "r.yaml")).obstacles
    assert "cannot divide" in obstacle.error.message
    assert obstacle.span is not None
    assert obstacle.span.position == "r.yaml:4:1"


@pytest.mark.parametrize("name", registry.names())
def test_a_wrong_value_of_any_field_is_a_problem_at_its_place(name: str) -> None:
    """Whatever the value: it is accepted, or refused with place, message and fix."""
    values = [
        "-1",
        "0",
        "1e308",
        "1000000000000",
        "''",
        "x",
        "10TB",
        "0s",
        "true",
        "null",
        "[]",
        "[x, x]",
        "['']",
        "{}",
    ]
    recipe = RECIPE.replace("warc\n", "wet\n", 1).replace("  - extract\n", "") if name == "wet" else RECIPE
    for field in registry.stage_class(name).model_fields:
        for value in values:
            try:
                parse(recipe, "r.yaml", [f"{name}.{field}={value}"])
            except RecipeError as error:
                assert all(problem.fix for problem in error.problems), error.message
                assert all(problem.span.text.name in {"--set", "r.yaml"} for problem in error.problems)


def test_a_reference_root_counts_once(here: Path) -> None:
    """Under whatever path it is named again."""
    obstacles = preflight(parse(RECIPE, "r.yaml", ["minhash.against=[other, ./other]"])).obstacles
    assert any("./other is listed twice" in obstacle.error.message for obstacle in obstacles)


def test_a_reference_root_of_other_settings_is_an_obstacle(folder: Path) -> None:
    """The keys of its documents would match none."""
    quick(pipeline(folder, steps(LineSource(), Urls()), root="earlier"))
    given = pipeline(folder, steps(LineSource(), Urls(keep="first", against=(str(folder / "earlier"),))))
    (obstacle,) = preflight(given).obstacles
    assert "its urls has keep newest, not first" in obstacle.error.message
    assert obstacle.error.hint


def test_an_asset_that_may_not_be_read_is_an_obstacle(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the key, the file and the fix, as all others."""
    monkeypatch.setattr("refinery.stages._url.words.load", raising(PermissionError(13, "Permission denied")))
    obstacles = preflight(parse(RECIPE, "r.yaml")).obstacles
    assert [obstacle.error.message.partition(":")[0] for obstacle in obstacles] == [
        f"url.{name}_words" for name in ("strict", "hard", "soft")
    ]
    assert all(obstacle.error.exit_code == 3 for obstacle in obstacles)


@pytest.mark.parametrize("name", registry.names())
def test_every_asset_is_opened_before_a_run(here: Path, name: str) -> None:
    """A file that is not what its stage needs stops the run at the start, whichever field names it."""
    del here
    kind = registry.stage_class(name)
    Path("bad.bin").write_bytes(b"\xff\x00 no asset")
    required = REQUIRED.get(name, {})
    fields = {field for field, _, _ in assets_of(kind.model_validate(required))}
    fields |= {"blocklists"} if name == "url" else set()
    step = f"  - {name}: {json.dumps(required)}\n"
    recipe = RECIPE if name in STEPS else RECIPE.replace("  - lines\n", f"{step}  - lines\n")
    for field in fields:
        given = parse(recipe, "r.yaml", [f"{name}.{field}=./bad.bin"])
        (obstacle,) = preflight(given).obstacles
        assert obstacle.error.exit_code == 3
        assert obstacle.error.message.startswith(f"{name}.{field}")
        assert obstacle.error.hint
        assert obstacle.span is not None


# -------------------------------------------------------------------------------------------------------------- memory


def budgets(*overrides: str) -> dict[str, int]:
    """The budgets of the recipe's global stages as a run would take them."""
    steps = preflight(parse(RECIPE, "r.yaml", overrides)).cleared().layout.steps
    return {step.name: step.stage.memory for step in steps if isinstance(step.stage, Global)}


def test_budgets_that_the_recipe_does_not_name_are_made_to_fit(here: Path) -> None:
    """The default of a stage gives way to a smaller executor; what fits is left alone."""
    del here
    assert set(budgets("executor.memory=2GiB").values()) == {2**30}
    found = budgets("executor.memory=1GiB")
    assert found == {"urls": 2**30, "minhash": 2**30, "substring": 816 * 2**20}
    assert budgets("executor.memory=1GiB", "substring.memory=200MiB")["substring"] == 200 * 2**20
    assert budgets("executor.memory=300MiB") == {"urls": 300 * 2**20, "minhash": 300 * 2**20, "substring": 92 * 2**20}


# ---------------------------------------------------------------------------------------------------------------- root


@pytest.mark.parametrize(
    "names",
    [(), (".lock", ".turn"), ("runs/x.json", "tmp/x"), ("00-lines/kept/x.parquet",), (".DS_Store", "lost+found/x")],
)
def test_an_empty_folder_and_one_of_an_interrupted_run_become_a_root(folder: Path, names: Sequence[str]) -> None:
    """As do those in which only the system has files."""
    for name in names:
        (folder / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "root" / name).write_text("")
    assert quick(pipeline(folder)).complete


def test_a_folder_of_other_files_is_no_root(folder: Path) -> None:
    """It is refused with the names of some, and left as it is."""
    (folder / "root" / "photos").mkdir(parents=True)
    for number in range(4):
        (folder / "root" / f"{number}.txt").write_text("mine")
    with pytest.raises(Refused, match=r"other files are there: 0\.txt, 1\.txt, 2\.txt, …$"):
        quick(pipeline(folder))
    assert sorted(os.listdir(folder / "root")) == ["0.txt", "1.txt", "2.txt", "3.txt", "photos"]


def test_a_root_whose_head_was_deleted_is_still_a_root(folder: Path) -> None:
    """Its receipts are there, so the next run writes the head again and makes nothing."""
    quick(pipeline(folder))
    (folder / "root" / "HEAD.json").unlink()
    assert quick(pipeline(folder)).tasks == 0
    assert (folder / "root" / "HEAD.json").exists()


def test_that_a_folder_can_be_written_is_tried_and_leaves_nothing(folder: Path) -> None:
    """Also where the folder, and those above it, are not there yet."""
    before = sorted(folder.rglob("*"))
    LocalStore().check_writable(str(folder / "a" / "b"))
    LocalStore().check_writable(str(folder))
    assert sorted(folder.rglob("*")) == before
    with pytest.raises(RefineryError):
        LocalStore().check_writable("/proc/a/b")


def test_a_run_that_begins_meanwhile_is_no_foreign_file(tmp_path: Path) -> None:
    """Its head may be written after it was looked for and before the folder is listed."""
    (tmp_path / "HEAD.json").touch()
    refuse_foreign(Root(str(tmp_path), LocalStore()))
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Refused, match="other files are there: thesis"):
        refuse_foreign(Root(str(tmp_path), LocalStore()))
