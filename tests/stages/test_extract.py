"""The stage ``extract``: outcomes, measures and what the engines' texts become."""

from __future__ import annotations

from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import trafilatura
from pydantic import ValidationError
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from warcio.archiveiterator import ArchiveIterator

from refinery.identity import identity
from refinery.kernels import HAS_EXTRACTOR, extractor_versions
from refinery.stage.base import Edited
from refinery.stage.documents import Docs
from refinery.stages._extract.encoding import repaired
from refinery.stages._extract.formatting import format_text
from refinery.stages.extract import Extract
from refinery.stages.lines import Lines
from refinery.testing import documents
from tests.stages.verdicts import edited

PROSE = "The committee met on Tuesday to discuss the bridge, and it was agreed that work would begin in the spring. "
PAGE = f"<html><body><nav><a href='/'>Home</a></nav><article><p>{PROSE}</p><p>{PROSE * 3}</p></article></body></html>"
TRAFILATURA, RESILIPARSE = Extract(engine="trafilatura"), Extract(engine="resiliparse")
ENGINES = [TRAFILATURA, RESILIPARSE, *([Extract(engine="native")] if HAS_EXTRACTOR else [])]


@pytest.fixture(params=ENGINES, ids=lambda stage: str(stage.engine))
def stage(request: pytest.FixtureRequest) -> Extract:
    """The stage with each engine."""
    assert isinstance(request.param, Extract)
    return request.param


def extract(stage: Extract, *pages: str | None) -> Edited:
    """What the stage makes of some pages."""
    urls = pa.array(["https://example.org/"] * len(pages), pa.string())
    return edited(stage, Docs(pa.RecordBatch.from_arrays([urls, pa.array(pages, pa.string())], names=["url", "html"])))


def rows(result: Edited) -> list[tuple[Any, ...]]:
    """Text, outcome, characters and note of each page."""
    metrics = ("outcome", "chars", "note")
    columns = [result.columns["text"], *(result.metrics[name] for name in metrics)]
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def violated(stage: Extract, outcome: str) -> list[str]:
    """The rules that an outcome violates."""
    value = pa.array([outcome])
    return [rule.id for rule in stage.rules() if rule.metric == "outcome" and pc.any(rule.violated(value)).as_py()]


def test_the_main_text_replaces_the_page(stage: Extract) -> None:
    """The article is text, the navigation is not."""
    ((text, outcome, chars, note),) = rows(extract(stage, PAGE))
    assert text.split() == (PROSE * 4).split()
    assert (outcome, chars, note) == ("ok", len(text), None)
    assert violated(stage, outcome) == []


def test_the_text_is_formatted(stage: Extract) -> None:
    """URLs go and newlines are limited, whatever the engine writes."""
    lines = "<p>http://example.org/page</p><pre>one\n\n\n\n\ntwo www.example.org.</pre>"
    ((text, *_),) = rows(extract(stage, PAGE.replace("</article>", lines + "</article>")))
    assert "example.org" not in text
    assert "\n\n\n" not in text
    assert "two." in text


@pytest.mark.parametrize(
    "page", [None, "", " \n\t", "\0", "<html></html>", "<html><body><script>x()</script></body></html>"]
)
def test_a_page_without_text_is_empty(stage: Extract, page: str | None) -> None:
    """Nothing in, nothing out, and the reason says so."""
    ((text, outcome, chars, note),) = rows(extract(stage, page))
    assert (text, outcome, chars, note) == ("", "empty", 0, None)
    assert violated(stage, "empty") == ["empty"]


def test_a_text_of_urls_is_empty(stage: Extract) -> None:
    """What formatting leaves nothing of is empty."""
    assert (
        rows(extract(stage, f"<html><body><article><p>http://{'x' * 300}.org</p></article></body></html>"))[0][1]
        == "empty"
    )


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>" + "<div>" * 2_000 + "text",
        "<html><body><p " + " ".join(f"a{i}=1" for i in range(3_000)) + ">text",
        "<html><body>" + "<b><i><a>" * 1_000 + "text",
        "<html><body><table><tr><td colspan=9007199254740992>text</td></tr></table>",
        "<html><body><table>" + "<tr><td>1" * 2_000,
        "<p>a&#xD800;b &#0; &#x110000;</p>\ufffe\u200b",
        "<?xml version='1.0' encoding='utf-16'?><html><body><p>text</p></body></html>",
        "<html><body><p>" + "word, " * 50_000,
        "<" * 10_000,
    ],
)
def test_hostile_pages_end(stage: Extract, page: str) -> None:
    """Whatever the page, it has an outcome and does not disturb the next one."""
    first, second = rows(extract(stage, page, PAGE))
    assert first[1] in {"ok", "empty"}
    assert second == rows(extract(stage, PAGE))[0]


@pytest.mark.parametrize(
    ("engine", "page"),
    [
        ("trafilatura", "<html><body>" + "".join(f"<a href=/{i}>link {i}</a> " for i in range(100_000))),
        ("resiliparse", "<html><body>" + "<div>" * 100_000 + "text"),
    ],
)
def test_a_slow_page_is_a_timeout(engine: Any, page: str) -> None:
    """A page that would take many seconds is given up, and the next one is extracted."""
    stage = Extract.model_validate({"engine": engine, "timeout": "500ms"})
    first, second = rows(extract(stage, page, PAGE))
    assert first == ("", "timeout", 0, None)
    assert second[1] == "ok"
    assert violated(stage, "timeout") == ["timeout"]


def test_large_pages_and_texts_are_not_taken(stage: Extract) -> None:
    """The limit is on the bytes of a page and on the characters of its text."""
    small = stage.model_copy(update={"max_html": len(PAGE)})
    assert rows(extract(small, PAGE))[0][1] == "ok"
    assert rows(extract(small, PAGE + " "))[0] == ("", "too_large", 0, f"{len(PAGE) + 1} bytes of HTML")
    assert rows(extract(small, PAGE.replace(" ", "ä", 1)))[0][1] == "too_large"
    table = (
        "<html><body><article><table>" + "<tr><td>a<td colspan=1000>b</tr>" * 20 + "</table></article></body></html>"
    )
    outcomes = rows(extract(TRAFILATURA.model_copy(update={"max_html": len(table)}), table))
    assert outcomes[0][1] == "too_large"
    assert outcomes[0][3].endswith("characters of text")


def test_every_bad_outcome_has_its_rule() -> None:
    """The reason of a removal is what became of the page."""
    bad = ["empty", "too_large", "timeout", "memory", "crash", "exception"]
    assert [rule.id for rule in Extract().rules()] == [*bad, "repaired"]
    assert [violated(Extract(), outcome) for outcome in bad] == [[outcome] for outcome in bad]
    assert violated(Extract(), "ok") == []


def test_no_rows(stage: Extract) -> None:
    """An empty batch gives empty columns."""
    assert rows(extract(stage)) == []


def test_only_the_chosen_engine_is_in_the_identity() -> None:
    """A new version of the other engine makes nothing stale; one of what repairs encodings does."""
    ftfy = {"ftfy": metadata.version("ftfy")}
    assert TRAFILATURA.versions().keys() == {"trafilatura", "lxml", "justext", "ftfy"}
    assert RESILIPARSE.versions() == {"resiliparse": metadata.version("resiliparse")} | ftfy


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_the_native_engine_is_the_default_where_it_is_built() -> None:
    """Its weights are in the identity, and it says what it thinks of its text."""
    assert Extract().engine == "native"
    assert Extract().versions() == extractor_versions() | {"ftfy": metadata.version("ftfy")}
    page = PAGE.replace("<html>", "<html lang=en><title>A &amp; B</title>")
    metrics = extract(Extract(), page, None).metrics
    assert metrics["title"].to_pylist() == ["A & B", None]
    assert metrics["lang"].to_pylist() == ["en", None]
    assert metrics["truncated"].to_pylist() == [False, False]
    assert metrics["kind"].to_pylist() == ["article", None]
    assert metrics["confidence"][0].as_py() > 0.5


def test_the_share_is_of_the_words_that_the_page_shows() -> None:
    """Words in blocks that are not kept count, scripts do not; a page without words and other engines have none."""
    menu = "<nav><a href=/>Home page</a></nav>"
    page = PAGE.replace("<nav><a href='/'>Home</a></nav>", menu + "<script>not shown</script>")
    shares = {stage.engine: extract(stage, page, "<p>—", None).metrics["share"].to_pylist() for stage in ENGINES}
    words = 4 * len(PROSE.split())
    native = [pytest.approx(words / (words + 2)), None, None]
    assert shares == {stage.engine: native if stage.engine == "native" else [None] * 3 for stage in ENGINES}


def test_comments_of_readers_are_kept_or_dropped(stage: Extract) -> None:
    """Whatever the engine would do by itself, keep has them and drop does not; the article stays."""
    comment = (
        "I have lived next to this bridge for thirty years, and nobody asked me about it. It was built by my uncle. "
    )
    items = "".join(f"<li class=comment><div class=comment-body><p>{n}. {comment * 2}</p></div></li>" for n in range(3))
    page = PAGE.replace("</article>", f"</article><div id=comments class=comments><ol>{items}</ol></div>")
    texts = {}
    for asked in ("auto", "keep", "drop"):
        asking = Extract.model_validate({"engine": stage.engine, "comments": asked})
        texts[asked] = rows(extract(asking, page))[0][0]
        assert PROSE.strip() in texts[asked]
    assert texts["keep"].count(comment.strip()[:60]) >= 3
    assert comment[:60] not in texts["drop"]
    assert texts["auto"] == texts["keep"] or texts["auto"] == texts["drop"]


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_paragraphs_are_parted_by_blank_lines() -> None:
    """Where the recipe asks for it: but not the lines of a list."""
    items = "<ul><li>The first item of the agenda is the bridge.<li>The second one is the road to it.</ul>"
    page = PAGE.replace("</p><p>", f"</p>{items}<p>")
    (apart, *_), (line, *_) = (rows(extract(Extract(paragraphs=asked), page))[0] for asked in (True, False))
    paragraphs = apart.split("\n\n")
    assert [len(paragraph.split("\n")) for paragraph in paragraphs] == [1, 2, 1]
    assert line.split("\n") == [line for paragraph in paragraphs for line in paragraph.split("\n")]


def test_auto_becomes_the_engine_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity names it, so that no recipe has the same identity with and without the native build."""
    monkeypatch.setattr("refinery.stages.extract.HAS_EXTRACTOR", False)
    assert Extract().engine == "trafilatura"
    assert identity(Extract()) == identity(TRAFILATURA)
    with pytest.raises(ValidationError, match="not built"):
        Extract.model_validate({"engine": "native"})
    monkeypatch.setattr("refinery.stages.extract.HAS_EXTRACTOR", True)
    assert Extract().engine == "native"


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_code_and_weights_are_in_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native engine has no twin whose syntax could be hashed, so the digest of its sources is there."""
    first = identity(Extract())
    assert first == identity(Extract(engine="native")) != identity(TRAFILATURA)
    assert extractor_versions().keys() == {"weights", "extractor"}
    for name in extractor_versions():
        monkeypatch.setattr(
            "refinery.stages.extract.extractor_versions", lambda name=name: extractor_versions() | {name: "0"}
        )
        assert identity(Extract()) != first


@pytest.mark.parametrize(
    "fields",
    [
        {"engine": "resiliparse", "favour": "precision"},
        {"engine": "resiliparse", "paragraphs": True},
        {"engine": "trafilatura", "paragraphs": True},
        {"engine": "resiliparse", "structure": True},
        {"engine": "union", "second": "command"},
        {"engine": "native", "second": "command", "command": ["model"]},
        {"engine": "union", "command": ["model"]},
        {"engine": "union", "second": "resiliparse", "favour": "recall"},
        {"engine": "union", "below": 0},
        {"engine": "readability"},
        {"timeout": "0s"},
        {"timeout": 30},
        {"memory": "1MB"},
        {"max_html": 0},
    ],
)
def test_bad_settings_are_refused(fields: dict[str, Any]) -> None:
    """Nonsense is an error before anything runs."""
    with pytest.raises(ValidationError):
        Extract.model_validate(fields)


def test_trafilatura_has_marks_and_the_same_text() -> None:
    """Structure changes no text; the number of marks is a metric."""
    page = PAGE.replace("<p>", "<h2>On the bridge</h2><p>http://example.org/page</p><p>", 1)
    marked, plain = (extract(Extract(engine="trafilatura", structure=asked), page, None) for asked in (True, False))
    assert marked.columns["text"] == plain.columns["text"]
    text, marks = marked.columns["text"][0].as_py(), marked.columns["structure"].to_pylist()
    assert [(mark["kind"], text[mark["start"] : mark["end"]]) for mark in marks[0]] == [("heading", "On the bridge")]
    assert marks[1] is None
    assert (marked.metrics["marks"].to_pylist(), plain.metrics["marks"].to_pylist()) == ([1, None], [None, None])


def pages(corpus: Path, count: int) -> list[str]:
    """Some real pages, decoded in a simple way."""
    with open(corpus / "pages" / "dev-00001.warc.gz", "rb") as stream:
        responses = (record for record in ArchiveIterator(stream) if record.rec_type == "response")
        bodies = [record.content_stream().read() for record in islice(responses, count)]
    return [bytes_to_str(body, detect_encoding(body) or "utf-8") for body in bodies]


@pytest.mark.skipif(not HAS_EXTRACTOR, reason="the native kernels are not built")
def test_marks_are_where_the_lines_are_after_formatting() -> None:
    """Code keeps its lines through `lines`, though URLs before it are cut out of the text."""
    code = "def f():\n    pass\n\n\n\n}"
    page = PAGE.replace(
        "</article>", f"<p>é https://example.org/ {PROSE}</p><pre>{code}</pre><p>Over</p><p>{PROSE}</p></article>"
    )
    found = extract(Extract(favour="recall"), page, None, "<p>—")
    text, spans = found.columns["text"][0].as_py(), found.columns["protected"].to_pylist()
    kept = text.encode()[spans[0][0]["start"] : spans[0][0]["end"]].decode()
    assert (kept, spans[1:]) == ("def f():\n    pass\n\n}", [[], []])
    docs = documents([text]).with_columns({"protected": found.columns["protected"][:1]})
    assert Lines().edit(docs).columns["text"][0].as_py() == text.replace("\nOver", "")


@pytest.mark.slow
def test_real_pages_give_what_the_engines_give_alone(corpus: Path) -> None:
    """Nothing is lost in the sandbox: the text is the engine's own, formatted, of pages with their encoding repaired."""
    some = repaired(pa.array(pages(corpus, 40)))[0].to_pylist()
    alone = [trafilatura.extract(page, include_comments=False) or "" for page in some]
    assert extract(TRAFILATURA, *some).columns["text"].to_pylist() == [format_text(text) for text in alone]
    alone = [extract_plain_text(page, main_content=True, alt_texts=False) for page in some]
    assert extract(RESILIPARSE, *some).columns["text"].to_pylist() == [format_text(text) for text in alone]


def test_the_order_of_pages_leaves_no_trace(corpus: Path) -> None:
    """An engine remembers nothing: pages in another order, or twice, give the same texts."""
    some = pages(corpus, 15)
    for stage in ENGINES:
        texts = extract(stage, *some).columns["text"].to_pylist()
        again = extract(stage, *reversed(some), *some).columns["text"].to_pylist()
        assert again == [*reversed(texts), *texts]


@pytest.mark.parametrize("engine", [stage.engine for stage in ENGINES if stage != RESILIPARSE])
def test_favour_moves_between_precision_and_recall(corpus: Path, engine: Any) -> None:
    """Precision gives less text than balance on real pages."""
    some = pages(corpus, 20)
    chars = {
        f: sum(len(t) for t in extract(Extract(engine=engine, favour=f), *some).columns["text"].to_pylist())
        for f in ("balance", "precision")
    }
    assert chars["precision"] < chars["balance"]
