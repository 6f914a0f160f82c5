"""The command line: one file a verb, loaded when it is used, so that ``refinery --help`` stays quick.

A verb is a module with a click command called ``command``, whose callback returns the exit code or None. To add one,
write the module and its line in ``SECTIONS``; options that verbs share are in ``_options``. Verbs only ask and print:
what they do is a function of the library.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import CompletionItem, shell_complete

from refinery.cli._errors import finish
from refinery.cli._options import Session
from refinery.errors import did_you_mean

SECTIONS = {
    "Start": {
        "init": "Write a starter recipe, and with --demo a small crawl to try it on.",
        "check": "Check recipe, assets, inputs, root and columns; no data is read.",
        "stages": "List the stages, or show all about one.",
        "explain": "Tell what the settings of a stage mean, in figures.",
        "assets": "List models and word lists, or get one.",
    },
    "Run": {
        "plan": "Show what would run, why, and how much it is.",
        "run": "Make what is missing.",
        "status": "Show where a run stands, and how far each stage is made.",
        "logs": "Show failures and warnings, newest first.",
    },
    "Look": {
        "stats": "Show the funnel, the reasons of removals, and whether counts reconcile.",
        "sample": "Show documents kept or removed, by stage, rule, metric range, language, domain or URL.",
        "why": "Show what each stage did with one document, and its text with what was cut.",
        "clusters": "Show the largest clusters of duplicates, and what is left of each domain and language.",
        "spans": "Show the spans that were cut out, or only found, most often.",
        "what-if": "Tell what other thresholds would keep, and who would change sides.",
        "report": "Make the dashboard: static pages that open from disk.",
        "diff": "Hold two roots against each other, to the document.",
    },
    "Keep": {
        "verify": "Check that every record has one outcome and files hold what receipts say.",
        "gc": "Delete files that nothing refers to; only shown without --yes.",
    },
}
"""Verb → one line about it, by section of the help. A verb's module is ``refinery.cli.<verb>``, ``-`` as ``_``."""

COMPLETE = "_REFINERY_COMPLETE"
EPILOG = """\b
Exit codes: 0 done; 1 finished, but parts failed, broken inputs or findings; 2
wrong usage or recipe; 3 storage or assets; 4 refused; 70 internal error; 130
interrupted.

\b
Completion: eval "$(_REFINERY_COMPLETE=bash_source refinery)" in ~/.bashrc;
zsh_source and fish_source for those shells.
"""


class Verbs(click.Group):
    """The verbs of ``SECTIONS``, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of the help."""
        del ctx
        return [verb for verbs in SECTIONS.values() for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command, None for an unknown one."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = importlib.import_module(f"refinery.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that ``args`` begin with. Raises click's UsageError with the nearest verb."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            raise click.UsageError(f"no verb {args[0][:80]!r}; {did_you_mean(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table above, so that help imports no verb."""
        del ctx
        for section, verbs in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl(list(verbs.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs that begin with ``incomplete``, without importing them."""
        verbs = [(verb, about) for verbs in SECTIONS.values() for verb, about in verbs.items()]
        found = [CompletionItem(verb, help=about) for verb, about in verbs if verb.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    cls=Verbs, epilog=EPILOG, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="refinery", message="refinery %(version)s")
@click.pass_context
def verbs(context: click.Context) -> None:
    """Turn crawl archives into text fit for pretraining language models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(2)


def execute(args: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are printed, not raised."""
    session = Session()

    def invoke() -> int:
        with verbs.make_context("refinery", list(args), obj=session) as context:
            return verbs.invoke(context) or 0

    return finish(invoke, session)


def main() -> None:
    """What the console script does."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by whoever started this. Its number must not go to a file of the root, where prints would end.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - as long as the process
        # Names in a crawl may hold what the terminal cannot show.
        getattr(sys, name).reconfigure(errors="backslashreplace")
    wish = os.environ.get(COMPLETE)
    if wish:
        sys.exit(finish(lambda: shell_complete(verbs, {}, "refinery", COMPLETE, wish), Session()))
    sys.exit(execute(sys.argv[1:]))
