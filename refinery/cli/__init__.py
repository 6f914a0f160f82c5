"""The command line: one module per subcommand, imported on use, so that ``refinery --help`` stays fast.

A subcommand is a module with a click command named ``command``, whose callback returns the exit code or None. To add
one, write the module and add its line to ``SECTIONS``. ``_options`` has the shared options. Subcommands only parse and
print: the work is a function of the library.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from gc import set_threshold

import click
from click.shell_completion import CompletionItem, shell_complete

from refinery.cli._errors import finish
from refinery.cli._options import Session
from refinery.errors import did_you_mean

SECTIONS = {
    "Start": {
        "init": "Write a starter recipe and, with --demo, a small sample crawl.",
        "check": "Check a recipe, its assets, inputs and root without reading data.",
        "stages": "List the stages, or describe one.",
        "schema": "Print the JSON Schema of recipes, for editors.",
        "explain": "Show what the settings of a stage mean, in numbers.",
        "assets": "List models and word lists, or fetch one.",
    },
    "Run": {
        "plan": "Show what a run would do, why, and its estimated cost.",
        "run": "Run the pipeline: compute only what is missing or out of date.",
        "status": "Show the state of the latest run, and how many parts of each stage are done.",
        "logs": "Show failures and warnings, newest first.",
    },
    "Inspect": {
        "stats": "Show what each stage kept and removed, and check that counts reconcile.",
        "sample": "Show kept or removed documents by stage, rule, metric, language, domain or URL.",
        "why": "Show what each stage did with one document, and what was cut from its text.",
        "find": "Show the files and rows that contain documents, at every stage.",
        "clusters": "Show the largest duplicate clusters, and the share kept by domain and language.",
        "spans": "Show the text spans that repeat most often, cut or only marked.",
        "what-if": "Show what other thresholds would keep, and which documents would flip.",
        "report": "Write an HTML report as static pages, or serve it.",
        "train": "Train a classifier of texts for the stage score.",
        "calibrate": "Derive the thresholds of a language from the documents of a root.",
        "diff": "Compare roots: counts, cost, and the outcome of each document.",
    },
    "Maintain": {
        "verify": "Check that counts reconcile and files match their receipts.",
        "takedown": "Remove documents from all files of a root; no run brings them back.",
        "gc": "Delete files that the current results do not use; list them without --yes.",
    },
}
"""Subcommand → summary, by section of the help. The module is ``refinery.cli.<subcommand>``, with ``_`` for ``-``."""

COMPLETE = "_REFINERY_COMPLETE"
YOUNG = 50_000
"""New objects from which on Python looks for garbage: what is read of many parts is none, and looking took a tenth."""
EPILOG = """\b
Exit codes: 0 success; 1 finished with failed parts, broken inputs or findings;
2 wrong usage or recipe; 3 storage or assets; 4 refused; 70 internal error;
130 interrupted; 143 drained after SIGTERM.

\b
Completion: add eval "$(_REFINERY_COMPLETE=bash_source refinery)" to ~/.bashrc;
zsh and fish use zsh_source and fish_source.
"""


class Subcommands(click.Group):
    """The subcommands of ``SECTIONS``, each imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of the help."""
        del ctx
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the subcommand, or None if there is none of this name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"refinery.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the subcommand that ``args`` start with. Raises click's UsageError with the nearest name."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(f"no command {args[0][:80]!r}; {did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table above, so that help imports no subcommand."""
        del ctx
        for section, summaries in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the subcommands that start with ``incomplete``, without importing them."""
        summaries = {name: about for section in SECTIONS.values() for name, about in section.items()}
        items = [CompletionItem(name, help=about) for name, about in summaries.items() if name.startswith(incomplete)]
        return items + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=Subcommands,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="crawl-refinery", message="refinery %(version)s")
@click.pass_context
def subcommands(context: click.Context) -> None:
    """Turn web crawl archives into pretraining text for language models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


def execute(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are printed, not raised."""
    set_threshold(YOUNG, 20)
    session = Session()

    def invoke() -> int:
        with subcommands.make_context("refinery", list(args), obj=session) as context:
            return subcommands.invoke(context) or 0

    return finish(invoke, session)


def main() -> None:
    """Entry point of the console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # The parent closed it. A file of the root must not get its descriptor: output would be written there.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        # Names in a crawl may contain characters that the terminal cannot print.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    instruction = os.environ.get(COMPLETE)
    if instruction:
        sys.exit(finish(lambda: shell_complete(subcommands, {}, "refinery", COMPLETE, instruction), Session()))
    sys.exit(execute(sys.argv[1:]))
