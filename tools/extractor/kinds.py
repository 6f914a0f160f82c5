"""Boosted trees that guess what kind of page one is, by those features that all of its blocks share."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import lightgbm
import numpy as np
import numpy.typing as npt

from tools.extractor.pages import Page
from tools.extractor.trees import Array, extractor_without_weights

ROUNDS = 30
SETTINGS = {
    "objective": "multiclass",
    "learning_rate": 0.25,
    "num_leaves": 8,
    "min_data_in_leaf": 10,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
}
SHARED = ("page", "url", "og", "data")
"""What the names of a page's own features begin with; two more are the means of its blocks' scores by the lexicons."""

MEANS = ("text_score.99", "name_score.99")

SAME = {"news": "article"}
"""Kinds that are counted as one."""


class Kinds(NamedTuple):
    """Trees over some columns of the features, those of the kinds in turn."""

    booster: lightgbm.Booster
    columns: list[int]

    def guess(self, found: Array) -> str:
        """The kind of a page, by the features of its blocks."""
        scores = np.asarray(self.booster.predict(found[:1, self.columns], num_threads=1))
        return _kinds()[int(scores[0].argmax())]


@cache
def _kinds() -> list[str]:
    return list(extractor_without_weights().kinds())


def kind_of(page: Page) -> str | None:
    """The kind that people say a page is; None if it is of no kind that is guessed."""
    kind = SAME.get(page.kind, page.kind)
    return kind if kind in _kinds() and page.texts else None


def train_kinds(pages: list[Page], found: list[Array]) -> Kinds:
    """Trees that tell kinds, by the features of pages."""
    names = extractor_without_weights().feature_names()[0]
    columns = [at for at, name in enumerate(names) if name.split(".")[0] in SHARED or name in MEANS]
    known = [at for at, page in enumerate(pages) if kind_of(page)]
    table = np.stack([found[at][0, columns] for at in known])
    labels: npt.NDArray[np.int64] = np.array([_kinds().index(kind_of(pages[at]) or "") for at in known])
    settings = {**SETTINGS, "num_class": len(_kinds())}
    return Kinds(lightgbm.train(settings, lightgbm.Dataset(table, labels), ROUNDS), columns)


def agreement(guesses: list[tuple[str, str]]) -> str:
    """How often guesses are right, by kind, of pairs of what people say and what is guessed."""
    lines = [f"{'kind':16} pages  recall  precision"]
    for kind in _kinds():
        said, guessed = ([pair for pair in guesses if pair[side] == kind] for side in (0, 1))
        right = sum(pair[1] == kind for pair in said)
        lines.append(f"{kind:16} {len(said):5d} {right / max(1, len(said)):7.3f} {right / max(1, len(guessed)):10.3f}")
    lines.append(f"{'all':16} {len(guesses):5d} {sum(a == b for a, b in guesses) / max(1, len(guesses)):7.3f}")
    return "\n".join(lines)
