"""The commands of the package in `cli/`, on the server itself: `./muster status` and its siblings, with a token that this host has made for itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from config.system import default_workspace, env

LOGIN_NEEDED = 4
"""The exit code of the package where a token is missing or no longer valid."""
CHOSEN = ("MUSTER_URL", "MUSTER_TOKEN", "MUSTER_PROFILE")
NAME = "./muster on this host"


def main(arguments: list[str]) -> int:
    """`arguments`: the Python that has the package, the caller's folder, and the words after `./muster`."""
    python, folder, *words = arguments
    names_a_server = any(os.environ.get(name) for name in CHOSEN) or any(word.startswith("--profile") for word in words)
    if names_a_server or {"-h", "--help"} & set(words):
        return _run(python, folder, words, {})
    code = _run(python, folder, words, _own())
    if code == LOGIN_NEEDED:  # the token was revoked, or is of another database
        _file().unlink(missing_ok=True)
        code = _run(python, folder, words, _own())
    return code


def _run(python: str, folder: str, words: list[str], own: dict[str, str]) -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the command gets it too, and ends in its own manner
    # -P: else Python would import what lies in the caller's folder
    command, environ = [python, "-P", "-m", "muster_cli", *words], {**os.environ, **own}
    child = subprocess.Popen(command, cwd=folder, env=environ, preexec_fn=_usual_signals)
    code = child.wait()
    return 128 - code if code < 0 else code


def _usual_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _own() -> dict[str, str]:
    """The address of this server, the token, and the file of the default workspace."""
    kept = str(default_workspace.file())
    return {"MUSTER_URL": env.base_url(), "MUSTER_TOKEN": _token(), "MUSTER_DEFAULT_WORKSPACE_FILE": kept}


def _file() -> Path:
    return env.data_dir() / "terminal-token"


def _token() -> str:
    """The token of the file; a new one where there is none. It opens nothing to those who can read the data directory: its database and its key are there too."""
    try:
        if token := _file().read_text().strip():
            return token
    except FileNotFoundError:
        pass
    created = subprocess.run(
        [sys.executable, "-m", "manage", "token", "create", NAME], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    if created.returncode != 0:
        sys.exit(created.stderr or f"muster: no token could be made in {env.data_dir()}")
    unfinished = _file().with_suffix(f".{os.getpid()}")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(created.stdout.strip())
    unfinished.replace(_file())
    return created.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
