"""The messages that `up` prints."""

import signal
from pathlib import Path

from config.system import env
from config.up.children import Child


class Failed(Exception):
    """`up` cannot start. The text says why, and what to do."""


def report(text: str) -> None:
    print(text, flush=True)


def welcome(base: str, login: str, data: Path) -> str:
    """`login`: the path of a login link, or ""."""
    lines = [f"\nMuster is running at  {base}/"]
    if login:
        lines += [
            f"Log in once with      {base}{login}",
            f"  (valid for an hour; another: {muster_command(data)} manage login_link)",
        ]
    return "\n".join([*lines, f"Data and logs in      {data}", "Ctrl-C ends it.\n"])


def cause_of_end(child: Child) -> str:
    code = (child.process.returncode if child.process else 0) or 0
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def with_log(sentence: str, child: Child) -> str:
    return "\n".join([sentence, f"Last lines of {child.log}:", *(f"  {line}" for line in child.last_lines())])


def muster_command(data: Path) -> str:
    """The call of `./muster` for this data directory."""
    default = Path(env.VARIABLES["MUSTER_DATA_DIR"].default).expanduser().resolve()
    return "./muster" if data == default else f"./muster --data-dir {data}"
