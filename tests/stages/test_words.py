"""Words fit the script in every stage that counts them, and cost nothing where white space divides all of them."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.assets import Asset
from refinery.errors import UsageError
from refinery.kernels import word_cuts, word_spans
from refinery.kernels.choice import native
from refinery.kernels.reference.segmenter import cuts as cuts_of
from refinery.recipe import RecipeError, parse
from refinery.stage.documents import Docs
from refinery.stages._spacy import spacy_cuts
from refinery.stages._spacy_letters import leaves_letters
from refinery.stages._words import SPACELESS, Words
from refinery.stages.lines import Lines, LineWords
from refinery.stages.minhash import MinHash
from refinery.stages.quality import Quality
from refinery.stages.repetition import Repetition
from refinery.stages.substring import Substring
from refinery.testing import documents, run_global
from tests.stages.verdicts import docs, edited, failed, metrics
from tools.bench.edited import LANGUAGES, measure, sentences
from tools.strategies import SPACELESS_TEXTS

LINES = (
    "昨天下午我们去了城外的一座小山，天气很好，路上遇见许多出来散步的人。",
    "山脚下有一家卖茶的小店，老板告诉我们，这里每年秋天都有很多游客。",
    "我们坐下来喝了一会儿茶，听他讲这座山从前的故事，然后慢慢走回城里。",
    "回到家的时候已经很晚了，孩子们都睡着了，只有院子里的灯还亮着。",
)
CHINESE = "\n".join(LINES)
PHRASES = str(Path(__file__).resolve().parents[2] / "stages" / "phrases" / "zh.toml")
WORDS: tuple[LineWords, ...] = ("segmented", "whitespace")
ENGLISH = st.text("abé “”’.,1\n é한\u0301")


def spaced(text: str) -> str:
    within = [0, *cuts_of(text), len(text)]
    return " ".join(text[start:end] for start, end in pairwise(within))


@pytest.mark.parametrize("stage", [Quality, Repetition, Lines])
@given(text=ENGLISH)
def test_scripts_with_spaces_are_measured_as_by_white_space(stage: Any, text: str) -> None:
    """A text without letters of a script without spaces has the same metrics and text for either kind of words."""
    segmented, whitespace = (edited(stage(words=words), docs(text)) for words in WORDS)
    assert {name: column.to_pylist() for name, column in segmented.columns.items()} == {
        name: column.to_pylist() for name, column in whitespace.columns.items()
    }
    for name, column in segmented.metrics.items():
        assert pa.array(column).to_pylist() == pa.array(whitespace.metrics[name]).to_pylist()


def test_chinese_prose_has_words_of_letters() -> None:
    """It has as many words as a reader finds, about; by white space each line is one long word."""
    segmented, whitespace = (metrics(Quality(words=words), CHINESE) for words in WORDS)
    assert whitespace["words"] == 4
    assert 60 <= segmented["words"] <= 125
    assert segmented["mean_word_length"] < 3
    assert whitespace["mean_word_length"] > 30


def test_chinese_lines_are_no_lines_of_one_word() -> None:
    """Lines of prose stay; without words of their script all of them would go."""
    assert failed(Lines(), CHINESE) == [[]]
    assert metrics(Lines(), CHINESE)["one_word_lines"] == 0
    assert failed(Lines(words="whitespace"), CHINESE) == [["too_much_removed"]]


def test_a_cut_from_a_chinese_text_is_a_share_of_its_words() -> None:
    """A button after text loses its words, and the rest of the line stays."""
    found = edited(Lines(phrases=Asset(PHRASES)), docs(f"{CHINESE}\n他说完了。阅读更多"))
    assert found.columns["text"].to_pylist() == [f"{CHINESE}\n他说完了。"]
    assert 0 < pa.array(found.metrics["removed_words"])[0].as_py() < 0.1


def test_a_batch_is_divided_once_for_all_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters and the line rules share the words of a batch, also after some of it was removed."""
    passes = []

    def counted(texts: pa.StringArray) -> pa.ListArray:
        passes.append(len(texts))
        return word_cuts(texts)

    monkeypatch.setattr("refinery.stages._words.word_cuts", counted)
    batch: Docs = docs(CHINESE, CHINESE[:90])
    Repetition().measure(batch)
    Quality().measure(batch)
    batch = batch.filter(pa.array([True, False]))
    Lines().edit(batch)
    assert passes == [2]


@given(SPACELESS_TEXTS.filter(str.strip))
def test_shingles_are_of_the_words(text: str) -> None:
    """A text has the keys of the same text with a space before each word."""
    segmented, whitespace = (MinHash(profile="fineweb", words=words) for words in WORDS)
    mine, other = segmented.map(documents([text]), 0), whitespace.map(documents([spaced(text)]), 0)
    if whitespace.map(documents([spaced(text)]), 0).keys.num_rows == whitespace.bands:
        assert mine.keys.equals(other.keys)


@pytest.mark.parametrize("normalise", [True, False])
def test_repeated_words_are_cut_between_words(normalise: bool) -> None:
    """A run of words that occurs twice is cut from texts without spaces, with what punctuation belongs to it."""
    texts = [f"{LINES[0]}\n{LINES[1]}", f"{LINES[2]}{LINES[1]}"]
    stage = Substring(unit="words", min_tokens=8, min_chars=0, normalise=normalise)
    [[result]] = run_global(stage, [[documents(texts)]])
    repeats = [spans.as_py() for spans in result.metrics["repeats"]]
    assert [[span["text"].strip("\n。") for span in spans] for spans in repeats] == [[LINES[1].strip("。")]] * 2


@pytest.mark.parametrize("words", WORDS)
def test_warnings_name_languages_only_where_white_space_divides(words: Words) -> None:
    """With words that fit the script no stage warns that words lie between spaces."""
    stages = (
        Quality(words=words),
        Repetition(words=words),
        Lines(words=words),
        MinHash(profile="verified", words=words),
        Substring(unit="words", words=words),
    )
    warned = [any("zh" in scope.but for scope in stage.language_scopes()) for stage in stages]
    assert warned == [words == "whitespace"] * 5


def test_highlights_are_words() -> None:
    """Highlights of a metric of words are words of the script."""
    text = "你好你好你好，12 你好"
    shown = [text[start:end] for start, end in Quality().highlights(text, "alpha_words")]
    assert shown == ["12"]
    assert all(text[a:b].startswith(("你", "好")) for a, b in Repetition().highlights(text, "top_2_gram"))


@pytest.mark.slow
@pytest.mark.skipif(not native(), reason="thousands of documents take native kernels")
@pytest.mark.parametrize("profile", ["fineweb", "verified", "refinedweb", "dclm"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_edited_copies_are_found_as_the_formula_says(corpus: Path, language: str, profile: str) -> None:
    """Of edited copies of texts without spaces as many are found as of texts with spaces, to .03."""
    path = corpus.parent / "languages" / "segmentation" / f"{language}.jsonl.gz"
    if not path.exists():
        pytest.skip("needs the segmented texts at shared/languages beside the checkout")
    row = measure(profile, sentences(path), 1_000 if profile == "refinedweb" else 2_000)
    assert row["found"] == pytest.approx(row["formula"], abs=0.03)


def test_the_old_name_of_a_definition_is_refused_with_the_new_one() -> None:
    """A recipe that says ``words: auto`` learns what it is called now."""
    recipe = "dataset: x\ninputs: x\npipeline:\n  - wet:\n  - quality: {words: auto}\n"
    with pytest.raises(RecipeError) as caught:
        parse(recipe, "recipe.yaml")
    assert "'auto' is called 'segmented' now; the default is segmented" in [
        problem.fix for problem in caught.value.problems
    ]


SENTENCE = "Mr. Smith's well-known dog (a poodle), aged 12.5, didn't bark... at www.example.org/a?b=1!"


def test_tokens_of_punctuation_do_not_count() -> None:
    """Of words of UAX #29 those without a letter or digit count in shares only."""
    found = metrics(Quality(words="unicode"), "one, two - (three)")
    assert (found["words"], found["mean_word_length"], found["alpha_words"]) == (3, 11 / 3, 3 / 7)


def test_a_recipe_with_words_of_spacy_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without spaCy there is one error, which says what to install."""

    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("refinery.stages._spacy.version", version)
    with pytest.raises(UsageError) as caught:
        Quality(words="spacy").versions()
    assert caught.value.hint == "pip install 'crawl-refinery[spacy]'"


@pytest.mark.parametrize(
    ("pattern", "leaves"),
    [
        (r"(?<=[0-9])(?:km|[a-z])$|'s$|(?:US)?\$|[.]{2,}|(?=\W)x|€", False),  # \W is not looked into
        (r"(?<=[0-9])(?:km|[a-z])$|'s$|(?:US)?\$|[.]{2,}|(?=[-+])x|€", True),
        (r"(?<=[a-z])lah$", False),
        (r"\.*a", False),
        (r"[^a]", False),
        (r"[+-z]", False),
        (r"(?i:k)-", True),
        (r"(?i)-", False),
    ],
)
def test_a_tokenizer_that_divides_no_letters_is_known_by_its_patterns(pattern: str, leaves: bool) -> None:
    """It is one if each match of all its patterns has a character that is no ASCII letter."""
    search = re.compile(pattern)
    tokenizer = SimpleNamespace(prefix_search=None, suffix_search=search.search, infix_finditer=search.finditer)
    assert leaves_letters(tokenizer) is leaves
    if leaves:
        assert search.search("USkmsabclah") is None


@pytest.mark.parametrize("language", ["en", "de", "fr", "ca", "id", "ko", None])
def test_words_of_spacy_are_those_of_its_tokenizer(language: str | None) -> None:
    """Each text has the tokens that spaCy makes of the whole of it, whatever came before it."""
    spacy = pytest.importorskip("spacy", reason="needs spaCy")
    tokenizer = spacy.blank("xx" if language in ("ko", None) else language).tokenizer
    texts = pa.array([SENTENCE, "", f"L'eau, {SENTENCE}", f"  {SENTENCE.upper()} salvar-me\n"], pa.string())
    for some in (texts.slice(2), texts):
        languages = pa.array([language] * len(some), pa.string())
        spans = word_spans(some, spacy_cuts(some, languages, frozenset(SPACELESS)))
        expected = [[(t.idx, t.idx + len(t)) for t in tokenizer(text) if not t.is_space] for text in some.to_pylist()]
        assert spans == expected


def test_each_text_has_the_words_of_its_language() -> None:
    """Texts of several languages keep their order; those without spaces are segmented."""
    pytest.importorskip("spacy", reason="needs spaCy")
    texts = pa.array([CHINESE, "don't", "l'eau", CHINESE, "don't"])
    cuts = spacy_cuts(texts, pa.array(["zh", "en", "fr", "zh", None]), frozenset(SPACELESS)).to_pylist()
    assert cuts[0] == cuts[3] == word_cuts(pa.array([CHINESE])).to_pylist()[0]
    assert cuts[1:3] == [[2], [2]]
    assert cuts[4] == []
