"""The real CLIs under test: from the folder MUSTER_TEST_CLIS, or installed once, with pinned versions."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

NPM = {
    "claude": "@anthropic-ai/claude-code@2.1.197",
    "codex": "@openai/codex@0.169.0",
    "opencode": "opencode-ai@1.18.33",
    "gemini": "@google/gemini-cli@0.61.0",
    "qwen": "@qwen-code/qwen-code@0.15.10",
}
PIP = {"aider": "aider-chat==0.86.2", "mini": "mini-swe-agent==2.4.6"}
# The path of the program in the platform packages; without an install script it is not linked.
NATIVE = {"claude": "@anthropic-ai/claude-code-*/claude", "opencode": "opencode-*/bin/opencode"}
INSTALL_S = 600


def folder(binary: str) -> Path:
    """The folder with this CLI. Skips the test if it is neither there nor installable."""
    named, root = os.environ.get("MUSTER_TEST_CLIS"), _root()
    if existing := _find(root, binary):
        return existing
    if named:
        pytest.skip(f"MUSTER_TEST_CLIS has no {binary}")
    _install(root, binary)
    return _find(root, binary) or pytest.skip(f"{binary} was installed, but is not there")


def path() -> str:
    """A PATH with all CLIs, there or not yet. Folders that have a Python too come last."""
    root = _root()
    first = [root / "bin", root / "node_modules/.bin", *(root / binary / "bin" for binary in NPM)]
    last = [root / "py/bin", *(root / binary / "bin" for binary in PIP)]
    return os.pathsep.join([*map(str, first), os.environ["PATH"], *map(str, last)])


def _root() -> Path:
    named = os.environ.get("MUSTER_TEST_CLIS")
    return Path(named) if named else Path(tempfile.gettempdir()) / f"muster-test-clis-{os.getuid()}"


def _find(root: Path, binary: str) -> Path | None:
    places = (root / "bin", root / "node_modules/.bin", root / "py/bin", root / binary / "bin")
    return next((place for place in places if os.access(place / binary, os.X_OK)), None)


def _install(root: Path, binary: str) -> None:
    """One process at a time; later ones use the first one's installation."""
    if binary in NPM and shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    root.mkdir(mode=0o700, exist_ok=True)
    with open(root / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _find(root, binary):
            return
        if binary in NPM:
            _run(
                *("npm", "install", "--prefix", str(root), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"),
                *("--no-package-lock", *_kept(root), NPM[binary]),
            )
            _link(root, binary)
        else:  # each in its own environment: their requirements conflict
            _run(sys.executable, "-m", "venv", str(root / binary))
            _run(str(root / binary / "bin/python"), "-m", "pip", "install", "-q", PIP[binary])


def _link(root: Path, binary: str) -> None:
    """Link the build that runs on this machine into `bin`, which is searched first."""
    if binary not in NATIVE:
        return
    for program in sorted((root / "node_modules").glob(NATIVE[binary])):
        if _runs(program):
            (root / "bin").mkdir(exist_ok=True)
            (root / "bin" / binary).symlink_to(program)
            return
    pytest.skip(f"{NPM[binary]} has no {binary} that runs on this machine")


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):  # built for another libc or processor
        return False


def _kept(root: Path) -> list[str]:
    """The installed packages: npm would remove those that a later install does not name."""
    return [package for binary, package in NPM.items() if _find(root, binary)]


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command[:3])} did not work: {(done.stderr or done.stdout)[-300:]}")


def main() -> None:
    """Install what is missing before the tests begin: an installation may take longer than one test is given."""
    for binary in (*NPM, *PIP):
        try:
            print(f"{binary}: {folder(binary)}", flush=True)
        except pytest.skip.Exception as reason:
            print(f"{binary}: {reason}", flush=True)


if __name__ == "__main__":
    main()
