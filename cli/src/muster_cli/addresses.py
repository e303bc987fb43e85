"""The address of a Muster in what a person has copied from a browser."""

from collections.abc import Callable
from urllib.parse import urlsplit

from muster_cli.errors import Problem
from muster_cli.server import Server


def root(address: str, server_at: Callable[[str], Server]) -> str:
    """The part of the address at which a Muster answers: all of it, or without the end of its path. An address without a path stays as it is.
    Raises Problem where none answers."""
    parts = urlsplit(address)
    names = [name for name in parts.path.split("/") if name]
    if not names:
        return address
    for count in range(len(names), -1, -1):
        shorter = "/".join([f"{parts.scheme}://{parts.netloc}", *names[:count]])
        if server_at(shorter).is_a_muster():
            return shorter
    raise no_muster(address)


def no_muster(address: str) -> Problem:
    parts = urlsplit(address)
    hint = f": give its address alone, such as {parts.scheme}://{parts.netloc}" if parts.path else ", but another program."
    return Problem(f"There is no Muster at {address}{hint}")
