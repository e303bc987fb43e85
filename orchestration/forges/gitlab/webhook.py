"""Webhooks of GitLab: they carry the secret itself."""

from typing import Any

from orchestration.forges.shared.webhooks import Subject, Webhook, branch, number, secret_in, text


def _subject(payload: dict[str, Any]) -> Subject:
    kind = payload.get("object_kind")
    numbers = {number(payload, "merge_request", "iid")}
    if kind == "merge_request":
        numbers.add(number(payload, "object_attributes", "iid"))
    commits = {text(payload, "commit", "id"), text(payload, "sha")}
    if kind == "pipeline":
        commits.add(text(payload, "object_attributes", "sha"))
    issues = {number(payload, "issue", "iid"), number(payload, "object_attributes", "iid") if kind == "issue" else 0}
    return Subject(numbers, commits, {branch(payload)} if kind == "push" else set(), issues)


WEBHOOK = Webhook("x-gitlab-event", secret_in("x-gitlab-token"), _subject)
