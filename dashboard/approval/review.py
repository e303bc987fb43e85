"""A tab of the page of an entry: a person reviews verified work before it lands. It does not refresh itself: somebody reads and writes on it."""

from typing import Any

from django import forms
from django.utils.timezone import now

from dashboard.diffs import regions
from dashboard.shared.lists import filters
from dashboard.shared.page_request import PageRequest
from orchestration import configuration
from orchestration.approval import people, reads
from orchestration.configuration import Approve
from orchestration.facts.reasons import WITHOUT_PROOF, Reason
from orchestration.landing import reads as landing_reads
from orchestration.models import Entry, Landing
from orchestration.repositories import local_repository
from workspaces.access import Need
from workspaces.errors import Forbidden

SIDES = [("new", "after the change"), ("old", "before it")]


class ReviewFilter(forms.Form):
    tab = forms.ChoiceField(choices=[("review", "Review")], required=False)
    file = forms.CharField(max_length=4096, required=False, strip=False)
    line = forms.RegexField(r"^[0-9]{1,7}$", required=False)
    side = forms.ChoiceField(choices=SIDES, required=False)
    show = forms.ChoiceField(choices=[("merge", "the merge")], required=False)


def waits(entry: Entry) -> bool:
    """True if a person decides what becomes of its work: its page opens with the review then."""
    return entry.status == Entry.Status.PENDING and entry.reason_code in (Reason.WAITING_FOR_APPROVAL, *WITHOUT_PROOF)


def region(page_request: PageRequest, entry: Entry) -> dict[str, Any]:
    rules = configuration.load(page_request.executor.config).approve
    review = reads.review(entry, lock_hours=rules.lock_hours)
    chosen, _ = filters.read(ReviewFilter, page_request)
    landing = review.landing
    context: dict[str, Any] = {
        "entry": entry,
        "account": entry.account,
        "review": review,
        "landing": landing,
        "base": "",
        "without_proof": landing is not None and landing.state == Landing.State.UNPROVEN,
        "may_decide": _may_decide(page_request, rules),
        "approvers": rules.approvers,
        "checks": list(map(landing_reads.on_page, review.rounds[0].checks)) if review.rounds else [],
        "merge": _verdict(landing),
        "locks_are_old": review.locks_free_at is not None and review.locks_free_at <= now(),
        "chosen": chosen,
        "sides": SIDES,
    }
    return context if landing is None else context | _diff(page_request, landing, _base(page_request, landing), chosen)


def _diff(page_request: PageRequest, landing: Landing, base: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """The work itself, or its merge into the newest tip, which is what lands."""
    span = (landing.tried_tip, landing.tried_commit) if chosen["show"] else (base, landing.commit)
    return regions.diff_context(page_request, *span, only=chosen["file"])


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
