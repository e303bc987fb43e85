"""Questions before something that cannot be taken back."""

import sys
from typing import Annotated

import typer

from muster_cli.errors import Problem, Usage
from muster_cli.output import printable

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def confirm(question: str, *, yes: bool) -> None:
    """Return if the person agrees. Without a terminal only --yes does."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Usage("Without a terminal this needs --yes.")
    sys.stderr.write(f"{printable(question)} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Problem("Nothing was done.")
