"""The language model of the package: what it is trained for, and how it reads."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.assets import Asset
from refinery.kernels import NO_LANGUAGE, model_labels
from refinery.stages._codes import known_languages
from refinery.stages._identification import CLOSE as GROUPS, OWN, identified
from refinery.stages._languages import language_codes
from tests.conftest import REPOSITORY

CORPUS = REPOSITORY.parent / "shared" / "languages"
LARGEST = 4 << 20
CLOSE = {
    "hr": "Tvrtka je tijekom siječnja primila tisuću prijava, a ravnatelj sveučilišta rekao je da će vlak kasniti tjedan dana.",
    "bs": "Firma je tokom januara primila hiljadu prijava, a direktor univerziteta je također rekao da će voz kasniti sedmicu.",
    "sr": "Preduzeće je tokom januara primilo hiljadu prijava, a predsednik opštine je rekao da će voz kasniti nedelju dana.",
    "id": "Perusahaan itu mengatakan bahwa kantor polisi bisa memberikan nomor telepon karena uang sudah dibayar Senin lalu.",
    "ms": "Syarikat itu berkata bahawa pejabat polis boleh memberikan nombor telefon kerana wang sudah dibayar Isnin lalu.",
    "nb": "Jeg vet ikke hva de har gjort, men vi må se på hvordan skolene kan få flere lærere fra neste år.",
    "nn": "Eg veit ikkje kva dei har gjort, men vi må sjå på korleis skulane kan få fleire lærarar frå neste år.",
    "da": "Jeg ved ikke, hvad de har gjort, men vi bliver nødt til at se på, hvordan skolerne kan få flere lærere fra næste år, og hvem der skal betale for det.",
    "gl": "Non sei o que fixeron, pero temos que ver como as escolas poden ter máis profesores desde o vindeiro ano.",
    "pt": "Não sei o que fizeram, mas temos de ver como as escolas podem ter mais professores a partir do próximo ano.",
    "es": "No sé lo que hicieron, pero tenemos que ver cómo las escuelas pueden tener más profesores desde el próximo año.",
    "cs": "Nevím, co udělali, ale musíme se podívat, jak by školy mohly mít od příštího roku více učitelů.",
    "sk": "Neviem, čo urobili, ale musíme sa pozrieť, ako by školy mohli mať od budúceho roka viac učiteľov.",
    "uk": "Я не знаю, що вони зробили, але ми маємо подивитися, як школи можуть отримати більше вчителів.",
    "be": "Я не ведаю, што яны зрабілі, але мы павінны паглядзець, як школы могуць атрымаць больш настаўнікаў.",
    "bg": "Не зная какво са направили, но трябва да видим как училищата могат да получат повече учители през следващата година и кой ще плати за това.",
    "mk": "Не знам што направиле, но мора да видиме како училиштата можат да имаат повеќе наставници.",
}


def found(*texts: str) -> list[tuple[str, float]]:
    labels, scores, _ = identified(pa.array(texts, pa.string()), Asset(OWN))
    return list(zip(labels.to_pylist(), scores.to_pylist(), strict=True))


def test_the_model_has_the_languages_of_the_table_and_is_small() -> None:
    """Its labels are codes of recipes, more than the table has, in at most 4 MB."""
    labels = set(model_labels(Asset(OWN).path()))
    assert labels >= set(language_codes())
    assert labels <= set(known_languages())
    assert Path(Asset(OWN).path()).stat().st_size <= LARGEST


@pytest.mark.parametrize("code", CLOSE)
def test_close_languages_are_told_apart(code: str) -> None:
    """A sentence with words of one of them is its language."""
    assert found(CLOSE[code])[0][0] == code


@pytest.mark.parametrize("group", GROUPS)
def test_close_languages_count_together(group: tuple[str, ...]) -> None:
    """A text whose lines are in all languages of a group is neither unsure nor mixed, and has one of them."""
    [label], [score], [share] = identified(pa.array(["\n".join(CLOSE[code] for code in group)]), Asset(OWN))
    assert label.as_py() in group
    assert score.as_py() > 0.9
    assert share.as_py() == 1


@given(st.sampled_from(sorted(CLOSE)), st.lists(st.sampled_from(" ,.;:!?()«»“”0123456789"), max_size=30))
@settings(max_examples=50)
def test_only_letters_are_read(code: str, marks: list[str]) -> None:
    """Upper case, and marks and digits between words, change neither language nor score."""
    sentence = CLOSE[code]
    changed = "".join(f" {mark} {word}" for mark, word in zip([*marks, *[""] * 99], sentence.split(), strict=False))
    assert found(sentence, changed, sentence.upper()) == found(sentence) * 3


@pytest.mark.parametrize("text", ["", "1 2 3", "=" * 1000, "👩 👧 👦", "—\u2028—"])
def test_a_text_without_letters_has_no_language(text: str) -> None:
    """Digits, marks and symbols are in no language."""
    assert found(text) == [(NO_LANGUAGE, 0.0)]


def test_hostile_texts_end_quickly() -> None:
    """A megabyte without letters, or of one letter, or of one word."""
    for text in ("=" * 1_000_000, "x" * 1_000_000, "x\n" * 500_000, "字" * 300_000, "the " * 250_000):
        assert len(found(text)) == 1


@pytest.mark.parametrize(("name", "least"), [("lid_short", 0.92), ("lid_docs", 0.95)])
def test_texts_that_it_was_not_trained_on(name: str, least: float) -> None:
    """Mean accuracy over 117 languages, and that of close ones for whole documents."""
    if not CORPUS.is_dir():
        pytest.skip("needs the texts in 80 languages beside the checkout")
    with gzip.open(CORPUS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    right: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    for row, (label, _) in zip(rows, found(*(row["text"] for row in rows)), strict=True):
        right[row["lang"]][label == row["lang"]] += 1
    shares = {code: counts[True] / counts.total() for code, counts in right.items()}
    assert sum(shares.values()) / len(shares) >= least
    if name == "lid_docs":
        assert min(shares[code] for code in ("bs", "hr", "sr", "id", "ms", "nn", "nb")) >= 0.8
