"""Laws of the repair of mojibake: what was encoded twice is read as it was meant, and nothing else changes."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from refinery.kernels import HAS_EXTRACTOR
from refinery.stages._extract.encoding import MOST, repaired
from refinery.stages.extract import Extract
from refinery.testing import documents

SENTENCES = {
    "fr": "Le château à côté de la forêt était très élevé, déjà l’été.",
    "es": "¿Quién ganó aquí la elección del señor Núñez? ¡Así fue!",
    "de": "Über die Brücke führen große Straßen – „ganz schön“.",
    "pl": "Dna moczanowa często objawia się w nocy, zasłaniając źródło bólu.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "tr": "Güneşli bir gün, şehirde çok ağaç var, ığdır yolunda.",
    "vi": "Tất cả mọi người sinh ra đều được tự do và bình đẳng.",
    "ru": "Все люди рождаются свободными и равными в своём достоинстве.",
    "uk": "Всі люди народжуються вільними і рівними у своїй гідності.",
    "el": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι.",
    "ar": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق.",
    "hi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।",
    "ja": "すべての人間は、生まれながらにして自由であり、平等である。",
    "zh": "人人生而自由，在尊严和权利上一律平等。",
    "ko": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "en": "It\u2019s \u201cfine\u201d \u2014 the caf\u00e9 opens at 9\u00a0o\u2019clock\u2026",
}


def misread(text: str, codec: str) -> str:
    """UTF-8 as browsers read it where a page names the charset wrongly: undefined bytes are control characters."""
    return "".join(
        bytes([byte]).decode(codec) if codec == "latin-1" or byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else chr(byte)
        for byte in text.encode()
    )


def mended(*pages: str | None) -> list[str | None]:
    return list(repaired(pa.array(pages, pa.string()))[0].to_pylist())


@pytest.mark.parametrize("codec", ["latin-1", "cp1252"])
@pytest.mark.parametrize("language", SENTENCES)
def test_what_was_encoded_twice_is_read_as_it_was_meant(language: str, codec: str) -> None:
    """Sentences of many languages, once and twice misread, in markup whose other parts are as they were."""
    sentence = SENTENCES[language]
    once = misread(sentence, codec)
    page = "<p title='żółć 日'>{}</p>\n<p>日本</p>"
    assert mended(page.format(once)) == [page.format(sentence)]
    assert mended("x", None, page.format(misread(once, codec)), "é") == ["x", None, page.format(sentence), "é"]


@pytest.mark.parametrize("language", SENTENCES)
def test_restored_letters_are_those_beyond_ascii(language: str) -> None:
    """Nearly all of a page that was misread, but those that stood in it; none of a page that was not, nor its quotes."""
    sentence = SENTENCES[language]
    letters = sum(letter.isalpha() and not letter.isascii() for letter in sentence)
    pages = pa.array([misread(sentence, "latin-1"), sentence, misread("“It’s”", "latin-1")])
    restored, *others = repaired(pages)[1]
    assert 0.8 * letters <= restored <= letters
    assert others == [0, 0]


def test_a_page_that_was_damaged_throughout_is_removed_if_wanted() -> None:
    """The share is of the text's characters, and at most 1; by default no page is removed for it."""
    sentence = SENTENCES["fr"] * 5
    page = f"<html><body><article><p>{misread(sentence, 'latin-1')}</p></article></body></html>"
    docs = documents([""]).with_columns({"html": pa.array([page])})
    share = Extract(engine="trafilatura").edit(docs).metrics["repaired"]
    assert 0.05 < share[0].as_py() < 0.3
    for most, violated in ((1, False), (0.01, True)):
        assert Extract(max_repaired=most).rules()[-1].violated(share).to_pylist() == [violated]


@pytest.mark.parametrize("engine", ["native", "trafilatura"])
def test_texts_have_it_right_with_every_engine(engine: str) -> None:
    """Soft hyphens, no-break spaces and controls, which extractors drop, are still there when it is repaired."""
    if engine == "native" and not HAS_EXTRACTOR:
        pytest.skip("the native kernels are not built")
    sentences = [SENTENCES[language] for language in ("es", "fr", "ru", "pl")]
    page = "".join(f"<p>{misread(sentence, 'latin-1')}</p>" for sentence in sentences)
    docs = documents([""]).with_columns({"html": pa.array([f"<html><body><article>{page}</article></body></html>"])})
    text = Extract(engine=engine).edit(docs).columns["text"][0].as_py()
    assert text.split("\n") == sentences


def test_clean_texts_in_eighty_languages_stay(corpus: Path) -> None:
    """No text changes that has neither control characters nor the marks of misread quotation marks."""
    with gzip.open(corpus.parent / "languages" / "docs.jsonl.gz", "rt", encoding="utf-8") as stream:
        docs = [doc for doc in map(json.loads, stream) if doc["kind"] == "clean"]
    texts = [doc["text"] for doc in docs]
    changed = [text for text, after in zip(texts, mended(*texts), strict=True) if text != after]
    assert len({doc["lang"] for doc in docs}) >= 79
    assert len(changed) < 10
    assert all(set(text) & set(map(chr, range(0x80, 0xA0))) or "â€" in text for text in changed)


def test_only_encoding_is_repaired() -> None:
    """Quotation marks, widths, ligatures, entities and line ends of a repaired segment are as the page has them."""
    assert mended("\u201cﬁne\u201d ＡＢＣ &amp; cafÃ©\r") == ["\u201cﬁne\u201d ＡＢＣ &amp; café\r"]


def test_a_page_of_nothing_else_ends_soon() -> None:
    """What is looked at is bounded; the page is whole, and repaired up to there."""
    page = "Ã© " * MOST
    (made,) = mended(page)
    assert made is not None
    assert made.startswith("é " * 1000)
    assert made.endswith("Ã© " * 1000)


def test_the_library_is_part_of_the_identity() -> None:
    """Another version of ftfy makes another stage, whatever the engine."""
    assert all("ftfy" in Extract(engine=engine).versions() for engine in ("trafilatura", "resiliparse"))
