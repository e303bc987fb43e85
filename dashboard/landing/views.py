"""The page of landings: the integration branch and what is known of it, the queue, the history, and the way to the base branch."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from dashboard.demo import story
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists.head import first_of
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration, forges
from orchestration.landing import branch, queue, reads
from orchestration.models import Integration, IntegrationCommit

MAX_HISTORY = 50
MAX_FILES = 300
MAX_QUEUED = 200
_STATES = {"unknown": "judging", "good": "good_tip", "red": "red_tip", "waiting": "tip_waits", "unusable": "unusable_tip"}


@in_workspace()
def page(page_request: PageRequest) -> HttpResponseBase:
    return _render(page_request)


def _render(page_request: PageRequest) -> HttpResponse:
    return render_page(page_request, "landing/landing.html", REGIONS)


def state_region(page_request: PageRequest) -> dict[str, Any]:
    """The tip and why nothing starts from it, if so. Two git processes."""
    workspace, row = page_request.workspace, _row(page_request)
    config = configuration.load(page_request.executor.config)
    verdict, summary = _judged(page_request, row)
    return {
        "integration": row,
        "badge_name": _badge(row, summary),
        "is_stopped": row.state in branch.STOPS_DISPATCH,
        "branch_name": config.integration_branch,
        "base_branch": workspace.base_branch,
        "checks_configured": bool(config.verify),
        "pass_policy": config.pass_policy,
        "verdict": verdict,
        "summary": summary,
        "checks": [reads.shown_check(check) for check in verdict.checks] if verdict is not None else [],
        "distance": _distance(page_request, row),
        "push_error": page_request.executor.push_error,
    }


def _badge(row: Integration, summary: reads.Summary | None) -> str:
    """A branch on which cases failed from the start is no obstacle, and not good either."""
    is_red = summary is not None and bool(summary.checks) and not summary.green
    return "usable_tip" if row.state == Integration.State.GOOD and is_red else _STATES[row.state]


def queue_region(page_request: PageRequest) -> dict[str, Any]:
    """The work that waits to land, for Muster or for people, and what is done now."""
    workspace_id = page_request.workspace.pk
    return {
        "queued": first_of(queue.in_order(workspace_id), MAX_QUEUED),
        "with_people": first_of(reads.with_people(workspace_id), MAX_QUEUED),
        "integration": _row(page_request),
    }


def history_region(page_request: PageRequest) -> dict[str, Any]:
    """The commits that Muster wrote on the branch, newest first."""
    rows = _history(page_request)
    return {"landed": [_landed(row) for row in rows[:MAX_HISTORY]], "more_landed": len(rows) > MAX_HISTORY}


def way_out_region(page_request: PageRequest) -> dict[str, Any]:
    """The difference from the base branch, and how to get it there."""
    workspace, row = page_request.workspace, _row(page_request)
    config = configuration.load(page_request.executor.config)
    files = reads.changed_files(workspace, row.tip)
    remote = config.push.remote if config.push is not None else "origin"
    return {
        "files": files[:MAX_FILES],
        "files_count": len(files),
        "entries_ahead": reads.entries_ahead(workspace, row.tip) if files else 0,
        "inserted": sum(plus for _, plus, _ in files),
        "deleted": sum(minus for _, _, minus in files),
        "remote": remote,
        "push_configured": config.push is not None,
        "compare_url": forges.compare_url(workspace.origin, workspace.base_branch, config.integration_branch),
        "branch_name": config.integration_branch,
        "base_branch": workspace.base_branch,
        "repo": workspace.repo,
        "distance": _distance(page_request, row),
        "integration": row,
        "is_stopped": row.state in branch.STOPS_DISPATCH,
        "verdict_words": _verdict(_summary(page_request, row)),
        "has_landed": bool(files or _history(page_request)),
    }


def _history(page_request: PageRequest) -> list[IntegrationCommit]:
    """One more than is shown. Cached for the regions of one page."""
    if "history" not in page_request.memo:
        page_request.memo["history"] = list(reads.history(page_request.workspace.pk)[: MAX_HISTORY + 1])
    rows: list[IntegrationCommit] = page_request.memo["history"]
    return rows


def _row(page_request: PageRequest) -> Integration:
    if "integration" not in page_request.memo:
        page_request.memo["integration"] = reads.integration(page_request.workspace.pk)
    row: Integration = page_request.memo["integration"]
    return row


def _judged(page_request: PageRequest, row: Integration) -> tuple[Any, reads.Summary | None]:
    """The verdict on the tip and its summary. Cached for the regions of one page."""
    if "judged" not in page_request.memo:
        verdict = reads.verdict_of(page_request.workspace, row.tip)
        page_request.memo["judged"] = verdict, reads.summary(verdict) if verdict is not None else None
    judged: tuple[Any, reads.Summary | None] = page_request.memo["judged"]
    return judged


def _summary(page_request: PageRequest, row: Integration) -> reads.Summary | None:
    return _judged(page_request, row)[1]


def _distance(page_request: PageRequest, row: Integration) -> reads.Distance:
    """One git process. Cached for the regions of one page."""
    if "distance" not in page_request.memo:
        page_request.memo["distance"] = reads.distance(page_request.workspace, row.tip)
    distance: reads.Distance = page_request.memo["distance"]
    return distance


def _landed(row: IntegrationCommit) -> dict[str, Any]:
    entries = [landing.entry for landing in row.landings.all() if landing.entry is not None]
    summary = reads.summary(row.verdict) if row.verdict is not None else None
    return {"row": row, "entries": entries, "summary": summary, "verdict": _verdict(summary)}


def _verdict(summary: reads.Summary | None) -> str:
    """The verdict that let it land, in words."""
    if summary is None or not summary.checks:
        return "no checks" if summary is None else "each entry's own checks pass"
    if summary.green:
        return f"all {summary.passing} pass" if summary.passing else "all pass"
    return f"no regression, {summary.passing} of {summary.passing + summary.failing} pass" if summary.failing else "no regression"


REGIONS = HEADER | {
    "story": Region("demo/story.html#story", story.region),
    "tip": Region("landing/landing.html#tip", state_region),
    "queue": Region("landing/landing.html#queue", queue_region),
    "history": Region("landing/landing.html#history", history_region),
    "way-out": Region("landing/landing.html#way-out", way_out_region),
}
