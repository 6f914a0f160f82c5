"""Write the sources of the documentation site: the pages of docs/, and what a site needs and a code host does not.

usage: python tools/make_site.py [FOLDER]

Pages stay plain Markdown that a code host shows too. For Sphinx this adds tables of contents, which follow from the
lists of docs/index.md, the texts of the recipes, the docstrings behind ``<!-- api: MODULE … -->``, and CONTRIBUTING.md.
Links that leave docs/ lead to these pages, or to copies of the files. `make site` has Sphinx read the folder.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import refinery

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = REPOSITORY / "build" / "site-source"

RECIPES = sorted(path.stem for path in (REPOSITORY / "configs").glob("*.yaml"))
MOVED = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "docs/decisions": "decisions/index.md"}
"""Files and folders of the repository, and the page of the site that has their content."""

ORPHAN = "---\norphan: true\n---\n"
"""Keeps a note out of the sidebar, which each page repeats; decisions/index.md lists the notes."""

DECISIONS = """# Decisions

Each note has the reasons of one choice that a newcomer would question, and what it costs.
"""

_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")
_ITEM = re.compile(r"^- \[([^]]+)\]\(([^)]+)\)", re.MULTILINE)
_API = re.compile(r"<!-- api: (.+) -->")


def read() -> dict[str, str]:
    """Return the texts of docs/ and CONTRIBUTING.md by their paths in the repository."""
    files = [*sorted((REPOSITORY / "docs").glob("**/*.md")), REPOSITORY / "CONTRIBUTING.md"]
    return {str(file.relative_to(REPOSITORY)): file.read_text(encoding="utf-8") for file in files}


def place(file: str) -> str:
    """Return the path in the site of a file of the repository; a recipe is a section of a page."""
    folder, name = posixpath.split(file)
    if folder == "configs" and name.removesuffix(".yaml") in RECIPES:
        return f"recipes.md#{name.removesuffix('.yaml')}"
    return MOVED.get(file) or (file.removeprefix("docs/") if file.startswith("docs/") else f"files/{file}")


def _targets(page: str, text: str) -> Iterator[str]:
    yield from (_target(page, found[1]) for found in _LINK.finditer(text))


def _target(page: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def _linked(page: str, text: str) -> str:
    return _LINK.sub(lambda found: f"/{place(_target(page, found[1]))}{found[2] or ''}", text)


def listed(index: str) -> dict[str, dict[str, str]]:
    """Return the pages of the site that docs/index.md lists below each of its headings, with their titles there."""
    parts = re.split(r"^## (.+)$", index, flags=re.MULTILINE)[1:]
    sections = zip(parts[::2], map(_ITEM.findall, parts[1::2]), strict=True)
    return {
        caption: {place(_target("docs/index.md", link)): title for title, link in items} for caption, items in sections
    }


def _tree(caption: str, titles: dict[str, str]) -> str:
    entries = (f"{title} </{page}>" for page, title in titles.items())
    return "\n".join(["", "```{toctree}", ":hidden:", ":titlesonly:", f":caption: {caption}", "", *entries, "```", ""])


def _recipes() -> str:
    return "".join(f"\n## {name}\n\n```{{literalinclude}} /configs/{name}.yaml\n```\n" for name in RECIPES)


def public_names(modules: Sequence[str]) -> list[str]:
    """Return the public functions and classes that these modules of refinery define, functions first."""
    homes = {name: getattr(getattr(refinery, name), "__module__", "") for name in dir(refinery)}
    below = tuple(f"refinery.{module}." for module in modules)
    found = [name for name, home in homes.items() if f"{home}.".startswith(below)]
    return sorted(found, key=lambda name: (isinstance(getattr(refinery, name), type), name.lower()))


def _docstrings(modules: Sequence[str]) -> str:
    kinds = ((name, isinstance(getattr(refinery, name), type)) for name in public_names(modules))
    shown = (f".. auto{'class' if is_class else 'function'}:: refinery.{name}\n" for name, is_class in kinds)
    return "\n".join(["```{eval-rst}", *shown, "```"])


def pages() -> dict[str, str]:
    """Return the texts of all pages by their path in the site."""
    written = read()
    trees = (_tree(caption, titles) for caption, titles in listed(written["docs/index.md"]).items())
    added = {"docs/index.md": "".join(trees), "docs/recipes.md": _recipes()}
    done = {place(page): _linked(page, text) + added.get(page, "") for page, text in written.items()}
    done["api.md"] = _API.sub(lambda found: _docstrings(found[1].split()), done["api.md"])
    notes = [page for page in done if page.startswith("decisions/")]
    done |= {page: ORPHAN + done[page] for page in notes}
    links = "".join(f"- [](/{page})\n" for page in notes)
    return done | {"decisions/index.md": f"{DECISIONS}\n{links}"}


def copies() -> dict[str, str]:
    """Return the files that pages show or link to, by their path in the site."""
    named = {file for page, text in read().items() for file in _targets(page, text) if not file.endswith(".md")}
    copied = {place(file): file for file in named if file not in MOVED and "#" not in place(file)}
    return copied | {f"configs/{name}.yaml": f"configs/{name}.yaml" for name in RECIPES}


def main(arguments: Sequence[str]) -> int:
    """Write the folder; a page that is as it was keeps its time, so that Sphinx does not read it again."""
    folder = Path(arguments[0]) if arguments else FOLDER
    fresh = {path: text.encode() for path, text in pages().items()}
    fresh |= {path: (REPOSITORY / file).read_bytes() for path, file in copies().items()}
    for path, content in fresh.items():
        file = folder / path
        if not file.is_file() or file.read_bytes() != content:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    for old in folder.glob("**/*"):
        if old.is_file() and str(old.relative_to(folder)) not in fresh:
            old.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
