"""Identity: canonical JSON, keys, identities of stages, and the digest of their code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, Field

from refinery import identity
from refinery.assets import Asset
from refinery.errors import UsageError
from refinery.identity import (
    FORMAT,
    CommonContents,
    canonical,
    code_digest,
    configuration,
    digest,
    map_identity,
    measure_identity,
    part_key,
)
from refinery.stage.base import Filter, Values
from refinery.stage.documents import Docs
from refinery.stage.fields import threshold, tuning
from refinery.stage.registry import import_class
from refinery.stage.rules import Metric, Rule
from tests.engine.toy import Same

# ----------------------------------------------------------------------------------------------------- canonical JSON


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("nan")]}])
def test_canonical_refuses_numbers_that_json_has_not(value: Any) -> None:
    """NaN and infinities have no JSON form."""
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), {"a": {1}}])
def test_canonical_refuses_what_has_no_one_form(value: Any) -> None:
    """Sets, bytes and objects are refused, at any depth."""
    with pytest.raises(TypeError):
        canonical(value)


def test_canonical_is_one_text() -> None:
    """The order of keys does not count; the order of lists does. Lone surrogates are no crash."""
    assert canonical({"b": 1, "a": [2, "é"]}) == '{"a":[2,"é"],"b":1}'.encode()
    assert canonical([1, 2]) != canonical([2, 1])
    assert canonical("\ud800")


def test_a_part_key_is_of_stage_and_inputs() -> None:
    """Another identity, other inputs or another order of inputs give another key."""
    keys = {part_key("s", ["a", "b"]), part_key("t", ["a", "b"]), part_key("s", ["b", "a"]), part_key("s", ["a"])}
    assert len(keys) == 4


@given(st.text(), st.lists(st.text(), min_size=1), st.lists(st.text()))
def test_the_key_of_common_contents_is_that_of_all_contents(made_by: str, own: list[str], common: list[str]) -> None:
    """Whatever characters they have, and if there are none."""
    assert CommonContents(common).key(made_by, own) == part_key(made_by, [*own, *common])


# --------------------------------------------------------------------------------------------------- stage identities


class Inner(BaseModel):
    """A nested model with an asset."""

    words: Asset
    weight: float = 1.0


class Measuring(Filter):
    """A filter with every role of field."""

    name: ClassVar = "measuring"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("n"),)

    unit: str = "words"
    sizes: tuple[int, ...] = (1, 2)
    least: float = threshold(0.5)
    threads: int = tuning(1)
    lists: tuple[Asset, ...] = ()
    by_name: dict[str, Asset] = Field({})
    inner: Inner | None = None

    def rules(self) -> tuple[Rule, ...]:
        return (Rule("few", "n", at_least=self.least),)

    def measure(self, docs: Docs) -> Values:
        return {"n": [0.0] * len(docs)}


class Grouping(Same):
    """A global stage of which one field shapes the map."""

    name: ClassVar = "grouping"
    map_fields: ClassVar = ("seed",)

    seed: int = 1
    survivor: str = "first"


Identities = tuple[str, str]


def both(stage: Filter) -> Identities:
    return identity.identity(stage), measure_identity(stage)


@pytest.mark.parametrize(
    ("change", "rows_change", "facts_change"),
    [
        ({}, False, False),
        ({"unit": "words"}, False, False),
        ({"unit": "lines"}, True, True),
        ({"sizes": (2, 1)}, True, True),
        ({"least": 0.75}, True, False),
        ({"threads": 8}, False, False),
    ],
)
def test_identity_follows_the_role_of_a_field(change: dict[str, Any], rows_change: bool, facts_change: bool) -> None:
    """A semantic field shapes rows and metrics, a threshold only rows, a tuning field nothing."""
    before, after = both(Measuring()), both(Measuring(**change))
    assert (before[0] != after[0], before[1] != after[1]) == (rows_change, facts_change)


def test_version_name_and_library_are_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class's name and version, and the versions of libraries it depends on, shape rows and metrics."""
    seen = {both(Measuring())}
    for attribute, value in (("version", 2), ("name", "other"), ("depends", ("numpy",))):
        with monkeypatch.context() as patch:
            patch.setattr(Measuring, attribute, value)
            seen.add(both(Measuring()))
    monkeypatch.setattr(Measuring, "versions", lambda self: {"unicode": "15"})
    seen.add(both(Measuring()))
    assert len(seen) == len({a for a, _ in seen}) == len({b for _, b in seen}) == 5


def test_only_map_fields_shape_the_map() -> None:
    """A field of a global stage that its map does not read leaves what was mapped valid."""
    base, seed, survivor = Grouping(), Grouping(seed=2), Grouping(survivor="longest")
    assert map_identity(base) == map_identity(survivor) != map_identity(seed)
    assert len({identity.identity(stage) for stage in (base, seed, survivor)}) == 3


@pytest.mark.parametrize(
    "field",
    [
        lambda asset: {"lists": (asset,)},
        lambda asset: {"by_name": {"en": asset}},
        lambda asset: {"inner": Inner(words=asset)},
    ],
)
def test_an_asset_counts_by_its_bytes(tmp_path: Path, field: Callable[[Asset], dict[str, Any]]) -> None:
    """An asset's content is identity and its place is not, wherever in the configuration it stands."""
    texts = {"a.txt": "same words", "b.txt": "same words", "c.txt": "other words"}
    found = []
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        found.append(identity.identity(Measuring(**field(Asset(tmp_path / name)))))
    assert found[0] == found[1] != found[2]


def test_what_has_no_order_is_refused() -> None:
    """A set cannot be a stage's field, and NaN no value of one."""

    class Unordered(Measuring):
        """A filter with a set in a list."""

        wanted: tuple[frozenset[str], ...] = (frozenset({"a", "b"}),)

    with pytest.raises(UsageError, match="no fixed order"):
        configuration(Unordered())
    with pytest.raises(ValueError, match="JSON"):
        identity.identity(Measuring(least=float("nan")))


# -------------------------------------------------------------------------------------------------------- code digest

STAGE = '''"""A stage."""

from refinery.stage.base import Filter
from refinery.stage.rules import Metric
from {package}.words import LIST
from . import {sibling}


class Some(Filter):
    """Doc."""

    name = "some"
    version = 1
    metrics = (Metric("n"),)

    def measure(self, docs):
        """Doc."""
        # a comment
        return {{"n": [len(LIST) + {sibling}.STEP] * len(docs)}}
'''
WORDS = 'LIST = ("a", "b")\n"""What LIST is."""\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with a stage, a module it imports by name, one it imports relatively, and one it does not import."""
    folder = tmp_path / "somestages"
    folder.mkdir()
    files = {
        "__init__.py": "",
        "stage.py": STAGE.format(package="somestages", sibling="steps"),
        "words.py": WORDS,
        "steps.py": "from .deeper import STEP as STEP\n",
        "deeper.py": "STEP = 1\n",
        "apart.py": "OTHER = 1\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "somestages"]:
        del sys.modules[name]


def digest_of_stage() -> str:
    identity._closure_digest.cache_clear()
    identity._code_of.cache_clear()
    return code_digest(import_class("somestages.stage:Some")())


@pytest.mark.parametrize(
    ("file", "old", "new", "counts"),
    [
        ("stage.py", "# a comment", "# another comment", False),
        ("stage.py", '    """Doc."""\n', "", False),
        ("stage.py", '"""A stage."""', '"""Another text."""', False),
        ("stage.py", "return {", "return  {", False),
        ("words.py", "What LIST is", "Which words", False),
        ("stage.py", "len(LIST) +", "len(LIST) -", True),
        ("words.py", '"b"', '"c"', True),
        ("deeper.py", "STEP = 1", "STEP = 2", True),
        ("apart.py", "OTHER = 1", "OTHER = 2", False),
    ],
)
def test_code_digest(package: Path, file: str, old: str, new: str, counts: bool) -> None:
    """It follows the syntax of a stage's module and of all its package's modules it imports, not texts and layout."""
    before = digest_of_stage()
    path = package / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert (digest_of_stage() != before) == counts


def test_the_code_digest_names_the_package_of_stages_as_its_folder() -> None:
    """Roots keep their digests although the package ``stages`` became ``refinery.stages`` and the extras another name."""
    renamed = "ImportFrom(module='refinery.stages._words') pip install 'crawl-refinery[pii]'"
    assert identity._with_old_names(renamed) == "ImportFrom(module='stages._words') pip install 'refinery[pii]'"
    syntax, imported = identity._code_of("refinery.stages.quality")
    assert "module='stages._words'" in syntax
    assert "refinery.stages._words" in imported


def test_the_folder_of_stages_is_one_package() -> None:
    """``import stages`` from the repository would make a second copy of every class; it is refused."""
    with pytest.raises(ImportError, match=r"import refinery\.stages"):
        importlib.import_module("stages")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_key_is_the_digest_of_identity_and_contents(identity: str, contents: list[str]) -> None:
    """However it is encoded."""
    assert part_key(identity, contents) == digest([FORMAT, identity, contents])
