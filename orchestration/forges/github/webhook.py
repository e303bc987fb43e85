"""Webhooks of GitHub: the body is signed."""

from typing import Any

from orchestration.forges.shared.webhooks import Subject, Webhook, branch, hmac_in, number, text


def subject(payload: dict[str, Any]) -> Subject:
    numbers, commits = {number(payload, "pull_request", "number")}, {text(payload, "sha")}
    issues: set[int] = set()
    if isinstance(payload.get("issue"), dict):
        (numbers if payload["issue"].get("pull_request") else issues).add(number(payload, "issue", "number"))
    for name in ("check_run", "check_suite", "workflow_run", "workflow_job"):
        commits.add(text(payload, name, "head_sha"))
    return Subject(numbers, commits, {branch(payload)}, issues)


WEBHOOK = Webhook("x-github-event", hmac_in("x-hub-signature-256", "sha256="), subject)
