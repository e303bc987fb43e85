"""The protocol's own tests against /mcp, from npm in a pinned version. They know no tokens: a proxy of the test adds one.

Their scenarios for OAuth are for clients; the SDK's client is tried in `tests/config/mcp/test_oauth.py`.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.config.mcp.clients import PING
from tests.factories import a_token, a_workspace
from tests.journeys.web_server import serving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
PACKAGE = "@modelcontextprotocol/conformance@0.1.13"
"""The newest that Node 20 runs."""
INSTALL = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", PACKAGE)
PASS = {"server-initialize", "ping", "tools-list", "server-sse-multiple-streams", "dns-rebinding-protection"}
NOT_APPLYING = {
    "calls a demo tool such as test_simple_text": r"tools-call-.*|elicitation-.*|json-schema-2020-12|server-sse-polling",
    "Muster has no resources": r"resources-.*",
    "Muster has no prompts": r"prompts-.*",
    "Muster completes nothing": r"completion-complete",
    "Muster sends no logs": r"logging-set-level",
}


@contextmanager
def with_token(url: str, token: str) -> Iterator[str]:
    """The address of a proxy to this server that adds the token to each request."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server = HTTPConnection(urlsplit(url).netloc, timeout=60)
            server.request(self.command, self.path, body, {**self.headers, "Authorization": f"Bearer {token}"})
            answer = server.getresponse()
            content = answer.read()
            server.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = pass_on

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()


def capabilities(url: str) -> set[str]:
    """The parts of the protocol that Muster offers."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    server = HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    server.request("POST", "/mcp", json.dumps({**PING, "method": "initialize", "params": client}), headers)
    return set(json.loads(server.getresponse().read())["result"]["capabilities"])


def test_every_scenario_passes_that_needs_no_demo_server(tmp_path: Path, transactional_db: None) -> None:
    subprocess.run(INSTALL, cwd=tmp_path, check=True, capture_output=True, timeout=240)
    with serving(tmp_path) as server, with_token(server, a_token(a_workspace())) as url:
        assert capabilities(url) <= {"tools", "experimental"}
        command = [str(tmp_path / "node_modules/.bin/conformance"), "server", "--suite", "all", "--url", f"{url}/mcp"]
        shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240).stdout
    results = {name: mark == "✓" for mark, name in re.findall(r"^([✓✗]) ([\w-]+): \d+ passed", shown, re.M)}
    applying = {name for name in results if not any(re.fullmatch(names, name) for names in NOT_APPLYING.values())}
    assert applying == PASS and all(results[name] for name in PASS), shown[-4000:]
