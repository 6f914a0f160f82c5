"""What is installed besides: it may be used, and it fits together."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from tools.audit import DISTRIBUTION, EXTRAS, permissive, problems, requirements


def test_every_dependency_may_be_used_and_is_what_was_asked_for() -> None:
    """That of the dashboard and what each brings with it included."""
    needed = dict(requirements(DISTRIBUTION, EXTRAS))
    assert {"lxml", "pyarrow", "trafilatura", "starlette"} <= set(needed)
    assert [problem for name, asked in needed.items() for problem in problems(name, asked)] == []


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND CC0-1.0", True),
        ("MPL-1.1 OR GPL-2.0-only OR LGPL-2.1-or-later", True),
        ("GPL-3.0-or-later", False),
        ("MIT AND AGPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("Proprietary", False),
        ("", False),
    ],
)
def test_a_licence_is_open_if_one_may_choose_an_open_one(text: str, *, may: bool) -> None:
    """OR is the user's choice, AND is not."""
    assert permissive(text) == may


def test_what_is_missing_or_too_old_is_named() -> None:
    """With who asks for what."""
    assert list(problems("no-such-thing", [])) == ["no-such-thing is not installed"]
    [problem] = problems("pytest", [Requirement("pytest<2")])
    assert problem.endswith("pytest<2 is asked for")
