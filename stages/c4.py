"""Stage ``c4``: C4's rules: lines that are no sentences are cut, documents with few of them removed.

Rules for lines, in this order: a word too long; citations ("[1]", "[edit]", "[citation needed]") are taken out; no
punctuation at the end; too few words; "javascript"; policies of sites. Each can be left out, as FineWeb leaves out
punctuation. Rules for documents: "lorem ipsum" or a curly bracket in a line that the rules before it keep, too few
sentences in what is left, and if wanted too few long lines (mC4) or a word of a list in the document's language.

Definitions are datatrove's. Those of the original code (TFDS) differ: it keeps lines of 5 words and documents of 3
sentences where the paper and datatrove have 3 and 5, counts words after citations are taken out, takes no apostrophe
for punctuation at the end, counts sentences with Punkt, and keeps one in 1,000 pages of mC4 with bad words.
As in both, blank lines are lines of few words, white space at the ends of lines is cut, and a citation leaves the space
before it. A line ends where ``str.splitlines`` ends it; here the separator stays as it is, there it becomes a newline.
What is cut is kept as evidence, so that it can be undone.
"""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from refinery import LANG, STRUCTURE, TEXT, Asset, Docs, Edit, Edited, LanguageScope, Metric, Rule, threshold
from refinery.kernels import SPANS
from refinery.stages._c4.bad_words import bad_words, check
from refinery.stages._c4.clean import LINE_KINDS, Cleaned, LineLimits, clean
from refinery.stages._lines import per_text, split_lines
from refinery.stages._sentences import count_sentences
from refinery.stages._thresholds import LanguageTables
from refinery.stages._words import ABOUT_WORDS, SPACELESS, Words, cuts, versions

Discard = Literal["long_word", "no_punctuation", "few_words", "javascript", "policy"]
Placeholder = Literal["lorem_ipsum", "curly_bracket"]


class C4(LanguageTables, Edit):
    """Cut lines that are no sentences; keep documents with enough that are.

    ``removed`` lists what was cut, by UTF-8 byte offset in the text before, so that the cut can be undone.
    """

    name: ClassVar = "c4"
    version: ClassVar = 1
    source: ClassVar = "Raffel et al. 2020, §2.2; https://jmlr.org/papers/v21/20-074.html"
    uses: ClassVar = (LANG.name, STRUCTURE.name)
    adds: ClassVar = (TEXT,)
    metrics: ClassVar = (
        Metric("long_word_lines", pa.uint32(), "count", "lines", "discarded: a word is too long"),
        Metric("no_punctuation_lines", pa.uint32(), "count", "lines", "discarded: no punctuation at the end"),
        Metric("few_words_lines", pa.uint32(), "count", "lines", "discarded: too few words; blank lines do not count"),
        Metric("javascript_lines", pa.uint32(), "count", "lines", "discarded: javascript"),
        Metric("policy_lines", pa.uint32(), "count", "lines", "discarded: a policy of the site"),
        Metric("citations", pa.uint32(), "count", "citations", "taken out of lines that stay"),
        Metric("lorem_ipsum", pa.uint32(), "count", "lines", "lines that the rules before keep, with lorem ipsum"),
        Metric("curly_bracket", pa.uint32(), "count", "lines", "lines that the rules before keep, with {"),
        Metric("sentences", pa.uint32(), "count", "sentences", "sentences of the lines that stay"),
        Metric("paragraphs", pa.uint32(), "count", "lines", "lines of the text before with paragraph characters"),
        Metric("bad_words", pa.uint32(), "count", "words", "words of the language's list; null without a list"),
    )
    evidence: ClassVar = (pa.field("removed", SPANS),)

    words: Words = Field("segmented", description=f"of lines, but for spacy, and of sentences: {ABOUT_WORDS}")
    discard: tuple[Discard, ...] = Field(get_args(Discard), description="which lines go; a list of these, [] for none")
    citations: bool = Field(default=True, description="take citations out")
    marks: str = Field(".?!\"'", description="the characters that end a line; an ellipsis of full stops does not")
    min_words: int = Field(3, ge=0, description="fewest words of a line")
    max_word: int = Field(1000, ge=0, description="characters of the longest word of a line")
    remove: tuple[Placeholder, ...] = threshold(
        get_args(Placeholder), description="what documents may not contain; a list of these, [] for nothing"
    )
    min_sentences: int = threshold(5, ge=0, description="fewest sentences of a document")
    min_paragraphs: int = threshold(0, ge=0, description="fewest long lines of a document; mC4: 3")
    paragraph: int = Field(200, ge=0, description="characters of the shortest long line")
    bad_words: tuple[Asset, ...] = Field(
        (), description="words that documents may not contain: bad_words.CODE, or files CODE.txt, one for each language"
    )

    @field_validator("discard", "remove")
    @classmethod
    def _in_order(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Return the kinds in the order of the rules, for it has no meaning in a recipe."""
        return tuple(kind for kind in (*get_args(Discard), *get_args(Placeholder)) if kind in given)

    def versions(self) -> dict[str, str]:
        """Return the versions of what defines words and sentences."""
        return versions(self.words)

    def check_asset(self, name: str, asset: Asset) -> None:
        """Read the words."""
        del name
        check(asset)

    def language_scopes(self) -> tuple[LanguageScope, ...]:
        """Phrases that are English, words that lie between spaces, and punctuation of some scripts."""
        words = LanguageScope(
            "a line without a space is one word",
            "their lines are discarded as lines of few words",
            "set words: segmented, or leave few_words out of discard",
            but=SPACELESS,
        )
        phrases = LanguageScope(
            "its phrases are English",
            "javascript and policies stay in their texts",
            "use lines, which has phrases of many languages",
            only=("en",),
        )
        spaced = self.words == "whitespace" and "few_words" in self.discard and self.min_words > 1
        return (*((words,) if spaced else ()), *((phrases,) if "policy" in self.discard else ()))

    def rules(self) -> tuple[Rule, ...]:
        """The order of the code; words last, as in TFDS."""
        found = {
            "lorem_ipsum": Rule("lorem_ipsum", "lorem_ipsum", "A page that is not written yet.", at_most=0),
            "curly_bracket": Rule("curly_bracket", "curly_bracket", "Code rather than text.", at_most=0),
        }
        return (
            *(rule for name, rule in found.items() if name in self.remove),
            Rule("few_sentences", "sentences", "No text of sentences.", at_least=self.min_sentences),
            Rule("few_paragraphs", "paragraphs", "No text of paragraphs.", at_least=self.min_paragraphs),
            Rule("bad_words", "bad_words", "A word that few good pages have.", at_most=0),
        )

    def edit(self, docs: Docs) -> Edited:
        """The texts without the lines that go, and what was cut from them."""
        limits = LineLimits(
            frozenset(self.discard), self.marks, self.min_words, self.max_word, citations=self.citations
        )
        found = None if self.words == "spacy" else cuts(docs, self.words)  # lines have words between white space there
        cleaned = clean(docs.column("text"), found, limits)
        after = docs.with_columns({"text": cleaned.texts})
        return Edited(
            {"text": cleaned.texts},
            {
                **{f"{kind}_lines": cleaned.lines[kind] for kind in LINE_KINDS},
                **_documents(cleaned),
                "sentences": count_sentences(after, self.words, lines=True),
                "paragraphs": _paragraphs(docs, self.paragraph),
                "bad_words": bad_words(after, self.bad_words),
                "removed": cleaned.removed,
            },
        )


def _documents(cleaned: Cleaned) -> dict[str, pa.Array]:
    return {"citations": cleaned.citations, "lorem_ipsum": cleaned.lorem_ipsum, "curly_bracket": cleaned.curly_bracket}


def _paragraphs(docs: Docs, least: int) -> pa.UInt32Array:
    lines, parents = split_lines(docs.column("text"))
    long = pc.greater_equal(pc.utf8_length(lines), least).to_numpy(zero_copy_only=False)
    return pa.array(per_text(parents[long], len(docs)).astype(np.uint32))
