"""Write docs/stages.md from the registered stages and docs/commands.md from the command line.

usage: python tools/make_docs.py [--check]

With --check nothing is written; exit code 1 when a page is not what would be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from refinery import registry
from refinery.cli import SECTIONS, verbs
from refinery.describe import describe

DOCS = Path(__file__).resolve().parent.parent / "docs"
WIDTH = 100

STAGES = """# Stages

Made by `tools/make_docs.py` from the stages themselves; `refinery stages NAME` prints the same. A field marked *bound*
only moves a rule's bound: stored facts are judged again, nothing is measured again. A field marked *tuning* changes
speed or memory, never the result.
"""

COMMANDS = """# Commands

Made by `tools/make_docs.py` from the command line itself.

Paths, those inside a recipe too, are relative to the current folder. Shell completion is click's: put
`eval "$(_REFINERY_COMPLETE=bash_source refinery)"` into `~/.bashrc`, or use `zsh_source` or `fish_source` in those
shells.

| exit code | meaning |
|---|---|
| 0 | done, or nothing to do |
| 1 | finished, but parts failed, or there are findings |
| 2 | wrong usage or recipe |
| 3 | storage or assets |
| 4 | refused: going on would break a promise |
| 70 | internal error; the message names the file with the details |
| 130 | interrupted |
| 141 | whoever read the output went away |
"""


def stages_page() -> str:
    """The reference of all registered stages. Raises UsageError for a broken one."""
    return "\n".join([STAGES, *(_stage(describe(registry.stage_class(name))) for name in registry.names())])


def _stage(stage: dict[str, Any]) -> str:
    facts = [f"*{stage['kind']}, version {stage['version']}*"]
    facts += [f"source: {stage['source']}"] if stage["source"] else []
    columns = [
        f"{word} {', '.join(f'`{name}`' for name in names)}"
        for word, names in (
            ("reads", stage["reads"]),
            ("adds", [column["name"] for column in stage["adds"]]),
            ("drops", stage["drops"]),
        )
        if names
    ]
    parts = [f"## {stage['name']}\n", stage["about"], "", " · ".join([*facts, *columns]), ""]
    parts += _table("field", "type", "default", "", "", rows=[_field(row) for row in stage["fields"]])
    measured = [[f"`{m['name']}`", f"`{m['type']}`", m["scale"], m["unit"], m["help"]] for m in stage["metrics"]]
    measured += [[f"`{e['name']}`", f"`{e['type']}`", "evidence", "", ""] for e in stage["evidence"]]
    parts += _table("fact", "type", "scale", "unit", "", rows=measured)
    rules = [[f"`{r['id']}`", f"`{r['metric']}` {r['bound']}", r["because"]] for r in stage["rules"]]
    parts += _table("rule", "kept if", "", rows=rules)
    return "\n".join(parts)


def _field(row: dict[str, Any]) -> list[str]:
    default = "required" if row["required"] else f"`{row['written']}`"
    return [f"`{row['name']}`", ", ".join([row["type"], *row["limits"]]), default, row["role"], row["help"]]


def _table(*titles: str, rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def commands_page() -> str:
    """The help of every verb and of what is below it."""
    parts = [COMMANDS]
    root = click.Context(verbs, info_name="refinery", **verbs.context_settings)
    for section, names in SECTIONS.items():
        parts.append(f"## {section}\n")
        for name in names:
            command = verbs.get_command(root, name)
            assert command is not None
            parts += [f"### refinery {path}\n\n```text\n{text}\n```\n" for path, text in _helps(command, name, root)]
    return "\n".join(parts)


def _helps(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield context.command_path.removeprefix("refinery "), command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _helps(command.commands[below], below, context)


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check tell which are stale."""
    stale = False
    for name, text in (("stages.md", stages_page()), ("commands.md", commands_page())):
        path = DOCS / name
        fresh = text.rstrip() + "\n"
        if "--check" not in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text(fresh, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != fresh:
            print(f"docs/{name} is stale: python tools/make_docs.py", file=sys.stderr)
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
