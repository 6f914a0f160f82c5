"""The dashboard served: answers are those of the library, and what was crawled is text, whoever asks."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import httpx
import pyarrow as pa
import pytest

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.accounts import why
from refinery.inspect.counts import read_counts
from refinery.inspect.reader import open_root
from refinery.inspect.sample_query import SampleQuery
from refinery.inspect.samples import sample
from refinery.inspect.whatif import what_if
from refinery.planner.selection import Selection
from refinery.report.search import search
from refinery.report.serve import application, serve
from refinery.stage.base import Filter, Values
from refinery.stage.documents import Docs
from refinery.stage.fields import threshold
from refinery.stage.rules import Metric, Rule
from tests.engine.looked import LINES, recipe
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, Same


class Client:
    """Asks the application as a browser on this machine would."""

    def __init__(self, root: Path, against: Sequence[Path] = ()) -> None:
        self._transport = httpx.ASGITransport(
            application(str(root), against=[str(one) for one in against]), raise_app_exceptions=False
        )

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> httpx.Response:
        """The answer to a request."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client(hostile: Path) -> Client:
    """One for all questions."""
    return Client(hostile)


def test_every_page_is_answered_under_a_strict_policy(client: Client) -> None:
    """Static pages and questions; one script each, and nothing that turns the writing around."""
    asked = ["index.html", "samples-01-words.html", "live", "search", "documents", "what-if", "why"]
    asked += [
        "search?q=script",
        "search?q=script&text=1",
        "documents?stage=words&side=removed",
        "why?q=file",
        "what-if?words.min_words=3",
    ]
    for name in asked:
        found = client.get(f"/{name}")
        assert found.status_code == 200, (name, found.text[:300])
        allowed = found.headers["content-security-policy"]
        assert "default-src 'none'" in allowed
        assert "unsafe" not in allowed
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.text.count("<script") == 1
        assert "<img" not in found.text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", found.text)


def test_questions_are_escaped_where_they_are_shown_again(client: Client) -> None:
    """What is asked comes back in the page, as text."""
    for name in (
        "search?q",
        "documents?stage=words&rule",
        "documents?stage=words&min",
        "why?q",
        "what-if?words.min_words",
        "search?text=1&q",
        "texts?with",
        "no/such/page",
    ):
        found = client.get(f"/{name}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
        assert "<script>alert" not in found.text
        assert "\u202e" not in found.text


def test_only_this_machine_and_only_reading(client: Client) -> None:
    """A name that is pointed here from elsewhere is refused, and so is every method that is not for reading."""
    assert client.get("/index.html", headers={"host": "elsewhere.example"}).status_code == 400
    assert client.get("/what-if", method="POST").status_code == 405
    for name in ("nothing.html", "card.md", "..%2fHEAD.json", "HEAD.json"):
        assert client.get(f"/{name}").status_code == 404


def test_an_address_at_which_nothing_can_listen_is_named(hostile: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One that is taken, or that is no address of this machine; it is not printed as if it could be opened."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            serve(str(hostile), port=port)
        assert execute(["report", "--root", str(hostile), "--serve", "--port", str(port)]) == 2
        assert "http://" not in "".join(capfd.readouterr())
    with pytest.raises(UsageError, match=r"192\.0\.2\.1:0: Cannot assign") as caught:
        serve(str(hostile), "192.0.2.1", 0)
    assert "--port" in caught.value.hint


def test_bounds_are_answered_as_the_library_does(client: Client, hostile: Path) -> None:
    """The yield of each stage is in the page."""
    expected = what_if(str(hostile), ["words.min_words=4"])
    text = client.get("/what-if?words.min_words=4&snip.least=8.0").text
    for stage in expected.stages:
        cells = [stage.before.kept, stage.after.kept, stage.before.tokens, stage.after.tokens]
        row = "".join(f'<td class="n">{count:,}</td>' for count in cells)
        assert f'<th scope="row">{stage.stage}</th>{row}' in text
    assert re.search(rf"<h3>{expected.lost.documents:,} documents? would no longer be kept", text)
    assert "<li><code>words.min_words</code> 2 → 4</li>" in text
    for one in expected.by["domain"]:
        assert f'<th scope="row" class="crawled">{one.name}</th><td class="n">{one.before.documents:,}</td>' in text
    assert "Next to words.short: words ≥ 4" in text
    assert "snip.least</code>" not in text
    assert f"refinery what-if --root {hostile} --set words.min_words=4</code>" in text


class Controls(HTMLParser):
    """The number fields and sliders of a form, by the stage that they are grouped under."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.stages: list[str] = []
        self.inputs: dict[str, dict[str, dict[str, str | None]]] = {}
        self._in_legend = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of inputs."""
        found = dict(attrs)
        self._in_legend = tag == "legend" or (self._in_legend and tag == "a")
        if tag == "input" and found["type"] in ("number", "range"):
            name = found.get("name") or str(found["aria-label"]).removesuffix(", slider")
            self.inputs.setdefault(name, {})[str(found["type"])] = found

    def handle_data(self, data: str) -> None:
        """Keep the names of groups."""
        if self._in_legend and data.strip():
            self.stages.append(data)


class Certain(Filter):
    """A threshold with limits on either side."""

    name: ClassVar = "certain"
    version: ClassVar = 1
    metrics: ClassVar = (Metric("score"), Metric("words", pa.uint64(), "count"))

    least: float = threshold(0.65, ge=0, le=1, description="how sure")
    fewest: int = threshold(2, ge=1)

    def rules(self) -> tuple[Rule, ...]:
        """Sure, and long enough."""
        return Rule("unsure", "score", at_least=self.least), Rule("few", "words", at_least=self.fewest)

    def measure(self, docs: Docs) -> Values:
        """The same for all."""
        return {"score": [0.7] * len(docs), "words": [len(text.split()) for text in docs.texts()]}


def test_controls_keep_to_the_limits_of_their_fields(tmp_path: Path) -> None:
    """A slider ends where its field does, beside a number field with its limits; stages that need all have none."""
    write_inputs(tmp_path / "in", [["one two three", "four five"]])
    given_ = pipeline(tmp_path, steps(LineSource(), Certain(), Same(), Length()))
    quick(given_)
    client = Client(Path(given_.root))
    found = Controls(client.get("/what-if").text)
    assert found.stages == ["certain", "words"]
    score, fewest = found.inputs["certain.least"], found.inputs["certain.fewest"]
    for one in (score["number"], score["range"]):
        assert (one["min"], one["max"], one["value"]) == ("0", "1", "0.65")
    assert (fewest["number"]["min"], fewest["number"].get("max"), fewest["range"]["min"]) == ("1", None, "1")
    answer = client.get("/what-if?certain.least=1.3&certain.fewest=3")
    assert answer.status_code == 400
    assert "expected at most 1" in answer.text
    assert Controls(answer.text).inputs["certain.least"]["number"]["value"] == "1.3"
    assert Controls(answer.text).inputs["certain.fewest"]["number"]["value"] == "3"
    assert '<nav aria-label="Pages">' in answer.text


def test_an_error_keeps_the_frame_and_its_lines(client: Client, tmp_path: Path) -> None:
    """The menu is there whatever is asked, a message of several lines has them, and no escape stands for a line's end."""
    for asked, status in (
        ("nothing.html", 404),
        ("deeper/than/that", 404),
        ("documents?rule=nope", 400),
        ("documents?metric=words&min=x", 400),
        ("what-if?words.min_words=many", 400),
        ("why?q=%20%20x%00", 200),
    ):
        answer = client.get(f"/{asked}")
        assert answer.status_code == status, asked
        assert '<a href="stage-01-words.html">words</a>' in answer.text, asked
        assert "\\n" not in answer.text.partition("<script>")[0], asked
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    post = client.get("/index.html", method="POST")
    assert (post.status_code, set(post.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert '<nav aria-label="Pages">' in post.text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refinery.report.serve.status", lambda path: 1 // 0)
        broken = client.get("/live")
    assert broken.status_code == 500
    assert "internal error: ZeroDivisionError" in broken.text
    assert '<a href="live"' in broken.text
    damaged = tmp_path / "root"
    damaged.mkdir()
    (damaged / "HEAD.json").write_text("{")
    gone = Client(damaged).get("/index.html")
    assert gone.status_code == 400
    assert '<a href="live"' in gone.text


def test_either_side_is_what_an_empty_choice_means(client: Client, hostile: Path) -> None:
    """The form's "either" is kept and removed documents, of a stage and of the root."""
    stages = {stage.name: stage.counts.documents for stage in read_counts(str(hostile)).stages}
    text = client.get("/documents?stage=words&side=&rule=&metric=&min=&max=").text
    assert f"of {stages['words']['in']} matching documents" in text
    for side in ("kept", "removed"):
        text = client.get(f"/documents?stage=words&side={side}").text
        assert f"of {stages['words'][side]} matching documents" in text
    outcomes = client.get("/documents?side=&stage=").text
    assert {"short", "snipped"} <= set(re.findall(r'<option value="(\w+)">', outcomes))
    assert '<option value="words.words">' in outcomes
    assert set(re.findall(r'<span class="tag (\w+)">', outcomes)) == {"kept", "removed"}


def test_a_search_returns_the_outcome_of_each_document(hostile: Path) -> None:
    """Where it was removed and why, or that it was kept to the end: what `why` says of it."""
    hits = search(open_root(str(hostile)), "https", text=False)
    assert {hit.side for hit in hits} == {"kept", "removed"}
    assert len({hit.stage for hit in hits}) > 2
    for hit in hits:
        (account,) = why(str(hostile), hit.id).documents
        last = [station for station in account.stations if station.stored][-1]
        assert last.stored is not None
        assert (hit.stage, hit.side, hit.rule) == (last.stage, last.stored.verdict, last.stored.rule or "")
        assert hit.final


def test_an_outcome_that_is_not_stored_is_not_known(tmp_path: Path) -> None:
    """Of a run that has not come to the end, a document is kept so far."""
    given_ = recipe(tmp_path)
    write_inputs(tmp_path / "in", LINES)
    quick(given_, Selection(until="words"))
    hits = search(open_root(given_.root), "e", text=True)
    assert {(hit.side, hit.final) for hit in hits} == {("kept", False), ("removed", True)}
    assert "kept by words; later rows are not stored" in Client(Path(given_.root)).get("search?q=e&text=1").text


def test_a_search_finds_urls_and_texts(client: Client) -> None:
    """Every document that holds the words, in whatever stage it ended; quotes and patterns mean themselves."""
    assert ">1 document<" in client.get("/search?q=poison&text=1").text
    for words in ("'", "%25", "_x_", "; drop table"):
        assert client.get(f"/search?q={words}&text=1").status_code == 200


def test_a_document_is_shown_with_its_text_and_without_contradiction(client: Client, hostile: Path) -> None:
    """What `why` finds: stages behind a removal are not reached; a few digits of an id are enough."""
    [sampled] = sample(str(hostile), SampleQuery(stage="words", side="removed", count=1)).documents
    found = client.get(f"/why?q={sampled.document.id[:20]}").text
    assert "not reached; had words kept it:" in found
    assert "would be" not in found
    assert "Text after lines-of-text" in found
