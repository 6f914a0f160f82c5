"""Stage ``extract``: the main text of each page, by an engine in a sandbox, and the paper's formatting of it.

A page that gives no text is removed with what became of it. HTML ends here: it is never written.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import metadata
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from refinery import HTML, TEXT, Docs, Duration, Edit, Edited, Metric, Rule, Size
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

    ``note`` says more about pages that gave no text.
    """

    name: ClassVar = "extract"
    version: ClassVar = 1
    source: ClassVar = "RefinedWeb §3.1; https://arxiv.org/abs/2306.01116"
    reads: ClassVar = (HTML.name,)
    adds: ClassVar = (TEXT,)
    drops: ClassVar = (HTML.name,)
    metrics: ClassVar = (
        Metric("outcome", pa.string(), "label", help=f"what became of the page: ok, {', '.join(_BECAUSE)}"),
        Metric("chars", pa.uint64(), "log", "characters", "length of the text"),
        Metric("share", help="characters of text per character of HTML, at most 1; null for a page without HTML"),
    )
    evidence: ClassVar = (pa.field("note", pa.string()),)

    engine: Literal["trafilatura", "resiliparse"] = Field("trafilatura", description="who finds the main text")
    favour: engines.Favour = Field("balance", description="what trafilatura prefers where it is unsure")
    timeout: Duration = Field(timedelta(seconds=30), gt=timedelta(0), description="processor time for one page")
    memory: Size = Field(Size(2 << 30), ge=256 << 20, description="resident size of the engine's process")
    max_html: Size = Field(Size(20_000_000), gt=0, description="larger pages, and texts, are not taken")

    @model_validator(mode="after")
    def _has_a_favour(self) -> Self:
        if self.engine == "resiliparse" and self.favour != "balance":
            raise ValueError("favour is for trafilatura; resiliparse has no such choice")
        return self

    def versions(self) -> dict[str, str]:
        """The chosen engine's distributions."""
        return {library: metadata.version(library) for library in engines.LIBRARIES[self.engine]}

    def rules(self) -> tuple[Rule, ...]:
        """One for each outcome that gives no text."""
        return tuple(Rule(bad, "outcome", because, not_in=(bad,)) for bad, because in _BECAUSE.items())

    def edit(self, docs: Docs) -> Edited:
        """Extract every page."""
        pages = docs.column(HTML.name)
        sandbox = self._sandbox()
        replies = [self._reply(page, sandbox) for page in pages]
        texts = pa.array([reply.text for reply in replies], TEXT.type)
        return Edited({TEXT.name: texts}, {**_sizes(pages, texts), **_fates(replies)})

    def _sandbox(self) -> Sandbox:
        options = {"favour": self.favour} if self.engine == "trafilatura" else {}
        engine = f"{engines.__name__}:{self.engine}"
        return shared(engine, options, timeout=self.timeout.total_seconds(), memory=int(self.memory))

    def _reply(self, page: pa.StringScalar, sandbox: Sandbox) -> Reply:
        html = memoryview(page.as_buffer() or b"")
        if not html:
            return Reply("empty")
        if len(html) > self.max_html:
            return Reply("too_large", note=f"{len(html)} bytes of HTML")
        reply = sandbox.extract(html)
        if len(reply.text) > self.max_html:
            return Reply("too_large", note=f"{len(reply.text)} characters of text")
        text = format_text(reply.text)
        return reply._replace(text=text) if text.strip() or reply.outcome != "ok" else Reply("empty")


def _fates(replies: list[Reply]) -> dict[str, Any]:
    outcomes, notes = [reply.outcome for reply in replies], [reply.note for reply in replies]
    return {"outcome": pa.array(outcomes, pa.string()), "note": pa.array(notes, pa.string())}


def _sizes(pages: pa.StringArray, texts: pa.StringArray) -> dict[str, Any]:
    chars = pc.utf8_length(texts)
    of_html = pc.utf8_length(pages).cast(pa.float64())
    whole = pc.if_else(pc.greater(of_html, 0.0), of_html, None)
    share = pc.divide(chars.cast(pa.float64()), whole)
    return {"chars": chars.cast(pa.uint64()), "share": pc.min_element_wise(share, 1.0, skip_nulls=False)}
