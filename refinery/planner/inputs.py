"""The input files of a pipeline, and the parts that they begin."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from refinery.errors import RefineryError, StorageError, UsageError
from refinery.formatting import plural
from refinery.identity import digest
from refinery.planner.gathering import gather
from refinery.planner.index import Index, QueryError
from refinery.planner.parts import Part
from refinery.planner.selection import Selection
from refinery.recipe import Pipeline
from refinery.root.input_lists import (
    InputList,
    find_lists,
    list_content,
    list_path,
    lists_below,
    read_list,
    write_lists,
)
from refinery.stage.documents import FILE_HEAD, file_identity
from refinery.stage.pointed import PointedSource
from refinery.store import Stat, is_remote, store_for
from refinery.store.responses import threads
from refinery.store.scratch import new_path

Recorded = Callable[[], Mapping[int, set[str]]]
"""Returns the content ids of input files that receipts record, by part."""


class Inputs:
    """Lists files and looks at them: at remote ones once, for each look may be a request, at local ones every time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._listed: list[str] = []
        self._paths: list[str] = []
        self._stats: dict[str, Stat] = {}
        self._index = Index(pipeline.query) if pipeline.query else None
        self._gathered_bytes = pipeline.gather_inputs
        self._files: list[str] = []
        self._lists: list[InputList] = []
        self._folder = pipeline.root
        """The folder of the input lists: the root, or a temporary one until ``keep``."""

    def paths(self) -> Sequence[str]:
        """The input of each part: a file, or an input list. Raises as ``files``, or for a query of an index."""
        if not self._paths or not (self._remote or self._index or self._gathered_bytes):
            for _, error in self.problems():
                raise error
        return self._paths

    def files(self) -> Sequence[str]:
        """All input files. Raises StorageError if a pattern of the recipe has none, UsageError for a copy."""
        for _, error in self._pattern_problems():
            raise error
        return self._files

    def problems(self) -> list[tuple[str, RefineryError]]:
        """List the files. Returns an error for each pattern that has no file, or a copy, by its key in the recipe."""
        if self._index:
            return self._query_problems(self._index)
        if self._gathered_bytes and self._paths:
            return []
        errors = [(f"inputs[{number}]", error) for number, error in self._pattern_problems()]
        if errors:
            self._paths = []
        elif self._gathered_bytes:
            self._gather(self._gathered_bytes)
        else:
            self._paths = self._files
        return errors

    def _gather(self, usual: int) -> None:
        """Put the files together into parts, and write the lists of these to a temporary folder."""
        stats = dict(zip(self._files, self.stats(self._files), strict=True))
        files = {path: (stat.size, file_content(path, stat)) for path, stat in stats.items()}
        self._folder = new_path()
        parts = list(gather(self._folder, files, usual))
        self._lists = [part for part in parts if isinstance(part, InputList)]
        self._paths = [part if isinstance(part, str) else list_path(self._folder, part.content) for part in parts]
        self._stats = stats
        self._show_lists()

    def _query_problems(self, index: Index) -> list[tuple[str, RefineryError]]:
        """Find the input lists of the query, or write them to a temporary folder."""
        source = self._pipeline.source
        if self._gathered_bytes:
            hint = "leave it out: records of an index are put together already"
            return [("gather_inputs", UsageError("gather_inputs: `inputs` is a query of an index", hint=hint))]
        if not isinstance(source, PointedSource):
            message = f"inputs: the source {source.name} cannot read chosen records of a file"
            return [("inputs", UsageError(message, hint="use a source of archives, or files as `inputs`"))]
        try:
            self._lists = self._lists or find_lists(self._folder, index.id)
            if not self._lists:
                self._folder = new_path()
                self._lists = index.write(self._folder)
        except RefineryError as error:
            return [(error.key if isinstance(error, QueryError) else "inputs.index", error)]
        self._paths = [list_path(self._folder, one.content) for one in self._lists]
        self._show_lists()
        return []

    def _show_lists(self) -> None:
        """Look for the lists in the folder where they are now."""
        stats = {one.content: Stat(one.fetched, one.content) for one in self._lists}
        contents = [list_content(path) for path in self._paths]
        pairs = zip(self._paths, contents, strict=True)
        self._paths = [list_path(self._folder, content) if content in stats else path for path, content in pairs]
        self._stats |= {list_path(self._folder, content): stat for content, stat in stats.items()}

    def keep(self) -> None:
        """Write the input lists to the root, for the tasks of a run. Raises StorageError."""
        root = self._pipeline.root
        self.paths()
        if self._folder == root:
            return
        there = lists_below(root)
        missing = [one.content for one in self._lists if one.content not in there]
        written = (list_path(self._folder, content) for content in missing)
        list(threads().map(_copy, written, (list_path(root, content) for content in missing)))
        if self._index:
            write_lists(root, self._index.id, self._lists)
        self._folder = root
        self._show_lists()

    @property
    def lists(self) -> Sequence[InputList]:
        """The input lists, in order; none where each part is one file."""
        return self._lists

    def _pattern_problems(self) -> list[tuple[int, RefineryError]]:
        patterns: dict[str, int] = {}
        errors: list[tuple[int, RefineryError]] = []
        for number, pattern in enumerate(self._pipeline.inputs):
            try:
                paths = self._pipeline.source.list_inputs(pattern, store_for(pattern))
                patterns |= {path: number for path in paths if path not in patterns}
            except RefineryError as error:
                errors.append((number, error))
        if not errors and list(patterns) == self._listed:
            return []  # files of one name need not be opened again
        try:
            files, copies = distinct(patterns)
            first_copies = {patterns[copy]: _copied(first, copy) for first, copy in reversed(copies)}
            errors += sorted(first_copies.items(), key=lambda pair: pair[0])
            self._files, self._listed = ([], []) if errors else (files, list(patterns))
        except StorageError as error:
            errors.append((0, error))
        return errors

    @property
    def count(self) -> int:
        """The number of files, where they are put together into parts; else 0."""
        return len(self._files) if self._gathered_bytes else 0

    @property
    def repeated(self) -> int:
        """The number of listed paths to files that another listed path leads to."""
        return len(self._listed) - len(self._files)

    def counted(self, selection: Selection) -> list[str]:
        """The input files that an estimate looks at: of remote ones those that are selected."""
        paths = self.paths()
        return [paths[n] for n in selected(paths, selection)] if self._remote else list(paths)

    @property
    def _remote(self) -> bool:
        return not (self._index or self._gathered_bytes) and any(map(is_remote, self._pipeline.inputs))

    def stats(self, paths: Sequence[str]) -> list[Stat]:
        """Size and tag of each file; of a remote one as they were at the first look."""
        unknown = [path for path in paths if path not in self._stats]
        seen = self._stats | dict(zip(unknown, _file_stats(unknown), strict=True))
        self._stats.update({path: stat for path, stat in seen.items() if is_remote(path)})
        return [seen[path] for path in paths]

    def parts(self, selection: Selection, recorded: Recorded | None = None) -> list[Part]:
        """The selected parts, each of one file or list. Raises UsageError where none is selected.

        With ``recorded``, a remote file that was not looked at yet is taken for the one that the receipts record.
        """
        paths = self.paths()
        numbers = selected(paths, selection)
        if not numbers:
            raise UsageError(
                f"--parts selects none of the {plural(len(paths), 'part')}",
                hint=f"the first is 0, the last {len(paths) - 1}",
            )
        assumed = self._assumed({number: paths[number] for number in numbers}, recorded) if recorded else {}
        unknown = [number for number in numbers if number not in assumed]
        stats = dict(zip(unknown, self.stats([paths[number] for number in unknown]), strict=True))
        contents = assumed | {number: file_content(paths[number], stat) for number, stat in stats.items()}
        sizes = {number: stat.size for number, stat in stats.items()}
        return [Part(n, (paths[n],), (contents[n],), sizes.get(n, 0), paths[n]) for n in numbers]

    def _assumed(self, paths: dict[int, str], recorded: Recorded) -> dict[int, str]:
        """Content ids of files that nobody looked at; none where receipts differ, for then only a look can decide."""
        unseen = {n: path for n, path in paths.items() if is_remote(path) and path not in self._stats}
        known = recorded() if unseen else {}
        candidates = {n: known.get(n, {digest(["not looked at", path])}) for n, path in unseen.items()}
        return {n: next(iter(contents)) for n, contents in candidates.items() if len(contents) == 1}


def _copy(path: str, target: str) -> None:
    store_for(target).put(target, store_for(path).read(path))


def selected(paths: Sequence[str], selection: Selection) -> list[int]:
    """The numbers of the parts that are selected, in order."""
    numbers = range(len(paths))
    if selection.parts is not None:
        chosen = selection.parts if isinstance(selection.parts, range) else set(selection.parts)
        return [number for number in numbers if number in chosen]
    if selection.share is not None:
        count = max(1, math.ceil(len(paths) * selection.share))
        return sorted(sorted(numbers, key=lambda n: digest(list_content(paths[n]) or paths[n]))[:count])
    return list(numbers)


def paths_by_content(pipeline: Pipeline) -> dict[str, str]:
    """The inputs of parts by their content ids: files, and lists of unchanged files. Raises as ``Inputs.files``."""
    if pipeline.query:
        return lists_below(pipeline.root)
    inputs = Inputs(pipeline)
    paths = inputs.files()
    known = {file_content(path, stat): path for path, stat in zip(paths, inputs.stats(paths), strict=True)}
    lists = lists_below(pipeline.root) if pipeline.gather_inputs else {}
    return known | {c: path for c, path in lists.items() if all(one.content in known for one in read_list(path))}


def distinct(paths: Iterable[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The files at some paths, each once; and pairs of a file and its copy.

    Copies have one name and begin with the same bytes, so that their documents would have the same ids. Only files that
    have a name in common are opened.
    """
    distinct_paths = dict.fromkeys(paths)
    by_name: dict[str, list[str]] = {}
    for path in distinct_paths:
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    namesakes = [path for several in by_name.values() if len(several) > 1 for path in several]
    firsts: dict[bytes, str] = {}
    copies = []
    for path, identity in zip(namesakes, threads().map(_identity, namesakes), strict=True):
        first = firsts.setdefault(identity, path)
        if first != path:
            del distinct_paths[path]
            copies += [(first, path)] if _place(first) != _place(path) else []
    return list(distinct_paths), copies


def _copied(first: str, copy: str) -> UsageError:
    return UsageError(
        f"inputs: {first} and {copy} have one name and begin with the same {FILE_HEAD:,} bytes",
        hint="they are copies, or one is a part of the other: leave one out",
    )


def _identity(path: str) -> bytes:
    return file_identity(path, store_for(path).read(path, 0, FILE_HEAD))


def _place(path: str) -> str:
    """The location of a file, however its path is spelled."""
    return path if is_remote(path) else os.path.realpath(path)


def _file_stats(paths: Sequence[str]) -> list[Stat]:
    """Size and tag of each file, in their order. Raises StorageError where one is missing."""
    stats: dict[str, Stat] = {}
    for _, group in groupby(sorted(paths, key=_scheme), key=_scheme):
        of_store = list(group)
        stats |= zip(of_store, store_for(of_store[0]).stats(of_store), strict=True)
    return [stats[path] for path in paths]


def _scheme(path: str) -> str:
    """The scheme of a URL, "" for a local path: paths of one scheme have one store."""
    return path.partition("://")[0] if "://" in path else ""


def file_content(path: str, stat: Stat) -> str:
    """The content id of an input file, which no one reads through: its name, size and tag; of a input list its own."""
    return list_content(path) or digest([path, stat.size, stat.etag])
