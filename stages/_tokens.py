"""The part that stages share which compare texts by their tokens: the unit, the merge list and Unicode's version."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from refinery import Asset, AssetError, LanguageScope
from refinery.kernels import UNICODE, token_lengths
from stages._against import AgainstRoots
from stages._scripts import SPACELESS


class ComparesTokens(AgainstRoots):
    """Compares documents by tokens of a ``unit``, which a subclass limits to those that it knows."""

    depends: ClassVar = ("tiktoken",)
    matches: ClassVar[str]
    """Name of the matches, most of which are missed in languages without spaces if words are the unit."""

    unit: str
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Return the scope of words between spaces, if they are the unit."""
        if self.unit != "words":
            return ()
        missed = f"most {self.matches} of theirs are missed"
        return (LanguageScope("its words lie between spaces", missed, "set unit: gpt2", but=SPACELESS),)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the merge list. Raises AssetError where the file is none."""
        del name
        try:
            token_lengths(asset.path())
        except ValueError as error:
            raise AssetError(f"asset {asset}: {error}", hint="set it to GPT-2's merge list, vocab.bpe") from error

    def versions(self) -> dict[str, str]:
        """Return the version of the Unicode tables, which define punctuation and accents."""
        return {"unicode": UNICODE}
