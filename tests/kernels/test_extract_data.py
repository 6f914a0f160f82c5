"""Texts in the data of a page: found where it shows little, and only there."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from refinery.kernels import HAS_EXTRACTOR, main_texts

if not HAS_EXTRACTOR:
    pytest.skip("the native kernels are not built", allow_module_level=True)

PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
BODY = (PROSE * 3).strip()
OTHER = BODY.replace("Tuesday", "Friday")
SHELL = '<html><head><title>A bridge</title></head><body><div id="app"></div>'


def found(page: str, **options: Any) -> dict[str, Any]:
    """Text and metrics of a page."""
    return main_texts(pa.array([page]), pa.array(["https://example.org/a"]), **options).to_pylist()[0]  # type: ignore[no-any-return]


def linked(*values: Any, shown: str = "") -> str:
    """A page with JSON-LD."""
    scripts = (f'<script type="application/ld+json">{_written(value)}</script>' for value in values)
    return SHELL + shown + "".join(scripts)


def state(value: Any, before: str = "", after: str = "", kind: str = ' type="application/json"') -> str:
    """A page with the state of its scripts."""
    return f"{SHELL}<script{kind}>{before}{_written(value)}{after}</script>"


def _written(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value)).replace("</", "<\\/")


ARTICLE = {"@context": "https://schema.org", "@type": "NewsArticle", "headline": "A bridge", "articleBody": BODY}
LINKED = {
    "an article and its headline": ([ARTICLE], f"A bridge\n{BODY}"),
    "in a graph": ([{"@graph": [{"@type": "WebPage", "description": OTHER}, ARTICLE]}], f"A bridge\n{BODY}"),
    "in an array": ([[{"@type": "Organization", "description": OTHER}, ARTICLE]], f"A bridge\n{BODY}"),
    "the type comes last": ([{"description": OTHER, "@type": "Person"}, ARTICLE], f"A bridge\n{BODY}"),
    "a text that is there twice": ([ARTICLE, {"@type": "WebPage", "text": BODY}], f"A bridge\n{BODY}"),
    "lines": ([{"@type": "Article", "articleBody": f"{BODY}\n\n {OTHER}\r\nend"}], f"{BODY}\n{OTHER}\nend"),
    "markup": ([{"@type": "Article", "articleBody": f"<p>{BODY}</p><ul><li>a &amp; b</ul>"}], f"{BODY}\na & b"),
    "markup as references": ([{"@type": "Article", "articleBody": f"&lt;p&gt;{BODY}&lt;/p&gt;x"}], f"{BODY}\nx"),
    "no markup": ([{"@type": "Article", "articleBody": f"{BODY} 1 < 2 &lt; 3"}], f"{BODY} 1 < 2 < 3"),
    "escapes": (
        ['{"@type": "Article", "articleBody": "' + BODY + '\\u00e9 \\ud83d\\ude00 \\ud83d \\"q\\" \\/ \\\\ e\\u0301"}'],
        f'{BODY}é 😀 \ufffd "q" / \\ é',
    ),
    "line breaks in strings, commas too many": (['{"@type": "Article", "articleBody": "' + BODY + '\nx",,}'], f"{BODY}\nx"),
    "data that end early": (['{"@type": "Article", "articleBody": "' + BODY + '", "x": ["'], BODY),
    "questions and answers": (
        [{"@type": "FAQPage", "mainEntity": [
            {"@type": "Question", "name": "Which bridge?", "acceptedAnswer": {"@type": "Answer", "text": BODY}},
            {"@type": ["Question"], "name": "When?", "acceptedAnswer": {"@type": "Answer", "text": OTHER}}]}],
        f"Which bridge?\n{BODY}\nWhen?\n{OTHER}",
    ),
    "a product and its reviews": (
        [{"@type": "Product", "name": "Bridge", "description": BODY, "brand": {"@type": "Brand", "description": "no"},
          "review": [{"@type": "Review", "reviewBody": OTHER, "author": {"@type": "Person", "name": "A"}}]}],
        f"{BODY}\n{OTHER}",
    ),
    "a recipe": (
        [{"@type": "Recipe", "description": BODY, "recipeIngredient": ["1 egg", "2 onions"],
          "recipeInstructions": [{"@type": "HowToStep", "text": OTHER}]}],
        f"1 egg\n2 onions\n{OTHER}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LINKED)
def test_texts_of_json_ld(case: str) -> None:
    """In the order of the data, each once, without what the page only names."""
    values, expected = LINKED[case]
    metrics = found(linked(*values))
    assert metrics["text"] == expected
    assert (metrics["origin"], metrics["confidence"], metrics["share"]) == ("json-ld", None, None)
    assert metrics["title"] == "A bridge"
    assert not metrics["truncated"]


@pytest.mark.parametrize(
    "value",
    [
        {"@type": "Organization", "description": BODY},
        {"@type": "NewsArticle", "headline": BODY, "description": BODY},
        {"@type": "Person", "text": BODY},
        {"description": BODY},
        {"@type": "Article", "articleBody": PROSE},  # no more than a line
        "articleBody: " + BODY,
        {"articleBody": 1},
        "",
    ],
)
def test_what_is_no_text_of_the_page(value: Any) -> None:
    """What is about others, summaries, and little."""
    metrics = found(linked(value))
    assert (metrics["text"], metrics["origin"]) == ("", "page")


def test_a_page_that_shows_its_text_is_taken_at_its_word() -> None:
    """Data count only where the text that is shown is little, and theirs is much longer."""
    shown = f"<article><p>{OTHER}</p><p>{PROSE * 2}</p></article>"
    metrics = found(linked(ARTICLE, shown=shown))
    assert (metrics["text"], metrics["origin"]) == (f"{OTHER}\n{PROSE * 2}".rstrip(), "page")
    line = f"<article><h1>A bridge</h1><p>{PROSE * 2}</p></article>"
    assert found(linked(ARTICLE, shown=line))["origin"] == "page"
    metrics = found(linked(ARTICLE, shown="<h1>A bridge</h1><p>Loading the page."))
    assert (metrics["text"], metrics["origin"]) == (f"A bridge\n{BODY}", "json-ld")
    assert metrics["share"] == 0


LONG = BODY.replace("Tuesday", "Friday") + " " + PROSE.replace("bridge", "road") * 9 + "End."
STATE = {"props": {"title": "A bridge", "labels": {"ok": "Yes, please.", "no": "No."}, "blocks": [
    {"kind": "p", "text": BODY}, {"kind": "h2", "text": "Costs"}, {"kind": "p", "text": f"<b>{LONG}</b>"}]}}  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("", "", ' type="application/json"'),
        ("", "", ' id="__DATA__" type=application/json'),
        ("window.__STATE__ = ", ";", ""),
        ("\n window['a_b'].c=", "\n;(function(){})()", ""),
        ("var a = {};\nlet b=[1,-2.5e3,null,true];window.state=", ";", " type='text/javascript'"),
    ],
)
def test_texts_of_states(before: str, after: str, kind: str) -> None:
    """All strings of a name whose strings are mostly prose, however the state is written down."""
    metrics = found(state(STATE, before, after, kind))
    assert (metrics["text"], metrics["origin"]) == (f"{BODY}\nCosts\n{LONG}", "state")


@pytest.mark.parametrize(
    "page",
    [
        state({"css": [".a, .b { color: red } .c { margin: 0 auto; } " * 20]}),
        state({"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.".lower() * 40}),
        state({"escaped": LONG.replace(" ", "%20")}),
        state({"names": [f"Some label {n}" for n in range(400)]}),
        state(STATE, "window[a + b] = ", kind=""),
        state("function () { return '" + LONG + "' }"),
        state("if (a) { b = [" + json.dumps(LONG) + "] }", kind=""),
        state("window.a = {b: c(" + json.dumps(LONG) + ")}", kind=""),
        state("// {} \n x = " + json.dumps({"text": LONG}), kind=""),
    ],
)
def test_what_is_no_prose_or_no_data(page: str) -> None:
    """Styles, keys, labels and code are no text."""
    assert found(page)["text"] == ""


def test_states_must_have_more_than_the_page_shows() -> None:
    """A menu is no main text, but a state may be one of a page that is whole without it."""
    little = {"text": BODY}
    assert found(state(little))["text"] == ""
    menu = "<nav><ul>" + "<li><a href=/x>Some page</a>" * 200 + "</ul></nav>"
    assert found(state(STATE).replace('<div id="app"></div>', menu))["origin"] == "page"


def test_paragraphs_of_data() -> None:
    """Blank lines part them, where they are asked for."""
    assert found(linked(ARTICLE), paragraphs=True)["text"] == f"A bridge\n\n{BODY}"


def test_nesting_is_limited() -> None:
    """Data nested too deep are given up, and the page says so where a text was found before."""
    deep = '{"@type": "Article", "articleBody": ' + json.dumps(BODY) + ', "x": ' + "[" * 100_000
    metrics = found(linked(deep))
    assert (metrics["text"], metrics["truncated"]) == (BODY, True)
    assert found(linked("[" * 100_000 + json.dumps(BODY)))["text"] == ""


names = st.text(max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
paths = st.lists(st.tuples(st.sampled_from(["list", "object"]), names, values, values), max_size=12)


@given(paths, st.booleans(), st.sampled_from([None, 1, "\t"]))
@settings(max_examples=150)
def test_a_text_is_found_wherever_it_is(path: list[tuple[str, str, Any, Any]], ascii_only: bool, indent: Any) -> None:
    """In any JSON that the standard library writes."""
    value: Any = {"texts of the page": [BODY + " é😀", LONG]}
    for kind, name, before, after in path:
        value = [before, value, after] if kind == "list" else {name + "<": before, name: value, name + ">": after}
    written = json.dumps([value], ensure_ascii=ascii_only, indent=indent).replace("<", "\\u003c")
    assert found(state(written))["text"].split("\n")[:2] == [BODY + " é😀", LONG]


PIECES = [
    *'{}[]",:\\/;=<>',
    '"@type"',
    '"articleBody":',
    '"text":',
    '"',
    json.dumps(BODY),
    "\\u",
    "\\ud800",
    "x",
    " ",
    "é",
    "\0",
]
PIECES += ["window.a=", "null", "<p>", "&lt;", "<!--", "<script>", "\n", OTHER]


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join), st.sampled_from(["ld+json", "json"]))
@settings(max_examples=300)
def test_any_data_end(data: str, kind: str) -> None:
    """Whatever is in a script, there is a text or none, the same in any company."""
    page = f'{SHELL}<script type="application/{kind}">{data}</script>'
    pages = pa.array([page, state(STATE), page])
    texts = main_texts(pages, pa.array([""] * 3))
    texts.validate(full=True)
    assert texts.slice(0, 1).equals(texts.slice(2, 1))
    assert texts["origin"][1].as_py() == "state"
