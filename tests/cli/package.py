"""The package of cli/ as the tests use it: its client is generated once for each document, into a folder beside the other temporary files."""

import fcntl
import hashlib
import importlib.util
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

CLI = Path(__file__).resolve().parents[2] / "cli"
SOURCE = CLI / "src"


def generator() -> ModuleType:
    """cli/generate.py, which the build runs."""
    spec = importlib.util.spec_from_file_location("muster_cli_generate", CLI / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def client() -> Path:
    """The folder that has muster_client."""
    parts = [(CLI / name).read_bytes() for name in ("openapi.json", "generate.py")]
    root = Path(tempfile.gettempdir()) / f"muster-test-client-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    home = root / hashlib.sha256(b"".join(parts)).hexdigest()[:16]
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "written").exists():
            home.mkdir(exist_ok=True)
            generator().write_client(CLI / "openapi.json", home / "muster_client")
            (home / "written").touch()
    return home


def importable() -> None:
    """Let this process import muster_cli and muster_client."""
    for folder in (str(SOURCE), str(client())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
