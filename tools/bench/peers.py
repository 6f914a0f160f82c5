"""The same work by packages that a user would take, as their documentation says to do it. Used by ``contests.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xxhash

from refinery.assets import Asset
from refinery.kernels.reference.bpe import encoder
from tools.bench.documents import Documents

Call = Callable[[], Any]
SHINGLE = 5


class _Split:
    """A word tokenizer that splits at white space, instead of spaCy's."""

    @staticmethod
    def word_tokenize(text: str) -> list[str]:
        return text.split()


def _datatrove_documents(given: Documents) -> list[Any]:
    from datatrove.data import Document

    return [Document(text=text, id=str(number)) for number, text in enumerate(given.texts)]


def datatrove_filters(given: Documents, *, simple: bool = False) -> Call:
    """Both Gopher filters; no threshold removes any, so that all metrics of every document are measured."""
    from datatrove.pipeline import filters
    from datatrove.pipeline.filters import gopher_quality_filter, gopher_repetition_filter
    from datatrove.utils.text import split_into_words

    if not simple:
        import spacy  # noqa: F401 - datatrove loads it for English; without it there is no peer

    docs = _datatrove_documents(given)
    quality = filters.GopherQualityFilter(
        min_doc_words=0, max_doc_words=10**9, min_avg_word_length=0, max_avg_word_length=10**9,
        max_symbol_word_ratio=1e9, max_bullet_lines_ratio=2, max_ellipsis_lines_ratio=2, max_non_alpha_words_ratio=-1,
        min_stop_words=0,
    )  # fmt: skip
    repetition = filters.GopherRepetitionFilter(
        2, 2, 2, 2, tuple((n, 2.0) for n in (2, 3, 4)), tuple((n, 2.0) for n in range(5, 11))
    )

    def call() -> list[Any]:
        split = _split if simple else split_into_words
        gopher_quality_filter.split_into_words = gopher_repetition_filter.split_into_words = split
        return [(quality.filter(doc), repetition.filter(doc)) for doc in docs]

    return call


def _split(text: str, language: str) -> list[str]:
    del language
    return text.split()


def datatrove_simplify(given: Documents) -> Call:
    """The normalisation that comes before its deduplication."""
    from datatrove.utils.text import TextNormConfig, simplify_text

    config = TextNormConfig()
    return lambda: [simplify_text(text, config) for text in given.texts]


def datatrove_minhash(given: Documents, *, bands: int, rows: int, simple: bool = False) -> Call:
    """Shingles and signature; its ``simple`` form neither normalises nor asks spaCy for words."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.text import TextNormConfig

    if not simple:
        import spacy  # noqa: F401 - as above

    plain = TextNormConfig(False, False, False, False, False, False)
    config = MinhashConfig(n_grams=SHINGLE, num_buckets=bands, hashes_per_bucket=rows)
    if simple:
        config.norm_config = plain
    stage = MinhashDedupSignature("memory://none", config)
    # Its own hash function gives strings to xxhash, which newer versions of that refuse.
    stage._hash_func = lambda shingle: xxhash.xxh64_intdigest(shingle.encode())  # noqa: SLF001
    if simple:
        stage.word_tokenizer = _Split()
    return lambda: [stage.get_signature(stage.get_shingles(text)) for text in given.texts]


def _shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[start : start + SHINGLE]) for start in range(max(1, len(words) - SHINGLE + 1))}


def datasketch_minhash(given: Documents, *, count: int) -> Call:
    """A MinHash of each document, all shingles at once."""
    from datasketch import MinHash

    def sign(text: str) -> Any:
        signature = MinHash(num_perm=count, seed=1)
        signature.update_batch([shingle.encode() for shingle in _shingles(text)])
        return signature.hashvalues

    return lambda: [sign(text) for text in given.texts]


def rensa_minhash(given: Documents, *, count: int) -> Call:
    """The same in Rust, with the shingles made in Python."""
    from rensa import RMinHash

    def sign(text: str) -> Any:
        signature = RMinHash(num_perm=count, seed=1)
        signature.update(list(_shingles(text)))
        return signature.digest()

    return lambda: [sign(text) for text in given.texts]


def tiktoken_tokens(given: Documents) -> Call:
    """Text by text, with the merge list that the kernel reads."""
    encoding = encoder(Asset("gpt2.bpe").path())
    return lambda: [encoding.encode_ordinary(text) for text in given.texts]


def fasttext_languages(given: Documents) -> Call:
    """Text by text; a line break would end the text."""
    import fasttext

    model = fasttext.load_model(Asset("lid.176.ftz").path())
    return lambda: [model.predict(text.replace("\n", " ")) for text in given.texts]


def datatrove_urls(given: Documents) -> Call:
    """Its filter with its own lists, of the same origin."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import URLFilter
    from tldextract import TLDExtract

    stage = URLFilter()
    stage.tldextractor = TLDExtract(suffix_list_urls=())  # with the list that it carries, not one from the network
    docs = [Document(text="", id=url, metadata={"url": url}) for url in given.urls]
    return lambda: [stage.filter(doc) for doc in docs]


def suffix_array(given: Documents) -> Call:
    """The suffix array of all texts and its LCP array, from which repeats can be read."""
    from pydivsufsort import divsufsort, kasai

    every = "\x00".join(given.bulk.texts).encode()

    def call() -> Any:
        array = divsufsort(every)
        return kasai(every, array)

    return call


def scipy_components(a: Any, b: Any) -> Call:
    """Components of a sparse matrix, node numbers being small already."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    size = int(max(a.max(), b.max())) + 1

    def call() -> Any:
        ones = np.ones(len(a), np.int8)
        return connected_components(coo_matrix((ones, (a, b)), shape=(size, size)), directed=False)

    return call
