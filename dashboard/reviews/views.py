"""The pages of budget reviews: list, detail with forms, print and CSV. Plain forms: they work without script."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.timezone import get_current_timezone, now
from django.views.decorators.http import require_POST

from budget.models import Decision, Review
from budget.reviews import comments, deciding, drafting, reading, snapshot, variance
from budget.reviews.reading import ReviewDetail
from dashboard.reviews import csv_tables
from dashboard.reviews import labels as review_labels
from dashboard.reviews.forms import CommentForm, DecisionForm, NewReviewForm, ProposalForm, ReviewForm, TargetForm
from dashboard.shared.decorators import in_workspace
from dashboard.shared.forms import validated
from dashboard.shared.header import HEADER
from dashboard.shared.page_request import PageRequest, render_page
from dashboard.shared.responses import SEE_OTHER, done
from workspaces import times
from workspaces.access import Need

MAX_ROWS = 30
PER_PAGE = 50


@in_workspace()
def review_list(page_request: PageRequest) -> HttpResponseBase:
    """The list, and a form for a new one."""
    after = page_request.request.GET.get("before", "")
    rows, following = reading.page(page_request.workspace.pk, limit=PER_PAGE, cursor=after if _is_number(after) else None)
    if page_request.request.GET.get("csv") == "reviews":
        return csv_tables.reviews(page_request.workspace.pk)
    shown = [{"review": row, "over": reading.overall(row)} for row in rows]
    today = now().date()
    period = {"first_day": today.replace(day=1), "today": today, "due": today + timedelta(days=7)}
    return render_page(page_request, "reviews/list.html", HEADER, reviews=shown, following=following, **period)


@require_POST
@in_workspace(Need.BUDGET)
def create(page_request: PageRequest) -> HttpResponse:
    form_data = validated(NewReviewForm(page_request.request.POST))
    created = drafting.create(page_request.workspace.pk, drafting.Draft(**form_data), by=page_request.caller)
    return HttpResponseRedirect(reverse("review", args=[page_request.workspace.pk, created.pk]), status=SEE_OTHER)


@in_workspace()
def detail(page_request: PageRequest, review_id: str) -> HttpResponseBase:
    """A review; with `?print=1` for print, with `?csv=` one of its tables."""
    whole = reading.load(reading.review_for(page_request.workspace.pk, review_id))
    if export := csv_tables.TABLES.get(page_request.request.GET.get("csv", "")):
        return export(whole)
    return render_page(page_request, "reviews/review.html", HEADER, **_context(page_request, whole))


@in_workspace()
def print_footer(page_request: PageRequest, review_id: str) -> HttpResponse:
    """A print style sheet for the page footer, whose text depends on the request."""
    review = reading.review_for(page_request.workspace.pk, review_id)
    only = review_labels.ONLY.get(page_request.request.GET.get("only", ""), review_labels.ONLY[""])
    generated = times.stamp(now(), get_current_timezone())
    left = f"Review #{review.number} · figures as of ledger row {review.as_of_ledger} · {only} · generated {generated} by {page_request.caller.name}"
    box = "font: 8pt sans-serif; color: #333"
    page = 'content: "Page " counter(page) " of " counter(pages)'
    css = f'@page {{ @bottom-left {{ content: "{_css(left)}"; {box}; width: 80%; }} @bottom-right {{ {page}; {box}; }} }}\n'
    return HttpResponse(css, content_type="text/css; charset=utf-8")


@require_POST
@in_workspace(Need.BUDGET)
def change_review(page_request: PageRequest, review_id: str, verb: str) -> HttpResponse:
    return done(page_request, ACTS[verb](page_request, reading.review_for(page_request.workspace.pk, review_id)))


def _edit(page_request: PageRequest, review: Review) -> str:
    form_data = validated(ReviewForm(page_request.request.POST))
    changes = drafting.Changes(form_data["title"], form_data["due"], form_data["due"] is None, form_data["required_approvals"])
    return f"{drafting.change(review, changes, by=page_request.caller)} is saved"


def _propose(page_request: PageRequest, review: Review) -> str:
    form_data = validated(ProposalForm(page_request.request.POST))
    field, entry_id = form_data["target"]
    drafting.propose(
        review,
        drafting.Wish(field, form_data["amount"], form_data["reason"], entry_id, form_data["lock"]),
        by=page_request.caller,
    )
    return "The proposal is added"


def _withdraw(page_request: PageRequest, review: Review) -> str:
    field, entry_id = validated(TargetForm(page_request.request.POST))["target"]
    drafting.withdraw(review, field, entry_id, by=page_request.caller)
    return "The proposal is removed"


def _ask(page_request: PageRequest, review: Review) -> str:
    row = drafting.request(review, by=page_request.caller)
    return f"Version {row.version} of {row} needs {row.required_approvals} {'approval' if row.required_approvals == 1 else 'approvals'}"


def _comment(page_request: PageRequest, review: Review) -> str:
    form_data = validated(CommentForm(page_request.request.POST))
    comments.add(review, form_data["text"], by=page_request.caller, entry_id=form_data["about"] or None)
    return "Your comment is added"


def _decide(page_request: PageRequest, review: Review) -> str:
    form_data = validated(DecisionForm(page_request.request.POST))
    row = deciding.decide(
        review, Decision.Verdict(form_data["decision"]), form_data["note"], version=form_data["version"], by=page_request.caller
    )
    return review_labels.outcome(reading.load(row))


ACTS: dict[str, Callable[[PageRequest, Review], str]] = {
    "edit": _edit,
    "propose": _propose,
    "withdraw": _withdraw,
    "ask": _ask,
    "comment": _comment,
    "decide": _decide,
}


def _context(page_request: PageRequest, whole: ReviewDetail) -> dict[str, Any]:
    review, params = whole.review, page_request.request.GET
    printing = params.get("print") == "1"
    only = params.get("only", "") if params.get("only", "") in review_labels.ONLY else ""
    proposed = {proposal.account_id: proposal for proposal in whole.proposals if proposal.account_id}
    comment_counts = Counter(comment.line_id for comment in whole.comments)
    kept = [line for line in whole.lines if _fits(line, only, proposed)]
    rows = kept if printing or params.get("all") else kept[:MAX_ROWS]
    mine = drafting.is_author(review, page_request.caller)
    why_not = deciding.why_not(review, page_request.caller) if page_request.may(Need.BUDGET) else ""
    return {
        "details": whole,
        "review": review,
        "printing": printing,
        "only": only,
        "only_words": review_labels.ONLY,
        "outcome": review_labels.outcome(whole),
        "moved": review_labels.moved(snapshot.changes_since(review)),
        "rows": [
            {
                "line": line,
                "actual": variance.spent_variance(line),
                "forecast": variance.forecast_variance(line),
                "proposal": proposed.get(line.account_id),
                "comments": comment_counts[line.pk],
            }
            for line in rows
        ],
        "hidden": len(kept) - len(rows),
        "overall": reading.overall(review),
        "proposals": [{"proposal": proposal, "name": deciding.name_of(proposal)} for proposal in whole.proposals],
        "project": page_request.project,
        "about": params.get("about", ""),
        "may_edit": not printing and mine and page_request.may(Need.BUDGET) and review.state in Review.EDITABLE,
        "may_comment": not printing and page_request.may(Need.BUDGET),
        "why_not": why_not,
        "may_decide": not printing and page_request.may(Need.BUDGET) and not why_not,
        "signatures": range(review.required_approvals),
        "base": page_request.request.build_absolute_uri("/").rstrip("/"),
    }


def _fits(line: Any, only: str, proposed: dict[str, Any]) -> bool:
    if only == "over":
        return (variance.forecast_variance(line) or variance.spent_variance(line)).amount > 0
    return line.account_id in proposed if only == "proposed" else True


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _css(text: str) -> str:
    """A CSS string: every special character is escaped by its code point."""
    return "".join(c if c.isalnum() or c in " .,:#·-_" else f"\\{ord(c):x} " for c in text)
