"""HPLT's score of documents against a naive reading of the documentation of web-docs-scorer."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery import LANG, Asset, AssetError, Docs
from refinery.stages.wds import Wds
from tests.stages.verdicts import docs, edited, failed, metrics

GLOSSARY = {
    "numeric": "0030-0039, 0660-0669, 06F0-06F9, 0964-096F, 09F2-09F9, 0B66-0B77, 0BE6-0BFA, 0C66-0C6F, 0C78-0C7E, "
    "0CE6-0CEF, 0D66-0D79, 0DE6-0DEF, 0E50-0E5B, 0EC0-0ED9, 1040-1049, 1090-1099, 1369-137C, 17E0-17E9, 1810-1819, "
    "19D0-19DA, 1A80-1A99, 1B50-1B59, 1C40-1C49, 1C50-1C59, A830-A839, A8D0-A8D9, AA50-AA59",
    "punctuation": "0021-0022, 0027-0029, 002C-002E, 003A-003B, 003F, 005B, 005D, 0060, 00A1, 00B4-00B5, 00B7, 00BF, "
    "0589-05C7, 0600-061F, 066A-066D, 06D4-06ED, 0700-070F, 1360-1368, 1800-180A, 1AB0-1AFF, 1C78-1C7F, 1CC0-1CC7, "
    "1FBD-1FC1, 1FCD-1FCF, 1FDD-1FDF, 1FED-1FEF, 1FFD-2027, 3000-303F, 4DC0-4DFF, A6F0-A6F7, FE10-FE6F",
    "singular": "0023-0026, 002A-002B, 002F, 003C-003E, 0040, 005C, 007C, 007E, 00A2-00B3, 00B8-00BE, 00D7, 00F7, "
    "02B0-0385, 0483-0489, 0559-055F, 2010-2E52, 10000-1FFFF, A670-A67F, 3200-33FF",
    "space": "0000-0020, 007F-00A0, 2B7E, 008A, 0088",
}

LANGUAGE_LINES = {
    "es": "El comité del pueblo se reunió ayer por la tarde para hablar del puente nuevo que la gente espera",
    "de": "Die Stadt liegt an einem Fluss, und die Leute gehen am Abend gern am Ufer spazieren und reden",
    "ru": "Комитет города собрался вчера вечером, чтобы обсудить новый мост, которого люди давно ждут здесь",
    "en": "The committee of the town met to discuss the new bridge that people have wanted for many years",
}
ENDS = ["", ".", " 2021", " (12, 13), 14: 15", " http://www.x.y", " www.a.b", " | » ★ 😀", " — „so“…", "!!! ??? ..."]
REPEATS = [1, 1, 1, 4, 7, 9, 14]
MENUS = ["", "Menú", "12 | 13", "Inicio y contacto, 3 páginas", "www.a.b"]

LINE = st.builds(
    lambda code, times, end: " ".join([LANGUAGE_LINES[code]] * times) + end,
    st.sampled_from(["es", "es", "es", *LANGUAGE_LINES]),
    st.sampled_from(REPEATS),
    st.sampled_from(ENDS),
)
TEXTS = st.lists(LINE | st.sampled_from(MENUS), max_size=12).map("\n".join)


def count(text: str, kind: str) -> int:
    """Characters of the glossary's ranges; ``alphabetic`` are those in none."""
    return len(re.findall(one_of(kind), text))


@cache
def one_of(kind: str) -> str:
    ranges = ", ".join(GLOSSARY.values()) if kind == "alphabetic" else GLOSSARY[kind]
    ends = [each.split("-") for each in ranges.split(", ")]
    inside = "".join(f"\\U{int(each[0], 16):08x}-\\U{int(each[-1], 16):08x}" for each in ends)
    return f"[^{inside}]" if kind == "alphabetic" else f"[{inside}]"


def on_table(ratio: float, table: list[tuple[float, float]]) -> float:
    """A subscore by a table of the documentation, which is linear between its rows."""
    if ratio <= table[0][0]:
        return table[0][1]
    for (low, best), (high, worst) in pairwise(table):
        if ratio <= high:
            return best + (worst - best) * (ratio - low) / (high - low)
    return table[-1][1]


def language_of(line: str) -> str:
    return next((code for code, words in LANGUAGE_LINES.items() if line.startswith(words)), "")


def oracle(text: str, language: str, punctuation: float = 2.4) -> dict[str, float]:
    """Subscores by the documentation, for a median of punctuation; those of other characters are Spanish's."""
    alphabetic = count(text, "alphabetic")
    lines = [line for line in text.split("\n") if count(line, "alphabetic") > 2.4 * 25 / punctuation]
    correct = [count(line, "alphabetic") for line in lines if language_of(line) == language]
    every = sum(count(line, "alphabetic") for line in lines)
    low, high = 2.4 * 250 / punctuation, 2.4 * 1000 / punctuation
    large = [(min(size, high) - low) / (high - low) for size in correct]
    superlong = [size for size in large if size > 0.5]
    urls = max(len(re.findall(word, text)) for word in ("www", "http"))
    ratio = {kind: 100 * count(text, kind) / alphabetic if alphabetic else 0 for kind in GLOSSARY}
    by_table = {
        "numbers": on_table(ratio["numeric"], [(1, 1), (10, 0.7), (15, 0.5), (30, 0)]),
        "singular_chars": on_table(ratio["singular"], [(1, 1), (2, 0.7), (6, 0.5), (10, 0)]),
        "punctuation": on_table(
            ratio["punctuation"] * 2.4 / punctuation,
            [(0.3, 0), (0.5, 0.5), (0.9, 1), (2.5, 1), (9, 0.7), (13, 0.5), (25, 0)],
        ),
    }
    return {
        "language": sum(correct) / every if every else 0,
        "urls": on_table(100 * urls / len(lines), [(5, 1), (30, 0.5), (100, 0)]) if lines else 1,
        **{kind: value if alphabetic else 0 for kind, value in by_table.items()},
        "repeated": len(set(lines)) / len(lines) if lines else 1,
        "long_segments": min(sum(size > 0 for size in large), 10) / 10,
        "superlong_segments": sum(superlong) / len(superlong) if superlong else 0,
    }


def final(found: dict[str, float]) -> float:
    """The score by the documentation."""
    first, second, *rest = sorted(
        found[name] for name in ("urls", "numbers", "punctuation", "singular_chars", "repeated")
    )
    basic = 10 * found["language"] * 0.8 + found["long_segments"] + found["superlong_segments"]
    return basic * first * second * (sum(rest) / 3)


def of_languages(texts: list[str | None], languages: list[str | None]) -> Docs:
    return docs(*texts).with_columns({LANG.name: pa.array(languages, pa.string())})


def measured(text: str, language: str | None, stage: Wds | None = None) -> dict[str, float]:
    values = edited(stage or Wds(), of_languages([text], [language])).metrics
    return {name: pa.array(column)[0].as_py() for name, column in values.items()}


@pytest.mark.parametrize(
    ("subscores", "score"),
    [
        ((9.9, 10, 10, 10, 9.2, 9.6, 4, 10), 8.2),  # the documentation's Italian example
        ((8, 4.4, 9, 10, 5.6, 10, 1, 0), 1.5),  # its Chinese one
        ((9.7, 10, 9.8, 10, 9.8, 10, 3, 0), 7.7),  # `doc_scores` in the documentation of HPLT's pipeline
    ],
)
def test_the_oracle_has_the_published_scores(subscores: tuple[float, ...], score: float) -> None:
    """The formula is read as its authors mean it."""
    names = list(oracle("", "es"))
    assert final({name: value / 10 for name, value in zip(names, subscores, strict=True)}) == pytest.approx(
        score, abs=0.1
    )


@given(TEXTS, st.sampled_from([("es", 2.4), ("ru", 3.2), ("de", 2.8)]))
@settings(max_examples=60)
def test_scores_are_those_of_the_documentation(text: str, of: tuple[str, float]) -> None:
    """Each subscore, and the score, in the languages whose medians it states."""
    language, median = of
    found = measured(text, language)
    expected = oracle(text, language, median)
    score = found.pop("score")
    assert found == pytest.approx(expected)
    assert score == pytest.approx(final(expected), abs=0.0501)


@given(st.lists(st.tuples(st.none() | TEXTS, st.sampled_from(["es", "de", "xx", None])), max_size=4))
@settings(max_examples=30)
def test_documents_of_a_batch_do_not_meet(rows: list[tuple[str | None, str | None]]) -> None:
    """A batch gives for each document what it gives alone."""
    together = edited(Wds(), of_languages([text for text, _ in rows], [code for _, code in rows])).metrics
    alone = [measured(text or "", code) for text, code in rows]
    assert {name: pa.array(values).to_pylist() for name, values in together.items()} == {
        name: [row[name] for row in alone] for name in together
    }


@pytest.mark.parametrize(
    ("mark", "metric", "limits"),
    [
        ("7", "numbers", {10: 1, 100: 0.7, 150: 0.5, 300: 0}),
        ("★", "singular_chars", {10: 1, 20: 0.7, 60: 0.5, 100: 0}),
        (",", "punctuation", {3: 0, 5: 0.5, 9: 1, 25: 1, 90: 0.7, 130: 0.5, 250: 0}),
    ],
)
def test_limits_of_characters(mark: str, metric: str, limits: dict[int, float]) -> None:
    """By number of marks for 1,000 letters; dashes and quotation marks are punctuation and singular at once."""
    found = {marks: metrics(Wds(), "a" * 1000 + mark * marks)[metric] for marks in limits}
    assert found == pytest.approx(limits)
    assert metrics(Wds(), "a" * 1000 + "—" * 50)["singular_chars"] < 1
    assert metrics(Wds(), "a" * 1000 + "—" * 50)["punctuation"] < 1


def test_unknown_languages() -> None:
    """All lines are right if no language is known, or the model lacks it; limits are those of Spanish."""
    text = f"{LANGUAGE_LINES['es']}.\n{LANGUAGE_LINES['de']}."
    assert measured(text, "es")["language"] < 1
    assert measured(text, None) == measured(text, "xx")
    assert measured(text, None)["language"] == 1


def test_medians_are_read_from_a_file(tmp_path: Path) -> None:
    """Columns are found by name; of several scripts the first counts, of 0 none."""
    file = tmp_path / "medians.csv"
    header = "script,language_3_chars,numbers_score,punctuation_score,singular_chars_score"
    file.write_text(f"{header}\nlatn,spa,1,2.4,0.8\nlatn,deu,4,4.8,0\ncyrl,deu,9,9,9\n", encoding="utf-8")
    text = "a" * 1000 + "7" * 100 + "★" * 15 + "," * 90
    stage = Wds(medians=Asset(str(file)))
    spanish, german = measured(text, "es", stage), measured(text, "de", stage)
    assert (spanish["numbers"], german["numbers"]) == pytest.approx((0.7, 0.95))
    assert (spanish["punctuation"], german["punctuation"]) == pytest.approx((0.7, 1 - 0.3 * 2 / 6.5))
    assert spanish["singular_chars"] == german["singular_chars"]
    assert measured(LANGUAGE_LINES["de"][:20], "de")["language"] == 0
    assert measured(LANGUAGE_LINES["de"][:20], "de", stage)["language"] == 1
    assert not stage.language_scopes()
    assert Wds().language_scopes()[0].outside(["es", "fr"]) == ("fr",)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "language_3_chars,numbers_score\nspa,much\n", "\0", "\xff"])
def test_other_files_are_no_medians(tmp_path: Path, content: str) -> None:
    """An AssetError names the file."""
    file = tmp_path / "medians.csv"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(AssetError, match=r"medians\.csv"):
        Wds().check_asset("medians", Asset(str(file)))


def test_documents_need_a_score_of_5() -> None:
    """The threshold changes no metric; a text without letters has no score."""
    assert failed(Wds(), f"{LANGUAGE_LINES['es']}, {LANGUAGE_LINES['es']}.", "", "12 | 13") == [
        [],
        ["too_low"],
        ["too_low"],
    ]
    assert Wds.roles("threshold") == {"min", "thresholds"}
