"""``refinery calibrate``: derive the thresholds of a language from documents of a root."""

from __future__ import annotations

import click

from refinery.cli._options import PATH, Session, output_options, pass_session
from refinery.cli._output import columns, print_json
from refinery.cli._reading import root_of, root_options
from refinery.errors import UsageError
from refinery.formatting import plural, safe
from refinery.inspect.calibration import calibrate
from refinery.stage.by_language import CODE
from refinery.stage.language_file import LanguageFile
from refinery.store import store_for

WORDS = 12
"""Common words that are printed."""


@click.command("calibrate")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@root_options
@click.option("--urls", metavar="FILE", help="Use only documents with these URLs, one a line.", type=PATH)
@click.option(
    "--out",
    metavar="DIR",
    required=True,
    help="Folder to write CODE.toml to. A file there keeps its name and common words.",
    type=PATH,
)
@output_options
@pass_session
def command(
    session: Session, codes: tuple[str, ...], config: str | None, root: str | None, urls: str | None, out: str
) -> int:
    """Derive the thresholds of a language from the documents of a root.

    The documents are those that the root identifies as CODE; up to a fifth of them may be junk. Writes CODE.toml with
    the thresholds, the common words and the evidence behind them: quantiles, their bootstrap intervals, and what each
    threshold removes. Review the file, then set `thresholds: DIR` in a recipe. The root must store texts (write: every)
    and is not changed.
    """
    for code in codes:
        _check(code)
    chosen, path = _lines(urls), root_of(config, root)
    files: dict[str, LanguageFile] = {}
    for code in codes:
        target = f"{out}/{code}.toml"
        try:
            files[code] = calibrate(path, code, urls=chosen, given=_existing(target))
        except UsageError as error:
            if len(codes) == 1:
                raise
            click.echo(f"{code}: {safe(error.message)}", err=True)  # the other languages are calibrated all the same
            continue
        store_for(target).put(target, files[code].to_toml().encode())
        if not session.json:
            session.print_text(_text(code, files[code], target))
    if session.json:
        print_json({code: file.model_dump(mode="json") for code, file in files.items()})
    return int(len(files) < len(codes))


def _check(code: str) -> None:
    if not CODE.fullmatch(code) or "-" in code:
        raise UsageError(f"{code[:80]!r} is no language code", hint="expected ISO 639-1 or 639-3, such as de or ceb")


def _lines(path: str | None) -> frozenset[str] | None:
    if path is None:
        return None
    found = store_for(path).find(path)
    if found is None:
        raise UsageError(f"{path}: no such file", hint="name a text file with one URL a line")
    return frozenset(filter(None, map(str.strip, found.decode(errors="replace").splitlines())))


def _existing(path: str) -> LanguageFile | None:
    found = store_for(path).find(path)
    return None if found is None else LanguageFile.from_toml(path, found.decode(errors="replace"))


def _text(code: str, file: LanguageFile, path: str) -> str:
    sample = file.evidence.calibration
    assert sample is not None  # it was calibrated just now
    rows = [("threshold", "", "median", "quantile", "90 % interval", "removes")]
    for stage, fields in file.evidence.thresholds.items():
        for field, row in fields.items():
            low, high = row.interval
            number = f"{file.thresholds[stage][field]:g}"
            interval = f"{low:g} to {high:g}"
            rows.append(
                (f"{stage}.{field}", number, f"{row.median:g}", f"{row.quantile:g}", interval, f"{row.removes:.1%}")
            )
    used = sample.documents - sample.removed - sample.outliers
    words = " ".join(file.common_words[:WORDS])
    left_out = f"other rules remove {sample.removed:,}, {sample.outliers:,} are outliers"
    kept = f"the thresholds keep {sample.keeps:.1%} of {used:,}"
    return "\n".join(
        [
            f"{code}: {plural(sample.documents, 'document')}, {left_out}; {kept}",
            "",
            columns(rows, right=range(1, 6)),
            "",
            f"common words: {safe(words)} … ({len(file.common_words)})",
            f"wrote {safe(path)}: review it, then set thresholds: {safe(path.rpartition('/')[0])} in a recipe\n",
        ]
    )
