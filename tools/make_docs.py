"""Write the generated pages of docs/, and the generated tables in the pages that people write.

usage: python tools/make_docs.py [--check]

Whole pages are stages.md, from the registered stages, and commands.md, from the command line. In other pages the lines
between ``<!-- generated: NAME -->`` and ``<!-- end -->`` are replaced. With --check nothing is written; exit code 1
when a page is not what would be written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from refinery import Pipeline
from refinery.cli import SECTIONS, subcommands
from refinery.recipe import load
from refinery.recipe.columns import Flow, flows
from refinery.recipe.describe import describe, fields
from refinery.recipe.pipeline import Settings
from refinery.stage import registry

REPOSITORY = Path(__file__).resolve().parent.parent
DOCS = REPOSITORY / "docs"
RECIPE = REPOSITORY / "configs" / "refinedweb.yaml"
"""The recipe with all stages that follow each other: their order in tables, and the columns that each passes on."""

WIDTH = 100
EMPTY = '""'
DEFAULTS = {"dataset": "the name of the recipe's file"}
"""Of keys that a recipe may leave out although its model does not."""

STAGES = """# Stages

Made by `tools/make_docs.py` from the stages themselves; `refinery stages NAME` prints the same. A field marked
*threshold* only moves a rule's threshold: rules are applied again to stored metrics. A field marked *tuning* changes
speed or memory, never the result.
"""

COMMANDS = """# Commands

Made by `tools/make_docs.py` from the command line itself.

Paths, those inside a recipe too, are relative to the current folder. A tour, which README.md continues:

```sh
refinery init first.yaml --demo first                      # a recipe, and a small crawl to try it on
refinery check -c first.yaml                               # what is wrong or missing
refinery stages quality                                    # fields, metrics and rules of a stage
refinery explain minhash profile=fineweb                   # what the settings of a stage mean
refinery assets list                                       # models and word lists, and where they are
refinery plan -c first.yaml                                # what would run
refinery run -c first.yaml --parts 0 --until quality       # one of four parts, up to a stage
refinery status -c first.yaml                              # where the run stands
refinery logs -c first.yaml                                # failures and warnings
refinery sample -c first.yaml --stage quality --kept -n 1
refinery gc -c first.yaml                                  # files that nothing refers to
```

Shell completion is click's. Put this line into `~/.bashrc`, or the same with `zsh_source` or `fish_source` where those
shells read it:

```sh
eval "$(_REFINERY_COMPLETE=bash_source refinery)"
```

| exit code | meaning |
|---|---|
| 0 | done, or nothing to do |
| 1 | finished, but parts failed, too many inputs are broken, or there are findings |
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
    metrics = [f"*{stage['kind']}, version {stage['version']}*"]
    metrics += [f"source: {stage['source']}"] if stage["source"] else []
    columns = [
        f"{word} {', '.join(f'`{name}`' for name in names)}"
        for word, names in (
            ("reads", stage["reads"]),
            ("uses where it is there", stage["uses"]),
            ("adds", [column["name"] for column in stage["adds"]]),
            ("drops", stage["drops"]),
        )
        if names
    ]
    parts = [f"## {stage['name']}\n", stage["about"], "", " · ".join([*metrics, *columns]), ""]
    parts += _table("field", "type", "default", "", "", rows=[_field(row) for row in stage["fields"]])
    measured = [[f"`{m['name']}`", f"`{m['type']}`", m["scale"], m["unit"], m["help"]] for m in stage["metrics"]]
    measured += [[f"`{e['name']}`", f"`{e['type']}`", "evidence", "", ""] for e in stage["evidence"]]
    parts += _table("metric", "type", "scale", "unit", "", rows=measured)
    rules = [[f"`{r['id']}`", f"`{r['metric']}` {r['threshold']}", r["because"]] for r in stage["rules"]]
    parts += _table("rule", "kept if", "", rows=rules)
    return "\n".join(parts)


def _field(row: dict[str, Any]) -> list[str]:
    default = "required" if row["required"] else f"`{row['written'] or EMPTY}`"
    return [f"`{row['name']}`", ", ".join([row["type"], *row["limits"]]), default, row["role"], row["help"]]


def _table(*titles: str, rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    lines = [titles, ["---"] * len(titles), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]


def commands_page() -> str:
    """The help of every verb and of what is below it."""
    parts = [COMMANDS]
    root = click.Context(subcommands, info_name="refinery", **subcommands.context_settings)
    for section, names in SECTIONS.items():
        parts.append(f"## {section}\n")
        for name in names:
            command = subcommands.get_command(root, name)
            assert command is not None
            parts += [f"### refinery {path}\n\n```text\n{text}\n```\n" for path, text in _helps(command, name, root)]
    return "\n".join(parts)


def _helps(command: click.Command, name: str, parent: click.Context) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH)
    yield context.command_path.removeprefix("refinery "), command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _helps(command.commands[below], below, context)


# --------------------------------------------------------------------------------- tables in pages that people write

COLUMNS = {
    "id": "identifies the document in the root; 16 bytes",
    "url": "address of the page as the archive has it; null if it has none",
    "date": "time of the capture, UTC, in whole seconds",
    "warc": "path of the archive, as the recipe's `inputs` leads to it",
    "offset": "byte of the archive at which the record begins",
    "length": "bytes of the record in the archive, as stored",
    "text": "the text, from the stage on that makes it",
    "protected": "spans of the text, in bytes, that `lines` leaves alone; ends where a stage changes the text",
    "tokens": "GPT-2 tokens of the text",
    "why": "removed rows only: the first rule that the document violates, with the metric, its value and the threshold",
    "failed": "removed rows only: ids of all rules of the stage that the document violates, in the stage's order",
}
"""Meaning of the columns that belong to no stage."""


@cache
def example() -> Pipeline:
    """The recipe from which tables take the order of stages and their columns."""
    return load(str(RECIPE))


def settings_tables() -> str:
    """The keys of a recipe, and those of each mapping below it."""
    parts = _settings(Settings)
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            parts += [f"### {name}", "", *_settings(info.annotation)]
    return "\n".join(parts)


def _settings(model: type[BaseModel]) -> list[str]:
    # A mapping's default is that of its fields, which have a table of their own.
    rows = [row | ({"written": "{}"} if row["type"] == "mapping" else {}) for row in fields(model)]
    for row in rows:
        assert row["help"], f"{model.__name__}.{row['name']} has no description"
    cells = [[*_field(row)[:2], DEFAULTS.get(row["name"], _field(row)[2]), row["help"]] for row in rows]
    return _table("key", "type", "default", "meaning", rows=cells)


def field_tables() -> str:
    """The fields of all stages, those of the example recipe in its order first."""
    parts: list[str] = []
    for name in _ordered():
        stage = describe(registry.stage_class(name))
        parts += [f"### {name}", "", f"{stage['about'].partition(chr(10))[0]} ([more](stages.md#{name}))", ""]
        parts += _table("field", "type", "default", "", "meaning", rows=[_field(row) for row in stage["fields"]])
    return "\n".join(parts)


def _ordered() -> list[str]:
    used = [step.stage.name for step in example().steps]
    return [*used, *(name for name in registry.names() if name not in used)]


def column_table() -> str:
    """The columns that belong to no stage, with their types."""
    found = {field.name: field for flow in flows(example().steps) for field in (*flow.kept, *flow.removed)}
    stages = {step.column for step in example().steps}
    rows = [[f"`{name}`", f"`{found[name].type}`", COLUMNS[name]] for name in found if name not in stages]
    return "\n".join(_table("column", "type", "meaning", rows=rows))


def stage_columns() -> str:
    """The columns of each stage's files, and the fields of the struct column that it adds."""
    parts: list[str] = []
    for number, (step, flow) in enumerate(zip(example().steps, flows(example().steps), strict=True)):
        parts += [f"### {number:02d}-{step.name}", "", *_sides(flow)]
        described = describe(type(step.stage))
        more = f"see [{step.stage.name}](stages.md#{step.stage.name})"
        rows = [
            [f"`{step.column}.{one['name']}`", f"`{one['type']}`", one.get("unit", ""), one.get("help") or more]
            for one in (*described["metrics"], *described["evidence"])
        ]
        parts += _table("field", "type", "unit", "meaning", rows=rows)
    return "\n".join(parts)


def _sides(flow: Flow) -> list[str]:
    removed = [name for name in flow.removed.names if name not in ("why", "failed")]
    both = ["why", "failed"] if removed == flow.kept.names else flow.removed.names
    same = "the same and " if removed == flow.kept.names else ""
    return [f"- kept: {_names(flow.kept.names)}", f"- removed: {same}{_names(both)}", ""]


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


TABLES: dict[str, Callable[[], str]] = {
    "settings": settings_tables,
    "fields": field_tables,
    "columns": column_table,
    "stages": stage_columns,
}
_REGION = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text of a page with its generated tables as they are now."""
    return _REGION.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """Every page that is generated, wholly or in part, as it should be."""
    found = {DOCS / "stages.md": stages_page().rstrip() + "\n", DOCS / "commands.md": commands_page().rstrip() + "\n"}
    written = [path for path in sorted(DOCS.glob("*.md")) if path not in found]
    texts = {path: path.read_text(encoding="utf-8") for path in written}
    return found | {path: filled(text) for path, text in texts.items() if _REGION.search(text)}


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or with --check report which are stale."""
    stale = False
    for path, fresh in pages().items():
        if "--check" not in arguments:
            path.write_text(fresh, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != fresh:
            print(f"docs/{path.name} is stale: python tools/make_docs.py", file=sys.stderr)
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
