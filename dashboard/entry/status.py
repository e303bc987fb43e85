"""The first lines of an entry's page: its state, its results so far, and what to do about it."""

from collections import Counter
from typing import Any

from dashboard.entries.rows import rows
from dashboard.entry import done_text
from dashboard.entry.tabs import children
from dashboard.shared.page_request import PageRequest
from dashboard.shared.texts import remedies
from orchestration import configuration
from orchestration.facts import reasons
from orchestration.facts.reasons import OUT_OF_LINE, Reason
from orchestration.models import Entry, PullRequest
from workspaces.access import Need

TOO_LARGE = (Reason.NO_IMPROVEMENT, Reason.ROUNDS_EXHAUSTED)


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    """The entry's state in one sentence, since when, and its results so far; the same as its row of the backlog."""
    row = rows(page_request, [entry])[0]
    row["why"] = row["why"] or done_text.pieces(entry)
    at_work = row["session"] is not None
    pull_request = _pull_request(page_request, entry)
    return {
        "entry": entry,
        "account": entry.account,
        "row": row,
        "since": row.get("since") or (row["session"].claimed_at if at_work else entry.reason_at or entry.updated_at),
        "fix": _fix(page_request, entry, row.get("code", ""), pull_request),
        "pull_request": pull_request,
        "ci": _ci(pull_request),
        "changed": entry.changed,  # type: ignore[attr-defined]
        "may_dispatch": entry.status not in (Entry.Status.DONE, Entry.Status.IN_PROGRESS)
        and not entry.is_container
        and entry.reason_code not in OUT_OF_LINE,
        "offers_split": entry.status in (Entry.Status.BLOCKED, Entry.Status.FAILED)
        and entry.reason_code in TOO_LARGE
        and children.may_split(entry),
        "can_reverify": entry.status != Entry.Status.IN_PROGRESS and entry.has_rounds and not entry.is_container,
    }


def _pull_request(page_request: PageRequest, entry: Entry) -> PullRequest | None:
    """The entry's newest one; not looked for where work lands without."""
    config = configuration.load(page_request.executor.config)
    return PullRequest.objects.filter(entry=entry).order_by("-pk").first() if config.forge is not None else None


def _ci(pull_request: PullRequest | None) -> str:
    """CI's outcomes for the head of a pull request, in numbers: `2 passed, 1 failed`."""
    outcomes = Counter(check["outcome"] for check in pull_request.checks) if pull_request else Counter[str]()
    return ", ".join(f"{outcomes[name]} {name}" for name in ("passed", "failed", "pending", "neutral") if outcomes[name])


def _fix(page_request: PageRequest, entry: Entry, code: str, pull_request: PullRequest | None) -> tuple[str, str] | None:
    """The action that unblocks an entry where a release would not, or the answer that it waits for. None for users who may not take it."""
    if code == Reason.WAITING_FOR_ANSWER and page_request.may(Need.OPERATE):
        return remedies.link(entry, reasons.WORDS[Reason.WAITING_FOR_ANSWER].remedy)
    if entry.reason_code == Reason.WAITING_FOR_MERGE:
        button = reasons.WORDS[Reason.WAITING_FOR_MERGE].remedy.button
        return (button, pull_request.url) if pull_request and pull_request.url else None
    if entry.reason_code == Reason.WAITING_FOR_APPROVAL:
        return remedies.link(entry, reasons.WORDS[Reason.WAITING_FOR_APPROVAL].remedy)
    if entry.reason_code == Reason.UNPROVEN:
        return remedies.link(entry, reasons.WORDS[Reason.UNPROVEN].remedy)
    words = reasons.words(entry.reason_code) if entry.status == Entry.Status.BLOCKED else None
    if words is None or words.returns_without is None or not page_request.may(Need[words.returns_without.upper()]):
        return None
    return remedies.link(entry, words.remedy)
