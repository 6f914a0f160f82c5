"""What ``run`` ends with: the summary, where the output is, the warnings, and commands that work as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import duckdb
import pytest

from refinery.cli import execute
from tests.engine.inline import InlineExecutor
from tests.engine.roots import write_inputs

RECIPE = """\
dataset: toy
inputs: in/*.txt
root: '{root}'
max_broken_inputs: 100%
executor: {{workers: 1}}
pipeline:
  - lines-of-text: {{use: 'tests.engine.toy:LineSource'}}
  - words: {{use: 'tests.engine.toy:Length'}}
  - upper: {{use: 'tests.engine.toy:Upper'}}
  - gather: {{use: 'tests.engine.toy:Gather', shard: 1000}}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inputs and a recipe, which is the current one; its root has a name that a shell would split."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("refinery.runner.run._executor", lambda given: InlineExecutor())
    write_inputs(tmp_path / "in")
    (tmp_path / "my recipe.yaml").write_text(RECIPE.format(root="my root"))
    return tmp_path


def printed(out: str, first: str) -> list[str]:
    """The command lines that begin so, without what is said of them."""
    return [re.split(r"\s{2,}", line.strip())[0] for line in out.splitlines() if line.strip().startswith(first)]


def test_a_run_ends_with_what_is_kept_and_commands_that_work(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Documents, tokens and the folder of the last stage; the commands have the options that were given."""
    assert execute(["run", "-c", "my recipe.yaml"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"kept +8 of 12 documents \(66\.7%\), \d+ of \d+ tokens \(", out)
    assert "my root/03-gather/kept (1 Parquet file)" in out
    assert "warning  lines-of-text: 1 input yields no document: 1.txt" in out
    query = shlex.split(next(line for line in out.splitlines() if "duckdb -c" in line))[-1]
    assert len(duckdb.sql(query).fetchall()) == 5
    commands = printed(out, "refinery ")
    assert [command.split()[1] for command in commands] == ["stats", "sample", "report"]
    for command in commands[:2]:
        assert execute(shlex.split(command)[1:]) == 0


def test_a_run_with_nothing_to_do_says_what_it_found(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same summary and warnings; a lost file, and a switch to earlier results, are not called up to date."""
    run = ["run", "-c", "my recipe.yaml", "--root", "elsewhere"]

    def said(*options: str) -> list[str]:
        assert execute([*run, *options]) == 0
        return capsys.readouterr().out.splitlines()

    first = said()
    again = said()
    assert again[0] == "nothing to do: elsewhere is up to date"
    assert first[1].startswith("took ")
    assert again[1:] == first[2:]
    assert "refinery stats -c 'my recipe.yaml' --root elsewhere" in "\n".join(first)
    (kept,) = (place / "elsewhere" / "03-gather" / "kept").glob("*.parquet")
    kept.unlink()
    assert said()[1] == "recomputed 1 file that were missing or changed size; see `refinery logs`"
    assert said("--set", "words.min_words=3")[0].startswith("done: ")
    assert said()[0] == (
        "recipe changed to words.min_words=2: reused the results of 1 stage, nothing to compute → elsewhere"
    )
    assert said("--set", "max_broken_inputs=50%")[0] == (
        "nothing to do: elsewhere is up to date; the recipe changed to max_broken_inputs=50%"
    )


def test_too_many_broken_inputs_fail_a_run_that_is_quiet(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 with one line on standard error; everything is made all the same."""
    run = ["run", "-q", "-c", "my recipe.yaml", "--set", "max_broken_inputs=5%"]
    assert execute(run) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "",
        "error: lines-of-text: 1 of 3 inputs broken (33.3%), more than max_broken_inputs: 5%\n",
    )
    assert len(list((place / "my root" / "03-gather" / "kept").iterdir())) == 1
    assert execute(run) == 1
