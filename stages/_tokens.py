"""The part that stages share which compare texts by their tokens: the unit, the merge list and Unicode's version."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from refinery import Asset, AssetError, Docs, LanguageScope
from refinery.kernels import normalised_cuts, token_lengths
from refinery.stages._against import AgainstRoots
from refinery.stages._words import ABOUT_WORDS, SPACELESS, Words, cuts, versions


class ComparesTokens(AgainstRoots):
    """Compares documents by tokens of a ``unit``, which a subclass limits to those that it knows."""

    depends: ClassVar = ("tiktoken",)
    matches: ClassVar[str]
    """Name of the matches, most of which are missed in languages without spaces if words are the unit."""

    unit: str
    words: Words = Field("segmented", description=f"where words matter, {ABOUT_WORDS}")
    merges: Asset = Field(Asset("gpt2.bpe"), description="merge list of the tokenizer")

    def counts_words(self) -> bool:
        """Return True if results depend on what a word is."""
        return self.unit == "words"

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Return the scope of words between spaces, if they are the unit."""
        if self.unit != "words" or self.words != "whitespace":
            return ()
        missed = f"most {self.matches} of theirs are missed"
        return (LanguageScope("its words lie between spaces", missed, "set words: segmented", but=SPACELESS),)

    def cuts(self, docs: Docs, *, normalised: bool = True) -> pa.ListArray | None:
        """Return where words begin in the texts, or in the normalised ones, without white space before them.

        The original is divided: normalised texts have no vowel signs, so that dictionaries do not fit them.
        """
        found = cuts(docs, self.words) if self.unit == "words" else None
        return normalised_cuts(docs.column("text"), found) if found is not None and normalised else found

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the merge list. Raises AssetError where the file is none."""
        del name
        try:
            token_lengths(asset.path())
        except ValueError as error:
            raise AssetError(f"asset {asset}: {error}", hint="set it to GPT-2's merge list, vocab.bpe") from error

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines punctuation, accents and words."""
        return versions(self.words if self.counts_words() else "whitespace")
