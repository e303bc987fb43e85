"""The files and entries that a run may refer to: those of the commit that it reads, and of the backlog. Values only, so that checks are
pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestration.backlog.files import paths
from orchestration.git import command as git
from orchestration.models import Entry


@dataclass(frozen=True)
class Known:
    """An entry of the backlog. `paths`: what it locks."""

    id: str
    seq: int
    title: str
    is_open: bool
    paths: tuple[str, ...] = ()
    created: tuple[str, ...] = ()

    @property
    def likeness(self) -> tuple[str, tuple[str, ...]]:
        return likeness(self.title, self.paths)


@dataclass(frozen=True)
class PlanningContext:
    """`files`: of the commit, and the folders above them with a slash at the end. None: not known, so that none is missing."""

    files: frozenset[str] | None = None
    entries: Sequence[Known] = field(default_factory=list)

    def entry(self, name: str) -> Known | None:
        """The entry with this id, or with this number after a `#`."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> dict[str, Known]:
        return {name: entry for entry in self.entries for name in (entry.id, f"#{entry.seq}")}


def likeness(title: str, files: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Two entries with the same one are duplicates: the title by its words alone, and what they lock."""
    return " ".join(re.findall(r"\w+", title.casefold())), tuple(sorted(path.rstrip("/") for path in files))


def read(workspace_id: str, repo: Path, commit: str) -> PlanningContext:
    """Raises GitError."""
    listed = git.run(repo, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")
    return PlanningContext(with_folders(name for name in listed if name), entries(workspace_id))


def with_folders(names: Iterable[str]) -> frozenset[str]:
    files = set(names)
    return frozenset(files | {f"{folder}/" for name in files for folder in paths.ancestors(name)})


def entries(workspace_id: str) -> list[Known]:
    alive = Entry.objects.filter(workspace_id=workspace_id, deleted_at__isnull=True).order_by("seq")
    return [
        Known(
            entry.pk,
            entry.seq,
            entry.title,
            entry.status != Entry.Status.DONE,
            tuple(entry.paths),
            (*(entry.spec.get("files_to_create") or ()), *(entry.spec.get("test_files") or ())),
        )
        for entry in alive.only("seq", "content", "status", "paths", "spec").iterator()
    ]
