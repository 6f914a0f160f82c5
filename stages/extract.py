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
from stages._extract import encoding, engines
from stages._extract.formatting import MarkedSpan, format_marked, moved_marks
from stages._extract.sandbox import Reply, Sandbox, shared

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

    ``note`` is the error of pages without text. ``title`` and ``lang`` are as the page states them. ``truncated`` is
    true where the page exceeds the native engine's limits of depth or size; other engines leave it null.
    """

    name: ClassVar = "extract"
    version: ClassVar = 11
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
        Metric("repaired", help="letters that the repair of mojibake restored, a character of the text; at most 1"),
    )
    quarantines: ClassVar = ("timeout", "memory", "crash")
    evidence: ClassVar = (
        pa.field("note", pa.string()),
        pa.field("title", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("truncated", pa.bool_()),
    )

    engine: Literal["auto", "native", "trafilatura", "resiliparse"] = Field(
        "auto",
        validate_default=True,
        description="who finds the main text; auto is native where it is built, else trafilatura",
    )
    favour: engines.Favour = Field("balance", description="what the engine prefers where it is unsure")
    comments: engines.Comments = Field(
        "auto",
        description="what becomes of readers' comments; auto: native decides, trafilatura drops, resiliparse keeps",
    )
    paragraphs: bool = Field(False, description="whether native parts paragraphs, lists and tables by blank lines")
    structure: bool = Field(False, description="whether native marks headings, lists, tables, code and more")
    links: bool = Field(False, description="whether structure has links with their targets")
    timeout: Duration = Field(timedelta(seconds=30), gt=timedelta(0), description="processor time for one page")
    memory: Size = Field(Size(800_000_000), ge=256 << 20, description="resident size of the engine's process")
    max_repaired: float = threshold(
        1, ge=0, le=1, description="most letters restored from mojibake, a character of the text"
    )
    max_html: Size = Field(Size(20_000_000), gt=0, description="larger pages, and texts, are not taken")

    @model_validator(mode="after")
    def _has_the_choices(self) -> Self:
        if self.engine == "resiliparse" and self.favour != "balance":
            raise ValueError("favour is for native and trafilatura; resiliparse has no such choice")
        if self.engine != "native" and self.paragraphs:
            raise ValueError(f"paragraphs is for native; {self.engine} decides itself where blank lines are")
        if self.engine != "native" and self.structure:
            raise ValueError(f"structure is for native; {self.engine} has no marks")
        if self.links and not self.structure:
            raise ValueError("links are marks of the structure; set structure: true")
        return self

    @field_validator("engine")
    @classmethod
    def _at_hand(cls, engine: str) -> str:
        """The engine that will run: it is what an identity and a receipt must name."""
        if engine == "auto":
            return "native" if HAS_EXTRACTOR else "trafilatura"
        if engine == "native" and not HAS_EXTRACTOR:
            raise ValueError("the native engine is not built: install Rust, then refinery")
        return engine

    def added(self) -> tuple[pa.Field, ...]:
        """Return the structure only if it is asked for."""
        return self.adds if self.structure else (TEXT, PROTECTED)

    def versions(self) -> dict[str, str]:
        """Distributions that repair and extract, or the native engine's code and weights, which no twin describes."""
        libraries = (encoding.LIBRARY, *engines.LIBRARIES.get(self.engine, ()))
        found = {library: metadata.version(library) for library in libraries}
        return found | (extractor_versions() if self.engine == "native" else {})

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
        if self.engine == "native":
            found, stated = self._natively(pages, docs.column(URL.name))
        else:
            sandbox = self._sandbox()
            found, stated = [self._reply(page, sandbox) for page in pages], _NOTHING
        found = [
            page if size <= self.max_html else (Reply("too_large", note=f"{size} bytes of HTML"), [])
            for page, size in zip(found, sizes.to_pylist(), strict=True)
        ]
        columns = {
            TEXT.name: pa.array([reply.text for reply, _ in found], TEXT.type),
            PROTECTED.name: pa.array([spans for _, spans in found], PROTECTED.type),
        }
        columns |= self._structures(stated, columns[TEXT.name])
        replies = [reply for reply, _ in found]
        metrics = {**_outcomes(replies, columns[TEXT.name]), **_metrics(stated, len(pages))}
        return Edited(columns, {**metrics, "repaired": _shares(letters, replies)})

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
        marked = zip(found["text"].to_pylist(), found["protected"].to_pylist(), strict=True)
        return [self._formatted(Reply("ok", text), spans) for text, spans in marked], found

    def _structures(self, stated: pa.Table, texts: pa.StringArray) -> dict[str, pa.Array]:
        """Return the marks of the texts as formatted; null where there is no text."""
        if not self.structure:
            return {}
        given = zip(*(stated[name].to_pylist() for name in ("text", "structure")), texts.to_pylist(), strict=True)
        marks = [moved_marks(before, after, marks) if after else None for before, marks, after in given]
        return {STRUCTURE.name: pa.array(marks, STRUCTURE.type)}

    def _sandbox(self) -> Sandbox:
        options: dict[str, str] = {"comments": self.comments}
        if self.engine == "trafilatura":
            options["favour"] = self.favour
        engine = f"{engines.__name__}:{self.engine}"
        return shared(engine, options, timeout=self.timeout.total_seconds(), memory=int(self.memory))

    def _reply(self, page: pa.StringScalar, sandbox: Sandbox) -> Found:
        html = memoryview(page.as_buffer() or b"")
        return self._formatted(sandbox.extract(html), []) if html else (Reply("empty"), [])

    def _formatted(self, reply: Reply, spans: list[MarkedSpan]) -> Found:
        if len(reply.text) > self.max_html:
            return Reply("too_large", note=f"{len(reply.text)} characters of text"), []
        text, spans = format_marked(reply.text, spans)
        if reply.outcome == "ok" and not text.strip():
            return Reply("empty"), []
        return reply._replace(text=text), spans


Found = tuple[Reply, list[MarkedSpan]]
"""The outcome of a page, and the spans of its text that are no prose."""

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
