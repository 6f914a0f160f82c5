"""The dashboard served: answers are those of the library, and what was crawled is text, whoever asks."""

from __future__ import annotations

import asyncio
import re
import socket
from pathlib import Path

import httpx
import pytest

from refinery.errors import UsageError
from refinery.inspect import what_if
from refinery.report.serve import LINKS, application, serve
from tests.report.test_pages import hostile

__all__ = ["hostile"]


class Client:
    """Asks the application as a browser on this machine would."""

    def __init__(self, root: Path) -> None:
        self._transport = httpx.ASGITransport(application(str(root)))

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> httpx.Response:
        """The answer to a request."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def client(hostile: Path) -> Client:
    """One for all questions."""
    return Client(hostile)


def test_every_page_is_answered_under_a_strict_policy(client: Client) -> None:
    """Static pages and questions; one script each, and nothing that turns the writing around."""
    asked = ["index.html", "samples-01-words.html", *(name for name, _ in LINKS)]
    asked += [
        "search?q=script",
        "search?q=script&text=1",
        "documents?stage=words&side=removed",
        "why?q=file",
        "what-if?words.min_words=3",
    ]
    for name in asked:
        found = client.get(f"/{name}")
        assert found.status_code == 200, (name, found.text[:300])
        allowed = found.headers["content-security-policy"]
        assert "default-src 'none'" in allowed
        assert "unsafe" not in allowed
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.text.count("<script") == 1
        assert "<img" not in found.text
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", found.text)


def test_questions_are_escaped_where_they_are_shown_again(client: Client) -> None:
    """What is asked comes back in the page, as text."""
    for name in (
        "search?q",
        "documents?stage=words&rule",
        "documents?stage=words&min",
        "why?q",
        "what-if?words.min_words",
    ):
        found = client.get(f"/{name}=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE")
        assert "<script>alert" not in found.text
        assert "\u202e" not in found.text


def test_only_this_machine_and_only_reading(client: Client) -> None:
    """A name that is pointed here from elsewhere is refused, and so is every method that is not for reading."""
    assert client.get("/index.html", headers={"host": "elsewhere.example"}).status_code == 400
    assert client.get("/what-if", method="POST").status_code == 405
    for name in ("nothing.html", "card.md", "..%2fHEAD.json", "HEAD.json"):
        assert client.get(f"/{name}").status_code == 404


def test_an_address_at_which_nothing_can_listen_is_named(hostile: Path) -> None:
    """One that is taken, or that is no address of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"127\.0\.0\.1:{port}: Address already in use"):
            serve(str(hostile), port=port)
    with pytest.raises(UsageError, match=r"192\.0\.2\.1:0: Cannot assign") as caught:
        serve(str(hostile), "192.0.2.1", 0)
    assert "--port" in caught.value.hint


def test_bounds_are_answered_as_the_library_does(client: Client, hostile: Path) -> None:
    """The yield of each stage is in the page."""
    expected = what_if(str(hostile), ["words.min_words=4"])
    text = client.get("/what-if?words.min_words=4&snip.least=8").text
    for stage in expected.stages:
        cells = [stage.before.kept, stage.after.kept, stage.before.tokens, stage.after.tokens]
        row = "".join(f'<td class="n">{count:,}</td>' for count in cells)
        assert f'<th scope="row">{stage.stage}</th>{row}' in text
    assert f"{expected.lost.documents:,} would be lost" in text


def test_a_search_finds_urls_and_texts(client: Client) -> None:
    """Every document that holds the words, in whatever stage it ended; quotes and patterns mean themselves."""
    assert ">1 document<" in client.get("/search?q=poison&text=1").text
    for words in ("'", "%25", "_x_", "; drop table"):
        assert client.get(f"/search?q={words}&text=1").status_code == 200
