"""Texts of the same page in two roots: what only one has is marked, at a bounded cost, and stays text."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings, strategies as st

from refinery.errors import UsageError
from refinery.inspect.comparison import names_of
from refinery.inspect.reader import open_root
from refinery.report import build, limits
from refinery.report.texts import page_texts, texts
from refinery.report.wordwise import compare
from refinery.stage.base import Edit, Edited
from refinery.stage.documents import TEXT as TEXT_FIELD, Docs
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource
from tests.report.test_serve import Client

LETTERS = st.text(st.sampled_from("ab  \n,.é語ก\u202e<"), max_size=60)


@settings(max_examples=200, deadline=None)
@given(LETTERS, LETTERS)
def test_the_pieces_of_each_side_are_its_text(left: str, right: str) -> None:
    """And what is not marked is the same words on both sides."""
    found = compare(left, right)
    assert ("".join(text for text, _ in found.left), "".join(text for text, _ in found.right)) == (left, right)
    kept = ["".join("".join(text.split()) for text, only in side if not only) for side in (found.left, found.right)]
    assert kept[0] == kept[1]
    assert found.rest == (0, 0)
    assert 0 <= found.common <= min(found.words)
    assert (found.share == 1.0) == (not any(only for side in (found.left, found.right) for _, only in side))


def test_words_that_differ_are_marked() -> None:
    """Words, not lines; scripts without spaces by the letter; white space is no difference."""
    found = compare("Home\nOne two three.", "One 2  three. More")
    assert [text for text, only in found.left if only] == ["Home", "two"]
    assert [text for text, only in found.right if only] == ["2", "More"]
    found = compare("今天天气很好", "今天天很好吗")
    assert [text for text, only in found.left if only] == ["气"]
    assert [text for text, only in found.right if only] == ["吗"]


def test_the_cost_of_a_comparison_is_bounded() -> None:
    """Of texts that are made to be slow as well: so many words of each are compared, and the rest is counted."""
    dice = random.Random(5)
    few = [" ".join(dice.choice("ab") for _ in range(50_000)) for _ in range(2)]
    apart = [" ".join(f"{n % 100} {name}{n}" for n in range(20_000)) for name in "xy"]
    started = time.perf_counter()
    for left, right in (few, apart, ["a " * 50_000, "b " * 50_000], ["a" * 1_000_000, "b" * 1_000_000]):
        found = compare(left, right)
        assert max(found.words) <= limits.COMPARED_WORDS
        shown = ["".join(text for text, _ in side) for side in (found.left, found.right)]
        assert max(map(len, shown)) <= limits.COMPARED_CHARACTERS
        assert found.rest == (len(left) - len(shown[0]), len(right) - len(shown[1]))
    assert time.perf_counter() - started < 20


class Engine(Edit):
    """An extraction: in another ``mode`` it loses a word and puts another in front."""

    name: ClassVar = "engine"
    version: ClassVar = 1
    adds: ClassVar = (TEXT_FIELD,)

    mode: str = "plain"

    def edit(self, docs: Docs) -> Edited:
        """Texts without ``lost``, behind a word that would be markup."""
        if self.mode == "plain":
            return Edited({"text": docs.texts()})
        return Edited({"text": [f"<b>menu</b> {text.replace(' lost', '')}" for text in docs.texts()]})


LINES = [[f"page {n} has a lost word <script>alert({n})</script> & more" for n in range(12)], ["same", "a b c d"]]


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two roots of the same files, by two engines; in the first, short texts are removed after that."""
    made = []
    folder = tmp_path_factory.mktemp("texts")
    write_inputs(folder / "in", LINES)
    for name, stages in (("one", (Engine(), Length(min_words=2))), ("two", (Engine(mode="other"),))):
        given_ = pipeline(folder, steps(LineSource(), *stages, marked=("engine", "words")), root=name, write="marked")
        quick(given_)
        made.append(Path(given_.root))
    return made[0], made[1]


def test_two_engines_texts_stand_side_by_side(roots: tuple[Path, Path]) -> None:
    """On a static page: each text with what only it has marked, the settings that differ, nothing of it markup."""
    found = texts(*(open_root(str(root)) for root in roots))
    assert (found.drawn, found.same) == (14, 0)
    assert found.drawn <= limits.COMPARED_PAGES
    assert len(found.pairs) == limits.DIFFERING_PAGES
    assert [name for name, *_ in found.settings] == ["mode"]
    folder = Path(build(str(roots[0]), against=[str(roots[1])]).folder)
    page = (folder / "texts-1.html").read_text("utf-8")
    assert "14 pages that both roots have" in page
    assert "<del>lost</del>" in page
    assert "<ins>&lt;b&gt;menu&lt;/b&gt;</ins>" in page
    assert page.count("<script") == 1
    assert '<a href="texts-1.html">texts of common pages</a>' in (folder / "compare.html").read_text("utf-8")
    assert texts(*(open_root(str(roots[0])) for _ in range(2))).same == 14


def test_a_page_is_compared_as_a_stage_left_it(roots: tuple[Path, Path]) -> None:
    """The first one that stores texts unless another is chosen; what has no text there is an error that says why."""
    mine, its = (open_root(str(root)) for root in roots)
    url = "file://1.txt#1"
    pair = page_texts(mine, its, url)
    assert pair.documents[0].id == pair.documents[1].id
    assert [text for text, only in pair.difference.right if only] == ["<b>menu</b>"]
    with pytest.raises(UsageError, match="has no page"):
        page_texts(mine, its, "https://nowhere.example/")
    with pytest.raises(UsageError, match="no stage 'words'"):
        page_texts(mine, its, url, "words")


def test_the_server_compares_any_page(roots: tuple[Path, Path]) -> None:
    """By its URL or id, with the form and an error beside it where there is nothing to compare."""
    client = Client(roots[0], [roots[1]])
    static = client.get("texts-1.html").text
    (one, *_) = re.findall(r'href="(texts\?with=1&amp;q=[0-9a-f]{32})"', static)
    answer = client.get(one.replace("&amp;", "&"))
    assert answer.status_code == 200
    assert "<ins>&lt;b&gt;menu&lt;/b&gt;</ins>" in answer.text
    wrong = client.get("texts?q=%3Cscript%3Enope")
    assert wrong.status_code == 400
    assert 'name="q" value="&lt;script&gt;nope"' in wrong.text
    assert client.get("texts?with=7").status_code == 404


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["/a/demo/root", "/b/other/root"], ["demo/root", "other/root"]),
        (["/a/x", "s3://bucket/y/"], ["x", "y"]),
        (["/a/x", "/a/x", "/a/y"], ["x", "x (2)", "y"]),
        (["root", "/tmp/root"], ["root", "tmp/root"]),
        (["/"], ["/"]),
    ],
)
def test_a_root_is_named_by_its_last_folders(paths: list[str], names: list[str]) -> None:
    """As few as tell it from the others."""
    assert list(names_of(paths)) == names
