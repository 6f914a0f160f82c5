"""The pages of a root in a browser: every page is shown, and its controls work."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from refinery.report import Built
from refinery.report.serve import application
from tests.engine.looked import LINES, recipe
from tests.engine.roots import quick, write_inputs
from tests.engine.toy import Length


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
