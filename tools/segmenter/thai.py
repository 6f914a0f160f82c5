"""Thai words of ICU and of the Thai National Corpus, whose counts PyThaiNLP has (CC0-1.0).

Both have compounds beside their parts. A word stays if DeepCut (MIT), a network that was trained on text cut by hand,
leaves it whole where it stands alone; so words are as short as people cut them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files

import numpy as np
from onnxruntime import InferenceSession
from pythainlp.corpus import get_corpus_path
from pythainlp.tokenize import deepcut

from tools.segmenter.costs import Costs, by_frequency

CUT = 0.4
"""Probability of a cut inside a word from which it is left out."""

THAI = re.compile("[\u0e01-\u0e4e]{2,24}")
BATCH = 500


def dictionary(listed: list[str]) -> Costs:
    """Return the words of a list and of the corpus with their costs. A word without a count gets half an occurrence."""
    rows = files("pythainlp").joinpath("corpus", "tnc_freq.txt").read_text("utf-8").splitlines()
    counts = {word: int(count) for word, count in (row.split("\t") for row in rows if row.count("\t") == 1)}
    candidates = sorted(word for word in counts.keys() | set(listed) if THAI.fullmatch(word))
    return by_frequency({word: counts.get(word, 0) + 0.5 for word in whole(candidates)})


def whole(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that the network leaves whole."""
    session = InferenceSession(get_corpus_path("deepcut_onnx"))
    for first in range(0, len(words), BATCH):
        some = words[first : first + BATCH]
        features = zip(*map(deepcut._create_feature_array, some), strict=True)  # noqa: SLF001 - it has no other name
        inputs = dict(zip(("input_1", "input_2"), map(np.concatenate, features), strict=True))
        cuts = session.run(None, inputs)[0].ravel()
        ends = np.cumsum([len(word) for word in some])
        for word, end in zip(some, ends.tolist(), strict=True):
            if cuts[end - len(word) + 1 : end].max() < CUT:
                yield word
