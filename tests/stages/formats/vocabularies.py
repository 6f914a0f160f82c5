"""Small tokenizers for tests, written as a ``tokenizer.json``."""

from __future__ import annotations

from pathlib import Path

import pytest

from refinery import Asset

pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

SAMPLE = ["the quick brown fox jumps over the lazy dog", "ein Text über Füchse", "1, 2, 3 and 10", "naïve café"]


def saved(tokenizer: Tokenizer, path: Path) -> str:
    tokenizer.save(str(path))
    return str(path)


def bytes_bpe(path: Path, *special: str, template: str = "") -> str:
    """A byte-level BPE of a few hundred tokens, which truncates, pads and adds a template: traps for whoever obeys."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(SAMPLE * 4, trainer)
    if special:
        ids = [(name, tokenizer.token_to_id(name)) for name in special]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=template or f"{special[0]} $A", special_tokens=ids
        )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=16)
    return saved(tokenizer, path)


def words(path: Path, count: int) -> str:
    """One token a number below ``count``, and the end of a text as the last id."""
    vocabulary = {str(number): number for number in range(count)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["</s>"])
    return saved(tokenizer, path)


def gpt2(path: Path) -> str:
    """GPT-2's tokenizer, from its merge list."""
    lines = Path(Asset("gpt2.bpe").path()).read_text(encoding="utf-8").splitlines()[1:]
    merges = [(left, right) for left, right in (line.split() for line in lines if line)]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [chr(code) for code in (*printable, *range(0x100, 0x144))]
    vocabulary = {token: number for number, token in enumerate([*letters, *map("".join, merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return saved(tokenizer, path)
