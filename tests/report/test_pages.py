"""The pages of a root: their numbers are those of everything else, whatever was crawled, and a browser shows them."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import uvicorn
from hypothesis import given, settings, strategies as st
from playwright.sync_api import Browser, Page, sync_playwright

from refinery.cli import execute
from refinery.errors import UsageError
from refinery.inspect.counts import read_counts
from refinery.report import Built, build
from refinery.report.curves import curve
from refinery.report.frame import environment
from refinery.report.serve import application
from refinery.root.statistics import MetricCounts
from refinery.stage.base import Records
from refinery.stage.rules import Rule, Scale
from refinery.stages.minhash import MinHash
from refinery.statistics.measures import bins, edges
from tests.engine import toy
from tests.engine.looked import LINES, make, recipe
from tests.engine.roots import pipeline, quick, steps, write_inputs
from tests.engine.toy import Length, LineSource, records

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:document.title='owned'",
    "\u202egnp.exe\u2066 turned around",
    "nul \x00 and \x1b[31mred and \x7f and \ufeff",
    "{{ 7 * 7 }} {% raw %} </style></script><!-- ]]>",
    "a" * 1_000_000,
    "<svg onload=document.title='owned'> words of a line",
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root whose URLs and texts are of the kind that attacks a page, kept and removed."""

    def dressed(path: str, rows: Any, skipped: int) -> Records:
        made = records(path, rows, skipped)
        urls = [f"https://{HOSTILE[number % len(HOSTILE)]}/{number}" for number, _ in rows]
        texts = [text and f"{text} {HOSTILE[number % len(HOSTILE)]}" for number, text in rows]
        return Records({**made.columns, "url": urls, "text": texts}, made.metrics, made.skipped)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "records", dressed)
        yield make(tmp_path_factory.mktemp("hostile"), keep_removed="text", audit=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of the same lines with another threshold."""
    folder = tmp_path_factory.mktemp("other")
    write_inputs(folder / "in", LINES)
    quick(recipe(folder, min_words=4))
    return folder / "root"


@pytest.fixture(scope="module")
def built(hostile: Path, other: Path) -> Built:
    """Its report, held against itself and another."""
    return build(str(hostile), against=[str(hostile), str(other)])


@pytest.fixture(scope="module")
def pages(built: Built) -> dict[str, str]:
    """Every page's text by its name."""
    return {name: (Path(built.folder) / name).read_text("utf-8") for name in built.files}


# ------------------------------------------------------------------------------------------------------------- numbers


class Counts(HTMLParser):
    """The numbers that cells are marked with."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of a marked cell."""
        if tag == "td" and any(name == "data-count" for name, _ in attrs):
            self.found.append(dict(attrs))


def test_numbers_agree(hostile: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Funnel, stage pages, `stats --json` and a count over the Parquet are the same."""
    assert execute(["stats", "--root", str(hostile), "--json"]) == 0
    reported = json.loads(capsys.readouterr().out)["stages"]
    kept = [stage["documents"]["kept"] for stage in reported]
    sizes = [stage[unit]["kept"] for unit in ("tokens", "bytes") for stage in reported]
    assert [int(one["data-count"] or 0) for one in Counts(pages["index.html"]).found] == [*kept, *sizes]
    for number, stage in enumerate(reported):
        folder = hostile / f"{number:02d}-{stage['name']}"
        (counted,) = duckdb.sql(f"select count(*), sum(tokens) from '{folder}/kept/*.parquet'").fetchall()
        assert counted == (stage["documents"]["kept"], stage["tokens"]["kept"])
        query = f"select why.rule, count(*) from '{folder}/removed/*.parquet' group by 1"
        rules = dict(duckdb.sql(query).fetchall())
        page = pages[f"stage-{number:02d}-{stage['name']}.html"]
        shown = {one["data-rule"]: int(one["data-count"] or 0) for one in Counts(page).found}
        assert {rule: count for rule, count in shown.items() if count and rule != "comment"} == rules
        assert {rule: count for rule, count in shown.items() if count} == stage["reasons"]


def reported(capsys: pytest.CaptureFixture[str], root: Path) -> dict[str, Any]:
    """What `stats --json` says."""
    assert execute(["stats", "--root", str(root), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_roots_stand_side_by_side(
    hostile: Path, other: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Stage by stage and reason by reason what `stats --json` says of each, as many columns as there are roots."""
    roots = [reported(capsys, root)["stages"] for root in (hostile, hostile, other)]
    rows = [
        tuple(int(one["data-count"] or 0) for one in group) for group in by_three(Counts(pages["compare.html"]).found)
    ]
    documents = [tuple(root[n]["documents"]["kept"] for root in roots) for n in range(len(roots[0]))]
    tokens = [tuple(root[n]["tokens"]["kept"] for root in roots) for n in range(len(roots[0]))]
    assert rows[: len(documents) + len(tokens)] == documents + tokens
    names = {(s["name"], rule) for root in roots for s in root[1:] for rule in s["reasons"]}
    reasons = [tuple(s["reasons"].get(rule, 0) for r in roots for s in r if s["name"] == name) for name, rule in names]
    assert sorted(rows[-len(reasons) :]) == sorted(reasons)
    assert documents[-1][0] == documents[-1][1] > documents[-1][2]


def by_three(found: list[dict[str, str | None]]) -> list[list[dict[str, str | None]]]:
    """Cells by the row that they are in."""
    return [found[start : start + 3] for start in range(0, len(found), 3)]


def test_the_audit_is_that_of_the_terminal(
    hostile: Path, pages: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every rule with how many documents it would remove alone."""
    audit = reported(capsys, hostile)["audit"]
    for name, documents, _ in audit["rules"]["any"]:
        row = pages["audit.html"].partition(f">{name}</a></th>")[2].partition("</tr>")[0]
        assert f'<td class="n">{documents}</td>' in row
    assert f"<b>{audit['documents']['in']}</b> documents audited" in pages["audit.html"]


def test_one_of_something_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the pages and the terminal, of a root with a part, a document that is kept, and a cluster."""
    write_inputs(tmp_path / "in", [[" ".join(f"word{n}" for n in range(60))] * 2])
    given_ = pipeline(tmp_path, steps(LineSource(), Length(), MinHash(profile="fineweb")), audit=1)
    quick(given_)
    root = Path(given_.root)
    texts = {name: (root / "report" / name).read_text("utf-8") for name in build(given_.root).files}
    for verb in ("stats -v", "status", "logs", "sample", "clusters", "report", "verify -v", "gc"):
        assert execute([*verb.split(), "--root", given_.root]) == 0
        texts[verb] = capsys.readouterr().out
    assert "1 cluster within one host" in texts["duplicates.html"]
    assert "no stage would remove any" in texts["stats -v"]
    for name, text in texts.items():
        shown = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "", text, flags=re.DOTALL)
        assert not re.findall(r"(?<![\w.,])1 (?!across)[a-z]+s\b.*", shown), name


def test_what_a_stage_is_likely_to_find_is_drawn(tmp_path: Path) -> None:
    """The curves of the stage's own explanation and what it measured, of a stage that has both."""
    write_inputs(tmp_path / "in", [[" ".join(f"word{n}" for n in range(60)) + f" {end}" for end in ("a", "b", "c")]])
    settings_ = pipeline(tmp_path, steps(LineSource(), MinHash(profile="fineweb")))
    quick(settings_)
    text = (Path(build(settings_.root).folder) / "duplicates.html").read_text("utf-8")
    assert "to their survivor: 2; equal to the survivor:" in text
    chart = text.partition("<figure>")[2].partition("</figure>")[0]
    assert "mark-line" in chart
    assert "mark-rect" in chart
    told_ = MinHash(profile="fineweb").explain()
    (at,) = (place for place, value in enumerate(told_.at) if abs(value - 0.75) < 1e-9)
    assert f'<th scope="row" class="n">0.75</th><td class="n">{100 * told_.curves["fineweb"][at]:.1f}%</td>' in text


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["ratio", "count", "log"]),
    st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=25),
    st.integers(0, 60),
    st.booleans(),
)
def test_what_if_curves_are_what_judging_gives(
    scale: Scale, rows: list[tuple[int, bool]], at: int, upward: bool
) -> None:
    """At every point: the documents that pass the other rules and whose value is on the right side of the threshold."""
    lower = edges(scale)
    values = [(float(lower[place]), other) for place, other in rows]
    threshold = float(lower[at])
    rule = Rule("r", "m", at_least=threshold) if upward else Rule("r", "m", at_most=threshold)

    def passes(value: float, limit: float) -> bool:
        return value >= limit if upward else value < limit  # below an edge is what a bin tells

    counts: dict[str, dict[int, list[int]]] = {"kept": {}, "sole": {}}
    here = int(bins(scale, pa.array([threshold]))[0])
    limit = threshold if upward else float(lower[here])
    for value, other in values:
        group = "kept" if passes(value, limit) else "sole"
        if other:
            continue  # another rule removes it, wherever the threshold stands
        one = counts[group].setdefault(int(bins(scale, pa.array([value]))[0]), [0, 0])
        one[0], one[1] = one[0] + 1, one[1] + 7
    tallies = {group: tuple((place, *pair) for place, pair in sorted(found.items())) for group, found in counts.items()}
    for point in curve(MetricCounts(scale=scale, **tallies), scale, rule):
        expected = sum(passes(value, point.threshold) for value, other in values if not other)
        assert (point.documents, point.tokens) == (expected, 7 * expected)


# ------------------------------------------------------------------------------------------------------------ the files


def test_every_link_leads_to_a_page(pages: dict[str, str]) -> None:
    """Pages name each other only; nothing of a crawl is a link."""
    for name, text in pages.items():
        for target in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert target == "data:," or target.startswith("#") or target.partition("#")[0] in pages, (name, target)


def test_pages_are_small_and_have_no_markup_of_the_crawl(built: Built, pages: dict[str, str]) -> None:
    """Below 2 MB each; one script of our own, no control characters, nothing that turns the writing around."""
    assert max(built.files.values()) < 2_000_000
    for name, text in pages.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", text), name
        if name.endswith(".html"):
            assert text.count("<script") == 1
            assert 'onerror="' not in text.replace("onerror=&#34;", "")
            assert "<img" not in text


def test_what_is_put_into_a_page_is_escaped() -> None:
    """In every HTML template; only the style and the script, which are files of the package, are taken as they are."""
    made = environment()
    assert callable(made.autoescape)
    assert made.loader is not None
    names = made.list_templates(extensions=["html"])
    assert len(names) > 8
    for name in names:
        assert made.autoescape(name)
        text = made.loader.get_source(made, name)[0]
        assert set(re.findall(r"\{\{([^}]*)\| *safe *\}\}", text)) <= {" style ", " script "}
        assert "autoescape" not in text


def test_the_same_root_gives_the_same_pages(hostile: Path, other: Path, built: Built, tmp_path: Path) -> None:
    """A report can be made anywhere, and again."""
    again = build(str(hostile), str(tmp_path / "again"), [str(hostile), str(other)])
    assert again.files == built.files
    for name in again.files:
        assert (tmp_path / "again" / name).read_bytes() == (Path(built.folder) / name).read_bytes()


def test_a_root_without_stages_has_no_report(tmp_path: Path) -> None:
    """Nor has a folder that is no root."""
    with pytest.raises(UsageError, match="no root"):
        build(str(tmp_path))


def test_examples_open_with_removed_documents(built: Built, pages: dict[str, str], hostile: Path) -> None:
    """Those of the stage that removes most, kept ones last, each with the command that says why."""
    books = read_counts(str(hostile)).stages[1:]
    most = max(books, key=lambda stage: stage.counts.documents["removed"])
    name = f"samples-{most.position:02d}-{most.name}.html"
    assert f'<a href="{name}">Examples</a>' in pages["index.html"]
    reasons = re.findall(r'data-reason="([^"]*)"', pages[name])
    assert "kept" in reasons[1:]
    assert set(reasons[reasons.index("kept") :]) == {"kept"}
    commands = re.findall(r"<code class=\"crawled\">refinery why ([0-9a-f]{32}) --root ([^<]*)</code>", pages[name])
    assert len(commands) == len(reasons)
    assert {root for _, root in commands} == {str(hostile)}
    assert execute(["why", commands[0][0], "--root", str(hostile)]) == 0
    assert 'href="why?' not in "".join(pages.values())


def test_the_menu_has_its_pages_in_groups(pages: dict[str, str]) -> None:
    """Stages, what to look at, comparisons by the roots' names, and the run; every page once."""
    menu = pages["index.html"].partition("<nav")[2].partition("</nav>")[0]
    assert re.findall(r"<h2[^>]*>([^<]*)</h2>", menu) == ["Stages", "Inspect", "Compare", "Run"]
    targets = re.findall(r'href="([^"]*)"', menu)
    assert len(targets) == len(set(targets))
    assert {name for name in pages if name.endswith(".html") and not name.startswith("samples-")} <= set(targets)
    for name in ("compare.html", "compare-2.html"):
        assert re.search(r"<th[^>]*>[\w/]*other\d*/root<", pages[name]), name


def test_a_figure_names_the_stage_it_is_of(pages: dict[str, str], hostile: Path) -> None:
    """Documents and tokens kept are those after the last stage."""
    books = read_counts(str(hostile)).stages
    counts, page = books[-1].counts, books[-1].name
    for unit, number in (("documents", counts.documents["kept"]), ("tokens", counts.tokens["kept"])):
        assert re.search(rf"<b>{number:,}</b> {unit} kept after <a [^>]*>{page}</a>", pages["index.html"])


def test_the_card_is_plain(pages: dict[str, str], hostile: Path) -> None:
    """Figures of the last stage, and no markup from anywhere."""
    books = read_counts(str(hostile))
    assert f"{books.stages[-1].counts.documents['kept']} documents" in pages["card.md"]
    assert "<" not in pages["card.md"].replace("1K<n<10K", "").replace("n<1K", "")


# ----------------------------------------------------------------------------------------------------------- a browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; where there is none the tests skip, but on CI."""
    found = shutil.which("chromium")
    if found is None:
        assert os.environ.get("REFINERY_BROWSER") != "required", "no chromium on the PATH"
        pytest.skip("needs chromium on the PATH (apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of files."""
    with watched(browser, "file:") as page:
        yield page


@contextmanager
def watched(browser: Browser, place: str) -> Iterator[Page]:
    """A page of which nothing may be wanted: no request beyond ``place``, no word on the console."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(120_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(place) else said.append(request.url))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    yield page
    context.close()
    assert said == []


def opened(page: Page, built: Built, name: str) -> Page:
    page.goto(f"file://{Path(built.folder).resolve()}/{name}")
    return page


def served(root: Path, against: Sequence[Path] = ()) -> tuple[uvicorn.Server, threading.Thread, str]:
    """The dashboard served on a free port, by a thread; its address."""
    app = application(str(root), against=[str(one) for one in against])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    return server, thread, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"


@pytest.mark.slow
def test_a_run_is_followed_live(browser: Browser, other: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its first phase on, by a page that renews itself; every page that is served loads nothing from elsewhere."""
    write_inputs(tmp_path / "in", LINES)
    given_ = recipe(tmp_path, audit=1)
    turns = threading.Semaphore(0)
    measure = Length.measure
    monkeypatch.setattr(Length, "measure", lambda self, docs: turns.acquire() and measure(self, docs))
    monkeypatch.setattr("refinery.runner.progress.WRITE_SECONDS", 0)
    run = threading.Thread(target=quick, args=(given_,), daemon=True)
    run.start()
    while not (tmp_path / "root" / "HEAD.json").exists() or not list((tmp_path / "root" / "runs").glob("*.json")):
        time.sleep(0.01)
    server, thread, address = served(tmp_path / "root", [other])
    try:
        with watched(browser, address) as page:
            page.goto(f"{address}live")
            assert f"0 of {len(LINES)} tasks" in page.locator("main").inner_text()
            assert page.locator("nav a").all_inner_texts() == ["Live"]
            turns.release(3)  # the batches of the first part; two more have no documents
            page.get_by_text("3 of 5 tasks").wait_for()
            bars = page.locator("figure.long svg [aria-roledescription=bar]")
            page.locator('[aria-label^="part 3 "][aria-label$="not finished"]').wait_for(state="attached")
            assert bars.count() == 4
            turns.release(1000)
            page.get_by_text(re.compile("done · started")).wait_for()
            run.join()
            names = [link.get_attribute("href") for link in page.locator("nav a").all()]
            assert {"compare.html", "audit.html", "duplicates.html"} <= set(names)
            for name in names:
                page.goto(f"{address}{name}")
                assert page.locator("h1").count() == 1
    finally:
        server.should_exit = True
        turns.release(1000)
        thread.join()


@pytest.mark.slow
def test_every_page_is_shown(page: Page, built: Built) -> None:
    """Wide and narrow: no error, no request, nothing runs, no page is wider than its window, charts are drawn."""
    for width in (1200, 390):
        page.set_viewport_size({"width": width, "height": 800})
        for name in built.files:
            if not name.endswith(".html"):
                continue
            opened(page, built, name)
            assert "owned" not in page.title()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            if name.startswith("stage-01"):
                charts = page.locator("figure svg[role=img]")
                assert charts.count() >= 4
                assert all(chart.get_attribute("aria-label") for chart in charts.all())
                bars = page.locator("figure svg path[aria-roledescription=bar]")
                assert max(bar.bounding_box()["height"] for bar in bars.all()) > 30  # type: ignore[index]


@pytest.mark.slow
def test_toggles_filters_and_keys(page: Page, built: Built) -> None:
    """The funnel's unit, the outcome of samples, their search, j and k."""
    opened(page, built, "index.html")
    assert page.locator("table.funnel:visible caption").all_inner_texts() == ["Documents kept by each stage"]
    page.get_by_role("button", name="tokens").press("Enter")
    assert page.locator("table.funnel:visible caption").all_inner_texts() == ["Tokens kept by each stage"]
    opened(page, built, "samples-01-words.html")
    every = page.locator(".document:visible").count()
    page.get_by_label("Outcome").select_option("error")
    some = page.locator(".document:visible")
    assert 0 < some.count() < every
    assert {one.get_attribute("data-reason") for one in some.all()} == {"error"}
    page.get_by_label("Outcome").select_option("")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("document 2,")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("document 1,")
    page.keyboard.press("/")
    page.keyboard.type("no such words anywhere")
    assert page.locator(".document:visible").count() == 0
    assert page.locator("#count").inner_text().startswith("0 of ")


@pytest.mark.slow
def test_thresholds_are_moved_and_reset(browser: Browser, hostile: Path) -> None:
    """A slider and its number go together, the list says what is changed, and only that is asked for."""
    server, thread, address = served(hostile)
    try:
        with watched(browser, address) as page:
            page.goto(f"{address}what-if")
            number, slider = (
                page.get_by_label("min_words", exact=False).and_(page.locator("[type=number]")),
                page.locator('input[aria-label="words.min_words, slider"]'),
            )
            assert page.locator("#changes li").count() == 0
            slider.fill("4")
            assert number.input_value() == "4"
            assert page.locator("#changes li").all_inner_texts() == ["words.min_words 2 → 4"]
            number.fill("3")
            assert slider.input_value() == "3"
            page.get_by_role("button", name="Reset words.min_words").click()
            assert (number.input_value(), page.locator("#changes li").count()) == ("2", 0)
            number.fill("4")
            page.get_by_role("button", name="Show the yield").click()
            page.locator("#yield").wait_for()
            assert page.url == f"{address}what-if?words.min_words=4"
            page.get_by_role("link", name="Reset all").click()
            page.wait_for_url(f"{address}what-if")
            for width in (1440, 390):
                page.set_viewport_size({"width": width, "height": 800})
                for name in ("what-if?words.min_words=4", "documents?side=", "search?q=x&text=1", "why?q=x", "live"):
                    page.goto(f"{address}{name}")
                    assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
    finally:
        server.should_exit = True
        thread.join()


def contrast(page: Page, one: str, other: str) -> float:
    """The WCAG contrast of two of the page's colours."""
    script = """([one, other]) => {
      const style = getComputedStyle(document.documentElement);
      const light = (name) => {
        const hex = style.getPropertyValue(name).trim().replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3');
        const part = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
          .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * part[0] + 0.7152 * part[1] + 0.0722 * part[2];
      };
      const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    }"""
    return float(page.evaluate(script, [one, other]))


@pytest.mark.slow
def test_light_and_dark(page: Page, built: Built) -> None:
    """As the system says, or as the button says; every colour of text can be read on both."""
    opened(page, built, "index.html")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        for name in ("--ink", "--soft", "--link", "--kept", "--removed", "--good", "--bad"):
            for ground in ("--page", "--panel"):
                assert contrast(page, name, ground) >= 4.5, (scheme, name, ground)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


@pytest.mark.slow
def test_on_paper(page: Page, built: Built) -> None:
    """Black on white whatever the button said, nothing beyond the edge of the paper, every unit of the funnel."""
    page.set_viewport_size({"width": 720, "height": 1000})
    opened(page, built, "index.html")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print", color_scheme="dark")
    for name in ("--ink", "--soft", "--kept", "--removed", "--good", "--bad"):
        assert contrast(page, name, "--page") >= 4.5, name
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--page')") == "#fff"
    assert page.locator("table.funnel:visible").count() == 3
    for name in (one for one in built.files if one.endswith(".html")):
        opened(page, built, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 720, name
