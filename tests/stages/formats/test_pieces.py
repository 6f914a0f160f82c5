"""Ids of pieces: those of whole texts, for every tokenizer whose texts are cut; others get whole texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.stages._formats import pieces
from refinery.stages._formats.pieces import PATTERNS, cuts_at_spaces
from refinery.stages._formats.tokenizing import DocumentTokenizer
from tests.stages.formats import vocabularies

WORDS = st.sampled_from(
    [
        "a",
        "The",
        "fox's",
        "don't",
        "Füchse",
        "ёж",
        "日本",
        "1",
        "2024",
        ".",
        "…",
        "\n",
        " ",
        "\t",
        "\u00a0",
        "é",
        "e\u0301",
        "\u0301",
        "#!",
        "and/",
        "(x)",
        "`",
        "'s",
    ]
)
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join) | st.lists(WORDS, max_size=8).map("".join), max_size=4)

SPLITS = [{"type": "Split", "pattern": {"Regex": one}, "behavior": "Isolated", "invert": False} for one in PATTERNS]
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True}
DIGITS = {"type": "Digits", "individual_digits": True}


def sequence(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


CUT = [
    *(sequence(split, BYTES) for split in SPLITS),
    BYTES | {"use_regex": True, "add_prefix_space": True},
    sequence(DIGITS, BYTES | {"use_regex": True}),
    METASPACE,
    METASPACE | {"prepend_scheme": "always"},
    METASPACE | {"prepend_scheme": "never"},
    {"type": "WhitespaceSplit"},
    {"type": "Whitespace"},
]


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> list[DocumentTokenizer]:
    """A vocabulary of bytes, and of what they merge to, under each way to divide a text and with a normal form."""
    folder = tmp_path_factory.mktemp("pieces")
    return [DocumentTokenizer(changed(folder, str(n), pre_tokenizer=one)) for n, one in enumerate(CUT)]


def changed(folder: Path, name: str, **settings: Any) -> str:
    path = vocabularies.bytes_bpe(folder / f"{name}.json", "</s>")
    description = json.loads(Path(path).read_text())
    description |= {"normalizer": {"type": "NFKC"}, **settings}
    description["model"]["unk_token"] = "e"
    Path(path).write_text(json.dumps(description))
    return path


@given(TEXTS)
def test_pieces_have_the_ids_of_the_texts(tokenizers: list[DocumentTokenizer], texts: list[str]) -> None:
    """Also those that were seen before, and after all were forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BUDGET", 20)
        for tokenizer in tokenizers:
            encoded = tokenizer._tokenizer.encode_batch(texts, add_special_tokens=False)
            whole = [[*one.ids, tokenizer.end] for one in encoded]
            assert tokenizer._pieces is not None
            assert tokenizer.encode(pa.array(texts, pa.string())).to_pylist() == whole


@pytest.mark.parametrize(
    "settings",
    [
        {"pre_tokenizer": None},
        {"pre_tokenizer": METASPACE | {"split": False}},
        {"pre_tokenizer": BYTES},
        {"pre_tokenizer": sequence(SPLITS[0] | {"pattern": {"Regex": r"\w+ \w+"}}, BYTES)},
        {"pre_tokenizer": SPLITS[0] | {"behavior": "MergedWithNext"}},
        {"normalizer": {"type": "Prepend", "prepend": "▁"}},
        {"added_tokens": [{"content": "a b", "special": False, "rstrip": False, "single_word": False}]},
        {"added_tokens": [{"content": "a", "special": False, "rstrip": True, "single_word": False}]},
    ],
)
def test_other_tokenizers_get_whole_texts(settings: dict[str, Any]) -> None:
    known = {"added_tokens": [], "normalizer": None, "pre_tokenizer": CUT[0]}
    assert cuts_at_spaces(known)
    assert not cuts_at_spaces(known | settings)
