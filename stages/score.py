"""Stage ``score``: the probability of a label by a trained classifier, such as educational or high-quality text.

A recipe may have it as often as wanted, each with a name: ``score: {as: edu, model: ./edu.bin}``. The model is a
fastText model with labels, of any loss, quantised or not, or one that ``refinery train`` wrote. Scores of fastText
models are those of fastText's own ``predict``, to the last bit; they exceed 1 by up to .00001.

It removes nothing unless ``min`` or ``max`` is set. The stage ``rank`` compares scores with those of the whole dataset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from refinery import Asset, Docs, Filter, Metric, Rule, Values, threshold
from refinery.kernels import UNICODE, Contribution
from refinery.stages._classifiers import Classifier, Normalise, as_trained, classifier, guarded, occurrences
from refinery.stages._thresholds import LanguageTables

FEW = 20
"""Labels of a model whose probabilities are all stored."""

HIGHLIGHTS = 10
"""Features of a text that are highlighted."""

LABELS = pa.list_(pa.struct([("label", pa.string()), ("probability", pa.float32())]))

Label = Annotated[str, Field(min_length=1)]


class Score(LanguageTables, Filter):
    """Score documents by a classifier; keep those whose score is within the thresholds."""

    name: ClassVar = "score"
    version: ClassVar = 1
    source: ClassVar = "DCLM §4.4, https://arxiv.org/abs/2406.11794; fastText, https://arxiv.org/abs/1607.01759"
    metrics: ClassVar = (Metric("score", help="probability of the label, or of all `label`s together"),)
    evidence: ClassVar = (pa.field("labels", LABELS),)

    model: Asset = Field(description="fastText model with labels (.bin, .ftz) or model of `refinery train`: a path")
    label: tuple[Label, ...] | None = Field(
        None, description="label, or several, whose probability is the score; null: the model's positive one"
    )
    normalise: Normalise = Field(
        "newlines",
        description="how texts were made into lines for the training: newlines are spaces; dclm: also other separators "
        "of lines, and none at the ends; lower: in lower case; words: in lower case, without all that is in no word",
    )
    min: float = threshold(0.0, ge=0, le=1, description="lowest score")
    max: float = threshold(2.0, ge=0, le=2, description="highest score")

    def versions(self) -> dict[str, str]:
        """Return the version of the Unicode tables, which define words and lower case."""
        return {"unicode": UNICODE}

    def rules(self) -> tuple[Rule, ...]:
        """The lowest and the highest score."""
        return (
            Rule("too_low", "score", "Not what the classifier was trained to find.", at_least=self.min),
            Rule("too_high", "score", "What the classifier was trained to find.", at_most=self.max),
        )

    def quality_scores(self) -> tuple[str, ...]:
        """The probability."""
        return ("score",)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Load the model, and check that it has the labels."""
        del name
        found = classifier(asset, self.label)
        guarded(asset, lambda: found.model.scores(pa.array(["a text", ""]), found.wanted))

    def measure(self, docs: Docs) -> Values:
        """Score every text. Raises AssetError where the model cannot be read."""
        model, wanted = self._classifier()
        labels = range(len(model.labels)) if len(model.labels) <= FEW else wanted
        texts = as_trained(docs.column("text"), self.normalise)
        scores = guarded(self.model, lambda: model.scores(texts, labels))
        chosen = scores[:, [labels.index(number) for number in wanted]]
        return {"score": chosen.sum(axis=1, dtype=np.float64), "labels": _labels(model.labels, scores)}

    def contributions(self, text: str, metric: str, count: int) -> Sequence[Contribution]:
        """The words, and other features, that move the log-odds of the likeliest of the labels most."""
        del metric
        model, wanted = self._classifier()
        line = as_trained(pa.array([text]), self.normalise)
        likeliest = wanted[int(model.scores(line, wanted)[0].argmax())]
        return model.contributions(line[0].as_py(), likeliest, count)

    def highlights(self, text: str, metric: str) -> Iterable[tuple[int, int]]:
        """The words that contribute most to a score as low, or as high, as it is."""
        found = self.contributions(text, metric, HIGHLIGHTS)
        is_low = sum(one.weight for one in found) < 0
        return occurrences(text, [one.feature for one in found if (one.weight < 0) == is_low])

    def _classifier(self) -> Classifier:
        return classifier(self.model, self.label)


def _labels(names: Sequence[str], scores: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> pa.Array:
    """Return the probabilities of all labels, or nulls where only some were computed."""
    documents, columns = scores.shape
    if columns != len(names) or columns > FEW:
        return pa.nulls(documents, LABELS)
    values = pa.StructArray.from_arrays(
        [pa.array(list(names) * documents, pa.string()), pa.array(scores.ravel(), pa.float32())],
        fields=list(LABELS.value_type),
    )
    return pa.ListArray.from_arrays(
        pa.array(range(0, (documents + 1) * columns, columns), pa.int32()), values, type=LABELS
    )
