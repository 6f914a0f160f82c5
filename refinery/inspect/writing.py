"""The scripts and the direction of the texts of a language."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import pyarrow as pa

from refinery.kernels import main_scripts

LEAST = 0.1
"""Share of the texts from which on a script is listed: other alphabets of a language, not pages in another one."""

UNKNOWN = "Zyyy"


def scripts_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the main scripts of the texts by ISO 15924, the most frequent first."""
    scripts = Counter(filter(None, main_scripts(pa.array(texts, pa.string())).to_pylist()))
    ordered = sorted(scripts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(script for script, count in ordered if count >= LEAST * len(texts)) or (UNKNOWN,)


def direction_of(texts: Sequence[str]) -> Literal["ltr", "rtl"]:
    """Return the direction in which most letters are written."""
    balance = 0
    for text in texts:
        for character, count in Counter(filter(str.isalpha, text)).items():
            balance += count if unicodedata.bidirectional(character) in {"R", "AL"} else -count
    return "rtl" if balance > 0 else "ltr"
