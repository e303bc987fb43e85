"""Two lines of work in one tree: merged without a working copy, and the conflicts in it remembered until somebody resolved them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.git import command as git
from orchestration.git.command import GitError

TRAILER = "Muster-Conflict"
MARKER = "^(<{7}|>{7}) "
MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class Tree:
    """`files`: those that both sides changed, in the tree with both sides between markers where they are text. `notes`: git's words on it."""

    sha: str
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merged(repo: Path, ours: str, theirs: str) -> Tree:
    """What a merge of two commits would give."""
    command = ("merge-tree", "--write-tree", "-z", "--name-only", ours, theirs)
    code, output, errors = git.attempt(repo, *command)
    if code not in (0, 1):
        raise GitError(command, errors)
    sha, *told = output.split("\0")
    if code == 0:
        return Tree(sha)
    end = told.index("")
    return Tree(sha, sorted(set(told[:end])), _notes(told[end + 1 :]))


def message(text: str, files: Sequence[str]) -> str:
    """A commit message that remembers in which files the commit holds a conflict."""
    named = [f"{TRAILER}: {name}" for name in files if "\n" not in name]
    return "\n\n".join([text.strip(), "\n".join(named)]) if named else text


def unresolved(path: Path, since: str) -> list[str]:
    """Of the files in which a commit since then held a conflict those that still do."""
    told = git.run(path, "log", f"--format=%(trailers:key={TRAILER},valueonly,separator=%x0A)", f"{since}..HEAD")
    names = sorted({name for name in told.split("\n") if name})
    if not names:
        return []
    code, found, errors = git.attempt(path, "grep", "-l", "-z", "-E", "-e", MARKER, "HEAD", "--", *names)
    if code not in (0, 1):
        raise GitError("grep", errors)
    return sorted(name.removeprefix("HEAD:") for name in found.split("\0") if name)


def _notes(told: list[str]) -> list[str]:
    """Git's messages: each is the number of paths, these, a kind, and a text. Only those on conflicts are news."""
    notes = []
    while told and told[0].isdigit():
        paths = int(told[0])
        kind, text = told[paths + 1 : paths + 3]
        if kind.startswith("CONFLICT"):
            notes.append(text.strip())
        told = told[paths + 3 :]
    return notes[:MOST_NOTES]
