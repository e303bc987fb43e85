"""A server that repeats its client's credentials: in the status line, in headers, in redirects and in bodies, plain and encoded."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

PLACES = ("message", "errors", "status line", "redirect", "text", "long text", "base64", "answer", "server error")


class Repeating(ThreadingHTTPServer):
    """`place`: one of PLACES."""

    daemon_threads = True
    place = "message"
    seen = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Repeating

    def do_GET(self) -> None:
        if not self.headers.get("Authorization") and self.path.startswith("/git"):
            self._answer(401, b"who?", {"WWW-Authenticate": 'Basic realm="git"'})
            return
        self.server.seen += 1
        sent = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or self.path
        word = sent.rpartition(" ")[2]
        if sent.startswith("Basic "):
            word = base64.b64decode(word).decode().partition(":")[2]
        answer = f"bad credentials {sent!r}: {word} {unquote(word)} {quote(word, safe='')} {self.path}"
        match self.server.place:
            case "message":
                self._answer(401, json.dumps({"message": answer, "error": answer}).encode())
            case "errors":
                self._answer(422, json.dumps({"message": "no", "errors": [{"message": answer}, word, {"code": word}]}).encode())
            case "status line":
                self.send_response(400, f"Bad token {word}")
                self.end_headers()
            case "redirect":
                self._answer(302, b"", {"Location": f"{self.server.url}/{word}?token={word}"})
            case "text":
                self._answer(403, answer.encode(), {"Content-Type": "text/plain", "X-Sent": word})
            case "long text":  # cut in the middle of the secret, wherever somebody cuts
                self._answer(403, json.dumps({"message": (word + " ") * 400}).encode(), {"Content-Type": "text/plain"})
            case "base64":
                coded = " ".join(base64.b64encode(f"{'u' * n}:{word}".encode()).decode() for n in range(3))
                self._answer(401, json.dumps({"message": coded}).encode())
            case "answer":
                pull = {"id": 1, "number": 2, "iid": 2, "html_url": f"{self.server.url}/{word}", "web_url": word, "state": "open"}
                self._answer(200, json.dumps(pull | {"body": word, "head": {"sha": word}, "message": word}).encode())
            case _:
                self._answer(500, json.dumps({"message": answer}).encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    do_PUT = do_PATCH = do_POST

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def repeating() -> Iterator[Repeating]:
    server = Repeating(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
