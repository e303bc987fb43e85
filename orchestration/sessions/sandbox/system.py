"""The part of the host that every sandbox shows: programs, libraries, and the settings in /etc that every user may read."""

import os
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from orchestration.processes import sandbox_probe
from orchestration.processes.sandbox import Link, Mount, is_in

ETC = [
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "chromium",
    "chromium.d",
    "debian_version",
    "fonts",
    "gai.conf",
    "gitconfig",
    "group",
    "host.conf",
    "hosts",
    "inputrc",
    "java-11-openjdk",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "locale.alias",
    "locale.conf",
    "localtime",
    "login.defs",
    "lsb-release",
    "machine-id",
    "magic",
    "magic.mime",
    "maven",
    "mime.types",
    "mke2fs.conf",
    "netconfig",
    "networks",
    "nodejs",
    "npmrc",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "perl",
    "php",
    "pip.conf",
    "pki",
    "profile",
    "profile.d",
    "protocols",
    "python3",
    "R",
    "redhat-release",
    "resolv.conf",
    "rpc",
    "services",
    "shells",
    "ssl",
    "terminfo",
    "timezone",
    "vimrc",
    "xdg",
]


@lru_cache(maxsize=1)
def mounts() -> tuple[Mount | Link, ...]:
    return (*sandbox_probe.base_system(), *_settings())


def _settings() -> Iterator[Mount]:
    """Resolved: /etc/resolv.conf often leads to a folder below /run."""
    for name in ETC:
        path = f"/etc/{name}"
        real = os.path.realpath(path)
        try:
            mode = os.stat(real).st_mode
        except OSError:
            continue
        if mode & stat.S_IROTH:
            yield Mount(real, path)
    for path in _python_settings():
        yield Mount(path, path)


def _python_settings() -> list[str]:
    return sorted(str(path) for path in Path("/etc").glob("python3.*") if path.is_dir())


def is_shown(path: str) -> bool:
    """True if every sandbox shows this path."""
    return any(is_in(path, item.target) for item in mounts() if isinstance(item, Mount))
