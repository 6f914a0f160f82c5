"""The file of a language: what is written is read, the same values give the same bytes, and errors name file and field."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from refinery.errors import AssetError
from refinery.stage.language_file import (
    CalibrationEvidence,
    LanguageEvidence,
    LanguageFile,
    ThresholdEvidence,
    WordsEvidence,
)

NUMBERS = st.integers(0, 10**9) | st.floats(0, 1e9)
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,20}", fullmatch=True)
SHARES = st.floats(0, 1)
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)
WORDS = st.text(st.characters(categories=("L", "M", "P", "S")), min_size=1, max_size=20).map(str.lower)
FIGURES = st.builds(
    ThresholdEvidence,
    metric=NAMES,
    median=NUMBERS,
    quantile=NUMBERS,
    multiple=NUMBERS,
    interval=st.tuples(NUMBERS, NUMBERS),
    removes=SHARES,
)
COUNTS = st.integers(0, 2**60)
CALIBRATIONS = st.builds(
    CalibrationEvidence, sample=TEXTS, documents=COUNTS, removed=COUNTS, outliers=COUNTS, keeps=SHARES
)
EVIDENCE = st.builds(
    LanguageEvidence,
    words=st.none() | st.builds(WordsEvidence, sources=st.lists(TEXTS).map(tuple), documents=st.integers(0)),
    calibration=st.none() | CALIBRATIONS,
    thresholds=st.dictionaries(NAMES, st.dictionaries(NAMES, FIGURES, min_size=1), max_size=2),
)
FILES = st.builds(
    LanguageFile,
    name=TEXTS,
    iso639_3=st.just("deu"),
    scripts=st.lists(st.sampled_from(["Latn", "Cyrl"]), min_size=1).map(tuple),
    direction=st.sampled_from(["ltr", "rtl"]),
    common_words=st.lists(WORDS.filter(lambda word: word == word.lower()), unique=True, max_size=40).map(tuple),
    thresholds=st.dictionaries(NAMES, st.dictionaries(NAMES, NUMBERS, min_size=1), max_size=2),
    evidence=EVIDENCE,
)  # fmt: skip

GOOD = 'name = "German"\niso639_3 = "deu"\nscripts = ["Latn"]\ndirection = "ltr"\n'


@given(FILES)
def test_what_is_written_is_read(file: LanguageFile) -> None:
    """A file read back is equal, and written again it has the same bytes."""
    text = file.to_toml()
    again = LanguageFile.from_toml("de.toml", text)
    assert again == file and again.to_toml() == text


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (GOOD.replace("deu", "de"), "iso639_3"),
        (GOOD.replace("Latn", "latin"), "scripts.0"),
        (GOOD.replace("ltr", "left"), "direction"),
        (GOOD + 'common_words = ["der", "Die"]', "common_words"),
        (GOOD + 'common_words = ["der", "der"]', "common_words"),
        (GOOD + 'common_words = ["der", "so wie"]', "common_words.1"),
        (GOOD + '[thresholds.quality]\nmin_words = "many"', "thresholds.quality.min_words"),
        (GOOD + "[thresholds.quality]\nmin_words = nan", "thresholds.quality.min_words"),
        (GOOD + "stop_words = []", "stop_words"),
        ("name = ", "no TOML"),
    ],
)
def test_errors_name_the_file_and_the_field(text: str, field: str) -> None:
    """A malformed file is one error that says where."""
    with pytest.raises(AssetError, match=r"^xx\.toml") as caught:
        LanguageFile.from_toml("xx.toml", text)
    assert field in caught.value.message and caught.value.hint
