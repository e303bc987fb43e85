"""May an agent change this file? Asked before it does, by the CLIs whose hook asks; the diff check after the round asks again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from orchestration.backlog import locks, paths
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock
from orchestration.reasons import Reason
from orchestration.worker.agents.shared.interface import Role

# The tools that change a file, and where each names it. A shell can do the same unseen: that is what the diff check is for.
TOOLS = {"Edit": "file_path", "Write": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}


def judge(entry: Entry, role: Role, *, cwd: Path, home: Path) -> Callable[[str, Mapping[str, Any]], str]:
    """A judge of one process's edits: the reason against it, empty for a free way. For threads that hold no database connection."""
    root = cwd.resolve()
    own = home.resolve()

    def may_edit(tool: str, arguments: Mapping[str, Any]) -> str:
        if tool not in TOOLS:
            return ""
        if role != "implement":
            return "Nothing that you change is kept: say what you found instead"
        named = arguments.get(TOOLS[tool])
        if not isinstance(named, str) or not named:
            return f"{TOOLS[tool]} is missing"
        try:
            target = (root / named).resolve()  # where a link leads is what is changed
        except (OSError, ValueError, RuntimeError) as problem:
            return f"{named!r} cannot be changed: {problem}"
        if target.is_relative_to(root):
            return _lock(entry, target.relative_to(root).as_posix())
        return "" if target.is_relative_to(own) else f"{named} lies outside of your working directory {root}"

    return may_edit


def _lock(entry: Entry, path: str) -> str:
    """Have the entry's lock on this path, or take it if it is free."""
    try:
        name = paths.normalise(path)
    except paths.BadPath as bad:
        return f"{Reason.FILES_LOCKED}: {path!r} may not be changed: {bad}"
    try:
        if any(paths.covers(lock, name) for lock in FileLock.objects.filter(entry=entry).values_list("path", flat=True)):
            return ""
        for held, holder in locks.extend(entry, [name]):
            return f"{Reason.FILES_LOCKED}: {held} belongs to {_called(holder)}. Leave it as it is, and do what can be done without it"
        wake_ups.publish_change(entry.workspace_id, "locks")
        return ""
    except (DatabaseError, InterfaceError):
        return "Muster's database is away at the moment: try again"
    finally:
        connection.close()


def _called(entry_id: str) -> str:
    entry = Entry.objects.filter(pk=entry_id).first()
    return f"{entry} ({entry_id})" if entry else entry_id
