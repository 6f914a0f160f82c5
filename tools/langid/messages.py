"""Lines of a language from the translated messages of programs: gettext catalogues, and JSON files as MediaWiki's.

Messages that equal their original, or that occur in several languages, are left out: nobody translated them.
"""

from __future__ import annotations

import gettext
import json
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from refinery.kernels import main_scripts
from refinery.kernels.reference.langid import plain

SHORTEST = 4
"""Words of a line; shorter messages are joined with the next ones."""
LONGEST = 60
MANY_LETTERS = 30
"""Letters after which a line is complete although it has few words, as without spaces between words."""
MOST_LANGUAGES = 2
"""A line in more languages than this is no translation."""
SECOND_SCRIPT = 0.25
"""Share of a language's lines from which on a script is one of its own."""

_MARKUP = re.compile(
    r"\{\{[^{}]*\}\}|<[^<>]*>|\[\[(?:[^|\[\]]*\|)?([^\[\]]*)\]\]|https?://\S+|\$\w+|%[\d$]*[a-zA-Z]|%\w+%|&\w+;|\{[^{}]*\}"
    r"|\\[ntr]|\S*[@/\\=]\S*"
)
_SHORTCUT = re.compile(r"[_&~](?=\w)")
_PLACE = re.compile(
    r"/i18n/(?:.*/)?([^/]+)\.json$|/(?:locale|resource)/([^/]+)/|/languages/(?:.*-)?([a-z]{2,3}(?:_\w+)?)\.mo$"
)


def lines(folder: Path, code_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Return the distinct lines of each language; ``code_of`` is that of a locale, "" for locales that are left out."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for path in sorted([*folder.rglob("*.mo"), *folder.rglob("*.json")]):
        code = code_of(locale_of(str(path)))
        if code:
            found[code] |= dict.fromkeys(_joined(_messages(path)))
    languages = Counter(line for own in found.values() for line in own)
    kept = {code: [line for line in own if languages[line] <= MOST_LANGUAGES] for code, own in found.items()}
    return {code: _in_its_script(own) for code, own in kept.items()}


def locale_of(path: str) -> str:
    """Return the locale of a catalogue: ``sr@latin``, ``pt_BR``, ``tt-cyrl``."""
    place = _PLACE.search(path)
    return next((name for name in place.groups() if name), "") if place else ""


def _messages(path: Path) -> Iterator[str]:
    try:
        if path.suffix == ".json":
            yield from (text for text in json.loads(path.read_bytes()).values() if isinstance(text, str))
        else:
            yield from _catalogue(path)
    except (ValueError, OSError, AttributeError, LookupError, struct.error):
        return  # JSON of another kind, and catalogues that gettext cannot read


def _catalogue(path: Path) -> Iterator[str]:
    with path.open("rb") as stream:
        catalogue = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]  # noqa: SLF001
    for key, text in catalogue.items():
        original = key if isinstance(key, str) else key[0]
        if original and text != original:
            yield text


def _joined(messages: Iterable[str]) -> Iterator[str]:
    """Yield lines of at least four words and at most sixty, in lower-case letters."""
    line: list[str] = []
    for message in messages:
        text = _MARKUP.sub(lambda found: f" {found.group(1) or ''} ", message)
        line += plain(_SHORTCUT.sub("", text)).split()
        if len(line) >= SHORTEST or sum(map(len, line)) >= MANY_LETTERS:
            yield from (" ".join(line[start : start + LONGEST]) for start in range(0, len(line), LONGEST))
            line = []


def _in_its_script(own: list[str]) -> list[str]:
    """Return the lines in the scripts of the language, without untranslated ones in another."""
    scripts = main_scripts(pa.array(own, pa.string())).to_pylist()
    common = {script for script, count in Counter(scripts).items() if count >= SECOND_SCRIPT * len(own)}
    return [line for line, script in zip(own, scripts, strict=True) if script in common]
