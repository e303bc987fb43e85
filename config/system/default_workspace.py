"""The default workspace of `./muster` on this host: the package in `cli/` reads and writes the same file."""

import os
from pathlib import Path

from config.system import env


def file() -> Path:
    return env.data_dir() / "terminal-workspace"


def read() -> str:
    """Its id. Empty: there is none."""
    try:
        return file().read_text().strip()
    except FileNotFoundError:
        return ""


def keep(workspace_id: str) -> None:
    unfinished = file().with_suffix(f".{os.getpid()}")
    unfinished.write_text(f"{workspace_id}\n")
    unfinished.replace(file())
