"""Merges without a working copy. Conflicts are committed between markers and recorded in the commit message until they are resolved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.git import command as git
from orchestration.git import history, places
from orchestration.git.command import GitError

TRAILER = "Muster-Conflict"
MARKER = "^(<{7}|>{7}) "
MAX_NOTES = 20
MAX_MERGES = 256


@dataclass(frozen=True, slots=True)
class MergedTree:
    """`files`: those in conflict; text files contain both sides between markers. `notes`: git's conflict messages."""

    sha: str
    files: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


_merges: dict[tuple[str, str], MergedTree] = {}
"""A session and its lander merge the same commits, one after the other."""


def merge_trees(repo: Path, ours: str, theirs: str, *, env: Mapping[str, str] | None = None) -> MergedTree:
    """The tree that a merge of two commits gives; changes no branch. `env`: added to git's environment."""
    if env is None and (known := _merges.get((ours, theirs))) is not None and places.has_loose(repo, known.sha):
        return known
    merge = _merged(repo, ours, theirs, env=env)
    if len(ours) == len(theirs) == len(merge.sha):  # whole hashes, no names
        if len(_merges) >= MAX_MERGES:
            _merges.clear()
        _merges[ours, theirs] = merge
    return merge


def revert_trees(repo: Path, tip: str, commit: str) -> MergedTree:
    """The tree of a commit that undoes another one on top of `tip`; of a merge commit, what it brought to its first parent."""
    return _merged(repo, tip, f"{commit}^1", f"--merge-base={commit}")


def _merged(repo: Path, ours: str, theirs: str, *options: str, env: Mapping[str, str] | None = None) -> MergedTree:
    command = ("merge-tree", "--write-tree", "-z", "--name-only", *options, ours, theirs)
    code, output, errors = git.attempt(repo, *command, env=env)
    if code not in (0, 1):
        raise GitError(command, errors)
    sha, *fields = output.split("\0")
    if code == 0:
        return MergedTree(sha)
    end = fields.index("")
    return MergedTree(sha, sorted(set(fields[:end])), _notes(fields[end + 1 :]))


def message_with_conflicts(text: str, files: Sequence[str]) -> str:
    """The commit message with a trailer for each file that contains a conflict."""
    trailers = [f"{TRAILER}: {name}" for name in files if "\n" not in name]
    return "\n\n".join([text.strip(), "\n".join(trailers)]) if trailers else text


def unresolved(repo: Path, since: str, until: str) -> list[str]:
    """The files with a conflict in a commit after `since` that still contain its markers in `until`."""
    if not history.may_mention(repo, since, until, TRAILER):
        return []
    trailers = git.run(repo, "log", f"--format=%(trailers:key={TRAILER},valueonly,separator=%x0A)", f"{since}..{until}")
    names = sorted({name for name in trailers.split("\n") if name})
    if not names:
        return []
    code, output, errors = git.attempt(repo, "grep", "-l", "-z", "-E", "-e", MARKER, until, "--", *names)
    if code not in (0, 1):
        raise GitError("grep", errors)
    return sorted(name.removeprefix(f"{until}:") for name in output.split("\0") if name)


def _notes(fields: list[str]) -> list[str]:
    """Git's conflict messages. Each message is the number of its paths, the paths, a kind, and a text; other kinds are left out."""
    notes = []
    while fields and fields[0].isdigit():
        paths = int(fields[0])
        kind, text = fields[paths + 1 : paths + 3]
        if kind.startswith("CONFLICT"):
            notes.append(text.strip())
        fields = fields[paths + 3 :]
    return notes[:MAX_NOTES]
