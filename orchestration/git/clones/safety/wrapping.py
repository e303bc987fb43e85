"""The command line of git where it reads objects that an agent wrote."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Wrap(Protocol):
    """Makes the command line that runs `argv` inside a sandbox. `readable`: the absolute paths that it must find there, for reading only; it
    needs nothing else but git, no network, and its stdin, stdout and stderr."""

    def __call__(self, argv: Sequence[str], *, readable: Sequence[Path]) -> list[str]: ...


def bare(argv: Sequence[str], *, readable: Sequence[Path]) -> list[str]:
    """Without a sandbox."""
    return list(argv)
