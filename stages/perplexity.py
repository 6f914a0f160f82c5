"""Stage ``perplexity``: the perplexity of a text under a language model, such as cc_net's of Wikipedia.

A low perplexity means text like that which the model was trained on. The stage is not registered, since it needs
packages of the extra ``crawl-refinery[kenlm]``; a recipe names the class, once for each model and its languages:

    - perplexity: {as: ppl_de, use: "refinery.stages.perplexity:Perplexity", model: ./de.arpa.bin,
                   tokenizer: ./de.sp.model, languages: [de]}

Definitions are cc_net's: the text, normalised as its models expect, is one sentence of pieces; the perplexity is
10 ^ (-log10 p / (pieces + 1)), for the end of the sentence counts. cc_net removes newlines, which joins the words on
both sides of them; here they are spaces. It removes nothing unless ``max`` or ``min`` is set: cc_net keeps the third of
each language with the lowest perplexity as its head, by thresholds that are published with the models.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import LANG, Asset, AssetError, Docs, Filter, Metric, Rule, UsageError, Values, threshold

HIGHEST = 1e9
_MARKS = str.maketrans(
    {
        **dict.fromkeys("，、", ","),
        **dict.fromkeys("„”“«»」「《》１", '"'),
        **dict.fromkeys("。", "."),
        **dict.fromkeys("´’", "'"),
        **dict.fromkeys("∶：", ":"),
        **dict.fromkeys("–━►", "-"),
        "？": "?",
        "！": "!",
        "（": "(",
        "）": ")",
        "；": ";",
        "—": " - ",
        "．": ". ",
        "～": "~",
        "…": "...",
        "％": "%",
        "〈": "<",
        "〉": ">",
        "【": "[",
        "】": "]",
    }
)
"""Punctuation as cc_net's normalisation writes it; "１" is one of its marks."""
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DIGIT = re.compile(r"\d")


class Perplexity(Filter):
    """Measure how unlike the texts are to those of a language model; keep those within the thresholds."""

    name: ClassVar = "perplexity"
    version: ClassVar = 1
    source: ClassVar = "Wenzek et al. 2020, §4; https://arxiv.org/abs/1911.00359"
    uses: ClassVar = (LANG.name,)
    depends: ClassVar = ()
    metrics: ClassVar = (
        Metric("perplexity", pa.float64(), "log", help="perplexity; null in other languages and without pieces"),
    )

    model: Asset = Field(description="language model of KenLM, ARPA or binary: a path")
    tokenizer: Asset = Field(description="model of SentencePiece that it was trained with: a path")
    languages: tuple[str, ...] = Field((), description="languages of the model; [] for all documents")
    min: float = threshold(0, ge=0, description="lowest perplexity: templates and lists have a low one")
    max: float = threshold(HIGHEST, ge=0, description="highest perplexity")

    def rules(self) -> tuple[Rule, ...]:
        """The lowest and the highest perplexity."""
        return (
            Rule("too_low", "perplexity", "As predictable as a template.", at_least=self.min),
            Rule("too_high", "perplexity", "Unlike the texts of the model.", at_most=self.max),
        )

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model or the tokenizer."""
        (_model if name == "model" else _tokenizer)(asset)

    def measure(self, docs: Docs) -> Values:
        """Score every text of the languages."""
        found = [
            self._perplexity(text) if not self.languages or language in self.languages else None
            for text, language in zip(docs.texts(), docs.languages().to_pylist(), strict=True)
        ]
        return {"perplexity": pa.array(found, pa.float64())}

    def _perplexity(self, text: str) -> float | None:
        pieces = _tokenizer(self.tokenizer).encode(normalised(text), out_type=str)
        if not pieces:
            return None
        log: float = _model(self.model).score(" ".join(pieces))
        return float(min(10.0 ** (-log / (len(pieces) + 1)), HIGHEST))


def normalised(text: str) -> str:
    """Return the text in lower case, without accents and controls, with 0 for digits and marks of ASCII."""
    bare = "".join(letter for letter in unicodedata.normalize("NFD", text.strip().lower()) if not _is_accent(letter))
    return _CONTROLS.sub("", _DIGIT.sub("0", bare.replace("\n", " ")).translate(_MARKS))


def _is_accent(letter: str) -> bool:
    return unicodedata.category(letter) == "Mn"


@lru_cache(maxsize=16)
def _model(asset: Asset) -> Any:
    _require("kenlm")
    import kenlm  # imported here: few recipes need it

    settings = kenlm.Config()
    settings.show_progress = False
    settings.arpa_complain = kenlm.ARPALoadComplain.NONE
    try:
        return kenlm.Model(asset.path(), settings)
    except OSError as error:
        raise AssetError(f"asset {asset}: {error}", hint="set it to a language model of KenLM") from error


@lru_cache(maxsize=16)
def _tokenizer(asset: Asset) -> Any:
    _require("sentencepiece")
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=asset.path())
    except (OSError, RuntimeError) as error:
        raise AssetError(f"asset {asset}: {error}", hint="set it to a model of SentencePiece") from error


def _require(package: str) -> None:
    if find_spec(package) is None:
        raise UsageError(f"perplexity needs the package {package}", hint="pip install 'crawl-refinery[kenlm]'")
