"""The brief of an entry, and the forms for how it runs."""

import json
from typing import Any

from dashboard.shared.page_request import PageRequest
from orchestration import configuration
from orchestration.configuration import entry_routes
from orchestration.configuration.config import routes
from orchestration.models import Entry, Firing, IssueEntry
from orchestration.triggers.issues import edits, writing


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    route = entry_routes.position_of(entry, configuration.load(page_request.executor.config))
    priorities = [(p.name.lower(), p.label) for p in Entry.Priority]
    shown = {"route": route, "route_text": routes.written(route.steps)}
    firing = Firing.objects.filter(entry=entry).select_related("trigger").first()
    issue = IssueEntry.objects.filter(entry=entry).first() if firing else None
    if issue:
        shown |= {"issue": issue, "issue_problem": writing.problem_of(issue)}
    if issue and issue.edited_text:
        shown |= {"issue_changes": edits.changes(issue), "issue_version": edits.version(issue)}
    return {"entry": entry, "spec": _spec(entry), "priorities": priorities, "firing": firing} | shown


def _spec(entry: Entry) -> list[tuple[str, str, Any]]:
    """(name, kind, value): lists as lists, text as text, the rest as JSON."""
    shown: list[tuple[str, str, Any]] = []
    for name, value in entry.spec.items():
        label = name.replace("_", " ").capitalize()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            shown.append((label, "files" if name.startswith("files_") else "list", value))
        elif name == "test_files":
            shown += [(f"Test file {path}", "json", text) for path, text in value.items()]
        elif isinstance(value, str):
            shown.append((label, "text", value))
        elif value:
            shown.append((label, "json", json.dumps(value, indent=2, ensure_ascii=False)))
    return shown
