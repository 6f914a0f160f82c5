"""Training of the kind ``fasttext``: a supervised fastText model of words and pairs of words.

The package is that of the extra ``train``, or another that has ``fasttext.train_supervised``. With one thread the same
examples and seed make the same bytes. Source: Joulin et al. 2017, https://arxiv.org/abs/1607.01759.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from refinery.errors import UsageError
from refinery.training.examples import Examples

SETTINGS: dict[str, Any] = {"wordNgrams": 2, "dim": 16, "lr": 0.5, "minCount": 1, "bucket": 1 << 18}
EPOCHS = range(5, 51)
TEXTS = 100_000
"""Texts of all epochs together, if their number allows: fewer examples need more epochs."""
PREFIX = "__label__"


def train_fasttext(examples: Examples, labels: tuple[str, str], seed: int) -> bytes:
    """Return the file of a model. Raises UsageError where the package that trains is not installed."""
    import fasttext

    if not hasattr(fasttext, "train_supervised"):
        raise UsageError(
            "the installed fasttext only predicts",
            hint="install the one that trains over it: pip install --force-reinstall --no-deps fasttext-community",
        )
    epochs = min(max(TEXTS // len(examples), EPOCHS[0]), EPOCHS[-1])
    with tempfile.TemporaryDirectory() as folder:
        lines, model = os.path.join(folder, "examples.txt"), os.path.join(folder, "model.bin")
        with open(lines, "w", encoding="utf-8", newline="\n") as stream:
            stream.writelines(_line(examples, row, labels) for row in range(len(examples)))
        trained = fasttext.train_supervised(
            lines, **SETTINGS, epoch=epochs, minCountLabel=1, thread=1, seed=seed, verbose=0, label=PREFIX
        )
        trained.save_model(model)
        with open(model, "rb") as file:
            return file.read()


def _line(examples: Examples, row: int, labels: tuple[str, str]) -> str:
    """Return an example as fastText reads it: one line, in which only the label is one."""
    text = (examples.texts[row].as_py() or "").replace("\n", " ").replace(PREFIX, " ").replace("</s>", " ")
    return f"{PREFIX}{labels[0 if examples.positive[row] else 1]} {text}\n"
