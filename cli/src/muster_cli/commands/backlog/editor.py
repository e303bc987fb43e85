"""A text in the person's own editor."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from muster_cli.errors import Problem, Usage


@contextmanager
def edited(text: str) -> Iterator[str]:
    """The text after the editor has closed, without blank ends. Its file is kept where the use of it raises a Problem, which then names it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("Name what to change, such as --text or --priority: only on a terminal an editor opens.")
    path = _write(text)
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        code = subprocess.call([*shlex.split(editor), str(path)])
    except (OSError, ValueError) as problem:
        path.unlink()
        raise Problem(f"The editor {editor} cannot be started: {problem}. Set EDITOR.") from None
    if code:
        raise Problem(f"The editor {editor} failed: nothing was changed. Your text is in {path}")
    try:
        yield path.read_text(encoding="utf-8").strip()
    except Problem as problem:
        problem.args = (f"{problem} Your text is in {path}",)
        raise
    path.unlink()


def _write(text: str) -> Path:
    number, name = tempfile.mkstemp(prefix="muster-", suffix=".md")
    with open(number, "w", encoding="utf-8") as file:
        file.write(text.rstrip("\n") + "\n")
    return Path(name)
