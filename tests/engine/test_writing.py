"""Scripts and direction of texts."""

from __future__ import annotations

import pytest

from refinery.inspect.writing import direction_of, scripts_of


@pytest.mark.parametrize(
    ("texts", "scripts", "direction"),
    [
        (["Der Fluss stieg über die Ufer."], ("Latn",), "ltr"),
        (["Река поднялась над берегами (PDF).", "Река.", "Reka se podigla."], ("Cyrl", "Latn"), "ltr"),
        (["ارتفع النهر فوق الضفاف (PDF)"], ("Arab",), "rtl"),
        (["הנהר עלה על גדותיו"], ("Hebr",), "rtl"),
        (["川が岸を越えてあふれた。東京都"], ("Jpan",), "ltr"),
        (["河水漫过了堤岸"], ("Hani",), "ltr"),
        (["강물이 둑을 넘었다"], ("Hang",), "ltr"),
        (["ወንዙ ከዳርቻው ወጣ"], ("Ethi",), "ltr"),
        (["12 34 !?", ""], ("Zyyy",), "ltr"),
    ],
)
def test_letters_decide(texts: list[str], scripts: tuple[str, ...], direction: str) -> None:
    """Digits, marks and a few foreign letters do not count."""
    assert (scripts_of(texts), direction_of(texts)) == (scripts, direction)
