"""What pages name exists: recipes are valid, and keys, commands, files and links lead somewhere."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from refinery.cli import SECTIONS, subcommands
from refinery.cli._options import Session
from refinery.recipe import parse
from refinery.stage.registry import STEP_KEYS
from tests.conftest import REPOSITORY
from tests.printed import PAGES, Block, blocks, read
from tools.make_docs import TABLES

RECIPES = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


@pytest.mark.parametrize("block", RECIPES, ids=lambda block: f"{block.page}:{block.line}")
def test_every_recipe_is_valid(block: Block) -> None:
    """A block of YAML is a whole recipe, or keys that are added to a small one."""
    keys = {line.partition(":")[0] for line in block.lines}
    small = {"dataset": "printed", "inputs": "crawl", "root": "root", "pipeline": "[{warc: {}}, {extract: {}}]"}
    missing = "".join(f"{key}: {value}\n" for key, value in small.items() if key not in keys)
    assert parse(block.text + missing, f"{block.page}:{block.line}").steps


def test_the_recipe_page_has_every_key_of_a_step() -> None:
    """Those that belong to the engine are written by hand."""
    page = read("docs/recipe.md")
    for key in STEP_KEYS:
        assert any(line.startswith(f"| `{key}` |") for line in page), key


def commands() -> Iterator[tuple[str, int, str]]:
    """Every command that a page prints, in a block or in code within a sentence: page, line, command."""
    for page in PAGES:
        for number, line in enumerate(read(page), 1):
            yield from ((page, number, code) for code in re.findall(r"`([^`]+)`", line))
        for block in blocks(page):
            typed = enumerate(block.lines, block.line + 1)
            yield from ((page, number, line.partition(" #")[0].rstrip("\\ ")) for number, line in typed)


def wrong(command: str) -> str:
    """What the command line would not understand of a ``refinery`` command, "" if nothing; it is not run."""
    words = shlex.split(re.split(r" && | \| |; ", command)[0])[1:]
    context = click.Context(subcommands, info_name="refinery", obj=Session(), **subcommands.context_settings)
    found: click.Command = subcommands
    try:
        while isinstance(found, click.Group) and words and not words[0].startswith("-"):
            name, below, words = found.resolve_command(context, words)
            assert below is not None
            found, context = below, click.Context(below, info_name=name, parent=context, obj=Session())
        found.parse_args(context, words)
    except click.exceptions.MissingParameter:
        return ""  # a sentence may name a verb alone
    except click.UsageError as error:
        return error.message
    return ""


def test_every_command_that_is_named_exists() -> None:
    """Verbs, their options, targets of make and files of tools/, in sentences and tables as well."""
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    problems = []
    for page, line, command in commands():
        if command.startswith("refinery "):
            problem = wrong(command)
        elif command.startswith("make "):
            problem = "" if command.split()[1] in targets else "no such target"
        elif tool := re.match(r"python (?:-m (tools[\w.]+)|(tools/\S+))", command):
            module = (tool[1] or "").replace(".", "/")
            files = [tool[2]] if tool[2] else [f"{module}.py", f"{module}/__main__.py"]
            problem = "" if any((REPOSITORY / file).is_file() for file in files) else "no such file"
        else:
            continue
        problems += [f"{page}:{line}: {command}: {problem}"] if problem else []
    assert problems == []


def test_every_verb_has_an_example() -> None:
    """Each verb of the command line is typed in some block, so that the newcomer's test runs it."""
    typed = [line for page in PAGES for block in blocks(page) if not block.excuse for line in block.lines]
    verbs_typed = {line.split()[1] for line in typed if line.startswith("refinery ")}
    assert {verb for section in SECTIONS.values() for verb in section} - verbs_typed == set()


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    headings = [line.lstrip("# ").lower() for line in read(page) if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def test_every_link_within_the_repository_leads_somewhere() -> None:
    """To a file that is there, and to a heading of it."""
    broken = []
    for page in PAGES:
        for line in read(page):
            for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", line):
                path, _, anchor = link.partition("#")
                target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
                there = target.exists() and (
                    not anchor or anchor in anchors(str(target.resolve().relative_to(REPOSITORY)))
                )
                broken += [] if there else [f"{page}: {link}"]
    assert broken == []


def test_every_generated_table_stands_on_a_page() -> None:
    """Each once, in the page whose prose is about it; that it is current is what ``make_docs.py --check`` says."""
    places = [name for page in PAGES for line in read(page) for name in re.findall(r"<!-- generated: (\w+) -->", line)]
    assert sorted(places) == sorted(TABLES)
