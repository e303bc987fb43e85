"""Stops on a full disk, through a complete Muster on a small one of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.harness import ROOT

pytestmark = pytest.mark.needs_namespaces

SCRIPT = 'mount -t tmpfs -o size=64m tmpfs "$1" && exec "$3" -m tests.faults.full_disk "$1/data" "$2"'


def test_stops_work_while_the_disk_is_filled(tmp_path: Path) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "folder"
    disk.mkdir()
    folder.mkdir()
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        SCRIPT,
        "sh",
        str(disk),
        str(folder),
        sys.executable,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
