"""The tutorial as a program: its fenced commands, run in their order in one shell beside the server that it starts."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.faults.harness import ROOT, until

TUTORIAL = ROOT / "docs/tutorial/README.md"
FENCE = re.compile(r"^(?:<!-- test: (\w+) -->\n)?```bash\n(.*?)^```$", re.M | re.S)
MARK = "--- end of block ---"
FOREIGN = ("MUSTER_", "DJANGO", "PYTEST", "DATABASE_URL", "REDIS_URL", "GIT_")


class Block(NamedTuple):
    kind: str  # "run", "server" or "skip"
    commands: str


def blocks() -> list[Block]:
    return [Block(match[1] or "run", match[2]) for match in FENCE.finditer(TUTORIAL.read_text())]


class Reader:
    """A person who follows the tutorial in a fresh home directory. Only the port differs: any free one instead of 8765."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="muster-tut-"))  # short: the path of a Unix socket has at most 107 bytes
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.env |= {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / ".config")}
        self.log = self.home / "up.out"
        self.server: subprocess.Popen[bytes] | None = None
        self.shell: subprocess.Popen[str] | None = None

    def follow(self) -> Iterator[tuple[Block, str]]:
        """Run each block that is not marked `skip`, and yield it with its output. Raises AssertionError for a command that fails."""
        for block in blocks():
            if block.kind == "server":
                self._start(block.commands)
                yield block, self.output
            elif block.kind == "run":
                yield block, self._run(block.commands)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def _start(self, commands: str) -> None:
        with self.log.open("wb") as out:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {commands.strip()} --port 0"],
                cwd=ROOT,
                env=self.env,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until(self._is_ready, 60)

    def _is_ready(self) -> bool:
        assert self.server is not None and self.server.poll() is None, self.output
        return "Muster is running" in self.output

    def _run(self, commands: str) -> str:
        if self.shell is None:
            self.shell = subprocess.Popen(
                ["bash", "-e"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert self.shell.stdin and self.shell.stdout
        port = re.search(r"http://127\.0\.0\.1:(\d+)/", self.output)
        assert port, self.output
        self.shell.stdin.write(commands.replace("127.0.0.1:8765", f"127.0.0.1:{port[1]}") + f"\necho '{MARK}'\n")
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.strip() == MARK:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{commands}\n{''.join(lines)}")

    def close(self) -> None:
        """End everything that was started, and remove the home directory."""
        if self.shell is not None:
            self.shell.kill()
            self.shell.wait()
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)
            self.server.wait(30)
        assert not self.leftovers(), self.leftovers()
        shutil.rmtree(self.home, ignore_errors=True)

    def leftovers(self) -> list[str]:
        """Processes of this reader's home that still run."""
        running = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self.home) and process.status() != psutil.STATUS_ZOMBIE:
                    running.append(" ".join(process.cmdline()))
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return running
