"""The page on which a person reviews verified work before it lands. It does not refresh itself: somebody reads and writes on it."""

from functools import partial
from typing import Any

from django import forms
from django.http import HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_safe

from dashboard.entry import diff
from dashboard.shared.decorators import in_workspace
from dashboard.shared.header import HEADER
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest, Region, render_page
from orchestration import configuration
from orchestration.approval import people, reads
from orchestration.configuration import Approve
from orchestration.edge import queries
from orchestration.landing import reads as landing_reads
from orchestration.models import Landing
from orchestration.repositories import local_repository
from workspaces.access import Need
from workspaces.errors import Forbidden

SIDES = [("new", "after the change"), ("old", "before it")]


class ReviewFilter(forms.Form):
    file = forms.CharField(max_length=4096, required=False, strip=False)
    line = forms.RegexField(r"^[0-9]{1,7}$", required=False)
    side = forms.ChoiceField(choices=SIDES, required=False)
    show = forms.ChoiceField(choices=[("merge", "the merge")], required=False)


@require_safe
@in_workspace()
def page(page_request: PageRequest, entry_id: str) -> HttpResponse:
    entry = queries.entry_for(page_request.workspace.pk, entry_id)
    rules = configuration.load(page_request.executor.config).approve
    review = reads.review(entry, lock_hours=rules.lock_hours)
    chosen, ignored = filters.read(ReviewFilter, page_request)
    base = _base(page_request, review.landing) if review.landing is not None else ""
    context: dict[str, Any] = {
        "entry": entry,
        "account": entry.account,
        "review": review,
        "landing": review.landing,
        "base": base,
        "without_proof": review.landing is not None and review.landing.state == Landing.State.UNPROVEN,
        "may_decide": _may_decide(page_request, rules),
        "approvers": rules.approvers,
        "checks": list(map(landing_reads.on_page, review.rounds[0].checks)) if review.rounds else [],
        "merge": _verdict(review.landing),
        "locks_are_old": review.locks_free_at is not None and review.locks_free_at <= now(),
        "chosen": chosen,
        "sides": SIDES,
        "ignored": ignored,
    }
    regions = dict(HEADER)
    if review.landing is not None:
        regions["diff"] = Region("entry/diff_files.html", partial(_diff, landing=review.landing, base=base, chosen=chosen))
    return render_page(page_request, "approval/approval.html", regions, **context)


def _diff(page_request: PageRequest, landing: Landing, base: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """The work itself, or its merge into the newest tip, which is what lands."""
    span = (landing.tried_tip, landing.tried_commit) if chosen["show"] else (base, landing.commit)
    return diff.diff_context(page_request, *span, only=chosen["file"])


def _base(page_request: PageRequest, landing: Landing) -> str:
    return reads.base_of(local_repository.to_show(page_request.workspace, landing.commit), landing)


def _verdict(landing: Landing | None) -> landing_reads.Summary | None:
    """The checks' verdict on the merge."""
    verdict = landing.tried_verdict if landing is not None else None
    return landing_reads.summary(verdict) if verdict is not None else None


def _may_decide(page_request: PageRequest, rules: Approve) -> bool:
    if not page_request.may(Need.OPERATE):
        return False
    try:
        people.check(page_request.caller, rules)
    except Forbidden:
        return False
    return True
