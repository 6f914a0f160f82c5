"""Fixtures of all tests, and the two halves of the suite: ``make test`` runs the quick half, ``make test-all`` both."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

from tests.engine.looked import make

REPOSITORY = Path(__file__).resolve().parent.parent

# How long an example takes depends on what else the machine does. What CI finds, a developer must find again.
settings.register_profile("refinery", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("refinery")

SHARE, LEAST = 10, 5
"""The quick half tries a tenth of a property's examples, but no fewer than this where the property has as many."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--half``; without it every selected test runs, with all examples."""
    meaning = f"quick: no tests marked slow, 1/{SHARE} of Hypothesis's examples; slow: all that quick leaves out"
    parser.addoption("--half", choices=("quick", "slow"), help=meaning)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Number binary values instead of naming tests by them: gzip writes the time, and workers must agree on all names."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Function]) -> None:
    """Skip slow tests in the quick half, so that they are counted; deselect the others in the slow half."""
    half = config.getoption("half")
    slow = {item for item in items if item.get_closest_marker("slow")}
    fewer = {item.obj: shortened(item.obj) for item in items}
    if half == "quick":
        for item in slow:
            item.add_marker(pytest.mark.skip(reason="slow, run by `make test-all`"))
        for test, chosen in fewer.items():
            if chosen:
                test._hypothesis_internal_use_settings = chosen
    elif half == "slow":
        items[:] = [item for item in items if item in slow or fewer[item.obj]]
        # What takes minutes begins first, or one worker is at it alone in the end.
        items.sort(key=lambda item: item.path.name != "test_newcomer.py")


def shortened(test: Callable[..., Any]) -> settings | None:
    """Return the settings of a property with fewer examples; nothing if it has few, or is no property."""
    full = test._hypothesis_internal_use_settings if is_hypothesis_test(test) else None
    if full is None or full.max_examples <= LEAST:
        return None
    return settings(full, max_examples=max(full.max_examples // SHARE, LEAST))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many tests did not run, by reason."""
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"not run: {count} tests: {reason}")
    if config.getoption("half") == "quick":
        terminalreporter.write_line(f"properties ran with 1/{SHARE} of their examples; `make test-all` runs them all")
    elif config.getoption("half") == "slow":
        terminalreporter.write_line("not run: what `make test` runs in full")


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Do not wait for the disk in this process: no test cuts the power, and every file of a root is synced twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real pages and odd archives beside a developer's checkout; tests that need it skip without it."""
    return _shared("corpus")


@pytest.fixture(scope="session")
def structure_corpus() -> Path:
    """The folder of pages whose structure is known, as above."""
    return _shared("structure")


def _shared(name: str) -> Path:
    folder = REPOSITORY.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"needs the corpus of real pages at {folder.parent.name}/{name} beside the checkout")
    return folder


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished root of toy stages, to be left as it is."""
    return make(tmp_path_factory.mktemp("looked"))


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """The same to be changed, damaged or swept."""
    return Path(shutil.copytree(root, tmp_path / "copy"))
