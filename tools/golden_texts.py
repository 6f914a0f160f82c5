"""Hashes of what the native extractor finds in generated pages: they must be the same on every machine.

usage: python -m tools.golden_texts

Writes ``tests/kernels/golden_texts.json``, which ``tests/kernels/test_golden_texts.py`` holds against the installed
extension. Run it where a text was to change: after new weights, or a change of the extractor that is meant to be seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import xxhash

from refinery.demo.chance import SeededRandom
from refinery.demo.pages import SiteHost, render
from refinery.demo.prose import data, foreign, languages
from refinery.kernels import extractor_versions, main_texts
from tools.hostile import CASES, hostile_page

FILE = Path(__file__).parents[1] / "tests" / "kernels" / "golden_texts.json"
SIZE = 3_000
"""Bytes of a hostile page."""

SAID = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
LINE = "I have lived next to it for thirty years, and nobody has ever asked me what I think of it. "
POSTS = "".join(f"<div class=post><b>user {n}</b><p>{n}. {LINE}</div>" for n in range(9))
QUOTE = f"<div class=post><b>user</b><blockquote><p>3. {LINE}</blockquote><p>Nobody ever asks.</div>"
OFFER = "<li><h3><a href=/bridge>Bridge</a></h3><p>4,99 €</p></li>"
TABLE = "<table><tr><th>Length<td>4 m<tr><th>Weight<td>2 t</table>"
CODE = "<pre>def f(x):\n    return x\n\n\tpass</pre>"
COMMENTS = "<ol class=comments>" + "".join(f"<li class=comment><p>{n}. {LINE}</li>" for n in range(5)) + "</ol>"
ARTICLE = json.dumps({"@type": "Article", "articleBody": SAID * 4})
STATE = json.dumps({"texts": [SAID * 9, LINE * 9, "End."]})
KINDS = {
    "thread": f"<h1>Which bridge?</h1>{POSTS}{QUOTE}",
    "listing": f"<ul class=products>{OFFER * 40}</ul>",
    "product": f"<h1>A bridge</h1><p>€ 4.99</p><div class=description>{SAID}</div>{TABLE}",
    "manual": f"<main><h1>f()</h1><p>{SAID}</p>{CODE}<dl><dt>x<dd>{SAID}</dl></main>",
    "discussed article": f"<article><h1>A bridge</h1><p>{SAID * 4}</p></article>{COMMENTS}",
    "page of data": f'<script type="application/ld+json">{ARTICLE}</script>',
    "page of a state": f"<script>window.state={STATE}</script>",
    "page of nothing": "",
}
"""What the sample has no pages of."""

WAYS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "all other choices": {"favour": "recall", "paragraphs": True, "comments": "keep"},
    "with structure": {"structure": True, "links": True},
}


def pages() -> Iterator[tuple[str, str]]:
    """All pages by name: sites of the sample in each language, other kinds of pages, and hostile ones."""
    for site, known in sorted(data("sites").items()):
        for language in sorted(languages()):
            chance = SeededRandom(1, site, language)
            article = foreign(language, chance)
            yield f"{site} {language}", render(article, SiteHost(site, known["hosts"][0]), chance)
    yield from ((f"a {kind}", f"<title>A {kind}</title><body>{page}") for kind, page in KINDS.items())
    yield from ((f"hostile {name}", hostile_page(name, SIZE).decode("utf-8", "replace")) for name in CASES)


def golden() -> dict[str, Any]:
    """The weights that are used, and for each way of extraction the hash of each page's text and metrics."""
    named = list(pages())
    table = pa.table(
        {"page": [page for _, page in named], "url": [f"https://example.org/{n}" for n in range(len(named))]}
    )
    column = {name: table[name].combine_chunks() for name in table.column_names}
    find = partial(main_texts, column["page"], column["url"])
    hashes = {
        way: {name: _hash(row) for (name, _), row in zip(named, find(**options).to_pylist(), strict=True)}
        for way, options in WAYS.items()
    }
    return {"weights": extractor_versions()["weights"], "hashes": hashes}


def _hash(row: dict[str, Any]) -> str:
    exact = {name: value.hex() if isinstance(value, float) else value for name, value in row.items()}
    return xxhash.xxh3_64_hexdigest(json.dumps(exact).encode())


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(golden(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
