"""Train the language model of the package, a fastText model of words and n-grams of letters.

usage: python -m tools.train_language_model SOURCES MODEL [--fasttext COMMAND] [--keep FOLDER]

SOURCES is a folder with the files of the packages that ``tools/langid/languages.toml`` lists: fetch them with
``apt-get download NAME...``, unpack each with ``dpkg-deb -x FILE SOURCES``, and ``pip install --target SOURCES NAME``.
MODEL is written: ``stages/languages.ftz``. It needs the command ``fasttext`` (Debian: fasttext), some 2 GB of memory,
and four minutes of one core.

Each language has as many lines: half from messages, half from word frequencies, all from one where the other is
missing; languages with distinguishing words have twice as many. The same sources give the same model, byte for byte,
because fastText runs with one thread. Needs the dependency group ``training``.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tools.langid.frequencies import Frequencies, of_many_genres, of_wikipedia
from tools.langid.messages import lines

CONFIGURATION = Path(__file__).parent / "langid" / "languages.toml"
LINES = 4000
"""Lines of a language."""
REPEATS = 12
"""How often a message may be repeated in a language that has few."""
CLOSE_LINES = 2
"""How many times as many lines a language with distinguishing words has."""
SPACELESS = ("zh", "ja", "th", "lo", "km", "my", "bo")
"""Languages whose words stand without spaces."""
JOINED = (1, 1, 1, 2, 3)
"""Messages of a line, one drawn at random."""
DISTINGUISHING = 5
"""The most distinguishing words that a line is given."""

TRAINING = "-dim 16 -minn 2 -maxn 4 -minCount 30 -bucket 500000 -loss softmax -lr 0.8 -epoch 4 -thread 1"
QUANTISING = "-cutoff 200000 -retrain -qnorm -epoch 1 -lr 0.1 -thread 1"

SERBIAN = str.maketrans(
    dict(zip("абвгдђежзијклмнопрстћуфхцчш", "abvgdđežzijklmnoprstćufhcčš", strict=True))
    | {"љ": "lj", "њ": "nj", "џ": "dž"}
)
"""From Cyrillic to Latin letters; half of the lines in Serbian are in each."""


@dataclass(frozen=True)
class Sources:
    """Messages, word frequencies and distinguishing words by language."""

    messages: Mapping[str, list[str]]
    frequencies: Mapping[str, list[Frequencies]]
    distinguishing: Mapping[str, list[str]]


def main() -> int:
    """Gather the lines, train, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--fasttext", default="fasttext", help="the command")
    parser.add_argument("--keep", type=Path, help="keep training data and the model before quantising here")
    given = parser.parse_args()
    configuration = tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))
    code_of = codes(configuration)
    sources = Sources(
        lines(given.sources, code_of),
        frequencies(given.sources, code_of, configuration),
        {code: words.split() for code, words in configuration["distinguishing"].items()},
    )
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        labelled = training_lines(configuration["languages"], sources, Random(1))  # noqa: S311
        Path(folder, "lines.txt").write_text("".join(labelled), encoding="utf-8")
        train(given.fasttext, folder)
        given.model.write_bytes(Path(folder, "model.ftz").read_bytes())
    return 0


def codes(configuration: Mapping[str, Any]) -> Callable[[str], str]:
    """Return a function from a locale to its language, or to "" if it is not wanted."""
    languages, aliases = set(configuration["languages"]), configuration["aliases"]
    skipped = {locale.lower() for locale in configuration["skipped_locales"]}

    def code_of(locale: str) -> str:
        base = locale.lower().replace("-", "_").partition("_")[0].partition("@")[0]
        code = aliases.get(base, base)
        return code if code in languages and locale.lower() not in skipped else ""

    return code_of


def frequencies(
    folder: Path, code_of: Callable[[str], str], configuration: Mapping[str, Any]
) -> dict[str, list[Frequencies]]:
    """Return the frequencies of each language, flattened where it has distinguishing words.

    The most frequent words of close languages are the same, so lines of them alone would say little.
    """
    wikipedia = of_wikipedia(folder, code_of, configuration["longer_than"])
    tables = (wikipedia, of_many_genres(configuration["languages"]))
    found = {code: [table[code] for table in tables if code in table] for code in configuration["languages"]}
    return found | {code: [table.flattened() for table in found[code]] for code in configuration["distinguishing"]}


def training_lines(languages: list[str], sources: Sources, random: Random) -> list[str]:
    """Return labelled lines of all languages in a random order. Prints what each language has."""
    labelled = []
    for code in languages:
        count = LINES * (CLOSE_LINES if code in sources.distinguishing else 1)
        own = [*_of_language(code, count, sources, random)]
        print(f"{code}: {len(own)} lines, {len(sources.messages.get(code, ()))} distinct messages", flush=True)
        labelled += [f"__label__{code} {line}\n" for line in own]
    random.shuffle(labelled)
    return labelled


def _of_language(code: str, count: int, sources: Sources, random: Random) -> Iterator[str]:
    tables = sources.frequencies.get(code, [])
    messages = sorted(sources.messages.get(code, ()))
    random.shuffle(messages)
    wanted = min(count // 2 if tables else count, REPEATS * len(messages))
    words = sources.distinguishing.get(code)
    space = "" if code in SPACELESS else " "
    drawn = (table.line(random, space) for table in tables for _ in range((count - wanted) // len(tables)))
    for number, line in enumerate([*_of_messages(messages, wanted, random), *drawn]):
        given = _with_words(line, words, random) if words and number % 2 else line
        yield given.translate(SERBIAN) if code == "sr" and random.random() < 0.5 else given


def _of_messages(messages: list[str], wanted: int, random: Random) -> Iterator[str]:
    """Yield messages one after another, again from the first after the last, some of them joined."""
    place = 0
    for _ in range(wanted):
        joined = random.choice(JOINED)
        yield " ".join(messages[(place + number) % len(messages)] for number in range(joined))
        place += joined


def _with_words(line: str, words: list[str], random: Random) -> str:
    """Return the line with some of the words at random places."""
    given = line.split()
    for _ in range(random.randint(1, DISTINGUISHING)):
        given.insert(random.randint(0, len(given)), random.choice(words))
    return " ".join(given)


def train(command: str, folder: Path) -> None:
    """Train a model from ``lines.txt`` in the folder, and write ``model.ftz``, pruned and quantised."""
    files = ["-input", f"{folder}/lines.txt", "-output", f"{folder}/model"]
    for task, settings in (("supervised", TRAINING), ("quantize", QUANTISING)):
        subprocess.run([command, task, *files, *settings.split()], check=True)


if __name__ == "__main__":
    raise SystemExit(main())
