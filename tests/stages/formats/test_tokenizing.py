"""Tokenizers: documents decode to their texts, and what could corrupt a dataset silently is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from refinery.errors import AssetError
from refinery.stages._formats.tokenizing import DocumentTokenizer
from tests.stages.formats import vocabularies

END = "<|endoftext|>"
TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from([END, f"a{END}b", "", "fox"]), max_size=6
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> DocumentTokenizer:
    return DocumentTokenizer(vocabularies.bytes_bpe(tmp_path_factory.mktemp("small") / "tokenizer.json", END))


@pytest.fixture(scope="module")
def gpt2_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return vocabularies.gpt2(tmp_path_factory.mktemp("gpt2") / "tokenizer.json")


def ids_of(tokenizer: DocumentTokenizer, *texts: str | None) -> list[list[int]]:
    found: list[list[int]] = tokenizer.encode(pa.array(texts, pa.string())).to_pylist()
    return found


@given(TEXTS)
def test_documents_decode_to_their_texts_and_end_once(small: DocumentTokenizer, texts: list[str]) -> None:
    """Also where a text has the end-of-text token in it: there it is ordinary text."""
    encoded = small.encode(pa.array(texts, pa.string()))
    assert encoded.type == pa.list_(pa.uint16())
    for text, ids in zip(texts, encoded.to_pylist(), strict=True):
        assert ids.count(small.end) == 1
        assert small.decode(np.array(ids)) == text


def test_a_null_text_is_an_end_alone(small: DocumentTokenizer) -> None:
    assert ids_of(small, None, "") == [[small.end], [small.end]]


def test_slices_are_encoded_as_they_are(small: DocumentTokenizer) -> None:
    texts = pa.array(["a", "fox", None, "dog"], pa.string())
    assert small.encode(texts.slice(1, 2)).to_pylist() == small.encode(texts).to_pylist()[1:3]


@pytest.mark.parametrize(
    ("special", "wanted", "message"),
    [
        ([], None, "no token is known to end a text"),
        (["<s>"], None, "no token is known to end a text"),
        (["</s>", END], None, "could end a text; set end_of_text"),
        ([END], "</s>", "'</s>' is no special token of this tokenizer"),
        ([END], "fox", "'fox' is no special token of this tokenizer"),
    ],
)
def test_a_doubtful_end_of_text_is_refused_with_the_special_tokens(
    tmp_path: Path, special: list[str], wanted: str | None, message: str
) -> None:
    path = vocabularies.bytes_bpe(tmp_path / "tokenizer.json", *special)
    with pytest.raises(AssetError, match=message) as error:
        DocumentTokenizer(path, wanted)
    assert all(name in str(error.value.hint) for name in special)


@pytest.mark.parametrize(
    ("template", "wanted", "message"),
    [
        ("<s> $A", "<s>", "the token with which a text begins"),
        ("<s> $A </s>", "<doc>", "ends a text with </s> itself"),
        ("<s> $A </s>", "<s>", "ends a text with </s> itself"),
        ("<s> $A", "<doc>", None),
        ("<s> $A </s>", "</s>", None),
        ("<s> $A </s>", None, None),
        (f"{END} $A {END}", END, None),
    ],
)
def test_the_tokenizer_itself_may_know_better(
    tmp_path: Path, template: str, wanted: str | None, message: str | None
) -> None:
    """Its template is not applied, and says which token begins a text and which ends one."""
    special = [*dict.fromkeys(name for name in [*template.split(), "</s>", "<doc>"] if name != "$A")]
    path = vocabularies.bytes_bpe(tmp_path / "tokenizer.json", *special, template=template)
    if message is None:
        assert DocumentTokenizer(path, wanted).end_of_text == (wanted or "</s>")
    else:
        with pytest.raises(AssetError, match=message):
            DocumentTokenizer(path, wanted)


def test_a_preview_has_the_beginning_and_the_end(small: DocumentTokenizer) -> None:
    long = "ä" * 500
    texts = [small.preview(np.array(ids)) for ids in small.encode(pa.array(["fox", None, long])).to_pylist()]
    assert texts[:2] == [f"fox{END}", END]
    assert set(texts[2].removesuffix(END)) == set("ä […]")
    assert texts[2].endswith(f"ä{END}")


def test_the_end_of_text_can_be_named(tmp_path: Path) -> None:
    path = vocabularies.bytes_bpe(tmp_path / "tokenizer.json", "</s>", "<doc>")
    assert DocumentTokenizer(path, "<doc>").end_of_text == "<doc>"


@pytest.mark.parametrize(("count", "kind"), [(65_535, pa.uint16()), (65_536, pa.uint32())])
def test_the_largest_id_decides_the_type(tmp_path: Path, count: int, kind: pa.DataType) -> None:
    """The end of the text has the largest id here: 65,535 fits 16 bits, 65,536 does not."""
    tokenizer = DocumentTokenizer(vocabularies.words(tmp_path / "tokenizer.json", count))
    assert tokenizer.end == count
    encoded = tokenizer.encode(pa.array([f"7 {count - 1}"]))
    assert encoded.type == pa.list_(kind)
    assert encoded.to_pylist() == [[7, count - 1, count]]


def test_gpt2_is_encoded_by_the_kernel_as_by_its_tokenizer(gpt2_path: str, small: DocumentTokenizer) -> None:
    from tokenizers import Tokenizer

    native, texts = DocumentTokenizer(gpt2_path), ["The fox's\n\n  10 dogs…", "ß 日本", "", "don't  \t x", END]
    assert native.is_gpt2
    assert not small.is_gpt2
    oracle = Tokenizer.from_file(gpt2_path)
    oracle.encode_special_tokens = True
    assert ids_of(native, *texts) == [[*oracle.encode(text).ids, 50_256] for text in texts]


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(AssetError, match=r"tokenizer\.json"):
        DocumentTokenizer(str(tmp_path / "tokenizer.json"))
