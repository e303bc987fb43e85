"""Permission of edits, for CLIs with a hook before each. The diff check after the round repeats it for all agents."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.db import DatabaseError, InterfaceError, connection

from orchestration.backlog.files import locks, paths
from orchestration.facts.reasons import Reason
from orchestration.messaging import wake_ups
from orchestration.models import Entry, FileLock
from orchestration.worker.agents.shared.interface import Role

# The tools that change a file, and the argument with its path. A shell can change files unseen: the diff check finds those.
TOOLS = {"Edit": "file_path", "Write": "file_path", "MultiEdit": "file_path", "NotebookEdit": "notebook_path"}


def permission_check(
    entry: Entry, role: Role, *, cwd: Path, home: Path, cwd_in_sandbox: Path | None = None
) -> Callable[[str, Mapping[str, Any]], str]:
    """A thread-safe check of one process's edits: it returns the reason of a refusal, or ""."""
    root = cwd.resolve()
    own_home = home.resolve()

    def may_edit(tool: str, arguments: Mapping[str, Any]) -> str:
        if tool not in TOOLS:
            return ""
        if role != "implement":
            return "Nothing that you change is kept: report your findings instead"
        path = arguments.get(TOOLS[tool])
        if not isinstance(path, str) or not path:
            return f"{TOOLS[tool]} is missing"
        try:
            target = _on_host(path, cwd_in_sandbox, root).resolve()  # an edit changes the target of a link
        except (OSError, ValueError, RuntimeError) as problem:
            return f"{path!r} cannot be changed: {problem}"
        if target.is_relative_to(root):
            return _refusal(entry, target.relative_to(root).as_posix())
        return "" if target.is_relative_to(own_home) else f"{path} lies outside of your working directory {root}"

    return may_edit


def _on_host(path: str, seen: Path | None, root: Path) -> Path:
    place = Path(os.path.normpath(path))
    return root / (place.relative_to(seen) if seen is not None and place.is_relative_to(seen) else path)


def _refusal(entry: Entry, path: str) -> str:
    """Lock the path for the entry. Returns the reason if it cannot be locked, or ""."""
    try:
        name = paths.normalise(path)
    except paths.BadPath as bad:
        return f"{Reason.FILES_LOCKED}: {path!r} may not be changed: {bad}"
    try:
        if any(paths.covers(lock, name) for lock in FileLock.objects.filter(entry=entry).values_list("path", flat=True)):
            return ""
        for locked_path, holder in locks.extend(entry, [name]):
            return f"{Reason.FILES_LOCKED}: {locked_path} belongs to {_display_name(holder)}. Leave it as it is, and do what can be done without it"
        wake_ups.publish_change(entry.workspace_id, "locks")
        return ""
    except (DatabaseError, InterfaceError):
        return "Muster's database is unavailable at the moment: try again"
    finally:
        connection.close()


def _display_name(entry_id: str) -> str:
    entry = Entry.objects.filter(pk=entry_id).first()
    return f"{entry} ({entry_id})" if entry else entry_id
