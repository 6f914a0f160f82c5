"""The code blocks that README.md, CONTRIBUTING.md and the pages of docs/ print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.conftest import REPOSITORY

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("docs/**/*.md")),
)
"""In the order in which a newcomer may read them: README.md first."""

_FENCE = re.compile(r"( *)```(\S*)")
_NOT_RUN = re.compile(r" *<!-- not run: (.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its first fence from 1 on, its lines without indentation.

    ``excuse`` says why a test cannot run it: the comment ``<!-- not run: EXCUSE -->`` on the line before.
    """

    page: str
    line: int
    language: str
    lines: tuple[str, ...]
    excuse: str

    @property
    def text(self) -> str:
        """The lines as a file."""
        return "".join(f"{line}\n" for line in self.lines)


def read(page: str) -> list[str]:
    """The lines of a page."""
    return (REPOSITORY / page).read_text(encoding="utf-8").splitlines()


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page, in order."""
    lines = read(page)
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence:
            excuse = _NOT_RUN.fullmatch(lines[number - 1])
            end = lines.index(f"{fence[1]}```", number + 1)
            body = tuple(line.removeprefix(fence[1]) for line in lines[number + 1 : end])
            yield Block(page, number + 1, fence[2], body, excuse[1] if excuse else "")
            number = end
        number += 1
