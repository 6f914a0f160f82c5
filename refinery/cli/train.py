"""``refinery train``: train a classifier of texts from labelled examples."""

from __future__ import annotations

import click

from refinery.cli._options import PATH, Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.formatting import plural, safe, shortened
from refinery.training.examples import Labelling, read_examples
from refinery.training.figures import Figures
from refinery.training.training import KINDS, Card, Driver, check_out, train

LANGUAGES = 20
WORDS = 12
LONGEST_WORD = 40


@click.command("train")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=PATH)
@click.option("--out", metavar="MODEL", required=True, help="File to write: .safetensors, or .bin.", type=PATH)
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="trees",
    show_default=True,
    help="trees: statistics and n-grams (.safetensors); fasttext: words and pairs of words (.bin).",
)
@click.option(
    "--positive", metavar="SOURCE", multiple=True, help="ROOT:STAGE or file of positive examples only. Repeatable."
)
@click.option(
    "--negative", metavar="SOURCE", multiple=True, help="ROOT:STAGE or file of negative examples only. Repeatable."
)
@click.option(
    "--label",
    metavar="NAME",
    help="Label of positive examples. Default: one of positive, hq, pos, good, clean, 1, true.",
)
@click.option("--at-least", metavar="X", type=float, help="Least score of a positive example.")
@click.option(
    "--test-share",
    metavar="X",
    type=click.FloatRange(0.02, 0.5),
    default=0.2,
    show_default=True,
    help="Share of the examples, in whole domains, that the model does not see and is measured on.",
)
@click.option("--seed", metavar="N", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Seed.")
@output_options
@pass_session
def command(
    session: Session,
    files: tuple[str, ...],
    out: str,
    kind: str,
    positive: tuple[str, ...],
    negative: tuple[str, ...],
    label: str | None,
    at_least: float | None,
    test_share: float,
    seed: int,
) -> int:
    """Train a classifier of texts for the stage score.

    A FILE is Parquet or JSON lines with text and label, or score with --at-least, and, if known, domain or url, and
    language. No domain is in both the training and the test. Writes MODEL, its card with all figures (.json), and its
    checksum (.sha256). The same examples and seed make the same bytes. Needs the extra train.
    """
    check_out(out, kind)
    examples = read_examples(files, positive, negative, Labelling(label, at_least))
    sources = {"files": [*files], "positive": [*positive], "negative": [*negative]}
    card = train(examples, kind, out, seed=seed, test_share=test_share, sources=sources)
    if session.json:
        print_json(card.model_dump(mode="json"))
    else:
        session.print_text(_text(card, out))
    return 0


def _text(card: Card, out: str) -> str:
    figures = card.figures
    heads = [
        f"{plural(card.trained_on, 'text')} to train on, {plural(figures.texts, 'text')} of other domains to test",
        f"AUC {figures.auc:.4f}" + _of_languages(figures),
    ]
    return "\n".join(
        [
            *heads,
            "",
            *_languages(figures),
            *_calibration(figures),
            *_yields(figures),
            *_drivers(card),
            f"wrote {safe(out)}, {plural(card.size, 'byte')}, SHA-256 {card.sha256}",
            f"use it: - score: {{model: {_path(out)}}}\n",
        ]
    )


def _of_languages(figures: Figures) -> str:
    return "" if figures.mean_language_auc is None else f", of the mean language {figures.mean_language_auc:.4f}"


def _path(out: str) -> str:
    return safe(out if "/" in out else f"./{out}")


def _languages(figures: Figures) -> list[str]:
    known = sorted((one for one in figures.languages if one.auc is not None), key=lambda one: one.auc or 0.0)
    if not known:
        return []
    rows = [("language", "texts", "positive", "AUC")]
    rows += [(safe(one.language), f"{one.texts:,}", f"{one.positive:,}", f"{one.auc:.4f}") for one in known[:LANGUAGES]]
    more = len(known) - LANGUAGES
    return [columns(rows, right=range(1, 4)), *([f"  and {more:,} languages above"] if more > 0 else []), ""]


def _calibration(figures: Figures) -> list[str]:
    rows = [("score from", "texts", "mean score", "positive")]
    rows += [(f"{b.low:.1f}", f"{b.texts:,}", f"{b.mean_score:.3f}", f"{b.positive:.3f}") for b in figures.calibration]
    return [columns(rows, right=range(4)), f"  mean difference {figures.calibration_error:.3f}", ""]


def _yields(figures: Figures) -> list[str]:
    rows = [("highest", "texts", "score from", "precision", "recall")]
    rows += [
        (f"{one.share:.0%}", f"{one.texts:,}", f"{one.min_score:.4f}", f"{one.precision:.1%}", f"{one.recall:.1%}")
        for one in figures.yields
    ]
    return [columns(rows, right=range(5)), ""]


def _drivers(card: Card) -> list[str]:
    named = [
        ("raised by", card.words_for),
        ("lowered by", card.words_against),
        ("statistics", card.statistics),
    ]
    lines = [f"  {what}: {_features(drivers)}" for what, drivers in named if drivers]
    domains = [
        ("highest domains", card.figures.highest_domains),
        ("lowest domains", card.figures.lowest_domains),
    ]
    lines += [
        f"  {what}: " + ", ".join(f"{safe(one.domain)} {one.mean_score:.2f}" for one in found[:WORDS])
        for what, found in domains
        if found
    ]
    return [*lines, ""] if lines else []


def _features(drivers: tuple[Driver, ...]) -> str:
    return ", ".join(shortened(safe(one.feature), LONGEST_WORD) for one in drivers[:WORDS])
