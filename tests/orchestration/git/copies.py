"""Working copies of entries, as sessions have them, without a database."""

from pathlib import Path

from orchestration.git import branches
from orchestration.git.clones.store.stores import Store
from orchestration.git.clones.working_copies import WorkingCopy
from orchestration.git.prepared import Prepared


def copy_of(repo: Path, root: Path, entry: str = "e1") -> WorkingCopy:
    return WorkingCopy(Store(root.parent / "stores" / "ws", repo), root, entry, f"muster/{entry}")


def prepare(repo: Path, root: Path, entry: str, integration: str, *, leave_conflicts: bool = False) -> Prepared:
    start = branches.tip_or_raise(repo, integration)
    return copy_of(repo, root, entry).prepare(integration, start=start, leave_conflicts=leave_conflicts)


def commit(repo: Path, path: Path, message: str) -> str:
    return copy_of(repo, path.parent, path.name).commit(message).sha
