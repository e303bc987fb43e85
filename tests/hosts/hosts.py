"""A host with session workers of its own: another data directory, another host name, and nothing of the first host's files."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.faults.harness import GRACE, ROOT, Running

# In a mount namespace of its own the first host's folders are empty.
_START = """
import os, sys, subprocess
name, *hidden = sys.argv[1:sys.argv.index("--")]
subprocess.run(["mount", "--make-rprivate", "/"], check=True)
for folder in hidden:
    subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
subprocess.run(["hostname", name], check=True)
command = sys.argv[sys.argv.index("--") + 1:]
os.execv(command[0], command)
"""


class SessionHost:
    """`./muster worker` on a host that reaches the first one's database, broker and web server alone."""

    def __init__(self, name: str, folder: Path, home: Running, *, hidden: list[Path], **extra: str) -> None:
        self.name, self.data = name, folder / "data"
        self.data.mkdir(parents=True, mode=0o700)
        self.log = folder / "out"
        self.env = {**home.env, "MUSTER_DATA_DIR": str(self.data), "MUSTER_BASE_URL": f"http://127.0.0.1:{home.port}", **extra}
        self._hidden = [str(path) for path in hidden]
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        worker = [sys.executable, "-m", "config.work", "--queue", "sessions"]
        inside = [sys.executable, "-c", _START, self.name, *self._hidden, "--", *worker]
        with open(self.log, "ab") as out:
            command = ["unshare", "--map-root-user", "--uts", "--mount", *inside]
            return subprocess.Popen(command, cwd=ROOT, env=self.env, stdout=out, stderr=out, start_new_session=True)

    def work(self, action: str) -> None:
        """`./muster worker drain` or `resume` there."""
        command = [sys.executable, "-m", "config.work", action]
        subprocess.run(command, cwd=ROOT, env=self.env, check=True, capture_output=True, timeout=60)

    def vanish(self) -> None:
        """As if its power was cut: every process there dies at once."""
        for process in self._processes():
            os.kill(process, signal.SIGKILL)
        self.process.wait(20)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30 + GRACE)
            except subprocess.TimeoutExpired:
                self.vanish()

    def _processes(self) -> list[int]:
        mark = f"MUSTER_DATA_DIR={self.data}".encode()
        pids = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0") or self._is_agent(folder):
                    pids.append(int(folder.name))
            except OSError:
                continue
        return pids

    def _is_agent(self, folder: Path) -> bool:
        """Its environment does not name the data directory, but it works there."""
        return str((folder / "cwd").resolve()).startswith(str(self.data))
