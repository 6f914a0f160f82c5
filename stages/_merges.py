"""The merge list of a tokenizer, as a field of a stage."""

from __future__ import annotations

from refinery import Asset, AssetError
from refinery.kernels import token_lengths


def check_merges(asset: Asset) -> None:
    """Read the merge list. Raises AssetError where the file is none."""
    try:
        token_lengths(asset.path())
    except ValueError as error:
        raise AssetError(f"asset {asset}: {error}", hint="set it to GPT-2's merge list, vocab.bpe") from error
