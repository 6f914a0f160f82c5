"""Recipes are read from files; of random or damaged text comes a pipeline or an error that can be shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings, strategies as st

from refinery.errors import StorageError, UsageError
from refinery.recipe import RecipeError, load, parse
from refinery.recipe.problems import SourceText
from refinery.recipe.strict_yaml import read
from tests.engine.recipe_stages import GOOD


def test_a_recipe_is_read_from_its_file(tmp_path: Path) -> None:
    """With or without a byte order mark, and with either kind of line end."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(str(path), ["write=last"], "x") == parse(GOOD, "r", ["write=last"], "x")


def test_errors_name_the_file_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the place can be clicked."""
    monkeypatch.chdir(tmp_path)
    Path("r.yaml").write_text(f"{GOOD}x: 1\r\n")
    with pytest.raises(RecipeError, match=r"^r\.yaml:7:1  unknown field 'x'\n    7 │ x: 1\n"):
        load("r.yaml")


@pytest.mark.parametrize("name", ["none.yaml", ".", "ftp://host/r.yaml"])
def test_a_recipe_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A missing file, a folder, a kind of path that is not supported."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        load(name)
    assert caught.value.message.startswith(f"{name}: ")
    assert caught.value.hint


def test_a_file_that_is_no_text_is_refused_at_its_first_wrong_byte(tmp_path: Path) -> None:
    """Line and column, in bytes."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"dataset: d\nroot: caf\xe9\n")
    with pytest.raises(UsageError) as caught:
        load(str(path))
    assert caught.value.message == f"{path}:2:10  not UTF-8: byte 0xe9"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """It is an archive given by mistake."""
    path = tmp_path / "r.yaml"
    path.write_bytes(b"#" * 300_000)
    with pytest.raises(UsageError, match="larger than 256 KiB"):
        load(str(path))


def test_a_file_that_may_not_be_read_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the exit code of storage."""
    path = tmp_path / "r.yaml"
    path.write_text(GOOD)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(StorageError, match="Permission denied"):
        load(str(path))


# ------------------------------------------------------------------------------------------------- whatever is thrown at it

FRAGMENTS = [
    *"-:?,[]{}#&*!|>'\"%@` \n\t\\0159.~_é日\x00\x07\u2028\ufeff",
    "\n  - ", ": ", "no", "yes", "null", "true", "0x1", "1:20", "2024-01-01", "<<", "=", "---\n", "...\n", "%YAML 1.1\n",
    "dataset", "inputs", "root", "pipeline", "warc", "url", "use", "as", "write", "!!str", "\\U", "\\ud83d", "\\x", ".5", "-1",
]  # fmt: skip
texts = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=60)


@given(texts, st.lists(texts, max_size=2))
@settings(max_examples=300)
def test_random_text_is_a_usage_error_and_nothing_else(text: str, overrides: list[str]) -> None:
    """Whatever a file or an option holds, the answer is a pipeline or an error that can be shown."""
    try:
        parse(text, "r", overrides)
    except UsageError as error:
        error.message.encode()


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 3), texts)
@settings(max_examples=200)
def test_a_damaged_recipe_is_accepted_or_refused_at_places_in_it(at: int, cut: int, put: str) -> None:
    """Every problem lies in the text that it is about."""
    text = GOOD[:at] + put + GOOD[at + cut :]
    try:
        parse(text, "r")
    except RecipeError as error:
        assert error.problems
        for problem in error.problems:
            assert 0 <= problem.span.start <= len(text)
            line = problem.span.text.position(problem.span.start)[0]
            assert 1 <= line <= text.count("\n") + 1


# fmt: off
words = st.sampled_from([
    "yes", "no", "on", "off", "y", "n", "true", "True", "null", "Null", "~", "<<", "=", ".inf", ".nan", "0", "-0", "007", "08", "0x1F", "0b1", "0o7",
])
# fmt: on
figures = st.text("0123456789.:-+_eExo", max_size=10)
scalars = words | figures | st.from_regex(r"[-+]?[0-9]{1,4}(\.[0-9]*)?([eE][-+]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(scalars, min_size=1, max_size=4), st.sampled_from(["- {}\n", "? {}\n", "{}: x\n", "a{}: x\n"]) | texts)
@settings(max_examples=300)
def test_what_is_accepted_as_yaml_means_the_same_to_pyyaml(values: list[str], line: str) -> None:
    """Strictness refuses; it never reads anything else than another loader reads, but for 1e5, which is a number."""
    text = "".join(line.replace("{}", value) for value in values)
    try:
        node, found = read(SourceText("t", text))
    except RecipeError:
        return
    if not found and not re.search(r"[0-9.][eE]", text):
        assert node.plain() == yaml.safe_load(text)


@given(scalars)
@settings(max_examples=300)
def test_a_plain_scalar_is_that_number_or_that_text_or_refused(scalar: str) -> None:
    """No third reading: a number is the number that Python reads, a text is a text to PyYAML too."""
    try:
        node, found = read(SourceText("t", f"[{scalar}]"))
    except RecipeError:
        return
    values = node.plain()
    assert isinstance(values, list)
    if not found and values and isinstance(values[0], (int, float)) and not isinstance(values[0], bool):
        assert values == [float(scalar)]
    if not found and values and isinstance(values[0], str):
        assert values == [scalar.strip()]
        assert yaml.safe_load(f"[{scalar}]") == values


def test_reading_is_linear() -> None:
    """A recipe of the largest size, of one deep or wide kind, takes no more than its length."""
    for text in ("[" * 200_000, "a: {" * 50_000, "- " * 100_000, "x" * 200_000, '"' + "a" * 200_000, "a: *" * 50_000):
        with pytest.raises(RecipeError):
            parse(text, "r")
