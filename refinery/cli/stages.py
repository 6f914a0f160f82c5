"""``refinery stages``: the stages that recipes may use, and all about one."""

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
    """List the stages, or show all about one.

    With NAME: what it does, the paper's section, fields with their defaults, columns, metrics and rules. Changing a
    field marked "threshold" re-judges stored metrics; one marked "tuning" changes speed only.
    """
    if name:
        found = describe(registry.stage_class(name))
        print_json(found) if session.json else click.echo(page(found))
        return
    listed = [_listed(known) for known in registry.names()]
    if session.json:
        print_json({"stages": listed})
    else:
        click.echo(columns([(row["name"], row["kind"], row["about"]) for row in listed]))


def _listed(name: str) -> dict[str, str]:
    try:
        found = registry.stage_class(name)
    except UsageError as error:
        return {"name": name, "kind": "broken", "about": error.message}
    return {"name": name, "kind": registry.kind(found), "about": summary(found)}


def page(found: dict[str, Any]) -> str:
    """A stage's description as text for a terminal."""
    head = f"{found['name']}  {found['kind']}, version {found['version']}"
    parts = [head, *([found["source"]] if found["source"] else []), "", found["about"]]
    parts += _section("fields", (_field(row) for row in found["fields"]))
    parts += _section("reads", ([name] for name in found["reads"]))
    parts += _section("uses where it is there", ([name] for name in found["uses"]))
    parts += _section("adds", ([row["name"], row["type"]] for row in found["adds"]))
    parts += _section("drops", ([name] for name in found["drops"]))
    parts += _section("metrics", ([m["name"], m["type"], m["scale"], m["unit"], m["help"]] for m in found["metrics"]))
    parts += _section("evidence", ([row["name"], row["type"]] for row in found["evidence"]))
    parts += _section("rules", (_rule(row) for row in found["rules"]))
    return "\n".join(parts)


def _section(title: str, rows: Iterable[list[str]]) -> list[str]:
    listed = list(rows)
    return ["", title, columns(listed)] if listed else []


def _rule(row: dict[str, Any]) -> list[str]:
    damage = {"record": "Damage in one record.", "end": "Damage to the end of the input."}.get(row["damage"], "")
    return [row["id"], f"{row['metric']} {row['threshold']}", f"{row['because']} {damage}".strip()]


def _field(row: dict[str, Any]) -> list[str]:
    default = "required" if row["required"] else row["written"]
    return [row["name"], ", ".join([row["type"], *row["limits"]]), default, row["role"], row["help"]]
