"""Addresses that processes share. Standard library only, since `up` imports it."""

import os
import socket
from pathlib import Path

MAX_UNIX_PATH = 100  # the kernel's limit is 107 bytes; Valkey adds a suffix to the name while it binds


def is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket with TCP_NODELAY, which asyncio sets only on sockets that it creates: without it the second segment of a
    response waits 40 ms for the client's acknowledgement of the first."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def address(host: str, port: int) -> str:
    """The URL for a host to bind to; loopback for a wildcard."""
    reached = "127.0.0.1" if host in ("0.0.0.0", "::", "localhost") else host
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def valkey_socket(data_dir: Path) -> Path:
    """The embedded Valkey's socket: in the data directory, or in a private folder when that path is too long for a socket.

    Every process of one data directory computes the same path, also processes that `up` did not start.
    """
    usual = data_dir / "valkey.sock"
    if len(os.fsencode(usual)) <= MAX_UNIX_PATH:
        return usual
    import hashlib  # rarely needed, and `up` stays small without it

    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path("/tmp") / f"muster-{os.getuid()}-{name}" / "valkey.sock"


def valkey_password_file(data_dir: Path) -> Path:
    """The embedded Valkey's configuration: its password, which stands in no command line."""
    return data_dir / "valkey.conf"


def valkey_url(data_dir: Path) -> str:
    """The embedded Valkey's address, with its password where there is one."""
    try:
        password = valkey_password_file(data_dir).read_text().removeprefix("requirepass ").strip()
    except OSError:
        password = ""
    return f"unix://{f':{password}@' if password else ''}{valkey_socket(data_dir)}"


def keep_private(folder: Path) -> str:
    """Create the data directory, or take it from others if it was open to them. Returns the sentence about a change, or why there is none."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = folder.stat().st_mode & 0o777
    if not mode & 0o077:
        return ""
    try:
        folder.chmod(0o700)
    except OSError as problem:
        return f"{folder} is open to other users ({mode:04o}), and cannot be closed ({problem.strerror}): its owner must run chmod 700"
    return f"{folder} was open to other users ({mode:04o}): only its owner can read it now (0700)"


def make_private(folder: Path) -> None:
    """Create a folder that only this user can access. Raises PermissionError where another user created it first, as in /tmp."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} must be a folder that only this user can read and write")
