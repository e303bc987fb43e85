"""Everything that an agent left in a clone, as one commit of the store: its own commits, and what it did not commit."""

from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from orchestration.git import conflicts
from orchestration.git.clones import agent_git, delivery, files
from orchestration.git.clones.agent_git import AgentGit
from orchestration.git.clones.safety.records import State
from orchestration.git.clones.safety.wrapping import Wrap
from orchestration.git.clones.store import importing, joining
from orchestration.git.clones.store.importing import Refused
from orchestration.git.clones.store.stores import Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Work:
    """`tip`: all of it. `in_files`: the commit whose files are there now. `is_astray`: the agent left its branch."""

    tip: str
    in_files: str
    is_astray: bool
    findings: tuple[str, ...] = ()


def gather(store: Store, path: Path, branch: str, state: State, message: str, wrap: Wrap, max_bytes: int) -> Work:
    """Commit all changes, new files included, ignored and larger ones excluded, on top of what the agent committed. What it had on its branch and what
    it has elsewhere is joined; a half-done rebase is undone, a half-done merge is kept. Raises GitError."""
    theirs, findings = _taken_over(store, path, branch, state, wrap)
    here = theirs.head
    if theirs.is_rebasing:  # the commits that it was moving are still on the branch
        files.begin_from(store, path, here)
        here = theirs.branch_tip
        files.put(store, path, here)
    elif here != state.tip:
        files.begin_from(store, path, here)
    tree, problems = files.record_all(store, path, here, max_bytes)
    new, has_moved = here, theirs.head != state.tip or theirs.branch_tip != state.tip
    if tree != joining.tree_of(store, here) or theirs.merges:
        conflicted = [] if agent_git.index_identity(path) == state.placed else agent_git.unmerged(path, sha_bytes=len(here) // 2)
        text = conflicts.message_with_conflicts(message, [] if theirs.is_rebasing else conflicted)
        new = joining.commit_tree(store, tree, [here, *theirs.merges], text)
    tip = new
    if theirs.is_astray or theirs.is_rebasing:
        tip = joining.joined(store, theirs.branch_tip, tip)
    if has_moved:
        tip = joining.joined(store, state.base, tip)
        if not joining.contains(store, tip, state.tip):
            delivery.keep(store, path, state.tip)
    return Work(tip, new, theirs.is_astray or theirs.is_rebasing, (*findings, *problems))


def _taken_over(store: Store, path: Path, branch: str, state: State, wrap: Wrap) -> tuple[AgentGit, tuple[str, ...]]:
    """Take the agent's own commits into the store. Returns the state of its .git, and findings. If they are refused, only the files count."""
    theirs = agent_git.read(path, branch)
    known = list(dict.fromkeys([state.tip, state.base]))
    findings: tuple[str, ...] = ()
    if commits := sorted(theirs.commits() - set(known)):
        try:
            importing.take(store, path, commits, known=known, wrap=wrap)
        except Refused as problem:
            log.warning("commits.refused", path=str(path), problem=str(problem))
            findings = (f"commits_refused: {problem}. The files were kept: commit them again on your own branch",)
            theirs = AgentGit()
    own = theirs.branch_tip or state.tip
    return replace(theirs, head=theirs.head or own, branch_tip=own), findings
