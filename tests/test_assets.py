"""Assets are found by name or path, made once, and never half there."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from refinery import assets
from refinery.assets import Asset, KnownAsset
from refinery.errors import AssetError, StorageError

BODY = b"some list\n" * 1000


def build(source: str, target: str) -> Mapping[str, int]:
    """A builder: upper case, and the number of lines."""
    text = Path(source).read_text()
    if "broken" in text:
        Path(target).write_text("half")
        raise AssetError(f"{source}: broken", hint="give another")
    if "full" in text:
        raise OSError(28, "No space left on device")
    Path(target).write_text(text.upper())
    return {"lines": text.count("\n")}


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(BODY) + 5 * (self.path == "/short")))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFINERY_ASSETS", str(tmp_path / "assets"))
    return tmp_path / "assets"


def known(monkeypatch: pytest.MonkeyPatch, **fields: str) -> None:
    """Make ``thing`` the only asset of the catalogue."""
    entry = {"about": "a thing", "licence": "CC0", "build": f"{__name__}:build", "file": "thing.bin"} | fields
    monkeypatch.setattr(assets, "catalogue", lambda: {"thing": KnownAsset.model_validate(entry)})


def left(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_catalogue_names_terms_and_origin() -> None:
    """Every catalogued asset says what it is and under which licence, and where its bytes come from."""
    entries = assets.catalogue()
    assert {"ut1", "url.strict", "url.hard", "url.soft", "lid.176.ftz", "gpt2.bpe"} <= set(entries)
    for entry in entries.values():
        assert entry.about
        assert entry.licence
        assert (entry.build and entry.file and (entry.url or entry.archives)) or (entry.package and entry.member)


def test_packaged_assets_are_there() -> None:
    """What an installed package holds is ready, with its digest, and needs no source."""
    state = assets.status("url.hard")
    assert state.path is not None
    assert (state.problem, state.provenance) == ("", None)
    assert state.size == Path(state.path).stat().st_size
    assert assets.fetch("url.hard") == state.path == Asset("url.hard").path()
    assert Asset("url.hard").digest() == hashlib.sha256(Path(state.path).read_bytes()).hexdigest()
    with pytest.raises(AssetError, match="part of the package"):
        assets.fetch("url.hard", "some.file")


def test_paths_and_unknown_names(tmp_path: Path) -> None:
    """Anything with a slash is a path; other names must be in a catalogue, and the error lists them."""
    file = tmp_path / "x"
    file.write_text("x")
    assert Asset(str(file)).path() == str(file)
    with pytest.raises(AssetError, match="no such file"):
        Asset("./nowhere").path()
    with pytest.raises(AssetError, match="a folder, not a file"):
        Asset(f"{tmp_path}/").path()
    for ask in (Asset("nowhere").path, lambda: assets.status("nowhere"), lambda: assets.fetch("nowhere")):
        with pytest.raises(AssetError) as caught:
            ask()
        assert "ut1" in caught.value.hint


@pytest.mark.usefixtures("folder")
def test_missing_asset_names_the_command() -> None:
    """A built asset that is not there tells the command that gets it."""
    state = assets.status("ut1")
    assert state.path is None
    assert "refinery assets get ut1" in state.hint
    with pytest.raises(AssetError):
        Asset("ut1").path()


def test_fetch_from_a_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A given source is built, its digest and counts are recorded, and no temporary file stays."""
    known(monkeypatch, url="http://127.0.0.1:1/never")
    source = tmp_path / "source.txt"
    source.write_text("a\nb\n")
    path = assets.fetch("thing", str(source))
    assert Path(path).read_text() == "A\nB\n"
    assert left(folder) == ["thing.bin", "thing.bin.json"]
    wanted = {"name": "thing", "source": "source.txt", "counts": {"lines": 2}}
    assert assets.status("thing").provenance == wanted | {"sha256": hashlib.sha256(b"a\nb\n").hexdigest()}
    with pytest.raises(AssetError, match="no such file"):
        assets.fetch("thing", str(tmp_path / "nowhere"))


@pytest.mark.usefixtures("folder")
def test_fetch_from_an_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a source, the file that an installed package carries is taken before the network."""
    known(monkeypatch, url="http://127.0.0.1:1/never", package="refinery.stages", member="_url/hard.txt")
    assets.fetch("thing")
    provenance = assets.status("thing").provenance
    assert provenance is not None
    assert provenance["source"] == "refinery.stages/_url/hard.txt"


@pytest.mark.parametrize("place", ["/whole", "/unsized"])
@pytest.mark.usefixtures("folder")
def test_fetch_from_the_network(monkeypatch: pytest.MonkeyPatch, server: str, place: str) -> None:
    """Without either, the official place is downloaded, and progress is reported."""
    known(monkeypatch, url=server + place, package="no_such_package", member="x")
    seen: list[tuple[int, int | None]] = []
    path = assets.fetch("thing", progress=lambda done, total: seen.append((done, total)))
    assert Path(path).read_bytes() == BODY.upper()
    assert seen[-1] == (len(BODY), None if place == "/unsized" else len(BODY))
    provenance = assets.status("thing").provenance
    assert provenance is not None
    assert provenance["source"] == server + place


@pytest.mark.parametrize("place", ["/short", "/missing", "nowhere"])
def test_failed_downloads(folder: Path, monkeypatch: pytest.MonkeyPatch, server: str, place: str) -> None:
    """A short, refused or impossible download leaves nothing behind and says how to go on."""
    known(monkeypatch, url="http://127.0.0.1:1/" if place == "nowhere" else server + place)
    with pytest.raises(AssetError) as caught:
        assets.fetch("thing")
    assert "--source" in caught.value.hint
    assert left(folder) == []


def test_another_download_than_expected(folder: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """A download whose digest is not the recorded one is not built; with the right one it is."""
    known(monkeypatch, url=f"{server}/whole", sha256="0" * 64)
    with pytest.raises(AssetError, match="SHA-256") as caught:
        assets.fetch("thing")
    assert "--source" in caught.value.hint
    assert left(folder) == []
    known(monkeypatch, url=f"{server}/whole", sha256=hashlib.sha256(BODY).hexdigest())
    assert Path(assets.fetch("thing")).read_bytes() == BODY.upper()


def test_too_large_a_download(folder: Path, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """A download ends at the size limit."""
    known(monkeypatch, url=f"{server}/unsized")
    monkeypatch.setattr(assets, "LARGEST_DOWNLOAD", 100)
    with pytest.raises(AssetError, match="more than 100 bytes"):
        assets.fetch("thing")
    assert left(folder) == []


@pytest.mark.parametrize(("text", "kind"), [("broken", AssetError), ("full", StorageError)])
def test_failed_builds(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: type[StorageError]
) -> None:
    """A builder that fails leaves the asset that was there before, whole."""
    known(monkeypatch)
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text("good\n")
    bad.write_text(text)
    path = assets.fetch("thing", str(good))
    with pytest.raises(kind):
        assets.fetch("thing", str(bad))
    assert Path(path).read_text() == "GOOD\n"
    assert left(folder) == ["thing.bin", "thing.bin.json"]
    assert json.loads(Path(f"{path}.json").read_text())["source"] == "good"


def test_changed_package_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packaged file whose digest is not the recorded one is refused."""
    known(monkeypatch, build="", package="refinery.stages", member="_url/hard.txt", sha256="0" * 64)
    state = assets.status("thing")
    assert state.path is None
    assert "SHA-256" in state.problem
