"""``refinery stages``: list the stages, or describe one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from refinery.cli._options import Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.errors import UsageError
from refinery.recipe.describe import describe, summary
from refinery.stage import registry


@click.command("stages")
@click.argument("name", required=False)
@output_options
@pass_session
def command(session: Session, name: str | None) -> None:
    """List the stages, or describe one.

    With NAME: purpose, source, fields with defaults, columns, metrics and rules. Changing a field marked "threshold"
    only re-applies rules to stored metrics, and one marked "by language" may have another value for a language; a field
    marked "tuning" changes speed, never results.
    """
    if name:
        description = describe(registry.stage_class(name))
        print_json(description) if session.json else click.echo(page(description))
        return
    listed = [_listed(known) for known in registry.names()]
    if session.json:
        print_json({"stages": listed})
    else:
        click.echo(columns([(row["name"], row["kind"], row["about"]) for row in listed]))


def _listed(name: str) -> dict[str, str]:
    try:
        stage_class = registry.stage_class(name)
    except UsageError as error:
        return {"name": name, "kind": "broken", "about": error.message}
    return {"name": name, "kind": registry.kind(stage_class), "about": summary(stage_class)}


def page(description: dict[str, Any]) -> str:
    """Return a stage's description as text for a terminal."""
    head = f"{description['name']}  {description['kind']}, version {description['version']}"
    parts = [head, *([description["source"]] if description["source"] else []), "", description["about"]]
    parts += _section("fields", (_field(row) for row in description["fields"]))
    parts += _section("reads", ([name] for name in description["reads"]))
    parts += _section("reads if present", ([name] for name in description["uses"]))
    parts += _section("adds", ([row["name"], row["type"]] for row in description["adds"]))
    parts += _section("drops", ([name] for name in description["drops"]))
    parts += _section(
        "metrics", ([m["name"], m["type"], m["scale"], m["unit"], m["help"]] for m in description["metrics"])
    )
    parts += _section("evidence", ([row["name"], row["type"]] for row in description["evidence"]))
    parts += _section("rules", (_rule(row) for row in description["rules"]))
    return "\n".join(parts)


def _section(title: str, rows: Iterable[list[str]]) -> list[str]:
    listed = list(rows)
    return ["", title, columns(listed)] if listed else []


def _rule(row: dict[str, Any]) -> list[str]:
    damage = {"record": "Damage in one record.", "end": "Damage to the end of the input."}.get(row["damage"], "")
    return [row["id"], f"{row['metric']} {row['threshold']}", f"{row['because']} {damage}".strip()]


def _field(row: dict[str, Any]) -> list[str]:
    default = "required" if row["required"] else row["written"]
    role = f"{row['role']}, by language" if row["by_language"] else row["role"]
    return [row["name"], ", ".join([row["type"], *row["limits"]]), default, role, row["help"]]
