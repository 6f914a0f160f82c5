"""The documentation site has every page of docs/, and needs nothing of other hosts."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

import refinery
from tests.conftest import REPOSITORY
from tools import make_site

LOADED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^>]*>")
"""What a browser fetches from another host when it opens a page; links that a reader follows are none."""


def test_every_page_is_in_one_list_of_the_index() -> None:
    """Decision notes are in that of their own page."""
    listed = [page for pages in make_site.listed(make_site.read()["docs/index.md"]).values() for page in pages]
    notes = {page for page in make_site.pages() if re.match(r"decisions/\d", page)}
    assert sorted(listed) == sorted(set(make_site.pages()) - notes - {"index.md"})


def test_every_link_of_the_site_leads_to_a_page_or_a_file_of_it() -> None:
    """Those that leave docs/ in the repository included."""
    there = make_site.pages().keys() | make_site.copies().keys()
    links = {link for text in make_site.pages().values() for link in re.findall(r"\]\(/([^)#]+)", text)}
    assert links - there == set()


def test_every_public_name_has_a_place_in_the_reference() -> None:
    """Functions and classes by their docstrings, columns and types of fields by hand; each once."""
    page = make_site.read()["docs/api.md"]
    names = [make_site.public_names(found.split()) for found in re.findall(r"<!-- api: (.+) -->", page)]
    rows = [re.findall(r"`([A-Z]\w+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    assert sorted(chain(*names, *rows)) == sorted(refinery.__all__)


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """As `make site` does; a dead link is a warning."""
    pytest.importorskip("furo", reason="needs the group `site`: make install")
    make_site.main([str(tmp_path / "source")])
    strict = ["--quiet", "--fail-on-warning", "--keep-going"]
    command = [sys.executable, "-m", "sphinx", *strict, "-c", "docs", tmp_path / "source", tmp_path / "site"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    built = sorted((tmp_path / "site").glob("**/*.html"))
    assert len(built) > len(make_site.pages())
    assert [(page.name, found) for page in built for found in LOADED.findall(page.read_text("utf-8"))] == []
