"""The table of languages: every file is well-formed, and what has no file is no error."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from refinery import AssetError
from refinery.kernels import bare
from refinery.stages._languages import (
    SHIPPED,
    common_words,
    language_codes,
    language_file,
    stage_thresholds,
    words_digest,
)

RIGHT_TO_LEFT = {"Arab", "Hebr"}


@pytest.mark.parametrize("code", language_codes())
def test_every_shipped_file_is_as_it_would_be_written(code: str) -> None:
    """A file has the bytes of its values, words as the metrics look them up, and the direction of its script."""
    file = language_file(code)
    assert file is not None and Path(SHIPPED, f"{code}.toml").read_text(encoding="utf-8") == file.to_toml()
    assert all(bare(word) == word and unicodedata.normalize("NFC", word) == word for word in file.common_words)
    assert (file.direction == "rtl") == (file.scripts[0] in RIGHT_TO_LEFT)
    assert not file.common_words or (file.evidence.words and file.evidence.words.sources)


def test_the_table_has_eighty_languages() -> None:
    """Codes are sorted and distinct, and so are the codes of three letters."""
    codes = language_codes()
    assert len(codes) >= 80 and list(codes) == sorted(set(codes))
    assert len({file.iso639_3 for code in codes if (file := language_file(code))}) == len(codes)


@pytest.mark.parametrize("code", ["xx", "", "../de", "zh-Hant", "__label__de", "de\n"])
def test_a_language_without_a_file_has_none(code: str) -> None:
    """A label that is no file of the table is no error and opens nothing else."""
    assert language_file(code) is None


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    """Another folder is another table; one that is missing is an error with a hint."""
    text = 'name = "X"\niso639_3 = "qxx"\nscripts = ["Latn"]\ndirection = "ltr"\n[thresholds.quality]\nmin_words = 7\n'
    (tmp_path / "xx.toml").write_text(text, encoding="utf-8")
    (tmp_path / "yy.toml").write_text(text.partition("[thresholds")[0], encoding="utf-8")
    assert language_codes(str(tmp_path)) == ("xx", "yy")
    assert stage_thresholds("quality", str(tmp_path)) == {"xx": {"min_words": 7}}
    assert common_words(str(tmp_path)) == {} and words_digest(str(tmp_path)) != words_digest()
    assert common_words()["de"] == language_file("de").common_words
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "README.toml").touch()
    with pytest.raises(AssetError, match="empty: it has no language"):
        language_codes(str(tmp_path / "empty"))
    with pytest.raises(AssetError, match="no-folder"):
        language_codes(str(tmp_path / "no-folder"))
