"""Which kernels run, and what is said of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.kernels import choice

RECIPE = """
dataset: toy
inputs: "{folder}/*.txt"
root: "{folder}/root"
executor: {{workers: 1}}
pipeline:
  - lines-of-text: {{use: "tests.engine.toy:LineSource"}}
"""


def refinery(wish: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "refinery", *arguments]
    return subprocess.run(
        command, env=os.environ | {choice.VARIABLE: wish}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def extension() -> Path:
    """The file of the native kernels."""
    if not choice.built():
        pytest.skip("needs the native kernels")
    from refinery.kernels import _native

    assert _native.__file__
    return Path(_native.__file__)


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "built", lambda: False)
    monkeypatch.delenv(choice.VARIABLE, raising=False)


def test_one_file_is_for_every_python(extension: Path) -> None:
    """The extension uses the stable interface of Python only, and is named so."""
    assert extension.name == "_native.abi3.so"


def test_a_wish_is_granted(extension: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Native kernels run where they are built, unless the reference is asked for."""
    for wish, native in (("", True), ("native", True), ("reference", False)):
        monkeypatch.setenv(choice.VARIABLE, wish)
        assert choice.native() is native


@pytest.mark.usefixtures("unbuilt")
def test_a_wish_that_cannot_be_granted_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extension the reference runs, and forcing native raises an error that names the fix."""
    assert choice.native() is False
    monkeypatch.setenv(choice.VARIABLE, "native")
    with pytest.raises(UsageError, match="not built") as caught:
        choice.native()
    assert "Rust" in caught.value.hint


def test_an_unknown_wish_is_a_usage_error() -> None:
    """The command names the wish and what it may be, and ends with 2; help needs no kernels."""
    done = refinery("fast", "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == ("error: REFINERY_KERNELS is 'fast'\nhint: it may be reference or native, or not be set\n")
    assert refinery("fast", "--help").returncode == 0


def test_check_names_the_kernels_that_run(extension: Path, tmp_path: Path) -> None:
    """One word, native or reference, as a run would choose them."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE.format(folder=tmp_path), encoding="utf-8")
    (tmp_path / "one.txt").write_text("a line\n", encoding="utf-8")
    for wish, kernels in (("", "native"), ("reference", "reference")):
        assert json.loads(refinery(wish, "check", "-c", str(recipe), "--json").stdout)["kernels"] == kernels


def test_kernels_of_other_sources_are_refused(extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where any source of the crate was changed, renamed or removed since the build, the extension does not run."""
    if not choice.CRATE.is_dir():
        pytest.skip("needs the sources of the native kernels")
    monkeypatch.delenv(choice.VARIABLE, raising=False)
    crate = tmp_path / "native"
    crate.mkdir()
    for name in ("Cargo.toml", "Cargo.lock"):
        shutil.copy(choice.CRATE / name, crate)
    shutil.copytree(choice.CRATE / "src", crate / "src")
    monkeypatch.setattr(choice, "CRATE", crate)
    assert choice.native()
    (crate / "src" / "lib.rs").rename(crate / "src" / "library.rs")
    with pytest.raises(UsageError, match="other sources") as caught:
        choice.native()
    assert "make install" in caught.value.hint
    (crate / "src" / "library.rs").rename(crate / "src" / "lib.rs")
    assert choice.native()
    with (crate / "src" / "lib.rs").open("a") as stream:
        stream.write("\n")
    with pytest.raises(UsageError, match="other sources"):
        choice.native()


@pytest.mark.usefixtures("unbuilt")
def test_a_run_without_native_kernels_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line on standard error, beside the JSON and not in it; none with -q, or for who asked for the reference."""
    (tmp_path / "0.txt").write_text("one line\n")
    recipe = tmp_path / "toy.yaml"
    recipe.write_text(RECIPE.format(folder=tmp_path))
    assert execute(["run", "-c", str(recipe), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["complete"] is True
    assert [line for line in err.splitlines() if "native kernels" in line] == [choice.note()]
    assert execute(["run", "-c", str(recipe), "-q"]) == 0
    monkeypatch.setenv(choice.VARIABLE, "reference")
    assert execute(["run", "-c", str(recipe)]) == 0
    assert "native kernels" not in capsys.readouterr().err
