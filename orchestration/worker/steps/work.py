"""The work of a round, read once from its commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.backlog.files import paths
from orchestration.git import changes, conflicts
from orchestration.git.changes import Changes
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.steps import protected_files

MAX_READ = 20_000_000  # bytes of its history, searched for secrets


@dataclass(frozen=True)
class Work:
    """The work of a round, with the evidence against it."""

    base: str
    commit: str
    tree: str
    changes: Changes
    unnamed: list[str]  # changed files outside the entry's own
    tampered: list[str]  # judging files of these
    leaked: list[str]  # names of secrets in it or its history
    unresolved: list[str]  # files with conflict markers


def read(bench: SessionBench, base: str, commit: str, *, named: Sequence[str], protected: Sequence[str]) -> Work:
    """Read the work of a commit. The entry's named files are no tampering; the base commit's judging files are protected."""
    repo = bench.repo
    changed = changes.between(repo, base, commit)
    unnamed = paths.outside(named, changed.files)
    text = changes.added_text(repo, base, commit, limit_bytes=MAX_READ)
    return Work(
        base,
        commit,
        changes.tree_of(repo, commit),
        changed,
        unnamed,
        tampered=protected_files.tampered(unnamed, at_base=protected, patterns=bench.config.protected),
        leaked=bench.mask.names_in(text),
        unresolved=conflicts.unresolved(repo, base, commit),
    )
