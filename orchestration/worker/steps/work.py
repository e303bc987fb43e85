"""The work of a round, read once from its commit."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.backlog.files import paths
from orchestration.git import changes, conflicts
from orchestration.git.changes import Changes
from orchestration.worker.preparing.workbench import SessionBench
from orchestration.worker.steps import protected_files

MAX_READ = 20_000_000  # bytes of its history that are searched for secrets


@dataclass(frozen=True)
class Work:
    """`unnamed`: changed files that the entry does not name. `tampered`: those of them that judge the work. `leaked`: the names of secrets in it or
    its history. `unresolved`: files with a conflict that is not resolved."""

    base: str
    commit: str
    tree: str
    changes: Changes
    unnamed: list[str]
    tampered: list[str]
    leaked: list[str]
    unresolved: list[str]


def read(bench: SessionBench, base: str, commit: str, *, named: Sequence[str], protected: Sequence[str]) -> Work:
    """`named`: the files that the entry names. `protected`: those of the base commit that judge the work."""
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
