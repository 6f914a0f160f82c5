"""Make the weights of the native extractor from pages with gold texts, and say how good they are.

usage: python -m tools.train_extractor FOLDER [--weights FILE] [--leave-out-sources] [--no-validation] [--folds FOLDER]

FOLDER holds WARC files and ``truth.jsonl.gz``, a line a page: url, gold_text, gold_kind, page_type, source_repo. Pages
whose gold_kind begins with "human" are used. Figures are from a cross-validation in five folds by registered domain:
each page is scored by weights that never saw its domain. Then the weights are trained on all pages.

--folds keeps the weights of the cross-validation, for ``tools/bench/extraction.py``. Features come from the native
extractor itself. Needs the dependency group ``training``.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from refinery.kernels.native_extract import BETAS, WEIGHTS, extractor
from tools.extractor.kinds import agreement, kind_of, train_kinds
from tools.extractor.lexicons import Array, Corpus, fold_scores
from tools.extractor.packing import packed
from tools.extractor.pages import FOLDS, Page, read
from tools.extractor.scoring import Score, score, table
from tools.extractor.trees import rows, train

Corpora = tuple[Corpus, Corpus]


def corpora(pages: list[Page]) -> Corpora:
    """Of texts, and of the names around them."""
    texts = Corpus(pages, [tokens for page in pages for tokens in page.text_tokens])
    return texts, Corpus(pages, [tokens for page in pages for tokens in page.path_tokens])


def scores_for(found: Corpora, left_out: Collection[int]) -> tuple[Array, Array]:
    """Scores of all blocks for trees that are trained without some folds."""
    folds = [fold for fold in range(FOLDS) if fold not in left_out]
    texts, names = (fold_scores(corpus, folds, left_out) for corpus in found)
    for fold in left_out:
        for corpus, scores in zip(found, (texts, names), strict=True):
            blocks, new = corpus.scores(corpus.lexicon(left_out), fold)
            scores[blocks] = new
    return texts, names


def cross_validation(pages: list[Page], found: Corpora, kept: Path | None = None) -> str:
    """The scores of all pages and of guesses at their kinds, by weights that never saw their domain, which are kept."""
    lines, guesses = [], []
    for fold in range(FOLDS):
        made = rows(pages, scores_for(found, {fold}))
        inside = [at for at, page in enumerate(pages) if page.fold != fold]
        seen = [pages[at] for at in inside], [made[at] for at in inside]
        booster, kinds = train(*seen), train_kinds(*seen)
        weights = packed(booster, [corpus.lexicon({fold}) for corpus in found], kinds)
        if kept:
            kept.mkdir(parents=True, exist_ok=True)
            Path(kept, f"{fold}.weights").write_bytes(weights)
        outside = [at for at, page in enumerate(pages) if page.fold == fold]
        said = [(at, kind_of(pages[at])) for at in outside]
        guesses += [(kind, kinds.guess(made[at])) for at, kind in said if kind]
        lines += scored([pages[at] for at in outside], weights)
    return f"{table(lines)}\n\n{agreement(guesses)}"


def scored(pages: list[Page], weights: bytes) -> list[tuple[tuple[str, ...], Score]]:
    """The groups and scores of pages whose texts the native extractor finds by some weights."""
    html, urls = pa.array([page.html for page in pages]), pa.array([page.url for page in pages])
    options = (BETAS["balance"], False, "auto", False, False)
    texts = pa.array(extractor(weights).extract(html, urls, options)[0]).to_pylist()
    return [(page.groups, score(page.gold, text)) for page, text in zip(pages, texts, strict=True)]


def sources_left_out(pages: list[Page]) -> str:
    """The table of scores of each source by weights that never saw it."""
    lines = []
    for source in sorted({page.source for page in pages}):
        others = [page for page in pages if page.source != source]
        found = corpora(others)
        made = rows(others, scores_for(found, ()))
        weights = packed(train(others, made), [corpus.lexicon(()) for corpus in found], train_kinds(others, made))
        lines += scored([page for page in pages if page.source == source], weights)
    return table(lines)


def main() -> None:
    """Validate, train and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, default=Path("refinery/kernels", WEIGHTS))
    parser.add_argument("--leave-out-sources", action="store_true")
    parser.add_argument("--no-validation", action="store_true")
    parser.add_argument("--folds", type=Path, help="where to keep the weights of the cross-validation")
    arguments = parser.parse_args()
    pages = read(arguments.folder)
    print(f"{len(pages)} pages, {sum(len(page.texts) for page in pages)} blocks")
    found = corpora(pages)
    if not arguments.no_validation:
        print(cross_validation(pages, found, arguments.folds), flush=True)
    if arguments.leave_out_sources:
        print(sources_left_out(pages), flush=True)
    made = rows(pages, scores_for(found, ()))
    lexicons = [corpus.lexicon(()) for corpus in found]
    arguments.weights.write_bytes(packed(train(pages, made), lexicons, train_kinds(pages, made)))


if __name__ == "__main__":
    main()
