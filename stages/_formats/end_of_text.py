"""The end-of-text token of a tokenizer. A wrong one corrupts a dataset silently, so a doubtful one is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refinery import AssetError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END_OF_TEXT = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>")
"""Names under which tokenizers have the end-of-text token."""


def end_of_text(tokenizer: Tokenizer, path: str, wanted: str | None) -> str:
    """Return the wanted token, or else the one special token that is known to end a text.

    Where the template of the tokenizer ends texts, it must be one of the tokens there. Raises AssetError for a token
    that is not special, one with which the template begins texts, and if none or several tokens are known.
    """
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    hint = f"its special tokens are {', '.join(special)}" if special else "it has no special tokens"
    before, behind = _template(tokenizer)
    known = [name for name in END_OF_TEXT if name in ([name for name in special if name in behind] or special)]
    if wanted is None:
        if len(known) == 1:
            return known[0]
        found = f"{' and '.join(known)} could end a text" if known else "no token is known to end a text"
        raise AssetError(f"{path}: {found}; set end_of_text", hint=hint)
    if wanted not in special:
        raise AssetError(f"{path}: end_of_text {wanted!r} is no special token of this tokenizer", hint=hint)
    if behind and wanted not in behind:
        problem = f"this tokenizer ends a text with {', '.join(behind)} itself"
        raise AssetError(f"{path}: end_of_text is {wanted!r}, and {problem}", hint=hint)
    if wanted in before and wanted not in behind and set(known) - {wanted}:
        raise AssetError(f"{path}: end_of_text {wanted!r} is the token with which a text begins", hint=hint)
    return wanted


def _template(tokenizer: Tokenizer) -> tuple[list[str], list[str]]:
    """Return the tokens that the template of a tokenizer puts before and behind a text."""
    bare, whole = (tokenizer.encode("a", add_special_tokens=added) for added in (False, True))
    size = len(bare.ids)
    places = [place for place in range(len(whole.ids) - size + 1) if whole.ids[place : place + size] == bare.ids]
    if not bare.ids or not places:
        return [], []
    return whole.tokens[: places[0]], whole.tokens[places[0] + size :]
