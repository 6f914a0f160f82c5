"""The quick half of the tests is complete in breadth."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from hypothesis import given, settings, strategies as st

from tests.conftest import LEAST, REPOSITORY, SHARE, shortened

SLOW = {
    "tests/engine/test_ray.py": "each test needs a cluster",
    "tests/report/test_browser.py": "a browser; tests/report/test_pages.py has the text of pages",
    "tests/test_audit.py": "tests/engine/test_audit.py has quick tests of an audit",
}


def quick_tests(module: ast.Module) -> Iterator[str]:
    """The tests of a module that have cases in the quick half."""
    for node in module.body:
        match node:
            case ast.Assign(targets=[ast.Name("pytestmark")], value=value) if "mark.slow" in ast.unparse(value):
                return
            case ast.FunctionDef(name=name, decorator_list=marks) if name.startswith("test_"):
                if "pytest.mark.slow" not in map(ast.unparse, marks):
                    yield name


def test_every_module_has_quick_tests() -> None:
    """Each stage, kernel, command, page and guarantee is tested by `make test`; what is not has a reason here."""
    modules = {str(path.relative_to(REPOSITORY)): path for path in REPOSITORY.glob("tests/**/test_*.py")}
    slow = {
        name for name, path in modules.items() if not list(quick_tests(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert slow == set(SLOW)


@pytest.mark.parametrize(("full", "quick"), [(LEAST, None), (2 * LEAST, LEAST), (100 * SHARE, 100)])
def test_a_property_tries_a_share_of_its_examples(full: int, quick: int | None) -> None:
    """A tenth of them in the quick half, at least five, and all where there are no more; other settings stay."""

    @settings(max_examples=full, deadline=77)
    @given(st.integers())
    def holds(number: int) -> None:
        del number

    fewer = shortened(holds)
    assert (fewer and fewer.max_examples) == quick
    assert fewer is None or fewer.deadline == settings(deadline=77).deadline
    assert shortened(test_every_module_has_quick_tests) is None
