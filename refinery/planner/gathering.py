"""Puts small input files together into parts, so that a file more or less changes one part and seldom a second one.

Boundaries are chosen as in content-defined chunking: by a hash of the path before them, not by a count from the first
file on. Two lists of files that differ in one have the same boundaries again soon behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from refinery.identity import digest
from refinery.root.input_lists import InputList, ListedFile, write_list

LEAST, MOST = 0.25, 2.0
"""Bytes of a part at least and at most, as shares of the usual ones. The last part may have less, a large file more."""

FILE_BYTES = 1 << 16
"""Bytes that a file counts as at least: opening it takes time too."""

_DRAWS = 1 << 128


def boundaries(paths: Sequence[str], sizes: Sequence[int], usual: int) -> Iterator[range]:
    """Yield the numbers of the files of each part, for files in the order of their paths.

    A file of at least ``usual`` bytes is a part of its own.
    """
    weights = [max(size, FILE_BYTES) for size in sizes]
    draws = [int(digest(["end of a part", path]), 16) / _DRAWS / w for path, w in zip(paths, weights, strict=True)]
    start = 0
    while start < len(paths):
        stop = _end(weights, draws, start, usual)
        yield range(start, stop)
        start = stop


def _end(weights: Sequence[int], draws: Sequence[float], start: int, usual: int) -> int:
    """Return the number of the file behind the part that begins at ``start``.

    The part ends at the first file with a small draw: one in as many bytes as are wanted beyond the least. Where none
    has one before there are too many bytes, it ends at the file with the smallest of these draws.
    """
    limit = 1 / ((1 - LEAST) * usual)
    size, smallest = 0, start
    for number in range(start, len(weights)):
        if weights[number] >= usual:
            return max(number, start + 1)
        if size + weights[number] > MOST * usual:
            return smallest + 1
        size += weights[number]
        if size < LEAST * usual:
            smallest = number + 1
        elif draws[number] < limit:
            return number + 1
        elif draws[number] < draws[smallest]:
            smallest = number
    return len(weights)


def gather(folder: str, files: Mapping[str, tuple[int, str]], usual: int) -> Iterator[str | InputList]:
    """Yield each part: the path of its file, or the list of its files, which is written to ``folder``.

    ``files`` are the sizes and content ids of the input files.
    """
    paths = sorted(files)
    for numbers in boundaries(paths, [files[path][0] for path in paths], usual):
        some = [paths[number] for number in numbers]
        if len(some) == 1:
            yield some[0]
            continue
        listed = [ListedFile(path, content=files[path][1]) for path in some]
        content = digest(["files", [one.content for one in listed]])
        write_list(folder, content, listed)
        size = sum(files[path][0] for path in some)
        yield InputList(content, files=len(some), records=0, bytes=size, fetched=size, requests=len(some))
