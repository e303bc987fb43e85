"""An entry's clone: prepared for a session, its work taken over, and discarded once nothing can be lost."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from orchestration.git import branches, conflicts, large_files, unsupported
from orchestration.git import command as git
from orchestration.git.clones import adopting, agent_git, delivery, files, gathering, gitdirs, submodules
from orchestration.git.clones.gathering import Work
from orchestration.git.clones.safety import untrusted
from orchestration.git.clones.safety.records import Record, State
from orchestration.git.clones.safety.wrapping import Wrap, bare
from orchestration.git.clones.store import joining, stores, tags
from orchestration.git.clones.store.stores import Store
from orchestration.git.command import GitError
from orchestration.git.prepared import Committed, Prepared


@dataclass(frozen=True, slots=True)
class Clone:
    """`path`: its folder. `branch`: the entry's, in the user's repository. `wrap`: how git is started on what an agent wrote."""

    store: Store
    path: Path
    branch: str
    wrap: Wrap = bare

    @property
    def record(self) -> Record:
        return Record.of(self.path)

    @property
    def exists(self) -> bool:
        return untrusted.is_folder(self.path) and self.record.read() is not None


def prepare(clone: Clone, integrated: str, name: str, *, leave_conflicts: bool) -> Prepared:
    """Make it, or recover it, with the commit `integrated` merged in if that merges cleanly; `leave_conflicts`: or with the conflicts in its
    files. `name`: of the integration branch. Call it only while no agent of the entry is running. Raises GitError."""
    repo = clone.store.repo
    branches.refuse_if_checked_out(repo, clone.branch, except_in=clone.path)
    theirs = branches.tip(repo, clone.branch) or branches.NO_REF
    needed = [integrated, theirs] if theirs else [integrated]
    return stores.using(clone.store, needed, lambda: _prepare(clone, integrated, theirs, name, leave_conflicts=leave_conflicts))


def _prepare(clone: Clone, integrated: str, theirs: str, name: str, *, leave_conflicts: bool) -> Prepared:
    store = clone.store
    unsupported.refuse(store.path, integrated, env=store.env())
    tags.follow(store, integrated)
    stores.follow_excluded(store)
    if clone.record.read() is None:
        adopting.adopt(store, clone.path, tip=theirs or integrated, base=integrated, base_name=name)
    state = _recovered(clone, theirs, integrated)
    own = state.tip if state else ""
    tip = joining.joined(store, theirs, own) if theirs and own else theirs or own
    notes = list[str]()
    if not tip:
        new = integrated
    else:
        new, notes = joining.caught_up(store, tip, integrated, name, leave_conflicts=leave_conflicts)
    is_there = clone.exists
    if not is_there:
        _make_room(clone.path)
    elif own != new and not _move(clone, own, State(new, integrated, name, theirs)):
        new, notes = tip, []  # a file that is ignored is in the way: handled like a conflict
        _put(clone, State(new, integrated, name, theirs))
    if not is_there:
        _put(clone, State(new, integrated, name, theirs))
    new = delivery.move_branch(store, clone.path, clone.branch, new, before=theirs, base=integrated)
    base = store.run("merge-base", new, integrated) if tip else integrated
    _hand_out(clone, State(new, base, name, new))
    missing = submodules.put(store, clone.path, new)
    unresolved = conflicts.unresolved(store.repo, base, new) if tip and not notes else []
    return Prepared(
        clone.path, clone.branch, base, not tip, new, conflicts=tuple(notes), unresolved=tuple(unresolved), missing=tuple(missing)
    )


def commit(clone: Clone, message: str, *, max_bytes: int) -> Committed:
    """Take over all work in it but larger files, wherever an agent has left HEAD. Raises GitError."""
    state = clone.record.read()
    if state is None or not untrusted.is_folder(clone.path):
        raise GitError("commit", f"{clone.path} is no working copy")
    before, findings = state.delivered, tuple[str, ...]()
    if not state.is_moving:
        work = _gathered(clone, state, message, max_bytes)
        findings = work.findings
        if work.tip == work.in_files == state.tip == state.delivered and not work.is_astray:
            return Committed(state.delivered, findings)
        state = replace(state, tip=work.tip, is_moving=True)
        clone.record.write(state)
        if work.tip != work.in_files:
            files.put(clone.store, clone.path, work.tip)
    else:
        files.put(clone.store, clone.path, state.tip)
    try:
        tip = delivery.move_branch(clone.store, clone.path, clone.branch, state.tip, before=before, base=state.base)
    except GitError:
        _hand_out(clone, state)  # it stays here until the branch can be moved
        raise
    if tip != state.tip:
        files.put(clone.store, clone.path, tip)
    _hand_out(clone, replace(state, tip=tip, delivered=tip))
    return Committed(tip, findings)


def uncommitted(clone: Clone) -> list[str]:
    """New and changed files that are not ignored."""
    return files.others(clone.store, clone.path, "--modified")


def discard(clone: Clone) -> bool:
    """Remove it; the branch stays. False: it stays, because it has work that exists nowhere else. Raises GitError."""
    state = clone.record.read()
    if untrusted.is_folder(clone.path):
        if state is None or not _is_safe(clone, state):
            return False
        aside = clone.record.folder / "removed"  # at once: files that a crash left missing would count as deleted
        untrusted.remove(aside)
        clone.path.rename(aside)
    clone.record.remove()
    return True


def _is_safe(clone: Clone, state: State) -> bool:
    theirs = agent_git.read(clone.path, clone.branch)
    if theirs.commits() - {state.tip} or theirs.is_rebasing or state.is_moving:
        return False
    if files.others(clone.store, clone.path, "--modified", "--deleted"):
        return False
    if branches.tip(clone.store.repo, clone.branch) == state.tip:
        return True
    refs = ("refs/heads", "refs/tags", "refs/muster")
    code, containing, _ = git.attempt(clone.store.repo, "for-each-ref", "--count=1", f"--contains={state.tip}", *refs)
    return code == 0 and bool(containing)


def _recovered(clone: Clone, theirs: str, integrated: str) -> State | None:
    """Its state with all work in it committed. None: nothing is known of it."""
    store, state = clone.store, clone.record.read()
    if state is None:
        return None
    if state.tip != theirs and store.attempt("cat-file", "-e", f"{state.tip}^{{commit}}")[0]:
        if not untrusted.is_folder(clone.path):
            return None
        state = replace(
            state, tip=theirs or integrated, base=integrated, delivered=theirs, is_moving=False
        )  # the store was made anew
        files.begin_from(store, clone.path, state.tip)
    if not untrusted.is_folder(clone.path):
        return state
    if state.is_moving:
        files.put(store, clone.path, state.tip)
        return state
    work = _gathered(clone, state, "recovered work", large_files.MAX_BYTES)
    state = replace(state, tip=work.tip, is_moving=True)
    if work.tip != work.in_files:
        clone.record.write(state)
        files.put(store, clone.path, work.tip)
    return state


def _gathered(clone: Clone, state: State, message: str, max_bytes: int) -> Work:
    """All work in it, once the user's repository has it. Work that it must not have stays in the files, in no commit."""
    work = gathering.gather(clone.store, clone.path, clone.branch, state, message, clone.wrap, max_bytes)
    refusal = delivery.refusal(clone.store, work.tip, kept=[state.base, state.delivered])
    if not refusal:
        return work
    files.begin_from(clone.store, clone.path, state.tip)
    _hand_out(clone, state)  # without the commits that were refused
    finding = f"not_committed: {refusal}. Nothing of this round was committed, and its files are there: correct that"
    return Work(state.tip, state.tip, False, (*work.findings, finding))


def _move(clone: Clone, own: str, state: State) -> bool:
    """Bring the files to the state's tip. False: something that no commit has is in the way, and nothing was changed."""
    clone.record.write(state)
    return files.move(clone.store, clone.path, own, state.tip)


def _put(clone: Clone, state: State) -> None:
    clone.record.write(state)
    clone.path.mkdir(parents=True, exist_ok=True)
    files.put(clone.store, clone.path, state.tip)


def _hand_out(clone: Clone, state: State) -> None:
    heads = {state.base_name: state.base, clone.branch: state.tip}
    placed = gitdirs.make(clone.store, clone.path, head=clone.branch, branches=heads)
    clone.record.write(replace(state, is_moving=False, placed=placed))


def _make_room(path: Path) -> None:
    """Clear the path for a new clone. A folder there may contain work, so it is moved to `.lost`. The record of setup is removed: setup has to run again."""
    for file in (Record.of(path).index, Record.of(path).set_up):
        file.unlink(missing_ok=True)
    if os.path.lexists(path):
        aside = path.parent / ".lost" / f"{path.name}-{time.time_ns()}"
        aside.parent.mkdir(exist_ok=True)
        path.rename(aside)
