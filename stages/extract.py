"""Stage ``extract``: the main text of each page by the native extractor, or a library in a sandbox, and its formatting.

A page without text is removed, with the outcome of its extraction as reason. HTML ends here: it is never written.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from importlib import metadata
from itertools import accumulate
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from refinery import HTML, PROTECTED, STRUCTURE, TEXT, URL, Docs, Duration, Edit, Edited, Metric, Rule, Size, threshold
from refinery.kernels import HAS_EXTRACTOR, MAIN_TEXT, ORIGINS, extractor_versions, main_texts
from refinery.stages._extract import encoding, engines
from refinery.stages._extract.formatting import MarkedSpan, format_marked, moved_marks
from refinery.stages._extract.program import SentPage, UserProgram
from refinery.stages._extract.sandbox import WALL_FACTOR, Reply, Sandbox, once_a_process, shared

_BECAUSE = {
    "empty": "The engine found no main text.",
    "too_large": "The page or its text is larger than the engine is trusted with.",
    "timeout": "The engine was stopped: it took too long.",
    "memory": "The engine was stopped: it took too much memory.",
    "crash": "The engine's process died, twice.",
    "exception": "The engine raised an exception.",
}


class Extract(Edit):
    """Replace the HTML of a page by its main text.

    UTF-8 that was read as another charset is repaired first. ``protected`` are the lines of code and of tables with
    headers in the text; other engines than native report none.

    With ``union``, a second engine is asked where the native one finds no text, or expects an F1 ``below`` the limit.
    Its text is the page's if it is longer, and that of a ``command`` in any case, with its structure. All
    metrics of the native engine stay.

    ``note`` is the error of pages without text. ``title`` and ``lang`` are as the page states them. ``truncated`` is
    true where the page exceeds the native engine's limits of depth or size; other engines leave it null.
    """

    name: ClassVar = "extract"
    version: ClassVar = 12
    source: ClassVar = "RefinedWeb §3.1; https://arxiv.org/abs/2306.01116"
    reads: ClassVar = (URL.name, HTML.name)
    adds: ClassVar = (TEXT, PROTECTED, STRUCTURE)
    drops: ClassVar = (HTML.name,)
    metrics: ClassVar = (
        Metric("outcome", pa.string(), "label", help=f"what became of the page: ok, {', '.join(_BECAUSE)}"),
        Metric("chars", pa.uint64(), "log", "characters", "length of the text"),
        Metric("share", help="words that are kept of those that the page shows; null for other engines than native"),
        Metric("confidence", help="the F1 that the native engine expects of its text; null for data and other engines"),
        Metric("origin", pa.string(), "label", help=f"where native found the text: {', '.join(ORIGINS)}"),
        Metric("kind", pa.string(), "label", help="what page the native engine takes it for; null for other engines"),
        Metric("engine", pa.string(), "label", help="whose text it is; null without one"),
        Metric("second", pa.string(), "label", help="outcome of the second engine; null where it was not asked"),
        Metric(
            "marks",
            pa.uint32(),
            "log",
            help="marks of the structure; null without, or where trafilatura's do not match",
        ),
        Metric("repaired", help="letters that the repair of mojibake restored, a character of the text; at most 1"),
    )
    quarantines: ClassVar = ("timeout", "memory", "crash")
    evidence: ClassVar = (
        pa.field("note", pa.string()),
        pa.field("title", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("truncated", pa.bool_()),
    )

    engine: Literal["auto", "native", "trafilatura", "resiliparse", "union"] = Field(
        "auto",
        validate_default=True,
        description="who finds the main text; auto is native where it is built, else trafilatura; union asks two",
    )
    second: Literal["trafilatura", "resiliparse", "command"] = Field(
        "trafilatura", description="whom union asks where native expects a bad text; command is a program of yours"
    )
    below: float = Field(0.4, gt=0, le=1, description="the second engine is asked where native expects a lower F1")
    command: tuple[str, ...] = Field((), description="the program and its arguments; it reads and writes JSON lines")
    command_version: str = Field("", description="change it when the program's texts change: results are made anew")
    favour: engines.Favour = Field("balance", description="what the engine prefers where it is unsure")
    comments: engines.Comments = Field(
        "auto",
        description="what becomes of readers' comments; auto: native decides, trafilatura drops, resiliparse keeps",
    )
    paragraphs: bool = Field(False, description="whether native parts paragraphs, lists and tables by blank lines")
    structure: bool = Field(
        False, description="whether native and trafilatura mark headings, lists, tables, code and more"
    )
    links: bool = Field(False, description="whether structure has links with their targets")
    timeout: Duration = Field(
        timedelta(seconds=30),
        gt=timedelta(0),
        description="processor time for one page; a command may be silent ten times as long",
    )
    memory: Size = Field(Size(800_000_000), ge=256 << 20, description="resident size of the engine's process")
    max_repaired: float = threshold(
        1, ge=0, le=1, description="most letters restored from mojibake, a character of the text"
    )
    max_html: Size = Field(Size(20_000_000), gt=0, description="larger pages, and texts, are not taken")

    @model_validator(mode="after")
    def _has_the_choices(self) -> Self:
        names = self._engines()
        if self.favour != "balance" and "resiliparse" in names:
            raise ValueError("favour is for native and trafilatura; resiliparse has no such choice")
        if self.paragraphs and "native" not in names:
            raise ValueError(f"paragraphs is for native; {self.engine} decides itself where blank lines are")
        if self.structure and self.engine == "resiliparse":
            raise ValueError("structure is for native and trafilatura; resiliparse has no marks")
        if self.links and not (self.structure and "native" in names):
            raise ValueError("links are marks of the native structure; set structure: true")
        if bool(self.command) != ("command" in names):
            raise ValueError("command is the program of {engine: union, second: command}, which needs one")
        return self

    @field_validator("engine")
    @classmethod
    def _at_hand(cls, engine: str) -> str:
        """The engine that will run: it is what an identity and a receipt must name."""
        if engine == "auto":
            return "native" if HAS_EXTRACTOR else "trafilatura"
        if engine in ("native", "union") and not HAS_EXTRACTOR:
            raise ValueError("the native engine is not built: install Rust, then refinery")
        return engine

    def _engines(self) -> tuple[str, ...]:
        return ("native", self.second) if self.engine == "union" else (self.engine,)

    def added(self) -> tuple[pa.Field, ...]:
        """Return the structure only if it is asked for."""
        return self.adds if self.structure else (TEXT, PROTECTED)

    def versions(self) -> dict[str, str]:
        """Distributions that repair and extract, or the native engine's code and weights, which no twin describes."""
        names = self._engines()
        libraries = (encoding.LIBRARY, *(library for name in names for library in engines.LIBRARIES.get(name, ())))
        found = {library: metadata.version(library) for library in libraries}
        return found | (extractor_versions() if "native" in names else {})

    def rules(self) -> tuple[Rule, ...]:
        """Return a rule for each outcome without a text, and one for texts that had to be repaired."""
        outcomes = tuple(Rule(bad, "outcome", because, not_in=(bad,)) for bad, because in _BECAUSE.items())
        damaged = Rule(
            "repaired", "repaired", "Damaged throughout; repair restores not all.", at_most=self.max_repaired
        )
        return (*outcomes, damaged)

    def edit(self, docs: Docs) -> Edited:
        """Extract every page."""
        pages = docs.column(HTML.name)
        sizes = pc.fill_null(pc.binary_length(pages), 0)
        if (pc.max(sizes).as_py() or 0) > self.max_html:
            pages = pc.if_else(pc.less_equal(sizes, int(self.max_html)), pages, None)
        pages, letters = encoding.repaired(pages)
        urls = docs.column(URL.name)
        if self._engines()[0] == "native":
            found, stated = self._natively(pages, urls)
        else:
            found, stated = self._by(self.engine, pages, urls), _NOTHING
        found = [
            page if size <= self.max_html else (Reply("too_large", note=f"{size} bytes of HTML"), [])
            for page, size in zip(found, sizes.to_pylist(), strict=True)
        ]
        second = self._second(found, stated["confidence"], pages, urls) if self.engine == "union" else {}
        better = {row: page for row, page in second.items() if self._is_better(page[0], found[row][0])}
        found = [better.get(row, page) for row, page in enumerate(found)]
        replies = [reply for reply, _ in found]
        columns = {
            TEXT.name: pa.array([reply.text for reply in replies], TEXT.type),
            PROTECTED.name: pa.array([spans for _, spans in found], PROTECTED.type),
        }
        if self.structure:
            columns[STRUCTURE.name] = pa.array([reply.marks for reply in replies], STRUCTURE.type)
        sources = [self.second if row in better else self._engines()[0] for row in range(len(replies))]
        asked = [second[row][0].outcome if row in second else None for row in range(len(replies))]
        metrics = {
            **_outcomes(replies, columns[TEXT.name]),
            **_metrics(stated, len(pages)),
            **_origins(replies, sources),
            "second": pa.array(asked, pa.string()),
            "repaired": _shares(letters, replies),
        }
        return Edited(columns, metrics)

    def _natively(self, pages: pa.ChunkedArray, urls: pa.StringArray) -> tuple[list[Found], pa.Table]:
        find = partial(
            main_texts,
            favour=self.favour,
            paragraphs=self.paragraphs,
            comments=self.comments,
            structure=self.structure,
            links=self.links,
        )
        starts = accumulate(map(len, pages.chunks), initial=0)
        batches = [find(chunk, urls[start:][: len(chunk)]) for chunk, start in zip(pages.chunks, starts, strict=False)]
        found = pa.Table.from_batches(batches, MAIN_TEXT).combine_chunks()
        marks = found["structure"].to_pylist() if self.structure else [None] * len(found)
        marked = zip(found["text"].to_pylist(), marks, found["protected"].to_pylist(), strict=True)
        return [self._formatted(Reply("ok", text, marks=its), spans) for text, its, spans in marked], found

    def _second(
        self, first: list[Found], confidence: pa.ChunkedArray, pages: pa.ChunkedArray, urls: pa.StringArray
    ) -> dict[int, Found]:
        """Return what the second engine finds on the pages where the first found nothing, or expects a bad text."""
        low = pc.fill_null(pc.less(confidence, self.below), fill_value=False).to_pylist()
        outcomes = [reply.outcome for reply, _ in first]
        asked = [row for row, outcome in enumerate(outcomes) if outcome == "empty" or (outcome == "ok" and low[row])]
        if not asked:
            return {}
        return dict(zip(asked, self._by(self.second, pages.take(asked), urls.take(asked)), strict=True))

    def _is_better(self, second: Reply, first: Reply) -> bool:
        return second.outcome == "ok" and (self.second == "command" or len(second.text) > len(first.text))

    def _by(self, engine: str, pages: pa.ChunkedArray, urls: pa.StringArray) -> list[Found]:
        """Return what an engine in another process finds; a page without HTML is not sent."""
        sizes = pc.fill_null(pc.binary_length(pages), 0).to_pylist()
        results: list[Found] = [(Reply("empty"), [])] * len(pages)
        sent = [row for row, size in enumerate(sizes) if size]
        if engine == "command":
            limits = (self.timeout.total_seconds() * WALL_FACTOR, ESCAPED * int(self.max_html))
            program = once_a_process(UserProgram, self.command, *limits)
            replies = program.extract([SentPage(urls[row].as_py() or "", pages[row].as_py()) for row in sent])
        else:
            sandbox = self._sandbox(engine)
            replies = [sandbox.extract(memoryview(pages[row].as_buffer())) for row in sent]
        for row, reply in zip(sent, replies, strict=True):
            results[row] = self._formatted(reply, [])
        return results

    def _sandbox(self, engine: str) -> Sandbox:
        options: dict[str, Any] = {"comments": self.comments}
        if engine == "trafilatura":
            options |= {"favour": self.favour, "structure": self.structure}
        name = f"{engines.__name__}:{engine}"
        return shared(name, options, timeout=self.timeout.total_seconds(), memory=int(self.memory))

    def _formatted(self, reply: Reply, spans: list[MarkedSpan]) -> Found:
        if len(reply.text) > self.max_html:
            return Reply("too_large", note=f"{len(reply.text)} characters of text"), []
        text, spans = format_marked(reply.text, spans)
        if reply.outcome == "ok" and not text.strip():
            return Reply("empty"), []
        marks = None if reply.marks is None else moved_marks(reply.text, reply.marks)
        return reply._replace(text=text, marks=marks), spans


Found = tuple[Reply, list[MarkedSpan]]
"""The outcome of a page, and the spans of its text that are no prose."""

ESCAPED = 6
"""Most bytes of a character in JSON."""

_NOTHING = MAIN_TEXT.empty_table()
_METRICS = ("share", "confidence", "origin", "kind", "title", "lang", "truncated")


def _metrics(stated: pa.Table, rows: int) -> dict[str, Any]:
    """Return the metrics of the native engine; nulls for other engines."""
    columns = stated.columns if stated.num_rows else [pa.nulls(rows, field.type) for field in MAIN_TEXT]
    made = dict(zip(MAIN_TEXT.names, columns, strict=True))
    wide = {name: made[name].cast(pa.float64()) for name in ("share", "confidence")}
    return {name: made[name] for name in _METRICS} | wide


def _shares(letters: list[int], replies: list[Reply]) -> pa.DoubleArray:
    """Return restored letters a character of the text. The page has more letters than its text."""
    pairs = zip(letters, replies, strict=True)
    return pa.array([min(1.0, count / len(reply.text)) if reply.text else 0.0 for count, reply in pairs], pa.float64())


def _outcomes(replies: list[Reply], texts: pa.StringArray) -> dict[str, Any]:
    outcomes, notes = [reply.outcome for reply in replies], [reply.note for reply in replies]
    chars = pc.utf8_length(texts).cast(pa.uint64())
    return {"outcome": pa.array(outcomes, pa.string()), "note": pa.array(notes, pa.string()), "chars": chars}


def _origins(replies: list[Reply], sources: list[str]) -> dict[str, Any]:
    engine = [name if reply.text else None for name, reply in zip(sources, replies, strict=True)]
    marks = [None if reply.marks is None else len(reply.marks) for reply in replies]
    return {"engine": pa.array(engine, pa.string()), "marks": pa.array(marks, pa.uint32())}
