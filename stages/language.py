"""Stage ``language``: removes documents whose main language is another, or is not certain.

The whole extracted text is classified at once, by fastText's lid.176. Documents in two languages count as the stronger
one, mostly with a low score.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import AfterValidator, Field

from refinery import Asset, AssetError, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import NO_LANGUAGE, identify_languages
from stages._thresholds import LanguageTables


@lru_cache(maxsize=1)
def known_languages() -> dict[str, str]:
    """lid.176's codes, each also found by other codes and by English names: ``{"en": "en", "eng": "en", ...}``."""
    text = resources.files("stages").joinpath("languages.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {word: row[0] for row in rows for word in row}


def _code(word: str) -> str:
    known = known_languages()
    simple = "-".join(word.lower().split())
    code = known.get(simple) or known.get(simple.partition("-")[0])
    if code != word:
        raise ValueError(f"expected ISO 639-1; did you mean {code!r}?" if code else "expected ISO 639-1, such as 'en'")
    return code


def _at_least_one(codes: tuple[str, ...]) -> tuple[str, ...]:
    # Not min_length: pydantic would complain of it for [eng], too.
    if not codes:
        raise ValueError("expected at least one language")
    return codes


class Language(LanguageTables, Filter):
    """Keep documents whose main language is wanted and certain."""

    name: ClassVar = "language"
    version: ClassVar = 2
    source: ClassVar = "RefinedWeb §3.1; https://arxiv.org/abs/2306.01116"
    depends: ClassVar = ("fasttext-predict",)
    metrics: ClassVar = (
        Metric("lang", pa.string(), "label", help=f"most likely language; {NO_LANGUAGE} for a text without words"),
        Metric("score", help="probability of that language"),
    )
    language_metric: ClassVar = "lang"

    keep: Annotated[tuple[Annotated[str, AfterValidator(_code)], ...], AfterValidator(_at_least_one)] = threshold(
        ("en",), description="wanted languages, as ISO 639-1 or what else lid.176 calls them"
    )
    min_score: float = threshold(0.65, ge=0, le=1, description="below this the language is not trusted")
    model: Asset = Field(Asset("lid.176.ftz"), description="fastText model of language identification")

    def keeps_languages(self) -> tuple[str, ...]:
        """The wanted ones."""
        return self.keep

    def rules(self) -> tuple[Rule, ...]:
        """The language, then its certainty."""
        return (
            Rule("other_language", "lang", "Its main language is not wanted.", is_in=self.keep),
            Rule("unsure", "score", "Mostly pages without natural text.", at_least=self.min_score),
        )

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model."""
        del name
        self._identify(pa.array(["a text"]), asset)

    def measure(self, docs: Docs) -> Values:
        """Identify the language of every text. Raises AssetError where the model cannot be read."""
        lang, score = self._identify(docs.column("text"), self.model)
        return {"lang": lang, "score": score}

    @staticmethod
    def _identify(texts: pa.Array, model: Asset) -> tuple[pa.Array, pa.Array]:
        try:
            return identify_languages(texts, model.path())
        except ValueError as error:
            raise AssetError(f"asset {model}: {error}", hint="set it to a fastText model of lid.176") from error
