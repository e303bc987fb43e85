"""The number of this release, which the file VERSION holds, and the releases that may run beside it.

Two releases may run side by side if their first two numbers are equal and their last ones differ by one at most: 0.2.0 beside 0.2.1, not
beside 0.2.2 nor 0.3.0. Releases before 0.2.0 wrote no number, and run beside none.
"""

import re
from pathlib import Path

NUMBER = (Path(__file__).resolve().parents[2] / "VERSION").read_text().strip()


def _parsed(number: str) -> tuple[int, int, int] | None:
    """The three parts of a release's number. None: it is no such number."""
    match = re.fullmatch(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", number)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def compatible_with(number: str) -> tuple[str, ...]:
    """The numbers of the releases that may run beside this one, itself among them. Raises ValueError where it is no number of a release."""
    if (parsed := _parsed(number)) is None:
        raise ValueError(f"{number!r} is no number of a release, such as 0.2.0")
    major, minor, last = parsed
    return tuple(f"{major}.{minor}.{each}" for each in range(max(last - 1, 0), last + 2))


COMPATIBLE = compatible_with(NUMBER)


def number() -> str:
    """A default of columns: a migration names this function, and not the number of its day."""
    return NUMBER


def why_incompatible(other: str, mine: str = NUMBER) -> str:
    """The reason why a worker of the release `other` gets nothing from a server of this one, and what to do, as a sentence. Empty: it may
    work."""
    if other in compatible_with(mine):
        return ""
    theirs, ours = _parsed(other), _parsed(mine)
    if theirs is not None and ours is not None and theirs > ours:
        return (
            f"Its Muster is {other}, too new for {mine}: it gets no sessions. Update the web server and the control worker first"
        )
    known = f"is {other}" if theirs is not None else "is older than 0.2.0"
    return f"Its Muster {known}, too old for {mine}: it gets no sessions. Update it, and restart its session worker"
