"""The input files of a pipeline: which there are, what they are, and the parts that they begin."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from refinery.errors import RefineryError, StorageError, UsageError
from refinery.formatting import plural
from refinery.identity import digest
from refinery.planner.state import Every, Part, Selection
from refinery.recipe import Pipeline
from refinery.stage.documents import FILE_HEAD, file_identity
from refinery.store import Stat, is_remote, store_for
from refinery.store.remote import threads


class Inputs:
    """Looks for remote files and at them once, for each look may be a request; at local ones whenever it is asked."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._listed: list[str] = []
        self._paths: list[str] = []
        self._stats: dict[str, Stat] = {}

    def paths(self) -> Sequence[str]:
        """All input files. Raises StorageError where a pattern of the recipe names none, UsageError for a copy."""
        if not self._paths or not self._remote:
            listed = list(dict.fromkeys(_listed(self._pipeline)))
            if listed != self._listed:  # else files of one name need not be opened again
                self._paths, self._listed = distinct(listed), listed
        return self._paths

    def problems(self) -> list[tuple[int, RefineryError]]:
        """List the files of every pattern; the number of each pattern that names none, or a copy, and why."""
        found: dict[str, int] = {}
        wrong: list[tuple[int, RefineryError]] = []
        for number, pattern in enumerate(self._pipeline.inputs):
            try:
                paths = self._pipeline.source.list_inputs(pattern, store_for(pattern))
                found |= {path: number for path in paths if path not in found}
            except RefineryError as error:
                wrong.append((number, error))
        try:
            once, copies = _sorted_out(found)
            first_copies = {found[copy]: _copied(first, copy) for first, copy in reversed(copies)}
            wrong += sorted(first_copies.items(), key=lambda pair: pair[0])
            self._paths, self._listed = ([], []) if wrong else (once, list(found))
        except StorageError as error:
            wrong.append((0, error))
        return wrong

    @property
    def repeated(self) -> int:
        """Paths that were listed and name files that others name, too."""
        return len(self._listed) - len(self._paths)

    def counted(self, selection: Selection) -> list[str]:
        """The input files that a forecast looks at: of remote ones those that are selected."""
        paths = self.paths()
        return [paths[n] for n in selected(paths, selection)] if self._remote else list(paths)

    @property
    def _remote(self) -> bool:
        return any(map(is_remote, self._pipeline.inputs))

    def stats(self, paths: Sequence[str]) -> list[Stat]:
        """What files are; remote ones as they were when they were first looked at."""
        unknown = [path for path in paths if path not in self._stats]
        seen = self._stats | dict(zip(unknown, file_stats(unknown), strict=True))
        self._stats.update({path: stat for path, stat in seen.items() if is_remote(path)})
        return [seen[path] for path in paths]

    def parts(self, selection: Selection, recorded: Callable[[], Mapping[int, set[str]]] | None) -> list[Part]:
        """The parts that are selected, each of one file.

        ``recorded`` tells the content ids that receipts name by part. Where it is given, these are taken for true of
        remote files that were not looked at yet. Raises UsageError where no part is selected.
        """
        paths = self.paths()
        wanted = selected(paths, selection)
        if not wanted:
            raise UsageError(
                f"--parts selects none of the {plural(len(paths), 'part')}",
                hint=f"the first is 0, the last {len(paths) - 1}",
            )
        told = self._told({number: paths[number] for number in wanted}, recorded) if recorded else {}
        looked = [number for number in wanted if number not in told]
        seen = dict(zip(looked, self.stats([paths[number] for number in looked]), strict=True))
        contents = told | {number: file_content(paths[number], stat) for number, stat in seen.items()}
        sizes = {number: stat.size for number, stat in seen.items()}
        return [Part(n, (paths[n],), (contents[n],), sizes.get(n, 0), paths[n]) for n in wanted]

    def _told(self, paths: dict[int, str], recorded: Callable[[], Mapping[int, set[str]]]) -> dict[int, str]:
        """What receipts tell of files that nobody looked at. Of several tales only a look can tell the true one."""
        unseen = {n: path for n, path in paths.items() if is_remote(path) and path not in self._stats}
        known = recorded() if unseen else {}
        tales = {n: known.get(n, {digest(["not looked at", path])}) for n, path in unseen.items()}
        return {n: next(iter(contents)) for n, contents in tales.items() if len(contents) == 1}


def selected(paths: Sequence[str], selection: Selection) -> list[int]:
    """The numbers of the parts that are selected, in order."""
    numbers = range(len(paths))
    chosen = selection.parts
    if isinstance(chosen, Every):
        return list(numbers[chosen.first :: chosen.step])
    if chosen is not None:
        wanted = set(chosen)
        return [number for number in numbers if number in wanted]
    if selection.share is not None:
        count = max(1, math.ceil(len(paths) * selection.share))
        return sorted(sorted(numbers, key=lambda n: digest(paths[n]))[:count])
    return list(numbers)


def input_files(pipeline: Pipeline) -> list[str]:
    """All input files, each once, in the order of the recipe's patterns.

    Raises StorageError where a pattern names none, UsageError where a file is a copy of another.
    """
    return distinct(_listed(pipeline))


def _listed(pipeline: Pipeline) -> Iterator[str]:
    for pattern in pipeline.inputs:
        yield from pipeline.source.list_inputs(pattern, store_for(pattern))


def distinct(paths: Iterable[str]) -> list[str]:
    """The files at some paths, each under the first of its paths. Raises UsageError where one is a copy of another."""
    found, copies = _sorted_out(paths)
    if copies:
        raise _copied(*copies[0])
    return found


def _sorted_out(paths: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The files at some paths, each once; and those that are copies, with the file that each is a copy of.

    Copies have one name and begin alike, so that their documents would have the same ids. Only files that have a name
    in common are opened.
    """
    found = dict.fromkeys(paths)
    by_name: dict[str, list[str]] = {}
    for path in found:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    namesakes = [path for several in by_name.values() if len(several) > 1 for path in several]
    firsts: dict[bytes, str] = {}
    copies = []
    for path, identity in zip(namesakes, threads().map(_identity, namesakes), strict=True):
        first = firsts.setdefault(identity, path)
        if first != path:
            del found[path]
            copies += [(first, path)] if _place(first) != _place(path) else []
    return list(found), copies


def _copied(first: str, copy: str) -> UsageError:
    return UsageError(
        f"inputs: {first} and {copy} have one name and begin with the same {FILE_HEAD:,} bytes",
        hint="they are copies, or one is a part of the other: leave one out",
    )


def _identity(path: str) -> bytes:
    return file_identity(path, store_for(path).read(path, 0, FILE_HEAD))


def _place(path: str) -> str:
    """Where a file is, however its path is spelled."""
    return path if is_remote(path) else os.path.realpath(path)


def file_stats(paths: Sequence[str]) -> list[Stat]:
    """What each of the files is, in their order. Raises StorageError where one is missing."""
    found: dict[str, Stat] = {}
    for kind, some in groupby(sorted(paths, key=_kind), key=_kind):
        del kind
        alike = list(some)
        found |= zip(alike, store_for(alike[0]).stats(alike), strict=True)
    return [found[path] for path in paths]


def _kind(path: str) -> str:
    """What is before ``://``: paths of one kind have one store."""
    return path.partition("://")[0] if "://" in path else ""


def file_content(path: str, stat: Stat) -> str:
    """The content id of an input file, which no one reads through: its name, size and tag."""
    return digest([path, stat.size, stat.etag])
