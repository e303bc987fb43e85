"""Builds the merge commits of a chosen batch, as objects only: no branch moves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.git import changes, conflicts, history
from orchestration.git import command as git
from orchestration.models import Entry, Landing


@dataclass(frozen=True)
class Step:
    """The merge of one landing on top of those before it in the chain. `is_final`: the commit is as it lands."""

    landing: Landing
    commit: str
    tree: str
    message: str
    parents: tuple[str, ...] = ()
    is_final: bool = False


@dataclass
class Chain:
    """Merges on top of `tip`, one for each landing, compared with `good`: the tip, or the last good one while the branch is red. `contained`: what the tip contains already. `refused`: the landing that conflicts with the
    tip itself, and git's messages; the first that conflicts with others of the chain is `left_out`, with those behind it, and waits."""

    tip: str
    good: str
    steps: list[Step] = field(default_factory=list)
    contained: list[Landing] = field(default_factory=list)
    refused: tuple[Landing, conflicts.MergedTree] | None = None
    left_out: tuple[Landing, conflicts.MergedTree] | None = None


def build(
    repo: Path, tip: str, landings: Sequence[Landing], *, base_name: str, good: str = "", moves_forward: bool = False
) -> Chain:
    """Merge the landings one by one, until one does not merge. `moves_forward`: a base branch that contains the tip is not merged, but becomes
    it: the branch holds nothing else then."""
    chain = Chain(tip, good or tip)
    current = tip
    for landing in landings:
        is_ahead = False
        if landing.kind == Landing.Kind.REVERT:
            merge = conflicts.revert_trees(repo, current, landing.commit)
        elif history.contains(repo, tip, landing.commit):
            chain.contained.append(landing)
            continue
        elif is_ahead := history.contains(repo, landing.commit, current):
            merge = conflicts.MergedTree(changes.tree_of(repo, landing.commit))
        else:
            merge = conflicts.merge_trees(repo, current, landing.commit)
        if merge.files:
            if not chain.steps:
                chain.refused = (landing, merge)
            else:
                chain.left_out = (landing, merge)
            break
        if moves_forward and is_ahead and landing.kind == Landing.Kind.BASE:
            ends = (current, landing.commit)
            chain.steps.append(Step(landing, landing.commit, merge.sha, message_of(landing, base_name), ends, is_final=True))
            break
        parents = [current] if landing.kind == Landing.Kind.REVERT else [current, landing.commit]
        message = message_of(landing, base_name, subject_of_reverted(repo, landing))
        is_final = len(landings) == 1
        commit = write(repo, merge.sha, parents, with_verdict(message, merge.sha) if is_final else message)
        chain.steps.append(Step(landing, commit, merge.sha, message, tuple(parents), is_final))
        current = commit
    return chain


def commit_of(repo: Path, chain: Chain, count: int) -> str:
    """The one first-parent commit that lands the first `count` steps: a single merge as it is, several as one commit whose second parent is
    the chain of their merges."""
    last = chain.steps[count - 1]
    if last.is_final:
        return last.commit
    if count == 1:
        return write(repo, last.tree, last.parents, with_verdict(last.message, last.tree))
    entries = [step.landing.entry for step in chain.steps[:count] if step.landing.entry is not None]
    subject = "Land " + ", ".join(f"#{entry.seq}" for entry in entries)
    body = "\n".join(f"#{entry.seq} {entry.title}" for entry in entries)
    message = f"{subject}\n\n{body}\n\n" + "\n".join(f"Muster-Entry: {entry.pk}" for entry in entries)
    return write(repo, last.tree, [chain.tip, last.commit], with_verdict(message, last.tree))


def with_verdict(message: str, tree: str) -> str:
    """The message of a commit that lands: only a tree with a passing verdict does."""
    return f"{message.rstrip()}\nMuster-Verdict: {tree}\n"


def write(repo: Path, tree: str, parents: Sequence[str], message: str) -> str:
    """Write a commit object. Raises GitError."""
    options = [word for parent in parents for word in ("-p", parent)]
    commit = git.run(repo, "commit-tree", tree, *options, "-F", "-", text=message)
    changes.remember_tree(commit, tree)
    return commit


def message_of(landing: Landing, base_name: str, reverted: str = "") -> str:
    """Subject, summary and trailers of a landing's merge."""
    if landing.kind == Landing.Kind.BASE:
        return f"Merge {base_name}\n\nMuster-Base: {landing.commit}\n"
    if landing.kind == Landing.Kind.REVERT:
        return f'Revert "{reverted}"\n\nMuster-Reverts: {landing.commit}\n'
    entry = landing.entry
    assert entry is not None
    summary = (landing.round.summary.strip() if landing.round is not None else "")[:2000]
    trailers = [f"Muster-Entry: {entry.pk}"]
    if landing.round is not None:
        if landing.round.score is not None:
            trailers.append(f"Muster-Score: {landing.round.score:g}")
        trailers.append(f"Muster-Agent: {landing.round.session.agent or 'unknown'}")
    trailers.append(f"Muster-Cost-USD: {entry.account.spent / 1_000_000:.6f}")
    return "\n\n".join(part for part in (subject_of(entry), summary, "\n".join(trailers)) if part) + "\n"


def subject_of(entry: Entry) -> str:
    return f"#{entry.seq} {entry.title}"[:200]


def subject_of_reverted(repo: Path, landing: Landing) -> str:
    if landing.kind != Landing.Kind.REVERT:
        return ""
    return git.run(repo, "log", "-1", "--format=%s", landing.commit)[:200]
