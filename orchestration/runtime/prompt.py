"""The prompt of a round: a readable Markdown file with the task, the spec, and what earlier rounds found."""

from collections.abc import Sequence
from typing import Any

from orchestration.configuration import Check
from orchestration.models import Entry

HEADINGS = {
    "requirements": "Requirements",
    "acceptance_criteria": "Acceptance criteria",
    "files_to_create": "Files to create",
    "files_to_modify": "Files to modify",
    "patterns": "Patterns to follow",
    "api_contract": "API contract",
    "examples": "Examples",
    "integration_points": "Integration points",
}


def write(entry: Entry, *, number: int, found: Sequence[tuple[int, Sequence[str]]], checks: Sequence[Check]) -> str:
    """The text for round `number`. `found`: (round, findings) of earlier rounds, newest first."""
    parts = [f"# Task {entry.seq}, round {number}\n\n{entry.content.strip()}"]
    for key, heading in HEADINGS.items():
        if entry.spec.get(key):
            parts.append(f"## {heading}\n\n{_text(entry.spec[key])}")
    for earlier, findings in found:
        parts.append(f"## What round {earlier} left open\n\n{_text(list(findings))}")
    if entry.paths:
        parts.append(f"## Files that are yours\n\nEdit only these: others are at work beside you.\n\n{_text(entry.paths)}")
    if checks:
        listed = [f"{check.name}: `{check.run if isinstance(check.run, str) else ' '.join(check.run)}`" for check in checks]
        parts.append(f"## How it will be verified\n\n{_text(listed)}")
    return "\n\n".join(parts) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(f"- {item}" for item in value)
    if isinstance(value, dict):
        return "\n".join(f"- {key}: {item}" for key, item in value.items())
    return str(value)
