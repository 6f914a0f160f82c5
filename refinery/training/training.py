"""From labelled texts to a model, its card and its checksum."""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from refinery.errors import UsageError
from refinery.kernels import TextModel
from refinery.store import store_for
from refinery.training.examples import Examples
from refinery.training.fasttext_kind import train_fasttext
from refinery.training.figures import CardRecord, Figures, Scores, figures
from refinery.training.split import rows_for_test
from refinery.training.trees import train_trees

LABELS = ("positive", "negative")

DRIVERS = 20
"""Words that are reported on each side, and statistics."""
EXPLAINED = 100
"""Texts whose contributions are summed."""
OF_TEXT = 50
"""The strongest contributions of a text that count."""
LEAST_TEXTS = 3
"""Texts in which a word occurs that is reported."""
BATCH = 1000


@dataclass(frozen=True)
class KindOfModel:
    """A kind of model: its training, the endings of its files, and the packages that its training needs."""

    train: Callable[[Examples, tuple[str, str], int], bytes]
    suffix: str
    packages: tuple[str, ...]


KINDS: Mapping[str, KindOfModel] = {
    "trees": KindOfModel(train_trees, ".safetensors", ("lightgbm",)),
    "fasttext": KindOfModel(train_fasttext, ".bin", ("fasttext-community",)),
}


class Driver(CardRecord):
    """A word, n-gram or statistic: what it adds to the log-odds of the positive label in ``texts`` of those explained.

    ``total`` is the sum over these; of statistics it is the sum without regard to sign.
    """

    feature: str
    total: float
    texts: int


class Card(CardRecord):
    """The card of a model: what it was made from, with what, and how good it is on domains that it did not see."""

    model: str
    sha256: str
    size: int
    kind: str
    labels: tuple[str, str]
    positive: str
    normalise: str
    seed: int
    packages: dict[str, str]
    sources: dict[str, list[str]]
    examples: dict[str, int]
    trained_on: int
    figures: Figures
    words_for: tuple[Driver, ...]
    words_against: tuple[Driver, ...]
    statistics: tuple[Driver, ...]


def check_out(out: str, kind: str) -> None:
    """Raise UsageError or StorageError where a model cannot be written under this name."""
    suffix = KINDS[kind].suffix
    if not out.endswith(suffix):
        raise UsageError(f"{out}: a model of the kind {kind} ends in {suffix}", hint=f"--out NAME{suffix}, or --kind")
    store_for(out).check_writable(out.rpartition("/")[0] or ".")


def train(
    examples: Examples, kind: str, out: str, *, seed: int, test_share: float, sources: dict[str, list[str]]
) -> Card:
    """Train on some domains, measure on the others, write the model, its card and its checksum, and return the card.

    Raises UsageError where the examples do not suffice, or the package that trains is missing.
    """
    for_test = rows_for_test(examples.domains, test_share, seed)
    known, unseen = examples.take(np.flatnonzero(~for_test)), examples.take(np.flatnonzero(for_test))
    for part, name in ((known, "training"), (unseen, "test")):
        if not len(part) or part.positive.all() or not part.positive.any():
            raise UsageError(
                f"the {name} part of {len(examples)} examples has not both labels",
                hint="examples of more domains are needed, or another --seed",
            )
    file = KINDS[kind].train(known, LABELS, seed)
    scores, drivers = _measured(file, KINDS[kind].suffix, unseen)
    words = [one for one in drivers if not _is_statistic(one.feature) and one.texts >= LEAST_TEXTS]
    card = Card(
        model=out.rpartition("/")[2],
        sha256=hashlib.sha256(file).hexdigest(),
        size=len(file),
        kind=kind,
        labels=LABELS,
        positive=LABELS[0],
        normalise="newlines",
        seed=seed,
        packages={name: _version(name) for name in KINDS[kind].packages},
        sources=sources,
        examples=examples.about,
        trained_on=len(known),
        figures=figures(scores, unseen.positive, unseen.domains, unseen.languages),
        words_for=tuple(one for one in words[:DRIVERS] if one.total > 0),
        words_against=tuple(one for one in words[: -DRIVERS - 1 : -1] if one.total < 0),
        statistics=tuple([one for one in drivers if _is_statistic(one.feature)][:DRIVERS]),
    )
    _write(out, file, card)
    return card


def _write(out: str, file: bytes, card: Card) -> None:
    """Write the model, the card ``NAME.json``, and the checksum ``NAME.sha256`` in the form of ``sha256sum``."""
    stem = out.rpartition(".")[0]
    store_for(out).put(out, file)
    store_for(out).put(f"{stem}.sha256", f"{card.sha256}  {card.model}\n".encode())
    store_for(out).put(f"{stem}.json", (card.model_dump_json(indent=1) + "\n").encode())


def _is_statistic(feature: str) -> bool:
    return feature.startswith("[") and feature.endswith("]")


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # another fork of it


def _measured(file: bytes, suffix: str, unseen: Examples) -> tuple[Scores, list[Driver]]:
    """Return the scores and the drivers of a model, as the stage reads it from its file."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as stream:
        stream.write(file)
        stream.flush()
        model = TextModel(stream.name)
        label = model.labels.index(LABELS[0])
        batches = [unseen.texts.slice(start, BATCH) for start in range(0, len(unseen), BATCH)]
        scores = np.concatenate([model.scores(batch, [label])[:, 0] for batch in batches]).astype(np.float64)
        return scores, _drivers(model, label, unseen.texts)


def _drivers(model: TextModel, label: int, texts: pa.StringArray) -> list[Driver]:
    """Return what moves the scores of some texts, evenly chosen: the highest sums first."""
    totals: defaultdict[str, float] = defaultdict(float)
    count: Counter[str] = Counter()
    for row in range(0, len(texts), max(1, -(-len(texts) // EXPLAINED))):
        for one in model.contributions(texts[row].as_py() or "", label, OF_TEXT):
            totals[one.feature] += abs(one.weight) if _is_statistic(one.feature) else one.weight
            count[one.feature] += 1
    found = [Driver(feature=name, total=total, texts=count[name]) for name, total in totals.items()]
    return sorted(found, key=lambda one: (-one.total, one.feature))
