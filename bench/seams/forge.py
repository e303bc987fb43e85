"""A forge as Gitea speaks, with one repository, whose person merges what is open."""

import hashlib
import hmac
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

REPOSITORY, SECRET = "team/shop", "of-the-forge"
_AS_ANA = ("-c", "user.name=ana", "-c", "user.email=ana@localhost")


class Forge(ThreadingHTTPServer):
    """`remote`: its bare repository; `pulls`: by number."""

    def __init__(self, remote: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.remote = remote
        self.pulls: dict[int, dict[str, Any]] = {}
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def config(self) -> dict[str, Any]:
        return {"land_by": "pull_request", "forge": {"kind": "gitea", "url": self.url, "repository": REPOSITORY}}

    def create(self, draft: dict[str, Any]) -> dict[str, Any]:
        number = len(self.pulls) + 1
        pull = {"id": 100 + number, "number": number, "html_url": f"{self.url}/pulls/{number}", "state": "open", "merged": False}
        self.pulls[number] = pull | {"body": draft["body"], "head": {"ref": draft["head"]}, "base": {"ref": draft["base"]}}
        return self.shown(number)

    def shown(self, number: int) -> dict[str, Any]:
        pull = self.pulls[number]
        if pull["state"] == "open":
            pull["head"]["sha"] = self._git("rev-parse", f"refs/heads/{pull['head']['ref']}")
        return pull

    def merge_open(self) -> Iterator[tuple[bytes, dict[str, str]]]:
        """A person merges each pull request that has no conflict. Yields its webhook: body and headers."""
        for number in [number for number, pull in self.pulls.items() if pull["state"] == "open"]:
            pull = self.shown(number)
            base, head = f"refs/heads/{pull['base']['ref']}", pull["head"]["sha"]
            merged = subprocess.run(
                ["git", "-C", str(self.remote), "merge-tree", "--write-tree", base, head], capture_output=True, text=True
            )
            if merged.returncode:
                continue
            tree, before = merged.stdout.split()[0], self._git("rev-parse", base)
            commit = self._git(*_AS_ANA, "commit-tree", tree, "-p", before, "-p", head, "-m", f"Merge pull request #{number}")
            self._git("update-ref", base, commit, before)
            pull |= {"state": "closed", "merged": True, "merge_commit_sha": commit, "merged_by": {"login": "ana"}}
            body = json.dumps({"action": "closed", "pull_request": pull}).encode()
            signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            yield body, {"X-Gitea-Event": "pull_request", "X-Gitea-Signature": signature, "Content-Type": "application/json"}

    def _git(self, *command: str) -> str:
        return subprocess.run(["git", "-C", str(self.remote), *command], capture_output=True, text=True).stdout.strip()


class _Handler(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].partition(f"/repos/{REPOSITORY}")[2]
        if single := re.fullmatch(r"/pulls/(\d+)", path):
            self._answer(200, self.server.shown(int(single[1])))
        elif path == "/pulls":
            first_page = "page=" not in self.path or "page=1" in self.path
            self._answer(200, [self.server.shown(number) for number in self.server.pulls] if first_page else [])
        else:
            self._answer(200, [])  # no comment, review or check

    def do_POST(self) -> None:
        self._answer(201, self.server.create(self._body()))

    def do_PATCH(self) -> None:
        number = int(self.path.rpartition("/")[2])
        self.server.pulls[number] |= {"body": self._body()["body"]}
        self._answer(200, self.server.shown(number))

    def _body(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _answer(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
