"""Static files as the web server serves them: collected once for each build, with hashed names, compressed."""

import gzip
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.test import Client

from config.http import static_files
from config.http.build import fingerprint
from config.system import sockets
from tests.dashboard.seeds.server import collected

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("config", "workspaces", "budget", "orchestration", "dashboard", "templates")
FOREVER = "max-age=315360000, public, immutable"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with collected(tmp_path_factory.mktemp("static")):
        yield staticfiles_storage.hashed_files


def test_the_manifest_has_every_name_that_pages_use(manifest: dict[str, str]) -> None:
    sources = [path.read_text() for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".html", ".py")]
    used = {name for source in sources for name in re.findall(r"""(?:\{% static |\bstatic\()["']([^"']+)["']""", source)}
    assert {"muster.css", "muster.js", "workers.js", "icons.svg", "favicon-stopped.svg"} <= used <= manifest.keys()
    assert all((settings.STATIC_ROOT / name).exists() for name in manifest.values())


def test_a_hashed_file_is_kept_for_ever_and_goes_out_compressed(manifest: dict[str, str], client: Client) -> None:
    for name in static_files.BUNDLES:
        plain = client.get(f"/static/{manifest[name]}")
        small = client.get(f"/static/{manifest[name]}", headers={"Accept-Encoding": "gzip"})
        assert plain.headers["Cache-Control"] == small.headers["Cache-Control"] == FOREVER
        assert small.headers["Content-Encoding"] == "gzip" and small.headers["Vary"] == "Accept-Encoding"
        content = b"".join(plain.streaming_content)  # type: ignore[attr-defined]
        assert gzip.decompress(b"".join(small.streaming_content)) == content  # type: ignore[attr-defined]
        assert int(small.headers["Content-Length"]) < len(content) / 2


def test_a_page_of_an_earlier_build_gets_the_file_of_this_build(manifest: dict[str, str], client: Client) -> None:
    earlier = client.get("/static/muster.0123456789ab.css")
    assert earlier.status_code == 302 and earlier.headers["Location"] == f"/static/{manifest['muster.css']}"
    assert client.get("/static/no_such_file.0123456789ab.css").status_code == 404


def test_a_build_is_collected_once_whole_and_the_newest_three_stay(tmp_path: Path) -> None:
    for number, name in enumerate(("oldest", "older", "old", "recent")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (number, number))
    (tmp_path / settings.BUILD).mkdir()  # of a process that was killed: it has no manifest
    with collected(tmp_path):
        manifest = settings.STATIC_ROOT / "staticfiles.json"
        collected_at = manifest.stat().st_mtime_ns
        assert {path.name for path in tmp_path.iterdir()} == {"lock", "old", "recent", settings.BUILD}
        static_files.collect()
        assert manifest.stat().st_mtime_ns == collected_at


def test_a_changed_source_is_another_build(tmp_path: Path) -> None:
    (tmp_path / "one.css").write_text("a {}")
    before = fingerprint(tmp_path), fingerprint(tmp_path / "one.css")
    assert before == (fingerprint(tmp_path), fingerprint(tmp_path / "one.css"))
    (tmp_path / "one.css").write_text("b {}")
    assert fingerprint(tmp_path) != before[0] and fingerprint(tmp_path / "one.css") != before[1]


def test_two_web_servers_that_start_at_once_serve_what_their_pages_name(tmp_path: Path) -> None:
    """On a data directory without a database: the login page is a whole page."""
    environment = os.environ | {"MUSTER_DATA_DIR": str(tmp_path)}
    listeners = [sockets.listen("127.0.0.1", 0) for _ in range(2)]
    servers = [
        subprocess.Popen(
            [sys.executable, "-m", "config.web", "--fd", str(listener.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        for listener in listeners
    ]
    try:
        named = [_served(listener.getsockname()[1]) for listener in listeners]
    finally:
        for server in servers:
            server.terminate()
        complaints = [server.communicate(timeout=30)[1] for server in servers]
    assert named[0] == named[1] and {"muster.css", "muster.js"} <= named[0].keys(), complaints
    (build,) = [path for path in (tmp_path / "static").iterdir() if path.is_dir()]
    assert named[0].items() <= json.loads((build / "staticfiles.json").read_text())["paths"].items()


def _served(port: int) -> dict[str, str]:
    """The static files that a page names, by their names without a hash. Each is asked for, and must be there."""
    page = _get(port, "/login/").read().decode()
    paths = set(re.findall(r'(?:href|src|data-\w+)="(/static/[^"#]+)', page))
    for path in paths:
        response = _get(port, path)
        assert response.status == 200 and response.headers["Cache-Control"] == FOREVER, path
        assert response.headers["Content-Encoding"] == "gzip" and gzip.decompress(response.read()), path
    return {re.sub(r"\.[0-9a-f]{12}", "", path.removeprefix("/static/")): path.removeprefix("/static/") for path in paths}


def _get(port: int, path: str) -> http.client.HTTPResponse:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    link.request("GET", path, headers={} if path == "/login/" else {"Accept-Encoding": "gzip"})
    return link.getresponse()
