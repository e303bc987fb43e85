"""The real CLIs and SDKs under test: from the folder MUSTER_TEST_CLIS, or installed once, with pinned versions. With MUSTER_TEST_NEWEST each run installs
the newest ones instead."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

NPM = {
    "claude": "@anthropic-ai/claude-code@2.1.332",
    "codex": "@openai/codex@0.171.0",
    "opencode": "opencode-ai@1.18.33",
    "gemini": "@google/gemini-cli@0.61.0",
    "qwen": "@qwen-code/qwen-code@0.24.4",
}
PIP = {"aider": "aider-chat==0.86.2", "mini": "mini-swe-agent==2.4.6"}
SDKS = {
    "python": ("anthropic==2.10.0", "openai==3.51.0", "google-genai==3.3.0"),
    "node": ("@anthropic-ai/sdk@1.14.0", "openai@7.59.0", "@google/genai@3.3.0"),
}
"""The providers' own libraries, by language: those of one are in one folder."""
OIDC = "oidc-provider@9.13.3"
"""A certified provider of OpenID Connect."""
NEWEST = os.environ.get("MUSTER_TEST_NEWEST", "0") not in ("", "0")
# The path of the program in the platform packages; without an install script it is not linked.
NATIVE = {"claude": "@anthropic-ai/claude-code-*/claude", "opencode": "opencode-*/bin/opencode"}
INSTALL_S = 600


def folder(binary: str) -> Path:
    """The folder with this CLI. Skips the test if it is neither there nor installable."""
    if existing := _find(binary):
        return existing
    if "MUSTER_TEST_CLIS" in os.environ:
        pytest.skip(f"MUSTER_TEST_CLIS has no {binary}")
    _install(binary)
    program = _find(binary)
    assert program, f"{binary} was installed, but is not there"
    return program


def sdks(language: str) -> Path:
    """The folder with the SDKs of a language. Skips the test if they are neither there nor installable."""
    if "MUSTER_TEST_CLIS" in os.environ:
        home = Path(os.environ["MUSTER_TEST_CLIS"]) / f"sdks-{language}"
        return home if home.is_dir() else pytest.skip(f"MUSTER_TEST_CLIS has no SDKs for {language}")
    home = _root() / f"sdks-{language}-{'newest' if NEWEST else '-'.join(map(_version, SDKS[language]))}"
    with _one_at_a_time():
        if not (home / "installed").exists():
            _put(home, SDKS[language], by_npm=language == "node")
            (home / "installed").touch()
    return home


def provider() -> Path:
    """The folder with a provider of OpenID Connect. Skips the test if it is neither there nor installable."""
    name = OIDC.split("@")[0]
    if "MUSTER_TEST_CLIS" in os.environ:
        home = Path(os.environ["MUSTER_TEST_CLIS"]) / name
        return home if home.is_dir() else pytest.skip(f"MUSTER_TEST_CLIS has no {name}")
    home = _root() / f"{name}-{'newest' if NEWEST else _version(OIDC)}"
    with _one_at_a_time():
        if not (home / "installed").exists():
            _put(home, [OIDC], by_npm=True)
            (home / "installed").touch()
    return home


def path() -> str:
    """A PATH with all CLIs, there or not yet. Folders that have a Python too come last."""
    first = [place for binary in NPM for place in _places(binary)]
    last = [place for binary in PIP for place in _places(binary)]
    return os.pathsep.join([*dict.fromkeys(map(str, first)), os.environ["PATH"], *dict.fromkeys(map(str, last))])


def _root() -> Path:
    return Path(tempfile.gettempdir()) / f"muster-test-clis-{os.getuid()}"


def _home(binary: str) -> Path:
    """A folder for each version: a new pin is installed beside the old one, which other branches use."""
    return _root() / f"{binary}-{'newest' if NEWEST else _version((NPM | PIP)[binary])}"


def _version(package: str) -> str:
    return re.split("@|==", package)[-1]


def _places(binary: str) -> list[Path]:
    if named := os.environ.get("MUSTER_TEST_CLIS"):
        return [Path(named) / place for place in ("bin", "node_modules/.bin" if binary in NPM else "py/bin", f"{binary}/bin")]
    return [_home(binary) / "bin", *([_home(binary) / "node_modules/.bin"] if binary in NPM else [])]


def _find(binary: str) -> Path | None:
    return next((place for place in _places(binary) if os.access(place / binary, os.X_OK)), None)


def _install(binary: str) -> None:
    home = _home(binary)
    with _one_at_a_time():
        if _find(binary):
            return
        _put(home, [(NPM | PIP)[binary]], by_npm=binary in NPM)
        _link(home, binary)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Later processes use the installation of the first."""
    _root().mkdir(mode=0o700, exist_ok=True)
    with open(_root() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _put(home: Path, packages: Sequence[str], *, by_npm: bool) -> None:
    if by_npm and shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    home.mkdir(exist_ok=True)
    if by_npm:
        names = [f"{package.rpartition('@')[0]}@latest" if NEWEST else package for package in packages]
        _run(
            *("npm", "install", "--prefix", str(home), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"),
            *("--no-package-lock", *names),
        )
    else:  # each in its own environment: their requirements conflict
        names = [package.split("==")[0] if NEWEST else package for package in packages]
        _run(sys.executable, "-m", "venv", str(home))
        _run(str(home / "bin/python"), "-m", "pip", "install", "-q", *names)


def _link(home: Path, binary: str) -> None:
    """Link the build that runs on this machine into `bin`, which is searched first."""
    if binary not in NATIVE:
        return
    for program in sorted((home / "node_modules").glob(NATIVE[binary])):
        if _runs(program):
            (home / "bin").mkdir(exist_ok=True)
            (home / "bin" / binary).symlink_to(program)
            return
    pytest.skip(f"{NPM[binary]} has no {binary} that runs on this machine")


def _runs(program: Path) -> bool:
    try:
        return subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):  # built for another libc or processor
        return False


def _run(*command: str) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_S)
    if done.returncode != 0:
        pytest.skip(f"{' '.join(command[:3])} did not work: {(done.stderr or done.stdout)[-300:]}")


def main() -> None:
    """Install what is missing before the tests begin: an installation may take longer than one test is given. The newest ones are installed anew."""
    for binary in (*NPM, *PIP):
        if NEWEST:
            shutil.rmtree(_home(binary), ignore_errors=True)
        try:
            print(f"{binary}: {folder(binary)}", flush=True)
        except pytest.skip.Exception as reason:
            print(f"{binary}: {reason}", flush=True)
    for language in SDKS:
        try:
            print(f"SDKs for {language}: {sdks(language)}", flush=True)
        except pytest.skip.Exception as reason:
            print(f"SDKs for {language}: {reason}", flush=True)


if __name__ == "__main__":
    main()
