"""Real git servers on this machine: `http-backend` with a password, and an ssh that runs its command here."""

import base64
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.orchestration.git.repositories import a_repository, git

USER, PASSWORD = "ana", "geheim"
# Its options come before the address; `none.example` does not answer, a file `refuses-key` makes it refuse the key, and every n-th push with new objects
# is not unpacked, where a file `fails-every` names n.
_SSH = """#!/bin/sh
echo "$@" >> {folder}/calls
while [ "${{1#-}}" != "$1" ]; do [ "$1" = -o ] && shift; shift; done
[ "${{1#*@}}" = none.example ] && {{ echo "ssh: Could not resolve hostname none.example: Name or service not known" >&2; exit 255; }}
[ -e {folder}/refuses-key ] && {{ echo "$1: Permission denied (publickey)." >&2; exit 255; }}
shift
case $* in *receive-pack*) if [ -e {folder}/fails-every ]; then
  echo >> {folder}/pushes
  [ $(($(wc -l < {folder}/pushes) % $(cat {folder}/fails-every))) = 0 ] && export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=receive.maxInputSize GIT_CONFIG_VALUE_0=1
fi;; esac
exec sh -c "$*"
"""


def a_remote(folder: Path, **files: str) -> Path:
    """A bare repository that nobody works in, with a branch `main`."""
    seed = a_repository(folder / "seed", **(files or {"README": "hello\n"}))
    bare = folder / "remote.git"
    git(seed, "clone", "--quiet", "--bare", str(seed), str(bare))
    git(bare, "config", "http.receivepack", "true")
    return bare


def refuses(remote: Path, *patterns: str, but: str = "") -> Path:
    """Its update hook refuses refs of these shell patterns, as some hosting services refuse what is not a branch."""
    hook = remote / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    let = f"{but}) exit 0;; " if but else ""
    hook.write_text(f"#!/bin/sh\ncase $1 in {let}{'|'.join(patterns)}) echo only branches may be pushed >&2; exit 1;; esac\n")
    hook.chmod(0o755)
    return remote


@contextmanager
def http_server(folder: Path, authorization: str = "", context: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serves the repositories of a folder by git's own program. Yields the URL without the user and the password, which it requires.
    `authorization`: another header that it requires. `context`: with TLS."""
    options = {"root": folder, "authorization": authorization or GitHandler.basic}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (GitHandler,), options))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http{'s' if context is not None else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def with_password(url: str, password: str = PASSWORD) -> str:
    return url.replace("://", f"://{USER}:{password}@")


def local_ssh(folder: Path, monkeypatch: Any) -> Path:
    """Puts an `ssh` first on the path that runs the command on this machine. Returns its folder, with what it was called with."""
    folder.mkdir()
    program = folder / "ssh"
    program.write_text(_SSH.format(folder=folder))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


class GitHandler(BaseHTTPRequestHandler):
    """Serves the repositories of `root` to those who send this `authorization`."""

    basic = f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
    root: Path
    authorization: str
    protocol_version = "HTTP/1.0"

    def git_config(self) -> dict[str, str]:
        """For git's program, in this request."""
        return {"safe.directory": "*"}

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != self.authorization:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        env = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": USER,
        }
        config = self.git_config()
        env |= {"GIT_CONFIG_COUNT": str(len(config))}
        for n, (key, value) in enumerate(config.items()):
            env |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
        result = subprocess.run(["git", "http-backend"], input=self._body(), capture_output=True, env=env, check=False)
        head, _, body = result.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in ({"Content-Length": str(len(body))} | fields).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def log_message(self, *_: Any) -> None:
        pass
