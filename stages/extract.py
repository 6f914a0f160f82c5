"""Stage ``extract``: the main text of each page by the native extractor, or a library in a sandbox, and its formatting.

A page that gives no text is removed with what became of it. HTML ends here: it is never written.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from refinery import HTML, TEXT, URL, Docs, Duration, Edit, Edited, Metric, Rule, Size
from refinery.kernels import HAS_EXTRACTOR, MAIN_TEXT, ORIGINS, extractor_versions, main_texts
from stages._extract import engines
from stages._extract.formatting import format_text
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

    ``note`` says more about pages that gave no text. ``title`` and ``lang`` are as the page states them, ``truncated``
    says that it went over the native engine's limits of depth or size; other engines leave them null.
    """

    name: ClassVar = "extract"
    version: ClassVar = 6
    source: ClassVar = "RefinedWeb §3.1; https://arxiv.org/abs/2306.01116"
    reads: ClassVar = (URL.name, HTML.name)
    adds: ClassVar = (TEXT,)
    drops: ClassVar = (HTML.name,)
    metrics: ClassVar = (
        Metric("outcome", pa.string(), "label", help=f"what became of the page: ok, {', '.join(_BECAUSE)}"),
        Metric("chars", pa.uint64(), "log", "characters", "length of the text"),
        Metric("share", help="words that are kept of those that the page shows; null for other engines than native"),
        Metric("confidence", help="the F1 that the native engine expects of its text; null for data and other engines"),
        Metric("origin", pa.string(), "label", help=f"where native found the text: {', '.join(ORIGINS)}"),
        Metric("kind", pa.string(), "label", help="what page the native engine takes it for; null for other engines"),
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
        description="what becomes of readers' comments; auto: native judges, trafilatura drops, resiliparse keeps",
    )
    paragraphs: bool = Field(False, description="whether native parts paragraphs, lists and tables by blank lines")
    timeout: Duration = Field(timedelta(seconds=30), gt=timedelta(0), description="processor time for one page")
    memory: Size = Field(Size(800_000_000), ge=256 << 20, description="resident size of the engine's process")
    max_html: Size = Field(Size(20_000_000), gt=0, description="larger pages, and texts, are not taken")

    @model_validator(mode="after")
    def _has_the_choices(self) -> Self:
        if self.engine == "resiliparse" and self.favour != "balance":
            raise ValueError("favour is for native and trafilatura; resiliparse has no such choice")
        if self.engine != "native" and self.paragraphs:
            raise ValueError(f"paragraphs is for native; {self.engine} decides itself where blank lines are")
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

    def versions(self) -> dict[str, str]:
        """The chosen engine's distributions; the native one's code and weights, for no twin says what it does."""
        if self.engine == "native":
            return extractor_versions()
        return {library: metadata.version(library) for library in engines.LIBRARIES[self.engine]}

    def rules(self) -> tuple[Rule, ...]:
        """One for each outcome that gives no text."""
        return tuple(Rule(bad, "outcome", because, not_in=(bad,)) for bad, because in _BECAUSE.items())

    def edit(self, docs: Docs) -> Edited:
        """Extract every page."""
        pages = docs.column(HTML.name)
        replies, stated = self._natively(docs) if self.engine == "native" else (self._in_sandbox(pages), _NOTHING)
        texts = pa.array([reply.text for reply in replies], TEXT.type)
        return Edited({TEXT.name: texts}, {**_fates(replies, texts), **_facts(stated, len(pages))})

    def _natively(self, docs: Docs) -> tuple[list[Reply], pa.RecordBatch]:
        pages = docs.column(HTML.name)
        sizes = pc.fill_null(pc.binary_length(pages), 0)
        fitting = pc.if_else(pc.less_equal(sizes, int(self.max_html)), pages, None)
        found = main_texts(
            fitting, docs.column(URL.name), self.favour, paragraphs=self.paragraphs, comments=self.comments
        )
        replies = [
            self._formatted(Reply("ok", text)) if size <= self.max_html else _too_large(size)
            for text, size in zip(found["text"].to_pylist(), sizes.to_pylist(), strict=True)
        ]
        return replies, found

    def _in_sandbox(self, pages: pa.StringArray) -> list[Reply]:
        sandbox = self._sandbox()
        return [self._reply(page, sandbox) for page in pages]

    def _sandbox(self) -> Sandbox:
        options: dict[str, str] = {"comments": self.comments}
        if self.engine == "trafilatura":
            options["favour"] = self.favour
        engine = f"{engines.__name__}:{self.engine}"
        return shared(engine, options, timeout=self.timeout.total_seconds(), memory=int(self.memory))

    def _reply(self, page: pa.StringScalar, sandbox: Sandbox) -> Reply:
        html = memoryview(page.as_buffer() or b"")
        if not html:
            return Reply("empty")
        if len(html) > self.max_html:
            return _too_large(len(html))
        return self._formatted(sandbox.extract(html))

    def _formatted(self, reply: Reply) -> Reply:
        if len(reply.text) > self.max_html:
            return Reply("too_large", note=f"{len(reply.text)} characters of text")
        text = format_text(reply.text)
        return reply._replace(text=text) if text.strip() or reply.outcome != "ok" else Reply("empty")


_NOTHING = MAIN_TEXT.empty_table()
_FACTS = ("share", "confidence", "origin", "kind", "title", "lang", "truncated")


def _too_large(size: int) -> Reply:
    return Reply("too_large", note=f"{size} bytes of HTML")


def _facts(stated: pa.RecordBatch | pa.Table, rows: int) -> dict[str, Any]:
    """What the native engine says of pages; nulls for other engines."""
    columns = stated.columns if stated.num_rows else [pa.nulls(rows, field.type) for field in MAIN_TEXT]
    made = dict(zip(MAIN_TEXT.names, columns, strict=True))
    wide = {name: made[name].cast(pa.float64()) for name in ("share", "confidence")}
    return {name: made[name] for name in _FACTS} | wide


def _fates(replies: list[Reply], texts: pa.StringArray) -> dict[str, Any]:
    outcomes, notes = [reply.outcome for reply in replies], [reply.note for reply in replies]
    chars = pc.utf8_length(texts).cast(pa.uint64())
    return {"outcome": pa.array(outcomes, pa.string()), "note": pa.array(notes, pa.string()), "chars": chars}
