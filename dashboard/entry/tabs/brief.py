"""The brief of an entry, and the forms for how it runs."""

import json
from typing import Any

from dashboard.shared.page_request import PageRequest
from orchestration.models import Entry


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    return {"entry": entry, "spec": _spec(entry), "priorities": [(p.name.lower(), p.label) for p in Entry.Priority]}


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
