"""Commits in the store that join two lines of work."""

from collections.abc import Sequence

from orchestration.git import changes, conflicts, history
from orchestration.git.clones.store.stores import Store


def contains(store: Store, tip: str, commit: str) -> bool:
    return history.contains(store.path, tip, commit, env=store.env())


def joined(store: Store, ours: str, here: str) -> str:
    """A commit that contains both. If they conflict, its files are those of `here`; the other version stays in the history."""
    if contains(store, here, ours):
        return here
    if contains(store, ours, here):
        return ours
    tree = tree_of(store, here)
    if store.succeeds("merge-base", ours, here):
        merge = conflicts.merge_trees(store.path, ours, here, env=store.env())
        tree = tree if merge.files else merge.sha
    return commit_tree(store, tree, [ours, here], "Bring back work done outside the branch")


def caught_up(store: Store, tip: str, integrated: str, name: str, *, leave_conflicts: bool) -> tuple[str, list[str]]:
    """The entry's work with what others landed, in one commit that no crash can split, and git's messages on conflicts that are in its files
    now. If it conflicts: `tip` as it was, unless conflicts may be left (else the final merge reports them)."""
    if contains(store, tip, integrated):
        return tip, []
    if contains(store, integrated, tip):
        return integrated, []
    merge = conflicts.merge_trees(store.path, tip, integrated, env=store.env())
    if merge.files and not leave_conflicts:
        return tip, []
    message = conflicts.message_with_conflicts(f"Merge {name}", merge.files)
    return commit_tree(store, merge.sha, [tip, integrated], message), merge.notes


def commit_tree(store: Store, tree: str, parents: Sequence[str], message: str) -> str:
    options = [option for parent in parents for option in ("-p", parent)]
    commit = store.run("commit-tree", tree, *options, "-F", "-", text=message)
    changes.remember_tree(commit, tree)
    return commit


def tree_of(store: Store, commit: str) -> str:
    return changes.tree_of(store.path, commit, env=store.env())
