"""MADLAD-400's rules (Kudugunta et al. 2023, §2.3) as naive oracles by the card of the data set; it has no public code.

Sentences are those of refinery, as neither paper nor card has a definition. Languages are those that fastText's own
predictor finds with lid.176: the recipe's model is refinery's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, get_args

import pyarrow as pa

from refinery import Asset
from refinery.kernels import model_labels, word_cuts
from refinery.kernels.reference.sentences import sentence_ends
from refinery.stages._codes import language_of
from refinery.stages._terminals import TERMINALS
from refinery.stages.madlad import Kind
from tools.bench.parity import Row

NEEDS = ("fasttext",)

LID = "lid.176.ftz"
CLOSE = ("bs hr sr", "id ms", "da nb nn", "es gl pt", "cs sk")
CURSED = [
    *(" №", "���", r"\|\s*$", r" nr\.$", "aute irure dolor ", " sunt in culpa qui ", "orem ipsum ", " quis nostrud "),
    *(" adipisicing ", " dolore eu ", " cupidatat ", "autem vel eum", "wisi enim ad", " sex ", " porn ", "黄色电影"),
    *("mp3", "ownload", r"Vol\.", r" Ep\.", "Episode", r" г\.\s*$", r" кг\.\s*$", r" шт\.", "Develop", "Facebook"),
    *(" crusher ", " xxx ", " ..." * 9, " ...." * 9, " [^ ]" * 9, ", ..,,? ..,,? ..,,? ..,,?"),
]

Reason = Callable[[str], bool]


def is_comparable(language: str) -> bool:
    """Return True for all languages."""
    del language
    return True


def rows(steps: dict[str, Any]) -> Iterator[Row]:
    """Yield both rules, and the second one for each reason alone."""
    stage = steps["madlad"].model_copy(update={"model": Asset(LID)})
    steps["madlad"] = stage
    yield Row("madlad", "few_sentences", "fewer than 5", lambda text, _: len(sentences(text)) < stage.min_sentences)
    for kind in get_args(Kind):
        steps[f"madlad ({kind})"] = stage.model_copy(update={"questionable": (kind,)})
        yield _row(f"madlad ({kind})", (kind,), stage)
    yield _row("madlad", get_args(Kind), stage)


def _row(step: str, kinds: Sequence[str], stage: Any) -> Row:
    tests = [REASONS[kind] for kind in kinds if kind in REASONS]
    least, most = float(stage.min_score), float(stage.max_questionable)

    def judge(text: str, language: str) -> bool:
        def questionable(sentence: str) -> bool:
            return any(test(sentence) for test in tests) or ("language" in kinds and foreign(sentence, language, least))

        found = sentences(text)
        return sum(map(questionable, found)) / len(found) > most

    what = "another language" if kinds == ("language",) else " or ".join(kinds)
    return Row(step, "questionable_sentences", f"over 20 % {what.replace('_', ' ')}", judge)


def list_case(sentence: str) -> bool:
    """At least 12 tokens, of which over half begin with a capital letter."""
    tokens = sentence.split()
    return len(tokens) >= 12 and sum(token[0].isupper() for token in tokens) / len(tokens) > 1 / 2


def length(sentence: str) -> bool:
    """Under 20 or over 500 characters."""
    return not 20 <= len(sentence) <= 500


def technical(sentence: str) -> bool:
    """Over 20 % digits, brackets, slashes or plus signs."""
    return len(re.findall(r"[0-9{}+/()>]", sentence)) / len(sentence) > 1 / 5


def cursed(sentence: str) -> bool:
    """One of the patterns is found, as a regular expression."""
    return any(re.search(pattern, sentence) for pattern in CURSED)


REASONS: dict[str, Reason] = {"list_case": list_case, "length": length, "technical": technical, "cursed": cursed}


def foreign(sentence: str, language: str, score: float) -> bool:
    """Certainly in another language, and not in a close one, if the model has the language."""
    if language not in _known():
        return False
    label, probability = _identified(sentence)
    return label != language and probability >= score and not any({label, language} <= set(c.split()) for c in CLOSE)


def sentences(text: str) -> list[str]:
    """Return the sentences without white space at their ends."""
    texts = pa.array([text])
    [ends] = sentence_ends(texts, TERMINALS, word_cuts(texts), lines=True).to_pylist()
    return [text.encode()[start:end].decode().strip() for start, end in pairwise([0, *ends])]


@lru_cache(maxsize=1)
def _model() -> Any:
    import fasttext

    return fasttext.load_model(Asset(LID).path())


@lru_cache(maxsize=1)
def _known() -> frozenset[str]:
    return frozenset(map(language_of, model_labels(Asset(LID).path())))


@lru_cache(maxsize=1000)
def _identified(sentence: str) -> tuple[str, float]:
    [(probability, label)] = _model().f.predict(sentence.replace("\n", " ") + "\n", 1, 0.0, "strict")
    return language_of(label.removeprefix("__label__")), probability
