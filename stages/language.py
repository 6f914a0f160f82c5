"""Stage ``language``: removes documents whose main language is another, is not certain, or is that of few lines.

A fastText model classifies the whole extracted text at once, and each line of some length alone. Its labels become
codes of languages, and the script is that of most characters. Close languages count together with the model of the
package.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import pyarrow as pa
from pydantic import AfterValidator, Field

from refinery import Asset, AssetError, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import NO_LANGUAGE, main_scripts
from refinery.stages._codes import checked_code
from refinery.stages._identification import OWN, identified, languages_of, model_languages
from refinery.stages._thresholds import LanguageTables


def _at_least_one(codes: tuple[str, ...]) -> tuple[str, ...]:
    # Not min_length: pydantic would complain of it for [eng], too.
    if not codes:
        raise ValueError("expected at least one language")
    return codes


Codes = Annotated[tuple[Annotated[str, AfterValidator(checked_code)], ...], AfterValidator(_at_least_one)]


class Language(LanguageTables, Filter):
    """Keep documents whose main language is wanted and certain."""

    name: ClassVar = "language"
    version: ClassVar = 5
    source: ClassVar = "RefinedWeb §3.1; https://arxiv.org/abs/2306.01116"
    depends: ClassVar = ("fasttext-predict",)
    metrics: ClassVar = (
        Metric("lang", pa.string(), "label", help=f"most likely language; {NO_LANGUAGE} for a text without words"),
        Metric("score", help="probability of that language, or of its group of close languages"),
        Metric("script", pa.string(), "label", help="script of most characters, ISO 15924; null without letters"),
        Metric(
            "main_share",
            help="share of it, or its group, in lines that are long and certain; null without such lines",
        ),
    )
    language_metric: ClassVar = "lang"

    keep: Literal["all"] | Codes = threshold(
        ("en",), description="wanted languages, as ISO 639-1 or what else the model calls them; all for all of them"
    )
    min_score: float = threshold(
        0.65, ge=0, le=1, calibrated=0.8, strictest=0.65, description="below this it is not trusted"
    )
    min_main_share: float = threshold(
        0.0, ge=0, le=1, calibrated=0.8, description="share of the main language in the lines; below this it is mixed"
    )
    model: Asset = Field(Asset(OWN), description="fastText model: languages.ftz, lid.176.ftz, or a path")

    def keeps_languages(self) -> tuple[str, ...] | None:
        """The wanted ones."""
        return None if isinstance(self.keep, str) else self.keep

    def rules(self) -> tuple[Rule, ...]:
        """The language, its certainty, then its share."""
        if isinstance(self.keep, str):
            wanted = Rule("other_language", "lang", "It has no language.", not_in=(NO_LANGUAGE,))
        else:
            wanted = Rule("other_language", "lang", "Its main language is not wanted.", is_in=self.keep)
        return (
            wanted,
            Rule("unsure", "score", "Mostly pages without natural text.", at_least=self.min_score),
            Rule("mixed", "main_share", "Too many lines are in other languages.", at_least=self.min_main_share),
        )

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model, and check that it has labels of the wanted languages."""
        del name
        known = model_languages(asset)
        identified(pa.array(["a text"]), asset)
        missing = sorted(set(self.keeps_languages() or ()) - known)
        if missing:
            hint = f"it has {', '.join(sorted(known)[:200])}"
            raise AssetError(f"asset {asset}: it has no language {', '.join(missing)}, which `keep` wants", hint=hint)

    def measure(self, docs: Docs) -> Values:
        """Identify the language of every text. Raises AssetError where the model cannot be read."""
        texts = docs.column("text")
        labels, scores, shares = identified(texts, self.model)
        return {"lang": languages_of(labels), "score": scores, "script": main_scripts(texts), "main_share": shares}
