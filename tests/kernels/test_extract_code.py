"""Code: one block with its line breaks and indentation, without numbers of lines and buttons, by whatever tool made it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts
from refinery.kernels.reference.marks import tree

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)


def extracted(page: str, *, structure: bool = True) -> dict[str, object]:
    """The row of a page with all that may be its text."""
    pages, urls = pa.array([page], pa.string()), pa.array(["https://example.org/p"])
    row: dict[str, object] = main_texts(pages, urls, "recall", comments="keep", structure=structure).to_pylist()[0]
    return row


def codes(page: str) -> list[str]:
    """The texts of a page's code."""
    row = extracted(page)
    text = str(row["text"]).encode()
    marks: list[dict[str, object]] = row["structure"]  # type: ignore[assignment]
    return [text[mark["start"] : mark["end"]].decode() for mark in marks if mark["kind"] == "code"]  # type: ignore[misc]


FUNCTION = "if a:\n    b = 1\n\nc"
ROWS = "".join(
    f"<tr>\n <td class=blob-num data-line-number={n}>{n}</td>\n <td class='blob-code blob-code-inner'>{line}</td>\n</tr>"
    for n, line in enumerate(FUNCTION.split("\n"), 1)
)
NUMBERS = "".join(f"<div class='line number{n}'>{n}</div>\n" for n in range(1, 5))
WORDS = FUNCTION.replace("if a", "<code class=k>if</code> <code class=p>a</code>").replace("    ", 4 * "&nbsp;")
HIGHLIGHTED = "".join(f"<div class='line number1 alt1'>{line or '&nbsp;'}</div>\n" for line in WORDS.split("\n"))


def lines(start: str, end: str, between: str = "") -> str:
    """The lines of the function, each between two texts."""
    return between.join(f"{start}{line}{end}" for line in FUNCTION.split("\n"))


def numbered(start: str, end: str) -> str:
    """The lines of the function, each behind its number between two texts."""
    return "\n".join(f"{start}{n}{end}{line}" for n, line in enumerate(FUNCTION.split("\n"), 1))


SHOWN = {
    "Doxygen has a block for each line, and popups behind them": (
        f"<div class=fragment>{lines('<div class=line>', '</div>', chr(10))}<div class=ttc><a>f</a>Declared</div></div>"
    ),
    "Doxygen has them in pre": f"<pre class=fragment>{lines('<div class=line>', '</div>')}</pre>",
    "SyntaxHighlighter has a table with numbers beside blocks of several elements": (
        f"<div class='syntaxhighlighter py'><table><tr><td class=gutter>{NUMBERS}<td class=code>\n"
        f"<div class=container>\n{HIGHLIGHTED}</div></table></div>"
    ),
    "Hexo has a table with line breaks": (
        "<figure class='highlight sh'><table><tr>"
        f"<td class=gutter><pre>{''.join(f'<span class=line>{n}</span><br>' for n in range(1, 5))}</pre>"
        f"<td class=code><pre>{lines('<span class=line>', '</span><br>')}</pre></table></figure>"
    ),
    "Chroma has a table with numbers in preformatted text": (
        "<div class=highlight><table class=lntable><tr>"
        f"<td class=lntd><pre><code>{''.join(f'<span class=lnt>{n}{chr(10)}</span>' for n in range(1, 5))}</code></pre>"
        f"<td class=lntd><pre><code>{lines('<span class=line><span class=cl>', chr(10) + '</span></span>')}</code></pre>"
        "</table></div>"
    ),
    "Pygments has numbers beside": (
        "<table class=highlighttable><tr><td class=linenos><div class=linenodiv><pre>1\n2\n3\n4</pre></div>"
        f"<td class=code><div class=highlight><pre>{FUNCTION}</pre></div></table>"
    ),
    "Pygments has numbers within": f"<pre>{numbered('<span class=linenos>', '</span>')}</pre>",
    "a number needs no name": f"<pre>{numbered('<span style=color:red>', '</span>')}</pre>",
    "rows of a repository": f"<div class='blob-wrapper'><table class=highlight>{ROWS}</table></div>",
    "rows of preformatted text": (
        "<table class=FileContents>"
        + lines("<tr class='u-pre u-monospace FileContents-line'><td class=u-lineNum data-line-number=1><td>", "")
        + "</table>"
    ),
    "prettify has a list": f"<pre class='prettyprint linenums'><ol class=linenums>{lines('<li class=L0>', '</li>')}</ol></pre>",
    "a row may have a number without a name": (
        "<pre>"
        + "".join(
            f"<div><span class=x>{n}</span><div>{line}</div></div>" for n, line in enumerate(FUNCTION.split("\n"), 1)
        )
        + "</pre>"
    ),
    "an empty line may have a newline": (
        "<pre>" + "".join(f"<div class=token-line>{line or chr(10)}</div>" for line in FUNCTION.split("\n")) + "</pre>"
    ),
    "rows in pre": f"<pre><code><table>{lines('<tr>' + chr(10) + '<td class=hljs-ln-code>', '</td></tr>')}</table></code></pre>",
    "a button and a caption are beside the code": (
        f"<pre><div>Python <button>Copy</button></div><a href=x>Run</a><code>{FUNCTION}</code><button>Run</button></pre>"
    ),
    "controls stand around the code": (
        "<div class='language-js x'><div class=head><span class=lang>js</span><button>Copy</button></div>"
        f"<div><pre>{FUNCTION}</pre><a href=x>Run</a></div><div class=toolbar><span>Copied!</span></div></div>"
    ),
    "inline code with line breaks": (
        f"<div><code><span>{FUNCTION.replace('    ', 4 * '&nbsp;').replace(chr(10), '<br />' + chr(10))}</span>\n</code></div>"
    ),
    "a prompt of a notebook stands before the code": (
        f"<div class=prompt><pre>In&nbsp;[2]:\n</pre></div><div class=input_area><pre>{FUNCTION}</pre></div>"
    ),
}


@pytest.mark.parametrize("case", SHOWN)
def test_code_is_exact(case: str) -> None:
    """Lines and indentation as they are shown, and nothing else is in the text."""
    page = f"<p>Before.</p>{SHOWN[case]}<p>After.</p>"
    assert codes(page) == [FUNCTION]
    assert str(extracted(page)["text"]).splitlines() == ["Before.", *FUNCTION.split("\n"), "After."]


KEPT = {
    "numbers in code stay": (
        "<pre><i class=mi>1</i>,a\n<i class=mi>2</i>,b\n<i class=mi>3</i>,c</pre>",
        ["1,a\n2,b\n3,c"],
    ),
    "numbers that are all of it stay": ("<pre><i>1</i>\n<i>2</i>\n<i>3</i></pre>", ["1\n2\n3"]),
    "numbers that do not count stay": ("<pre><i>1</i> a\n<i>5</i> b\n<i>3</i> c</pre>", ["1 a\n5 b\n3 c"]),
    "text around code in pre stays": ("<pre>run <code>a</code> <a href=x>now</a></pre>", ["run a now"]),
    "lines of a poem are no code": ("<div class=poem><div class=line>a</div><div class=line>b</div></div>", []),
    "a ranking is no code": ("<table class=code><tr><td>1<td>a<tr><td>2<td>b</table>", []),
    "a title and a link in a paragraph stay": ("<div><p>A <a href=x>b</a></p><pre>c</pre></div>", ["c"]),
    "inline code is none": ("<p><code>a</code></p>", []),
    "paragraphs in pre are lines of it": ("<pre>a<p>b</p><p>c</p></pre>", ["a\nb\nc"]),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_like_code_stays(case: str) -> None:
    """It is neither code nor cut."""
    page, expected = KEPT[case]
    assert codes(page) == expected


def test_code_between_chosen_texts_is_chosen() -> None:
    """Whatever the scorer thinks of its words."""
    prose = (
        "<p>The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in spring.</p>"
    )
    page = f"<article><h1>A bridge</h1>{prose}<pre>0 1 0 0 1 0</pre>{prose.replace('Tuesday', 'Friday')}</article>"
    text = main_texts(pa.array([page]), pa.array(["https://example.org/a"]))["text"][0].as_py()
    assert "0 1 0 0 1 0" in text.split("\n")


NAMES = (
    "highlight",
    "line",
    "code line",
    "lineno",
    "gutter",
    "blob-code",
    "blob-num",
    "ttc",
    "prompt",
    "syntaxhighlighter",
)
TAGS = st.builds(
    lambda tag, name: f"<{tag} class='{name}'>",
    st.sampled_from(["pre", "div", "span", "code", "table", "tr", "td", "ol", "li", "button", "a", "figure"]),
    st.sampled_from(NAMES),
)
ENDS = st.sampled_from(
    ["</pre>", "</div>", "</span>", "</code>", "</table>", "</td>", "</li>", "<p>", "<xmp>", "</xmp>"]
)
TEXTS = st.sampled_from(["1", "2", " ", "\n", "a", "  b", "&nbsp;c", "<br>", "In [1]:", "<img>", "<h2>", "é\u0301"])


@settings(max_examples=300)
@given(st.lists(TAGS | ENDS | TEXTS, max_size=40).map("".join))
def test_marks_of_any_code_are_a_tree_over_the_same_text(page: str) -> None:
    """Structure changes nothing else."""
    row, plain = extracted(page), extracted(page, structure=False)
    assert row["text"] == plain["text"]
    tree(row["text"], row["structure"])  # type: ignore[arg-type]
