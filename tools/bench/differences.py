"""The pages on which engines differ most, side by side, as one HTML file, for ``extraction.py``.

The file quotes pages of others at length, so it stays on the machine that made it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from html import escape

from tools.bench.gold import Capture
from tools.extractor.scoring import Score

MOST = 60
LONGEST = 6_000
"""Characters of a text that are shown."""

_HEAD = """<!doctype html><meta charset=utf-8><title>Where engines differ</title>
<style>
body { font: 14px/1.4 sans-serif; margin: 1em }
section { border-top: 2px solid #888; margin-top: 2em }
div.row { display: flex; gap: 1em }
div.text { flex: 1; min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 40em; overflow: auto }
.lost { background: #fdd } .more { background: #dfd }
</style>
<h1>Where engines differ</h1>
<p>Each column is an engine's text. Green lines are not in the gold text; red ones are lines of it that are missing.</p>
"""


def report(pages: Sequence[Capture], texts: dict[str, list[str]], scores: dict[str, list[Score]]) -> str:
    """The page, with first those whose best and worst word F1 are furthest apart. All that is quoted is escaped."""
    spread = [max(found) - min(found) for found in zip(*([s.f1 for s in row] for row in scores.values()), strict=True)]
    order = sorted(range(len(pages)), key=lambda at: (-spread[at], pages[at].url))[:MOST]
    own = {name: [found[at] for at in order] for name, found in texts.items()}
    marks = {name: [found[at] for at in order] for name, found in scores.items()}
    return _HEAD + "".join(_section(number, pages[at], own, marks) for number, at in enumerate(order))


def _section(number: int, page: Capture, texts: dict[str, list[str]], scores: dict[str, list[Score]]) -> str:
    columns = (
        f"<div class=text><b>{escape(name)} {scores[name][number].f1:.3f}</b>\n"
        + "".join(_lines(page.gold or "", found[number]))
        + "</div>"
        for name, found in texts.items()
    )
    title = f"{number + 1}. {escape(page.url)}"
    groups = escape(", ".join(page.groups[1:]))
    return f"<section><h2>{title}</h2><p>{groups}</p><div class=row>{''.join(columns)}</div></section>\n"


def _lines(gold: str, text: str) -> Iterator[str]:
    left, right = (part[:LONGEST].splitlines() for part in (gold, text))
    for kind, start, end, first, last in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (f"<span class=lost>{escape(line)}</span>\n" for line in left[start:end])
        yield from (
            f"{escape(line)}\n" if kind == "equal" else f"<span class=more>{escape(line)}</span>\n"
            for line in right[first:last]
        )
    if len(gold) > LONGEST or len(text) > LONGEST:
        yield "…"
