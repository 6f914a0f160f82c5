"""Formulas of pages: their TeX in each encoding, once, and where they stand in the text."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts
from refinery.kernels.reference.marks import tree

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

MATHJAX = '<script src="MathJax.js"></script>'
ANNOTATION = '<annotation encoding="application/x-tex">{}</annotation>'


def katex(tex: str, shown: str) -> str:
    """Return a formula as KaTeX writes it: MathML with its TeX, and what is shown."""
    mathml = f"<math><semantics><mrow><mi>x</mi></mrow>{ANNOTATION.format(tex)}</semantics></math>"
    return (
        f'<span class="katex"><span class="katex-mathml">{mathml}</span>'
        f'<span class="katex-html"><span>{shown}</span></span></span>'
    )


def formulas(page: str, *, kind: str = "formula") -> list[tuple[Any, ...]]:
    """Return what each formula of a page covers, its TeX, and what else is said of it."""
    made = main_texts(pa.array([page]), pa.array(["https://example.org/"]), "recall", structure=True).to_pylist()[0]
    data = made["text"].encode()
    return [
        (data[mark["start"] : mark["end"]].decode(), mark["value"], *filter(None, (mark["number"], mark["label"])))
        for mark in made["structure"]
        if mark["kind"] == kind
    ]


IN_A_LINE = {
    "MathML with its TeX": (f"<math><semantics><mi>y</mi>{ANNOTATION.format('x_1')}</semantics></math>", [("", "x_1")]),
    "MathML with alternative text": ("<math alttext='x_1'><mi>x</mi></math>", [("", "x_1")]),
    "MathML alone": ("<math><msub><mi>x</mi><mn>1</mn></msub></math>", [("", "x_1")]),
    "KaTeX": (katex("x_1", "x1"), [("x1", "x_1")]),
    "KaTeX in lines of its own": (f'<span class="katex-display">{katex("x_1", "x1")}</span>', [("x1", "x_1", 1)]),
    "KaTeX without markup": (
        '<span class="katex"><span class="katex-mathml">x1x_1</span><span class="katex-html">x1</span></span>',
        [("x1x_1x1", "x_1")],
    ),
    "MediaWiki": (
        (
            '<span class="mwe-math-element"><math alttext="{\\displaystyle x_{1}}"><mi>x</mi></math>'
            r'<img class="mwe-math-fallback-image-inline" src="a.svg" alt="{\displaystyle x_{1}}"></span>'
        ),
        [("", "x_{1}")],
    ),
    "a script": ('<script type="math/tex">x_1</script>', [("", "x_1")]),
    "a script on lines of its own": ('<script type="math/tex; mode=display">x_1</script>', [("", "x_1", 1)]),
    "a script and the output of MathJax": (
        '<span class="MathJax"><span class="math">x1</span></span><script type="math/tex">x_1</script>',
        [("x1", "x_1")],
    ),
    "what MathJax 3 makes": (
        (
            '<mjx-container class="MathJax"><mjx-math></mjx-math><mjx-assistive-mml><math><mi>x</mi></math>'
            "</mjx-assistive-mml></mjx-container>"
        ),
        [("", "x")],
    ),
    "an attribute": ('<span class="ztext-math" data-tex="x_1">x_1</span>', [("x_1", "x_1")]),
    "an attribute of a block": ('<div data-math="x = 1"><span class="katex-html">x=1</span></div>', [("x=1", "x = 1")]),
    "an element of its own": ("<d-math>x_1</d-math>", [("x_1", "x_1")]),
    "a picture of WordPress": (
        '<img class="latex" src="https://s0.wp.com/latex.php?latex=x_1&#038;bg=fff" alt="x_1">',
        [("", "x_1")],
    ),
    "a picture of Doxygen": (r'<img class="formulaInl" alt="$ x_1 $" src="form_0.png">', [("", "x_1")]),
    "Pandoc": (r'<span class="math inline">\(x_1\)</span>', [(r"\(x_1\)", "x_1")]),
    "Pandoc for KaTeX": (
        '<script src="katex.js"></script><span class="math inline">x_1</span>',
        [("x_1", "x_1")],
    ),
    "dollar signs": (f"$x_1$ and $$y$$ for $5 and $6{MATHJAX}", [("$x_1$", "x_1"), ("$$y$$", "y", 1)]),
    "an environment": (
        r"\begin{align}a&amp;=b\\<br>c&amp;=d\end{align}",
        [("\\begin{align}a&=b\\\\\nc&=d\\end{align}", "\\begin{align}a&=b\\\\\nc&=d\\end{align}", 1)],
    ),
    "AsciiMath": ('`x_1`<script src="ASCIIMathML.js"></script>', [("`x_1`", "x_1", "asciimath")]),
    "no code": (rf"<code>\(x\)</code>{MATHJAX}", []),
    "no price": (f"$5 or $6, and US$ 7{MATHJAX}", []),
    "no link": ('<a class="math" href="/x">algebra</a>', []),
}


@pytest.mark.parametrize("case", IN_A_LINE)
def test_formulas_in_a_line(case: str) -> None:
    """Each encoding is one formula, which covers the text that shows it."""
    inside, expected = IN_A_LINE[case]
    assert formulas(f"<p>The height is {inside} as we measure it.</p>") == expected


@pytest.mark.parametrize(
    "inside", ["<code>a</code>", "<em>$x</em> y$", '<a href="b">$x$</a>', "<b>$x$ <i>$y$</i></b> $z$"]
)
def test_formulas_stand_among_other_marks(inside: str) -> None:
    """Marks around a formula stay, those within it or across its ends go."""
    page = f"<p>The height is {inside} as we measure it.{MATHJAX}</p>"
    marks = main_texts(pa.array([page]), pa.array([""]), "recall", structure=True)
    tree(marks["text"][0].as_py(), marks["structure"][0].as_py())
    assert [value for _, value, *_ in formulas(page)] == re.findall(r"\$(.*?)\$", re.sub("<.*?>", "", inside))
    assert len(formulas(page, kind="emphasis")) == inside.count("<i>")


def test_a_display_formula_stays_with_its_surroundings() -> None:
    """A formula between two chosen blocks is kept, whether it is an object or a block too short to be chosen."""
    before = "<p>The river rises in the hills north of the town, and the water runs past the old mill to the sea.</p>"
    after = (
        "<p>In spring, when the snow of the mountains melts, its level is twice as high as in the summer before.</p>"
    )
    script = '<script type="math/tex; mode=display">x</script>'
    for shown in (script, f"<p>{script}</p>", f"<p>{katex('x', 'x')}</p>", r"<p>\[x = 1\]</p>"):
        page = f"<article>{before}{shown}{after}</article>"
        (found,) = formulas(page)
        assert found[1][0] == "x"
        assert found[2:] in ((1,), ())


WORDS = r"""
$ $$ \( \) \[ \] \begin{align} \end{align} ` x _ 5 { } <br> <p> </p> <b> </b> <code> </code> </span>
<math><mi>z </math> <msqrt> <mtable> <d-math> </d-math> <span|class="katex"> <span|class="math"> <span|class="MathJax">
<span|class="katex-mathml"> <script|type="math/tex">y</script> <img|class="latex"|alt="w"> <span|data-tex="v">
"""
PARTS = st.sampled_from([" ", *(word.replace("|", " ") for word in WORDS.split())])


@settings(max_examples=300)
@given(st.lists(PARTS, max_size=40).map("".join))
def test_formulas_of_any_page_are_marks_of_the_same_text(inside: str) -> None:
    """Marks are a tree, and no two formulas share text."""
    pages, urls = pa.array([f"<p>{inside}{MATHJAX} asciimath"]), pa.array([""])
    row = main_texts(pages, urls, "recall", structure=True).to_pylist()[0]
    assert row["text"] == main_texts(pages, urls, "recall")["text"][0].as_py()
    tree(row["text"], row["structure"])
    found = [mark for mark in row["structure"] if mark["kind"] == "formula"]
    assert all(mark["value"] for mark in found)
    assert all(one["end"] <= other["start"] for one, other in pairwise(found))


HOSTILE = [
    *(
        "$",
        r"\(",
        r"\[",
        "$a",
        "${",
        r"\begin{align}",
        "`",
        '<span class="katex">',
        '<span class="katex">x',
        "<d-math>",
    ),
    *("<math>", "<math><msqrt>", "<math><mtd>", "<msup>", '<img class="latex" alt="a">', '<span data-tex="a">x</span>'),
    *('<span class="MathJax">x<script type="math/tex">a</script>', '<span class="math"><img class="latex" alt="a">'),
]


@pytest.mark.parametrize("part", HOSTILE)
def test_hostile_formulas_end(part: str) -> None:
    """Unclosed, deep and many formulas take linear time."""
    formulas(f"<p>{MATHJAX}{part * (200_000 // len(part))}")


def _plain(tex: str) -> str:
    return re.sub(r"\\displaystyle|\\textstyle|\\[,;:! ]|[\s{}.,]", "", tex)


@pytest.mark.slow
def test_formulas_of_true_pages_are_found(structure_corpus: Path) -> None:
    """Of pages with formulas in 14 encodings, most formulas of each are found."""
    with gzip.open(structure_corpus / "gold.jsonl.gz", "rt", encoding="utf-8") as lines:
        golds = [gold for gold in map(json.loads, lines) if gold["formulas"]]
    archive = (structure_corpus / "structure-shared-00000.warc.gz").read_bytes()
    asked: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for gold in golds:
        record = gzip.decompress(archive[gold["offset"] : gold["offset"] + gold["length"]])
        page = record.split(b"\r\n\r\n", 2)[2].decode("utf-8", "replace")
        made = main_texts(pa.array([page]), pa.array([gold["url"]]), structure=True)["structure"][0].as_py()
        found = Counter(_plain(mark["value"]) for mark in made if mark["kind"] == "formula")
        for formula in gold["formulas"]:
            if not formula.get("optional"):
                asked[formula["encoding"]] += 1
                missed[formula["encoding"]] += not found[_plain(formula["tex"])]
                found[_plain(formula["tex"])] -= found[_plain(formula["tex"])] > 0
    shares = {encoding: 1 - missed[encoding] / count for encoding, count in asked.items()}
    assert sum(shares.values()) / len(shares) >= 0.85, shares
    assert sum(missed.values()) / sum(asked.values()) <= 0.07
