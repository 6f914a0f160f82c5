"""Hypothesis strategies of texts with marks: arbitrary ones, and documents of which it is known what should be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from refinery.kernels import MARKS, SPANS
from refinery.kernels.reference.pieces import BLOCKS

CUTS = pa.list_(pa.struct([*SPANS.value_type, ("replacement", pa.string())]))
KINDS = [
    *sorted(BLOCKS),
    *("formula", "image", "link", "strong", "emphasis", "inline_code", "superscript", "subscript", "marker", "odd"),
]
SIGNS = [
    *"ab1\n\n  *_`$[](){}<>&|\\~#-+.=!%^:/\t\r",
    "é",
    "日",
    "。",
    "\u00a0",
    "\u2028",
    "😀",
    "&amp;",
    "- ",
    "1. ",
    "```",
]
MARKED = st.lists(st.sampled_from(SIGNS), max_size=30).map("".join) | st.text(max_size=9)
VALUES = st.none() | st.sampled_from(["x", "python", "2", "https://a.b/c d?(e)", "a_1 $ b", "\\frac{a}{b}\n%c\n|d|\\"])


@st.composite
def marks_in(draw: st.DrawFn, text: str) -> list[dict[str, Any]]:
    """Arbitrary marks that are a tree over a text."""
    sizes = [0]
    for character in text:
        sizes.append(sizes[-1] + len(character.encode()))
    found: list[dict[str, Any]] = []

    def add(low: int, high: int, depth: int) -> None:
        edges = sorted(draw(st.lists(st.integers(low, high), max_size=6 if depth < 4 else 0)))
        for start, end in zip(edges[::2], edges[1::2], strict=False):
            found.append(draw(mark_from(sizes[start], sizes[end], depth)))
            add(start, end, depth + 1)

    add(0, len(text), 0)
    return found


def mark_from(start: int, end: int, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """A mark with anything in its other fields."""
    numbers = st.none() | st.integers(-1, 7) | st.sampled_from([-(2**31), 2**31 - 1])
    fields = {"kind": st.sampled_from(KINDS), "number": numbers, "value": VALUES}
    label = st.none() | MARKED | st.just("asciimath")
    places = {"start": st.just(start), "end": st.just(end), "depth": st.just(depth)}
    return st.fixed_dictionaries({**places, **fields, "label": label})


@st.composite
def marked_texts(draw: st.DrawFn) -> dict[str, Any]:
    """Texts with marks, some without a text or without marks."""
    texts = draw(st.lists(MARKED | st.none(), max_size=3))
    marks = [draw(marks_in(text) | st.none()) if text is not None else None for text in texts]
    start = draw(st.integers(0, len(texts)))
    return {"texts": pa.array(texts, pa.string())[start:], "structure": pa.array(marks, MARKS)[start:]}


@st.composite
def cut_texts(draw: st.DrawFn) -> dict[str, Any]:
    """Texts with marks, and cuts in the texts, some with a text in their place, some not cut out."""
    given = draw(marked_texts())
    cuts = [draw(cuts_in(text or "") | st.none()) for text in given["texts"].to_pylist()]
    return {**given, "cuts": pa.array(cuts, CUTS)}


@st.composite
def cuts_in(draw: st.DrawFn, text: str) -> list[dict[str, Any]]:
    """Cuts in a text, some of them right behind another."""
    edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=False):
        place, gone = len(text[:start].encode()), text[start:end]
        shown_text = draw(st.sampled_from([gone, gone, gone, None]))
        fields = {
            "cut": draw(st.sampled_from([True, True, None, False])),
            "replacement": None if shown_text is None else draw(st.sampled_from(["", None, "é?"])),
        }
        found.append({"offset": place, "length": len(gone.encode()), "reason": "x", "text": shown_text, **fields})
    return found


@st.composite
def damaged_texts(draw: st.DrawFn) -> dict[str, Any]:
    """A text with marks of which one has another place or depth."""
    text = draw(MARKED)
    marks = draw(marks_in(text).filter(bool))
    mark = draw(st.sampled_from(marks))
    mark[draw(st.sampled_from(["start", "end", "depth"]))] = draw(st.integers(0, 9) | st.integers(0, 255))
    return {"texts": pa.array([text]), "structure": pa.array([marks], MARKS)}


# ----------------------------------------------------------------------------------------------- documents with meaning

WORDS = [
    *"ab 5*_`$[]<&#|~!+.=-:%^(){}\\é日。",
    " ",
    "- ",
    "1. ",
    "**",
    "&amp;",
    "](",
    "w",
    "w w",
    "<b>",
    "\\(",
    "~~",
    "> ",
]
PROSE = st.lists(st.sampled_from(WORDS), max_size=6).map(lambda parts: "".join(["w", *parts]))
TEX = st.lists(
    st.sampled_from(["x", "|x|", "\\frac{a}{b}", "a_1", "b_2", "*", "`", "<", "&", "\\|", "[", "]("]),
    min_size=1,
    max_size=4,
).map("".join)
CODE = st.lists(
    st.sampled_from([*"ab{}#-*>|`~$<&\\ ", "\n", "\n\n", "    ", "\t", "```", "1. ", "\\n"]), max_size=9
).map(lambda parts: "c" + "".join(parts))


def shown(text: str) -> str:
    """Return a text without white space, by which texts are compared."""
    return "".join(text.split())


@dataclass
class Written:
    """A text with marks, and what a parser should find in its Markdown: see ``read`` of the tests of renderings."""

    text: str = ""
    marks: list[dict[str, Any]] = field(default_factory=list)
    expected: list[tuple[Any, ...]] = field(default_factory=list)
    depth: int = 0

    def begin(self, kind: str, number: int | None = None, value: str | None = None, label: str | None = None) -> int:
        """Begin a mark, and return its number."""
        at = len(self.text.encode())
        fields = {"kind": kind, "number": number, "value": value, "label": label}
        self.marks.append({"start": at, "end": at, "depth": self.depth, **fields})
        self.depth += 1
        return len(self.marks) - 1

    def end(self, mark: int) -> None:
        """End a mark at the end of the text."""
        self.marks[mark]["end"] = len(self.text.encode())
        self.depth -= 1

    def put(self, text: str, kind: str | None = None, **fields: Any) -> None:
        """Add a text, with a mark of a kind."""
        if kind is None:
            self.text += text
            return
        mark = self.begin(kind, **fields)
        self.text += text
        self.end(mark)

    def break_line(self) -> None:
        """Begin a new line, unless the text is at the start of one."""
        self.text += "\n" if self.text and not self.text.endswith("\n") else ""


INLINE = st.lists(
    st.tuples(st.sampled_from([None, None, "strong", "emphasis", "inline_code", "link", "superscript"]), PROSE)
    | st.tuples(st.just("formula"), TEX)
    | st.tuples(st.just("image"), PROSE),
    min_size=1,
    max_size=4,
).map(lambda parts: [(None, "w"), *parts])


def add_inline(out: Written, parts: Sequence[tuple[str | None, str]]) -> str:
    """Add a line, and return what is shown of it."""
    found = ""
    for kind, text in parts:
        if kind == "formula":
            out.put("F", "formula", value=text)
            found += f"${text}$"
        elif kind == "image":
            out.put("", "image", value="https://a.b/c d", label=text)
        else:
            out.put(text, kind)
            found += text
    return shown(found)


@st.composite
def documents(draw: st.DrawFn) -> Written:
    """A document of all kinds of blocks."""
    out = Written()
    for _ in range(draw(st.integers(0, 5))):
        add_block(draw, out, 0)
    return out


def add_block(draw: st.DrawFn, out: Written, lists: int) -> None:
    """Add a block in ``lists`` lists."""
    out.break_line()
    kinds = ["line", "code", "formula", "list", "quote", "paragraph"]
    match draw(st.sampled_from(kinds if lists else [*kinds, "heading", "table", "figure"])):
        case "line":
            out.expected.append(("p", add_inline(out, draw(INLINE))))
        case "heading":
            level = draw(st.integers(1, 6))
            mark = out.begin("heading", level)
            out.expected.append((f"h{level}", add_inline(out, draw(INLINE))))
            out.end(mark)
        case "paragraph":
            mark = out.begin("paragraph")
            first = add_inline(out, draw(INLINE))
            out.break_line()
            out.expected.append(("p", first + add_inline(out, draw(INLINE))))
            out.end(mark)
        case "code":
            code, language = draw(CODE), draw(st.sampled_from([None, "python", "c++"]))
            out.put(code, "code", value=language)
            out.expected.append(("code", language or "", code + "\n"))
        case "formula":
            tex = draw(TEX)
            out.put("F", "formula", number=1, value=tex)
            out.expected.append(("formula", shown(tex)))
        case "list":
            add_list(draw, out, lists + 1)
        case "table":
            add_table(draw, out)
        case kind:
            mark = out.begin(kind)
            add_block(draw, out, lists)
            out.end(mark)
    out.break_line()


def add_list(draw: st.DrawFn, out: Written, depth: int) -> None:
    """Add a list, some of whose items have no line of their own."""
    start = draw(st.none() | st.integers(0, 12))
    mark = out.begin("list", start)
    out.expected.append(("list", depth, start))
    for _ in range(draw(st.integers(1, 3))):
        out.break_line()
        item = out.begin("item")
        out.expected.append(("item", depth))
        if line := draw(st.none() | INLINE):
            out.expected.append(("p", add_inline(out, line)))
        for _ in range(draw(st.integers(0 if line else 1, 2 if depth < 3 else 1))):
            add_block(draw, out, depth) if depth < 3 else add_inline_line(draw, out)
        out.end(item)
    out.end(mark)


def add_inline_line(draw: st.DrawFn, out: Written) -> None:
    """Add a paragraph."""
    out.break_line()
    out.expected.append(("p", add_inline(out, draw(INLINE))))


def add_table(draw: st.DrawFn, out: Written) -> None:
    """Add a table of one to three columns; cells may be empty."""
    columns, header = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    mark = out.begin("table", header)
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        row = out.begin("row")
        cells = []
        for _ in range(columns):
            out.break_line()
            cell = out.begin(draw(st.sampled_from(["cell", "header"])))
            cells.append(add_inline(out, draw(INLINE | st.just([]))))
            out.end(cell)
        rows.append(cells)
        out.end(row)
    out.end(mark)
    width = max((number + 1 for cells in rows for number, cell in enumerate(cells) if cell), default=0)
    head = rows.pop(0)[:width] if header else [""] * width
    if width:
        out.expected.append(("table", [head, *(cells[:width] for cells in rows if any(cells))]))
